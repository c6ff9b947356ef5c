//! Two kernels, settings, kinds of data or WGSL files against each other in one process: pairs in random
//! order, judged by the ratio within each pair.

mod run;
mod spec;
#[cfg(test)]
mod tests;
mod verdict;
mod wire;

pub use run::{Budget, Entry, run};
pub use spec::{GRAMMAR, Source, Spec};
pub use verdict::{Call, FIRST_LOOK, LOOKS, Verdict, judge};
pub use wire::{End, Head, Line, Pair, SCHEMA, SideHead, Trial};

use super::compare::Threshold;
use super::interleave::by;
use super::record::TimingMethod;
use crate::error::{Error, Kind, Result};
use crate::stats::median::median;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Smallest difference that matters where nothing else is said.
pub const USUAL_THRESHOLD: &str = "2%";

/// One side as printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SideView {
    /// As typed.
    pub spec: String,
    /// `kernel[tiling]/precision/shape`.
    pub case: String,
    /// SHA-256 of the WGSL.
    pub wgsl_sha256: String,
    /// Median seconds per product, submissions' own cost included.
    pub seconds: Option<f64>,
    /// Useful flop per second, 1e9, by those seconds.
    pub gflop_per_s: Option<f64>,
}

/// A trial as printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct View {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// What it ran on.
    pub adapter: super::record::AdapterIdentity,
    /// A CPU-type adapter: relative figures only.
    pub software: bool,
    /// A, then B.
    pub sides: [SideView; 2],
    /// Why it ended.
    pub stopped: String,
    /// B against A.
    pub verdict: Verdict,
}

/// Everything that is said of a trial, out of its raw samples.
///
/// # Errors
/// Exit code 1 where an output was no product, or where the trial was cut off before its outputs were proved:
/// there is no ratio then.
pub fn view(trial: &Trial, threshold: Threshold) -> Result<View> {
    let names = ["A", "B"];
    let Some(end) = &trial.end else {
        return Err(Error::failed("the trial was cut off before its outputs were proved: it has no ratio")
            .hint("run it again; what one holds in raw pairs is proved only at its end"));
    };
    for ((name, side), last) in names.into_iter().zip(&trial.head.sides).zip(&end.proofs) {
        for (when, proof) in [("before it was timed", &side.exact), ("after it was timed", last)] {
            if !proof.passed {
                let why = proof.failure.clone().unwrap_or_else(|| "the output is no product".into());
                return Err(Error::failed(format!("{name} `{}` is wrong {when}: {why}", side.spec))
                    .hint("a kernel that is wrong has no speed; the tolerance is not to be touched"));
            }
        }
    }
    let [a, b] = trial.samples();
    let verdict = judge(&a, &b, threshold);
    let method = verdict.timing_method.unwrap_or(TimingMethod::HostSlope);
    let side = |side: &SideHead, samples| {
        let seconds = median(&by(samples, method)).ok().filter(|s| *s > 0.0);
        SideView {
            spec: side.spec.clone(),
            case: side.case.id(),
            wgsl_sha256: side.case.wgsl_sha256.clone(),
            seconds,
            gflop_per_s: seconds.map(|s| side.case.shape.flop() / s * 1e-9),
        }
    };
    Ok(View {
        schema: SCHEMA.into(),
        adapter: trial.head.adapter.clone(),
        software: trial.head.adapter.software,
        sides: [side(&trial.head.sides[0], &a), side(&trial.head.sides[1], &b)],
        stopped: end.stopped.clone(),
        verdict,
    })
}

/// A side that cannot be had on this adapter, or did not come to an end.
pub(super) fn missing(name: &str, spec: &str, missing: &super::record::Missing) -> Error {
    let kind = if missing.status() == "unsupported" { Kind::NotComparable } else { Kind::Failed };
    Error::new(kind, format!("{name} `{spec}`: {}", missing.reason().detail))
        .hint("`flopcast devices --format json` lists what each adapter has and allows")
}
