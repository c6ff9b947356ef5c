//! `flopcast scale`: one job from one accelerator to a million.

use super::counting::Counting;
use super::output::{self, Printing};
use super::{inputs, stop};
use crate::error::{Context, Error, Result};
use crate::project::Catalog;
use crate::project::scaling::{Mode, Range, Scaled, Scaling, WITHIN_SCHEMA, Within};
use crate::units::{Time, Tokens, parse};
use std::process::ExitCode;

/// Scale a scenario from one accelerator to a million: what it takes, and which bound takes over where.
///
/// At each count the layout is searched for again. The bounds (compute, memory bandwidth, scale-up link,
/// network, latency, bubble, batch, failures, power) share the time of all accelerators; a bound takes over
/// at the exact count from which on it has the largest share.
///
/// Exit codes: 0 done; 2 an unusable argument or scenario, or `--finish-within` that no count reaches: then
/// with the quickest count and the bound that forbids; 130 interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast scale --scenario xai-300k-b200\n  \
    flopcast scale --scenario tesla-85k-h100 --weak --from 64 --format csv\n  \
    flopcast scale --scenario tesla-85k-h100 --finish-within 10day")]
pub struct Args {
    /// Name of a built-in scenario, or a TOML file with one.
    #[arg(long, default_value = "xai-300k-b200")]
    scenario: String,
    #[command(flatten)]
    measured: inputs::MeasuredFabric,
    /// The batch grows with the accelerators.
    #[arg(long)]
    weak: bool,
    /// The batch stays (the default).
    #[arg(long, conflicts_with = "weak")]
    strong: bool,
    /// Smallest count.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Largest count.
    #[arg(long, default_value_t = 1_000_000)]
    to: u64,
    /// Batch beyond which more saves fewer steps, as `20Mtoken`: each token then counts 1 + batch/this times.
    #[arg(long, value_name = "TOKENS")]
    critical_batch: Option<String>,
    /// Print the smallest count that finishes the run within this, as `30day`.
    #[arg(long, value_name = "TIME")]
    finish_within: Option<String>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = match args.finish_within {
        Some(_) => args.printing.how::<Within>()?,
        None => args.printing.how::<Scaling>()?,
    };
    stop::at_once()?;
    let mut catalog = Catalog::built_in()?;
    let name = inputs::scenario(&mut catalog, &args.scenario)?;
    catalog.measure_fabric(&name, &args.measured.fabric)?;
    let critical_batch = args.critical_batch.as_deref().map(parse::<Tokens>).transpose().or_usage("`--critical-batch`");
    let critical_batch = critical_batch.map_err(|e| e.hint("tokens with their unit, like 20Mtoken"))?;
    let hint = "a time with its unit, like 30day";
    let within = args.finish_within.as_deref().map(parse::<Time>).transpose().or_usage("`--finish-within`");
    let within = within.map_err(|e| e.hint(hint))?;
    let range =
        Range { mode: if args.weak { Mode::Weak } else { Mode::Strong }, from: args.from, to: args.to, critical_batch };
    let scaled = Scaled::new(&catalog, &name, range)?;
    if let Some(seconds) = within {
        if seconds <= 0.0 {
            return Err(Error::usage("`--finish-within`: no time at all").hint(hint));
        }
        let (count, days) = scaled.finish_within(seconds)?;
        output::show(&Within { schema: WITHIN_SCHEMA, scenario: name, accelerators: count, run_days: days }, how)?;
        return Ok(ExitCode::SUCCESS);
    }
    let bar = Counting::new("counts", Some(scaled.grid().len() as u64));
    let scaling = scaled.scaling_watched(&mut || bar.steps(1));
    bar.finish();
    output::show(&scaling?, how)?;
    Ok(ExitCode::SUCCESS)
}
