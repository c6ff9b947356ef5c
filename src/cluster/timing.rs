//! Times of collectives as others measured them: the quickest of three protocols, as NCCL chooses
//! among LL, LL128 and Simple (`scripts/derive_collectives.py`).

use crate::sourced::{Stamp, Value};
use crate::units::{Bandwidth, Ratio, Time};
use serde::{Deserialize, Serialize};

/// One way to run a collective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    /// What it costs to start.
    pub base: Value<Time>,
    /// What it costs per rank, or per level of boxes.
    pub hop: Value<Time>,
    /// Bytes per second that a rank (or a box) sends.
    pub bandwidth: Value<Bandwidth>,
}

/// A fitted collective, inside a box or between boxes of eight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Whether it is of whole boxes of eight; else of ranks inside one.
    pub between_boxes: bool,
    /// Rows it was fitted to and its error on those left out.
    pub note: String,
    /// Power that the number of levels is raised to.
    pub power: Value<Ratio>,
    /// Bandwidth of the widest protocol with reduction in the switch (eight ranks) over that without.
    pub switch: Value<Ratio>,
    /// Quick to start.
    pub quick: Protocol,
    /// Between the two.
    pub middle: Protocol,
    /// Quick to run.
    pub wide: Protocol,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

impl Timing {
    /// As plain numbers.
    pub fn plain(&self) -> Protocols {
        let one = |p: &Protocol| Way { base: p.base.value, hop: p.hop.value, bandwidth: p.bandwidth.value };
        Protocols {
            ways: [one(&self.quick), one(&self.middle), one(&self.wide)],
            power: self.power.value,
            switch: self.switch.value,
        }
    }

    /// Seconds to all-reduce `bytes` over `ranks`.
    pub fn seconds(&self, ranks: f64, bytes: f64) -> f64 {
        if ranks <= 1.0 {
            return 0.0;
        }
        let plain = self.plain();
        if self.between_boxes {
            plain.seconds((ranks / 8.0).max(1.0).log2(), 2.0 * bytes)
        } else {
            plain.seconds(ranks, 2.0 * (ranks - 1.0) / ranks * bytes)
        }
    }
}

/// A [`Protocol`] as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// Seconds to start.
    pub base: f64,
    /// Seconds per rank or level.
    pub hop: f64,
    /// Bytes per second.
    pub bandwidth: f64,
}

/// A [`Timing`] as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Protocols {
    /// The protocols, the widest last.
    pub ways: [Way; 3],
    /// Power of the number of levels.
    pub power: f64,
    /// Gain of the last one from eight ranks on.
    pub switch: f64,
}

impl Protocols {
    /// Seconds when `levels` ranks (or levels of boxes) each send `moved` bytes.
    pub fn seconds(&self, levels: f64, moved: f64) -> f64 {
        self.through(levels, moved, f64::INFINITY, 0.0)
    }

    /// [`Protocols::seconds`] where the widest protocol finds no more than `narrowest` bytes per second
    /// on its way, the others in proportion, and each waits `extra` seconds for what lies between.
    pub fn through(&self, levels: f64, moved: f64, narrowest: f64, extra: f64) -> f64 {
        let wide = self.ways[2].bandwidth;
        let depth = if self.power == 1.0 { levels } else { levels.powf(self.power) };
        let mut least = f64::INFINITY;
        for (i, way) in self.ways.iter().enumerate() {
            let gain = if i == 2 && levels >= 8.0 { self.switch } else { 1.0 };
            let bandwidth = (way.bandwidth * gain).min(narrowest * way.bandwidth / wide);
            least = least.min(way.base + way.hop * depth + extra + moved / bandwidth);
        }
        least
    }

    /// With links of other bandwidth, and other times to start.
    #[must_use]
    pub fn scaled(mut self, bandwidth: f64, start: f64) -> Self {
        for way in &mut self.ways {
            way.base *= start;
            way.hop *= start;
            way.bandwidth *= bandwidth;
        }
        self
    }
}

/// What collectives take on one kind of accelerator. Bandwidths inside a box are over that of the link,
/// those between boxes over that of the box's network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Collectives {
    /// All-reduce inside a box.
    pub all_reduce: Protocols,
    /// All-gather or reduce-scatter inside a box.
    pub gather: Protocols,
    /// All-to-all inside a box.
    pub exchange: Protocols,
    /// All-reduce of whole boxes.
    pub between: Protocols,
    /// Whether they were measured on another accelerator.
    pub transferred: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Protocols = Protocols {
        ways: [
            Way { base: 1e-6, hop: 1e-6, bandwidth: 1e11 },
            Way { base: 5e-6, hop: 1e-6, bandwidth: 2e11 },
            Way { base: 2e-5, hop: 1e-6, bandwidth: 4e11 },
        ],
        power: 1.0,
        switch: 1.25,
    };

    #[test]
    fn small_messages_take_the_quick_protocol_and_large_ones_the_wide() {
        assert_eq!(PLAIN.seconds(2.0, 0.0), 3e-6);
        assert!((PLAIN.seconds(2.0, 4e11) - (1.0 + 2.2e-5)).abs() < 1e-9);
        // From eight ranks on the switch reduces.
        assert!((PLAIN.seconds(8.0, 5e11) - (1.0 + 2.8e-5)).abs() < 1e-9);
    }

    #[test]
    fn a_narrow_way_bounds_every_protocol_in_proportion() {
        assert!((PLAIN.through(2.0, 1e11, 1e11, 0.0) - (1.0 + 2.2e-5)).abs() < 1e-9);
        assert!(PLAIN.through(2.0, 1e6, 1e10, 0.0) > PLAIN.seconds(2.0, 1e6));
    }
}
