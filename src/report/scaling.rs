//! Scaling curves as text and CSV.

use super::number::{bare, cell, number, rate};
use super::{Document, Field, Printed, Sheet, Table};
use crate::project::scaling::{Bound, Mode, Point, Scaling, USEFUL, Within};

impl Printed for Within {
    const TABLES: &'static [&'static str] = &["answer"];

    fn document(&self) -> Document {
        Document::from(format!(
            "{}: {} accelerators finish in {} days at the medians; one less does not\n",
            self.scenario,
            self.accelerators,
            number(self.run_days, 4)
        ))
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "answer",
            [self],
            &[
                ("scenario", |w| (&w.scenario).into()),
                ("accelerators", |w| w.accelerators.into()),
                ("run_days", |w| w.run_days.into()),
            ],
        )]
    }
}

/// A row per count, the counts at which bounds take over, and what to mind.
fn document(s: &Scaling) -> Document {
    let how = match s.mode {
        Mode::Strong => "strong scaling: the batch stays",
        Mode::Weak => "weak scaling: the batch grows along",
    };
    let mut out = Document::from(format!("{}, {how}; 5–95 % in brackets\n\n", s.title));
    let mut table = Table::new(&[
        ">count",
        ">used",
        ">tokens/step",
        ">step",
        ">days",
        ">goodput",
        ">useful rate",
        ">efficiency",
        "most of the time",
    ]);
    for p in &s.points {
        let ranged = |name: &str, unit: &str| {
            p.quantities.get(name).map_or("–".into(), |q| {
                format!("{} ({}–{})", cell(name, unit, q.value), bare(name, q.p5), bare(name, q.p95))
            })
        };
        table.row([
            p.count.to_string(),
            p.used.to_string(),
            format!("{} M", number(p.batch_tokens / 1e6, 3)),
            ranged("step_time", "s"),
            ranged("run_days", "day"),
            ranged("goodput", "1"),
            p.quantities.get(USEFUL).map_or("–".into(), |q| rate(q.value)),
            format!("{} %", number(100.0 * p.efficiency, 2)),
            most(p),
        ]);
    }
    out.table(table);
    out += "\nwhich bound has most of the accelerators' time, from which count on:\n";
    if let Some(count) = s.fits_from {
        out += &format!("  memory          below {count} the job does not fit\n");
    }
    if let (Some(first), Some(bound)) = (s.points.first(), s.first_bound()) {
        out += &format!("  {:<16}from {} on\n", bound.as_str(), s.fits_from.unwrap_or(first.count));
    }
    for t in &s.takeovers {
        out += &format!("  {:<16}from {} on (at {}: {})\n", t.bound.as_str(), t.from, t.from - 1, t.after);
    }
    for warning in &s.warnings {
        out += &format!("! {warning}\n");
    }
    out
}

/// The two largest shares.
fn most(p: &Point) -> String {
    let mut parts: Vec<_> = p.shares.iter().collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let told: Vec<_> =
        parts.iter().take(2).map(|(bound, share)| format!("{bound} {} %", number(100.0 * **share, 2))).collect();
    told.join(", ")
}

impl Printed for Scaling {
    const TABLES: &'static [&'static str] = &["counts", "takeovers"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let takeovers = Sheet::of(
            "takeovers",
            &self.takeovers,
            &[
                ("bound", |t| t.bound.as_str().into()),
                ("from", |t| t.from.into()),
                ("after", |t| t.after.as_str().into()),
            ],
        );
        vec![counts(self), takeovers]
    }
}

/// One row per count: every quantity with its range, every share.
fn counts(s: &Scaling) -> Sheet {
    let names: Vec<&String> = s.points.first().map_or(Vec::new(), |p| p.quantities.keys().collect());
    let mut header: Vec<String> =
        ["count", "used", "batch_tokens", "tokens_per_accelerator", "efficiency", "bound", "layout"]
            .map(String::from)
            .into();
    for name in &names {
        let name = with_unit(name, s.units.get(*name).map_or("", String::as_str));
        header.extend([name.clone(), format!("{name}_p5"), format!("{name}_p95")]);
    }
    header.extend(Bound::ALL.map(|b| format!("share_{}", b.as_str().replace([' ', '-'], "_"))));
    let row = |p: &Point| {
        let mut row: Vec<Field> = vec![
            p.count.into(),
            p.used.into(),
            p.batch_tokens.into(),
            p.tokens_per_accelerator.into(),
            p.efficiency.into(),
            p.bound.as_str().into(),
            p.layout.to_string().into(),
        ];
        for name in &names {
            let q = p.quantities.get(*name);
            row.extend([q.map(|q| q.value).into(), q.map(|q| q.p5).into(), q.map(|q| q.p95).into()]);
        }
        row.extend(Bound::ALL.map(|b| Field::from(p.shares.get(&b).copied())));
        row
    };
    Sheet::free("counts", header, s.points.iter().map(row))
}

/// A quantity's name with its unit at the end, in lower case as all names of columns, where it is not there yet.
fn with_unit(name: &str, unit: &str) -> String {
    let unit = unit.replace('/', "_per_").to_lowercase();
    // A count is its own unit (`accelerators_powered`), and some names are a unit already (`run_days`, `tokens_per_s`).
    let there =
        |unit: &str| name == unit || name.ends_with(&format!("_{unit}")) || name.starts_with(&format!("{unit}_"));
    match unit.as_str() {
        "" | "1" => name.to_string(),
        unit if there(unit) || there(&format!("{unit}s")) || there(&unit.replacen("_per_", "s_per_", 1)) => {
            name.to_string()
        }
        unit => format!("{name}_{unit}"),
    }
}
