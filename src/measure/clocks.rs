//! Two clocks, two measurements: what each says, and which of them makes the headline (R2).

use super::record::{Reason, Samples, TimingMethod};
use crate::stats::gcd;
use crate::stats::median::median;
use crate::stats::slope::{Point, Slopes, per_round};

/// A timed interval spans at least this many ticks of its clock.
pub const MIN_TICKS: f64 = 100.0;

/// A device clock that moves in larger steps than this gives way to a finer host clock: the shortest
/// submission of any effort (1 ms) would hold fewer than 100 of them.
pub const COARSE_S: f64 = 1e-5;

/// The two clocks may differ by this much, or by a tick.
pub const MAX_DISAGREEMENT: f64 = 0.05;

/// Twice the dispatches take twice the time, the submission's own cost left aside, to within this.
pub const MAX_NONLINEARITY: f64 = 0.20;

/// Of the longest submission's time at least this part is work: below, the slope is what is left of the
/// noise of the submission's own cost, and no figure.
pub const LEAST_WORK: f64 = 0.02;

/// No clock gives a time above zero.
pub const NO_CLOCK: &str = "no-clock";

/// What one clock saw, all in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// Which.
    pub method: TimingMethod,
    /// Seconds per dispatch, one per round, in order.
    pub slopes: Vec<f64>,
    /// Seconds of work behind each of them.
    pub work: Vec<f64>,
    /// Every submission, in order: dispatches and seconds.
    pub submissions: Vec<(u32, f64)>,
    /// Median cost of a submission beyond its dispatches.
    pub intercept: f64,
    /// Smallest step of the clock that was seen.
    pub tick: f64,
    /// Median length of the shortest submissions.
    pub shortest: f64,
    /// How far the time is from a straight line in the dispatches: the second difference over the
    /// whole rise. `None` with fewer than three lengths.
    pub nonlinearity: Option<f64>,
    /// Part of the longest submissions' time that is dispatches, going by the slope.
    pub work_share: f64,
}

/// Both clocks, and what is wrong with either.
#[derive(Debug, Clone, PartialEq)]
pub struct Clocks {
    /// The clock that makes the headline; `None` where neither can.
    pub headline: Option<Clock>,
    /// Device slope over host slope, minus 1, where both are there.
    pub disagreement: Option<f64>,
    /// Host seconds that a submission costs beyond its dispatches.
    pub submission_s: Option<f64>,
    /// The device clock could not be used, and why: no fault of the figure while the host clock is fit.
    pub notes: Vec<Reason>,
    /// A rule is broken: the figure is suspect.
    pub doubts: Vec<Reason>,
}

/// Reads both clocks out of the raw samples.
pub fn read(samples: &Samples) -> Clocks {
    read_by(samples, None)
}

/// The same, with the headline by the clock that is asked for.
pub fn read_by(samples: &Samples, wanted: Option<TimingMethod>) -> Clocks {
    let mut notes = Vec::new();
    let mut doubts = Vec::new();
    let host = host_clock(samples);
    let device = match device_clock(samples) {
        Ok(clock) => clock,
        Err(reason) => {
            notes.push(reason);
            None
        }
    };
    let disagreement = match (&device, &host) {
        (Some(device), Some(host)) => {
            let (d, h) = (center(&device.slopes), center(&host.slopes));
            let ratio = d / h - 1.0;
            let coarse = (device.tick + host.tick) / (h * rise(samples));
            if above(ratio.abs(), MAX_DISAGREEMENT.max(coarse)) {
                doubts.push(Reason::new(
                    "clocks-disagree",
                    format!("device {d:.4e} s, host {h:.4e} s per dispatch: {:+.1} %", ratio * 100.0),
                ));
            }
            Some(ratio)
        }
        _ => None,
    };
    let submission_s = host.as_ref().map(|h| h.intercept);
    if device.is_some() && host.is_none() {
        doubts.push(Reason::new("host-clock-unusable", "the host's time does not grow with the work"));
    }
    // The device's clock sees the kernel alone, so it is preferred; where it is coarse, the finer one. What
    // decides is the clock and not the case: two adapters of different speed get the same one.
    let headline = match (device, host) {
        (device, _) if wanted == Some(TimingMethod::DeviceSlope) => device,
        (_, host) if wanted == Some(TimingMethod::HostSlope) => host,
        (Some(d), Some(h)) if d.tick > COARSE_S && h.tick < d.tick => Some(h),
        (device, host) => device.or(host),
    };
    match &headline {
        None => doubts.push(Reason::new(NO_CLOCK, "neither clock gives a time per dispatch")),
        Some(clock) => check(clock, &mut doubts),
    }
    Clocks { headline, disagreement, submission_s, notes, doubts }
}

fn check(clock: &Clock, doubts: &mut Vec<Reason>) {
    if clock.shortest < MIN_TICKS * clock.tick {
        doubts.push(Reason::new(
            "few-ticks",
            format!("the interval spans {:.0} ticks of its clock, {MIN_TICKS} are needed", clock.shortest / clock.tick),
        ));
    }
    if let Some(bend) = clock.nonlinearity
        && above(bend.abs(), MAX_NONLINEARITY)
    {
        doubts.push(Reason::new(
            "does-not-scale",
            format!("time is {:.0} % off a straight line in the dispatches", bend * 100.0),
        ));
    }
}

fn host_clock(samples: &Samples) -> Option<Clock> {
    let points: Vec<Point> = samples
        .submissions
        .iter()
        .map(|s| Point { round: s.round, dispatches: s.dispatches, time: s.host_ns as f64 * 1e-9 })
        .collect();
    clock(TimingMethod::HostSlope, &points, samples.host_tick_ns * 1e-9)
}

/// The device clock, `None` where the adapter has none; an error says what is wrong with it.
fn device_clock(samples: &Samples) -> Result<Option<Clock>, Reason> {
    let Some(tick_ns) = samples.tick_ns else { return Ok(None) };
    let unusable = |detail: String| Reason::new("device-clock-unusable", detail);
    if tick_ns.is_nan() || tick_ns <= 0.0 || tick_ns.is_infinite() {
        return Err(unusable(format!("a tick of {tick_ns} ns")));
    }
    let mut points = Vec::new();
    let mut last = 0u64;
    let mut step = 0u64;
    for s in &samples.submissions {
        let Some([begin, end]) = s.device_ticks else {
            return Err(unusable(format!("no timestamps in round {}", s.round)));
        };
        if begin == 0 || end == 0 {
            return Err(unusable(format!("a timestamp of zero in round {}", s.round)));
        }
        if end <= begin {
            return Err(unusable(format!("round {} ends {} ticks before it begins", s.round, begin - end)));
        }
        if begin < last {
            return Err(unusable(format!("the clock jumped back in round {}", s.round)));
        }
        // The moments move by the clock's step too, and less regularly than what is timed.
        step = gcd(gcd(step, end - begin), if last > 0 { begin - last } else { 0 });
        last = end;
        points.push(Point { round: s.round, dispatches: s.dispatches, time: (end - begin) as f64 * tick_ns * 1e-9 });
    }
    // The period tells the unit, not the step: a clock that counts nanoseconds may move by 65,536.
    Ok(clock(TimingMethod::DeviceSlope, &points, step as f64 * tick_ns * 1e-9))
}

fn clock(method: TimingMethod, points: &[Point], tick: f64) -> Option<Clock> {
    let slopes: Slopes = per_round(points);
    let values = slopes.slopes();
    let middle = median(&values).ok()?;
    if middle <= 0.0 {
        return None;
    }
    let shortest = points.iter().map(|p| p.dispatches).min()?;
    let longest = points.iter().map(|p| p.dispatches).max()?;
    let times =
        |length: u32| -> Vec<f64> { points.iter().filter(|p| p.dispatches == length).map(|p| p.time).collect() };
    Some(Clock {
        method,
        work_share: middle * f64::from(longest) / median(&times(longest)).ok()?,
        intercept: median(&slopes.intercepts()).ok()?,
        tick,
        shortest: median(&times(shortest)).ok()?,
        nonlinearity: nonlinearity(points),
        work: slopes.rounds.iter().map(|r| work_of(points, r.round)).collect(),
        submissions: points.iter().map(|p| (p.dispatches, p.time)).collect(),
        slopes: values,
    })
}

fn work_of(points: &[Point], round: u32) -> f64 {
    points.iter().filter(|p| p.round == round).map(|p| p.time).sum()
}

/// Median over all submissions of each length, then the second difference over the rise.
fn nonlinearity(points: &[Point]) -> Option<f64> {
    let mut lengths: Vec<u32> = points.iter().map(|p| p.dispatches).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let [first, .., last] = lengths[..] else { return None };
    let time = |length: u32| {
        let times: Vec<f64> = points.iter().filter(|p| p.dispatches == length).map(|p| p.time).collect();
        median(&times).ok()
    };
    let (begin, end) = (time(first)?, time(last)?);
    let mut worst = 0.0f64;
    for &middle in &lengths[1..lengths.len() - 1] {
        let share = f64::from(middle - first) / f64::from(last - first);
        let bend = (time(middle)? - begin - share * (end - begin)) / (end - begin);
        if bend.abs() > worst.abs() {
            worst = bend;
        }
    }
    (lengths.len() > 2).then_some(worst)
}

/// Dispatches between the shortest and the longest submission.
fn rise(samples: &Samples) -> f64 {
    let lengths = || samples.submissions.iter().map(|s| s.dispatches);
    f64::from(lengths().max().unwrap_or(1) - lengths().min().unwrap_or(0)).max(1.0)
}

/// Whether a value is above a bound; what is no number is above every bound.
fn above(value: f64, bound: f64) -> bool {
    value.is_nan() || value > bound
}

fn center(values: &[f64]) -> f64 {
    median(values).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
