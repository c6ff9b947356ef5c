//! How far predictions are off, as text.

use super::number::number;
use super::{Document, Field, Sheet, Table};
use crate::project::validate::{Figures, Regression, Row, Summary};

/// Reasons that are listed; of more there is only the count.
const LISTED: usize = 20;

/// Rows that were refused: the first few, and how many.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    first: Vec<(String, String)>,
    count: usize,
}

impl Refused {
    /// Takes note of a row if it was refused.
    pub fn note(&mut self, row: &Row) {
        let Some(why) = &row.refused else { return };
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push((row.id.clone(), why.clone()));
        }
    }
}

/// A figure that got worse, on one line.
pub fn regression(r: &Regression) -> String {
    let value = |x: Option<f64>| x.map_or("nothing".into(), |x| number(x, 4));
    format!("regressed: `{}`: {} was committed, now {}", r.figure, value(r.committed), value(r.now))
}

/// Summaries over all rows and by group, and why rows were refused.
pub fn document(v: &Figures, refused: &Refused) -> Document {
    let mut table = Table::new(&[
        "group",
        ">rows",
        ">refused",
        ">median factor",
        ">90th percentile",
        ">bias",
        ">MAPE",
        ">within 20 %",
        ">in the 90 % band",
    ]);
    line(&mut table, "all", &v.summary);
    for (kind, groups) in &v.by {
        for (name, summary) in groups {
            line(&mut table, &format!("{kind} {name}"), summary);
        }
    }
    let mut out = Document::new();
    out.table(table);
    if refused.count > 0 {
        out += "\nrefused:\n";
        for (id, why) in &refused.first {
            out += &format!("  {id}: {why}\n");
        }
        let more = refused.count - refused.first.len();
        if more > 0 {
            out += &format!("  and {more} more\n");
        }
    }
    out
}

fn line(table: &mut Table, name: &str, s: &Summary) {
    let factor = |x: Option<f64>| x.map_or("–".into(), |x| number(x.exp(), 3));
    let percent = |x: Option<f64>| x.map_or("–".into(), |x| format!("{} %", number(100.0 * x, 3)));
    table.row([
        name.to_string(),
        s.n.to_string(),
        s.refused.to_string(),
        factor(s.median_abs_log),
        factor(s.p90_abs_log),
        factor(s.bias_log),
        percent(s.mape),
        percent(s.within20),
        percent(s.coverage90),
    ]);
}

/// Tables of a validation, the main one first.
pub const TABLES: [&str; 2] = ["groups", "rows"];

/// The summaries for programs.
pub fn groups(v: &Figures) -> Sheet {
    let columns = [
        "kind",
        "group",
        "rows",
        "refused",
        "median_factor",
        "p90_factor",
        "bias_factor",
        "mape",
        "within_20_percent",
        "in_90_percent_band",
    ];
    let row = |kind: &str, name: &str, s: &Summary| -> Vec<Field> {
        let factor = |x: Option<f64>| Field::from(x.map(f64::exp));
        vec![
            kind.into(),
            name.into(),
            s.n.into(),
            s.refused.into(),
            factor(s.median_abs_log),
            factor(s.p90_abs_log),
            factor(s.bias_log),
            s.mape.into(),
            s.within20.into(),
            s.coverage90.into(),
        ]
    };
    let mut rows = vec![row("all", "all", &v.summary)];
    for (kind, groups) in &v.by {
        rows.extend(groups.iter().map(|(name, summary)| row(kind, name, summary)));
    }
    Sheet::free("groups", columns.map(String::from).into(), rows)
}

/// Rows of a validation for programs: they are written as they come.
pub fn rows(rows: &[Row]) -> Sheet {
    Sheet::of(
        "rows",
        rows,
        &[
            ("id", |r| (&r.id).into()),
            ("source_group", |r| (&r.source_group).into()),
            ("arch", |r| (&r.arch).into()),
            ("accelerator", |r| (&r.accelerator).into()),
            ("n_accel", |r| r.n_accel.into()),
            ("predicted_s", |r| r.predicted_s.into()),
            ("predicted_p5_s", |r| r.p5_s.into()),
            ("predicted_p95_s", |r| r.p95_s.into()),
            ("measured_s", |r| r.measured_s.into()),
            ("refused", |r| r.refused.as_ref().into()),
        ],
    )
}
