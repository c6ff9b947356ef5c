//! `flopcast validate`: predictions against what others measured.

use super::output::{self, Format};
use crate::error::Result;
use crate::project::Catalog;
use crate::project::validate::{built_in_table, read_table, validate};
use crate::report::validation;
use std::path::PathBuf;
use std::process::ExitCode;

/// Predict published training runs and say how far off the predictions are.
///
/// Each row's step time is predicted from the layout it states; what it does not state is searched
/// for. The measured columns are read only afterwards. A row that cannot be predicted is counted as
/// refused, with its reason.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast validate\n  flopcast validate --data runs.csv --format json")]
pub struct Args {
    /// Tables of runs; the built-in one where none is given.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let catalog = Catalog::built_in()?;
    let mut lines = Vec::new();
    for path in &args.data {
        lines.extend(read_table(path)?);
    }
    if args.data.is_empty() {
        lines = built_in_table()?;
    }
    let result = validate(&catalog, &lines);
    match args.format {
        Format::Json => output::json(&result)?,
        Format::Text => output::data(&validation::text(&result))?,
    }
    Ok(ExitCode::SUCCESS)
}
