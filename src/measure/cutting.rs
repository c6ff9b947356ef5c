//! A product cut into dispatches, on hardware, so that none of them comes near a driver's watchdog: first as many as the
//! slowest kernel would take, then as few as this one does. Parts run one after another, each too small to fill a large
//! device, so a product in many parts is slower than it is whole.

use super::{Executor, Step};

/// What a rate is taken to be of a device of which nothing was seen yet, flop/s.
pub const FIRST_RATE: f64 = 4e10;

/// Cuts the prepared product of so many flop for a rate that it has at least, flop/s; returns the parts. A CPU-type adapter
/// has no watchdog, and there it stays as it was prepared, whole.
///
/// # Errors
/// What the executor says.
pub fn carefully(executor: &mut dyn Executor, flop: f64, flop_per_s: f64) -> Step<u32> {
    if executor.adapter().software {
        return Ok(1);
    }
    executor.split(parts(flop / flop_per_s, executor.dispatch_s()))
}

/// Cuts a product that took `took` seconds in `cut` parts into as few as stay below the watchdog. Whole it takes no longer
/// than in parts, and where it can be in fewer it is timed again, by `lap`, until they get no fewer. Returns parts and
/// seconds.
///
/// # Errors
/// What the executor says.
pub fn coarsely(
    executor: &mut dyn Executor,
    mut cut: u32,
    mut took: f64,
    lap: &mut dyn FnMut(&mut dyn Executor) -> Step<f64>,
) -> Step<(u32, f64)> {
    if executor.adapter().software {
        return Ok((cut, took));
    }
    loop {
        let before = cut;
        cut = executor.split(parts(took, executor.dispatch_s()))?;
        if cut >= before {
            return Ok((cut, took));
        }
        took = lap(executor)?;
    }
}

/// Seconds of one product on an output that was overwritten, by the host's clock.
///
/// # Errors
/// What the executor says.
pub fn lap(executor: &mut dyn Executor) -> Step<f64> {
    executor.poison()?;
    Ok(executor.submit(1)?.host_ns as f64 * 1e-9)
}

/// Dispatches of at most `dispatch_s` seconds in what takes `seconds`.
fn parts(seconds: f64, dispatch_s: f64) -> u32 {
    (seconds / dispatch_s).ceil().max(1.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Family, Kernel, Precision, Settings, Shape};
    use crate::measure::scripted::{Script, ScriptedExecutor};

    const SHAPE: Shape = Shape { m: 512, n: 64, k: 64, batch: 1 };

    /// A device whose dispatches take 5 ms at least, with a product that takes `whole_s` in one.
    fn device(whole_s: f64) -> ScriptedExecutor {
        let flop_per_s = SHAPE.flop() / whole_s;
        let mut executor = ScriptedExecutor::new(Script { flop_per_s, part_s: 5e-3, ..Script::honest() });
        let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap();
        executor.prepare(&kernel, SHAPE, Settings::default()).unwrap();
        executor
    }

    #[test]
    fn a_product_ends_in_as_few_parts_as_the_watchdog_allows_and_is_timed_in_those() {
        for (whole_s, wanted, laps) in [(0.02, 1, 3), (0.5, 3, 2), (0.15, 1, 3), (30.0, 150, 1)] {
            let mut executor = device(whole_s);
            // For a kernel that is a thousand times slower, in 400 parts: 2 s, of which 0.005 would do.
            let cut = carefully(&mut executor, SHAPE.flop(), SHAPE.flop() / 80.0).unwrap();
            assert_eq!(cut, 400);
            let mut seen = 1;
            let took = lap(&mut executor).unwrap();
            let (cut, took) = coarsely(&mut executor, cut, took, &mut |executor| {
                seen += 1;
                lap(executor)
            })
            .unwrap();
            assert!((wanted..=wanted + 1).contains(&cut) && seen >= laps, "{whole_s} s: {cut} parts, {seen} laps");
            assert!((took / whole_s - 1.0).abs() < 0.01, "{whole_s} s: {took} s");
            assert!(executor.longest_dispatch_s() <= 0.21, "{}", executor.longest_dispatch_s());
        }
    }
}
