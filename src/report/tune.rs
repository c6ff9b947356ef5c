//! What a search found, and what is stored of it.

use super::Table;
use super::measurement::{headline, range, significant};
use crate::measure::row::Row;
use crate::measure::tune::best_shape::BestShape;
use crate::measure::tune::cache::{Cache, Choice};
use crate::measure::tune::{Dropped, Tuning};
use serde::Serialize;

/// A search as `flopcast tune --format json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Json {
    winner: Choice,
    /// The winner measured again.
    measured: Row,
    regret: Option<f64>,
    families: Vec<Choice>,
    tried: usize,
    untried: usize,
    dropped: Vec<Dropped>,
    spent_s: f64,
}

/// For programs.
pub fn json(tuning: &Tuning) -> Json {
    let winner =
        crate::measure::tune::Best { candidate: tuning.winner.clone(), gflop_per_s: tuning.search_gflop_per_s };
    Json {
        winner: Choice::from(&winner),
        measured: Row::from(&tuning.record),
        regret: tuning.regret,
        families: tuning.families.iter().map(Choice::from).collect(),
        tried: tuning.tried,
        untried: tuning.untried,
        dropped: tuning.dropped.clone(),
        spent_s: tuning.spent_s,
    }
}

/// For people.
pub fn text(tuning: &Tuning) -> String {
    let mut table = Table::new(&["family", "best tiling", ">GFLOP/s in the search"]);
    let mut families = tuning.families.clone();
    families.sort_by(|a, b| b.gflop_per_s.total_cmp(&a.gflop_per_s));
    for best in &families {
        let kernel = &best.candidate.kernel;
        table.row([kernel.family.name().into(), kernel.tiling.to_string(), significant(best.gflop_per_s)]);
    }
    let count = |status: &str| tuning.dropped.iter().filter(|d| d.status == status).count();
    let mut text = format!("{}\n\n{}\n", headline(&tuning.record.adapter), table.text());
    text.push_str(&format!(
        "{} candidates tried, {} not for lack of time; dropped: {} unsupported, {} failed, {} wrong\n",
        tuning.tried,
        tuning.untried,
        count("unsupported"),
        count("failed"),
        count("wrong")
    ));
    for dropped in tuning.dropped.iter().filter(|d| d.status != "unsupported") {
        text.push_str(&format!("dropped: {} {}: {}\n", dropped.candidate, dropped.status, dropped.why));
    }
    text.push_str(&again(&tuning.winner.name(), &Row::from(&tuning.record), tuning.search_gflop_per_s, tuning.regret));
    text.push_str(&format!("{:.1} s in all\n", tuning.spent_s));
    text
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

/// A shape search as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeJson {
    measured: Row,
    search_gflop_per_s: f64,
    regret: Option<f64>,
    tried: Vec<TriedShape>,
    over_all: Overall,
    spent_s: f64,
}

/// What the shapes of a search come to together, by their rates in it, 1e9 flop/s: the best one alone says
/// nothing of what others can expect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overall {
    shapes: usize,
    median_gflop_per_s: f64,
    geometric_mean_gflop_per_s: f64,
}

fn overall(found: &BestShape) -> Overall {
    let rates: Vec<f64> = found.tried.iter().map(|(_, rate)| *rate).collect();
    let logarithms: f64 = rates.iter().map(|rate| rate.ln()).sum();
    Overall {
        shapes: rates.len(),
        median_gflop_per_s: crate::stats::median::median(&rates).unwrap_or(f64::NAN),
        geometric_mean_gflop_per_s: (logarithms / rates.len() as f64).exp(),
    }
}

/// One shape of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriedShape {
    shape: String,
    search_gflop_per_s: f64,
}

/// For programs.
pub fn shape_json(found: &BestShape) -> ShapeJson {
    let tried = |&(shape, rate): &(crate::kernel::Shape, f64)| TriedShape {
        shape: shape.to_string(),
        search_gflop_per_s: rate,
    };
    ShapeJson {
        measured: Row::from(&found.record),
        search_gflop_per_s: found.search_gflop_per_s,
        regret: found.regret,
        tried: found.tried.iter().map(tried).collect(),
        over_all: overall(found),
        spent_s: found.spent_s,
    }
}

/// For people: the ten best, and the winner measured again.
pub fn shape_text(found: &BestShape) -> String {
    let mut table = Table::new(&[">m×n×k", ">GFLOP/s in the search"]);
    for (shape, rate) in found.tried.iter().take(10) {
        table.row([shape.to_string(), significant(*rate)]);
    }
    let case = &found.record.case;
    let mut text = format!("{}\n\n{}\n", headline(&found.record.adapter), table.text());
    let over = overall(found);
    text.push_str(&format!(
        "{} shapes tried: median {} GFLOP/s, geometric mean {}\n",
        found.tried.len(),
        significant(over.median_gflop_per_s),
        significant(over.geometric_mean_gflop_per_s)
    ));
    let name = format!("{}[{}]", case.kernel, case.tiling);
    text.push_str(&again(&name, &Row::from(&found.record), found.search_gflop_per_s, found.regret));
    text.push_str(&format!("{:.1} s in all\n", found.spent_s));
    text
}

/// What is stored, for people.
pub fn cached(caches: &[Cache]) -> String {
    let mut table =
        Table::new(&["adapter", "backend", "precision", "kernel", "settings", ">GFLOP/s", "verdict", "tuned", "by"]);
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
    table.text()
}
