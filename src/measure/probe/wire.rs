//! A roofline's file: lines of probes, and of the products that are placed under it.

use super::record::{ProbeRecord, SCHEMA};
use crate::error::{Context, Error, Result};
use crate::measure::record::{METHOD, Record, SCHEMA as MEASUREMENT, derives};
use crate::typed;
use std::path::Path;

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lines {
    /// Probes, in order.
    pub probes: Vec<ProbeRecord>,
    /// Products, in order.
    pub products: Vec<Record>,
}

/// One line, with its line break.
///
/// # Errors
/// A number that JSON cannot hold.
pub fn line(record: &ProbeRecord) -> Result<String> {
    serde_json::to_string(record).map(|text| text + "\n").or_failed("record")
}

/// Reads a file.
///
/// # Errors
/// Exit code 2: it cannot be read, or as [`parse`].
pub fn read(path: &Path) -> Result<Lines> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).or_usage(format!("`{name}`")).map_err(|e| e.hint(HINT))?;
    parse(&text, &name)
}

const HINT: &str = "`flopcast measure --suite roofline --out FILE.jsonl` writes one";

/// Reads lines; blank ones are passed over.
///
/// # Errors
/// Exit code 2 with `name:line`: no JSON, a foreign schema or method, a figure that its samples do not
/// give, or no probe at all.
pub fn parse(text: &str, name: &str) -> Result<Lines> {
    let mut lines = Lines::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |why: String| Error::usage(format!("`{name}:{}`: {why}", index + 1)).hint(HINT);
        let value: serde_json::Value = serde_json::from_str(line).map_err(|e| {
            let cut = e.is_eof() && !text.ends_with('\n');
            bad(if cut { "the last line is cut off".into() } else { format!("not JSON: {e}") })
        })?;
        let method = value["tool"]["method"].as_u64();
        match value["schema"].as_str() {
            Some(SCHEMA | MEASUREMENT) if !method.is_some_and(|m| u32::try_from(m).is_ok_and(derives)) => {
                return Err(bad(format!("measured by another method than {METHOD}")));
            }
            Some(SCHEMA) => {
                let record: ProbeRecord = typed::read(&value).map_err(|e| bad(e.to_string()))?;
                if record.clone().derived() != record {
                    return Err(bad(format!("`{}` derives otherwise from its samples", record.case.id())));
                }
                lines.probes.push(record);
            }
            Some(MEASUREMENT) => {
                lines.products.push(typed::read(&value).map_err(|e| bad(e.to_string()))?);
            }
            other => return Err(bad(format!("schema `{}` instead of `{SCHEMA}`", other.unwrap_or("none")))),
        }
    }
    if lines.probes.is_empty() {
        return Err(Error::usage(format!("`{name}`: no probe in it")).hint(HINT));
    }
    Ok(lines)
}
