//! What portability costs on an adapter: pairs of kernels that differ in one thing, interleaved in one
//! process, as a ratio of times with its interval.

use super::interleave::{Contestant, turns};
use super::record::{Missing, TimingMethod};
use super::tune::Candidate;
use super::witness::prove_each;
use super::{Executor, Step};
use crate::error::Result;
use crate::kernel::{Class, DataClass, Family, Kernel, Operands, Precision, Proof, Settings, Shape, prove};
use crate::stats::ratio::paired;
use crate::units::duration;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Rounds of a pair: fewer where the time is used up, never fewer than [`LEAST_ROUNDS`].
const ROUNDS: u32 = 40;
const LEAST_ROUNDS: u32 = 8;

/// The shortest submission, seconds.
const SUBMISSION_S: f64 = 4e-3;

/// One question.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// What is changed.
    pub what: &'static str,
    /// Without it.
    pub base: Candidate,
    /// With it.
    pub variant: Candidate,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cost {
    /// What was changed.
    pub what: String,
    /// The kernel without it.
    pub base: String,
    /// The kernel with it.
    pub variant: String,
    /// m×n×k.
    pub shape: String,
    /// Time with it over time without, above 1 is slower; absent where one of the two did not run.
    pub ratio: Option<f64>,
    /// Ends of the 95 % interval of the ratio.
    pub lo: Option<f64>,
    /// See `lo`.
    pub hi: Option<f64>,
    /// Confidence that the interval has.
    pub confidence: Option<f64>,
    /// Rounds behind it.
    pub rounds: usize,
    /// Which clock.
    pub timing_method: Option<TimingMethod>,
    /// `unsupported`, `failed` or `skipped`, where there is no ratio.
    pub missing: Option<Cow<'static, str>>,
    /// Why there is no ratio.
    pub why: Option<String>,
}

/// Schema id of [`Costs`].
pub const SCHEMA: &str = "flopcast.portability/1";

/// What `flopcast measure --suite portability --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Costs {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// What they were measured on.
    pub adapter: super::record::AdapterIdentity,
    /// One for each pair and shape.
    pub costs: Vec<Cost>,
}

/// The questions worth asking of a class of adapter: bounds checks, zero fill and both on the textbook kernel
/// (workgroup memory, loops) and checks on the fastest; subgroups; halves; matrix units.
///
/// # Errors
/// Where a kernel of the catalogue does not compose, which its tests exclude.
pub fn pairs(class: Class) -> Result<Vec<Pair>> {
    let off = Settings::default();
    let of = |family: Family, precision: Precision, settings: Settings| -> Result<Candidate> {
        Ok(Candidate { kernel: Kernel::compose(family, family.default_tiling(class, precision), precision)?, settings })
    };
    let checks = Settings { bounds_checks: true, ..off };
    let fill = Settings { zero_fill: true, ..off };
    let both = Settings { bounds_checks: true, zero_fill: true };
    let tiled = |settings| of(Family::RegisterTiled, Precision::F32, settings);
    let usual = Family::usual(class, Precision::F32);
    let fastest = usual.last().copied().unwrap_or(Family::RegisterTiled);
    let mut all = vec![
        Pair { what: "bounds checks on", base: tiled(off)?, variant: tiled(checks)? },
        Pair { what: "zero fill on", base: tiled(off)?, variant: tiled(fill)? },
        Pair { what: "both on", base: tiled(off)?, variant: tiled(both)? },
    ];
    if fastest != Family::RegisterTiled {
        let fast = |settings| of(fastest, Precision::F32, settings);
        all.push(Pair { what: "bounds checks on", base: fast(off)?, variant: fast(checks)? });
    }
    let f32 = |family| of(family, Precision::F32, off);
    all.push(Pair { what: "subgroup broadcasts", base: f32(Family::RegisterDirect)?, variant: f32(Family::Subgroup)? });
    for precision in [Precision::F16, Precision::F16AccF32] {
        let what = if precision == Precision::F16 { "f16" } else { "f16, sums in f32" };
        all.push(Pair { what, base: tiled(off)?, variant: of(Family::RegisterTiled, precision, off)? });
    }
    let halves = Precision::F16AccF32;
    all.push(Pair {
        what: "cooperative matrices",
        base: of(Family::RegisterTiled, halves, off)?,
        variant: of(Family::CooperativeMatrix, halves, off)?,
    });
    Ok(all)
}

/// The row of a pair that there was no time for.
pub fn left_out(pair: &Pair, shape: Shape, why: String) -> Cost {
    Cost { missing: Some("skipped".into()), why: Some(why), ..blank(pair, shape) }
}

fn blank(pair: &Pair, shape: Shape) -> Cost {
    let name = |c: &Candidate| format!("{} {}", c.name(), c.kernel.precision);
    Cost {
        what: pair.what.into(),
        base: name(&pair.base),
        variant: name(&pair.variant),
        shape: shape.to_string(),
        ratio: None,
        lo: None,
        hi: None,
        confidence: None,
        rounds: 0,
        timing_method: None,
        missing: None,
        why: None,
    }
}

/// Time of a pair.
pub struct Time<'a> {
    /// Seconds of its turns, about; never fewer than eight rounds.
    pub seconds: f64,
    /// Seconds that it may take with its fewest rounds, where a budget bounds it.
    pub most: Option<f64>,
    /// Whether to leave it before it is done.
    pub stop: &'a dyn Fn() -> bool,
}

/// Proves both kernels of a pair, then times them turn by turn.
pub fn cost(executor: &mut dyn Executor, pair: &Pair, shape: Shape, time: &Time, seed: u64) -> Cost {
    let mut cost = blank(pair, shape);
    if let Err(missing) = attempt(executor, pair, shape, time, seed, &mut cost) {
        cost.missing = Some(missing.status().into());
        cost.why = Some(missing.reason().detail);
    }
    executor.select(0);
    cost
}

fn attempt(
    executor: &mut dyn Executor,
    pair: &Pair,
    shape: Shape,
    time: &Time,
    seed: u64,
    cost: &mut Cost,
) -> Step<()> {
    let sides = [&pair.base, &pair.variant];
    for (slot, side) in sides.into_iter().enumerate() {
        executor.select(slot);
        executor.prepare(&side.kernel, shape, side.settings)?;
    }
    let mut contestants = Vec::new();
    let begin = executor.now_ns();
    for (slot, side) in sides.into_iter().enumerate() {
        ask(time)?;
        let precision = side.kernel.precision;
        let exact = Operands::exact(shape, precision, seed);
        executor.select(slot);
        executor.load(&exact)?;
        // The first one compiles, and tells no time.
        executor.submit(1)?;
        executor.poison()?;
        let each = executor.submit(1)?.host_ns as f64 * 1e-9;
        passed(&prove(&exact, &executor.read()?, precision, seed))?;
        // Of both sides: what comes before the rounds, one and two dispatches in each, and what is seen after them.
        let least = 2.0 * each * f64::from(3 + 3 * LEAST_ROUNDS + 2);
        if let Some(most) = time.most.filter(|&most| least > most) {
            let reason = format!("it takes about {}, the time budget leaves it {}", duration(least), duration(most));
            return Err(Missing::Skipped { reason });
        }
        executor.keep_decoy()?;
        executor.load(&Operands::of_class(shape, precision, DataClass::Normal, seed))?;
        contestants.push(Contestant::start(executor, slot, shape, SUBMISSION_S)?);
    }
    for round in 0..ROUNDS {
        ask(time)?;
        // Who comes first alternates, and so does the length of the first submission.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            contestants[side].turn(executor, round, round % 4 >= 2)?;
        }
        let spent = (executor.now_ns() - begin) as f64 * 1e-9;
        if round + 1 >= LEAST_ROUNDS && spent >= time.seconds {
            break;
        }
    }
    // What was timed is what is proved: the last output of each side, and its dispatches one by one.
    for (slot, side) in sides.into_iter().enumerate() {
        let precision = side.kernel.precision;
        executor.select(slot);
        let operands = Operands::of_class(shape, precision, DataClass::Normal, seed);
        let last = prove(&operands, &executor.read()?, precision, seed);
        passed(&last)?;
        let longest = contestants[slot].lengths().into_iter().max().unwrap_or(1);
        passed(&prove_each(executor, &operands, precision, seed, longest, last)?)?;
    }
    let failed = |error: String| Missing::Failed { error };
    let turns = turns(&[&contestants[0].samples, &contestants[1].samples]).map_err(|r| failed(r.detail))?;
    let ratio = paired(&turns.seconds[0], &turns.seconds[1], 0.95).map_err(|u| failed(u.to_string()))?;
    cost.rounds = turns.seconds[0].len();
    cost.timing_method = Some(turns.method);
    (cost.ratio, cost.lo, cost.hi) = (Some(ratio.ratio), Some(ratio.lo), Some(ratio.hi));
    cost.confidence = Some(ratio.confidence);
    Ok(())
}

fn ask(time: &Time) -> Step<()> {
    if (time.stop)() { Err(Missing::Skipped { reason: "interrupted".into() }) } else { Ok(()) }
}

fn passed(proof: &Proof) -> Step<()> {
    match proof.passed {
        true => Ok(()),
        false => {
            Err(Missing::Failed { error: proof.failure.clone().unwrap_or_else(|| "the output is no product".into()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Timed;
    use crate::measure::scripted::{KernelFault, Script, ScriptedExecutor};

    #[test]
    fn every_class_has_questions_whose_two_sides_differ() {
        for class in [
            Class::default(),
            Class { software: true, subgroup: Some(8), ..Default::default() },
            Class { software: true, ..Default::default() },
            Class { software: false, subgroup: Some(32), ..Default::default() },
        ] {
            let pairs = pairs(class).unwrap();
            assert!(pairs.len() >= 7);
            assert!(pairs.iter().all(|p| p.base != p.variant), "{pairs:?}");
        }
    }

    fn plenty() -> Time<'static> {
        Time { seconds: 1.0, most: None, stop: &|| false }
    }

    #[test]
    fn a_pair_that_does_not_fit_a_budget_is_left_out_and_one_that_is_stopped_ends() {
        // A product takes 0.1 s: eight rounds of both sides 5 s.
        let slow = || ScriptedExecutor::new(Script { flop_per_s: 10.0 * Shape::square(64).flop(), ..Script::honest() });
        let pair = pairs(Class::default()).unwrap().remove(0);
        for time in [
            Time { seconds: 0.5, most: Some(0.75), stop: &|| false },
            Time { seconds: 10.0, most: None, stop: &|| true },
        ] {
            let mut executor = slow();
            let begin = executor.now_ns();
            let cost = cost(&mut executor, &pair, Shape::square(64), &time, 1);
            assert_eq!((cost.ratio, cost.missing.as_deref()), (None, Some("skipped")), "{cost:?}");
            assert!((executor.now_ns() - begin) as f64 * 1e-9 < 1.0);
        }
        assert!(cost(&mut slow(), &pair, Shape::square(64), &plenty(), 1).ratio.is_some());
    }

    #[test]
    fn equal_kernels_cost_nothing_and_a_wrong_one_has_no_ratio() {
        let pair = pairs(Class::default()).unwrap().remove(0);
        let honest = cost(&mut ScriptedExecutor::new(Script::honest()), &pair, Shape::square(64), &plenty(), 1);
        assert!((honest.ratio.unwrap() - 1.0).abs() < 1e-3, "{honest:?}");
        assert!(honest.lo <= honest.ratio && honest.ratio <= honest.hi && honest.rounds as u32 >= LEAST_ROUNDS);
        for kernel in [
            KernelFault::HalfK,
            KernelFault::RightOnce,
            KernelFault::EveryOther,
            KernelFault::OnlyLast,
            KernelFault::StopsWriting,
            KernelFault::OffByAHair,
        ] {
            let script = Script { kernel, ..Script::honest() };
            let wrong = cost(&mut ScriptedExecutor::new(script), &pair, Shape::square(64), &plenty(), 1);
            assert_eq!((wrong.ratio, wrong.missing.as_deref()), (None, Some("failed")), "{kernel:?}");
        }
    }
}
