//! `flopcast project`: forecast a cluster.
use crate::error::Result;
use std::process::ExitCode;

/// Forecast a cluster.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args) -> Result<ExitCode> {
    todo!()
}
