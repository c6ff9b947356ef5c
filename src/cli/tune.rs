//! `flopcast tune`: find this adapter's fastest kernel, or the shape that it likes best.

use super::cache::folder;
use super::output::{self, Printing};
use super::{counting, kept, stop, tuned};
use crate::error::{Error, Result};
use crate::gpu::{self, GpuExecutor};
use crate::kernel::{Family, Kernel, Precision, Shape};
use crate::measure::record::Verdict;
use crate::measure::suite::DEFAULT_SEED;
use crate::measure::tune::best_shape::best_shape;
use crate::measure::tune::{Candidate, Progress, Tuning, Wish, cache, found, tune, usual_shapes};
use crate::measure::{Executor, Log};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Find the fastest kernel, tiling and settings on an adapter within a time budget, and store the choice.
///
/// Every candidate is proved before it is timed. The winner is measured again, independently: that figure is
/// the one reported, with how much better the search saw it. `measure` and `run` use the stored choice.
///
/// Exit codes: 0 done; 1 nothing ran, or the winner's own measurement is INVALID; 2 unusable arguments, or a
/// budget too small for one measurement; 3 no usable adapter; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast tune --time-budget 60s
  flopcast tune --precision f16_acc_f32 --shapes 512x512x512,64x4096x4096
  flopcast tune --best-shape --time-budget 60s")]
pub struct Args {
    /// An adapter's index, a part of its name, `vulkan|gl|metal|dx12`, or `backend:name`.
    #[arg(long)]
    adapter: Option<String>,
    /// Time for everything, the last measurement included: 60s, 5m.
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    time_budget: Duration,
    /// Arithmetic: f32, f16, f16_acc_f32, i8_acc_i32 or f64.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// Shapes m×n×k to tune on, comma-separated; three squares by the class of adapter where absent.
    #[arg(long, value_delimiter = ',')]
    shapes: Vec<Shape>,
    /// Kernel families, comma-separated; by default all that know the precision.
    #[arg(long, value_delimiter = ',', value_parser = Family::by_name)]
    kernels: Vec<Family>,
    /// Find the shape that the best kernel is fastest on, instead of the kernel; nothing is stored.
    #[arg(long, conflicts_with = "shapes")]
    best_shape: bool,
    /// Neither take nor store a choice.
    #[arg(long)]
    no_cache: bool,
    /// Record file for the winner's measurement; an older one is kept as FILE.previous.
    #[arg(long, value_name = "FILE.jsonl")]
    out: Option<PathBuf>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let budget_s = args.time_budget.as_secs_f64();
    if budget_s <= 0.0 {
        return Err(Error::usage("a time budget of 0 s is too small for one measurement")
            .hint("give more with `--time-budget 60s`"));
    }
    let how = match args.best_shape {
        true => args.printing.how::<found::Shape>()?,
        false => args.printing.how::<found::Kernel>()?,
    };
    let selection = gpu::choose(args.adapter.as_deref())?;
    let mut log = args.out.as_deref().map(Log::create).transpose()?;
    let mut executor = kept::open(&selection, !args.no_cache)?;
    stop::watch()?;
    let bar = counting::bar();
    let mut observe = |progress: Progress| {
        bar.set_position((progress.part.clamp(0.0, 1.0) * 1000.0) as u64);
        bar.set_message(progress.doing);
        if stop::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut families = if args.kernels.is_empty() { Family::of(args.precision) } else { args.kernels.clone() };
    // The likeliest first: what a short budget gets to see, and what tells how long a shape takes.
    let usual = Family::usual(executor.class(), args.precision);
    families.sort_by_key(|f| std::cmp::Reverse(usual.iter().position(|u| u == f)));
    let verdict = if args.best_shape {
        let candidate = candidate(args, &executor, &families)?;
        let found = best_shape(&mut executor, &candidate, budget_s, DEFAULT_SEED, &mut observe);
        bar.finish_and_clear();
        let found = found?;
        log.as_mut().map_or(Ok(()), |log| log.write(&found.record))?;
        output::show(&found::Shape::from(&found), how)?;
        found.record.verdict
    } else {
        let shapes = if args.shapes.is_empty() { usual_shapes(executor.adapter()) } else { args.shapes.clone() };
        let wish = Wish { precision: args.precision, families, shapes, budget_s, seed: DEFAULT_SEED };
        let tuning = tune(&mut executor, &wish, &mut observe);
        bar.finish_and_clear();
        let tuning = tuning?;
        log.as_mut().map_or(Ok(()), |log| log.write(&tuning.record))?;
        output::show(&found::Kernel::from(&tuning), how)?;
        if let Some(path) = kept::stored(store(args, &tuning, budget_s)).flatten() {
            output::talk(&format!("stored: `{}`", path.display()));
        }
        tuning.record.verdict
    };
    match verdict {
        Verdict::Invalid => Err(Error::failed("the winner's own measurement came to no figure")
            .hint("a larger budget with `--time-budget`, or a quieter machine")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The choice is kept unless its own measurement came to nothing.
fn store(args: &Args, tuning: &Tuning, budget_s: f64) -> Result<Option<PathBuf>> {
    if args.no_cache || tuning.record.figure.is_none() {
        return Ok(None);
    }
    cache::store(&folder()?, tuning, budget_s).map(Some)
}

/// The kernel whose best shape is looked for: the one asked for, else the tuned winner, else the fastest by
/// the class of adapter.
fn candidate(args: &Args, executor: &GpuExecutor, families: &[Family]) -> Result<Candidate> {
    let class = executor.class();
    let tuned = tuned::look_up(executor, args.precision, !args.no_cache);
    let usual = Family::usual(class, args.precision);
    let by_class = usual.last().copied().unwrap_or(Family::Naive);
    let family = match (&args.kernels[..], &tuned) {
        ([], Some(tuned)) => tuned.winner,
        ([], None) => by_class,
        _ => families[0],
    };
    let choice = tuned.and_then(|t| t.of(family));
    let (tiling, settings) =
        choice.unwrap_or_else(|| (family.default_tiling(class, args.precision), Default::default()));
    Ok(Candidate { kernel: Kernel::compose(family, tiling, args.precision)?, settings })
}
