//! `flopcast measure --suite portability`: what bounds checks, zero fill, subgroups and halves cost here.

use super::output::{self, Format, How};
use super::{counting, stop};
use crate::error::{Error, Kind, Result};
use crate::kernel::Shape;
use crate::measure::Executor;
use crate::measure::portability::{Costs, SCHEMA, Time, cost, left_out, pairs};
use crate::report;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Seconds that a pair is timed for.
const PAIR_S: f64 = 2.0;

/// Below this a pair has no rounds.
const LEAST_PAIR_S: f64 = 0.05;

/// Measures every pair on every shape; by default on one that is large enough for the class of adapter. Within a
/// budget each pair gets an equal share, and what it does not come to is a `skipped` row.
pub fn run(
    executor: &mut dyn Executor,
    shapes: &[Shape],
    seed: u64,
    budget: Option<Duration>,
    how: How,
) -> Result<ExitCode> {
    stop::watch()?;
    if how.format == Format::Text {
        output::talk(&report::measurement::headline(executor.adapter()));
    }
    let started = Instant::now();
    let usual = [Shape::square(if executor.adapter().software { 512 } else { 2048 })];
    let shapes = if shapes.is_empty() { &usual[..] } else { shapes };
    let mut costs = Vec::new();
    let pairs = pairs(executor.class())?;
    let all = pairs.len() * shapes.len();
    // What compiling and proving a pair took beyond its share, at most.
    let mut beyond = 0.0f64;
    let bar = counting::bar();
    'pairs: for pair in &pairs {
        for &shape in shapes {
            if stop::asked() {
                break 'pairs;
            }
            let left = budget.map(|budget| budget.saturating_sub(started.elapsed()).as_secs_f64());
            let share = left.map_or(PAIR_S, |left| left / (all - costs.len()) as f64);
            // Half as much again for its fewest rounds, as a case may; the last one has no time but its own.
            let most = left.map(|left| left.min(1.5 * share));
            let share = share - if left.is_some() { beyond } else { 0.0 };
            if share < LEAST_PAIR_S {
                costs.push(left_out(pair, shape, format!("{:.2} s are left of the time budget", left.unwrap_or(0.0))));
                continue;
            }
            bar.set_position((1000 * costs.len() / all) as u64);
            bar.set_message(format!("{}/{all} {} {} {shape}", costs.len() + 1, pair.what, pair.variant.name()));
            let begun = Instant::now();
            let time = Time { seconds: share.min(PAIR_S), most, stop: &stop::asked };
            costs.push(cost(executor, pair, shape, &time, seed));
            beyond = beyond.max(begun.elapsed().as_secs_f64() - share.min(PAIR_S));
        }
    }
    bar.finish_and_clear();
    let found = Costs { schema: SCHEMA.into(), adapter: executor.adapter().clone(), costs };
    output::show(&found, how)?;
    let costs = found.costs;
    if stop::asked() {
        let done = costs.iter().filter(|cost| cost.missing.is_none()).count();
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {done} pairs done")));
    }
    match costs.iter().find(|c| c.missing.as_deref() == Some("failed")) {
        Some(failed) => {
            let why = failed.why.as_deref().unwrap_or_default();
            Err(Error::failed(format!("`{}` against `{}`: {why}", failed.variant, failed.base))
                .hint("`flopcast doctor` examines the adapter"))
        }
        None if costs.iter().all(|c| c.ratio.is_none()) => {
            let why = costs.first().and_then(|c| c.why.as_deref()).unwrap_or_default();
            Err(Error::failed(format!("no pair has a ratio; first: {why}"))
                .hint("more time with `--time-budget`, or another adapter with `--adapter`"))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}
