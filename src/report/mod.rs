//! Text for people: one renderer a file. Decides no number.

pub mod compare;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod measurement;
mod table;

pub use table::Table;
