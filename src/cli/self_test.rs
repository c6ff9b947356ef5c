//! `flopcast self-test`: devices that lie, each of which has to be caught.

use super::output::{self, Format};
use crate::error::{Error, Result};
use crate::measure::self_test;
use crate::report::Table;
use std::process::ExitCode;

/// Run the tool's own mutation suite: kernels that cheat, clocks that lie, devices that are not steady.
///
/// On scripted devices, and where there is an adapter with kernels in WGSL that cheat on it.
///
/// Exit codes: 0 every mutant was caught and every honest control passed, 1 one was not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast self-test\n  flopcast self-test --format json")]
pub struct Args {
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// The mutants in WGSL, on the best adapter there is.
#[cfg(feature = "gpu")]
fn on_adapter() -> Result<Vec<self_test::Outcome>> {
    use crate::gpu::{self, GpuExecutor};
    match gpu::choose(None) {
        Ok(selection) => Ok(crate::measure::mutants::on_adapter(&mut GpuExecutor::open(&selection)?)),
        Err(none) if none.kind() == crate::error::Kind::NoAdapter => {
            output::talk("no adapter: the mutants in WGSL were not run");
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(feature = "gpu"))]
fn on_adapter() -> Result<Vec<self_test::Outcome>> {
    output::talk("built without wgpu: the mutants in WGSL were not run");
    Ok(Vec::new())
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut outcomes = self_test::run();
    outcomes.extend(on_adapter()?);
    match args.format {
        Format::Json => output::json(&outcomes)?,
        Format::Text => {
            let mut table = Table::new(&["outcome", "mutant", "what came out"]);
            for outcome in &outcomes {
                let word = if outcome.caught { "ok" } else { "MISSED" };
                table.row([word, &outcome.mutant, &outcome.saw]);
            }
            output::data(&table.text())?;
        }
    }
    let missed: Vec<&str> = outcomes.iter().filter(|o| !o.caught).map(|o| o.mutant.as_str()).collect();
    match missed.first() {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => {
            Err(Error::failed(format!("{} of {} not caught; first `{first}`", missed.len(), outcomes.len())))
        }
    }
}
