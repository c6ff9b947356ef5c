//! Reads measurement lines back, and says exactly where one is not usable.

use crate::error::{Context, Error, Result};
use crate::measure::record::{METHOD, Record, SCHEMA, Verdict, read_as};
use std::path::Path;

/// Longest line that is taken: a record with very many samples stays far below.
const MAX_LINE: usize = 64 << 20;

/// Reads a file of measurement lines; see [`read_records_text`].
pub fn read_records(path: &Path) -> Result<Vec<Record>> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).or_usage(format!("`{name}`"))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        Error::usage(format!("`{name}`: byte {}: not UTF-8", e.utf8_error().valid_up_to()))
            .hint("a measurement file is JSON lines as `flopcast measure --out` writes it")
    })?;
    read_records_text(&text, &name)
}

/// Reads measurement lines. Blank lines are passed over; anything else that is no record of this
/// schema and method is an error with `name:line`.
pub fn read_records_text(text: &str, name: &str) -> Result<Vec<Record>> {
    let last = text.trim_end().lines().count();
    let mut records = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        if line.trim().is_empty() {
            continue;
        }
        if line.len() > MAX_LINE {
            return Err(Error::usage(format!("`{name}:{at}`: a line of {} bytes", line.len())));
        }
        records.push(record(line).map_err(|reason| located(reason, name, at, last, text.ends_with('\n')))?);
    }
    if records.is_empty() {
        return Err(Error::usage(format!("`{name}`: no measurement in it"))
            .hint("`flopcast measure --suite quick --out FILE.jsonl` makes one"));
    }
    Ok(records)
}

enum Reason {
    /// The text stops before the JSON does.
    Cut,
    /// Anything else, with its hint.
    Other(String, &'static str),
}

fn located(reason: Reason, name: &str, at: usize, last: usize, ended: bool) -> Error {
    match reason {
        Reason::Cut if at == last && !ended => Error::usage(format!("`{name}:{at}`: the last line is cut off"))
            .hint("the writer was stopped in mid-line; delete the last line and the rest is whole"),
        Reason::Cut => Error::usage(format!("`{name}:{at}`: the line is cut off"))
            .hint("the file was damaged after it was written; measure again"),
        Reason::Other(why, hint) => Error::usage(format!("`{name}:{at}`: {why}")).hint(hint),
    }
}

fn record(line: &str) -> std::result::Result<Record, Reason> {
    let value: serde_json::Value = serde_json::from_str(line).map_err(|e| {
        if e.is_eof() {
            Reason::Cut
        } else if ["NaN", "Infinity", "inf"].iter().any(|word| line.contains(word)) {
            Reason::Other(
                "not a finite number in it (NaN or infinity)".into(),
                "a figure that is no number is no measurement; measure again",
            )
        } else {
            Reason::Other(format!("not JSON: {e}"), "one JSON record per line, as `flopcast measure --out` writes it")
        }
    })?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(schema) if read_as(schema).is_some() => {}
        Some(other) => {
            return Err(Reason::Other(
                format!("schema `{other}` instead of `{SCHEMA}`"),
                "the file was made by another version, or is no measurement; measure again",
            ));
        }
        None => {
            return Err(Reason::Other(
                "no `schema`".into(),
                "a measurement file is what `flopcast measure --out` writes",
            ));
        }
    }
    let record: Record = serde_json::from_value(value)
        .map_err(|e| Reason::Other(e.to_string(), "the record is not of its own schema; measure again"))?;
    check(&record).map_err(|why| Reason::Other(why, "a record contradicts itself; measure again"))?;
    if record.tool.method != METHOD {
        return Err(Reason::Other(
            format!("measured by method {} instead of {METHOD}", record.tool.method),
            "figures of different methods do not compare; measure again with this version",
        ));
    }
    Ok(record)
}

fn check(record: &Record) -> std::result::Result<(), String> {
    if let Some(figure) = &record.figure {
        for (field, i) in [("seconds", figure.seconds), ("gflop_per_s", figure.gflop_per_s)] {
            if !(i.lo.is_finite() && i.median.is_finite() && i.hi.is_finite()) {
                return Err(format!("`figure.{field}` is not finite"));
            }
            if !(0.0 < i.lo && i.lo <= i.median && i.median <= i.hi) {
                return Err(format!("`figure.{field}`: {} ≤ {} ≤ {} above 0 does not hold", i.lo, i.median, i.hi));
            }
        }
        let implied = record.case.shape.flop() / figure.seconds.median / 1e9;
        if (implied / figure.gflop_per_s.median - 1.0).abs() > 0.01 {
            return Err(format!(
                "`figure.gflop_per_s` says {} where shape and seconds say {implied}",
                figure.gflop_per_s.median
            ));
        }
    } else if matches!(record.verdict, Verdict::Measured | Verdict::Software) {
        return Err(format!("verdict {} without a figure", record.verdict.as_str()));
    }
    Ok(())
}
