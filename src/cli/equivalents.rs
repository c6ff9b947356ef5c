//! `flopcast equivalents`: how many of this adapter a cluster is.

use super::inputs;
use super::output::{self, Printing};
use crate::calibrate::Calibration;
use crate::error::{Context, Result};
use crate::project::Catalog;
use crate::project::how_many::{Around, HowMany, how_many};
use crate::units::{Bandwidth, Bytes, parse};
use std::path::PathBuf;
use std::process::ExitCode;

/// How many of the measured adapter do the useful work of a scenario's cluster, or that no number does.
///
/// Ideal: at their ceiling with nothing lost between them. Connected: the scenario's job over a network of
/// them, layout searched for, failures and all; where no number matches, the bound that wins is named with
/// its arithmetic. The range is that of the calibration's 95 % interval.
///
/// Exit codes: 0 answered, be it never; 2 an unusable argument, calibration or scenario.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast equivalents --calibration flopcast-out/calibration.json\n  \
    flopcast equivalents --calibration calibration.json --scenario xai-12k-h100-redirected \\\n      \
    --fabric infiniband-ndr --link 25Gbit/s --memory 24GB --format json")]
pub struct Args {
    /// What `flopcast calibrate` wrote.
    #[arg(long)]
    calibration: PathBuf,
    /// Name of a built-in scenario, or a TOML file with one.
    #[arg(long, default_value = "xai-300k-b200")]
    scenario: String,
    /// Network between them, of `flopcast catalog fabrics` [default: the cluster's].
    #[arg(long)]
    fabric: Option<String>,
    /// Network bandwidth of each and direction, as `25Gbit/s` [default: the cluster's].
    #[arg(long, value_name = "BANDWIDTH")]
    link: Option<String>,
    /// Memory of each, as `24GB` [default: that of the cluster's accelerator].
    #[arg(long)]
    memory: Option<String>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<HowMany>()?;
    let mut catalog = Catalog::built_in()?;
    let name = inputs::scenario(&mut catalog, &args.scenario)?;
    let calibration = Calibration::read(&args.calibration)?;
    let link = args.link.as_deref().map(parse::<Bandwidth>).transpose().or_usage("`--link`");
    let memory = args.memory.as_deref().map(parse::<Bytes>).transpose().or_usage("`--memory`");
    let around = Around {
        fabric: args.fabric.clone(),
        link: link.map_err(|e| e.hint("a bandwidth with its unit, like 25Gbit/s"))?,
        memory: memory.map_err(|e| e.hint("a size with its unit, like 24GB"))?,
    };
    let answer = how_many(&catalog, &name, &calibration, &around)?;
    output::show(&answer, how)?;
    Ok(ExitCode::SUCCESS)
}
