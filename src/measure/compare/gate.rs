//! One case: is the new figure slower, not slower, or can that not be said?
//!
//! A run's own interval is the noise *within* the run. Between two runs of the same thing there is more:
//! clocks, placement in memory, neighbours. The gate adds that term: estimated from repeats of the case
//! where the files hold enough of them, else assumed at a stated size.

use crate::stats::power;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Standard deviation between runs, relative, that is assumed where repeats are too few: on hardware what
/// two single runs of one commit differed by (1.9 %, infomap#944) over √2.
pub const ASSUMED_BETWEEN_RUNS: f64 = 0.013;
/// The same on a software adapter, whose cores others use too: the median over the smoke suite's 15 cases
/// was 26 % between nine runs of lavapipe on two shared, busy cores, while each run alone claimed 1 to 5 %.
pub const ASSUMED_BETWEEN_RUNS_SOFTWARE: f64 = 0.26;

/// Repeats beyond the first, both sides together, from which their own scatter is taken: below, Student's
/// quantile is so large that nothing could be decided.
pub const MIN_FREEDOM: usize = 4;

/// Probability that a gate over any number of cases calls a regression where nothing changed.
const FALSE_REGRESSION: f64 = 0.005;

/// Probability that a case is called ok though it is slower by the threshold.
const MISSED_REGRESSION: f64 = 0.025;

/// Probability with which what is said to decide does so, if the true ratio is the one seen.
const POWER: f64 = 0.8;

/// Runs up to which Student's quantile is looked up one by one; beyond, it is the normal one to 3 %.
const FEW_RUNS: usize = 40;

/// One run of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Median seconds per dispatch.
    pub seconds: f64,
    /// Standard error of that median over the median.
    pub error: f64,
    /// Samples behind it.
    pub samples: u32,
}

/// How the case compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Less than the threshold slower, at 97.5 %.
    Ok,
    /// Slower at 99.5 % over all cases, and by the threshold at least.
    Regressed,
    /// Neither can be said.
    Inconclusive,
}

/// Time of the new runs over that of the base, with what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slowdown {
    /// New over base, 1.05 is 5 % slower.
    pub ratio: f64,
    /// Lower bound: what a regression is called by.
    pub lo: f64,
    /// Upper bound: what ok is called by.
    pub hi: f64,
    /// Standard deviation between runs that is in the bounds, relative.
    pub between_runs: f64,
    /// Whether that was estimated from repeats (or assumed).
    pub between_runs_measured: bool,
}

/// What it would take to decide in four of five cases, if the true ratio is the one seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Needed {
    /// Samples in each run, with as many runs as there are; `None` if no number of them decides.
    pub samples_per_run: Option<usize>,
    /// Runs on each side, with as many samples as there are; `None` if no number of them decides.
    pub runs_per_side: Option<usize>,
}

/// Judges one of `cases` cases of a gate. Both sides hold a run at least.
pub fn judge(
    base: &[Run],
    new: &[Run],
    threshold: f64,
    software: bool,
    cases: usize,
) -> (Call, Slowdown, Option<Needed>) {
    let (b, n) = (base.len() as f64, new.len() as f64);
    let within = error_of_mean(base).powi(2) + error_of_mean(new).powi(2);
    let freedom = base.len() + new.len() - 2;
    let scatter = (freedom > 0).then(|| ((squares(base) + squares(new)) / freedom as f64).sqrt());
    let assumed = if software { ASSUMED_BETWEEN_RUNS_SOFTWARE } else { ASSUMED_BETWEEN_RUNS };
    let measured = scatter.filter(|_| freedom >= MIN_FREEDOM);
    let (between, error, student) = match measured {
        // The scatter of repeats has the noise within each run in it already; that is its floor.
        Some(scatter) => (scatter, (scatter.powi(2) * (1.0 / b + 1.0 / n)).max(within).sqrt(), Some(freedom)),
        None => {
            let between = assumed.max(scatter.unwrap_or(0.0));
            (between, (between.powi(2) * (1.0 / b + 1.0 / n) + within).sqrt(), None)
        }
    };
    let change = mean(new) - mean(base);
    let below = quantile(FALSE_REGRESSION / cases.max(1) as f64, student);
    let above = quantile(MISSED_REGRESSION, student);
    let (lo, hi) = (change - below * error, change + above * error);
    let limit = threshold.ln_1p();
    let call = match () {
        () if change >= limit && lo > 0.0 => Call::Regressed,
        () if hi < limit => Call::Ok,
        () => Call::Inconclusive,
    };
    let slowdown = Slowdown {
        ratio: change.exp(),
        lo: lo.exp(),
        hi: hi.exp(),
        between_runs: between,
        between_runs_measured: measured.is_some(),
    };
    let needed = (call == Call::Inconclusive).then(|| {
        // What the error has to come down to: to clear zero if it looks slower, the threshold if not; with room
        // for the next estimate's own error, so that it does in four of five cases.
        let (room, by) = if change >= limit { (change, below) } else { (limit - change, above) };
        let target = room / (by + quantile(1.0 - POWER, student));
        let samples = base.iter().chain(new).map(|run| run.samples).max().unwrap_or(0) as usize;
        // Samples narrow the part within the runs alone.
        let left = target.powi(2) - if measured.is_some() { error.powi(2) } else { error.powi(2) - within };
        let samples_per_run = (left > 0.0 && room > 0.0)
            .then(|| power::samples_for_half_width(samples, within.sqrt(), left.sqrt()))
            .flatten();
        let runs = base.len().max(new.len());
        let tail = if change >= limit { FALSE_REGRESSION / cases.max(1) as f64 } else { MISSED_REGRESSION };
        let runs_per_side = runs_for(runs, error, room, tail);
        Needed { samples_per_run, runs_per_side }
    });
    (call, slowdown, needed)
}

/// Runs on each side with which an error of `error`, seen with `runs`, leaves `room` for the bound at `tail` and for
/// the next estimate's own error. From [`MIN_FREEDOM`] on the bound is Student's, so that more runs gain twice.
fn runs_for(runs: usize, error: f64, room: f64, tail: f64) -> Option<usize> {
    let reach = |r: usize| {
        let freedom = Some(2 * r - 2).filter(|f| *f >= MIN_FREEDOM);
        error * (runs as f64 / r as f64).sqrt() * (quantile(tail, freedom) + quantile(1.0 - POWER, freedom))
    };
    let few = (runs + 1..runs + FEW_RUNS).find(|&r| reach(r) <= room);
    let normal = quantile(tail, None) + quantile(1.0 - POWER, None);
    few.or_else(|| power::samples_for_half_width(runs, error, room / normal))
}

fn mean(runs: &[Run]) -> f64 {
    runs.iter().map(|run| run.seconds.ln()).sum::<f64>() / runs.len() as f64
}

fn squares(runs: &[Run]) -> f64 {
    let mean = mean(runs);
    runs.iter().map(|run| (run.seconds.ln() - mean).powi(2)).sum()
}

fn error_of_mean(runs: &[Run]) -> f64 {
    runs.iter().map(|run| run.error.powi(2)).sum::<f64>().sqrt() / runs.len() as f64
}

/// Upper quantile of the normal distribution, or of Student's with so many degrees of freedom.
fn quantile(tail: f64, freedom: Option<usize>) -> f64 {
    match freedom.and_then(|f| StudentsT::new(0.0, 1.0, f as f64).ok()) {
        Some(student) => student.inverse_cdf(1.0 - tail),
        None => Normal::standard().inverse_cdf(1.0 - tail),
    }
}
