//! Text for people: one renderer a file. Decides no number.

pub mod ab;
pub mod catalog;
pub mod compare;
pub mod comparison;
#[cfg(feature = "gpu")]
pub mod devices;
pub mod doctor;
pub mod equivalents;
pub mod explain;
pub mod html;
pub mod kept;
pub mod matmul;
pub mod measurement;
pub mod number;
pub mod overview;
pub mod page;
pub mod performance;
pub mod portability;
pub mod projection;
pub mod roofline;
pub mod scaling;
pub mod search;
pub mod smoke;
mod table;
pub mod tune;
pub mod validation;
pub mod what_if;

pub use table::Table;
