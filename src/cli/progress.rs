//! The progress bar on stderr, where that is a terminal.

use crate::measure::record::Record;
use crate::measure::suite::Request;
use crate::measure::timing::Stage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Steps of the bar per case.
const STEPS: u64 = 100;

/// A bar over a list of cases.
pub struct Progress {
    bar: ProgressBar,
    total: usize,
}

impl Progress {
    /// A bar over `total` cases; hidden where stderr is no terminal or it is not wanted.
    pub fn new(total: usize, wanted: bool) -> Progress {
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64 * STEPS), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:20} {elapsed} · {wide_msg}") {
            bar.set_style(style);
        }
        Progress { bar, total }
    }

    /// What is being done with which case.
    pub fn stage(&self, index: usize, request: &Request, stage: Stage) {
        let (doing, part) = match stage {
            Stage::Proving => ("proving", 0.0),
            Stage::WarmUp => ("warming up", 0.2),
            Stage::Timing(part) => ("timing", 0.2 + 0.8 * part.clamp(0.0, 1.0)),
        };
        self.bar.set_position(index as u64 * STEPS + (part * STEPS as f64) as u64);
        let kernel = request.kernel.family.name();
        self.bar.set_message(format!("{}/{} {doing} {kernel} {}", index + 1, self.total, request.shape));
    }

    /// A case is done.
    pub fn done(&self, record: &Record) {
        if let Some(figure) = &record.figure {
            self.bar.set_message(format!("{} {:.3} GFLOP/s", record.case.id(), figure.gflop_per_s.median));
        }
    }

    /// All is done: leaves the terminal as it was.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
