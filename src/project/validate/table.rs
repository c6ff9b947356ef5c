//! Tables of published runs: the columns of `training_runs_public.csv`, or those of vTrain's table.
//!
//! A table is read row by row, so that one of a million rows takes no more memory than one of ten.

use crate::error::{Context, Error, Result};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// One row, its cells found by column name and trimmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    header: Arc<Header>,
    /// Number of the line in its file; the header is line 1.
    number: u64,
    cells: csv::StringRecord,
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    name: String,
    columns: HashMap<String, usize>,
    width: usize,
    vtrain: bool,
}

/// Whether a cell says nothing.
fn blank(text: &str) -> bool {
    const WORDS: [&str; 9] = ["", "-", "?", "n/a", "na", "unknown", "not stated", "not published", "null"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

impl Line {
    /// Where it stands: `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.header.name, self.number)
    }

    /// What is wrong with the row as a row: it was cut, or has cells too many.
    pub fn fault(&self) -> Option<String> {
        let (has, needs) = (self.cells.len(), self.header.width);
        (has != needs).then(|| format!("{has} fields, but the header has {needs}"))
    }

    /// The row's own name, or its place.
    pub fn id(&self) -> String {
        match self.text("id") {
            Some(id) => id.to_string(),
            None if self.header.vtrain => format!("vtrain-{}", self.number - 1),
            None => self.place(),
        }
    }

    /// The cell, or nothing where it is blank, says that nothing is known, or the column is missing.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.header.columns.get(column) {
            Some(index) => self.cells.get(*index).map(str::trim).filter(|text| !blank(text)),
            // What vTrain's table is of, which it has no columns for.
            None if self.header.vtrain => VTRAIN_IS.iter().find(|(name, _)| *name == column).map(|(_, value)| *value),
            None => None,
        }
    }

    /// The cell as a number: nothing where it is blank, an error where it is none or impossible.
    pub fn number(&self, column: &str) -> std::result::Result<Option<f64>, String> {
        let Some(text) = self.text(column) else { return Ok(None) };
        // Thousands may be set apart, `1,536`, and what is about so much is taken as that.
        let digits: String = text.trim_start_matches(['~', '≈']).chars().filter(|c| *c != ',' && *c != '_').collect();
        match digits.parse::<f64>() {
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

/// What holds of every row of vTrain's table.
const VTRAIN_IS: [(&str, &str); 9] = [
    ("source_group", "vtrain-single-node"),
    ("arch", "dense"),
    ("model", "GPT"),
    ("vocab", "51200"),
    ("precision", "fp16"),
    ("recompute", "none"),
    ("year", "2021"),
    ("vpp", "1"),
    ("accel_per_node", "8"),
];

/// What a table must have to be one.
const NEEDED: [&str; 4] = ["n_accel", "accelerator", "seq_len", "global_batch"];

const HINT: &str = "the columns are those of `data/validation/runs.csv`, or of vTrain's table of single nodes";

/// A table whose header was checked and that has a row; the rest is read as it is asked for.
pub struct Table<R> {
    reader: csv::Reader<R>,
    header: Arc<Header>,
    first: Option<csv::ByteRecord>,
}

impl<R: Read> Table<R> {
    /// Checks the header of what `from` reads; `name` is what errors call it. Errors: no CSV, a needed
    /// column is missing, no row.
    pub fn new(from: R, name: &str) -> Result<Self> {
        // Rows of another length are refused one by one, not the table.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(from);
        let refuse = |why: String| Error::usage(format!("`{name}`: {why}")).hint(HINT);
        let head = reader.byte_headers().map_err(|e| refuse(e.to_string()))?;
        let head = csv::StringRecord::from_byte_record_lossy(head.clone());
        let mut columns = HashMap::new();
        for (index, column) in head.iter().map(str::trim).enumerate() {
            let ours = VTRAIN.iter().find(|(theirs, _)| *theirs == column).map_or(column, |(_, ours)| ours);
            if !ours.is_empty() && columns.insert(ours.to_string(), index).is_some() {
                return Err(refuse(format!("two columns `{ours}`")));
            }
        }
        if let Some(missing) = NEEDED.iter().find(|column| !columns.contains_key(**column)) {
            return Err(refuse(format!("no column `{missing}`")));
        }
        let vtrain = columns.contains_key("step_time_ms");
        let header = Arc::new(Header { name: name.into(), width: head.len(), columns, vtrain });
        let mut table = Table { reader, header, first: None };
        table.first = Some(table.record()?.ok_or_else(|| refuse("no row in it".into()))?);
        Ok(table)
    }

    fn record(&mut self) -> Result<Option<csv::ByteRecord>> {
        let mut record = csv::ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(more) => Ok(more.then_some(record)),
            Err(e) => Err(Error::usage(format!("`{}`: {e}", self.header.name)).hint(HINT)),
        }
    }
}

impl<R: Read> Iterator for Table<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Result<Line>> {
        let record = match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.record(),
        };
        let header = self.header.clone();
        record
            .map(|record| {
                record.map(|record| Line {
                    header,
                    number: record.position().map_or(0, csv::Position::line),
                    // What is no UTF-8 shows itself in the reason for which the row is refused.
                    cells: csv::StringRecord::from_byte_record_lossy(record),
                })
            })
            .transpose()
    }
}

/// Opens a table of runs.
pub fn open_table(path: &Path) -> Result<Table<std::io::BufReader<std::fs::File>>> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).or_usage(format!("`{name}`")).map_err(|e| e.hint(HINT))?;
    if file.metadata().or_usage(format!("`{name}`"))?.is_dir() {
        return Err(Error::usage(format!("`{name}` is a folder")).hint(HINT));
    }
    Table::new(std::io::BufReader::new(file), &name)
}

/// Reads a whole table of runs.
pub fn read_table(path: &Path) -> Result<Vec<Line>> {
    open_table(path)?.collect()
}

/// Reads a whole table of runs from text at hand.
pub fn read_table_text(text: &str, name: &str) -> Result<Vec<Line>> {
    Table::new(text.as_bytes(), name)?.collect()
}
