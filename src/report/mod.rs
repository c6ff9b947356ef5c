//! Text for people: one renderer a file. Decides no number.

#[cfg(feature = "gpu")]
pub mod devices;
pub mod matmul;
pub mod measurement;
pub mod projection;
pub mod search;
mod table;
pub mod validation;

pub use table::Table;
