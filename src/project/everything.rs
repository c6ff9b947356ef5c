//! Everything that the main job finds.

use super::{Equivalents, Projection};
use crate::calibrate::Calibration;
use crate::measure::record::AdapterIdentity;
use crate::measure::row::Row;
use serde::Serialize;

/// Schema id of [`Everything`].
pub const SCHEMA: &str = "flopcast.run/1";

/// What `flopcast run --format json` prints.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Everything {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What was measured on.
    pub adapter: AdapterIdentity,
    /// What was measured.
    pub measurements: Vec<Row>,
    /// What it comes to; absent where nothing was fit to calibrate from.
    pub calibration: Option<Calibration>,
    /// How many of the adapter do what; absent without a calibration.
    pub equivalents: Option<Equivalents>,
    /// The forecasts; none where the run was interrupted.
    pub projections: Vec<Projection>,
}
