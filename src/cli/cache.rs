//! `flopcast cache`: what earlier runs stored on this machine.

use super::output::{self, Printing};
use crate::error::{Context, Error, Result};
use crate::measure::kept::{self, Bounds, Dispatches, Kept, SCHEMA, Stored};
use crate::measure::tune::cache::Cache;
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
    ///
    /// Exit codes: 0 printed; 2 no folder for it.
    #[command(after_help = "Examples:\n  flopcast cache path\n  ls \"$(flopcast cache path)\"")]
    Path,
    Show(Show),
    /// Remove what is stored.
    ///
    /// Exit codes: 0 done; 1 a file could not be removed; 2 no folder for it.
    #[command(after_help = "Examples:\n  flopcast cache clear\n  FLOPCAST_CACHE_DIR=/tmp/tuned flopcast cache clear")]
    Clear,
}

/// Print what is stored.
///
/// Exit codes: 0 done; 2 unusable arguments, or no folder for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  flopcast cache show\n  flopcast cache show --format csv --table bounds")]
struct Show {
    #[command(flatten)]
    printing: Printing,
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
            let files = if removed == 1 { "file" } else { "files" };
            output::talk(&format!("{removed} cache {files} removed from `{}`", folder.display()));
        }
        Action::Show(args) => {
            let how = args.printing.how::<Stored>()?;
            let stored = Stored { schema: SCHEMA, tuned: all(&folder), bounds: all(&folder), dispatches: all(&folder) };
            if files(&folder).is_empty() {
                let shown = folder.display();
                output::talk(&format!(
                    "nothing is stored in `{shown}`; `flopcast tune`, `doctor` and `measure --suite roofline` store"
                ));
            }
            output::show(&stored, how)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
