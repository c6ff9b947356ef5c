//! The file that takes records as they are made, and that a later run can go on with.

use super::compare::Key;
use super::record::AdapterIdentity;
use super::record::{Missing, Record, SCHEMA, Tool};
use super::suite::Request;
use super::wire;
use crate::error::{Context, Error, Kind, Result};
use crate::files;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A JSONL file that takes records as they are made. Before the first of them nothing is changed: a run that comes to
/// nothing leaves what was there.
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    outdated: Vec<PathBuf>,
}

impl Log {
    /// A file that can be written, which is found out before anything is measured. What a file of that name holds is
    /// kept beside it from the first record on, as `NAME.previous`.
    ///
    /// # Errors
    /// Exit code 2 where it cannot be written.
    pub fn create(path: &Path) -> Result<Log> {
        files::writable(path).map_err(|e| unwritable(path, &e))?;
        Ok(Log { path: files::resolved(path), file: None, outdated: Vec::new() })
    }

    /// The same; these files were made from the older record, and go when the first record of the new one comes.
    #[must_use]
    pub fn outdates(self, outdated: &[&Path]) -> Log {
        Log { outdated: outdated.iter().map(|path| path.to_path_buf()).collect(), ..self }
    }

    /// The file, begun if it is not yet.
    fn begun(&mut self) -> Result<&mut File> {
        if self.file.is_none() {
            let (path, shown) = (&self.path, self.path.display());
            if path.metadata().is_ok_and(|m| m.is_file() && m.len() > 0) {
                let mut previous = path.as_os_str().to_owned();
                previous.push(".previous");
                std::fs::rename(path, &previous).or_usage(format!("`{shown}` cannot be moved out of the way"))?;
            }
            for old in self.outdated.iter().filter(|old| old.exists()) {
                std::fs::remove_file(old).or_usage(format!("`{}` cannot be removed", old.display()))?;
            }
        }
        let path = &self.path;
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(File::create(path).map_err(|e| unwritable(path, &e))?)),
        }
    }

    /// Opens the file of an earlier run to go on with, and returns what it holds. A line that was cut off is
    /// taken away; so are rows that were `skipped` for want of time, since there is time again now.
    ///
    /// # Errors
    /// Exit code 2 for a file that is not there or cannot be written, 12 for one with anything in it that
    /// is no record. The file is unchanged then.
    pub fn resume(path: &Path) -> Result<(Log, Vec<Record>)> {
        let found = wire::read(path)?;
        let before = found.records.len();
        let mut records = found.records;
        records.retain(|record| !matches!(record.missing, Some(Missing::Skipped { .. })));
        let ends_whole = std::fs::read(path).or_usage(format!("`{}`", path.display()))?.ends_with(b"\n");
        if found.cut.is_some() || records.len() < before || (before > 0 && !ends_whole) {
            rewrite(path, &records)?;
        }
        let file = File::options().append(true).open(path).map_err(|e| unwritable(path, &e))?;
        Ok((Log { path: path.into(), file: Some(file), outdated: Vec::new() }, records))
    }

    /// Writes one record as one line, and flushes it.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let shown = self.path.display();
        let line = wire::line(record).map_err(|e| e.context(format!("`{shown}`")))?;
        self.append(&line)
    }

    /// Writes one line, line break included, of another kind of record.
    pub fn append(&mut self, line: &str) -> Result<()> {
        let shown = format!("`{}`", self.path.display());
        let file = self.begun()?;
        file.write_all(line.as_bytes()).and_then(|()| file.flush()).or_failed(shown)
    }
}

/// Puts a file of these records in the place of the old one in one step: a process that dies on the way
/// leaves the old one.
fn rewrite(path: &Path, records: &[Record]) -> Result<()> {
    let lines = records.iter().map(wire::line).collect::<Result<String>>()?;
    files::write(path, lines.as_bytes()).map_err(|e| unwritable(path, &e))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(error.to_string())
        .context(format!("`{}` cannot be written", path.display()))
        .hint("choose another place with `--out`")
}

/// The requests that are not among the records yet.
///
/// # Errors
/// Exit code 12 where a record was made by another adapter, driver, method or version than is at hand now:
/// one file is one instrument. The field is named.
pub fn remaining(
    records: &[Record],
    requests: Vec<Request>,
    adapter: &AdapterIdentity,
    tool: &Tool,
) -> Result<Vec<Request>> {
    for (record, number) in records.iter().zip(1..) {
        let here = Key::new(SCHEMA, tool, adapter, &record.case);
        if let Some(other) = Key::of(record).other_instrument(&here).first() {
            let message =
                format!("record {number}: `{}` is `{}` there and `{}` here", other.field, other.base, other.new);
            return Err(Error::new(Kind::NotComparable, message)
                .hint("go on where it was begun, or measure into another file with `--out`"));
        }
    }
    let done: std::collections::HashSet<Key> = records.iter().map(Key::of).collect();
    let missing = |request: &Request| !done.contains(&Key::new(SCHEMA, tool, adapter, &request.case()));
    Ok(requests.into_iter().filter(missing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;

    fn file(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("flopcast-log-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder.join("record.jsonl")
    }

    fn of_seed(seed: u64) -> Record {
        let mut record = measured(1e-3, 0.001);
        record.case.seed = seed;
        record
    }

    #[test]
    fn a_file_cut_at_any_byte_is_gone_on_with_and_only_the_cut_record_is_lost() {
        let path = file("cut");
        let two = wire::line(&of_seed(1)).unwrap() + &wire::line(&of_seed(2)).unwrap();
        let first = two.find('\n').unwrap() + 1;
        for end in (0..two.len()).step_by(97).chain([0, 1, first - 1, first, two.len() - 1, two.len()]) {
            std::fs::write(&path, &two[..end]).unwrap();
            let (mut log, there) = Log::resume(&path).unwrap();
            let whole = usize::from(end >= first - 1) + usize::from(end >= two.len() - 1);
            assert_eq!(there.len(), whole, "cut at {end}");
            log.write(&of_seed(3)).unwrap();
            let after = wire::read_whole(&path).unwrap();
            assert_eq!(after.len(), whole + 1, "cut at {end}");
            assert_eq!(after.last().unwrap().case.seed, 3);
        }
    }

    #[test]
    fn nothing_is_changed_before_the_first_record_and_then_what_was_made_from_the_older_one_goes() {
        let path = file("begun");
        let made = path.with_file_name("calibration.json");
        let previous = path.with_file_name("record.jsonl.previous");
        let old = wire::line(&of_seed(1)).unwrap();
        for text in ["", &old] {
            let _ = std::fs::remove_file(&previous);
            std::fs::write(&path, text).unwrap();
            std::fs::write(&made, "of the older record").unwrap();
            drop(Log::create(&path).unwrap().outdates(&[&made]));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert!(made.exists() && !previous.exists());
            let mut log = Log::create(&path).unwrap().outdates(&[&made, &path.with_file_name("never there")]);
            log.write(&of_seed(2)).unwrap();
            log.write(&of_seed(3)).unwrap();
            let seeds: Vec<u64> = wire::read_whole(&path).unwrap().iter().map(|r| r.case.seed).collect();
            assert_eq!((seeds, made.exists()), (vec![2, 3], false));
            assert_eq!(std::fs::read_to_string(&previous).ok().as_deref(), Some(text).filter(|t| !t.is_empty()));
        }
        std::fs::remove_file(&path).unwrap();
        drop(Log::create(&path).unwrap());
        assert!(!path.exists(), "a run that comes to nothing leaves no empty file");
    }

    #[test]
    fn rows_skipped_for_want_of_time_make_room_and_others_stay() {
        let path = file("skipped");
        let mut skipped = of_seed(1);
        skipped.figure = None;
        skipped.missing = Some(Missing::Skipped { reason: "no time".into() });
        let mut unsupported = of_seed(2);
        unsupported.figure = None;
        unsupported.missing = Some(Missing::Unsupported { needs: "f16".into() });
        let lines: String = [&skipped, &unsupported, &of_seed(3)].map(|r| wire::line(r).unwrap()).concat();
        std::fs::write(&path, lines).unwrap();
        let (_, there) = Log::resume(&path).unwrap();
        assert_eq!(there.iter().map(|r| r.case.seed).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(wire::read_whole(&path).unwrap(), there);
    }

    #[test]
    fn a_file_of_another_instrument_is_refused_by_the_field() {
        let record = measured(1e-3, 0.001);
        let refused = |change: fn(&mut Record)| {
            let mut other = record.clone();
            change(&mut other);
            let error = remaining(&[other], vec![], &record.adapter, &record.tool).unwrap_err();
            assert_eq!(error.exit_code(), 12);
            error.message().to_string()
        };
        assert!(refused(|r| r.adapter.name.push('x')).contains("`adapter.name`"));
        assert!(refused(|r| r.adapter.driver_info.push('x')).contains("`adapter.driver_info`"));
        assert!(refused(|r| r.tool.method += 1).contains("`tool.method`"));
        assert!(refused(|r| r.adapter.capabilities.features.push("X".into())).contains("capabilities.features"));
        assert!(remaining(std::slice::from_ref(&record), vec![], &record.adapter, &record.tool).unwrap().is_empty());
    }

    #[test]
    fn what_is_in_a_file_is_not_measured_again_and_all_else_is() {
        use crate::kernel::{Family, Kernel, Precision};
        use crate::measure::Executor;
        use crate::measure::effort::Effort;
        use crate::measure::engine::{Pace, measure};
        use crate::measure::scripted::{Script, ScriptedExecutor};
        use crate::measure::timing::unwatched;
        let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap();
        let of_seed = |seed| Request { seed, ..Request::plain(kernel.clone(), "64x48x50".parse().unwrap()) };
        let mut executor = ScriptedExecutor::new(Script::honest());
        let record = measure(&mut executor, &of_seed(1), &Effort::smoke(), &mut Pace::default(), &mut unwatched);
        let requests = vec![of_seed(2), of_seed(1), of_seed(3)];
        let left = remaining(&[record.unwrap()], requests, executor.adapter(), &executor.tool()).unwrap();
        assert_eq!(left.iter().map(|request| request.seed).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_file_that_is_no_record_is_left_alone() {
        let path = file("foreign");
        std::fs::write(&path, "my shopping list\n").unwrap();
        assert_eq!(Log::resume(&path).map(|_| ()).unwrap_err().exit_code(), 12);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my shopping list\n");
    }
}
