//! `flopcast man`: manual pages.

use super::output;
use crate::error::{Context, Error, Result};
use clap::Command;
use std::path::PathBuf;
use std::process::ExitCode;

/// Print a manual page, or write those of all verbs into a folder.
///
/// Exit codes: 0 done; 1 a page could not be written; 2 a verb that there is not, or no such folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast man measure | man -l -
  flopcast man --out ~/.local/share/man/man1")]
pub struct Args {
    /// The verb whose page is printed; without one, the program's own.
    verb: Option<String>,
    /// Write every page into this folder, which is made where it is not there.
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let pages = pages()?;
    if let Some(folder) = &args.out {
        let name = format!("`{}`", folder.display());
        let hint = "name a folder that is there or can be made";
        std::fs::create_dir_all(folder).or_usage(&name).map_err(|e| e.hint(hint))?;
        for (page, text) in &pages {
            let file = folder.join(format!("{page}.1"));
            std::fs::write(&file, text).or_failed(format!("`{}`", file.display()))?;
        }
        output::talk(&format!("written: {} pages in {name}", pages.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = args.verb.as_ref().map_or("flopcast".to_string(), |verb| format!("flopcast-{verb}"));
    match pages.iter().find(|(page, _)| *page == wanted) {
        Some((_, text)) => output::data(text)?,
        None => {
            let verb = args.verb.as_deref().unwrap_or_default();
            return Err(Error::usage(format!("no verb `{verb}`")).hint("`flopcast --help` lists them"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every page: its name without the section, its text in roff.
fn pages() -> Result<Vec<(String, String)>> {
    fn add(command: &Command, name: &str, pages: &mut Vec<(String, String)>) -> Result<()> {
        let mut text = Vec::new();
        // Built, so that it knows its whole name.
        let page = clap_mangen::Man::new(command.clone()).source(concat!("flopcast ", env!("CARGO_PKG_VERSION")));
        page.manual("flopcast").render(&mut text).or_failed("man")?;
        pages.push((name.to_string(), String::from_utf8_lossy(&text).into_owned()));
        for verb in command.get_subcommands() {
            add(verb, &format!("{name}-{}", verb.get_name()), pages)?;
        }
        Ok(())
    }
    let mut pages = Vec::new();
    let mut command = super::command();
    command.build();
    add(&command, "flopcast", &mut pages)?;
    Ok(pages)
}
