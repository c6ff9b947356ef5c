//! `flopcast schema`: the form of what is read and written.

use super::output;
use crate::error::Result;
use crate::project::schema::{Kind, schema};
use std::process::ExitCode;

/// Print the JSON Schema of a file: editors complete and check with it.
///
/// `cluster`, `job` and `scenario` are TOML files written by hand (`flopcast new` makes one); `projection`,
/// `measurement` (one line of a record), `calibration`, `doctor` and `ab` are JSON that flopcast writes.
///
/// Exit codes: 0 printed; 2 no such schema.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast schema scenario > flopcast.scenario.schema.json\n  \
    flopcast schema projection")]
pub struct Args {
    /// cluster, job, scenario, projection, measurement, calibration, doctor or ab.
    kind: Kind,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    output::json(&schema(args.kind))?;
    Ok(ExitCode::SUCCESS)
}
