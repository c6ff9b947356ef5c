//! What the benches on an adapter share.

use flopcast::gpu::{self, Selection};
use flopcast::measure::Timed;
use std::time::Duration;

/// The adapter, if there is one; it may be required, as in tests.
pub fn adapter() -> Option<Selection> {
    match gpu::choose(None) {
        Ok(selection) => Some(selection),
        Err(error) if std::env::var_os("FLOPCAST_REQUIRE_ADAPTER").is_some_and(|v| v == "1") => {
            panic!("an adapter is required: {error}")
        }
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Time of so many repetitions by the device's clock where it has one, else by the host's; in submissions of at
/// most 64, to stay below every watchdog.
pub fn time(device: &mut dyn Timed, repeats: u64) -> Duration {
    let mut total = Duration::ZERO;
    let mut left = repeats;
    while left > 0 {
        let now = left.min(64) as u32;
        let lap = device.submit(now).expect("what was proved runs");
        let ns = match (lap.device_ticks, device.tick_ns()) {
            (Some([begin, end]), Some(tick_ns)) => (end - begin) as f64 * tick_ns,
            _ => lap.host_ns as f64,
        };
        total += Duration::from_nanos(ns as u64);
        left -= u64::from(now);
    }
    total
}
