//! The trial itself: prove both sides, take turns in pairs of random order, prove what was timed.

use super::missing;
use super::verdict::{Call, FIRST_LOOK, LOOKS, judge};
use super::wire::{End, Head, Line, Pair, SCHEMA, SideHead, Trial};
use crate::error::Result;
use crate::kernel::{Case, DataClass, Kernel, Operands, Precision, Proof, Settings, Shape, prove};
use crate::measure::compare::Threshold;
use crate::measure::interleave::Contestant;
use crate::measure::witness::prove_each;
use crate::measure::{Executor, Step};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Length of a submission, seconds.
const SUBMISSION_S: f64 = 4e-3;

/// Of the budget, untimed pairs to begin with, and at most this long: clocks take 440 ms to rise.
const WARMUP_SHARE: f64 = 0.1;
const WARMUP_S: f64 = 0.5;

/// One side.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// As typed.
    pub spec: String,
    /// What multiplies.
    pub kernel: Kernel,
    /// Shader settings.
    pub settings: Settings,
    /// What the operands hold.
    pub data: DataClass,
}

/// What the trial may take, and what decides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Seconds for all of it.
    pub seconds: f64,
    /// Smallest difference that matters.
    pub threshold: Threshold,
}

/// Runs a trial. `write` sees every line as it is made; `observe` the pairs so far and the share of the time
/// that is used; `stop` is asked before each pair.
///
/// # Errors
/// Exit code 12 where the adapter lacks what a side needs, 1 where a side does not come to an end; an error of
/// `write` as it is. A side that is wrong is no error here: its proof says so, and nothing is timed.
pub fn run(
    executor: &mut dyn Executor,
    sides: &[Entry; 2],
    (shape, precision, seed): (Shape, Precision, u64),
    budget: Budget,
    stop: &dyn Fn() -> bool,
    observe: &mut dyn FnMut(usize, f64),
    write: &mut dyn FnMut(&Line) -> Result<()>,
) -> Result<Trial> {
    let begin = executor.now_ns();
    let used = |executor: &dyn Executor| (executor.now_ns() - begin) as f64 * 1e-9;
    let names = ["A", "B"];
    let mut exact = Vec::new();
    for (slot, side) in sides.iter().enumerate() {
        let proof = ready(executor, slot, side, shape, seed).map_err(|m| missing(names[slot], &side.spec, &m))?;
        exact.push(proof);
    }
    // What proving took will be taken again at the end.
    let proving = used(executor);
    let right = exact.iter().all(|proof| proof.passed);
    let mut all = Vec::new();
    for (slot, side) in sides.iter().enumerate().filter(|_| right) {
        let one = Contestant::start(executor, slot, shape, SUBMISSION_S);
        all.push(one.map_err(|m| missing(names[slot], &side.spec, &m))?);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xab);
    let mut turn = |executor: &mut dyn Executor, all: &mut [Contestant], number: u32| -> Result<bool> {
        let (b_first, long_first) = (rng.random::<bool>(), rng.random::<bool>());
        for place in 0..2 {
            let slot = usize::from((place == 1) != b_first);
            let took = all[slot].turn(executor, number, long_first);
            took.map_err(|m| missing(names[slot], &sides[slot].spec, &m))?;
        }
        Ok(b_first)
    };
    // Untimed pairs, as many as fit; there is no time for one where a product takes the whole budget.
    let warm_until = used(executor) + WARMUP_S.min(WARMUP_SHARE * budget.seconds);
    while right && used(executor) < warm_until && !stop() {
        turn(executor, &mut all, 0)?;
    }
    let mut head = Head {
        schema: SCHEMA.into(),
        tool: executor.tool(),
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        adapter: executor.adapter().clone(),
        seed,
        sides: std::array::from_fn(|slot| head(&sides[slot], (shape, precision, seed), exact[slot].clone())),
    };
    for (side, one) in head.sides.iter_mut().zip(&mut all) {
        one.samples.warmup += one.samples.submissions.len() as u32;
        one.samples.submissions.clear();
        side.samples = one.samples.clone();
    }
    write(&Line::Head(Box::new(head.clone())))?;
    let mut trial = Trial { head, pairs: Vec::new(), end: None };
    let mut stopped = "time-used";
    let (mut look, mut longest) = (FIRST_LOOK, 0.0f64);
    loop {
        let before = used(executor);
        if !right {
            stopped = "wrong";
            break;
        }
        if stop() {
            stopped = "interrupted";
            break;
        }
        if before + longest + proving > budget.seconds && !trial.pairs.is_empty() {
            break;
        }
        let number = trial.pairs.len() as u32;
        let b_first = turn(executor, &mut all, number)?;
        longest = longest.max(used(executor) - before);
        let [a, b] = [0, 1].map(|side| all[side].samples.submissions[2 * number as usize..].to_vec());
        let pair = Pair { pair: number, b_first, a, b };
        write(&Line::Pair(pair.clone()))?;
        trial.pairs.push(pair);
        observe(trial.pairs.len(), used(executor) / budget.seconds);
        // The looks are few and fixed beforehand, and the errors shared among them.
        if trial.pairs.len() == look && look < FIRST_LOOK << (LOOKS - 1) {
            look *= 2;
            if judge(&all[0].samples, &all[1].samples, budget.threshold).call != Call::Inconclusive {
                stopped = "decided";
                break;
            }
        }
    }
    let mut proofs = exact;
    for (slot, side) in sides.iter().enumerate().filter(|_| right) {
        executor.select(slot);
        let output = executor.read().map_err(|m| missing(names[slot], &side.spec, &m))?;
        let operands = Operands::of_class(shape, precision, side.data, seed);
        let last = prove(&operands, &output, precision, seed);
        // Any dispatch of the last turn could have left that: now each is seen at its work.
        let longest = all[slot].samples.submissions.iter().map(|s| s.dispatches).max().unwrap_or(1);
        proofs[slot] = match last.passed {
            true => prove_each(executor, &operands, precision, seed, longest, last)
                .map_err(|m| missing(names[slot], &side.spec, &m))?,
            false => last,
        };
    }
    let [a, b] = [0, 1].map(|slot: usize| proofs[slot].clone());
    let end = End { stopped: stopped.into(), proofs: [a, b] };
    write(&Line::End(end.clone()))?;
    trial.end = Some(end);
    executor.select(0);
    Ok(trial)
}

/// Compiles, proves on exact operands, and loads what is timed.
fn ready(executor: &mut dyn Executor, slot: usize, side: &Entry, shape: Shape, seed: u64) -> Step<Proof> {
    let precision = side.kernel.precision;
    executor.select(slot);
    executor.prepare(&side.kernel, shape, side.settings)?;
    let exact = Operands::exact(shape, precision, seed);
    executor.load(&exact)?;
    executor.poison()?;
    executor.submit(1)?;
    let proof = prove(&exact, &executor.read()?, precision, seed);
    executor.keep_decoy()?;
    executor.load(&Operands::of_class(shape, precision, side.data, seed))?;
    Ok(proof)
}

fn head(side: &Entry, (shape, precision, seed): (Shape, Precision, u64), exact: Proof) -> SideHead {
    let kernel = &side.kernel;
    SideHead {
        spec: side.spec.clone(),
        case: Case {
            kernel: kernel.family.name().into(),
            tiling: kernel.tiling.to_string(),
            precision,
            shape,
            settings: side.settings,
            data: side.data,
            seed,
            wgsl_sha256: kernel.sha256.clone(),
        },
        exact,
        samples: crate::measure::record::Samples {
            tick_ns: None,
            host_tick_ns: 0.0,
            parts: 1,
            warmup: 0,
            warm: true,
            stopped: String::new(),
            sentinel: None,
            workers: None,
            submissions: Vec::new(),
        },
    }
}
