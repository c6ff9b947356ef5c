//! `flopcast schema`: the form of what is read and written.

use super::output;
use crate::error::Result;
use crate::project::schema::{Kind, schema};
use std::process::ExitCode;

/// Print the JSON Schema of a file: editors complete and check with it.
///
/// `cluster`, `job` and `scenario` are TOML files written by hand (`flopcast new` makes one); `measurement` is one
/// line of a record; all others are what the verbs print with `--format json`, whose `schema` field names them. Without
/// a name they are listed.
///
/// Exit codes: 0 printed; 2 no such schema.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast schema scenario > flopcast.scenario.schema.json\n  \
    flopcast schema projection")]
pub struct Args {
    /// Which: `flopcast schema` lists them.
    kind: Option<Kind>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match args.kind {
        Some(kind) => output::json(&schema(kind))?,
        None => Kind::ALL.iter().try_for_each(|(_, name)| output::data(&format!("{name}\n")))?,
    }
    Ok(ExitCode::SUCCESS)
}
