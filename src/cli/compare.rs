//! `flopcast compare`: the gate.

use super::output::{self, Format, Gate, MetricsFile, Printing};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::measure::compare::{Comparison, Outcome, Threshold, compare};
use crate::measure::wire;
use crate::report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compare two records: is NEW slower than BASE?
///
/// Cases are matched by everything that makes a figure: adapter, driver, kernel, settings, shape, data,
/// versions. Several records of one case in a file are repeats; with six or more on both sides together,
/// the noise between runs is taken from them, else it is assumed. Figures under SUSPECT are left out.
///
/// Exit codes: 0 ok, not slower by the threshold; 10 regressed; 11 inconclusive, with the samples or runs
/// it would take; 12 not comparable, with the fields that differ, or a record that is empty, cut, not
/// finite or of another schema; 2 an unusable threshold or a file that cannot be read; 1 a tool error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast compare base.jsonl new.jsonl --threshold 5%
  flopcast compare base.jsonl new.jsonl --format junit > compare.xml")]
pub struct Args {
    /// Record of the base.
    #[arg(value_name = "BASE.jsonl")]
    base: PathBuf,
    /// Record to judge.
    #[arg(value_name = "NEW.jsonl")]
    new: PathBuf,
    /// Smallest slowdown that matters, above 0% and up to 100%.
    #[arg(long, default_value = "5%", allow_hyphen_values = true)]
    threshold: Threshold,
    #[command(flatten)]
    printing: Printing<Gate>,
    #[command(flatten)]
    metrics: MetricsFile,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Comparison>()?;
    files::apart(&[args.metrics.place()], &[&args.base, &args.new])?;
    let metrics = args.metrics.begin()?;
    let base = wire::read_whole(&args.base)?;
    let new = wire::read_whole(&args.new)?;
    let comparison = compare(&base, &new, args.threshold);
    match how.format {
        Format::Markdown => output::data(&report::compare::markdown(&comparison))?,
        Format::Junit => output::data(&report::compare::junit(&comparison)?)?,
        _ => output::show(&comparison, how)?,
    }
    metrics.map_or(Ok(()), |metrics| metrics.write(&comparison))?;
    let summary = report::compare::summary(&comparison);
    match comparison.outcome {
        Outcome::NotComparable => Err(Error::new(Kind::NotComparable, summary)
            .hint("measure BASE again under the conditions of NEW, or the other way round")),
        outcome => Ok(ExitCode::from(outcome.exit_code())),
    }
}
