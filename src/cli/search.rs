//! `flopcast search`: the best layout under memory, and how it bears uncertainty.

use super::counting::Counting;
use super::inputs;
use super::output::{self, Format};
use super::stop;
use crate::error::{Context, Error, Result};
use crate::job::Recompute;
use crate::project::{Asked, Catalog, Place, Rules, Space, Target};
use crate::report::search;
use std::process::ExitCode;
use std::time::Instant;

/// Find the best layout for a job: every layout is costed or refused by the memory check.
///
/// Prints the quickest, those that no other beats in time, memory and energy at once, and the one to
/// take when the constants of the model are not known. A batch may be rounded by 1 % so that replicas
/// divide it; layouts are compared per sequence.
///
/// Exit codes: 0 found; 2 an unknown name, a count or a batch that cannot be, or no layout fits, with
/// what it lacks and from which count on it would; 130 interrupted.
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
    #[command(flatten)]
    measured: inputs::MeasuredFabric,
    #[command(flatten)]
    choice: Choice,
    /// Threads [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What the search may choose from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Rules")]
struct Choice {
    /// Only what people run: powers of two, even stages, nothing or everything recomputed.
    #[arg(long)]
    common: bool,
    /// Most tensor ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tp: Option<u32>,
    /// Most pipeline stages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_pp: Option<u32>,
    /// Most context ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_cp: Option<u32>,
    /// Most expert ranks.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_ep: Option<u32>,
    /// Largest microbatch.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_micro_batch: Option<u32>,
    /// The only stage of sharding (ZeRO).
    #[arg(long, value_name = "0-3", value_parser = clap::value_parser!(u8).range(0..=3))]
    zero: Option<u8>,
    /// The only way to recompute.
    #[arg(long, value_enum)]
    recompute: Option<Again>,
    /// Keep tensor and expert ranks inside a box.
    #[arg(long)]
    node_limited: bool,
    /// Only layouts that use every accelerator.
    #[arg(long)]
    use_all: bool,
}

/// What is recomputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Again {
    /// Nothing.
    None,
    /// Every other layer.
    Half,
    /// Every layer.
    Full,
}

impl Choice {
    fn rules(&self) -> Rules {
        let most = |n: Option<u32>| n.unwrap_or(u32::MAX);
        Rules {
            max_tensor: most(self.max_tp),
            max_pipeline: most(self.max_pp),
            max_context: most(self.max_cp),
            max_expert: most(self.max_ep),
            max_micro_batch: most(self.max_micro_batch),
            zero: self.zero,
            recompute: self.recompute.map(|r| match r {
                Again::None => Recompute::None,
                Again::Half => Recompute::Half,
                Again::Full => Recompute::Full,
            }),
            node_limited: self.node_limited,
            use_all: self.use_all,
            ..Rules::free(if self.common { Space::Common } else { Space::Full })
        }
    }
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
        rules: args.choice.rules(),
        fabric: args.measured.table()?,
    };
    stop::at_once()?;
    let threads = args.threads.unwrap_or(0);
    if threads > 4096 {
        return Err(Error::usage(format!("`--threads` {threads} is beyond 4096")));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_failed("threads")?;
    let asked = Asked::new(&catalog, &target)?;
    let (found, seconds) = pool.install(|| {
        let count = Counting::new("layouts");
        let start = Instant::now();
        let found = asked.search(&catalog, &|looked_at| count.steps(looked_at));
        let seconds = start.elapsed().as_secs_f64();
        count.finish();
        (found, seconds)
    });
    let mut plan = pool.install(|| asked.plan(&catalog, &found))?;
    plan.clock(seconds);
    match args.format {
        Format::Json => output::json(&plan)?,
        Format::Text => output::data(&search::text(&plan))?,
    }
    Ok(ExitCode::SUCCESS)
}
