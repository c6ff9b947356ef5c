//! `flopcast completions`: what a shell needs to complete the arguments.

use super::output;
use crate::error::Result;
use clap_complete::Shell;
use std::process::ExitCode;

/// Print a shell's completion script.
///
/// Exit codes: 0 printed; 2 a shell that is not known.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flopcast completions bash > ~/.local/share/bash-completion/completions/flopcast
  flopcast completions zsh > \"${fpath[1]}/_flopcast\"
  flopcast completions fish > ~/.config/fish/completions/flopcast.fish")]
pub struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "flopcast", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
