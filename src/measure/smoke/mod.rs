//! The gate for CI on software adapters: every kernel proved on shapes that hurt, and its speed relative to
//! the others of the same run held against a baseline.
//!
//! Absolute times of a software adapter say how busy the machine was. What a change of a kernel moves is its
//! time over that of the others, measured turn by turn in one process.

mod baseline;
mod judge;
mod proofs;
mod relative;
#[cfg(test)]
mod tests;

pub use baseline::{Baseline, Host, SCHEMA as BASELINE_SCHEMA, built_in};
pub use judge::{LIMIT, Spread, judge, nearest};
pub use proofs::Beside;
pub use relative::{SHAPE, TIMING};

use super::Executor;
use super::doctor::Cpu;
use super::record::AdapterIdentity;
use crate::error::Result;
use crate::kernel::{Family, Kernel, Precision, Shape};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Schema id of the report.
pub const SCHEMA: &str = "flopcast.smoke/1";

/// Shapes that hurt: one element, one row, one column, k of 1, primes, thin, one over a tile and one under.
pub const SHAPES: [&str; 10] = [
    "1x1x1",
    "1x257x127",
    "257x1x64",
    "128x128x1",
    "67x71x73",
    "33x300x5",
    "5x5x509",
    "65x129x17",
    "127x63x31",
    "64x64x64",
];

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "outcome", content = "why", rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Wrong, too slow, or it did not end.
    Failed(String),
    /// Nothing to test here, and why: what the adapter lacks, or a baseline that there is none of.
    Skipped(String),
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Test {
    /// `proof` or `relative`.
    pub kind: Cow<'static, str>,
    /// `kernel[tiling]/precision/shape`.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Host seconds it took.
    pub seconds: f64,
}

/// A kernel's time relative to the reference of the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Relative {
    /// `kernel[tiling]/precision`.
    pub kernel: String,
    /// Its time over the reference's.
    pub ratio: f64,
    /// The baseline's, where there is one.
    pub baseline: Option<f64>,
    /// How much slower it became, what all kernels have in common left out: 2 is twice as slow.
    pub slowdown: Option<f64>,
    /// The slowdown from which on it fails.
    pub limit: Option<f64>,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Smoke {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// What it ran on.
    pub adapter: AdapterIdentity,
    /// Processors of the host: what a software adapter's ratios depend on.
    pub threads: usize,
    /// Every test, in order.
    pub tests: Vec<Test>,
    /// Relative figures, where any kernel was timed.
    pub relative: Vec<Relative>,
    /// Whether it was ended early by the user.
    pub interrupted: bool,
}

impl Smoke {
    /// Passed, failed, skipped.
    pub fn counts(&self) -> [usize; 3] {
        let of = |is: fn(&Outcome) -> bool| self.tests.iter().filter(|t| is(&t.outcome)).count();
        [
            of(|o| matches!(o, Outcome::Passed)),
            of(|o| matches!(o, Outcome::Failed(_))),
            of(|o| matches!(o, Outcome::Skipped(_))),
        ]
    }

    /// Whether nothing failed and something passed.
    pub fn passed(&self) -> bool {
        let [passed, failed, _] = self.counts();
        failed == 0 && passed > 0 && !self.interrupted
    }
}

/// Told what is being done; asked whether to end, and who else is at work.
pub struct Watch<'a> {
    /// How busy the machine is, where that can be known.
    pub cpu: &'a mut dyn Cpu,
    /// Sees the name of what comes next, and how far the run is, 0 to 1.
    pub observe: &'a mut dyn FnMut(&str, f64),
    /// Whether the user wants the end.
    pub stop: &'a dyn Fn() -> bool,
}

/// Runs everything that the adapter has. A baseline is only held against runs on the same adapter, driver and number of
/// processors. `beside` proves half of the kernels; nothing is timed on it.
///
/// # Errors
/// Only where the catalogue's own kernels do not compose; everything else is a failed test.
pub fn run(
    executor: &mut dyn Executor,
    beside: Option<Beside>,
    baselines: &[Baseline],
    host: &Host,
    watch: &mut Watch,
) -> Result<Smoke> {
    let mut smoke = Smoke {
        schema: SCHEMA.into(),
        adapter: executor.adapter().clone(),
        threads: host.threads,
        tests: Vec::new(),
        relative: Vec::new(),
        interrupted: false,
    };
    let class = executor.class();
    let shapes: Vec<Shape> = SHAPES.iter().map(|s| s.parse()).collect::<Result<_>>()?;
    let mut kernels = Vec::new();
    for precision in Precision::ALL {
        for family in Family::of(precision) {
            kernels.push(Kernel::compose(family, family.default_tiling(class, precision), precision)?);
        }
    }
    let proved = proofs::prove_all(executor, beside, &kernels, &shapes, watch);
    let right: Vec<&Kernel> = proved.iter().filter(|p| p.right).map(|p| &kernels[p.kernel]).collect();
    smoke.interrupted = proved.len() < kernels.len();
    smoke.tests.extend(proved.into_iter().flat_map(|p| p.tests));
    if smoke.interrupted {
        return Ok(smoke);
    }
    // A wrong kernel is not timed.
    relative::look(executor, &right, baselines, host, watch, &mut smoke);
    Ok(smoke)
}

/// `kernel[tiling]/precision`.
pub(crate) fn name(kernel: &Kernel) -> String {
    format!("{}[{}]/{}", kernel.family.name(), kernel.tiling, kernel.precision)
}
