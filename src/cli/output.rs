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
    data(&pretty(value)?)
}

/// A value as indented JSON, with a line break at the end.
pub fn pretty<T: Serialize>(value: &T) -> Result<String> {
    let mut text = serde_json::to_string_pretty(value).or_failed("json")?;
    text.push('\n');
    Ok(text)
}

/// A value as JSON on one line.
pub fn line<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).or_failed("json")
}

/// Data for stdout that is written as it is made, however much there is.
pub struct Stream {
    out: std::io::BufWriter<std::io::Stdout>,
    outcome: std::io::Result<()>,
}

impl Stream {
    /// An empty one.
    pub fn new() -> Stream {
        Stream { out: std::io::BufWriter::with_capacity(1 << 16, std::io::stdout()), outcome: Ok(()) }
    }

    /// Adds to it; after a failure nothing more is written.
    pub fn write(&mut self, text: std::fmt::Arguments) {
        if self.outcome.is_ok() {
            self.outcome = self.out.write_fmt(text);
        }
    }

    /// Says whether all was written. A reader that went away is no error.
    pub fn end(mut self) -> Result<()> {
        match self.outcome.and_then(|()| self.out.flush()) {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::failed(e.to_string()).context("stdout")),
            _ => Ok(()),
        }
    }
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
