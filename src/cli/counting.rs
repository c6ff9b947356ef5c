//! A count on stderr of work without a known end, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How many are done, shown ten times a second at most.
pub struct Counting {
    bar: ProgressBar,
}

impl Counting {
    /// A count of `what`; hidden where stderr is no terminal.
    pub fn new(what: &'static str) -> Counting {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} {msg} · {per_sec} · {elapsed}") {
            bar.set_style(style);
        }
        Counting { bar: bar.with_message(what) }
    }

    /// So many more are done.
    pub fn steps(&self, more: u64) {
        self.bar.inc(more);
    }

    /// All is done: leaves the terminal as it was.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
