//! `flopcast devices`: what adapters there are.

use super::output::{self, Printing};
use crate::error::Result;
use crate::gpu;
use crate::measure::adapters::{Adapters, SCHEMA};
use std::process::ExitCode;

/// List the adapters that wgpu finds, with their features and limits.
///
/// Exit codes: 0 at least one adapter, 3 none.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  flopcast devices\n  flopcast devices --format json | jq '.adapters[] | select(.software | not) | .name'"
)]
pub struct Args {
    #[command(flatten)]
    printing: Printing,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let how = args.printing.how::<Adapters>()?;
    let found = Adapters { schema: SCHEMA, adapters: gpu::adapters().into_iter().map(|s| s.report).collect() };
    output::show(&found, how)?;
    if found.adapters.is_empty() { Err(gpu::none_found()) } else { Ok(ExitCode::SUCCESS) }
}
