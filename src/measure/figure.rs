//! From raw samples to a figure with a verdict. Pure: a replay of a record gives the same, bit by bit.

use super::record::{Figure, Interval, METHOD, Reason, Record, Samples, TimingMethod, Verdict};
use super::steadiness::settling::settling;
use super::steadiness::speeds::two_speeds;
use super::steadiness::{Code, Flag, assess_by};
use super::{clocks, physics, sentinel};
use crate::stats::interval::{median_95, median_95_to_method_2};
use crate::stats::segments::Segment;
use physics::Broken;

/// The method from which on it is said where time was seen to grow between two lengths alone.
const TWO_LENGTHS: u32 = 5;

/// The method from which on single submissions are looked at too.
const SINGLE_SUBMISSIONS: u32 = 3;

/// The method from which on the interval of a short trace has the doubt of its correlation in it.
const CAUTIOUS_INTERVAL: u32 = 3;

/// The interval of the time reaches zero.
const NOISE: &str = "noise";

/// The time of one dispatch, whatever it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Which clock.
    pub method: TimingMethod,
    /// Seconds per dispatch.
    pub seconds: Interval,
    /// Rounds behind it.
    pub samples: u32,
    /// Host seconds that a submission costs beyond its dispatches.
    pub submission_s: Option<f64>,
    /// Device slope over host slope, minus 1, where both clocks are there.
    pub clock_disagreement: Option<f64>,
    /// Seconds per dispatch in the first rounds.
    pub burst_s: f64,
    /// Seconds per dispatch from where it settled to the end; absent where it never did.
    pub sustained_s: Option<f64>,
    /// Seconds of work before it settled, after the warm-up.
    pub settled_after_s: Option<f64>,
    /// Rules that are broken, worst first.
    pub suspect: Vec<Reason>,
    /// What is worth knowing and breaks no rule.
    pub notes: Vec<Reason>,
}

impl Timing {
    /// Units of work per second, where a dispatch does `work` of them: flop, bytes, or 1 for dispatches.
    pub fn rate(&self, work: f64) -> Interval {
        let Interval { median, lo, hi } = self.seconds;
        Interval { median: work / median, lo: work / hi, hi: work / lo }
    }

    /// How far the time can be trusted, and why not further, worst first.
    pub fn verdict(&self, software: bool) -> (Verdict, Vec<Reason>) {
        let verdict = match () {
            () if !self.suspect.is_empty() => Verdict::Suspect,
            () if software => Verdict::Software,
            () => Verdict::Measured,
        };
        let mut reasons = self.suspect.clone();
        if software {
            reasons.push(Reason::new("software-adapter", "a CPU-type adapter: no statement about hardware"));
        }
        reasons.extend(self.notes.iter().cloned());
        (verdict, reasons)
    }
}

/// The time of one dispatch out of raw samples, as the measuring method of this version has it
/// ([`super::record::METHOD`] and those before it).
///
/// # Errors
/// The reasons for which there is none, worst first.
pub fn timing(samples: &Samples, method: u32) -> Result<Timing, Vec<Reason>> {
    timing_by(samples, method, None)
}

/// The same by the clock that is asked for, whichever makes the headline otherwise.
///
/// # Errors
/// As [`timing`].
pub fn timing_by(samples: &Samples, method: u32, clock: Option<TimingMethod>) -> Result<Timing, Vec<Reason>> {
    let clocks = clocks::read_by(samples, clock);
    let mut suspect = clocks.doubts;
    let Some(clock) = clocks.headline else { return Err(suspect) };
    if clock.work_share < clocks::LEAST_WORK {
        let detail = format!("{:.2} % of the time of a submission is work", 100.0 * clock.work_share);
        suspect.insert(0, Reason::new("does-not-scale", detail));
        return Err(suspect);
    }
    let interval = if method >= CAUTIOUS_INTERVAL { median_95 } else { median_95_to_method_2 };
    let seconds = match interval(&clock.slopes) {
        Ok(interval) => interval,
        Err(why) => {
            suspect.insert(0, Reason::new("no-samples", why.to_string()));
            return Err(suspect);
        }
    };
    if seconds.lo <= 0.0 {
        suspect.insert(0, Reason::new(NOISE, format!("the interval of the time reaches {:.2e} s", seconds.lo)));
        return Err(suspect);
    }
    let mut notes = clocks.notes;
    // In front of what the trace shows: it is why, where the trace shows anything at all.
    suspect.extend(samples.workers.and_then(|workers| workers.starved()));
    let mut flags = assess_by(&clock.slopes, method);
    if method >= SINGLE_SUBMISSIONS && !flags.iter().any(|flag| flag.code == Code::TwoModes) {
        flags.extend(two_speeds(&clock.submissions).map(Flag::from));
        flags.sort_by_key(|flag| flag.code);
    }
    for flag in flags {
        // The median does not see a few outliers; every other flag touches it.
        let list = if flag.code == Code::Outlier { &mut notes } else { &mut suspect };
        list.push(flag.into());
    }
    let watched = samples.sentinel.as_ref();
    if let Some(moved) = watched.and_then(|s| sentinel::moved(s, samples.tick_ns, clock.method, &clock.slopes, method))
    {
        let list = if moved.in_step { &mut suspect } else { &mut notes };
        list.push(moved.reason);
    }
    if method >= TWO_LENGTHS && clock.nonlinearity.is_none() {
        let detail = "submissions of two lengths: that time grows in a straight line with the work was not seen";
        notes.push(Reason::new("two-lengths", detail));
    }
    if !samples.warm {
        notes.push(Reason::new("warm-up-cut", "the warm-up ended with its time, not with a steady state"));
    }
    let course = settling(&clock.slopes, &clock.work);
    let sustained = course.as_ref().ok().and_then(|c| c.sustained);
    Ok(Timing {
        method: clock.method,
        seconds: Interval { median: seconds.median, lo: seconds.lo, hi: seconds.hi },
        samples: clock.slopes.len() as u32,
        submission_s: clocks.submission_s,
        clock_disagreement: clocks.disagreement,
        burst_s: course.as_ref().map_or(seconds.median, |c| c.burst),
        sustained_s: sustained.map(|s| s.level),
        settled_after_s: sustained.map(|s| s.after_s),
        suspect,
        notes,
    })
}

/// Whether there is no figure for noise alone: what more samples can mend.
pub(super) fn is_lost_in_noise(samples: &Samples) -> bool {
    // A median below zero is the same, only more of it.
    timing(samples, METHOD).is_err_and(|reasons| [NOISE, clocks::NO_CLOCK].contains(&reasons[0].code.as_str()))
}

/// The samples of a record as its figure read them, in order: for plots.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Seconds per dispatch, one per round.
    pub seconds: Vec<f64>,
    /// Seconds of timed work up to the end of each round.
    pub until: Vec<f64>,
    /// Stretches of one level, which cover it: where one ends and another begins the level changed.
    pub segments: Vec<Segment>,
    /// First sample of the settled state, where it settled.
    pub settled_from: Option<usize>,
}

/// The course of a record's samples on the clock that made its figure; `None` where it has no figure.
pub fn course(record: &Record) -> Option<Course> {
    let (samples, figure) = (record.samples.as_ref()?, record.figure.as_ref()?);
    let clock = clocks::read_by(samples, Some(figure.timing_method)).headline?;
    let found = settling(&clock.slopes, &clock.work).ok()?;
    let until = clock.work.iter().scan(0.0, |sum, work| {
        *sum += work;
        Some(*sum)
    });
    Some(Course {
        until: until.collect(),
        segments: found.segments,
        settled_from: found.sustained.map(|s| s.from),
        seconds: clock.slopes,
    })
}

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

/// Turns after which llvmpipe ends the loops of an invocation, all of them together, as if their conditions had
/// become false (Mesa's LP_MAX_TGSI_LOOP_ITERATIONS). WGSL knows no such limit and no adapter reports one.
const LLVMPIPE_TURNS: u32 = 65_535;

/// The likely reason of a wrong product on llvmpipe where k is so long that a kernel may come to the limit: one of
/// an element a turn does above as many, others at a multiple. The proof stays the judge.
fn loops_end_early(record: &Record) -> Option<String> {
    let (adapter, k) = (&record.adapter, record.case.shape.k);
    (adapter.is_llvmpipe() && k > LLVMPIPE_TURNS).then(|| {
        format!("; llvmpipe ends the loops of an invocation after {LLVMPIPE_TURNS} turns in all, and k is {k}")
    })
}

/// Derives figure and verdict from what else a record holds: its case, proof, samples and bounds.
pub fn derive(record: &Record) -> Derived {
    let invalid = |reasons| Derived { figure: None, verdict: Verdict::Invalid, reasons };
    let failure = match &record.proof {
        Some(proof) if proof.passed => None,
        Some(proof) => Some(proof.failure.clone().unwrap_or_else(|| "the output is no product".into())),
        None => Some("there is no proof".into()),
    };
    if let Some(detail) = failure {
        return invalid(vec![Reason::new("proof-failed", detail + &loops_end_early(record).unwrap_or_default())]);
    }
    let Some(samples) = &record.samples else {
        return invalid(vec![Reason::new("no-samples", "nothing was timed")]);
    };
    let timing = match timing(samples, record.tool.method) {
        Ok(timing) => timing,
        Err(reasons) => return invalid(reasons),
    };
    let mut timing = timing;
    match physics::check(&record.bounds, &record.case, timing.seconds.median) {
        Some(Broken::Physics(reason)) => {
            let mut reasons = vec![reason];
            reasons.extend(timing.suspect);
            return invalid(reasons);
        }
        Some(Broken::Doubt(reason)) => timing.notes.push(reason),
        None => {}
    }
    let gflop = record.case.shape.flop() * 1e-9;
    let (verdict, reasons) = timing.verdict(record.adapter.software);
    let figure = Figure {
        timing_method: timing.method,
        seconds: timing.seconds,
        gflop_per_s: timing.rate(gflop),
        samples: timing.samples,
        submission_s: timing.submission_s,
        clock_disagreement: timing.clock_disagreement,
        burst_gflop_per_s: gflop / timing.burst_s,
        sustained_gflop_per_s: timing.sustained_s.map(|s| gflop / s),
        settled_after_s: timing.settled_after_s,
    };
    Derived { figure: Some(figure), verdict, reasons }
}
