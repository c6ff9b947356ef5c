//! What a search found, and what is stored of it.

use super::measurement::{headline, range, significant};
use super::{Document, Printed, Sheet, Table};
use crate::measure::row::Row;
use crate::measure::tune::cache::Cache;
use crate::measure::tune::found::{Kernel, Shape};

impl Printed for Kernel {
    const TABLES: &'static [&'static str] = &["families", "dropped", "winner"];

    fn document(&self) -> Document {
        let mut table = Table::new(&["family", "best tiling", ">GFLOP/s in the search"]);
        for best in &self.families {
            table.row([best.kernel.clone(), best.tiling.clone(), significant(best.search_gflop_per_s)]);
        }
        let count = |status: &str| self.dropped.iter().filter(|d| d.status == status).count();
        let mut out = Document::from(format!("{}\n\n", headline(&self.adapter)));
        out.table(table);
        out += &format!(
            "\ncandidates: {} tried, {} not for lack of time; dropped: {} unsupported, {} failed, {} wrong\n",
            self.tried,
            self.untried,
            count("unsupported"),
            count("failed"),
            count("wrong")
        );
        for dropped in self.dropped.iter().filter(|d| d.status != "unsupported") {
            out += &format!("dropped: {} {}: {}\n", dropped.candidate, dropped.status, dropped.why);
        }
        let name = format!("{}[{}]", self.winner.kernel, self.winner.tiling);
        out += &again(&name, &self.measured, self.winner.search_gflop_per_s, self.regret);
        out += &format!("{:.1} s in all\n", self.spent_s);
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![
            Sheet::of(
                "families",
                &self.families,
                &[
                    ("kernel", |c| (&c.kernel).into()),
                    ("tiling", |c| (&c.tiling).into()),
                    ("bounds_checks", |c| c.settings.bounds_checks.into()),
                    ("zero_fill", |c| c.settings.zero_fill.into()),
                    ("search_rate_flop_per_s", |c| (1e9 * c.search_gflop_per_s).into()),
                    ("wgsl_sha256", |c| (&c.wgsl_sha256).into()),
                ],
            ),
            Sheet::of(
                "dropped",
                &self.dropped,
                &[
                    ("candidate", |d| (&d.candidate).into()),
                    ("status", |d| d.status.as_ref().into()),
                    ("why", |d| (&d.why).into()),
                ],
            ),
            super::measurement::sheet("winner", std::slice::from_ref(&self.measured)),
        ]
    }
}

/// The winner's own measurement, and how much better the search saw it.
fn again(name: &str, row: &Row, search: f64, regret: Option<f64>) -> String {
    let what = format!("winner: {name}, measured again at {}x{}x{}", row.m, row.n, row.k);
    match (row.gflop_per_s, regret) {
        (Some(rate), Some(regret)) => format!(
            "{what}: {} GFLOP/s (95 %: {}) {}; the search saw {}, regret {:+.1} %\n",
            significant(rate.median),
            range(rate),
            row.verdict.as_str(),
            significant(search),
            100.0 * regret
        ),
        _ => {
            let why = row.reasons.first().map_or(String::new(), |r| format!(": {}", r.detail));
            format!("{what}: no figure{why}\n")
        }
    }
}

impl Printed for Shape {
    const TABLES: &'static [&'static str] = &["shapes", "winner"];

    /// The ten best, and the winner measured again.
    fn document(&self) -> Document {
        let mut table = Table::new(&[">m×n×k", ">GFLOP/s in the search"]);
        for tried in self.tried.iter().take(10) {
            table.row([tried.shape.clone(), significant(tried.search_gflop_per_s)]);
        }
        let mut out = Document::from(format!("{}\n\n", headline(&self.adapter)));
        out.table(table);
        out += &format!(
            "\n{} shapes tried: median {} GFLOP/s, geometric mean {}\n",
            self.over_all.shapes,
            significant(self.over_all.median_gflop_per_s),
            significant(self.over_all.geometric_mean_gflop_per_s)
        );
        let name = format!("{}[{}]", self.measured.kernel, self.measured.tiling);
        out += &again(&name, &self.measured, self.search_gflop_per_s, self.regret);
        out += &format!("{:.1} s in all\n", self.spent_s);
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![
            Sheet::of(
                "shapes",
                &self.tried,
                &[
                    ("shape", |t| (&t.shape).into()),
                    ("search_rate_flop_per_s", |t| (1e9 * t.search_gflop_per_s).into()),
                ],
            ),
            super::measurement::sheet("winner", std::slice::from_ref(&self.measured)),
        ]
    }
}

/// What is stored, for people.
pub(super) fn cached(caches: &[Cache]) -> Table {
    let mut table =
        Table::new(&["adapter", "backend", "precision", "kernel", "settings", ">GFLOP/s", "*verdict", "tuned", "by"]);
    for cache in caches {
        for entry in &cache.entries {
            let winner = &entry.winner;
            let on = [(winner.settings.bounds_checks, "bounds checks"), (winner.settings.zero_fill, "zero fill")];
            let on: Vec<_> = on.into_iter().filter(|(on, _)| *on).map(|(_, what)| what).collect();
            table.row([
                cache.adapter.name.clone(),
                cache.adapter.backend.clone(),
                entry.precision.to_string(),
                format!("{} {}", winner.kernel, winner.tiling),
                if on.is_empty() { "–".into() } else { on.join(", ") },
                entry.gflop_per_s.map_or("–".into(), |r| significant(r.median)),
                entry.verdict.as_str().into(),
                entry.at.clone(),
                cache.tool.version.clone(),
            ]);
        }
    }
    table
}
