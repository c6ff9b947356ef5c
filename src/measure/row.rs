//! What a user sees of a record: the figures without what they are made of.

use super::record::{Interval, Reason, Record, TimingMethod, Verdict};
use serde::Serialize;

/// One case as `flopcast measure --format json` prints it. A figure that does not exist is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `kernel[tiling]/precision/shape`.
    pub case: String,
    /// Kernel family.
    pub kernel: String,
    /// Tiling within the family.
    pub tiling: String,
    /// Arithmetic.
    pub precision: String,
    /// Rows of C.
    pub m: u32,
    /// Columns of C.
    pub n: u32,
    /// Length of the sums.
    pub k: u32,
    /// Independent products of that extent.
    pub batch: u32,
    /// When the tiling was tuned on this adapter; `null` for a default or a user's choice.
    pub tuned: Option<String>,
    /// `unsupported`, `skipped` or `failed`; `null` where something was measured.
    pub missing: Option<&'static str>,
    /// How far the figure can be trusted.
    pub verdict: Verdict,
    /// Which clock.
    pub timing_method: Option<TimingMethod>,
    /// Seconds per product.
    pub seconds: Option<Interval>,
    /// Useful flop per second, 1e9.
    pub gflop_per_s: Option<Interval>,
    /// Rounds behind the figure.
    pub samples: u32,
    /// Host seconds that a submission costs beyond its dispatches.
    pub submission_s: Option<f64>,
    /// Device clock over host clock, minus 1.
    pub clock_disagreement: Option<f64>,
    /// Why the verdict is not better.
    pub reasons: Vec<Reason>,
}

impl From<&Record> for Row {
    fn from(record: &Record) -> Row {
        let case = &record.case;
        let figure = record.figure.as_ref();
        Row {
            case: case.id(),
            kernel: case.kernel.clone(),
            tiling: case.tiling.clone(),
            precision: case.precision.to_string(),
            m: case.shape.m,
            n: case.shape.n,
            k: case.shape.k,
            batch: case.shape.batch,
            tuned: record.tuned.clone(),
            missing: record.missing.as_ref().map(|m| m.status()),
            verdict: record.verdict,
            timing_method: figure.map(|f| f.timing_method),
            seconds: figure.map(|f| f.seconds),
            gflop_per_s: figure.map(|f| f.gflop_per_s),
            samples: figure.map_or(0, |f| f.samples),
            submission_s: figure.and_then(|f| f.submission_s),
            clock_disagreement: figure.and_then(|f| f.clock_disagreement),
            reasons: record.reasons.clone(),
        }
    }
}
