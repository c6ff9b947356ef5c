//! Shapes, precisions, kernels and the proof that one did its work. Knows no wgpu.
//!
//! C (m×n) = A (m×k) · B (k×n), row-major, everywhere.

mod case;
mod proof;

pub use case::{Case, DataClass, Precision, Settings, Shape};
pub use proof::Proof;
