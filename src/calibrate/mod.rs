//! Measurements in, ceilings and efficiency curves out. Pure.

mod curve;
mod file;
pub mod roofline;

pub use curve::{Curve, Point};
pub use file::{Calibration, Ceiling, Doubted, MeasuredPower, PrecisionCurve, SCHEMA};

#[cfg(test)]
pub(crate) use file::tests;
#[cfg(test)]
pub(crate) use file::tests::software_for_tests;
