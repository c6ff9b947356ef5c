//! A count on stderr of work without a known end, where that is a terminal.

use super::output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many are done, shown ten times a second at most.
pub struct Counting {
    bar: ProgressBar,
}

impl Counting {
    /// A count of `what`; with a known `end` the time that is left beside it. Hidden where stderr is no terminal or
    /// no progress is wanted.
    pub fn new(what: &'static str, end: Option<u64>) -> Counting {
        let target =
            if output::progress() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(end, target);
        let template = match end {
            Some(_) => "{bar:20} {human_pos}/{human_len} {msg} · {elapsed}, {eta} left",
            None => "{spinner} {human_pos} {msg} · {per_sec} · {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
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
