//! `flopcast self-test`: devices that lie, each of which has to be caught.

use super::counting::Counting;
use super::output::{self, Printing};
use super::stop;
use crate::error::{Error, Result};
use crate::measure::self_test::{self, SelfTest};
use std::process::ExitCode;

/// Run the tool's own mutation suite: kernels that cheat, clocks that lie, devices that are not steady.
///
/// On scripted devices, and where there is an adapter with kernels in WGSL that cheat on it.
///
/// Exit codes: 0 every mutant was caught and every honest control passed, 1 one was not; 2 unusable arguments; 130
/// interrupted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast self-test\n  flopcast self-test --format json")]
pub struct Args {
    #[command(flatten)]
    printing: Printing,
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
    let how = args.printing.how::<SelfTest>()?;
    stop::at_once()?;
    let bar = Counting::new("mutants", Some(0));
    let mut outcomes = self_test::run_watched(&mut |done, all| bar.at(done as u64, all as u64));
    bar.finish();
    outcomes.extend(on_adapter()?);
    let found = SelfTest { schema: self_test::SCHEMA, outcomes };
    output::show(&found, how)?;
    let outcomes = found.outcomes;
    let missed: Vec<&str> = outcomes.iter().filter(|o| !o.caught).map(|o| o.mutant.as_str()).collect();
    match missed.first() {
        None => Ok(ExitCode::SUCCESS),
        Some(first) => {
            Err(Error::failed(format!("{} of {} not caught; first `{first}`", missed.len(), outcomes.len())))
        }
    }
}
