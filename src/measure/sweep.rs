//! A list of cases, each written down as soon as it is done.

use super::Executor;
use super::effort::Effort;
use super::engine::{Pace, measure};
use super::record::Record;
use super::suite::Request;
use super::timing::Stage;
use super::wire;
use crate::error::{Context, Error, Result};
use std::fs::File;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A JSONL file that takes records as they are made.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file before anything is measured. What a file of that name held is kept beside it,
    /// as `NAME.previous`.
    pub fn create(path: &Path) -> Result<Log> {
        let shown = path.display();
        if path.metadata().is_ok_and(|m| m.is_file() && m.len() > 0) {
            let mut previous = path.as_os_str().to_owned();
            previous.push(".previous");
            std::fs::rename(path, &previous).or_usage(format!("`{shown}` cannot be moved out of the way"))?;
        }
        let file = File::create(path).map_err(|e| {
            Error::usage(e.to_string())
                .context(format!("`{shown}` cannot be written"))
                .hint("choose another place with `--out`")
        })?;
        Ok(Log { path: path.into(), file })
    }

    /// Writes one record as one line, and flushes it.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let shown = self.path.display();
        let line = wire::line(record).map_err(|e| e.context(format!("`{shown}`")))?;
        self.file.write_all(line.as_bytes()).and_then(|()| self.file.flush()).or_failed(format!("`{shown}`"))
    }
}

/// Measures the requests in order. `done` sees each record as soon as there is one; an error from it
/// ends the sweep, a case that fails does not. `stop` is asked before each submission: the case under way
/// then is dropped.
pub fn sweep(
    executor: &mut dyn Executor,
    requests: &[Request],
    effort: &Effort,
    observe: &mut dyn FnMut(usize, Stage),
    stop: &dyn Fn() -> bool,
    done: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let mut pace = Pace::default();
    let mut records = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        let mut watch = |stage| {
            observe(index, stage);
            if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let Some(record) = measure(executor, request, effort, &mut pace, &mut watch) else { break };
        done(&record)?;
        records.push(record);
    }
    Ok(records)
}
