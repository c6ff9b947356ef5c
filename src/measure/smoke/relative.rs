//! Every kernel's time over the others', turn by turn.

use super::{Baseline, Host, Outcome, Relative, Smoke, Test, Watch, judge, name, nearest};
use crate::kernel::{DataClass, Kernel, Operands, Settings, Shape};
use crate::measure::doctor::CpuTimes;
use crate::measure::interleave::{Contestant, turns};
use crate::measure::record::Workers;
use crate::measure::workers::{MOST_WAIT, Threads};
use crate::measure::{Executor, Step};
use crate::stats::ratio::paired;

/// Name of the test that fails where no kernel can be timed at all.
pub const TIMING: &str = "timing";

/// What is multiplied: some blocks of every default tiling, so that more than one processor has work.
pub const SHAPE: Shape = Shape { m: 256, n: 256, k: 64, batch: 1 };

/// Runs before the first sample: the first one compiles, and of the others the naive kernels' take a second.
const WARMUP: u32 = 2;

/// Length of a submission.
const SUBMISSION_S: f64 = 1.5e-3;

/// Rounds; each holds a turn of every kernel.
const ROUNDS: u32 = 9;

/// Rounds that are enough where they have taken [`LOOK_S`] already: on a slow machine the gate is not to take minutes.
const FEWEST_ROUNDS: u32 = 4;
const LOOK_S: f64 = 3.0;

/// Times the kernels that were right, and judges them if there is a baseline for this machine.
pub fn look(
    executor: &mut dyn Executor,
    kernels: &[&Kernel],
    baselines: &[Baseline],
    host: &Host,
    watch: &mut Watch,
    smoke: &mut Smoke,
) {
    if kernels.is_empty() {
        return;
    }
    let before = Before { ns: executor.now_ns(), cpu: watch.cpu.times(), threads: executor.threads() };
    let mut contestants = Vec::new();
    for (slot, kernel) in kernels.iter().enumerate() {
        match ready(executor, slot, kernel) {
            Ok(one) => contestants.push((name(kernel), one)),
            Err(missing) => smoke.tests.push(Test {
                kind: "relative".into(),
                name: name(kernel),
                outcome: Outcome::Failed(missing.reason().detail),
                seconds: 0.0,
            }),
        }
    }
    let went = timed(executor, &mut contestants, ROUNDS, 0.7, watch).map_err(Outcome::Failed);
    let outcome = went.and_then(|()| {
        // A clock that says nothing while others have the processors says nothing of the kernels.
        ratios(&contestants).map_err(|why| match before.disturbed(executor, watch) {
            Some(disturbed) => Outcome::Skipped(format!("{why}, but {disturbed}: not to be told")),
            None => Outcome::Failed(why),
        })
    });
    let seconds = |executor: &dyn Executor| (executor.now_ns() - before.ns) as f64 * 1e-9;
    let ratios = match outcome {
        Ok(ratios) => ratios,
        Err(outcome) => {
            executor.select(0);
            smoke.tests.push(Test {
                kind: "relative".into(),
                name: TIMING.into(),
                outcome,
                seconds: seconds(executor),
            });
            return;
        }
    };
    let fit: Vec<&Baseline> = baselines.iter().filter(|b| b.unlike(&smoke.adapter, host).is_none()).collect();
    let Some(baseline) = nearest(&ratios, &fit) else {
        let why = match baselines.first() {
            None => "no baseline for this adapter; make one with `--write-baseline FILE`".to_string(),
            Some(baseline) => baseline.unlike(&smoke.adapter, host).unwrap_or_default(),
        };
        let outcome = Outcome::Skipped(why);
        smoke.tests.push(Test {
            kind: "relative".into(),
            name: "baseline".into(),
            outcome,
            seconds: seconds(executor),
        });
        smoke.relative = ratios.into_iter().map(|(kernel, ratio)| unjudged(kernel, ratio)).collect();
        executor.select(0);
        return;
    };
    let mut judged = judge(&ratios, baseline);
    // What looks slow is looked at again, with samples of its own: a neighbour's burst seldom comes twice.
    if judged.iter().any(slow) && !(watch.stop)() {
        let suspect = |name: &str| judged.iter().any(|one| one.kernel == name && slow(one));
        keep_for_second_look(&mut contestants, suspect);
        contestants.iter_mut().for_each(|(_, one)| one.samples.submissions.clear());
        let again = timed(executor, &mut contestants, ROUNDS, 0.85, watch).and_then(|()| self::ratios(&contestants));
        if let Ok(again) = again {
            let again = judge(&again, baseline);
            for first in judged.iter_mut().filter(|one| slow(one)) {
                if let Some(second) = again.iter().find(|r| r.kernel == first.kernel)
                    && second.slowdown < first.slowdown
                {
                    *first = second.clone();
                }
            }
        }
    }
    executor.select(0);
    let each = seconds(executor) / judged.len().max(1) as f64;
    let disturbed = before.disturbed(executor, watch);
    smoke.tests.extend(judged.iter().map(|one| test(one, disturbed.as_deref(), each)));
    smoke.tests.extend(baseline.without(&ratios).map(|kernel| Test {
        kind: "relative".into(),
        outcome: Outcome::Skipped("in the baseline, but not measured here".into()),
        name: kernel,
        seconds: 0.0,
    }));
    smoke.relative = judged;
}

fn slow(one: &Relative) -> bool {
    matches!((one.slowdown, one.limit), (Some(slowdown), Some(limit)) if slowdown > limit)
}

/// Share of the processors that others took above which a slow kernel is not the kernel's fault: what runs on
/// all processors then loses against what runs on one (by up to 1.7 times with half of two processors gone).
const BUSY: f64 = 0.15;

/// What the processors had been given to when the look began.
struct Before {
    ns: u64,
    cpu: Option<CpuTimes>,
    threads: Option<Threads>,
}

impl Before {
    /// What took the processors away from the kernels since, if anything did: other processes, or one of the adapter's
    /// threads stood behind another on the same processor, which those do not see.
    fn disturbed(&self, executor: &dyn Executor, watch: &mut Watch) -> Option<String> {
        let busy = self.cpu.zip(watch.cpu.times()).map(|(before, after)| after.taken_since(before));
        let others = busy
            .filter(|share| *share > BUSY)
            .map(|share| format!("other processes took {:.0} % of the processors", 100.0 * share));
        let behind =
            |share| format!("a thread of the adapter waited for a processor for {:.0} % of the time", 100.0 * share);
        let wall_ns = executor.now_ns() - self.ns;
        let given = self.threads.as_ref().zip(executor.threads()).map(|(b, a)| Workers::between(b, &a, wall_ns));
        others.or_else(|| given.map(|given| given.waited()).filter(|share| *share > MOST_WAIT).map(behind))
    }
}

fn test(one: &Relative, disturbed: Option<&str>, seconds: f64) -> Test {
    let outcome = match (one.slowdown, one.limit, disturbed) {
        (Some(slowdown), Some(limit), Some(why)) if slowdown > limit => Outcome::Skipped(format!(
            "{slowdown:.2} times slower against the others than in the baseline, but {why}: not to be told"
        )),
        (Some(slowdown), Some(limit), None) if slowdown > limit => Outcome::Failed(format!(
            "{slowdown:.2} times slower against the other kernels than in the baseline, twice; {limit:.2} is the limit"
        )),
        (Some(_), Some(_), _) => Outcome::Passed,
        (Some(slowdown), None, _) => Outcome::Skipped(format!(
            "{slowdown:.2} times the baseline, whose own runs vary too much to tell twice as slow"
        )),
        _ => Outcome::Skipped("not in the baseline; `--write-baseline` adds it".into()),
    };
    Test { kind: "relative".into(), name: one.kernel.clone(), outcome, seconds }
}

fn unjudged(kernel: String, ratio: f64) -> Relative {
    Relative { kernel, ratio, baseline: None, slowdown: None, limit: None }
}

fn ready(executor: &mut dyn Executor, slot: usize, kernel: &Kernel) -> Step<Contestant> {
    executor.select(slot);
    executor.prepare(kernel, SHAPE, Settings::default())?;
    executor.load(&Operands::of_class(SHAPE, kernel.precision, DataClass::Normal, 1))?;
    Contestant::start_after(WARMUP, executor, slot, SHAPE, SUBMISSION_S)
}

/// Leaves the slow ones, the reference (the first) and the quickest of the others: all those that are not long, and more
/// than there are slow ones, since their median is what all have in common.
fn keep_for_second_look(contestants: &mut Vec<(String, Contestant)>, suspect: impl Fn(&str) -> bool) {
    let mut others: Vec<f64> =
        contestants.iter().filter(|(name, _)| !suspect(name)).map(|(_, one)| one.each_s()).collect();
    others.sort_by(f64::total_cmp);
    let enough = contestants.len() - others.len() + 1;
    let up_to_s = others.get(enough.min(others.len()).saturating_sub(1)).copied().unwrap_or(0.0);
    let mut number = 0;
    contestants.retain(|(name, one)| {
        number += 1;
        number == 1 || suspect(name) || !one.is_long() || one.each_s() <= up_to_s
    });
}

fn timed(
    executor: &mut dyn Executor,
    contestants: &mut [(String, Contestant)],
    rounds: u32,
    from: f64,
    watch: &mut Watch,
) -> Result<(), String> {
    let count = contestants.len();
    let begin = executor.now_ns();
    for round in 0..rounds {
        let taken_s = (executor.now_ns() - begin) as f64 * 1e-9;
        if round >= FEWEST_ROUNDS && taken_s > LOOK_S {
            break;
        }
        (watch.observe)("relative speed", from + 0.15 * f64::from(round) / f64::from(rounds));
        for turn in 0..count {
            if (watch.stop)() {
                return Err("interrupted".into());
            }
            // Another one begins in each round, and every other round runs backwards.
            let turn = if round % 2 == 0 { turn } else { count - 1 - turn };
            let (_, one) = &mut contestants[(turn + round as usize) % count];
            one.brief_turn(executor, round, round % 2 == 1).map_err(|missing| missing.reason().detail)?;
        }
    }
    Ok(())
}

/// Time of each over the first's, paired by rounds. What the first does to all the others alike is taken out
/// by [`judge`].
fn ratios(contestants: &[(String, Contestant)]) -> Result<Vec<(String, f64)>, String> {
    let samples: Vec<_> = contestants.iter().map(|(_, one)| &one.samples).collect();
    let seconds = turns(&samples).map_err(|reason| reason.detail)?.seconds;
    let one = |((name, _), times): (&(String, Contestant), &Vec<f64>)| {
        let found = paired(&seconds[0], times, 0.95).map_err(|why| format!("{name}: {why}"))?;
        Ok((name.clone(), found.ratio))
    };
    contestants.iter().zip(&seconds).map(one).collect()
}
