//! `flopcast catalog`: what is built in.
use crate::error::Result;
use std::process::ExitCode;

/// What is built in, with sources.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_args: &Args) -> Result<ExitCode> {
    todo!()
}
