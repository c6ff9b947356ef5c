//! What it costs to do nothing: a submission, one more dispatch, a transfer of four bytes.

use super::clock::{Looked, ns};
use super::{Check, Grade, Instrument, plain};
use crate::kernel::{Settings, Shape};
use crate::measure::Step;
use crate::measure::clocks::MIN_TICKS;
use crate::stats::interval::median_95;
use crate::stats::median::median;
use crate::stats::slope::{Point, per_round};

/// Repeats of each floor.
const REPEATS: u32 = 60;

/// Rounds of 1, 65 and 129 dispatches of a product of one element.
const ROUNDS: u32 = 15;

/// Bytes of the transfers whose rate is reported: far more than the floors hide, little against any memory.
const BULK: u64 = 16 << 20;

/// What was found.
pub struct Found {
    pub checks: Vec<Check>,
    pub submission_s: f64,
}

/// Measures all floors, by the host clock.
pub fn look(instrument: &mut dyn Instrument) -> Step<Found> {
    instrument.prepare(&plain("8x8"), Shape::square(1), Settings::default())?;
    instrument.submit(1)?;
    let empty = times(REPEATS, || instrument.submit(0).map(|lap| lap.host_ns))?;
    let submission_s = center(&empty);
    let mut checks = vec![floor("submission-floor", &empty, "an empty submission and the wait for it")];
    let mut points = Vec::new();
    for round in 0..ROUNDS {
        for dispatches in [1, 65, 129] {
            let time = instrument.submit(dispatches)?.host_ns as f64 * 1e-9;
            points.push(Point { round, dispatches, time });
        }
    }
    let slopes = per_round(&points).slopes();
    checks.push(floor("dispatch-floor", &slopes, "one more dispatch of one element in a pass"));
    let small = times(REPEATS, || instrument.download(4))?;
    checks.push(floor("read-back-floor", &small, "four bytes from the device"));
    let small_up = times(REPEATS, || instrument.upload(4))?;
    checks.push(floor("upload-floor", &small_up, "four bytes to the device"));
    checks.push(rate("read-back-rate", center(&times(6, || instrument.download(BULK))?), center(&small)));
    checks.push(rate("upload-rate", center(&times(6, || instrument.upload(BULK))?), center(&small_up)));
    Ok(Found { checks, submission_s })
}

fn times(count: u32, mut once: impl FnMut() -> Step<u64>) -> Step<Vec<f64>> {
    (0..count).map(|_| Ok(once()? as f64 * 1e-9)).collect()
}

fn center(seconds: &[f64]) -> f64 {
    median(seconds).unwrap_or(f64::NAN)
}

fn floor(check: &'static str, seconds: &[f64], what: &str) -> Check {
    match median_95(seconds) {
        Ok(found) => {
            let range = format!("{} to {}", ns(found.lo * 1e9), ns(found.hi * 1e9));
            Check::ok(check, format!("{} ({range}): {what}", ns(found.median * 1e9)))
                .with("median_s", found.median)
                .with("lo_s", found.lo)
                .with("hi_s", found.hi)
        }
        Err(why) => Check::of(check, Grade::NotKnown, "no-samples", why.to_string()),
    }
}

fn rate(check: &'static str, bulk_s: f64, small_s: f64) -> Check {
    let seconds = bulk_s - small_s;
    if seconds.is_nan() || seconds <= 0.0 {
        return Check::of(check, Grade::NotKnown, "no-samples", "16 MiB took no longer than four bytes");
    }
    let rate = BULK as f64 / seconds;
    Check::ok(check, format!("{:.2} GB/s over 16 MiB", rate * 1e-9)).with("bytes_per_s", rate)
}

/// The shortest interval that a clock can be trusted with: 100 ticks, and by the host clock no less than a
/// submission costs.
pub fn shortest(looked: &Looked, submission_s: f64) -> Check {
    let host_s = (MIN_TICKS * looked.host_tick_s).max(submission_s);
    let device_s = looked.device_tick_s.map(|tick| MIN_TICKS * tick);
    let least = device_s.unwrap_or(host_s).min(host_s);
    let device = device_s.map_or("no device clock".into(), |s| format!("{} by the device clock", ns(s * 1e9)));
    let words =
        format!("{device}, {} by the host clock; shorter kernels are repeated within a submission", ns(host_s * 1e9));
    let check = if least > 0.1 {
        Check::of("shortest-kernel", Grade::Unfit, "coarse", words)
    } else {
        Check::ok("shortest-kernel", words)
    };
    let check = check.with("host_s", host_s).with("least_s", least);
    match device_s {
        Some(s) => check.with("device_s", s),
        None => check,
    }
}
