//! Every dispatch of a submission seen at its work, not the last one alone.
//!
//! Dispatches of one product leave the same output, so what stands in C after a timed submission could be the
//! work of any of them. Here the same dispatches run once more, untimed: before each of them C is overwritten,
//! at random with poison or with the product of other operands (so that a kernel that looks whether there is a
//! result already finds one, as it does in a timed submission, and a wrong one); after each of them a few
//! elements are copied out of C, and after one drawn at random the whole of it.

use super::{Executor, Step};
use crate::kernel::{GLIMPSE, Glimpse, Matrix, Operands, Precision, Proof, prove, prove_glimpses};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Places that are looked at after each dispatch, four elements each.
pub const PLACES: usize = 4;

/// Most dispatches that are looked at: more of them would show no other pattern, and each costs a copy of C.
pub const MOST: u32 = 32;

/// What C is overwritten with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// The pattern that no product leaves behind.
    Poison,
    /// What [`Executor::keep_decoy`] kept: the product of other operands.
    Decoy,
}

/// Four neighbouring elements of a row of C; the row counts through the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Row.
    pub row: u32,
    /// First column, a multiple of four.
    pub column: u32,
}

/// One dispatch of the whole work, and what is done round it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What C is overwritten with before it.
    pub before: Fill,
    /// Whether the work is done: left out, only the copies run.
    pub works: bool,
    /// What is copied out of C after it.
    pub places: [Place; PLACES],
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Host clock round the submission, nanoseconds.
    pub host_ns: u64,
    /// C after the dispatch that was asked for.
    pub kept: Matrix,
    /// The elements at each dispatch's places; those beyond the end of a row mean nothing.
    pub glimpses: Vec<[[f64; GLIMPSE]; PLACES]>,
}

/// Looks at every dispatch of a submission of up to [`MOST`] of them, and adds what was seen to the proof of
/// the last timed output. The selected case has its operands loaded and a decoy kept. C is overwritten.
///
/// # Errors
/// What the executor says.
pub fn prove_each(
    executor: &mut dyn Executor,
    operands: &Operands,
    precision: Precision,
    seed: u64,
    dispatches: u32,
    last: Proof,
) -> Step<Proof> {
    // Two at least: of a single one the proof has said everything.
    let count = dispatches.clamp(2, MOST);
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x317_e55);
    let keep = rng.random_range(0..count as usize);
    let plan = plan(&mut rng, count, operands);
    let watched = executor.witness(&plan, keep)?;
    let whole = prove(operands, &watched.kept, precision, seed ^ 0xd15_9a7c);
    let seen = plan.iter().zip(&watched.glimpses).zip(0..);
    let glimpses: Vec<Glimpse> = seen
        .flat_map(|((watch, values), dispatch)| {
            watch.places.iter().zip(values).map(move |(place, &values)| Glimpse {
                dispatch,
                row: place.row as usize,
                column: place.column as usize,
                values,
            })
        })
        .collect();
    let parts = prove_glimpses(operands, &glimpses, precision);
    let name = |dispatch: usize, why: String| format!("dispatch {} of {count} in one submission: {why}", dispatch + 1);
    let failure = match parts.failure {
        Some((dispatch, why)) => Some(name(dispatch, why)),
        None => (!whole.passed).then(|| name(keep, whole.failure.unwrap_or_else(|| "no product".into()))),
    };
    let worst = [last.worst, whole.worst, parts.worst].into_iter().reduce(|a, b| Some(a?.max(b?))).flatten();
    Ok(Proof { passed: failure.is_none(), worst, dispatches: Some(count), failure, ..last })
}

/// Fills and places, by the seed: what lies under a dispatch and where it is looked at cannot be foreseen.
fn plan(rng: &mut ChaCha8Rng, count: u32, operands: &Operands) -> Vec<Watch> {
    let (rows, columns) = (operands.a.rows as u32, operands.b.cols as u32);
    // As many of one as of the other: few dispatches see both, too.
    let mut fills: Vec<Fill> = (0..count).map(|i| if i % 2 == 0 { Fill::Decoy } else { Fill::Poison }).collect();
    fills.shuffle(rng);
    fills
        .into_iter()
        .map(|before| Watch {
            before,
            works: true,
            places: std::array::from_fn(|_| Place {
                row: rng.random_range(0..rows),
                column: rng.random_range(0..columns) / GLIMPSE as u32 * GLIMPSE as u32,
            }),
        })
        .collect()
}

/// The elements at these places of a matrix.
pub(super) fn glimpses(c: &Matrix, places: &[Place; PLACES]) -> [[f64; GLIMPSE]; PLACES] {
    places.map(|place| {
        let start = place.row as usize * c.stride + place.column as usize;
        std::array::from_fn(|i| c.values[start + i])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{DataClass, Family, Kernel, Settings, Shape};
    use crate::measure::scripted::{KernelFault, Script, ScriptedExecutor};

    const LAST: Proof = Proof { passed: true, worst: Some(0.0), vectors: 4, rows: 6, dispatches: None, failure: None };

    /// The proof of `count` dispatches of a device with this fault.
    fn seen(kernel: KernelFault, shape: Shape, seed: u64, count: u32) -> Proof {
        let mut executor = ScriptedExecutor::new(Script { kernel, ..Script::honest() });
        let precision = Precision::F64;
        let naive = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], precision).unwrap();
        executor.prepare(&naive, shape, Settings::default()).unwrap();
        executor.load(&Operands::exact(shape, precision, seed)).unwrap();
        crate::measure::Timed::submit(&mut executor, 1).unwrap();
        executor.keep_decoy().unwrap();
        let operands = Operands::of_class(shape, precision, DataClass::Normal, seed);
        executor.load(&operands).unwrap();
        prove_each(&mut executor, &operands, precision, seed, count, LAST).unwrap()
    }

    const SHAPES: [&str; 6] = ["1x1x1", "1x33x7", "33x1x7", "5x6x17@3", "17x19x23", "16x16x8"];

    #[test]
    fn honest_dispatches_raise_no_alarm_over_1000_seeds_and_shapes() {
        for seed in 0..1000 {
            let shape = SHAPES[seed as usize % SHAPES.len()].parse().unwrap();
            let proof = seen(KernelFault::None, shape, seed, seed as u32 % 40);
            assert!(proof.passed && proof.failure.is_none(), "seed {seed}, {shape}: {proof:?}");
            assert_eq!(proof.dispatches, Some((seed as u32 % 40).clamp(2, MOST)));
        }
    }

    #[test]
    fn dispatches_that_are_left_out_are_caught_by_the_proof_alone_and_named() {
        for kernel in [KernelFault::EveryOther, KernelFault::OnlyLast, KernelFault::Marks] {
            for seed in 0..100 {
                let shape = SHAPES[3 + seed as usize % 3].parse().unwrap();
                let proof = seen(kernel, shape, seed, 12);
                assert!(!proof.passed, "{kernel:?}, seed {seed}");
                assert!(proof.failure.unwrap().contains("of 12 in one submission: row "));
            }
        }
    }

    #[test]
    fn a_row_that_is_left_out_is_caught_by_the_whole_output_of_a_dispatch_that_cannot_be_foreseen() {
        // Too little for the places that are looked at: they meet one of 257 rows in a sixth of the submissions.
        let shape = "257x5x3".parse().unwrap();
        let caught = (0..100).filter(|&seed| !seen(KernelFault::ForgetsARow, shape, seed, 12).passed).count();
        // One of twelve outputs is whole.
        assert!((85..100).contains(&caught), "{caught} of 100");
    }

    #[test]
    fn what_lies_under_a_dispatch_and_where_it_is_looked_at_cannot_be_foreseen() {
        let operands = Operands::exact(Shape::square(64), Precision::F32, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let plan = plan(&mut rng, MOST, &operands);
        for fill in [Fill::Poison, Fill::Decoy] {
            assert!(plan.iter().filter(|watch| watch.before == fill).count() == MOST as usize / 2);
        }
        let order = |plan: &[Watch]| plan.iter().map(|watch| watch.before).collect::<Vec<_>>();
        let other = super::plan(&mut ChaCha8Rng::seed_from_u64(2), MOST, &operands);
        assert_ne!(order(&plan), order(&other), "another seed, another order");
        let mut places: Vec<_> = plan.iter().flat_map(|w| w.places).map(|p| (p.row, p.column)).collect();
        assert!(places.iter().all(|&(row, column)| row < 64 && column <= 60 && column % 4 == 0));
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 100, "{}", places.len());
    }
}
