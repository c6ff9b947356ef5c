//! Progress on stderr: a live table where that is a terminal, plain lines where it is none.

use super::output;
use crate::measure::record::Record;
use crate::measure::row::Row;
use crate::measure::suite::Request;
use crate::measure::timing::Stage;
use crate::report::{measurement, overview};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::io::IsTerminal;

/// Steps of a bar per case.
const STEPS: u64 = 100;

/// Cases that stay in sight below the best.
const LAST: usize = 4;

/// A bar over work that says which part of it is done, in thousandths, with the time that is left.
pub fn bar() -> ProgressBar {
    let target = if output::progress() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(1000), target);
    styled(&bar, "{bar:20} {elapsed}, {eta} left · {wide_msg}");
    bar
}

fn styled(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

/// Progress over a list of cases: what is being done and how long it will take, the best so far, the last few with
/// their verdicts.
pub struct Progress {
    lines: MultiProgress,
    bar: ProgressBar,
    best: ProgressBar,
    last: Vec<ProgressBar>,
    total: usize,
    plain: bool,
    done: RefCell<Vec<Row>>,
}

impl Progress {
    /// Over `total` cases.
    pub fn new(total: usize) -> Progress {
        let terminal = std::io::stderr().is_terminal();
        let shown = output::progress() && terminal;
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let lines = MultiProgress::with_draw_target(target);
        let line = |template: &str| {
            let bar = lines.add(ProgressBar::new(0));
            styled(&bar, template);
            bar
        };
        let bar = lines.add(ProgressBar::new(total as u64 * STEPS));
        styled(&bar, "{bar:20} {elapsed}, {eta} left · {wide_msg}");
        let best = line("{wide_msg}");
        let last = (0..LAST).map(|_| line("{wide_msg}")).collect();
        let plain = output::progress() && !terminal;
        Progress { lines, bar, best, last, total, plain, done: RefCell::new(Vec::new()) }
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
        let mut done = self.done.borrow_mut();
        done.push(Row::from(record));
        if self.plain {
            if let Some(row) = done.last() {
                output::talk(&format!("{}/{} {}", done.len(), self.total, measurement::line(row)));
            }
            return;
        }
        if let Some(best) = overview::best_row(&done) {
            self.best.set_message(format!("best so far: {}", measurement::line(best)));
        }
        for (line, row) in self.last.iter().zip(done.iter().rev()) {
            line.set_message(format!("  {}", measurement::line(row)));
        }
    }

    /// All is done: leaves the terminal as it was.
    pub fn finish(&self) {
        for bar in [&self.bar, &self.best].into_iter().chain(&self.last) {
            bar.finish_and_clear();
        }
        // A terminal that went away is none to be cleared.
        let _ = self.lines.clear();
    }
}
