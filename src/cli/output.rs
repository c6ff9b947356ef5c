//! The only place that writes to stdout and stderr.

use crate::error::{Context, Error, Kind, Result};
use crate::files;
use crate::report::{Document, Look, Printed, clean, escaped_json, openmetrics};
use clap::ValueEnum;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// The record itself.
    Json,
    /// One table for programs.
    Csv,
    /// For people, where Markdown is shown.
    Markdown,
    /// For monitoring.
    Openmetrics,
    /// For a CI's test report.
    Junit,
}

/// What every verb that prints data offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Plain {
    /// For people.
    Text,
    /// For programs: the record, with its schema.
    Json,
    /// For programs: a table with one header row, values as measured, units in the column names.
    Csv,
    /// For people, where Markdown is shown.
    Markdown,
}

/// What verbs offer whose figures can be monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Metered {
    /// For people.
    Text,
    /// For programs: the record, with its schema.
    Json,
    /// For programs: a table with one header row, values as measured, units in the column names.
    Csv,
    /// For people, where Markdown is shown.
    Markdown,
    /// For monitoring: OpenMetrics text, as node_exporter's textfile collector reads it.
    Openmetrics,
}

/// What a gate offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Gate {
    /// For people.
    Text,
    /// For programs: the record, with its schema.
    Json,
    /// For programs: a table with one header row, values as measured, units in the column names.
    Csv,
    /// For people, where Markdown is shown: a CI's summary.
    Markdown,
    /// For monitoring: OpenMetrics text, as node_exporter's textfile collector reads it.
    Openmetrics,
    /// For a CI's test report.
    Junit,
}

impl From<Plain> for Format {
    fn from(plain: Plain) -> Format {
        match plain {
            Plain::Text => Format::Text,
            Plain::Json => Format::Json,
            Plain::Csv => Format::Csv,
            Plain::Markdown => Format::Markdown,
        }
    }
}

impl From<Metered> for Format {
    fn from(metered: Metered) -> Format {
        match metered {
            Metered::Text => Format::Text,
            Metered::Json => Format::Json,
            Metered::Csv => Format::Csv,
            Metered::Markdown => Format::Markdown,
            Metered::Openmetrics => Format::Openmetrics,
        }
    }
}

impl From<Gate> for Format {
    fn from(gate: Gate) -> Format {
        match gate {
            Gate::Text => Format::Text,
            Gate::Json => Format::Json,
            Gate::Csv => Format::Csv,
            Gate::Markdown => Format::Markdown,
            Gate::Openmetrics => Format::Openmetrics,
            Gate::Junit => Format::Junit,
        }
    }
}

/// The arguments of a verb that prints data.
#[derive(Debug, Clone, clap::Args)]
pub struct Printing<F: ValueEnum + Send + Sync + 'static = Plain> {
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    format: F,
    /// Table that `--format csv` prints instead of the verb's main one; an unknown name lists them.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
}

/// How a view is printed: the format, and the place of its table.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// The format.
    pub format: Format,
    table: usize,
}

impl<F: ValueEnum + Send + Sync + Copy + Into<Format> + 'static> Printing<F> {
    /// The format.
    pub fn format(&self) -> Format {
        self.format.into()
    }

    /// How a view is printed. Errors (exit code 2): a table that it has not, or one where none is printed; found out
    /// before anything runs.
    pub fn how<T: Printed>(&self) -> Result<How> {
        if self.format() == Format::Openmetrics && !T::METERED {
            return Err(Error::usage("`--format openmetrics`: there is nothing to monitor in this")
                .hint("`flopcast measure` of shapes or of the suites smoke, quick and full has rates"));
        }
        self.among(T::TABLES)
    }

    /// The same for tables of these names.
    pub fn among(&self, tables: &[&str]) -> Result<How> {
        let format = self.format();
        let Some(wanted) = &self.table else { return Ok(How { format, table: 0 }) };
        if format != Format::Csv {
            return Err(Error::usage("`--table` goes with `--format csv` alone").hint("JSON has all tables at once"));
        }
        match tables.iter().position(|name| name == wanted) {
            Some(table) => Ok(How { format, table }),
            None => Err(Error::usage(format!("no table `{wanted}`")).hint(format!("one of {}", tables.join(", ")))),
        }
    }
}

impl How {
    /// Name of the table that is printed.
    pub fn table<'a>(&self, tables: &[&'a str]) -> &'a str {
        tables.get(self.table).copied().unwrap_or_default()
    }
}

/// A file for a textfile collector beside what is printed.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsFile {
    /// Write OpenMetrics there as well, for node_exporter's textfile collector: at once and whole, so that it is never
    /// read half written.
    #[arg(long, value_name = "FILE.prom")]
    out_metrics: Option<PathBuf>,
}

/// Metrics that are still to come: their place is known to be writable.
pub struct Pending {
    file: PathBuf,
}

impl MetricsFile {
    /// The flag and the file, if there is to be one.
    pub fn place(&self) -> (&'static str, Option<&Path>) {
        ("--out-metrics", self.out_metrics.as_deref())
    }

    /// Finds out whether it can be written, before anything runs. Errors: exit code 2.
    pub fn begin(&self) -> Result<Option<Pending>> {
        let Some(file) = &self.out_metrics else { return Ok(None) };
        writable(self.place().0, file)?;
        Ok(Some(Pending { file: file.clone() }))
    }
}

/// Finds out whether the file of this flag can be written, before anything runs. Errors: exit code 2.
pub fn writable(flag: &str, file: &Path) -> Result<()> {
    let refused = format!("`{flag}`: `{}` cannot be written", file.display());
    files::writable(file)
        .or_usage(refused)
        .map_err(|e| e.hint(format!("`{flag}` takes the name of a file in a folder that can be written")))
}

impl Pending {
    /// Writes them. Errors: exit code 1.
    pub fn write<T: Printed>(&self, view: &T) -> Result<()> {
        let name = format!("`{}`", self.file.display());
        files::write(&self.file, openmetrics::text(&view.metrics()).as_bytes()).or_failed(&name)
    }
}

/// What holds for the whole process.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Terminal")]
pub struct Terminal {
    /// Colour: where stdout or stderr is a terminal and NO_COLOR is not set, always, or never.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// No progress on stderr.
    #[arg(long, global = true)]
    no_progress: bool,
}

/// When there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

static QUIET: AtomicBool = AtomicBool::new(false);
static PROGRESS: AtomicBool = AtomicBool::new(true);

impl Terminal {
    /// Makes it hold.
    pub fn hold(self) {
        color(self.color);
        QUIET.store(self.quiet, Ordering::Relaxed);
        PROGRESS.store(!self.quiet && !self.no_progress, Ordering::Relaxed);
    }
}

fn color(wanted: Color) {
    let choice = match wanted {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Takes the colour from arguments that are not parsed yet: help and errors are printed before they are.
pub fn color_of(arguments: impl Iterator<Item = std::ffi::OsString>) {
    let words: Vec<String> = arguments.map(|a| a.to_string_lossy().into_owned()).take_while(|a| a != "--").collect();
    let after = words.iter().position(|w| w == "--color").and_then(|at| words.get(at + 1).cloned());
    let joined = words.iter().find_map(|w| w.strip_prefix("--color=").map(String::from));
    if let Some(wanted) = after.or(joined).and_then(|word| Color::from_str(&word, false).ok()) {
        color(wanted);
    }
}

/// Every line of progress there is: what else goes to stderr is written above them.
static LINES: OnceLock<MultiProgress> = OnceLock::new();

/// A line of progress below those that there are: hidden where stderr is no terminal or none is wanted.
pub fn bar(length: Option<u64>, template: &str) -> ProgressBar {
    let lines = LINES.get_or_init(|| {
        let shown = progress() && std::io::stderr().is_terminal();
        // Drawn ten times a second at most: what is measured has the machine for itself.
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        MultiProgress::with_draw_target(target)
    });
    let bar = lines.add(length.map_or_else(ProgressBar::no_length, ProgressBar::new));
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("left", time_left));
    }
    bar
}

/// `12s left`; before anything is done nobody knows.
fn time_left(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    // A line that cannot be drawn is not drawn.
    let _ = match state.pos() {
        0 => out.write_str("…"),
        _ => write!(out, "{:#} left", HumanDuration(state.eta())),
    };
}

/// Takes all progress off the terminal, where the process is about to end.
pub fn clear() {
    if let Some(lines) = LINES.get() {
        // A terminal that went away is none to be cleared. What is said from now on draws them no more.
        let _ = lines.clear();
        lines.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Whether progress is shown, if stderr is a terminal.
pub fn progress() -> bool {
    PROGRESS.load(Ordering::Relaxed)
}

fn coloured(stream: &impl anstream::stream::RawStream) -> bool {
    anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never
}

/// What stdout allows.
fn look() -> Look {
    let stdout = std::io::stdout();
    let width = terminal_size::terminal_size_of(&stdout).map(|(width, _)| width.0);
    Look { width, colour: coloured(&stdout) }
}

/// Prints a view.
pub fn show<T: Printed>(view: &T, how: How) -> Result<()> {
    match how.format {
        Format::Text => data(&view.document().text(look())),
        Format::Markdown => data(&view.document().markdown()),
        Format::Json => json(view),
        Format::Openmetrics => data(&openmetrics::text(&view.metrics())),
        Format::Csv => view.sheets().get(how.table).map_or(Ok(()), |sheet| data(&sheet.csv()?)),
        // The verbs that offer it print it themselves.
        Format::Junit => Ok(()),
    }
}

/// Prints a document alone, as text or Markdown.
pub fn document(document: &Document, format: Format) -> Result<()> {
    match format {
        Format::Markdown => data(&document.markdown()),
        _ => data(&document.text(look())),
    }
}

/// Prints what clap makes of help or a version.
pub fn help(text: &clap::builder::StyledStr) -> Result<()> {
    if coloured(&std::io::stdout()) { data(&text.ansi().to_string()) } else { data(&text.to_string()) }
}

/// Writes data to stdout. A reader that went away (`| head`) is no error.
pub fn data(text: &str) -> Result<()> {
    // On an old Windows console colours are calls, not text.
    let mut out = anstream::stdout().lock();
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
    let mut text = escaped_json(&serde_json::to_string_pretty(value).or_failed("json")?);
    text.push('\n');
    Ok(text)
}

/// A value as JSON on one line.
pub fn line<T: Serialize>(value: &T) -> Result<String> {
    Ok(escaped_json(&serde_json::to_string(value).or_failed("json")?))
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

/// Writes a line of talk to stderr, unless nothing is to be said. Nothing is to be done when even that fails.
pub fn talk(line: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        stderr(line, &["warning: "], YELLOW);
    }
}

/// Writes what did not come off and is no reason to fail, with its hint, as [`talk`] does.
#[cfg(feature = "gpu")]
pub fn warning(error: &Error) {
    talk(&format!("warning: {error}"));
    if let (Some(hint), false) = (error.hint_text(), QUIET.load(Ordering::Relaxed)) {
        stderr(&format!("hint: {hint}"), &["hint: "], CYAN);
    }
}

/// Writes a line to stderr that is the reason of the exit code, so that `--quiet` does not take it away.
pub fn reason(line: &str) {
    stderr(line, &[], RED);
}

/// Writes an error and its hint to stderr.
pub fn error(error: &Error) {
    stderr(&format!("error: {error}"), &["error: "], RED);
    // What cannot be used can be looked up, whatever it is.
    let general =
        (error.kind() == Kind::Usage).then_some("`--help` behind the verb lists its arguments, with examples");
    if let Some(hint) = error.hint_text().or(general) {
        stderr(&format!("hint: {hint}"), &["hint: "], CYAN);
    }
}

/// The command that is running, as a shell would take it again.
pub fn command() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    ["flopcast".to_string()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[1;36m";

/// A line whose first word has a colour where stderr has; what is foreign in it commands no terminal.
fn stderr(line: &str, words: &[&str], code: &str) {
    let line = clean(line);
    let word = words.iter().find(|word| line.starts_with(**word)).filter(|_| coloured(&std::io::stderr()));
    let shown = match word.and_then(|word| line.split_at_checked(word.len() - 1)) {
        Some((word, rest)) => format!("{code}{word}\u{1b}[0m{rest}"),
        None => line,
    };
    let write = || drop(writeln!(anstream::stderr().lock(), "{shown}"));
    match LINES.get() {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_to_a_shell() {
        for (word, shown) in [
            ("tp8", "tp8"),
            ("--what-if=nic=2x", "--what-if=nic=2x"),
            ("tp8 pp8", "'tp8 pp8'"),
            ("", "''"),
            ("a'b$c", r"'a'\''b$c'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
