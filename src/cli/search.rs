//! `flopcast search`: the best layout under memory, and how it bears uncertainty.

use super::counting;
use super::inputs;
use super::output::{self, Printing};
use super::rules::Choice;
use super::stop;
use crate::error::{Context, Error, Kind, Result};
use crate::project::{Asked, Catalog, Objective, Place, Plan, Rules, Target, Watch};
use crate::units::{Time, parse};
use indicatif::HumanCount;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Find the best layout for a job: every layout is costed or refused by the memory check.
///
/// Prints the best, those that no other beats in time, memory and energy at once, and the one to take when
/// the constants of the model are not known. A batch may be rounded by 1 % so that replicas divide it;
/// layouts are compared per sequence.
///
/// The best has the shortest step unless `--objective` asks for the fewest days (failures included), the
/// least energy or the least rent; these also try fewer accelerators, and rest on more assumptions.
///
/// Ctrl-C prints the best so far and says that the search is not complete; a second one ends it at once.
///
/// Exit codes: 0 found; 2 an unknown name, a count, a batch or a rule that cannot be, or no layout fits, with
/// what it lacks and from which count on it would; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast search --cluster xai-300k-b200 --job grok-1\n  \
    flopcast search --accelerator a100 --count 4096 --job gpt-3-175b --batch 2048 --format json\n  \
    flopcast search --cluster xai-300k-b200 --job grok-1 --objective days --restart 60s")]
pub struct Args {
    /// Name of a cluster, or a TOML file with one.
    #[arg(long, conflicts_with_all = ["accelerator", "count"], required_unless_present = "accelerator")]
    cluster: Option<String>,
    /// Name of an accelerator.
    #[arg(long, requires = "count")]
    accelerator: Option<String>,
    /// How many of it.
    #[arg(long, requires = "accelerator")]
    count: Option<u32>,
    /// Name of a job, or a TOML file with one.
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
    /// What the best has the least of.
    #[arg(long, value_enum, default_value = "step")]
    objective: Least,
    /// Exposed cost of a checkpoint, for all objectives but the step.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    checkpoint: String,
    /// Time from a failure to the next useful step.
    #[arg(long, value_name = "TIME", default_value = "300s")]
    restart: String,
    /// A TOML file with rules, named as the flags below, which go before it.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// Threads [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    printing: Printing,
}

/// What the best has the least of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Least {
    /// Seconds of a step.
    Step,
    /// Days, failures included.
    Days,
    /// Energy of the accelerators in use.
    Energy,
    /// Rent of the accelerators in use.
    Cost,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Plan>()?;
    let mut catalog = Catalog::built_in()?;
    let cluster = args.cluster.as_deref().map(|c| inputs::named(&mut catalog, "cluster", c)).transpose()?;
    let job = inputs::named(&mut catalog, "job", &args.job)?;
    let seconds = |flag: &str, text: &str| {
        parse::<Time>(text)
            .map_err(|e| Error::usage(format!("`{flag}`: {e}")).hint("a time with its unit, like 30s or 5min"))
    };
    let objective = match args.objective {
        Least::Step => Objective::Step,
        Least::Days => Objective::Days,
        Least::Energy => Objective::Energy,
        Least::Cost => Objective::Cost,
    };
    let place = match (&cluster, &args.accelerator, args.count) {
        (Some(name), _, _) => Place::Cluster(name.clone()),
        (None, Some(name), Some(count)) => Place::Count(name.clone(), count),
        _ => {
            return Err(Error::usage("neither `--cluster` nor `--accelerator` with `--count`")
                .hint("`flopcast catalog clusters` and `flopcast catalog accelerators` list them"));
        }
    };
    let target = Target {
        place,
        job,
        format: args.precision.parse()?,
        sequence: args.sequence,
        batch: args.batch,
        rules: Rules { objective, ..args.choice.with_file(args.rules.as_deref())?.rules() },
        fabric: args.measured.table()?,
        checkpoint: seconds("--checkpoint", &args.checkpoint)?,
        restart: seconds("--restart", &args.restart)?,
    };
    stop::gracefully("interrupted: what was found so far follows; once more to stop at once")?;
    let threads = args.threads.unwrap_or(0);
    if threads > 4096 {
        return Err(Error::usage(format!("`--threads` {threads} is beyond 4096"))
            .hint("without it there is one thread per core"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().or_failed("threads")?;
    let asked = Asked::new(&catalog, &target)?;
    let (found, seconds) = pool.install(|| {
        let bar = counting::bar();
        // Layouts, and parts of the space in billionths.
        let (layouts, parts) = (AtomicU64::new(0), AtomicU64::new(0));
        let start = Instant::now();
        let done = |looked_at: u64, share: f64| {
            let layouts = layouts.fetch_add(looked_at, Ordering::Relaxed) + looked_at;
            let part = (1e9 * share) as u64;
            bar.set_position((parts.fetch_add(part, Ordering::Relaxed) + part) / 1_000_000);
            bar.set_message(format!("{} layouts", HumanCount(layouts)));
        };
        let found = asked.search(&catalog, &Watch { done: &done, go_on: &|| !stop::asked() });
        let seconds = start.elapsed().as_secs_f64();
        bar.finish_and_clear();
        (found, seconds)
    });
    let mut plan = pool.install(|| asked.plan(&catalog, &found))?;
    plan.clock(seconds);
    output::show(&plan, how)?;
    if !plan.complete {
        return Err(Error::new(
            Kind::Interrupted,
            format!("interrupted: {:.0} % of the space was looked at", 100.0 * plan.looked_at),
        ));
    }
    Ok(ExitCode::SUCCESS)
}
