//! `flopcast calibrate`: measurements in, ceilings and efficiency curves out.

use super::output::{self, Printing};
use crate::calibrate::Calibration;
use crate::error::{Context, Error, Result};
use crate::files;
use crate::measure::wire;
use std::path::PathBuf;
use std::process::ExitCode;

/// Turn measurements into ceilings and efficiency curves.
///
/// Only rows with verdict MEASURED or SOFTWARE go in; the others are counted. A calibration made on
/// a software adapter is marked SOFTWARE, and so is everything made from it.
///
/// Exit codes: 0 calibrated; 1 the file for `--out` cannot be written; 2 a record that cannot be read, of two adapters, or
/// without a usable row.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast calibrate measurements.jsonl --out calibration.json\n  \
    flopcast calibrate measurements.jsonl --format json")]
pub struct Args {
    /// Measurements, one JSON record per line, as `flopcast measure --out` writes them.
    file: PathBuf,
    /// Where the calibration goes.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Calibration>()?;
    files::apart(&[("--out", args.out.as_deref())], &[&args.file])?;
    let records = wire::read_input(&args.file)?;
    let calibration = Calibration::from_records(&records, &args.file.display().to_string())?;
    if let Some(out) = &args.out {
        let mut text = serde_json::to_string_pretty(&calibration).or_failed("json")?;
        text.push('\n');
        files::write(out, text.as_bytes()).map_err(|e| {
            Error::failed(format!("`{}`: {e}", out.display()))
                .hint("give `--out` a file in a folder that can be written")
        })?;
    }
    output::show(&calibration, how)?;
    Ok(ExitCode::SUCCESS)
}
