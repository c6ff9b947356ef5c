//! The file that takes records as they are made, and that a later run can go on with.

use super::Executor;
use super::compare::Key;
use super::host::{HOST, HostExecutor};
use super::record::AdapterIdentity;
use super::record::{Missing, Record, SCHEMA, Tool};
use super::suite::Request;
use super::wire;
use crate::error::{Context, Error, Kind, Result};
use crate::files;
use crate::kernel::Case;
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A JSONL file that takes records as they are made. Before the first of them nothing is changed: a run that comes to
/// nothing leaves what was there.
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    outdated: Vec<PathBuf>,
    there: Option<There>,
}

/// What stands in a file that is gone on with.
struct There {
    lines: Vec<Line>,
    /// Whether the file is these lines and nothing else, each with its line break.
    whole: bool,
}

struct Line {
    text: Vec<u8>,
    /// Of a row that was skipped for want of time: what a new one has to be in order to take its place.
    waits: Option<Key>,
}

impl Log {
    /// A file that can be written, which is found out before anything is measured. What a file of that name holds is
    /// kept beside it from the first record on, as `NAME.previous`.
    ///
    /// # Errors
    /// Exit code 2 where it cannot be written.
    pub fn create(path: &Path) -> Result<Log> {
        files::writable(path).map_err(|e| unwritable(path, &e))?;
        if let Some(previous) = Log::previous(path).filter(|p| p.symlink_metadata().is_ok_and(|there| there.is_dir())) {
            return Err(unwritable(&previous, &ErrorKind::IsADirectory.into()));
        }
        Log::apart(Some(path), &[], &[])?;
        Ok(Log { path: files::resolved(path), file: None, outdated: Vec::new(), there: None })
    }

    /// Where what the file holds is kept once another record is begun in its place; `None` where it holds nothing.
    fn previous(path: &Path) -> Option<PathBuf> {
        let path = files::resolved(path);
        let holds = path.metadata().is_ok_and(|there| there.is_file() && there.len() > 0);
        let mut previous = path.into_os_string();
        previous.push(".previous");
        holds.then(|| previous.into())
    }

    /// As [`files::apart`] for the file of `--out`, with what is kept of an older one as an output like it.
    ///
    /// # Errors
    /// Exit code 2 with the flag and the file.
    pub fn apart(out: Option<&Path>, others: &[(&str, Option<&Path>)], inputs: &[&Path]) -> Result<()> {
        files::apart(&[&[("--out", out)][..], others].concat(), inputs)?;
        let Some((out, previous)) = out.and_then(|out| Some((out, Log::previous(out)?))) else { return Ok(()) };
        let both = [("--out", Some(out)), ("--out", Some(&*previous))];
        let hint = format!("what stands in `{}` is kept there: give it a file of its own", out.display());
        files::apart(&[&both[..], others].concat(), inputs).map_err(|e| e.hint(hint))
    }

    /// The same; these files were made from the older record, and go when the first record of the new one comes.
    #[must_use]
    pub fn outdates(self, outdated: &[&Path]) -> Log {
        Log { outdated: outdated.iter().map(|path| path.to_path_buf()).collect(), ..self }
    }

    /// The file, begun if it is not yet.
    fn begun(&mut self) -> Result<&mut File> {
        if self.file.is_none() && self.there.is_none() {
            let (path, shown) = (&self.path, self.path.display());
            if let Some(previous) = Log::previous(path) {
                std::fs::rename(path, &previous).or_usage(format!("`{shown}` cannot be moved out of the way"))?;
            }
            for old in self.outdated.iter().filter(|old| old.exists()) {
                std::fs::remove_file(old).or_usage(format!("`{}` cannot be removed", old.display()))?;
            }
        }
        let path = &self.path;
        let open = || match self.there {
            Some(_) => File::options().append(true).open(path),
            None => File::create(path),
        };
        match &mut self.file {
            Some(file) => Ok(file),
            none => Ok(none.insert(open().map_err(|e| unwritable(path, &e))?)),
        }
    }

    /// The file of an earlier run, to go on with, and what it holds. Nothing of it is changed before the first new
    /// record, which also takes away a line that was cut off. A row that was `skipped` for want of time stays until its
    /// case is measured anew: there is time again now, but perhaps not for this one.
    ///
    /// # Errors
    /// Exit code 2 for a file that is not there or cannot be written, 12 for one with anything in it that
    /// is no record.
    pub fn resume(path: &Path) -> Result<(Log, Vec<Record>)> {
        let bytes = wire::bytes(path)?;
        let found = wire::parse(&bytes, &format!("`{}`", path.display()))?;
        files::writable(path).map_err(|e| unwritable(path, &e))?;
        let records = found.cut.map_or(&bytes[..], |cut| &bytes[..cut.whole_bytes]);
        let lines = records.split(|&b| b == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let lines = lines.zip(&found.records).map(|(line, record)| Line::new(line, record)).collect();
        let there = There { lines, whole: bytes.is_empty() || bytes.ends_with(b"\n") };
        let log = Log { path: files::resolved(path), file: None, outdated: Vec::new(), there: Some(there) };
        Ok((log, found.records))
    }

    /// Writes one record as one line, and flushes it. In a file that is gone on with, a row of the same case that was
    /// skipped makes room for it.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let shown = format!("`{}`", self.path.display());
        let line = wire::line(record).map_err(|e| e.context(&shown))?;
        if let Some(there) = &mut self.there {
            let (key, before) = (Key::of(record), there.lines.len());
            there.lines.retain(|line| line.waits.as_ref() != Some(&key));
            let other = !there.whole || there.lines.len() < before;
            there.lines.push(Line::new(line.trim_end().as_bytes(), record));
            if other {
                // In one step: a process that dies on the way leaves the old one. What is open now is that one.
                self.file = None;
                let text: Vec<&[u8]> = there.lines.iter().flat_map(|line| [&line.text[..], b"\n"]).collect();
                files::write(&self.path, &text.concat()).or_failed(shown)?;
                there.whole = true;
                return Ok(());
            }
        }
        self.append(&line)
    }

    /// Writes one line, line break included, of another kind of record.
    pub fn append(&mut self, line: &str) -> Result<()> {
        let shown = format!("`{}`", self.path.display());
        let file = self.begun()?;
        file.write_all(line.as_bytes()).and_then(|()| file.flush()).or_failed(shown)
    }
}

impl Line {
    fn new(text: &[u8], record: &Record) -> Line {
        Line { text: text.to_vec(), waits: skipped(record).then(|| Key::of(record)) }
    }
}

/// Whether it has no figure for want of time alone.
fn skipped(record: &Record) -> bool {
    matches!(record.missing, Some(Missing::Skipped { .. }))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::usage(error.to_string())
        .context(format!("`{}` cannot be written", path.display()))
        .hint("choose another place with `--out`")
}

/// The requests that are not among the records yet.
///
/// # Errors
/// Exit code 12 where a record was made by another adapter, driver, method or version than is at hand now, or on the
/// host and that is another: one file is one instrument. The field is named.
pub fn remaining(
    records: &[Record],
    requests: Vec<Request>,
    adapter: &AdapterIdentity,
    tool: &Tool,
) -> Result<Vec<Request>> {
    let host = HostExecutor::default();
    let hosts_tool = host.tool();
    for (record, number) in records.iter().zip(1..) {
        let (tool, adapter) = match of_host(record) {
            true => (&hosts_tool, host.adapter()),
            false => (tool, adapter),
        };
        let here = Key::new(SCHEMA, tool, adapter, &record.case);
        if let Some(other) = Key::of(record).other_instrument(&here).first() {
            let message =
                format!("record {number}: `{}` is `{}` there and `{}` here", other.field, other.base, other.new);
            return Err(Error::new(Kind::NotComparable, message)
                .hint("go on where it was begun, or measure into another file with `--out`"));
        }
    }
    let done = done(records);
    let missing = |request: &Request| !done.contains(&Key::new(SCHEMA, tool, adapter, &request.case()));
    Ok(requests.into_iter().filter(missing).collect())
}

/// The products of the host that are not among the records yet.
pub fn remaining_of_host(records: &[Record], host: &HostExecutor, cases: Vec<Case>) -> Vec<Case> {
    let (done, tool) = (done(records), host.tool());
    cases.into_iter().filter(|case| !done.contains(&Key::new(SCHEMA, &tool, host.adapter(), case))).collect()
}

/// Whether it is of the host's own product, which no adapter made.
pub fn of_host(record: &Record) -> bool {
    record.adapter.backend == HOST
}

/// What need not be measured again: everything but what was skipped for want of time.
fn done(records: &[Record]) -> HashSet<Key> {
    records.iter().filter(|record| !skipped(record)).map(Key::of).collect()
}

/// The records of a file that was gone on with, and the new ones behind them, as it holds them now: those that were
/// skipped and are measured anew are replaced.
pub fn renewed(mut records: Vec<Record>, new: Vec<Record>) -> Vec<Record> {
    let anew: HashSet<Key> = new.iter().map(Key::of).collect();
    records.retain(|record| !skipped(record) || !anew.contains(&Key::of(record)));
    records.extend(new);
    records
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
    fn where_an_older_record_is_kept_is_an_output_too_and_only_where_there_is_one() {
        let path = file("kept-apart");
        let previous = path.with_file_name("record.jsonl.previous");
        let (none, metrics): ([(&str, Option<&Path>); 0], _) = ([], [("--out-metrics", Some(&*previous))]);
        std::fs::write(&previous, "what is read").unwrap();
        // Without an older record nothing is kept, and the name is as good as any.
        for text in [None, Some("")] {
            text.iter().for_each(|text| std::fs::write(&path, text).unwrap());
            Log::apart(Some(&path), &none, &[&previous]).unwrap();
            Log::apart(Some(&path), &metrics, &[]).unwrap();
            Log::create(&path).unwrap();
        }
        std::fs::write(&path, "older").unwrap();
        let refused = |tried: Result<()>, part: &str| {
            let error = tried.unwrap_err();
            assert!(error.exit_code() == 2 && error.message().contains(part), "{error}");
            error.hint_text().unwrap().to_string()
        };
        let hint = refused(Log::apart(Some(&path), &none, &[&previous]), ".previous` is what is read");
        assert!(hint.contains("record.jsonl` is kept there"), "{hint}");
        refused(Log::apart(Some(&path), &metrics, &[]), "`--out-metrics`: ");
        Log::apart(Some(&path), &none, &[]).unwrap();
        drop(Log::create(&path).unwrap());
        std::fs::remove_file(&previous).unwrap();
        // Moved onto another name of itself a file stays where it is, and would be written over.
        std::fs::hard_link(&path, &previous).unwrap();
        refused(Log::create(&path).map(|_| ()), ".previous` is what `--out` writes");
        std::fs::remove_file(&previous).unwrap();
        std::fs::create_dir_all(&previous).unwrap();
        refused(Log::create(&path).map(|_| ()), ".previous` cannot be written");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");
    }

    fn skipped_of_seed(seed: u64) -> Record {
        let missing = Some(Missing::Skipped { reason: "no time".into() });
        Record { figure: None, missing, ..of_seed(seed) }
    }

    #[test]
    fn rows_skipped_for_want_of_time_make_room_for_new_ones_of_their_case_and_others_stay() {
        let path = file("skipped");
        let unsupported =
            Record { figure: None, missing: Some(Missing::Unsupported { needs: "f16".into() }), ..of_seed(2) };
        let old = [skipped_of_seed(1), unsupported, of_seed(3), skipped_of_seed(4), skipped_of_seed(5)];
        std::fs::write(&path, old.each_ref().map(|r| wire::line(r).unwrap()).concat()).unwrap();
        let (mut log, there) = Log::resume(&path).unwrap();
        assert_eq!(there, old);
        // 4 has its time now, 1 has too little again, 5 is not asked for, 6 is new.
        let new = [of_seed(4), skipped_of_seed(1), of_seed(6)];
        for (number, record) in new.iter().enumerate() {
            log.write(record).unwrap();
            let now = renewed(there.clone(), new[..=number].to_vec());
            assert_eq!(wire::read_whole(&path).unwrap(), now, "what is shown is what is there");
        }
        let seeds = |records: &[Record]| records.iter().map(|r| (r.case.seed, skipped(r))).collect::<Vec<_>>();
        let expected = [(2, false), (3, false), (5, true), (4, false), (1, true), (6, false)];
        assert_eq!(seeds(&wire::read_whole(&path).unwrap()), expected);
        // Gone on with once more, what stands there for want of time still waits, and what is done does not.
        assert_eq!(done(&Log::resume(&path).unwrap().1).len(), 4);
    }

    #[test]
    fn a_file_to_go_on_with_is_as_it_was_until_there_is_a_new_record() {
        let path = file("untouched");
        let rows = wire::line(&of_seed(1)).unwrap() + &wire::line(&skipped_of_seed(2)).unwrap();
        let cut = format!("{rows}{}", &rows[..40]);
        for text in [&rows, &cut, rows.trim_end(), &format!("\n{rows}\n \n"), ""] {
            std::fs::write(&path, text).unwrap();
            let (mut log, _) = Log::resume(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            log.write(&of_seed(3)).unwrap();
            let after = wire::read_whole(&path).unwrap();
            let old = if text.is_empty() { vec![] } else { vec![of_seed(1), skipped_of_seed(2)] };
            assert_eq!(after, renewed(old, vec![of_seed(3)]), "{text:?}");
        }
        let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(entries.count(), 1, "nothing is left beside it");
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
    fn rows_of_the_host_are_held_against_the_host_and_those_done_are_not_measured_again() {
        use crate::kernel::{DataClass, Precision};
        use crate::measure::effort::Effort;
        use crate::measure::host::{host_case, measure_host};
        use crate::measure::timing::unwatched;
        let mut host = HostExecutor::default();
        let case = |shape: &str, seed| host_case((shape.parse().unwrap(), Precision::F32), (DataClass::Normal, seed));
        let what = ("65x33x17".parse().unwrap(), Precision::F32);
        let found = measure_host(&mut host, what, (DataClass::Normal, 1), &Effort::smoke(), &mut unwatched);
        let hosts = found.unwrap().unwrap();
        let adapters = of_seed(1);
        let both = [adapters.clone(), hosts.clone()];
        assert!(remaining(&both, vec![], &adapters.adapter, &adapters.tool).unwrap().is_empty());
        let refused = |change: fn(&mut Record)| {
            let mut other = hosts.clone();
            change(&mut other);
            let records = [adapters.clone(), other];
            let error = remaining(&records, vec![], &adapters.adapter, &adapters.tool).unwrap_err();
            assert_eq!(error.exit_code(), 12);
            error.message().to_string()
        };
        assert!(refused(|r| r.adapter.driver_info.insert(0, '9')).starts_with("record 2: `adapter.driver_info`"));
        assert!(refused(|r| r.tool.method += 1).contains("`tool.method`"));
        let cases = vec![case("8x8x8", 1), case("65x33x17", 1), case("65x33x17", 2)];
        let left = remaining_of_host(&both, &host, cases.clone());
        assert_eq!(left, [cases[0].clone(), cases[2].clone()]);
        let too_little = Missing::Skipped { reason: "no time".into() };
        let skipped = Record { figure: None, missing: Some(too_little), ..hosts };
        assert_eq!(remaining_of_host(&[skipped], &host, cases.clone()), cases);
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
