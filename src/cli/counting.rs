//! Progress over work that is counted, or known in parts, on stderr where that is a terminal.

use super::output;
use indicatif::ProgressBar;
use std::time::Duration;

/// How often the time is shown anew while nothing else changes.
const TICK: Duration = Duration::from_millis(200);

/// A bar over work that says which part of it is done, in thousandths, with the time that is left.
pub fn bar() -> ProgressBar {
    let bar = output::bar(Some(1000), "{bar:20} {elapsed}, {left} · {wide_msg}");
    bar.enable_steady_tick(TICK);
    bar
}

/// How many are done, shown ten times a second at most.
pub struct Counting {
    bar: ProgressBar,
}

impl Counting {
    /// A count of `what`; with a known `end` the time that is left beside it. Hidden where stderr is no terminal or
    /// no progress is wanted.
    pub fn new(what: &'static str, end: Option<u64>) -> Counting {
        let template = match end {
            Some(_) => "{bar:20} {human_pos}/{human_len} {msg} · {elapsed}, {left}",
            None => "{spinner} {human_pos} {msg} · {per_sec} · {elapsed}",
        };
        let bar = output::bar(end, template);
        bar.enable_steady_tick(TICK);
        Counting { bar: bar.with_message(what) }
    }

    /// So many more are done.
    pub fn steps(&self, more: u64) {
        self.bar.inc(more);
    }

    /// So many of so many are done.
    pub fn at(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    /// What is being done.
    #[cfg(feature = "gpu")]
    pub fn doing(&self, what: &str) {
        self.bar.set_message(what.to_string());
    }

    /// All is done: leaves the terminal as it was.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Counting {
    /// Also where an error ended it: its own line is not what the message stands behind.
    fn drop(&mut self) {
        self.finish();
    }
}
