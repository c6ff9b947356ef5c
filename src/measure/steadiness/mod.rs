//! Steady state, or say that it was not (rule R4).
//!
//! [`assess`] looks at a whole trace and names what is wrong with it; [`Trace`] collects one from a
//! stream. [`warmup`] says when steadiness begins, [`settling`] what the start and the settled state
//! are. A flag has to be *significant*, so that clean independent noise raises one in at most 1 % of
//! traces, and *material*, so that a change which nobody would care for does not spoil a figure.

pub mod modes;
pub mod settling;
pub mod speeds;
pub mod warmup;

use super::record::{METHOD, Reason};
use crate::stats::median::{median, relative_spread, robust_sd};
use crate::stats::shape::{self, Form};
use crate::stats::{Undefined, interval, serial, usable};

/// A change of less than this, over the median, spoils nothing: the relative standard deviation below
/// which nvbench calls a measurement quiet.
pub const MATERIAL: f64 = 0.005;

/// Probability under independent noise below which a course (trend or wave, each) counts as seen, and a
/// correlation. Together with modes and outliers at most 1 % of clean traces are flagged.
const COURSE_ALPHA: f64 = 1e-3;
const CORRELATION_ALPHA: f64 = 4e-3;

/// An outlier is this many robust standard deviations away, and half of the median as well: ten standard
/// deviations of 5 % noise, and what an exponential tail of 5 % reaches once in 50,000 samples.
const OUTLIER_SDS: f64 = 8.0;
const OUTLIER_SHARE: f64 = 0.5;

/// From so many samples on a correlation of neighbours is in the interval or is a flag of its own, up to 0.9. Fewer
/// look independent as often as not.
pub const INDEPENDENT_SAMPLES: usize = 20;

/// Below so many nothing tells them apart.
const TELLING_SAMPLES: usize = 10;

/// The correlation that a trace may show, for each sample beyond [`TELLING_SAMPLES`]: with what it shows above this
/// it is too short. Chosen on simulated AR(1) traces, so that from ρ = 0 to 0.9 at least 93 % are covered or flagged.
const DOUBTED_CORRELATION: f64 = 0.06;

/// The method from which on a short trace that may be correlated is flagged.
const SHORT_AND_CORRELATED: u32 = 4;

/// The method from which on a short trace is excused by its whole range, and not by the spread of most of it.
const WHOLE_RANGE: u32 = 5;

/// The method from which on a course is told relative to the level that it comes from.
const FROM_THE_LEVEL_BEFORE: u32 = 4;

/// What can be wrong with a trace, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// There are no samples.
    EmptyTrace,
    /// A sample is NaN or infinite.
    UnusableSample,
    /// Too few samples for a 95 % interval of the median, or for telling whether they are independent.
    ShortTrace,
    /// A start that died away within the trace: warm-up ended too early.
    Ramp,
    /// From one level to another, at once.
    Step,
    /// Steadily up or down from the first sample to the last.
    Drift,
    /// Again and again away and back.
    Sawtooth,
    /// Two levels that it jumps between.
    TwoModes,
    /// Neighbours resemble each other: there are fewer independent samples than samples.
    Autocorrelated,
    /// Single samples far from all others.
    Outlier,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 10] = [
        Code::EmptyTrace,
        Code::UnusableSample,
        Code::ShortTrace,
        Code::Ramp,
        Code::Step,
        Code::Drift,
        Code::Sawtooth,
        Code::TwoModes,
        Code::Autocorrelated,
        Code::Outlier,
    ];

    /// The stable code as it stands in a record.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::EmptyTrace => "empty-trace",
            Code::UnusableSample => "unusable-sample",
            Code::ShortTrace => "short-trace",
            Code::Ramp => "ramp",
            Code::Step => "step",
            Code::Drift => "drift",
            Code::Sawtooth => "sawtooth",
            Code::TwoModes => "two-modes",
            Code::Autocorrelated => "autocorrelated",
            Code::Outlier => "outlier",
        }
    }
}

/// One thing that is wrong with a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// Which.
    pub code: Code,
    /// What was seen, with numbers.
    pub detail: String,
}

impl Flag {
    fn new(code: Code, detail: String) -> Self {
        Flag { code, detail }
    }
}

impl From<speeds::Speeds> for Flag {
    fn from(seen: speeds::Speeds) -> Flag {
        let detail = format!(
            "two speeds, {:.1} % slower in {:.0} % of the submissions, {} stretches in turn: the average is {:.1} % \
             off the commoner one",
            100.0 * seen.slower_by,
            100.0 * seen.slow_share,
            seen.stretches,
            100.0 * seen.hidden
        );
        Flag::new(Code::TwoModes, detail)
    }
}

impl From<Flag> for Reason {
    fn from(flag: Flag) -> Reason {
        Reason { code: flag.code.as_str().to_string(), detail: flag.detail }
    }
}

/// A trace that grows sample by sample.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    samples: Vec<f64>,
}

impl Trace {
    /// Takes one sample, in any unit that stays the same.
    pub fn push(&mut self, sample: f64) {
        self.samples.push(sample);
    }

    /// All samples, in order.
    pub fn samples(&self) -> &[f64] {
        &self.samples
    }

    /// [`assess`] of what there is.
    pub fn flags(&self) -> Vec<Flag> {
        assess(&self.samples)
    }
}

/// What is wrong with a trace of times per dispatch (or any other positive figure), worst first; empty if
/// nothing is.
///
/// Of ramp, step, drift and sawtooth at most one is named: the one that fits best. Below eight samples
/// no course can be told from noise, and none is looked for.
pub fn assess(trace: &[f64]) -> Vec<Flag> {
    assess_by(trace, METHOD)
}

/// The same as a method had it ([`METHOD`] and those before it).
pub fn assess_by(trace: &[f64], method: u32) -> Vec<Flag> {
    match usable(trace, 1) {
        Err(Undefined::NotFinite { index }) => {
            return vec![Flag::new(Code::UnusableSample, format!("sample {index} is {}", trace[index]))];
        }
        Err(_) => return vec![Flag::new(Code::EmptyTrace, "no samples".to_string())],
        Ok(()) => {}
    }
    let mut flags = Vec::new();
    flags.extend(short(trace, method));
    flags.extend(course(trace, method));
    let (outliers, rest) = outliers(trace);
    flags.extend(modes::two_modes(&rest).and_then(|modes| {
        let gap = (modes.high - modes.low) / modes.low.abs();
        (gap >= MATERIAL).then(|| {
            Flag::new(
                Code::TwoModes,
                format!(
                    "two levels {:.1} % apart, {:.0} % of the samples on the upper one, {} switches",
                    100.0 * gap,
                    100.0 * modes.upper_share,
                    modes.switches
                ),
            )
        })
    }));
    flags.extend(correlated(trace));
    flags.extend(outliers);
    flags.sort_by_key(|flag| flag.code);
    flags
}

fn short(trace: &[f64], method: u32) -> Option<Flag> {
    let (have, need) = (trace.len(), interval::MIN_SAMPLES_95);
    if have < need {
        return Some(Flag::new(Code::ShortTrace, format!("{have} samples, {need} give a 95 % interval")));
    }
    if method < SHORT_AND_CORRELATED || have >= INDEPENDENT_SAMPLES {
        return None;
    }
    // Of six samples two that are slow are no outliers, and the spread of the others does not see them.
    let excused = if method >= WHOLE_RANGE { range(trace) < MATERIAL } else { immaterial(trace) };
    if excused {
        return None;
    }
    if have < TELLING_SAMPLES {
        let detail = format!("{have} samples: fewer than {TELLING_SAMPLES} do not tell whether they are independent");
        return Some(Flag::new(Code::ShortTrace, detail));
    }
    let rho = serial::lag1(trace).ok()?;
    (rho > DOUBTED_CORRELATION * (have - TELLING_SAMPLES) as f64).then(|| {
        let detail = format!("{have} samples, and a correlation of neighbours of {rho:.2}: too few to be known apart");
        Flag::new(Code::ShortTrace, detail)
    })
}

/// Largest less smallest sample, over the median.
fn range(trace: &[f64]) -> f64 {
    let (least, most) = trace.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &x| (lo.min(x), hi.max(x)));
    median(trace).map_or(f64::INFINITY, |centre| (most - least) / centre.abs())
}

/// Where twice the spread is immaterial, so is what a correlation does to the interval.
fn immaterial(trace: &[f64]) -> bool {
    relative_spread(trace).is_ok_and(|spread| 2.0 * spread < MATERIAL)
}

fn course(trace: &[f64], method: u32) -> Option<Flag> {
    let course = shape::course(trace, COURSE_ALPHA).ok()??;
    if course.change.abs() < MATERIAL {
        return None;
    }
    let percent = 100.0 * if method >= FROM_THE_LEVEL_BEFORE { course.relative } else { course.change };
    let n = trace.len();
    Some(match course.form {
        Form::Ramp { samples } => Flag::new(
            Code::Ramp,
            format!("{percent:+.1} % from the start on, 1/e of it left after {samples:.0} samples"),
        ),
        Form::Step { at } => Flag::new(Code::Step, format!("{percent:+.1} % at sample {at} of {n}")),
        Form::Drift => Flag::new(Code::Drift, format!("{percent:+.1} % over {n} samples")),
        Form::Sawtooth { period } => {
            Flag::new(Code::Sawtooth, format!("{percent:+.1} % and back every {period:.1} samples"))
        }
    })
}

/// The flag, and the trace without what it names.
fn outliers(trace: &[f64]) -> (Option<Flag>, Vec<f64>) {
    let (Ok(centre), Ok(sd)) = (median(trace), robust_sd(trace)) else { return (None, trace.to_vec()) };
    // Few samples tell their own spread badly: 5/n more, from simulated normal noise.
    let reach = OUTLIER_SDS * (1.0 + 5.0 / trace.len() as f64) * sd;
    let far = |x: &f64| (x - centre).abs() > reach.max(OUTLIER_SHARE * centre.abs());
    let (out, rest): (Vec<f64>, Vec<f64>) = trace.iter().copied().partition(|x| far(x));
    // Many of them are not outliers but another mode, or a distribution with a heavy tail.
    let flag = out.iter().copied().max_by(|a, b| (a - centre).abs().total_cmp(&(b - centre).abs())).map(|worst| {
        let times = worst / centre;
        Flag::new(
            Code::Outlier,
            format!("{} of {} samples, the worst {times:.2} times the median", out.len(), trace.len()),
        )
    });
    (flag, if rest.len() * 10 >= trace.len() * 9 { rest } else { trace.to_vec() })
}

fn correlated(trace: &[f64]) -> Option<Flag> {
    let p = serial::correlated_p(trace).ok()?;
    if p > CORRELATION_ALPHA || immaterial(trace) {
        return None;
    }
    let (rho, effective) = (serial::lag1(trace).ok()?, serial::effective_samples(trace).ok()?);
    Some(Flag::new(
        Code::Autocorrelated,
        format!("correlation of neighbours {rho:.2}: {} samples are worth {effective:.0}", trace.len()),
    ))
}

#[cfg(test)]
mod tests;
