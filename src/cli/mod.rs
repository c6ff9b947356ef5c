//! The command line: one file per verb, each with its arguments, a call and a view. No arithmetic.
//!
//! stdout is data, stderr is talk; the exit code is [`crate::error::Kind`]'s number, or one that a
//! verb's own help lists.

mod catalog;
#[cfg(feature = "gpu")]
mod devices;
#[cfg(feature = "gpu")]
mod measure;
mod output;
#[cfg(feature = "gpu")]
mod progress;
mod project;
#[cfg(feature = "gpu")]
mod stop;

use crate::error::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measure the GPU you have, forecast the cluster you don't.
#[derive(Debug, Parser)]
#[command(name = "flopcast", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[cfg(feature = "gpu")]
    Devices(devices::Args),
    #[cfg(feature = "gpu")]
    Measure(measure::Args),
    Project(project::Args),
    Catalog(catalog::Args),
}

/// Runs the command line of this process and says how it ended.
pub fn main() -> ExitCode {
    // clap prints usage errors itself, with exit code 2, and help and version with 0.
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    match cli.verb {
        #[cfg(feature = "gpu")]
        Some(Verb::Devices(args)) => devices::run(&args),
        #[cfg(feature = "gpu")]
        Some(Verb::Measure(args)) => measure::run(&args),
        Some(Verb::Project(args)) => project::run(&args),
        Some(Verb::Catalog(args)) => catalog::run(&args),
        None => todo!(),
    }
}
