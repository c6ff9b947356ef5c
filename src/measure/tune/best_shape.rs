//! The shape on which a kernel is fastest, found within a time budget.
//!
//! Squares grow until one takes too long, then the best shape so far is stretched and shrunk along each
//! extent for as long as that gains something. What wins is the best of many and so too good: it is measured
//! again, on other operands, and that is the figure.

use super::trial::Trial;
use super::{AGAIN, Candidate, Observe, Progress, again, interrupted, seconds, too_small};
use crate::error::{Error, Result};
use crate::kernel::Shape;
use crate::measure::Executor;
use crate::measure::engine::{Pace, measure};
use crate::measure::record::Record;
use crate::measure::suite::Request;
use std::ops::ControlFlow;

/// Share of the budget for the search.
const SEARCH: f64 = 0.7;

/// The smallest square, and what every extent is a multiple of.
const SMALLEST: u32 = 128;
const STEP: u32 = 32;

/// Factors by which one extent is changed, as ratios.
const FACTORS: [(u32, u32); 4] = [(2, 1), (1, 2), (3, 2), (3, 4)];

/// What a shape search found.
#[derive(Debug, Clone, PartialEq)]
pub struct BestShape {
    /// The winner measured again.
    pub record: Record,
    /// Its rate in the search, 1e9 flop/s.
    pub search_gflop_per_s: f64,
    /// Search rate over measured rate, minus 1.
    pub regret: Option<f64>,
    /// Shapes that were tried, with their rates in the search, 1e9 flop/s, best first.
    pub tried: Vec<(Shape, f64)>,
    /// Seconds, all in all.
    pub spent_s: f64,
}

/// Searches. `kernel` is the choice that is kept for all shapes.
///
/// # Errors
/// Exit code 2 for a budget too small for one measurement; 1 where the kernel does not run; 130 where
/// `observe` ended it.
pub fn best_shape(
    executor: &mut dyn Executor,
    kernel: &Candidate,
    budget_s: f64,
    seed: u64,
    observe: &mut Observe,
) -> Result<BestShape> {
    let begin_s = seconds(executor);
    let mut tried: Vec<(Shape, f64)> = Vec::new();
    let mut refused = None;
    // A lap may take what leaves room for a dozen more, since preparing and proving come on top of it.
    let longest = budget_s / 60.0;
    let share_s = budget_s / 100.0;
    let mut attempt =
        |executor: &mut dyn Executor, shape: Shape, tried: &mut Vec<(Shape, f64)>| -> Result<Option<f64>> {
            let spent = seconds(executor) - begin_s;
            if spent > SEARCH * budget_s || tried.iter().any(|(s, _)| *s == shape) {
                return Ok(None);
            }
            if let Some(&(best, rate)) = tried.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
                let (lap, best_lap) = (shape.flop() / rate, best.flop() / rate);
                // Its proof and first lap, its share, and what is then best measured again.
                let reserve = 2.0 * lap + share_s + AGAIN * lap.max(best_lap);
                if lap > longest || spent + reserve > budget_s {
                    return Ok(None);
                }
            }
            let progress = Progress { part: spent / budget_s, doing: format!("{} {shape}", kernel.name()) };
            if let ControlFlow::Break(()) = observe(progress) {
                return Err(interrupted());
            }
            let mut trial = Trial::new(kernel.clone());
            match trial.run(executor, shape, seed, share_s) {
                Ok(()) => tried.push((shape, trial.rate)),
                Err(dropped) => refused = Some(dropped),
            }
            Ok(tried.last().filter(|t| t.0 == shape).map(|t| t.1))
        };
    let mut size = SMALLEST;
    let mut top = (Shape::square(size), 0.0);
    while let Some(rate) = attempt(executor, Shape::square(size), &mut tried)? {
        if rate > top.1 {
            top = (Shape::square(size), rate);
        }
        size = size.saturating_mul(2);
    }
    // Along each extent, as long as one of the steps gains a hundredth.
    loop {
        let from = top;
        for (times, over) in FACTORS {
            let scaled = |extent: u32| (extent / over * times).next_multiple_of(STEP).max(STEP);
            let Shape { m, n, k, .. } = from.0;
            for shape in
                [Shape { m: scaled(m), ..from.0 }, Shape { n: scaled(n), ..from.0 }, Shape { k: scaled(k), ..from.0 }]
            {
                if let Some(rate) = attempt(executor, shape, &mut tried)?
                    && rate > top.1
                {
                    top = (shape, rate);
                }
            }
        }
        if top.1 <= 1.01 * from.1 {
            break;
        }
    }
    tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    if let (true, Some(d)) = (tried.is_empty(), refused) {
        let why = format!("no shape runs: {} {}: {}", d.candidate, d.status, d.why);
        return Err(Error::failed(why).hint("try another kernel with `--kernels`"));
    }
    let spent = seconds(executor) - begin_s;
    let left = budget_s - spent;
    let needs = |&(shape, rate): &(Shape, f64)| AGAIN * shape.flop() / rate;
    // The best one that there still is time for: on a machine that became busy the very best may no longer fit.
    let Some(&top) = tried.iter().find(|t| needs(t) <= left) else {
        let least = tried.iter().map(needs).reduce(f64::min);
        return Err(too_small(budget_s, spent, least).hint("give more with `--time-budget 60s`"));
    };
    let effort = again(left, needs(&top));
    let request = Request { settings: kernel.settings, seed: seed + 1, ..Request::plain(kernel.kernel.clone(), top.0) };
    let part = (seconds(executor) - begin_s) / budget_s;
    let mut watch = |_| observe(Progress { part, doing: format!("measuring again: {} {}", kernel.name(), top.0) });
    let record = measure(executor, &request, &effort, &mut Pace::default(), &mut watch).ok_or_else(interrupted)?;
    let search_gflop_per_s = top.1 * 1e-9;
    let regret = record.figure.as_ref().map(|f| search_gflop_per_s / f.gflop_per_s.median - 1.0);
    tried.iter_mut().for_each(|t| t.1 *= 1e-9);
    Ok(BestShape { record, search_gflop_per_s, regret, tried, spent_s: seconds(executor) - begin_s })
}
