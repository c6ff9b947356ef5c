//! `flopcast cache`: what tuning stored on this machine.

use super::output::{self, Format};
use crate::error::{Error, Result};
use crate::measure::tune::cache;
use crate::report;
use clap::Subcommand;
use etcetera::BaseStrategy;
use std::path::PathBuf;
use std::process::ExitCode;

/// Show or clear what `flopcast tune` stored.
///
/// One file per adapter in the platform's cache folder, or in FLOPCAST_CACHE_DIR.
///
/// Exit codes: 0 done; 1 a file could not be removed; 2 unusable arguments, or no folder for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast cache show\n  FLOPCAST_CACHE_DIR=/tmp/tuned flopcast cache clear")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the folder.
    Path,
    /// Print what is stored.
    Show {
        /// How to print.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Remove it.
    Clear,
}

/// The variable that names another folder.
pub const FOLDER_VARIABLE: &str = "FLOPCAST_CACHE_DIR";

/// Where the cache is: FLOPCAST_CACHE_DIR, else `flopcast` in the platform's cache folder.
pub fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE).filter(|v| !v.is_empty()) {
        return Ok(folder.into());
    }
    let strategy = etcetera::base_strategy::choose_native_strategy().map_err(|e| {
        Error::usage(e.to_string()).context("no cache folder").hint(format!("name one with {FOLDER_VARIABLE}"))
    })?;
    Ok(strategy.cache_dir().join("flopcast"))
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let folder = folder()?;
    match &args.action {
        Action::Path => output::data(&format!("{}\n", folder.display()))?,
        Action::Clear => {
            let removed = cache::clear(&folder)?;
            output::talk(&format!("{removed} cache files removed from `{}`", folder.display()));
        }
        Action::Show { format } => {
            let mut caches = Vec::new();
            for path in cache::files(&folder) {
                match cache::load(&path) {
                    Ok(cache) => caches.push(cache),
                    Err(why) => output::talk(&format!("warning: `{}` is ignored: {why}", path.display())),
                }
            }
            match format {
                Format::Json => output::json(&caches)?,
                Format::Text if caches.is_empty() => {
                    output::talk(&format!("nothing is stored in `{}`; `flopcast tune` stores", folder.display()));
                }
                Format::Text => output::data(&report::tune::cached(&caches))?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
