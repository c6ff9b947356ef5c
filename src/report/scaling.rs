//! Scaling curves as text and CSV.

use super::Table;
use super::number::{bare, cell, number, rate};
use crate::error::{Context, Result};
use crate::project::scaling::{Bound, Mode, Point, Scaling};
use serde::Serialize;

/// The smallest count that finishes in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Within {
    /// Name of the scenario.
    pub scenario: String,
    /// The count.
    pub accelerators: u64,
    /// Days that the run takes on it, at the medians.
    pub run_days: f64,
}

impl Within {
    /// One line.
    pub fn text(&self) -> String {
        format!(
            "{}: {} accelerators finish in {} days at the medians; one less does not\n",
            self.scenario,
            self.accelerators,
            number(self.run_days, 4)
        )
    }
}

/// A row per count, the counts at which bounds take over, and what to mind.
pub fn text(s: &Scaling) -> String {
    let how = match s.mode {
        Mode::Strong => "strong scaling: the batch stays",
        Mode::Weak => "weak scaling: the batch grows along",
    };
    let mut out = format!("{}, {how}; 5–95 % in brackets\n\n", s.title);
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
            p.quantities.get("useful_flop_per_s").map_or("–".into(), |q| rate(q.value)),
            format!("{} %", number(100.0 * p.efficiency, 2)),
            most(p),
        ]);
    }
    out += &table.text();
    out += "\nwhich bound has most of the accelerators' time, from which count on:\n";
    if let Some(count) = s.fits_from {
        out += &format!("  memory          below {count} the job does not fit\n");
    }
    if let Some(first) = s.points.first() {
        out += &format!("  {:<16}from {} on\n", first.bound.as_str(), s.fits_from.unwrap_or(first.count));
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

/// One row per count: every quantity with its range, every share.
pub fn csv(s: &Scaling) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names: Vec<&String> = s.points.first().map_or(Vec::new(), |p| p.quantities.keys().collect());
    let mut header: Vec<String> =
        ["count", "used", "batch_tokens", "tokens_per_accelerator", "efficiency", "bound", "layout"]
            .map(String::from)
            .into();
    for name in &names {
        header.extend([(*name).clone(), format!("{name}_p5"), format!("{name}_p95")]);
    }
    header.extend(Bound::ALL.map(|b| format!("share_{}", b.as_str().replace([' ', '-'], "_"))));
    writer.write_record(&header).or_failed("csv")?;
    for p in &s.points {
        let mut row = vec![
            p.count.to_string(),
            p.used.to_string(),
            p.batch_tokens.to_string(),
            p.tokens_per_accelerator.to_string(),
            p.efficiency.to_string(),
            p.bound.to_string(),
            p.layout.to_string(),
        ];
        for name in &names {
            match p.quantities.get(*name) {
                Some(q) => row.extend([q.value, q.p5, q.p95].map(|x| x.to_string())),
                None => row.extend([const { String::new() }; 3]),
            }
        }
        row.extend(Bound::ALL.map(|b| p.shares.get(&b).map_or(String::new(), f64::to_string)));
        writer.write_record(&row).or_failed("csv")?;
    }
    let bytes = writer.into_inner().or_failed("csv")?;
    String::from_utf8(bytes).or_failed("csv")
}
