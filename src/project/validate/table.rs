//! Tables of published runs: the columns of `training_runs_public.csv`, or those of vTrain's table.

use crate::error::{Context, Error, Result};
use std::collections::HashMap;
use std::path::Path;

/// Most rows that are taken.
const MAX_ROWS: usize = 200_000;
/// Largest file that is read.
const MAX_FILE: u64 = 1 << 30;

/// One row by column name; every cell trimmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where it stands: `file:line`.
    pub place: String,
    cells: HashMap<String, String>,
}

impl Line {
    /// The cell, or nothing where it is blank or the column is missing.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The cell as a number: nothing where it is blank, an error where it is none or impossible.
    pub fn number(&self, column: &str) -> std::result::Result<Option<f64>, String> {
        let Some(text) = self.text(column) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() && (0.0..=1e15).contains(&x) => Ok(Some(x)),
            _ => Err(format!("`{column}`: `{text}` is no possible number")),
        }
    }

    /// The cell as a whole number from 1 to 10⁸.
    pub fn whole(&self, column: &str) -> std::result::Result<Option<u32>, String> {
        match self.number(column)? {
            None => Ok(None),
            Some(x) if x.fract() == 0.0 && (1.0..=1e8).contains(&x) => Ok(Some(x as u32)),
            Some(x) => Err(format!("`{column}`: {x} is no whole number from 1 to 100000000")),
        }
    }
}

/// vTrain's column names and ours.
const VTRAIN: [(&str, &str); 11] = [
    ("# GPUs", "n_accel"),
    ("global batch", "global_batch"),
    ("micro batch", "micro_batch"),
    ("hidden size", "hidden"),
    ("attention heads", "heads"),
    ("# layers", "layers"),
    ("sequence length", "seq_len"),
    ("tensor parallelism", "tp"),
    ("data parallelism", "dp"),
    ("pipeline parallelism", "pp"),
    ("iteration time (ms)", "step_time_ms"),
];

/// What a table must have to be one.
const NEEDED: [&str; 4] = ["n_accel", "accelerator", "seq_len", "global_batch"];

/// Reads a table of runs.
pub fn read_table(path: &Path) -> Result<Vec<Line>> {
    let name = path.display().to_string();
    let length = std::fs::metadata(path).or_usage(format!("`{name}`"))?.len();
    if length > MAX_FILE {
        return Err(Error::usage(format!("`{name}`: {length} bytes; at most {MAX_FILE} are read")));
    }
    let file = std::fs::File::open(path).or_usage(format!("`{name}`"))?;
    read(csv::ReaderBuilder::new().flexible(false).from_reader(std::io::BufReader::new(file)), &name)
}

/// Reads a table of runs from text at hand.
pub fn read_table_text(text: &str, name: &str) -> Result<Vec<Line>> {
    read(csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes()), name)
}

fn read<R: std::io::Read>(mut reader: csv::Reader<R>, name: &str) -> Result<Vec<Line>> {
    let hint = "the columns are those of `data/validation/runs.csv`, or of vTrain's table of single nodes";
    let headers: Vec<String> = reader
        .headers()
        .or_usage(format!("`{name}`"))?
        .iter()
        .map(|h| {
            let h = h.trim();
            VTRAIN.iter().find(|(theirs, _)| *theirs == h).map_or(h, |(_, ours)| ours).to_string()
        })
        .collect();
    if let Some(missing) = NEEDED.iter().find(|column| !headers.iter().any(|h| h == *column)) {
        return Err(Error::usage(format!("`{name}`: no column `{missing}`")).hint(hint));
    }
    let vtrain = headers.iter().any(|h| h == "step_time_ms");
    let mut lines = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|e| Error::usage(format!("`{name}`: {e}")).hint(hint))?;
        if index >= MAX_ROWS {
            return Err(Error::usage(format!("`{name}`: more than {MAX_ROWS} rows"))
                .hint("split the table; each part is validated by itself"));
        }
        let mut cells: HashMap<String, String> =
            headers.iter().cloned().zip(record.iter().map(|cell| cell.trim().to_string())).collect();
        if vtrain {
            for (column, value) in [
                ("source_group", "vtrain-single-node"),
                ("arch", "dense"),
                ("model", "GPT"),
                ("vocab", "51200"),
                ("precision", "fp16"),
                ("recompute", "none"),
                ("year", "2021"),
                ("vpp", "1"),
                ("accel_per_node", "8"),
            ] {
                cells.entry(column.into()).or_insert_with(|| value.into());
            }
            cells.entry("id".into()).or_insert_with(|| format!("vtrain-{}", index + 1));
        }
        lines.push(Line { place: format!("{name}:{}", index + 2), cells });
    }
    if lines.is_empty() {
        return Err(Error::usage(format!("`{name}`: no row in it")).hint(hint));
    }
    Ok(lines)
}
