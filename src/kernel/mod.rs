//! Shapes, precisions, kernels and the proof that one did its work. Knows no wgpu.
//!
//! C (m×n) = A (m×k) · B (k×n), row-major, everywhere.
//!
//! ```
//! use flopcast::kernel::{Family, Kernel, Precision, validate};
//!
//! # fn main() -> flopcast::Result<()> {
//! // A workgroup computes 64×64 of C in steps of 16 along k, an invocation 4×4 of it.
//! let kernel = Kernel::compose(Family::RegisterTiled, "64x64x16/4x4".parse()?, Precision::F32)?;
//! validate(&kernel.wgsl)?; // by naga, as wgpu itself will
//! assert_eq!(kernel.workgroup(), 256);
//! assert!(kernel.needs().features.is_empty(), "core WGSL");
//! # Ok(())
//! # }
//! ```

mod case;
mod compose;
mod cooperative;
mod custom;
mod element;
mod family;
mod matrix;
mod needs;
mod proof;
mod tiling;
mod unroll;

pub use case::{Case, DataClass, Precision, Settings, Shape};
pub(crate) use compose::unrolled;
pub use compose::{FOLD, Kernel, TEXTURE_GAP, hex_sha256, validate};
pub(crate) use cooperative::types as cooperative_types;
pub use cooperative::{Cooperative, Fragments};
pub use custom::Custom;
pub use family::Family;
pub use matrix::{Matrix, Operands, padded};
pub use needs::{Class, Feed, Needs};
pub use proof::{GLIMPSE, Glimpse, Proof, prove, prove_glimpses};
pub use tiling::Tiling;
