//! Which kernel became slower than the others. Pure.

use super::{Baseline, Relative};
use crate::stats::median::median;

/// A kernel that takes this much longer against the others than in the baseline fails: √2, as far in the
/// logarithm from unchanged as from twice as slow.
pub const LIMIT: f64 = std::f64::consts::SQRT_2;

/// Where the baseline's own runs vary so much that unchanged would fail more than rarely, the limit moves to
/// this many of their standard deviations; beyond [`MOST`] twice as slow could not be told, and nothing is
/// judged.
const DEVIATIONS: f64 = 4.0;
const MOST: f64 = 1.9;

/// Runs of a baseline from which their spread is known.
const MIN_RUNS: usize = 4;

/// Spread that is assumed for a baseline of fewer runs: standard deviation of the logarithm.
const ASSUMED: f64 = 0.08;

/// What a baseline says of one kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Median ratio over its runs.
    pub ratio: f64,
    /// Standard deviation of the logarithm between runs.
    pub deviation: f64,
}

impl Spread {
    /// Of the ratios of several runs; `None` where there is none.
    pub fn of(ratios: &[f64]) -> Option<Spread> {
        let ratio = median(ratios).ok().filter(|r| *r > 0.0)?;
        if ratios.len() < MIN_RUNS {
            return Some(Spread { ratio, deviation: ASSUMED });
        }
        let squares: f64 = ratios.iter().map(|r| (r / ratio).ln().powi(2)).sum();
        Some(Spread { ratio, deviation: (squares / (ratios.len() - 1) as f64).sqrt() })
    }

    /// The slowdown from which on a kernel fails; `None` where its runs vary too much for any.
    pub fn limit(self) -> Option<f64> {
        let limit = LIMIT.max((DEVIATIONS * self.deviation).exp());
        (limit <= MOST).then_some(limit)
    }
}

/// How far each ratio is from the baseline's, in the logarithm.
fn moved(ratios: &[(String, f64)], baseline: &Baseline) -> Vec<f64> {
    let one = |(kernel, ratio): &(String, f64)| {
        let spread = baseline.kernels.get(kernel).and_then(|runs| Spread::of(runs))?;
        Some((ratio / spread.ratio).ln())
    };
    ratios.iter().filter_map(one).collect()
}

/// Of baselines of the same adapter, driver and number of processors the one that the ratios as a whole are nearest to:
/// how kernels compare differs between makes of processors. A kernel counts as far as the limit at most, so that one
/// that became slow does not choose for the others.
pub fn nearest<'a>(ratios: &[(String, f64)], baselines: &[&'a Baseline]) -> Option<&'a Baseline> {
    let distance = |baseline: &Baseline| {
        let moved = moved(ratios, baseline);
        let common = median(&moved).unwrap_or(0.0);
        let all: f64 = moved.iter().map(|m| (m - common).abs().min(LIMIT.ln())).sum();
        // What it does not know is as far as can be.
        all + LIMIT.ln() * (ratios.len() - moved.len()) as f64
    };
    baselines.iter().copied().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Holds each ratio against the baseline's. What all kernels have in common (another reference, a machine
/// that is busier as a whole) is the median over them, and is left out.
pub fn judge(ratios: &[(String, f64)], baseline: &Baseline) -> Vec<Relative> {
    let spread = |kernel: &str| baseline.kernels.get(kernel).and_then(|runs| Spread::of(runs));
    let common = median(&moved(ratios, baseline)).unwrap_or(0.0);
    let one = |(kernel, ratio): &(String, f64)| {
        let spread = spread(kernel);
        Relative {
            kernel: kernel.clone(),
            ratio: *ratio,
            baseline: spread.map(|s| s.ratio),
            slowdown: spread.map(|s| ((ratio / s.ratio).ln() - common).exp()),
            limit: spread.and_then(Spread::limit),
        }
    };
    ratios.iter().map(one).collect()
}
