//! The longest single dispatch that is surely safe.

use super::clock::ns;
use super::{Check, Grade, Instrument, plain};
use crate::kernel::{Settings, Shape};
use crate::measure::Step;
use crate::measure::effort::WATCHDOG_S;

/// No dispatch is meant to be longer than this: half of the shortest watchdog known (2 s on Windows).
const MOST_S: f64 = 1.0;

/// Length of the sum to begin with, and at most: one element of C, so that a single invocation works and the
/// device's width does not matter. A and B then hold 64 and 256 MiB at most.
const FIRST_K: u32 = 1 << 12;
const MOST_K: u32 = 1 << 24;

/// The figure that later runs go by.
const SPLIT: &str = "split_at_s";

/// A CPU-type adapter has none.
pub fn none() -> Check {
    Check::of("watchdog", Grade::NotKnown, "software-adapter", "a CPU-type adapter has no watchdog")
}

/// Dispatches that have to be cut shorter than this are no longer worth their cost: what they cost themselves is tens
/// of microseconds.
const LEAST_S: f64 = 1e-3;

/// The longest dispatch to make where one of `safe_s` came back: half of it. What was not seen to be lost is taken
/// as safe up to [`WATCHDOG_S`] as everywhere.
fn allowed(safe_s: f64, lost: bool) -> f64 {
    if lost { (0.5 * safe_s).min(WATCHDOG_S) } else { (0.5 * safe_s).max(WATCHDOG_S) }
}

/// Doubles one dispatch until the next would be over [`MOST_S`]: what came back is safe.
pub fn look(instrument: &mut dyn Instrument) -> Check {
    let mut safe_s = 0.0;
    let mut k = FIRST_K;
    let why = loop {
        match dispatch(instrument, k) {
            Ok(took) => {
                safe_s = f64::max(safe_s, took);
                // Clocks may still be rising, so the next may be quicker than twice this, never much slower.
                if 2.2 * took > MOST_S {
                    break format!("dispatches of up to {} came back; longer ones were not tried", ns(safe_s * 1e9));
                }
                if k >= MOST_K {
                    break format!("the longest dispatch tried, {}, came back", ns(safe_s * 1e9));
                }
                k *= 2;
            }
            Err(missing) if missing.status() == "unsupported" => {
                break format!("dispatches of up to {} came back; a longer one needs more memory", ns(safe_s * 1e9));
            }
            Err(missing) => {
                let words = format!(
                    "a dispatch of about {} ends in `{}`; {} came back",
                    ns(2e9 * safe_s),
                    missing.reason().detail,
                    ns(safe_s * 1e9)
                );
                let split_s = allowed(safe_s, true);
                let grade = if split_s < LEAST_S { Grade::Unfit } else { Grade::Warn };
                let words = format!("{words}; dispatches are split at {}", ns(split_s * 1e9));
                return Check::of("watchdog", grade, "lost", words).with("safe_s", safe_s).with(SPLIT, split_s);
            }
        }
    };
    let split_s = allowed(safe_s, false);
    let words = format!("{why}; dispatches are split at {}", ns(split_s * 1e9));
    let check = if safe_s < WATCHDOG_S {
        Check::of("watchdog", Grade::NotKnown, "not-reached", words)
    } else {
        Check::ok("watchdog", words)
    };
    check.with("safe_s", safe_s).with(SPLIT, split_s)
}

/// Host seconds of one dispatch that sums k products.
fn dispatch(instrument: &mut dyn Instrument, k: u32) -> Step<f64> {
    instrument.prepare(&plain("1x64"), Shape { m: 1, n: 1, k, batch: 1 }, Settings::default())?;
    Ok(instrument.submit(1)?.host_ns as f64 * 1e-9)
}
