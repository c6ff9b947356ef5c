//! Shapes, precisions, kernels and the proof that one did its work. Knows no wgpu.
//!
//! C (m×n) = A (m×k) · B (k×n), row-major, everywhere.

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
pub use compose::{Kernel, hex_sha256, validate};
pub(crate) use cooperative::types as cooperative_types;
pub use cooperative::{Cooperative, Fragments};
pub use custom::Custom;
pub use family::Family;
pub use matrix::{Matrix, Operands, padded};
pub use needs::{Class, Feed, Needs};
pub use proof::{GLIMPSE, Glimpse, Proof, prove, prove_glimpses};
pub use tiling::Tiling;
