//! "N of this adapter": what many of the measured adapter would be, and how many of it a cluster is.

use crate::calibrate::Calibration;
use crate::kernel::Precision;
use crate::provenance::{Provenance, Tier};
use serde::{Deserialize, Serialize};

/// Counts that are always given: those of the three announced clusters.
pub const COUNTS: [u32; 3] = [12_000, 85_000, 300_000];

/// `count` adapters at the measured ceiling with nothing lost between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equivalent {
    /// How many.
    pub count: u32,
    /// Their rate, flop/s: ideal, the ceiling times the count.
    pub flop_per_s: f64,
    /// Lower end of the ceiling's 95 % interval times the count.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// Equivalents of one adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equivalents {
    /// Name of the adapter.
    pub adapter: String,
    /// Arithmetic of the ceiling.
    pub precision: Precision,
    /// Ceiling of one, flop/s.
    pub one: f64,
    /// At 12,000, 85,000 and 300,000; ideal, since nothing is said of what would connect them.
    pub ideal: Vec<Equivalent>,
    /// How many of the adapter, at its ceiling and ideal, make the cluster's achieved rate.
    pub cluster_is: Option<f64>,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl Equivalents {
    /// Equivalents of the calibrated adapter; `cluster` is the achieved rate of a cluster, flop/s.
    pub fn new(calibration: &Calibration, cluster: Option<f64>) -> Self {
        let best = calibration.best();
        let rate = best.ceiling.gflop_per_s;
        let mut provenance = Provenance::new(Tier::Measured, calibration.measurements.clone());
        provenance.software = calibration.software;
        if calibration.adapter.backend == "scripted" {
            provenance.tier = Tier::Scripted;
        }
        Equivalents {
            adapter: calibration.adapter.name.clone(),
            precision: best.precision,
            one: rate.median * 1e9,
            ideal: COUNTS
                .into_iter()
                .map(|count| {
                    let times = |x: f64| x * 1e9 * f64::from(count);
                    Equivalent { count, flop_per_s: times(rate.median), lo: times(rate.lo), hi: times(rate.hi) }
                })
                .collect(),
            cluster_is: cluster.map(|c| c / (rate.median * 1e9)),
            provenance,
        }
    }
}
