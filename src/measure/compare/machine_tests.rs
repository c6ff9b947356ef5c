//! The gate on scripted devices: what the machine did, and what the kernel did.

use super::*;
use crate::kernel::{Family, Kernel, Precision, Shape};
use crate::measure::effort::Effort;
use crate::measure::engine::{Pace, measure};
use crate::measure::scripted::{DeviceClock, HostClock, Script, ScriptedExecutor};
use crate::measure::suite::Request;
use crate::measure::timing::unwatched;
use crate::stats::synthetic::{Noise, rng};

/// A run of a kernel, on a device with 1 % of noise.
fn run(seed: u64, script: Script) -> Record {
    let shape = Shape { m: 64, n: 48, k: 40, batch: 1 };
    let family = Family::RegisterTiled;
    let kernel = Kernel::compose(family, family.tilings()[0], Precision::F32).unwrap();
    let request = Request::plain(kernel, shape);
    let mut rng = rng(seed);
    let pace = Box::new(move |_, _| Noise::Normal(0.01).sample(&mut rng));
    let mut device = ScriptedExecutor::new(Script { pace, ..script });
    measure(&mut device, &request, &Effort::quick(), &mut Pace::default(), &mut unwatched).unwrap()
}

/// A device that is so much slower in all that it does, and in the kernel alone.
fn device(all: f64, kernel: f64) -> Script {
    Script {
        flop_per_s: 2e9 / all,
        cost: Box::new(move |k, _, _| if k.family == Family::RegisterTiled { kernel } else { 1.0 }),
        ..Script::honest()
    }
}

fn gate(base: Script, new: Script, seed: u64) -> Compared {
    let gate = compare(&[run(seed, base)], &[run(seed + 1000, new)], Threshold::new(0.1).unwrap());
    gate.cases.into_iter().next().unwrap()
}

#[test]
fn a_machine_at_half_its_rate_is_named_and_is_no_regression() {
    for clock in [DeviceClock::Honest, DeviceClock::Missing] {
        let base = Script { device_clock: clock, ..device(1.0, 1.0) };
        let case = gate(base, Script { device_clock: clock, ..device(2.0, 1.0) }, 1);
        assert_eq!(case.outcome, Outcome::Inconclusive, "{clock:?}: {}", case.detail);
        let machine = case.machine.expect("it is named");
        assert!((machine.ratio - 2.0).abs() < 0.05 && machine.lo < 2.0 && 2.0 < machine.hi, "{machine:?}");
        assert!(case.detail.contains("the machine itself was"), "{}", case.detail);
    }
}

#[test]
fn a_kernel_at_half_its_rate_is_a_regression_whatever_the_machine_did() {
    let case = gate(device(1.0, 1.0), device(1.0, 2.0), 2);
    assert_eq!((case.outcome, case.machine), (Outcome::Regressed, None), "{}", case.detail);
    // The machine is a quarter slower as well: that explains a part alone.
    let case = gate(device(1.0, 1.0), device(1.25, 2.0), 3);
    assert_eq!(case.outcome, Outcome::Regressed, "{}", case.detail);
    assert!((case.machine.expect("it is named").ratio - 1.25).abs() < 0.03);
}

#[test]
fn a_regression_does_not_hide_behind_a_machine_that_got_faster() {
    let case = gate(device(1.0, 1.0), device(0.7, 1.0 / 0.7), 4);
    assert!((case.slowdown.unwrap().ratio - 1.0).abs() < 0.02);
    assert_eq!(case.outcome, Outcome::Inconclusive, "{}", case.detail);
    assert!(case.detail.contains("faster"), "{}", case.detail);
}

#[test]
fn machines_of_one_speed_are_hardly_ever_called_different() {
    let named = (0..200).filter(|&s| gate(device(1.0, 1.0), device(1.0, 1.0), 10 + s).machine.is_some()).count();
    assert_eq!(named, 0);
}

#[test]
fn devices_of_different_rates_are_compared_on_a_clock_that_both_have() {
    for step in [1_000, 5_000, 9_000, 10_000, 11_000, 20_000, 40_000, 65_536, 100_000] {
        for (rate, at) in [0.25, 0.5, 0.8, 0.95, 1.05, 1.25, 2.0, 4.0].iter().zip(0..) {
            let of = |all: f64| Script { device_clock: DeviceClock::Quantised(step), ..device(all, 1.0) };
            let case = gate(of(1.0), of(1.0 / rate), 300 + at);
            assert_ne!(case.outcome, Outcome::NotComparable, "{step} ns, {rate}: {}", case.detail);
        }
    }
}

#[test]
fn a_device_clock_that_fails_in_one_of_the_runs_leaves_the_hosts() {
    let (sound, reset) = (device(1.0, 1.0), Script { device_clock: DeviceClock::Reset, ..device(1.0, 1.5) });
    let case = gate(sound, reset, 5);
    assert_eq!((case.outcome, case.clock), (Outcome::Regressed, Some(TimingMethod::HostSlope)), "{}", case.detail);
    assert!(case.detail.contains("by the host's clock"), "{}", case.detail);
    // And where the host's is unfit on one side, there is none in common that decides.
    let early = Script { host_clock: HostClock::ReturnsEarly, ..device(1.0, 1.0) };
    let case = gate(early, Script { device_clock: DeviceClock::Reset, ..device(1.0, 1.0) }, 6);
    assert!(matches!(case.outcome, Outcome::NotComparable | Outcome::Inconclusive), "{}", case.detail);
}
