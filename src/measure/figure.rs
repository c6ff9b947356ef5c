//! From raw samples to a figure with a verdict. Pure: a replay of a record gives the same, bit by bit.

use super::clocks;
use super::record::{AdapterIdentity, Figure, Interval, Reason, Samples, Verdict};
use crate::kernel::Proof;
use crate::stats::interval::median_95;

/// What the samples of one case come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The figure, unless the verdict is INVALID.
    pub figure: Option<Figure>,
    /// How far it can be trusted.
    pub verdict: Verdict,
    /// Why not further, worst first.
    pub reasons: Vec<Reason>,
}

/// Derives figure and verdict. `flop` is the case's useful flop count per dispatch.
pub fn derive(adapter: &AdapterIdentity, flop: f64, proof: &Proof, samples: Option<&Samples>) -> Derived {
    let mut invalid = Vec::new();
    if !proof.passed {
        let detail = proof.failure.clone().unwrap_or_else(|| "the output is no product".into());
        invalid.push(Reason::new("proof-failed", detail));
    }
    let Some(samples) = samples.filter(|_| invalid.is_empty()) else {
        if invalid.is_empty() {
            invalid.push(Reason::new("no-samples", "nothing was timed"));
        }
        return Derived { figure: None, verdict: Verdict::Invalid, reasons: invalid };
    };
    let clocks = clocks::read(samples);
    let mut suspect = clocks.doubts;
    let Some(clock) = clocks.headline else {
        return Derived { figure: None, verdict: Verdict::Invalid, reasons: suspect };
    };
    let seconds = match median_95(&clock.slopes) {
        Ok(interval) => interval,
        Err(why) => {
            suspect.insert(0, Reason::new("no-samples", why.to_string()));
            return Derived { figure: None, verdict: Verdict::Invalid, reasons: suspect };
        }
    };
    let rate = |seconds: f64| flop / seconds * 1e-9;
    let figure = Figure {
        timing_method: clock.method,
        seconds: Interval { median: seconds.median, lo: seconds.lo, hi: seconds.hi },
        gflop_per_s: Interval { median: rate(seconds.median), lo: rate(seconds.hi), hi: rate(seconds.lo) },
        samples: clock.slopes.len() as u32,
        submission_s: clocks.submission_s,
        clock_disagreement: clocks.disagreement,
    };
    let verdict = match () {
        () if !suspect.is_empty() => Verdict::Suspect,
        () if adapter.software => Verdict::Software,
        () => Verdict::Measured,
    };
    let mut reasons = suspect;
    if adapter.software {
        reasons.push(Reason::new("software-adapter", "a CPU-type adapter: no statement about hardware"));
    }
    reasons.extend(clocks.notes);
    Derived { figure: Some(figure), verdict, reasons }
}
