//! What a user sees of a record: the figures without what they are made of.

use super::against::Against;
use super::compare::Key;
use super::record::{AdapterIdentity, Interval, Reason, Record, TimingMethod, Tool, Verdict};
use super::setups::Pooled;
use crate::kernel::{DataClass, Settings};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;

/// One case as `flopcast measure --format json` prints it. A figure that does not exist is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Row {
    /// `kernel[tiling]/precision/shape`, with settings and data behind the tiling where they are not the default.
    pub case: String,
    /// Kernel family.
    pub kernel: String,
    /// Tiling within the family.
    pub tiling: String,
    /// Arithmetic.
    pub precision: String,
    /// Rows of C.
    pub m: u32,
    /// Columns of C.
    pub n: u32,
    /// Length of the sums.
    pub k: u32,
    /// Independent products of that extent.
    pub batch: u32,
    /// wgpu's runtime bounds checks.
    pub bounds_checks: bool,
    /// Workgroup memory zeroed before each workgroup.
    pub zero_fill: bool,
    /// What the operands hold.
    pub data: DataClass,
    /// Seed of the operands.
    pub seed: u64,
    /// Which of the set-ups or repeats of the case, from 1.
    pub setup: u32,
    /// When the tiling was tuned on this adapter; `null` for a default or a user's choice.
    pub tuned: Option<String>,
    /// `unsupported`, `skipped` or `failed`; `null` where something was measured.
    pub missing: Option<Cow<'static, str>>,
    /// How far the figure can be trusted.
    pub verdict: Verdict,
    /// Which clock.
    pub timing_method: Option<TimingMethod>,
    /// Seconds per product.
    pub seconds: Option<Interval>,
    /// Useful flop per second, 1e9.
    pub gflop_per_s: Option<Interval>,
    /// Rounds behind the figure.
    pub samples: u32,
    /// Host seconds that a submission costs beyond its dispatches.
    pub submission_s: Option<f64>,
    /// Device clock over host clock, minus 1.
    pub clock_disagreement: Option<f64>,
    /// Why the verdict is not better.
    pub reasons: Vec<Reason>,
    /// What it was measured on, by name.
    pub adapter: String,
    /// The interface that it was reached by: `vulkan`, `gl`, `metal`, `dx12`; `host` or `scripted` for none.
    pub backend: String,
    /// When, UTC, RFC 3339.
    pub at: String,
}

/// Schema id of [`Measurements`].
pub const SCHEMA: &str = "flopcast.rows/1";

/// What `flopcast measure --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Measurements {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Program and libraries, and how the figures came about; absent where there is no row.
    pub tool: Option<Tool>,
    /// Adapters that the rows are of, most often one.
    pub adapters: Vec<AdapterIdentity>,
    /// One for each case and set-up.
    pub rows: Vec<Row>,
    /// Each case over its set-ups, where there were several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_setups: Vec<Pooled>,
    /// The file of a kernel of one's own, where one was measured beside the built-in ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wgsl: Option<String>,
    /// It against the best built-in one, shape by shape.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub against_built_in: Vec<Against>,
}

impl Measurements {
    /// The rows of records, and what they are over several set-ups.
    pub fn of(records: &[Record], over_setups: Vec<Pooled>) -> Measurements {
        let mut adapters: Vec<AdapterIdentity> = Vec::new();
        for record in records {
            if !adapters.contains(&record.adapter) {
                adapters.push(record.adapter.clone());
            }
        }
        let tool = records.first().map(|record| record.tool.clone());
        let rows = Row::all(records);
        Measurements { schema: SCHEMA, tool, adapters, rows, over_setups, wgsl: None, against_built_in: Vec::new() }
    }

    /// The same with a kernel of one's own held against the built-in ones.
    pub fn with_own(self, file: &str, against_built_in: Vec<Against>) -> Measurements {
        Measurements { wgsl: Some(file.into()), against_built_in, ..self }
    }
}

impl Row {
    /// The rows of records in their order; records of one case are its set-ups or repeats, and counted.
    pub fn all<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Row> {
        let mut seen: HashMap<Key, u32> = HashMap::new();
        let each = records.into_iter().map(|record| {
            let setup = seen.entry(Key::of(record)).or_default();
            *setup += 1;
            Row { setup: *setup, ..Row::from(record) }
        });
        each.collect()
    }

    /// What tells it from the case of the same kernel and shape with the default settings and data, as `flopcast ab`
    /// writes it; empty where there is nothing.
    pub fn marks(&self) -> String {
        let settings = Settings { bounds_checks: self.bounds_checks, zero_fill: self.zero_fill };
        format!("{}{}", settings.marks(), self.data.mark())
    }
}

impl From<&Record> for Row {
    /// Of a record alone, which is its case's first set-up.
    fn from(record: &Record) -> Row {
        let case = &record.case;
        let figure = record.figure.as_ref();
        Row {
            case: case.id(),
            kernel: case.kernel.clone(),
            tiling: case.tiling.clone(),
            precision: case.precision.to_string(),
            m: case.shape.m,
            n: case.shape.n,
            k: case.shape.k,
            batch: case.shape.batch,
            bounds_checks: case.settings.bounds_checks,
            zero_fill: case.settings.zero_fill,
            data: case.data,
            seed: case.seed,
            setup: 1,
            tuned: record.tuned.clone(),
            missing: record.missing.as_ref().map(|m| m.status().into()),
            verdict: record.verdict,
            timing_method: figure.map(|f| f.timing_method),
            seconds: figure.map(|f| f.seconds),
            gflop_per_s: figure.map(|f| f.gflop_per_s),
            samples: figure.map_or(0, |f| f.samples),
            submission_s: figure.and_then(|f| f.submission_s),
            clock_disagreement: figure.and_then(|f| f.clock_disagreement),
            reasons: record.reasons.clone(),
            adapter: record.adapter.name.clone(),
            backend: record.adapter.backend.clone(),
            at: record.at.clone(),
        }
    }
}
