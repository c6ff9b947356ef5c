//! Records in files: one JSON line each, read with the line and the field that is wrong.
//!
//! A line that was being written when the process died has no line break and ends in the middle. It is
//! recognised as such and kept apart: what stands before it is whole.

use super::record::{METHOD, Record, SCHEMA, derives, read_as};
use super::sound::contradiction;
use crate::error::{Context, Error, Kind, Result};
use serde::Deserialize;
use std::path::Path;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wire {
    /// The whole records, in order.
    pub records: Vec<Record>,
    /// A last line that was cut off.
    pub cut: Option<Cut>,
}

/// A last line that ends in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Its number, from 1.
    pub line: usize,
    /// Bytes before it: what to keep of the file in order to go on.
    pub whole_bytes: usize,
}

/// Reads a file of records. A cut last line is no error here; see [`read_whole`].
///
/// # Errors
/// Exit code 2 where the file cannot be read; else as [`parse`].
pub fn read(path: &Path) -> Result<Wire> {
    parse(&bytes(path)?, &format!("`{}`", path.display()))
}

/// The bytes of a file of records.
///
/// # Errors
/// Exit code 2 where it cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path)
        .or_usage(format!("`{}`", path.display()))
        .map_err(|e| e.hint("a record is the file that `flopcast measure --out FILE.jsonl` writes"))
}

/// Reads a file of records that has to be complete and to hold at least one.
///
/// # Errors
/// As [`read`]; exit code 12 ([`Kind::NotComparable`]) for an empty file and for a cut one.
pub fn read_whole(path: &Path) -> Result<Vec<Record>> {
    whole(read(path)?, &format!("`{}`", path.display()))
}

fn whole(wire: Wire, name: &str) -> Result<Vec<Record>> {
    if let Some(cut) = wire.cut {
        return Err(Error::new(Kind::NotComparable, format!("{name}:{}: the line is cut off", cut.line))
            .hint("the run was interrupted while writing; measure again or remove that line"));
    }
    if wire.records.is_empty() {
        return Err(Error::new(Kind::NotComparable, format!("{name}: holds no record"))
            .hint("measure again with `flopcast measure --out FILE.jsonl`"));
    }
    Ok(wire.records)
}

/// Reads a file of records as input to further work: complete, with at least one record, each of this
/// version's method and agreeing with itself.
///
/// # Errors
/// Exit code 2 for all of it: the file is not usable.
pub fn read_input(path: &Path) -> Result<Vec<Record>> {
    checked(read(path), &format!("`{}`", path.display()))
}

/// The same of the bytes of a file; `name` stands in front of its errors.
///
/// # Errors
/// Exit code 2 for all of it.
pub fn input(bytes: &[u8], name: &str) -> Result<Vec<Record>> {
    checked(parse(bytes, name), name)
}

fn checked(wire: Result<Wire>, name: &str) -> Result<Vec<Record>> {
    let records = wire.and_then(|wire| whole(wire, name)).map_err(|e| e.of_kind(Kind::Usage))?;
    for (record, number) in records.iter().zip(1..) {
        usable(record).map_err(|e| e.context(format!("{name}: record {number}")))?;
    }
    Ok(records)
}

/// Refuses a record that contradicts itself or was made by another method.
fn usable(record: &Record) -> Result<()> {
    if !derives(record.tool.method) {
        return Err(Error::usage(format!("measured by method {} instead of {METHOD}", record.tool.method))
            .hint("figures of different methods do not compare; measure again with this version"));
    }
    match contradiction(record) {
        None => Ok(()),
        Some((field, why)) => {
            Err(Error::usage(format!("`{field}`: {why}")).hint("the record contradicts itself; measure again"))
        }
    }
}

/// Reads the bytes of a file; `name` stands in front of its errors. Empty lines are passed over.
///
/// # Errors
/// Exit code 12: a line that is not a record (with its number and the field), or of another schema
/// (which is named).
pub fn parse(bytes: &[u8], name: &str) -> Result<Wire> {
    let mut wire = Wire::default();
    let mut start = 0;
    for (index, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        let number = index + 1;
        let whole_line = line.ends_with(b"\n");
        if !line.trim_ascii().is_empty() {
            // A line break within a string is none of the string: the line was cut, whatever follows.
            match record(line.trim_ascii_end()) {
                Ok(record) => wire.records.push(record),
                Err(Bad::Ends) if !whole_line => wire.cut = Some(Cut { line: number, whole_bytes: start }),
                Err(bad) => return Err(bad.error(&format!("{name}:{number}"))),
            }
        }
        start += line.len();
    }
    Ok(wire)
}

/// The line of a record, with its line break.
///
/// # Errors
/// Exit code 1 where the line would not read back as the same record: JSON has no NaN and no infinity.
pub fn line(record: &Record) -> Result<String> {
    let mut line = serde_json::to_string(record).or_failed("record")?;
    match self::record(line.as_bytes()) {
        Ok(back) if back == *record => {}
        Ok(_) => return Err(Error::failed("record: an optional figure is not finite")),
        Err(bad) => return Err(Error::failed(bad.error("record").message())),
    }
    line.push('\n');
    Ok(line)
}

enum Bad {
    /// Ends before the object does.
    Ends,
    Foreign(String),
    Malformed(String),
}

impl Bad {
    fn error(self, place: &str) -> Error {
        match self {
            Bad::Ends => Error::new(Kind::NotComparable, format!("{place}: the line ends in the middle"))
                .hint("the file was damaged after it was written; measure again"),
            Bad::Malformed(why) => Error::new(Kind::NotComparable, format!("{place}: {why}"))
                .hint("a record is what `flopcast measure --out FILE.jsonl` writes; measure again"),
            Bad::Foreign(schema) => Error::new(Kind::NotComparable, format!("{place}: schema is {schema}"))
                .hint(format!("this flopcast reads `{SCHEMA}`; measure again with it")),
        }
    }
}

fn record(line: &[u8]) -> std::result::Result<Record, Bad> {
    /// The schema decides how the rest is read, so it is looked at first.
    #[derive(Deserialize)]
    struct Head {
        schema: Option<serde_json::Value>,
    }
    let head: Head = serde_json::from_slice(line).map_err(|e| bad(&e, line))?;
    match head.schema {
        Some(serde_json::Value::String(schema)) if read_as(&schema).is_some() => {}
        Some(serde_json::Value::String(schema)) => return Err(Bad::Foreign(format!("`{schema}`"))),
        Some(other) => return Err(Bad::Foreign(other.to_string())),
        None => return Err(Bad::Foreign("missing".to_string())),
    }
    let mut json = serde_json::Deserializer::from_slice(line);
    let record: Record = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        if e.inner().is_eof() {
            return Bad::Ends;
        }
        Bad::Malformed(format!("`{}`: {}", e.path(), reason(e.inner())))
    })?;
    json.end().map_err(|e| bad(&e, line))?;
    Ok(record)
}

fn bad(error: &serde_json::Error, line: &[u8]) -> Bad {
    if error.is_eof() {
        return Bad::Ends;
    }
    // A figure that is not a number is the likeliest of all: name its field where it can be found.
    let mut json = serde_json::Deserializer::from_slice(line);
    match serde_path_to_error::deserialize::<_, Record>(&mut json) {
        // A number that is cut off is a wrong one to who skips it, and an end to who reads it.
        Err(e) if e.inner().is_eof() => Bad::Ends,
        Err(e) if e.path().iter().next().is_some() => Bad::Malformed(format!("`{}`: {}", e.path(), reason(e.inner()))),
        _ => Bad::Malformed(format!("no record: {}", reason(error))),
    }
}

/// serde_json's message without its `at line 1 column n`: the line is known, and the column is of no help.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;

    fn two_lines() -> String {
        line(&measured(1e-3, 0.001)).unwrap() + &line(&measured(2e-3, 0.001)).unwrap()
    }

    fn refused(text: &str) -> Error {
        parse(text.as_bytes(), "`base`").unwrap_err()
    }

    #[test]
    fn what_was_written_is_read_back_unchanged() {
        let wire = parse(two_lines().as_bytes(), "x").unwrap();
        assert_eq!(wire.records, [measured(1e-3, 0.001), measured(2e-3, 0.001)]);
        assert_eq!(wire.cut, None);
        assert_eq!(parse(b"\n\n", "x").unwrap(), Wire::default());
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_every_whole_record_and_says_where_it_ends() {
        let text = two_lines();
        let first = text.find('\n').unwrap() + 1;
        for end in 1..text.len() {
            let wire = parse(&text.as_bytes()[..end], "x").unwrap();
            // A record whose line break alone is missing is whole.
            let whole = usize::from(end >= first - 1) + usize::from(end >= text.len() - 1);
            assert_eq!(wire.records.len(), whole, "cut at {end}");
            let cut = (end < first - 1).then_some(Cut { line: 1, whole_bytes: 0 });
            let cut = cut.or((end > first && end < text.len() - 1).then_some(Cut { line: 2, whole_bytes: first }));
            assert_eq!(wire.cut, cut, "cut at {end}");
        }
    }

    #[test]
    fn a_figure_that_is_no_number_is_refused_with_its_field_and_line() {
        let text = two_lines();
        let number = "\"median\":0.002";
        assert!(text.contains(number));
        for fake in ["NaN", "null", "\"NaN\"", "Infinity", "1e999"] {
            let error = refused(&text.replace(number, &format!("\"median\":{fake}")));
            assert!(error.message().starts_with("`base`:2: `figure.seconds.median`: "), "{fake}: {error}");
            assert_eq!(error.exit_code(), 12);
        }
    }

    #[test]
    fn a_foreign_schema_is_refused_by_its_name() {
        for (schema, part) in [
            ("\"flopcast.measurement/9\"", "schema is `flopcast.measurement/9`"),
            ("7", "schema is 7"),
            ("null", "schema is missing"),
        ] {
            let error = refused(&two_lines().replacen(&format!("\"{SCHEMA}\""), schema, 1));
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 12);
        }
        assert!(refused("{\"a\": 1}\n").message().contains("schema is missing"));
    }

    #[test]
    fn a_line_that_is_no_record_is_refused_with_its_number() {
        for bad in ["[]", "7", "}{", "garbage", "\u{0}", "{\"schema\":"] {
            let error = refused(&format!("{}{bad}\n", two_lines()));
            assert!(error.message().starts_with("`base`:3: "), "{bad}: {error}");
            assert_eq!(error.exit_code(), 12);
        }
        let extra = two_lines().replacen("\"verdict\"", "\"extra\":1,\"verdict\"", 1);
        assert!(refused(&extra).message().contains("unknown field `extra`"));
        let twice = two_lines().replacen('\n', " {}\n", 1);
        assert!(refused(&twice).message().contains("trailing"));
    }

    #[test]
    fn a_record_that_would_not_read_back_is_not_written() {
        let mut record = measured(1e-3, 0.001);
        record.figure.as_mut().unwrap().seconds.median = f64::NAN;
        assert!(line(&record).unwrap_err().message().contains("figure.seconds.median"));
        let mut record = measured(1e-3, 0.001);
        record.figure.as_mut().unwrap().submission_s = Some(f64::INFINITY);
        assert!(line(&record).is_err());
    }

    #[test]
    fn what_cannot_be_worked_with_is_exit_2_with_the_line_or_the_field() {
        let folder = std::env::temp_dir().join(format!("flopcast-input-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("m.jsonl");
        let good = two_lines();
        let lines: Vec<&str> = good.lines().collect();
        for (text, part) in [
            (good[..good.len() - 40].to_string(), ":2: the line is cut off"),
            (format!("{}\n{good}", &good[..100]), ":1: the line ends in the middle"),
            (good.replace(SCHEMA, "flopcast.measurement/7"), ":1: schema is `flopcast.measurement/7`"),
            (good.replace("\"median\":0.002", "\"median\":NaN"), ":2: `figure.seconds.median`"),
            (good.replace("\"median\":0.002", "\"median\":2.01e300"), "record 2: `figure.seconds`"),
            (good.replace(&format!("\"method\":{METHOD}"), "\"method\":99"), "record 1: measured by method 99"),
            (lines[0].replace("\"verdict\":\"MEASURED\"", "\"verdict\":\"INVALID\""), "record 1: `verdict`"),
            ("hello\n".into(), ":1: no record"),
            (String::new(), "holds no record"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = read_input(&file).unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
            assert!(error.hint_text().is_some(), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        std::fs::write(&file, &good).unwrap();
        assert_eq!(read_input(&file).unwrap().len(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_missing_an_empty_and_a_cut_file_are_told_apart() {
        let folder = std::env::temp_dir().join(format!("flopcast-wire-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("record.jsonl");
        assert_eq!(read_whole(&file).unwrap_err().exit_code(), 2);
        for (content, part) in [("", "holds no record"), ("{\"schema\"", ":1: the line is cut off")] {
            std::fs::write(&file, content).unwrap();
            let error = read_whole(&file).unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 12);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
