//! Files into a report: what a file is says its `schema` field, never its name.

use super::doctor::Examined;
use super::{Report, Shown};
use crate::calibrate::Calibration;
use crate::calibrate::roofline::{self, Roofline};
use crate::error::{Context, Error, Kind, Result};
use crate::measure::compare::{self, Threshold};
use crate::measure::probe::{self, wire as probes};
use crate::measure::record::read_as;
use crate::measure::{ab, doctor, portability, smoke, tune, wire};
use crate::project::scaling::{self, Scaling};
use crate::project::study::EXPLAIN_SCHEMA;
use crate::project::what_if::{self, WhatIfs};
use crate::project::{SCHEMA as PROJECTION, SEARCH_SCHEMA, comparison, validate};
use crate::typed;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What a report shows, and what makes it.
const HINT: &str = "a report shows records (`measure --out`), trials (`ab --out`), calibrations, and what `roofline`, `tune`, `ab`, `compare`, \
                    `smoke`, `doctor`, `project`, `scale`, `search`, `explain`, `validate` and `measure --suite portability` print with `--format json`";

/// Files that a folder of results is taken for: what `flopcast run` writes.
const OF_A_RUN: [&str; 3] = ["measurements.jsonl", "calibration.json", "projection.json"];

/// The files that a path stands for: itself, or what a run has written into a folder.
pub fn files_of(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_path_buf()];
    }
    let holds = |p: &PathBuf| p.metadata().is_ok_and(|m| m.is_file() && m.len() > 0);
    OF_A_RUN.iter().map(|name| path.join(name)).filter(holds).collect()
}

impl Report {
    /// Adds a file, or what a run has written into a folder.
    ///
    /// # Errors
    /// Exit code 2 with the file and the reason: not readable, cut off, damaged, of a schema that no report shows.
    pub fn add(&mut self, path: &Path) -> Result<()> {
        let there = files_of(path);
        if there.is_empty() {
            return Err(Error::usage(format!("`{}`: none of {} in it", path.display(), OF_A_RUN.join(", "))).hint(HINT));
        }
        there.iter().try_for_each(|file| self.file(file))
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).or_usage(format!("`{name}`")).map_err(|e| e.hint(HINT))?;
        let bad = |why: &str| Error::usage(format!("`{name}`: {why}")).hint(HINT);
        // The first value: a whole file of JSON, or the first of many lines.
        let first = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next();
        let first = match first {
            None => return Err(bad("is empty")),
            Some(Err(e)) if e.is_eof() => return Err(bad("is cut off")),
            Some(Err(e)) => return Err(bad(&format!("is no JSON: {e}"))),
            Some(Ok(value)) => value,
        };
        if let Value::Array(all) = &first {
            whole(&text, &name)?;
            if all.is_empty() {
                return Err(bad("an empty list"));
            }
            return all.iter().try_for_each(|value| self.value(value, &name, &text));
        }
        self.value(&first, &name, &text)
    }

    fn value(&mut self, value: &Value, file: &str, text: &str) -> Result<()> {
        let Some(schema) = value.get("schema").and_then(Value::as_str) else {
            return Err(Error::usage(format!("`{file}`: no `schema` in it")).hint(HINT));
        };
        let shown = file.to_string();
        match schema {
            // A record of a roofline has products between its probes.
            probe::record::SCHEMA => {
                self.rooflines.push(Shown { is: Roofline::of(&probes::parse(text, file)?)?, file: shown })
            }
            s if read_as(s).is_some() && text.contains(probe::record::SCHEMA) => {
                self.rooflines.push(Shown { is: Roofline::of(&probes::parse(text, file)?)?, file: shown });
            }
            s if read_as(s).is_some() => {
                // The text, since a pipe cannot be read twice.
                let records = wire::input(text.as_bytes(), &format!("`{file}`"))?;
                self.measured.push(Shown { file: shown, is: records });
            }
            roofline::SCHEMA => self.rooflines.push(read(value, file, text)?),
            crate::calibrate::SCHEMA => {
                let is = Calibration::from_json(text, file)?;
                self.calibrations.push(Shown { file: shown, is });
            }
            PROJECTION => self.projections.push(read(value, file, text)?),
            what_if::SCHEMA => {
                let what_if: Shown<WhatIfs> = read(value, file, text)?;
                self.what_ifs.push(what_if);
            }
            scaling::SCHEMA => self.scalings.push(read::<Scaling>(value, file, text)?),
            doctor::SCHEMA => self.examined.push(read::<Examined>(value, file, text)?),
            tune::found::SCHEMA => self.tunings.push(read(value, file, text)?),
            tune::found::SHAPE_SCHEMA => self.best_shapes.push(read(value, file, text)?),
            portability::SCHEMA => self.portability.push(read(value, file, text)?),
            // A trial as recorded is judged here as `ab --replay` would; as printed it was judged already.
            ab::SCHEMA if value.get("line").is_some() => {
                let trial = ab::Trial::parse(text, &format!("`{file}`")).map_err(|e| e.of_kind(Kind::Usage))?;
                let threshold: Threshold = ab::USUAL_THRESHOLD.parse()?;
                let is =
                    ab::view(&trial, threshold).map_err(|e| e.context(format!("`{file}`")).of_kind(Kind::Usage))?;
                self.trials.push(Shown { file: shown, is });
            }
            ab::SCHEMA => self.trials.push(read(value, file, text)?),
            compare::SCHEMA => self.gates.push(read(value, file, text)?),
            smoke::SCHEMA => self.smokes.push(read(value, file, text)?),
            comparison::SCHEMA => self.comparisons.push(read(value, file, text)?),
            SEARCH_SCHEMA => self.searches.push(read(value, file, text)?),
            EXPLAIN_SCHEMA => self.explanations.push(read(value, file, text)?),
            validate::SCHEMA => self.validations.push(read(value, file, text)?),
            other => {
                return Err(
                    Error::usage(format!("`{file}`: schema `{other}` is not one that a report shows")).hint(HINT)
                );
            }
        }
        Ok(())
    }
}

/// Refuses what stands behind the first value of a file that holds one.
fn whole(text: &str, file: &str) -> Result<()> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map(|_| ())
        .map_err(|e| Error::usage(format!("`{file}`: {e}")).hint(HINT))
}

fn read<T: DeserializeOwned>(value: &Value, file: &str, text: &str) -> Result<Shown<T>> {
    whole(text, file)?;
    let is = typed::read(value).map_err(|e| Error::usage(format!("`{file}`: {e}")).hint(HINT))?;
    Ok(Shown { file: file.into(), is })
}
