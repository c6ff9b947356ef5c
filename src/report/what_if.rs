//! Counterfactuals as text.

use super::number::{bare, cell, number};
use super::{Document, Printed, Sheet, Table};
use crate::project::Projection;
use crate::project::what_if::{Outcome, Shift, WhatIfs};

/// Columns beside the change itself: name, what it is called.
const COLUMNS: [(&str, &str); 3] = [("run_days", "days"), ("step_time", "step"), ("goodput", "goodput")];

/// One row per change: what becomes of the headline, by how much, and with the layout kept.
fn document(w: &WhatIfs) -> Document {
    let mut out = Document::from(format!("what if ({})\n\n", w.base.scenario));
    out.table(table(w));
    out += "\nchange of days: draw by draw, so that what both have in common cancels; 5–95 % in brackets\n";
    out += "layout kept: the layout of the first row, its replicas as many as find work; else searched for again\n";
    for c in &w.changes {
        if let Some(why) = &c.not_kept {
            out += &format!("! {}: the layout is not kept: {why}\n", c.change);
        }
    }
    out
}

/// The table alone.
pub fn table(w: &WhatIfs) -> Table {
    let mut table = Table::new(&["what if", ">days", ">change of days", ">layout kept", ">step", ">goodput", "layout"]);
    table.row([
        "as it is".into(),
        base(&w.base, "run_days"),
        String::new(),
        String::new(),
        base(&w.base, "step_time"),
        base(&w.base, "goodput"),
        w.base.layout.to_string(),
    ]);
    for c in &w.changes {
        let days = |o: &Outcome| o.quantities.get("run_days").map_or("–".into(), percent);
        let mut row = vec![c.change.clone()];
        for (place, (name, _)) in COLUMNS.iter().enumerate() {
            row.push(c.best.quantities.get(*name).map_or("–".into(), |s| becomes(name, s)));
            if place == 0 {
                row.push(days(&c.best));
                row.push(c.kept.as_ref().map_or("–".into(), days));
            }
        }
        row.push(if c.best.layout == w.base.layout { "the same".into() } else { c.best.layout.to_string() });
        table.row(row);
    }
    table
}

fn base(p: &Projection, name: &str) -> String {
    p.quantities.get(name).map_or("–".into(), |q| {
        format!("{} ({}–{})", cell(name, &q.unit, q.value), bare(name, q.p5), bare(name, q.p95))
    })
}

fn becomes(name: &str, s: &Shift) -> String {
    let b = s.becomes;
    format!("{} ({}–{})", cell(name, &s.unit, b.value), bare(name, b.p5), bare(name, b.p95))
}

/// A ratio as a change: `−12 % (−20 to −3)`; beyond ten times it is called that.
pub fn percent(s: &Shift) -> String {
    let one = |ratio: f64| {
        let change = 100.0 * (ratio - 1.0);
        if change.abs() < 0.05 {
            "0".to_string()
        } else if ratio >= 10.0 {
            format!("{}×", number(ratio, 2))
        } else {
            let sign = if change < 0.0 { "−" } else { "+" };
            format!("{sign}{}", number(change.abs(), 2))
        }
    };
    let r = s.ratio;
    let unit = if r.value >= 10.0 { "" } else { " %" };
    format!("{}{unit} ({} to {})", one(r.value), one(r.p5), one(r.p95))
}

impl Printed for WhatIfs {
    const TABLES: &'static [&'static str] = &["changes", "base"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let mut rows = Vec::new();
        for c in &self.changes {
            for (how, outcome) in [("searched", Some(&c.best)), ("kept", c.kept.as_ref())] {
                let Some(outcome) = outcome else { continue };
                rows.extend(outcome.quantities.iter().map(|(name, shift)| (c, how, outcome, name, shift)));
            }
        }
        let changes = Sheet::of(
            "changes",
            &rows,
            &[
                ("change", |r| (&r.0.change).into()),
                ("layout_is", |r| r.1.into()),
                ("quantity", |r| r.3.into()),
                ("value", |r| r.4.becomes.value.into()),
                ("p5", |r| r.4.becomes.p5.into()),
                ("p95", |r| r.4.becomes.p95.into()),
                ("unit", |r| (&r.4.unit).into()),
                ("ratio", |r| r.4.ratio.value.into()),
                ("ratio_p5", |r| r.4.ratio.p5.into()),
                ("ratio_p95", |r| r.4.ratio.p95.into()),
                ("layout", |r| r.2.layout.to_string().into()),
                ("accelerators", |r| r.2.accelerators.into()),
            ],
        );
        vec![changes, super::projection::quantities("base", [&self.base])]
    }
}
