//! What the records of a case come to, side by side: by one clock, and with the speed of the machine itself.

use super::gate::Run;
use crate::measure::figure::timing_by;
use crate::measure::record::{Interval, Record, TimingMethod, Verdict};
use crate::measure::sentinel;
use serde::{Deserialize, Serialize};

/// Half of a 95 % interval is so many standard errors.
const STANDARD_ERRORS: f64 = 1.96;

/// Standard errors beyond which two machines count as of different speed: 1 % by chance.
const MOVED_BY: f64 = 2.58;

/// The clock by which all of these records have a figure: the one that made all headlines, else the host's,
/// which every record has beside the device's. `None` where some record has no samples to read it from, or
/// where it gives no time.
pub(super) fn common_clock<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> Option<TimingMethod> {
    let mut methods = records.clone().filter_map(|r| r.figure.as_ref()).map(|f| f.timing_method);
    let first = methods.next()?;
    if methods.all(|other| other == first) {
        return Some(first);
    }
    let has = |r: &Record| r.figure.is_none() || by(r, TimingMethod::HostSlope).is_some();
    records.clone().all(has).then_some(TimingMethod::HostSlope)
}

/// The time of a record by a clock, its samples, and whether it can be trusted.
fn by(record: &Record, clock: TimingMethod) -> Option<(Interval, u32, bool)> {
    let figure = record.figure.as_ref()?;
    if figure.timing_method == clock {
        return Some((figure.seconds, figure.samples, record.verdict != Verdict::Suspect));
    }
    let timing = timing_by(record.samples.as_ref()?, record.tool.method, Some(clock)).ok()?;
    Some((timing.seconds, timing.samples, timing.suspect.is_empty() && record.verdict != Verdict::Suspect))
}

/// The runs that count: with a figure by this clock that is not SUSPECT.
pub(super) fn runs(records: &[&Record], clock: TimingMethod) -> Vec<Run> {
    let trusted = records.iter().filter_map(|r| by(r, clock)).filter(|(_, _, trusted)| *trusted);
    trusted.map(|(seconds, samples, _)| run(seconds, samples)).collect()
}

fn run(Interval { median, lo, hi }: Interval, samples: u32) -> Run {
    // On the logarithm a half-width is relative.
    Run { seconds: median, error: (hi / lo).ln() / (2.0 * STANDARD_ERRORS), samples }
}

/// How much slower the machine itself was, going by the sentinel: the small product of a fixed size that is timed
/// beside every round and that no change of a kernel touches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Machine {
    /// Its time in the new records over that in the base.
    pub ratio: f64,
    /// Lower end of the 99 % interval.
    pub lo: f64,
    /// Upper end of it.
    pub hi: f64,
}

/// The sentinels of both sides against each other; `None` where a record has none, or where they differ by no more
/// than their intervals or by less than `material`.
pub(super) fn machine(base: &[&Record], new: &[&Record], clock: TimingMethod, material: f64) -> Option<Machine> {
    let level = |r: &&Record| {
        let samples = r.samples.as_ref()?;
        let level = sentinel::level(samples.sentinel.as_ref()?, samples.tick_ns, clock)?;
        Some(run(Interval { median: level.median, lo: level.lo, hi: level.hi }, level.samples as u32))
    };
    let side = |records: &[&Record]| -> Option<(f64, f64)> {
        let trusted = records.iter().filter(|r| r.verdict != Verdict::Suspect && r.figure.is_some());
        let runs: Vec<Run> = trusted.map(level).collect::<Option<_>>()?;
        let n = runs.len() as f64;
        let mean = runs.iter().map(|r| r.seconds.ln()).sum::<f64>() / n;
        let within = runs.iter().map(|r| r.error.powi(2)).sum::<f64>() / n;
        let scatter = runs.iter().map(|r| (r.seconds.ln() - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (n > 0.0).then_some((mean, within.max(scatter) / n))
    };
    let ((b, b_error), (n, n_error)) = (side(base)?, side(new)?);
    let (change, reach) = (n - b, MOVED_BY * (b_error + n_error).sqrt());
    (change.abs() > reach && change.abs() >= material.ln_1p()).then(|| Machine {
        ratio: change.exp(),
        lo: (change - reach).exp(),
        hi: (change + reach).exp(),
    })
}
