//! The only place that writes to stdout and stderr.

use crate::error::{Context, Error, Result};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{ErrorKind, Write};

/// How a verb that prints data prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Writes data to stdout. A reader that went away (`| head`) is no error.
pub fn data(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::failed(e.to_string()).context("stdout")),
        _ => Ok(()),
    }
}

/// Writes a value to stdout as indented JSON.
pub fn json<T: Serialize>(value: &T) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).or_failed("json")?;
    text.push('\n');
    data(&text)
}

/// Writes a line of talk to stderr. Nothing is to be done when even that fails.
pub fn talk(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes an error and its hint to stderr.
pub fn error(error: &Error) {
    talk(&format!("error: {error}"));
    if let Some(hint) = error.hint_text() {
        talk(&format!("hint: {hint}"));
    }
}
