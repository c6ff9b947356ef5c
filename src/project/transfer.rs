//! What can be asked of a forecast beside its scenario.

use crate::job::Layout;
use serde::{Deserialize, Serialize};

/// What of a calibration carries over to another accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// The shape of its efficiency curve, never its rate.
    Shape,
    /// Nothing: published figures alone.
    None,
}

/// What can be asked of a projection beside the scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What of a calibration carries over; without a calibration nothing does.
    pub transfer: Transfer,
    /// The layout to take instead of the scenario's own or the best one; it may leave accelerators idle.
    pub layout: Option<Layout>,
}

impl Default for Options {
    fn default() -> Self {
        Options { transfer: Transfer::Shape, layout: None }
    }
}
