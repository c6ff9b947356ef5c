//! Progress over a list of cases: a live table on stderr where that is a terminal, plain lines where it is none.

use super::output;
use crate::measure::record::Record;
use crate::measure::row::Row;
use crate::measure::steadiness::Trace;
use crate::measure::suite::Request;
use crate::measure::timing::Stage;
use crate::report::{measurement, overview};
use crate::stats::interval::median_95;
use indicatif::ProgressBar;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Steps of a bar per case.
const STEPS: u64 = 100;

/// Cases that stay in sight below the best.
const LAST: usize = 4;

/// How often the case under way is judged anew: judging is work of the host, which a software adapter needs itself.
const LOOK: Duration = Duration::from_millis(500);

/// What is being done and how long it will take, how the case under way looks, the best so far, and the last few with
/// their verdicts.
pub struct Progress {
    bar: ProgressBar,
    running: ProgressBar,
    best: ProgressBar,
    last: Vec<ProgressBar>,
    total: usize,
    plain: bool,
    done: RefCell<Vec<Row>>,
    /// Seconds of a dispatch by round of the case under way.
    rounds: RefCell<Trace>,
    looked: Cell<Instant>,
}

impl Progress {
    /// Over `total` cases.
    pub fn new(total: usize) -> Progress {
        let line = || output::bar(None, "{wide_msg}");
        let bar = output::bar(Some(total as u64 * STEPS), "{bar:20} {elapsed}, {left} · {wide_msg}");
        Progress {
            bar,
            running: line(),
            best: line(),
            last: (0..LAST).map(|_| line()).collect(),
            total,
            plain: output::progress() && !std::io::stderr().is_terminal(),
            done: RefCell::new(Vec::new()),
            rounds: RefCell::new(Trace::default()),
            looked: Cell::new(Instant::now()),
        }
    }

    /// What is being done with which case.
    pub fn stage(&self, index: usize, request: &Request, stage: Stage) {
        let (doing, part) = match stage {
            Stage::Round(seconds) => {
                self.rounds.borrow_mut().push(seconds);
                return self.look(request);
            }
            Stage::Proving => ("proving", 0.0),
            Stage::WarmUp => ("warming up", 0.2),
            Stage::Timing(part) => ("timing", 0.2 + 0.8 * part.clamp(0.0, 1.0)),
        };
        if !matches!(stage, Stage::Timing(_)) && !self.rounds.borrow().samples().is_empty() {
            *self.rounds.borrow_mut() = Trace::default();
            self.running.set_message("");
        }
        self.bar.set_position(index as u64 * STEPS + (part * STEPS as f64) as u64);
        let kernel = request.kernel.family.name();
        self.bar.set_message(format!("{}/{} {doing} {kernel} {}", index + 1, self.total, request.shape));
    }

    /// How the case under way looks so far.
    fn look(&self, request: &Request) {
        if self.running.is_hidden() || self.looked.get().elapsed() < LOOK {
            return;
        }
        self.looked.set(Instant::now());
        let rounds = self.rounds.borrow();
        let Ok(interval) = median_95(rounds.samples()) else { return };
        let steady = rounds.flags().first().map_or("steady", |flag| flag.code.as_str());
        let count = rounds.samples().len();
        let rate = 1e-9 * request.shape.flop() / interval.median;
        let width = interval.relative_half_width().map_or(String::new(), |h| format!(" (± {:.1} %)", 100.0 * h));
        let rate = measurement::significant(rate);
        self.running.set_message(format!("now: {rate} GFLOP/s{width} after {count} rounds, {steady} so far"));
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
        for bar in [&self.bar, &self.running, &self.best].into_iter().chain(&self.last) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    /// Also where an error ended it.
    fn drop(&mut self) {
        self.finish();
    }
}
