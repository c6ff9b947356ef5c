//! `flopcast devices`: what adapters there are.

use super::output::{self, Format};
use crate::error::Result;
use crate::{gpu, report};
use std::process::ExitCode;

/// List the adapters that wgpu finds, with their features and limits.
///
/// Exit codes: 0 at least one adapter, 3 none.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flopcast devices\n  flopcast devices --format json | jq '.[] | select(.software | not) | .name'"
)]
pub struct Args {
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let reports: Vec<_> = gpu::adapters().into_iter().map(|s| s.report).collect();
    match args.format {
        Format::Json => output::json(&reports)?,
        Format::Text if !reports.is_empty() => output::data(&report::devices::text(&reports))?,
        Format::Text => {}
    }
    if reports.is_empty() { Err(gpu::none_found()) } else { Ok(ExitCode::SUCCESS) }
}
