//! `flopcast matmul`: one giant matrix product over a whole cluster.

use super::output::{self, Format};
use crate::error::Result;
use crate::project::{Catalog, giant_matmul};
use crate::report::matmul;
use std::process::ExitCode;

/// Forecast one matrix product that fills the memory of a whole cluster.
///
/// SUMMA by closed form at the best rates that others measured, nothing lost to stragglers: a ceiling,
/// with the smallest size that is bound by compute and the least that any algorithm must move.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast matmul --cluster xai-300k-b200\n  \
    flopcast matmul --cluster eagle --precision fp8 --format json")]
pub struct Args {
    /// Name of a cluster.
    #[arg(long)]
    cluster: String,
    /// Number format of the operands.
    #[arg(long, default_value = "bf16")]
    precision: String,
    /// How to print it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let catalog = Catalog::built_in()?;
    let result = giant_matmul(&catalog, &args.cluster, args.precision.parse()?)?;
    match args.format {
        Format::Json => output::json(&result)?,
        Format::Text => output::data(&matmul::text(&result))?,
    }
    Ok(ExitCode::SUCCESS)
}
