//! The sentinel: a small product of a fixed size, timed once beside every round. Its work never changes, so
//! where its time does, the device's clock did (or a neighbour came), and no vendor's telemetry is needed
//! to see it.
//!
//! It keeps the arithmetic units busy on several cores, as the work does that it is timed beside. One that waits
//! for memory or barriers does not see a machine that lost half of its arithmetic: METHODOLOGY.md, Sentinel.
//!
//! It has a slot of its own, is proved like any kernel, and takes about a quarter of the shortest
//! submission: 4 % of a round of three lengths, 8 % of one of two.

use super::effort::MOST_DISPATCHES;
use super::executor::{Executor, Lap, Step, Timed};
use super::record::{Missing, Reason, Sentinel, SentinelLap, TimingMethod};
use super::steadiness::{Code, assess_by};
use super::workers::Threads;
use crate::kernel::{Family, Kernel, Operands, Precision, Settings, Shape, prove};
use crate::stats::interval::{MedianInterval, median_95};
use crate::stats::rank::correlation_p;

/// Slot that the sentinel keeps from case to case.
pub const SLOT: usize = 15;

/// Slot of the case.
pub const CASE_SLOT: usize = 0;

/// Its kernel: patches of C in registers, straight from buffers. It needs no feature and knows no barrier.
const FAMILY: Family = Family::RegisterDirect;

/// The sentinel's product: four workgroups of 64×64, a fraction of a millisecond on every adapter.
pub const SHAPE: Shape = Shape { m: 128, n: 128, k: 64, batch: 1 };

/// How much slower than the sentinel the slowest kernel is: `naive` on lavapipe, 1.6 against 25 GFLOP/s.
const SLOWEST: f64 = 16.0;

/// Part of the shortest submission that a lap takes; a round is three or six of those.
const SHARE: f64 = 0.25;

/// Probability under independence below which sentinel and headline count as moving in step.
const IN_STEP: f64 = 0.01;

/// A sentinel that stands ready in its slot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ready {
    /// Products of a lap.
    pub dispatches: u32,
    /// Seconds of one of them, about.
    pub each_s: f64,
}

impl Ready {
    /// Prepares and proves the sentinel where that was not done before, and finds how many of its products
    /// make a lap beside submissions of at least `submission_s`. Leaves [`CASE_SLOT`] selected.
    ///
    /// # Errors
    /// What stands in the way.
    pub fn on(executor: &mut dyn Executor, submission_s: f64) -> Step<Ready> {
        executor.select(SLOT);
        let ready = prepared(executor).and_then(|()| size(executor, submission_s));
        executor.select(CASE_SLOT);
        ready.map_err(|missing| match missing {
            Missing::Failed { error } => Missing::Failed { error: format!("sentinel: {error}") },
            other => other,
        })
    }

    /// What any kernel on this adapter does at least, about, flop/s.
    pub fn flop_per_s(&self) -> f64 {
        SHAPE.flop() / self.each_s / SLOWEST
    }
}

fn prepared(executor: &mut dyn Executor) -> Step<()> {
    if executor.holds() {
        return Ok(());
    }
    // What stays in its slot was proved: the next case takes it as it is.
    proved(executor).inspect_err(|_| executor.vacate())
}

fn proved(executor: &mut dyn Executor) -> Step<()> {
    let precision = Precision::F32;
    let kernel = Kernel::compose(FAMILY, FAMILY.tilings()[0], precision)
        .map_err(|e| Missing::Failed { error: e.message().into() })?;
    executor.prepare(&kernel, SHAPE, Settings::default())?;
    let operands = Operands::exact(SHAPE, precision, 1);
    executor.load(&operands)?;
    executor.poison()?;
    executor.submit(1)?;
    let proof = prove(&operands, &executor.read()?, precision, 1);
    match proof.failure {
        Some(failure) => Err(Missing::Failed { error: format!("its output is wrong: {failure}") }),
        None if proof.passed => Ok(()),
        None => Err(Missing::Failed { error: "its output is wrong".into() }),
    }
}

fn size(executor: &mut dyn Executor, submission_s: f64) -> Step<Ready> {
    // The cost of a submission is left out by the difference of two lengths.
    const MANY: u32 = 17;
    let one = executor.submit(1)?.host_ns as f64;
    let wanted = SHARE * submission_s;
    if one * 1e-9 >= wanted {
        // Slow enough that one is a lap: more of them would only cost time.
        return Ok(Ready { dispatches: 1, each_s: one * 1e-9 });
    }
    let many = executor.submit(MANY)?.host_ns as f64;
    let each = if many > one { (many - one) / f64::from(MANY - 1) } else { many / f64::from(MANY) };
    let each_s = each.max(1.0) * 1e-9;
    let dispatches = (wanted / each_s).round().clamp(1.0, f64::from(MOST_DISPATCHES)) as u32;
    Ok(Ready { dispatches, each_s })
}

/// A case whose rounds a sentinel is timed beside.
pub struct Guarded<'a> {
    /// The device.
    pub executor: &'a mut dyn Executor,
    /// Its sentinel.
    pub ready: Ready,
}

impl Timed for Guarded<'_> {
    fn tick_ns(&self) -> Option<f64> {
        self.executor.tick_ns()
    }

    fn host_tick_ns(&self) -> f64 {
        self.executor.host_tick_ns()
    }

    fn now_ns(&self) -> u64 {
        self.executor.now_ns()
    }

    fn poison(&mut self) -> Step<()> {
        self.executor.poison()
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        self.executor.submit(repeats)
    }

    fn sentinel(&mut self) -> Step<Option<(u32, Lap)>> {
        self.executor.select(SLOT);
        let lap = self.executor.submit(self.ready.dispatches);
        self.executor.select(CASE_SLOT);
        Ok(Some((self.ready.dispatches, lap?)))
    }

    fn threads(&self) -> Option<Threads> {
        self.executor.threads()
    }
}

/// What a sentinel's trace says of a headline.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// Whether the headline moved in step with it.
    pub in_step: bool,
    /// What was seen.
    pub reason: Reason,
}

/// Whether the sentinel's time changed materially and significantly over the rounds, and whether the
/// headline's samples went with it; `None` where it did not change. `method` is that of the record.
pub fn moved(
    sentinel: &Sentinel,
    tick_ns: Option<f64>,
    clock: TimingMethod,
    headline: &[f64],
    method: u32,
) -> Option<Moved> {
    let trace = trace(sentinel, tick_ns, clock);
    let courses = [Code::Ramp, Code::Step, Code::Drift, Code::Sawtooth, Code::TwoModes];
    let flag = assess_by(&trace, method).into_iter().find(|flag| courses.contains(&flag.code))?;
    let p = if trace.len() == headline.len() { correlation_p(&trace, headline).unwrap_or(1.0) } else { 1.0 };
    let in_step = p < IN_STEP;
    let (code, tail) = match in_step {
        true => ("clock-moved", "and the figure's samples went with it"),
        false => ("sentinel-moved", "the figure's samples did not go with it"),
    };
    let detail = format!("the time of a fixed small product: {} ({}); {tail}", flag.detail, flag.code.as_str());
    Some(Moved { in_step, reason: Reason::new(code, detail) })
}

/// Seconds of one of its products, with a 95 % interval, by a clock; `None` with fewer laps than that takes. By the
/// host's clock the cost of a lap's submission is in it.
pub fn level(sentinel: &Sentinel, tick_ns: Option<f64>, method: TimingMethod) -> Option<MedianInterval> {
    let each = 1.0 / f64::from(sentinel.dispatches.max(1));
    let trace: Vec<f64> = trace(sentinel, tick_ns, method).iter().map(|lap| lap * each).collect();
    median_95(&trace).ok().filter(|level| level.reached && level.lo > 0.0)
}

/// Seconds of each lap, by the clock that made the headline where that can be read here too.
fn trace(sentinel: &Sentinel, tick_ns: Option<f64>, method: TimingMethod) -> Vec<f64> {
    let device = |lap: &SentinelLap| match (lap.device_ticks, tick_ns) {
        (Some([begin, end]), Some(tick_ns)) if 0 < begin && begin < end => Some((end - begin) as f64 * tick_ns * 1e-9),
        _ => None,
    };
    let by_device: Option<Vec<f64>> = sentinel.laps.iter().map(device).collect();
    match (method, by_device) {
        (TimingMethod::DeviceSlope, Some(trace)) => trace,
        _ => sentinel.laps.iter().map(|lap| lap.host_ns as f64 * 1e-9).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::record::METHOD;
    use crate::measure::scripted::{KernelFault, Script, ScriptedExecutor};
    use crate::stats::synthetic::Noise;

    fn sentinel(times: &[f64]) -> Sentinel {
        let lap = |t: &f64| SentinelLap { host_ns: (t * 1e6) as u64, device_ticks: None };
        Sentinel { dispatches: 10, laps: times.iter().map(lap).collect() }
    }

    #[test]
    fn a_sentinel_that_failed_is_tried_again_and_not_taken_for_proved() {
        for fault in [KernelFault::HalfK, KernelFault::WritesNan, KernelFault::ValidationError] {
            let mut executor = ScriptedExecutor::new(Script { kernel: fault, ..Script::honest() });
            for case in 0..3 {
                assert!(Ready::on(&mut executor, 4e-3).is_err(), "{fault:?}, case {case}");
            }
        }
        let mut honest = ScriptedExecutor::new(Script::honest());
        assert!(Ready::on(&mut honest, 4e-3).is_ok());
        honest.select(SLOT);
        assert!(honest.holds(), "compiled and proved once for all cases");
    }

    fn seen(times: &[f64], headline: &[f64]) -> Option<(bool, String)> {
        let moved = moved(&sentinel(times), None, TimingMethod::HostSlope, headline, METHOD)?;
        Some((moved.in_step, moved.reason.code))
    }

    fn stepped(seed: u64, by: f64) -> Vec<f64> {
        let mut trace = Noise::Normal(0.01).trace(seed, 40);
        trace[20..].iter_mut().for_each(|t| *t *= by);
        trace
    }

    #[test]
    fn a_clock_that_moved_shows_in_the_sentinel_and_in_the_figure() {
        assert_eq!(seen(&stepped(1, 1.1), &stepped(2, 1.1)), Some((true, "clock-moved".into())));
        assert_eq!(seen(&stepped(1, 0.9), &stepped(2, 0.9)), Some((true, "clock-moved".into())));
    }

    #[test]
    fn a_sentinel_that_moved_alone_is_a_note() {
        assert_eq!(seen(&stepped(1, 1.1), &stepped(2, 1.0)), Some((false, "sentinel-moved".into())));
        assert_eq!(seen(&stepped(1, 1.1), &stepped(2, 0.9)), Some((false, "sentinel-moved".into())));
    }

    #[test]
    fn a_lap_is_read_by_the_clock_of_the_headline() {
        // By the device's clock a step, by the host's none.
        let times = stepped(1, 1.1);
        let lap = |t: &f64| SentinelLap { host_ns: 1_000_000, device_ticks: Some([5, 5 + (t * 1e6) as u64]) };
        let sentinel = Sentinel { dispatches: 10, laps: times.iter().map(lap).collect() };
        let seen = |clock| moved(&sentinel, Some(1.0), clock, &stepped(2, 1.1), METHOD).map(|moved| moved.in_step);
        assert_eq!(seen(TimingMethod::DeviceSlope), Some(true));
        assert_eq!(seen(TimingMethod::HostSlope), None);
        let level = |clock| level(&sentinel, Some(1.0), clock).map_or(0.0, |level| level.median);
        assert!((level(TimingMethod::HostSlope) - 1e-4).abs() < 1e-9);
        assert!((level(TimingMethod::DeviceSlope) - 1e-4).abs() > 1e-7);
    }

    #[test]
    fn a_sentinel_that_is_wrong_is_none() {
        for kernel in [KernelFault::HalfK, KernelFault::Nothing, KernelFault::TransposesB] {
            let refused = Ready::on(&mut ScriptedExecutor::new(Script { kernel, ..Script::honest() }), 4e-3);
            let Err(Missing::Failed { error }) = refused else { panic!("{kernel:?} stands ready") };
            assert!(error.starts_with("sentinel: its output is wrong"), "{error}");
        }
    }

    #[test]
    fn a_sentinel_that_stood_still_says_nothing() {
        assert_eq!(seen(&stepped(1, 1.0), &stepped(2, 1.1)), None);
        let flagged = (0..1000).filter(|&s| seen(&stepped(s, 1.0), &stepped(s + 5000, 1.0)).is_some()).count();
        assert!(flagged <= 10, "{flagged} of 1000");
        assert_eq!(seen(&[], &[]), None);
    }
}
