//! What the benches on an adapter share.

use flopcast::measure::Timed;
use std::time::Duration;

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
