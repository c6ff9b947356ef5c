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

/// A CPU-type adapter has none.
pub fn none() -> Check {
    Check::of("watchdog", Grade::NotKnown, "software-adapter", "a CPU-type adapter has no watchdog")
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
                // Below what the engine allows a dispatch, its own measurements would be killed.
                let grade = if safe_s < WATCHDOG_S { Grade::Unfit } else { Grade::Warn };
                return Check::of("watchdog", grade, "lost", words).with("safe_s", safe_s);
            }
        }
    };
    let check = if safe_s < WATCHDOG_S {
        Check::of("watchdog", Grade::NotKnown, "not-reached", format!("{why}; dispatches are split at {WATCHDOG_S} s"))
    } else {
        Check::ok("watchdog", format!("{why}; dispatches are split at {WATCHDOG_S} s"))
    };
    check.with("safe_s", safe_s).with("split_at_s", WATCHDOG_S)
}

/// Host seconds of one dispatch that sums k products.
fn dispatch(instrument: &mut dyn Instrument, k: u32) -> Step<f64> {
    instrument.prepare(&plain("1x64"), Shape { m: 1, n: 1, k, batch: 1 }, Settings::default())?;
    Ok(instrument.submit(1)?.host_ns as f64 * 1e-9)
}
