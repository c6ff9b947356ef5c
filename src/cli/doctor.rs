//! `flopcast doctor`: is this adapter fit to measure with?

use super::output::{self, Format, Metered, MetricsFile, Printing};
use super::{counting, kept, stop};
use crate::error::{Error, Kind, Result};
use crate::gpu::{self, GpuExecutor};
use crate::measure::Executor;
use crate::measure::doctor::{Examination, Machine, Plan, examine};
use crate::report;
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Examine the instrument before trusting it: clocks, floors, transfers, contention, data, watchdog.
///
/// Says of the device clock whether it is there, moves, stays in order and runs at its stated period; what
/// an empty submission, one more dispatch, and four bytes either way cost; from which length on a time can be
/// trusted; how steady fixed work is and what other processes use; how much faster zeros and constants run
/// than normal data (a power limit shows there); and how long a dispatch is surely safe from the driver's
/// watchdog (hardware; at most one second is tried). That is kept in the cache, and later runs split their dispatches so
/// that none is longer. Takes less than ten seconds.
///
/// Exit codes: 0 fit to measure, with or without warnings; 1 unfit; 2 unusable arguments; 3 no usable adapter; 130
/// interrupted, with the checks that were done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast doctor
  flopcast doctor --adapter vulkan --format json | jq '.checks[] | select(.grade != \"ok\")'")]
pub struct Args {
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Do not keep what was found of the watchdog for later runs.
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    printing: Printing<Metered>,
    #[command(flatten)]
    metrics: MetricsFile,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Examination>()?;
    let metrics = args.metrics.begin()?;
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut executor = GpuExecutor::open(&selection)?;
    let plan = Plan::of(executor.adapter());
    stop::gracefully("interrupted: what was seen follows after this step; once more to stop at once")?;
    if how.format == Format::Text {
        output::talk(&report::measurement::headline(executor.adapter()));
    }
    let bar = counting::bar();
    let mut observe = |what: &'static str, part: f64| {
        bar.set_position((1000.0 * part) as u64);
        bar.set_message(what);
        if stop::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let found = examine(&mut executor, &mut Machine, &plan, &mut observe);
    bar.finish_and_clear();
    output::show(&found, how)?;
    metrics.map_or(Ok(()), |metrics| metrics.write(&found))?;
    if stop::asked() {
        let done = found.checks.iter().filter(|check| check.code.as_deref() != Some("interrupted")).count();
        return Err(Error::new(Kind::Interrupted, format!("interrupted, with {done} checks done")));
    }
    if let Some(dispatches) = found.dispatches().filter(|_| found.fit() && !args.no_cache) {
        kept::keep_dispatches(&dispatches);
    }
    if found.fit() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Error::failed(report::doctor::verdict(&found))
        .hint("`flopcast devices` lists other adapters; the checks above say what is wrong with this one"))
}
