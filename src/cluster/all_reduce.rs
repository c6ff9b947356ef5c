//! Time of an all-reduce as others measured it: the quicker of two protocols, one quick to start, one
//! quick to run, as NCCL chooses (`scripts/derive_all_reduce.py`).

use crate::sourced::{Stamp, Value};
use crate::units::{Bandwidth, Ratio, Time};
use serde::{Deserialize, Serialize};

/// A fitted all-reduce, inside a box or between boxes of eight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllReduce {
    /// Whether it is of whole boxes of eight; else of ranks inside one.
    pub between_boxes: bool,
    /// Rows it was fitted to and its error on those left out.
    pub note: String,
    /// Start of the protocol that is quick to start.
    pub low_base: Value<Time>,
    /// What it costs per rank, or per level of boxes.
    pub low_hop: Value<Time>,
    /// Its bus bandwidth.
    pub low_bandwidth: Value<Bandwidth>,
    /// Start of the protocol that is quick to run.
    pub high_base: Value<Time>,
    /// What it costs per rank, or per level of boxes.
    pub high_hop: Value<Time>,
    /// Its bus bandwidth.
    pub high_bandwidth: Value<Bandwidth>,
    /// Inside a box: bandwidth with reduction in the switch (eight ranks) over that without. Between
    /// boxes: the power that the number of levels is raised to.
    pub low_shape: Value<Ratio>,
    /// The same of the other protocol.
    pub high_shape: Value<Ratio>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

impl AllReduce {
    /// Seconds to all-reduce `bytes` over `ranks`.
    ///
    /// In a box: min over both of base + hop·n + 2(n−1)/n · bytes / bandwidth. Between boxes: base +
    /// hop · log₂(n/8)^power + 2 · bytes / bandwidth.
    pub fn seconds(&self, ranks: f64, bytes: f64) -> f64 {
        if ranks <= 1.0 {
            return 0.0;
        }
        let protocol = |base: f64, hop: f64, bandwidth: f64, shape: f64| {
            if self.between_boxes {
                base + hop * (ranks / 8.0).max(1.0).log2().powf(shape) + 2.0 * bytes / bandwidth
            } else {
                let bandwidth = bandwidth * if ranks >= 8.0 { shape } else { 1.0 };
                base + hop * ranks + 2.0 * (ranks - 1.0) / ranks * bytes / bandwidth
            }
        };
        let low = protocol(self.low_base.value, self.low_hop.value, self.low_bandwidth.value, self.low_shape.value);
        let high =
            protocol(self.high_base.value, self.high_hop.value, self.high_bandwidth.value, self.high_shape.value);
        low.min(high)
    }
}
