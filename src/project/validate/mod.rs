//! Predictions against what others measured.
//!
//! A row states a job, a layout and a machine; what it does not state is searched for. The measured
//! columns are read only after the prediction is made.

mod row;
mod summary;
mod table;

pub use row::{Case, Measured, Row};
pub use summary::{Summary, summarise};
pub use table::{Line, read_table, read_table_text};

use super::catalog::Catalog;
use super::constants::Constants;
use super::step::StepModel;
use crate::error::Result;
use crate::job::Layout;
use crate::project::projection::two_sided_step;
use serde::Serialize;
use std::collections::BTreeMap;

/// Schema id of a validation.
pub const SCHEMA: &str = "flopcast.validation/1";

/// Predictions for the rows of one or more tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Validation {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// One per row, in order.
    pub rows: Vec<Row>,
    /// Over all rows.
    pub summary: Summary,
    /// By source group, architecture, accelerator and decade of scale.
    pub by: BTreeMap<String, BTreeMap<String, Summary>>,
}

/// The built-in table of published runs: facts with their source, see `scripts/derive_runs.py`.
pub fn built_in_table() -> Result<Vec<Line>> {
    read_table_text(include_str!("../../../data/validation/runs.csv"), "data/validation/runs.csv")
}

/// The layout that a case leaves to choose, and its seconds per step: the quickest that fits the
/// memory, or the leanest where none fits (published rows ran, so our estimate is too high then).
pub fn choose(case: &Case, constants: &Constants) -> (Layout, f64) {
    let mut quickest: Option<(Layout, f64)> = None;
    let mut leanest: Option<(Layout, f64, f64)> = None;
    for layout in &case.layouts {
        let model = StepModel::new(&case.job, &case.run, layout, &case.machine, None);
        let need = model.held().total() + constants.reserved_memory;
        let seconds = model.time(&case.machine, constants, 1.0).total;
        if need <= case.machine.memory && quickest.is_none_or(|(_, best)| seconds < best) {
            quickest = Some((*layout, seconds));
        }
        if leanest.is_none_or(|(_, _, least)| need < least) {
            leanest = Some((*layout, seconds, need));
        }
    }
    // `Case::new` leaves no case without a layout.
    quickest.or(leanest.map(|(l, s, _)| (l, s))).unwrap_or((case.layouts[0], f64::NAN))
}

/// Predicts every line, then reads what was measured.
pub fn validate(catalog: &Catalog, lines: &[Line]) -> Validation {
    let constants = catalog.constants.medians();
    let rows: Vec<Row> = lines
        .iter()
        .map(|line| {
            let predicted = Case::new(catalog, line).map(|case| {
                let (layout, seconds) = choose(&case, &constants);
                let (p5, p95) = two_sided_step(catalog, &case, &layout, seconds);
                (seconds, p5, p95, case.n_accel())
            });
            Row::new(line, predicted, Measured::of(line))
        })
        .collect();
    let mut by: BTreeMap<String, BTreeMap<String, Vec<&Row>>> = BTreeMap::new();
    for row in &rows {
        let decade = row.n_accel.map_or("unknown".into(), |n| format!("1e{}", (n.max(1.0)).log10().floor()));
        for (kind, value) in [
            ("source_group", &row.source_group),
            ("arch", &row.arch),
            ("accelerator", &row.accelerator),
            ("scale_decade", &decade),
        ] {
            by.entry(kind.into()).or_default().entry(value.clone()).or_default().push(row);
        }
    }
    let by = by
        .into_iter()
        .map(|(kind, groups)| {
            (kind, groups.into_iter().map(|(name, rows)| (name, summarise(rows.into_iter()))).collect())
        })
        .collect();
    Validation { schema: SCHEMA.into(), summary: summarise(rows.iter()), rows, by }
}
