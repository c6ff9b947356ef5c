//! The line of a probe: what made it, raw samples, and what they come to.

use super::kind::Probe;
use super::twin::Checked;
use crate::measure::figure::timing;
use crate::measure::record::{AdapterIdentity, Interval, Missing, Reason, Samples, Spent, TimingMethod, Tool, Verdict};
use serde::{Deserialize, Serialize};

/// Schema id of a probe's line. A reader refuses any other.
pub const SCHEMA: &str = "flopcast.probe/1";

/// One probe, measured, unsupported or failed. Figure, verdict and reasons derive from the rest of the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeRecord {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What measured it.
    pub tool: Tool,
    /// When it ended, UTC, RFC 3339.
    pub at: String,
    /// What it ran on.
    pub adapter: AdapterIdentity,
    /// What was asked for.
    pub case: Probe,
    /// Whether this is the second, independent measurement of the best of several.
    pub again: bool,
    /// SHA-256 of the WGSL; empty for transfers.
    pub wgsl_sha256: String,
    /// Flop of a dispatch.
    pub flop: f64,
    /// Bytes that a dispatch moves.
    pub bytes: f64,
    /// Where the time went; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// Why there is no figure at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// What the check of the last timed submission's output saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Checked>,
    /// Raw samples of both clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
    /// The figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Rate>,
    /// How far it can be trusted.
    pub verdict: Verdict,
    /// Why not further, worst first.
    pub reasons: Vec<Reason>,
}

/// What the samples of a probe come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Which clock.
    pub timing_method: TimingMethod,
    /// Seconds per dispatch.
    pub seconds: Interval,
    /// Flop/s; absent where it does none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flop_per_s: Option<Interval>,
    /// Bytes/s; absent where it moves none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_s: Option<Interval>,
    /// Rounds behind it.
    pub samples: u32,
    /// Host seconds that a submission costs beyond its dispatches.
    pub submission_s: Option<f64>,
    /// Device clock over host clock, minus 1.
    pub clock_disagreement: Option<f64>,
}

impl ProbeRecord {
    /// The record with figure, verdict and reasons derived anew.
    #[must_use]
    pub fn derived(mut self) -> ProbeRecord {
        if let Some(missing) = &self.missing {
            (self.figure, self.verdict, self.reasons) = (None, Verdict::Invalid, vec![missing.reason()]);
            return self;
        }
        let invalid = match (&self.proof, &self.samples) {
            (Some(proof), _) if !proof.passed => {
                let why = proof.failure.clone().unwrap_or_else(|| "the output is not what it must be".into());
                vec![Reason::new("proof-failed", why)]
            }
            (Some(_), Some(samples)) => match timing(samples, self.tool.method) {
                Ok(timing) => {
                    let rate = |work: f64| (work > 0.0).then(|| timing.rate(work));
                    (self.verdict, self.reasons) = timing.verdict(self.adapter.software);
                    self.figure = Some(Rate {
                        timing_method: timing.method,
                        seconds: timing.seconds,
                        flop_per_s: rate(self.flop),
                        bytes_per_s: rate(self.bytes),
                        samples: timing.samples,
                        submission_s: timing.submission_s,
                        clock_disagreement: timing.clock_disagreement,
                    });
                    return self;
                }
                Err(reasons) => reasons,
            },
            _ => vec![Reason::new("no-samples", "nothing was timed")],
        };
        (self.figure, self.verdict, self.reasons) = (None, Verdict::Invalid, invalid);
        self
    }

    /// The rate that it is about: flop/s for arithmetic, byte/s for memory and transfers.
    pub fn headline(&self) -> Option<Interval> {
        let figure = self.figure.as_ref()?;
        if self.case.kind().precision().is_some() { figure.flop_per_s } else { figure.bytes_per_s }
    }
}
