//! Measurements in, ceilings and efficiency curves out. Pure.

mod curve;
mod file;
mod records;

pub use curve::{Curve, Point};
pub use file::{Calibration, Ceiling, PrecisionCurve, SCHEMA};
pub use records::{read_records, read_records_text};

#[cfg(test)]
pub(crate) use file::tests::software_for_tests;
