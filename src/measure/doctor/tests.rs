//! The doctor on scripted devices: each faulty clock has its own finding, and only what would spoil figures
//! is unfit.

use super::*;
use crate::measure::scripted::{DeviceClock, HostClock, KernelFault, Script, ScriptedExecutor};

/// A machine with nothing else on it.
struct Quiet;

impl Cpu for Quiet {
    fn times(&mut self) -> Option<CpuTimes> {
        None
    }

    fn spin(&mut self, steps: u64) -> u64 {
        steps
    }
}

fn examined(script: Script) -> Examination {
    // Multiplied on the host, so a small one.
    let plan = Plan { data_shape: Shape::square(32) };
    examine(&mut ScriptedExecutor::new(script), &mut Quiet, &plan, &mut |_, _| ControlFlow::Continue(()))
}

#[test]
fn an_examination_that_is_ended_keeps_what_was_seen_and_says_where_it_ended() {
    let plan = Plan { data_shape: Shape::square(32) };
    let whole = examined(Script::honest());
    for (ended, last) in [("proof", "adapter"), ("watchdog", "other-processes")] {
        let mut executor = ScriptedExecutor::new(Script::honest());
        let found = examine(&mut executor, &mut Quiet, &plan, &mut |step, _| match step == ended {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        let (end, before) = found.checks.split_last().unwrap();
        assert_eq!((end.check, end.grade), ("examination", Grade::NotKnown));
        assert_eq!(end.code.as_deref(), Some("interrupted"));
        assert!(end.detail.contains(ended), "{end:?}");
        assert_eq!(before.last().unwrap().check, last);
        let names = |checks: &[Check]| checks.iter().map(|c| c.check.to_string()).collect::<Vec<_>>();
        assert_eq!(names(before), names(&whole.checks)[..before.len()]);
        assert!(found.dispatches().is_none(), "nothing is kept of a watchdog that was not looked for");
    }
}

/// A grid of clock faults: what is found under which check and code, and whether the instrument stays fit.
#[test]
fn every_faulty_device_clock_is_found_and_named() {
    for (device_clock, check, code, grade) in [
        (DeviceClock::Missing, "device-clock", "missing", Grade::Warn),
        (DeviceClock::Zero, "device-clock", "zero", Grade::Warn),
        (DeviceClock::Reversed, "monotonic", "backwards", Grade::Warn),
        (DeviceClock::Reset, "monotonic", "reset", Grade::Warn),
        (DeviceClock::Quantised(65_536), "device-clock", "coarse", Grade::Warn),
        (DeviceClock::Quantised(100_000), "device-clock", "coarse", Grade::Warn),
        (DeviceClock::Off(2.0), "period", "wrong-period", Grade::Unfit),
        (DeviceClock::Off(0.5), "period", "wrong-period", Grade::Unfit),
        (DeviceClock::Off(1.01), "period", "drift", Grade::Warn),
    ] {
        let found = examined(Script { device_clock, ..Script::honest() });
        let finding = found.check(check).unwrap_or_else(|| panic!("{device_clock:?}: {found:#?}"));
        assert_eq!((finding.code.as_deref(), finding.grade), (Some(code), grade), "{device_clock:?}: {found:#?}");
        assert_eq!(found.grade, grade, "{device_clock:?}: {found:#?}");
    }
}

#[test]
fn an_honest_device_is_fit_and_its_figures_are_the_scripts() {
    let found = examined(Script::honest());
    assert_eq!(found.grade, Grade::Ok, "{found:#?}");
    let figure = |check: &str, name: &str| found.check(check).unwrap().figure(name).unwrap();
    assert!((figure("period", "device_over_host") - 1.0).abs() < 1e-6);
    assert!((figure("submission-floor", "median_s") / 20e-6 - 1.0).abs() < 0.01);
    assert!((figure("zeros", "rate_over_normal") - 1.0).abs() < 0.01);
    // A hundred ticks of a nanosecond by the device, a submission's cost by the host.
    assert!((figure("shortest-kernel", "least_s") - 100e-9).abs() < 1e-9);
    assert!((figure("shortest-kernel", "host_s") / 20e-6 - 1.0).abs() < 0.01);
    assert!(figure("watchdog", "safe_s") > 0.0);
    assert_eq!(found.check("other-processes").unwrap().grade, Grade::NotKnown);
}

#[test]
fn a_queue_that_returns_early_is_unfit_with_and_without_a_device_clock() {
    for device_clock in [DeviceClock::Honest, DeviceClock::Missing] {
        let script = Script { host_clock: HostClock::ReturnsEarly, device_clock, ..Script::honest() };
        let found = examined(script);
        assert_eq!(found.check("clocks").unwrap().grade, Grade::Unfit, "{device_clock:?}: {found:#?}");
        assert!(!found.fit());
    }
}

#[test]
fn a_coarse_host_clock_is_a_warning_and_so_is_its_shortest_interval() {
    let script =
        Script { host_clock: HostClock::Quantised(100_000), device_clock: DeviceClock::Missing, ..Script::honest() };
    let found = examined(script);
    assert_eq!(found.check("host-clock").unwrap().code.as_deref(), Some("coarse"));
    assert!((found.check("shortest-kernel").unwrap().figure("least_s").unwrap() - 10e-3).abs() < 1e-9);
    assert!(found.fit(), "{found:#?}");
}

#[test]
fn a_device_that_does_not_multiply_is_unfit_and_nothing_else_is_guessed() {
    for kernel in [KernelFault::Nothing, KernelFault::WritesNan, KernelFault::HalfGrid, KernelFault::ValidationError] {
        let found = examined(Script { kernel, ..Script::honest() });
        assert_eq!(found.check("proof").unwrap().grade, Grade::Unfit, "{kernel:?}");
        assert!(found.check("clocks").is_none() && found.check("watchdog").is_none());
        assert!(!found.fit());
    }
}

/// Zeros run a tenth faster where power is the limit.
#[test]
fn a_device_that_is_faster_on_zeros_is_told() {
    let cost = |_: &Kernel, _, operands: &Operands| if operands.a.values.iter().all(|&v| v == 0.0) { 0.9 } else { 1.0 };
    let found = examined(Script { cost: Box::new(cost), ..Script::honest() });
    let zeros = found.check("zeros").unwrap();
    assert_eq!((zeros.grade, zeros.code.as_deref()), (Grade::Warn, Some("flatters")), "{zeros:#?}");
    assert!((zeros.figure("rate_over_normal").unwrap() - 1.0 / 0.9).abs() < 0.01);
    assert_eq!(found.check("constants").unwrap().grade, Grade::Ok);
}

#[test]
fn a_watchdog_is_met_with_what_came_back_before_it() {
    // Two flop a step of k at 1e6 flop/s: k of 2^17 takes 0.26 s, 2^18 is lost.
    let lost = |watchdog_s| examined(Script { flop_per_s: 1e6, watchdog_s: Some(watchdog_s), ..Script::honest() });
    let above = lost(0.4);
    let check = above.check("watchdog").unwrap();
    assert_eq!((check.grade, check.code.as_deref()), (Grade::Warn, Some("lost")), "{check:#?}");
    assert!((check.figure("safe_s").unwrap() - 0.262).abs() < 0.001, "{check:#?}");
    assert!((above.dispatches().unwrap().dispatch_s - 0.131).abs() < 0.001, "half of what came back");
    // A short one is no harm as long as dispatches can be kept shorter still.
    let below = lost(0.1);
    assert_eq!(below.check("watchdog").unwrap().grade, Grade::Warn);
    assert!((below.dispatches().unwrap().dispatch_s - 0.0328).abs() < 0.001, "{below:#?}");
    let none = examined(Script { flop_per_s: 1e6, ..Script::honest() });
    let check = none.check("watchdog").unwrap();
    assert!(check.grade == Grade::Ok && check.figure("safe_s").unwrap() <= 1.0, "{check:#?}");
    assert!(none.dispatches().unwrap().dispatch_s >= crate::measure::effort::WATCHDOG_S);
}

#[test]
fn what_the_doctor_found_of_the_watchdog_keeps_later_dispatches_below_it() {
    use crate::measure::effort::Effort;
    use crate::measure::engine::{Pace, measure};
    use crate::measure::timing::unwatched;
    // A product of 0.34 s on a device whose watchdog bites at 0.1 s: lost where nobody looked, and measured in
    // parts where the doctor did.
    let script = |dispatch_s| Script { flop_per_s: 1e8, watchdog_s: Some(0.1), dispatch_s, ..Script::honest() };
    let found = examined(script(0.2)).dispatches().unwrap().dispatch_s;
    let request = crate::measure::suite::Request::plain(plain("8x8"), Shape { m: 256, n: 256, k: 260, batch: 1 });
    let run = |dispatch_s| {
        let mut device = ScriptedExecutor::new(script(dispatch_s));
        let record = measure(&mut device, &request, &Effort::full(), &mut Pace::default(), &mut unwatched).unwrap();
        (record, device.longest_dispatch_s())
    };
    let (record, _) = run(0.2);
    assert_eq!(record.missing.unwrap().status(), "failed");
    let (record, longest) = run(found);
    assert!(record.figure.is_some(), "{:?}", record.reasons);
    assert!(record.samples.unwrap().parts >= 8 && longest <= found, "{longest} of {found}");
}
