//! `flopcast explain`: what a quantity is made of, down to the citation or the measured record.

use super::inputs;
use super::output::{self, Printing};
use crate::calibrate::Calibration;
use crate::error::{Error, Result};
use crate::project::study::{EXPLAIN_SCHEMA, Explanation};
use crate::project::{Catalog, Options, Output, Study};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show what a quantity of a forecast rests on: a tree down to each citation or measured record.
///
/// What hangs below a quantity is found by changing each input and seeing what moves, so it cannot drift from
/// the arithmetic. Each line has the value with its 5–95 % range, its tier and its source.
///
/// Exit codes: 0 done; 2 an unknown quantity (they are listed), or an unusable scenario or calibration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast explain goodput --scenario tesla-85k-h100\n  \
    flopcast explain run_days --scenario mine.toml --calibration calibration.json --format json")]
pub struct Args {
    /// Name of the quantity, as in `flopcast project --format json`: run_days, step_time, mfu, goodput …
    quantity: String,
    /// Name of a built-in scenario, or a TOML file with one.
    #[arg(long, default_value = "xai-300k-b200")]
    scenario: String,
    /// What `flopcast calibrate` wrote.
    #[arg(long)]
    calibration: Option<PathBuf>,
    #[command(flatten)]
    measured: inputs::MeasuredFabric,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Explanation>()?;
    let mut catalog = Catalog::built_in()?;
    let name = inputs::scenario(&mut catalog, &args.scenario)?;
    catalog.measure_fabric(&name, &args.measured.fabric)?;
    let Some(output) = Output::named(&args.quantity) else {
        let all: Vec<_> = Output::ALL.iter().map(|o| o.name()).collect();
        return Err(
            Error::usage(format!("unknown quantity `{}`", args.quantity)).hint(format!("one of {}", all.join(", ")))
        );
    };
    let calibration = args.calibration.as_deref().map(Calibration::read).transpose()?;
    let study = Study::new(&catalog, &name, calibration.as_ref(), &Options::default())?;
    let Some(tree) = study.explain(&catalog, output) else {
        let there: Vec<_> = Output::ALL.iter().filter(|o| study.at_medians(**o).is_some()).map(|o| o.name()).collect();
        return Err(
            Error::usage(format!("`{name}` has no `{}`", args.quantity)).hint(format!("it has {}", there.join(", ")))
        );
    };
    output::show(&Explanation { schema: EXPLAIN_SCHEMA.into(), scenario: name, tree }, how)?;
    Ok(ExitCode::SUCCESS)
}
