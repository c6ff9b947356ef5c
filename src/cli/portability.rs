//! `flopcast measure --suite portability`: what bounds checks, zero fill, subgroups and halves cost here.

use super::output::{self, Format};
use super::stop;
use crate::error::{Error, Kind, Result};
use crate::kernel::Shape;
use crate::measure::Executor;
use crate::measure::portability::{cost, pairs};
use crate::report;
use std::process::ExitCode;

/// Seconds that a pair is timed for.
const PAIR_S: f64 = 2.0;

/// Measures every pair on every shape; by default on one that is large enough for the class of adapter.
pub fn run(executor: &mut dyn Executor, shapes: &[Shape], seed: u64, format: Format) -> Result<ExitCode> {
    stop::watch()?;
    let usual = [Shape::square(if executor.adapter().software { 512 } else { 2048 })];
    let shapes = if shapes.is_empty() { &usual[..] } else { shapes };
    let mut costs = Vec::new();
    for pair in pairs(executor.class())? {
        for &shape in shapes {
            if stop::asked() {
                return Err(Error::new(Kind::Interrupted, format!("interrupted, with {} pairs done", costs.len())));
            }
            costs.push(cost(executor, &pair, shape, PAIR_S, seed));
        }
    }
    match format {
        Format::Json => output::json(&costs)?,
        Format::Text => {
            output::talk(&report::measurement::headline(executor.adapter()));
            output::data(&report::portability::text(&costs))?;
        }
    }
    match costs.iter().find(|c| c.missing == Some("failed")) {
        Some(failed) => {
            let why = failed.why.as_deref().unwrap_or_default();
            Err(Error::failed(format!("`{}` against `{}`: {why}", failed.variant, failed.base))
                .hint("`flopcast doctor` examines the adapter"))
        }
        None if costs.iter().all(|c| c.ratio.is_none()) => Err(Error::failed("no pair has a ratio")),
        None => Ok(ExitCode::SUCCESS),
    }
}
