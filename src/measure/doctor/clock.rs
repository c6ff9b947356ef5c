//! Tick, order and period of the device clock, and whether both clocks see the same work.

use super::{Check, Grade, Instrument, plain};
use crate::kernel::{DataClass, Operands, Precision, Settings, Shape};
use crate::measure::clocks::{self, MAX_DISAGREEMENT, MIN_TICKS};
use crate::measure::record::{Samples, Submission, TimingMethod};
use crate::measure::{Lap, Step};
use crate::stats::gcd;
use crate::stats::median::median;

/// The clocks are watched over at least this long: a period that is off by 1e-4 shows against the host's
/// submission latency of tens of microseconds.
const WATCHED_S: f64 = 1.2;

/// A clock that is wrong is wrong each time; what a neighbour's burst did to a look is gone in the next.
const LOOKS: u32 = 3;

/// Submissions of the shortest length are about this long.
const SUBMISSION_S: f64 = 5e-3;

/// A period that differs from the host clock's by more than this is worth a word: quartz is good to 1e-4.
const DRIFT_WARN: f64 = 1e-3;

/// The shortest interval that can be trusted, above which short kernels take long submissions.
const COARSE_S: f64 = 1e-3;

/// Work to keep both clocks busy with: small, so that a submission can be of any length.
pub const RULER: Shape = Shape { m: 64, n: 64, k: 64, batch: 1 };

/// What was seen of the clocks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    pub checks: Vec<Check>,
    /// Step of the device clock, seconds, where that clock is usable.
    pub device_tick_s: Option<f64>,
    /// Step of the host clock, seconds.
    pub host_tick_s: f64,
}

/// One submission with the host's time before it.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub host_ns: u64,
    pub lap: Lap,
    pub dispatches: u32,
    pub round: u32,
}

/// Runs the ruler in rounds of k, 2k and 3k products and judges both clocks by it.
pub fn look(instrument: &mut dyn Instrument) -> Step<Looked> {
    let mut looked = Looked::default();
    for _ in 0..LOOKS {
        let readings = watch(instrument)?;
        looked = judge(&readings, instrument.tick_ns(), instrument.host_tick_ns());
        if looked.checks.iter().all(|check| check.grade != Grade::Unfit) {
            break;
        }
    }
    Ok(looked)
}

fn watch(instrument: &mut dyn Instrument) -> Step<Vec<Reading>> {
    ready(instrument)?;
    // A hundred ticks of the host clock, which makes the figures where there is no other.
    let tick_ns = instrument.host_tick_ns();
    let k = repeats(instrument, SUBMISSION_S.max(1.1 * MIN_TICKS * tick_ns * 1e-9))?;
    let begin = instrument.now_ns();
    let mut readings = Vec::new();
    for round in 0.. {
        for dispatches in [k, 2 * k, 3 * k] {
            let host_ns = instrument.now_ns();
            let lap = instrument.submit(dispatches)?;
            readings.push(Reading { host_ns, lap, dispatches, round });
        }
        // A clock that stands still must not keep us here for ever.
        let watched = (instrument.now_ns() - begin) as f64 * 1e-9;
        if (round >= 7 && watched >= WATCHED_S) || round >= 999 {
            break;
        }
    }
    Ok(readings)
}

/// Prepares the ruler on normal data.
pub fn ready(instrument: &mut dyn Instrument) -> Step<()> {
    instrument.prepare(&plain("8x8"), RULER, Settings::default())?;
    instrument.load(&Operands::of_class(RULER, Precision::F32, DataClass::Normal, 1))?;
    instrument.submit(1).map(|_| ())
}

/// Products in a submission of about this length, by the host's clock: found by doubling, so that a device of
/// unknown speed is never asked for a long one at once.
pub fn repeats(instrument: &mut dyn Instrument, seconds: f64) -> Step<u32> {
    let mut repeats = 1u32;
    loop {
        let begin = instrument.now_ns();
        instrument.submit(repeats)?;
        let took = (instrument.now_ns() - begin) as f64 * 1e-9;
        if took >= seconds || repeats >= 1 << 16 {
            return Ok(repeats);
        }
        repeats *= 2;
    }
}

/// Judges readings: pure, so that every way in which a clock can lie is a list of numbers.
pub fn judge(readings: &[Reading], tick_ns: Option<f64>, host_tick_ns: f64) -> Looked {
    let host_tick_s = host_tick_ns * 1e-9;
    let mut checks = vec![host(host_tick_s)];
    let device = device(readings, tick_ns);
    let device_tick_s = match &device {
        Ok(tick_s) => {
            let nominal = tick_ns.unwrap_or(f64::NAN);
            let words = format!("nominal {nominal} ns, moves in steps of {}", ns(tick_s * 1e9));
            let check = if tick_s * MIN_TICKS > COARSE_S {
                let words = format!("{words}: intervals below {} are not timed by it", ns(tick_s * MIN_TICKS * 1e9));
                Check::of("device-clock", Grade::Warn, "coarse", words)
            } else {
                Check::ok("device-clock", words)
            };
            checks.push(check.with("tick_s", nominal * 1e-9).with("step_s", *tick_s));
            checks.push(Check::ok("monotonic", format!("{} submissions in order", readings.len())));
            checks.push(period(readings, nominal));
            Some(*tick_s)
        }
        Err((check, code, why)) => {
            let why = format!("{why}: the host clock makes the figures");
            checks.push(Check::of(check, Grade::Warn, code, why));
            let blind = "there is no usable device clock to hold against the host's";
            checks.push(Check::of("period", Grade::NotKnown, code, blind));
            None
        }
    };
    checks.push(agreement(readings, tick_ns, host_tick_ns));
    Looked { checks, device_tick_s, host_tick_s }
}

fn host(tick_s: f64) -> Check {
    let words = format!("moves in steps of {}", ns(tick_s * 1e9));
    let check = if tick_s * MIN_TICKS > COARSE_S {
        Check::of("host-clock", Grade::Warn, "coarse", words)
    } else {
        Check::ok("host-clock", words)
    };
    check.with("step_s", tick_s)
}

/// Why the device clock cannot be used: the check that fails, a code and a sentence.
type Broken = (&'static str, &'static str, String);

/// The step of the device clock in seconds, or what is wrong with it.
fn device(readings: &[Reading], tick_ns: Option<f64>) -> Result<f64, Broken> {
    let Some(tick_ns) = tick_ns else {
        return Err(("device-clock", "missing", "the adapter has no timestamps".into()));
    };
    if !(tick_ns.is_finite() && tick_ns > 0.0) {
        return Err(("device-clock", "no-period", format!("a tick of {tick_ns} ns")));
    }
    let (mut last, mut step) = (0u64, 0u64);
    for (number, reading) in readings.iter().enumerate() {
        let Some([begin, end]) = reading.lap.device_ticks else {
            return Err(("device-clock", "missing", format!("submission {number} has no timestamps")));
        };
        if begin == 0 || end == 0 {
            return Err(("device-clock", "zero", format!("a timestamp of zero in submission {number}")));
        }
        if end < begin {
            let back = begin - end;
            return Err(("monotonic", "backwards", format!("submission {number} ends {back} ticks before it begins")));
        }
        if begin < last {
            return Err(("monotonic", "reset", format!("the clock jumped back at submission {number}")));
        }
        last = end;
        step = gcd(step, end - begin);
    }
    match step {
        0 => Err(("device-clock", "stands-still", "no submission took a tick".into())),
        step => Ok(step as f64 * tick_ns * 1e-9),
    }
}

/// Device time over host time between submissions half of the watch apart.
fn period(readings: &[Reading], tick_ns: f64) -> Check {
    let half = readings.len() / 2;
    let begin = |r: &Reading| r.lap.device_ticks.map(|[begin, _]| begin);
    let ratios: Vec<f64> = readings[half..]
        .iter()
        .zip(readings)
        .filter_map(|(late, early)| {
            let device = begin(late)?.saturating_sub(begin(early)?) as f64 * tick_ns;
            let host = late.host_ns.saturating_sub(early.host_ns) as f64;
            (host > 0.0).then_some(device / host)
        })
        .collect();
    let over_s = readings.get(half).map_or(0.0, |r| (r.host_ns - readings[0].host_ns) as f64 * 1e-9);
    let Ok(ratio) = median(&ratios) else {
        return Check::of("period", Grade::NotKnown, "no-samples", "the host clock stood still");
    };
    let words = format!("{ratio:.6} of the host clock over {over_s:.2} s");
    let off = (ratio - 1.0).abs();
    let check = match () {
        () if off > MAX_DISAGREEMENT => Check::of("period", Grade::Unfit, "wrong-period", words),
        () if off > DRIFT_WARN => Check::of("period", Grade::Warn, "drift", words),
        () => Check::ok("period", words),
    };
    check.with("device_over_host", ratio).with("over_s", over_s)
}

/// The same judgement that every measurement gets: both clocks' slopes, straightness, ticks.
fn agreement(readings: &[Reading], tick_ns: Option<f64>, host_tick_ns: f64) -> Check {
    let submissions = readings.iter().map(|r| Submission {
        round: r.round,
        dispatches: r.dispatches,
        host_ns: r.lap.host_ns,
        device_ticks: r.lap.device_ticks,
    });
    let samples = Samples {
        tick_ns,
        host_tick_ns,
        parts: 1,
        warmup: 0,
        warm: true,
        stopped: String::new(),
        submissions: submissions.collect(),
        sentinel: None,
        workers: None,
    };
    let clocks = clocks::read(&samples);
    let by = clocks.headline.as_ref().map_or("neither clock", |c| match c.method {
        TimingMethod::DeviceSlope => "the device clock",
        TimingMethod::HostSlope => "the host clock",
    });
    let check = match clocks.doubts.first() {
        Some(doubt) => Check::of("clocks", Grade::Unfit, &doubt.code, doubt.detail.clone()),
        None => {
            let apart = clocks.disagreement.map_or(String::new(), |d| format!(", {:+.2} % apart", d * 100.0));
            Check::ok("clocks", format!("time grows with the work; {by} makes the headline{apart}"))
        }
    };
    match clocks.disagreement {
        Some(d) => check.with("disagreement", d),
        None => check,
    }
}

/// Nanoseconds in the unit that suits them, three digits.
pub fn ns(ns: f64) -> String {
    let (value, unit) = match () {
        () if ns >= 1e9 => (ns * 1e-9, "s"),
        () if ns >= 1e6 => (ns * 1e-6, "ms"),
        () if ns >= 1e3 => (ns * 1e-3, "µs"),
        () => return format!("{ns:.0} ns"),
    };
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {unit}")
}
