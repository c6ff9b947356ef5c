//! One error type: a kind that decides the exit code, a message, and what to do about it.
//!
//! Printed as `error: outer: inner` and, where there is something to do, `hint: …` on the next line.

use std::fmt;

/// What went wrong, as scripts see it. The number is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something failed, was wrong, or regressed.
    Failed = 1,
    /// The command line, a file's content or a setting is not usable.
    Usage = 2,
    /// No usable adapter.
    NoAdapter = 3,
    /// A comparison between things that do not compare.
    NotComparable = 12,
    /// Stopped by Ctrl-C (128 + SIGINT, as shells report it).
    Interrupted = 130,
}

/// An error with its exit code and, where there is one, a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    too_few: bool,
}

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of any kind. Messages are lower case, paths and flags in backticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, too_few: false }
    }

    /// Something failed while running.
    pub fn failed(message: impl Into<String>) -> Self {
        Error::new(Kind::Failed, message)
    }

    /// The request itself cannot be carried out as written.
    pub fn usage(message: impl Into<String>) -> Self {
        Error::new(Kind::Usage, message)
    }

    /// There is no adapter to run on.
    pub fn no_adapter(message: impl Into<String>) -> Self {
        Error::new(Kind::NoAdapter, message)
    }

    /// What a panic said, which is a defect of this program or of a library.
    pub fn of_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let said = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Error::failed(said.unwrap_or("a panic without words"))
    }

    /// Adds the line printed after `hint:`.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with another exit code: what a file's content is worth depends on who reads it.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error as one of a number that is too small: whoever tries many goes on to the next.
    #[must_use]
    pub fn of_too_few(mut self) -> Self {
        self.too_few = true;
        self
    }

    /// Puts an outer message in front: `outer: inner`.
    #[must_use]
    pub fn context(mut self, outer: impl fmt::Display) -> Self {
        self.message = format!("{outer}: {}", self.message);
        self
    }

    /// What decides the exit code.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message without `error:`.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The hint, if there is something to do.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether a larger number might do: see [`Error::of_too_few`].
    pub fn is_too_few(&self) -> bool {
        self.too_few
    }

    /// The process's exit code for this error.
    pub fn exit_code(&self) -> u8 {
        self.kind as u8
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Puts a path or another outer message in front of a foreign error.
pub trait Context<T> {
    /// On error: `outer: inner`, exit code 1.
    fn or_failed(self, outer: impl fmt::Display) -> Result<T>;
    /// On error: `outer: inner`, exit code 2.
    fn or_usage(self, outer: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn or_failed(self, outer: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error::failed(e.to_string()).context(outer))
    }

    fn or_usage(self, outer: impl fmt::Display) -> Result<T> {
        self.map_err(|e| Error::usage(e.to_string()).context(outer))
    }
}
