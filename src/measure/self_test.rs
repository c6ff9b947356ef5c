//! The tool's own mutation suite: devices that lie, each of which has to be caught.

use super::compare::{Threshold, compare};
use super::effort::Effort;
use super::engine::{Pace, measure};
use super::physics::{Bound, Limit};
use super::record::{Record, TimingMethod, Verdict};
use super::scripted::{DeviceClock, HostClock, KernelFault, Script, ScriptedExecutor};
use super::suite::Request;
use super::timing::unwatched;
use crate::kernel::{Class, Family, Kernel, Precision, Shape};
use serde::Serialize;

/// What must come out of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// No figure at all.
    NoFigure,
    /// The right figure, by the clock that is still right, or at least no MEASURED.
    RightOrDoubted,
    /// A figure that is doubted, or none: never MEASURED.
    Doubted,
    /// The right figure as MEASURED: the control that shows that the suite can tell.
    Right,
}

/// One mutant and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Outcome {
    /// What was wrong with the device.
    pub mutant: String,
    /// Whether it was caught (for the controls: whether nothing was wrongly caught).
    pub caught: bool,
    /// What came out.
    pub saw: String,
}

/// Schema id of [`SelfTest`].
pub const SCHEMA: &str = "flopcast.self-test/1";

/// What `flopcast self-test --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct SelfTest {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// One for each mutant and each honest control.
    pub outcomes: Vec<Outcome>,
}

struct Mutant {
    name: String,
    script: Script,
    expect: Expect,
}

/// Runs every mutant. Deterministic: scripted devices on scripted clocks.
pub fn run() -> Vec<Outcome> {
    run_watched(&mut |_, _| {})
}

/// [`run`]; `done` is told how many of how many are done.
pub fn run_watched(done: &mut dyn FnMut(usize, usize)) -> Vec<Outcome> {
    const THROTTLES: [(f64, f64); 4] = [(0.95, 1.0), (0.90, 1.0), (1.0, 0.90), (1.0, 0.5)];
    let mutants = mutants();
    let all = mutants.len() + THROTTLES.len() + 1;
    let mut outcomes = Vec::with_capacity(all);
    let mut keep = |outcome| {
        outcomes.push(outcome);
        done(outcomes.len(), all);
    };
    mutants.into_iter().for_each(|mutant| keep(judge(mutant)));
    THROTTLES.iter().for_each(|&(kernel, all)| keep(slower(kernel, all)));
    keep(too_fast());
    outcomes
}

/// A hundredth of noise, the same in every run: a hash of the submission.
fn noise(submission: u64) -> f64 {
    let hash = (submission + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    0.99 + 0.02 * (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// How slow the device is over the seconds since the start, followed within submissions too. Sampling begins by
/// 0.6 s and lasts half a second at least.
fn courses() -> Vec<(&'static str, super::scripted::Course)> {
    vec![
        ("drifts by a tenth", Box::new(|t| 1.0 + 0.06 * t)),
        ("goes up and down like a saw", Box::new(|t| 1.0 + 0.2 * (t / 0.35).fract())),
        ("throttles by a tenth for good", Box::new(|t| if t < 0.6 { 1.0 } else { 1.1 })),
        ("throttles by 5 % for half of each second", Box::new(|t| if t.fract() < 0.5 { 1.0 } else { 1.05 })),
        ("has two speeds: 15 % slower every third 90 ms", Box::new(|t| slow_for_a_third(t / 0.27, 0.15))),
        ("has two speeds: 5 % slower every third 90 ms", Box::new(|t| slow_for_a_third(t / 0.27, 0.05))),
        (
            "has two speeds: 30 % slower for 10 of 90 ms",
            Box::new(|t| if (t / 0.09).fract() < 0.11 { 1.3 } else { 1.0 }),
        ),
    ]
}

fn slow_for_a_third(turns: f64, by: f64) -> f64 {
    if turns.fract() < 2.0 / 3.0 { 1.0 } else { 1.0 + by }
}

/// The gate on what got slower: the kernel alone, which has to be found by it, or all of the adapter, which has to be
/// named and is no fault of the kernel's.
fn slower(kernel: f64, adapter: f64) -> Outcome {
    let run = |kernel: f64, adapter: f64| {
        let script = Script {
            flop_per_s: 1e12 * adapter,
            pace: Box::new(|s, _| noise(s)),
            cost: Box::new(move |k, _, _| if k.family == request().kernel.family { 1.0 / kernel } else { 1.0 }),
            ..Script::honest()
        };
        measured(ScriptedExecutor::new(script), Vec::new())
    };
    let threshold = Threshold::new(0.05).expect("5 % is a threshold");
    let comparison = compare(&[run(1.0, 1.0)], &[run(kernel, adapter)], threshold);
    let named = comparison.cases.iter().any(|case| case.machine.is_some_and(|m| m.ratio > 1.0));
    let percent = |rate: f64| 100.0 * (1.0 - rate);
    let (mutant, caught) = match () {
        () if adapter < 1.0 => (
            format!("an adapter {:.0} % slower in all that it does, before the gate", percent(adapter)),
            named && comparison.outcome == super::compare::Outcome::Inconclusive,
        ),
        // By 5 % it may as well be called inconclusive.
        () if kernel > 0.9 => (
            format!("a kernel {:.0} % slower, before the gate", percent(kernel)),
            matches!(comparison.outcome, super::compare::Outcome::Regressed | super::compare::Outcome::Inconclusive)
                && !named,
        ),
        () => (
            format!("a kernel {:.0} % slower, before the gate", percent(kernel)),
            comparison.outcome == super::compare::Outcome::Regressed,
        ),
    };
    Outcome {
        mutant,
        caught,
        saw: format!("{}: {}", comparison.outcome.as_str(), comparison.cases.first().map_or("", |c| c.detail.as_str())),
    }
}

/// An adapter that is faster than is possible.
fn too_fast() -> Outcome {
    let bound = Bound {
        limit: Limit::Arithmetic(Precision::F32),
        rate: 0.5e12,
        source: "a data sheet".into(),
        doubtful: false,
    };
    let record = measured(ScriptedExecutor::new(Script::honest()), vec![bound]);
    let named = record.reasons.iter().any(|r| r.code == "above-physics" && r.detail.contains("a data sheet"));
    Outcome {
        mutant: "an adapter twice as fast as its peak".into(),
        caught: record.figure.is_none() && named,
        saw: saw(&record),
    }
}

fn measured(mut executor: ScriptedExecutor, bounds: Vec<Bound>) -> Record {
    let request = Request { bounds, ..request() };
    measure(&mut executor, &request, &Effort::quick(), &mut Pace::default(), &mut unwatched).expect("nobody ends it")
}

fn mutants() -> Vec<Mutant> {
    let mut all =
        vec![Mutant { name: "control: an honest device".into(), script: Script::honest(), expect: Expect::Right }];
    for submission_s in [10e-6, 1e-3] {
        all.push(Mutant {
            name: format!("control: {} µs per submission", submission_s * 1e6),
            script: Script { submission_s, ..Script::honest() },
            expect: Expect::Right,
        });
    }
    for (name, kernel) in [
        ("does nothing", KernelFault::Nothing),
        ("returns early in half of the workgroups", KernelFault::HalfGrid),
        ("sums half of k", KernelFault::HalfK),
        ("transposes b", KernelFault::TransposesB),
        ("writes NaN", KernelFault::WritesNan),
        ("raises a validation error", KernelFault::ValidationError),
        ("is right once only", KernelFault::RightOnce),
        ("finds the answer already there", KernelFault::AnswerThere),
        ("remembers the answer within a submission", KernelFault::Remembers),
        ("does every other dispatch only", KernelFault::EveryOther),
        ("does only the last dispatch", KernelFault::OnlyLast),
        ("is off by a ten-millionth in every element", KernelFault::OffByAHair),
        ("leaves a row as it was in all dispatches but the last", KernelFault::ForgetsARow),
        ("works every other time where it finds a result", KernelFault::Marks),
        ("takes its time and writes nothing any more once it is timed", KernelFault::StopsWriting),
    ] {
        let script = Script { kernel, ..Script::honest() };
        all.push(Mutant { name: format!("kernel {name}"), script, expect: Expect::NoFigure });
        // Without a device clock only the proof and the host's scaling are left.
        let script = Script { kernel, device_clock: DeviceClock::Missing, ..Script::honest() };
        all.push(Mutant { name: format!("kernel {name}, no timestamps"), script, expect: Expect::NoFigure });
    }
    for (name, device_clock) in [
        ("is missing", DeviceClock::Missing),
        ("is zero", DeviceClock::Zero),
        ("runs backwards", DeviceClock::Reversed),
        ("is reset in mid-run", DeviceClock::Reset),
        ("moves in steps of 65,536 ns", DeviceClock::Quantised(65_536)),
        ("moves in steps of 100 µs", DeviceClock::Quantised(100_000)),
        ("runs twice as fast", DeviceClock::Off(2.0)),
        ("runs half as fast", DeviceClock::Off(0.5)),
    ] {
        let script = Script { device_clock, ..Script::honest() };
        all.push(Mutant { name: format!("device clock {name}"), script, expect: Expect::RightOrDoubted });
        let script = Script { device_clock, host_clock: HostClock::Quantised(100_000), ..Script::honest() };
        let name = format!("device clock {name}, host clock in steps of 100 µs");
        all.push(Mutant { name, script, expect: Expect::RightOrDoubted });
    }
    for (name, course) in courses() {
        let script = Script { course, pace: Box::new(|s, _| noise(s)), ..Script::honest() };
        all.push(Mutant { name: format!("device {name}"), script, expect: Expect::Doubted });
    }
    // Its trace is as steady as that of a device with a processor for each thread.
    let script = Script { course: Box::new(|_| 2.0), waits: Some(0.5), ..Script::honest() };
    let name = "both threads of the device on one processor".into();
    all.push(Mutant { name, script, expect: Expect::Doubted });
    let script = Script { waits: Some(0.02), ..Script::honest() };
    all.push(Mutant { name: "control: a processor for each thread".into(), script, expect: Expect::Right });
    for step in [65_536, 100_000] {
        let host_clock = HostClock::Quantised(step);
        let script = Script { host_clock, device_clock: DeviceClock::Missing, ..Script::honest() };
        let name = format!("host clock moves in steps of {step} ns, no timestamps");
        all.push(Mutant { name, script, expect: Expect::RightOrDoubted });
    }
    for (name, device_clock) in [("", DeviceClock::Honest), (", no timestamps", DeviceClock::Missing)] {
        let script = Script { host_clock: HostClock::ReturnsEarly, device_clock, ..Script::honest() };
        let name = format!("queue returns before completion{name}");
        all.push(Mutant { name, script, expect: Expect::RightOrDoubted });
    }
    all
}

fn judge(mutant: Mutant) -> Outcome {
    let true_rate = mutant.script.flop_per_s * 1e-9;
    let record = measured(ScriptedExecutor::new(mutant.script), Vec::new());
    let right = record.figure.as_ref().is_some_and(|f| (f.gflop_per_s.median / true_rate - 1.0).abs() < 0.01);
    let caught = match mutant.expect {
        Expect::NoFigure => record.figure.is_none(),
        Expect::RightOrDoubted => right || record.verdict != Verdict::Measured,
        Expect::Doubted => record.verdict != Verdict::Measured,
        Expect::Right => right && record.verdict == Verdict::Measured,
    };
    Outcome { mutant: mutant.name, caught, saw: saw(&record) }
}

fn request() -> Request {
    let family = Family::RegisterTiled;
    let kernel = Kernel::compose(family, family.default_tiling(Class::default(), Precision::F32), Precision::F32)
        .expect("the default kernel composes; a test composes them all");
    // Long against the clocks' faults, short to multiply on the host; no multiple of a tile.
    let shape = Shape { m: 130, n: 94, k: 101, batch: 1 };
    Request::plain(kernel, shape)
}

pub(super) fn saw(record: &Record) -> String {
    let figure = match &record.figure {
        None => "no figure".to_string(),
        Some(f) => {
            let clock = if f.timing_method == TimingMethod::DeviceSlope { "device" } else { "host" };
            format!("{:.1} GFLOP/s by the {clock} clock", f.gflop_per_s.median)
        }
    };
    let reasons: Vec<&str> = record.reasons.iter().map(|r| r.code.as_str()).collect();
    format!("{}, {figure} [{}]", record.verdict.as_str(), reasons.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_caught_and_every_control_passes() {
        let outcomes = run();
        let missed: Vec<_> = outcomes.iter().filter(|o| !o.caught).collect();
        assert!(missed.is_empty(), "{missed:#?}");
        assert!(outcomes.len() > 40);
    }
}
