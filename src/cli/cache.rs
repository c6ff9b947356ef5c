//! `flopcast cache`: what earlier runs stored on this machine.

use super::output::{self, Format};
use crate::error::{Context, Error, Result};
use crate::measure::kept::{self, Bounds, Dispatches, Kept};
use crate::measure::tune::cache::Cache;
use crate::report;
use clap::Subcommand;
use etcetera::BaseStrategy;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show or clear what earlier runs stored: tuned kernels, the bounds of a roofline, the longest dispatch.
///
/// One file per adapter and kind in the platform's cache folder, or in FLOPCAST_CACHE_DIR.
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

/// Every file of ours in the folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    [kept::files::<Cache>(folder), kept::files::<Bounds>(folder), kept::files::<Dispatches>(folder)].concat()
}

/// All files of a kind that read; a warning for those that do not.
fn all<T: Kept>(folder: &Path) -> Vec<T> {
    let load = |path: &PathBuf| {
        let warn = |why: &String| output::talk(&format!("warning: `{}` is ignored: {why}", path.display()));
        kept::load(path).inspect_err(warn).ok()
    };
    kept::files::<T>(folder).iter().filter_map(load).collect()
}

/// One list, each with its schema.
fn json(tuned: &[Cache], bounds: &[Bounds], dispatches: &[Dispatches]) -> Result<Vec<serde_json::Value>> {
    let mut list = Vec::new();
    for value in [serde_json::to_value(tuned), serde_json::to_value(bounds), serde_json::to_value(dispatches)] {
        list.extend(value.or_failed("cache")?.as_array().cloned().unwrap_or_default());
    }
    Ok(list)
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let folder = folder()?;
    match &args.action {
        Action::Path => output::data(&format!("{}\n", folder.display()))?,
        Action::Clear => {
            let files = files(&folder);
            for path in &files {
                std::fs::remove_file(path).or_failed(format!("`{}`", path.display()))?;
            }
            let removed = files.len();
            output::talk(&format!("{removed} cache files removed from `{}`", folder.display()));
        }
        Action::Show { format } => {
            let (tuned, bounds, dispatches) =
                (all::<Cache>(&folder), all::<Bounds>(&folder), all::<Dispatches>(&folder));
            match format {
                Format::Json => output::json(&json(&tuned, &bounds, &dispatches)?)?,
                Format::Text if files(&folder).is_empty() => {
                    let shown = folder.display();
                    output::talk(&format!(
                        "nothing is stored in `{shown}`; `flopcast tune`, `doctor` and `measure --suite roofline` store"
                    ));
                }
                Format::Text => {
                    if !tuned.is_empty() {
                        output::data(&report::tune::cached(&tuned))?;
                    }
                    output::data(&report::kept::text(&bounds, &dispatches))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
