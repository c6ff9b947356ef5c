//! `flopcast search`: the best layout under memory, and how it bears uncertainty.

use super::output::{self, Format};
use crate::error::{Context, Error, Result};
use crate::project::{Asked, Catalog, Place, Target};
use crate::report::search;
use std::process::ExitCode;
use std::time::Instant;

/// Find the best layout for a job: every layout is costed or refused by the memory check.
///
/// Prints the quickest, those that no other beats in time, memory and accelerator-seconds at once, and
/// the one to take when the constants of the model are not known.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast search --cluster xai-300k-b200 --job grok-1\n  \
    flopcast search --accelerator a100 --count 4096 --job gpt-3-175b --batch 2048 --format json")]
pub struct Args {
    /// Name of a cluster.
    #[arg(long, conflicts_with_all = ["accelerator", "count"], required_unless_present = "accelerator")]
    cluster: Option<String>,
    /// Name of an accelerator.
    #[arg(long, requires = "count")]
    accelerator: Option<String>,
    /// How many of it.
    #[arg(long, requires = "accelerator")]
    count: Option<u32>,
    /// Name of a job.
    #[arg(long)]
    job: String,
    /// Number format of the products.
    #[arg(long, default_value = "bf16")]
    precision: String,
    /// Tokens per sequence [default: the job's].
    #[arg(long)]
    sequence: Option<u32>,
    /// Sequences per step [default: the smallest power of two with 2,500 tokens per accelerator].
    #[arg(long)]
    batch: Option<u32>,
    /// Threads [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let catalog = Catalog::built_in()?;
    let place = match (&args.cluster, &args.accelerator, args.count) {
        (Some(name), _, _) => Place::Cluster(name.clone()),
        (None, Some(name), Some(count)) => Place::Count(name.clone(), count),
        _ => return Err(Error::usage("neither `--cluster` nor `--accelerator` with `--count`")),
    };
    let target = Target {
        place,
        job: args.job.clone(),
        format: args.precision.parse()?,
        sequence: args.sequence,
        batch: args.batch,
    };
    let threads = args.threads.unwrap_or(0);
    if threads > 4096 {
        return Err(Error::usage(format!("`--threads` {threads} is beyond 4096")));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_failed("threads")?;
    let asked = Asked::new(&catalog, &target)?;
    let (found, seconds) = pool.install(|| {
        let start = Instant::now();
        let found = asked.search(&catalog);
        (found, start.elapsed().as_secs_f64())
    });
    let mut plan = pool.install(|| asked.plan(&catalog, &found))?;
    plan.clock(seconds);
    match args.format {
        Format::Json => output::json(&plan)?,
        Format::Text => output::data(&search::text(&plan))?,
    }
    Ok(ExitCode::SUCCESS)
}
