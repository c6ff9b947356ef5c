//! How far predictions are off.

use super::row::Row;
use crate::project::sample::quantile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Errors of a group of rows. Logarithms are natural; their exponentials are factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// Rows that were compared.
    pub n: usize,
    /// Rows without a prediction or a measurement.
    pub refused: usize,
    /// Mean of |predicted / measured − 1|.
    pub mape: Option<f64>,
    /// Median of |ln(predicted / measured)|.
    pub median_abs_log: Option<f64>,
    /// 90th percentile of the same.
    pub p90_abs_log: Option<f64>,
    /// Mean of ln(predicted / measured): above 0 too slow, below too quick.
    pub bias_log: Option<f64>,
    /// Share within 20 %.
    pub within20: Option<f64>,
    /// Share inside the 90 % band.
    pub coverage90: Option<f64>,
}

/// Errors over all rows and by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Figures {
    /// Over all rows.
    pub summary: Summary,
    /// By source group, architecture, accelerator and decade of scale.
    pub by: BTreeMap<String, BTreeMap<String, Summary>>,
}

/// Rows counted one by one: 8 bytes of each are kept per group, for the percentiles.
#[derive(Debug, Clone, Default)]
struct Tally {
    absolute: Vec<f64>,
    refused: usize,
    relative: f64,
    logs: f64,
    near: usize,
    inside: usize,
}

impl Tally {
    fn add(&mut self, row: &Row) {
        let (Some(p), Some(m), None) = (row.predicted_s, row.measured_s, &row.refused) else {
            self.refused += 1;
            return;
        };
        let (log, relative) = ((p / m).ln(), (p / m - 1.0).abs());
        self.absolute.push(log.abs());
        self.logs += log;
        self.relative += relative;
        self.near += usize::from(relative <= 0.2);
        self.inside += usize::from(row.p5_s.is_some_and(|low| low <= m) && row.p95_s.is_some_and(|high| m <= high));
    }

    fn summary(mut self) -> Summary {
        self.absolute.sort_by(f64::total_cmp);
        let n = self.absolute.len();
        let mean = |sum: f64| (n > 0).then(|| sum / n as f64);
        let at = |q| (n > 0).then(|| quantile(&self.absolute, q));
        Summary {
            n,
            refused: self.refused,
            mape: mean(self.relative),
            median_abs_log: at(0.5),
            p90_abs_log: at(0.9),
            bias_log: mean(self.logs),
            within20: mean(self.near as f64),
            coverage90: mean(self.inside as f64),
        }
    }
}

/// All rows so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    all: Tally,
    by: BTreeMap<&'static str, BTreeMap<String, Tally>>,
}

impl Totals {
    pub(super) fn add(&mut self, row: &Row) {
        self.all.add(row);
        let decade = row.n_accel.map_or("unknown".into(), |n| format!("1e{}", n.max(1.0).log10().floor()));
        for (kind, value) in [
            ("source_group", row.source_group.as_str()),
            ("arch", &row.arch),
            ("accelerator", &row.accelerator),
            ("scale_decade", &decade),
        ] {
            let groups = self.by.entry(kind).or_default();
            match groups.get_mut(value) {
                Some(tally) => tally.add(row),
                None => groups.entry(value.to_string()).or_default().add(row),
            }
        }
    }

    pub(super) fn figures(self) -> Figures {
        let groups =
            |groups: BTreeMap<String, Tally>| groups.into_iter().map(|(name, t)| (name, t.summary())).collect();
        Figures {
            summary: self.all.summary(),
            by: self.by.into_iter().map(|(kind, of)| (kind.to_string(), groups(of))).collect(),
        }
    }
}
