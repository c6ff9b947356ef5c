//! What tuning found: the winner measured again, the best of each family, and shapes where shapes were looked for.

use super::Shown;
use super::badge::{badge, outcome, software};
use super::figure::{Figure, cell, table};
use super::measured::reasons;
use super::plot::{Axis, Ink, Mark, Plot};
use super::rows::{height, named_rows};
use super::text::{clean, prose};
use crate::error::Result;
use crate::measure::record::AdapterIdentity;
use crate::measure::row::Row;
use crate::measure::tune::found::{Kernel, Shape};
use crate::report::measurement::{headline, range, shape, significant};
use crate::report::number::tick;
use maud::{Markup, html};

/// Shapes that are drawn, quickest first.
const SHAPES: usize = 24;

/// The section of all searches, for kernels and for shapes.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(kernels: &[Shown<Kernel>], shapes: &[Shown<Shape>]) -> Result<Markup> {
    let kernels = kernels.iter().enumerate().map(|(i, k)| kernel(i, k)).collect::<Result<Vec<Markup>>>()?;
    let shapes = shapes.iter().enumerate().map(|(i, s)| best_shape(i, s)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="tuning" { "Tuned" }
            p { "The quickest of many trials is partly the luckiest: the winner is measured again, and that is its figure; what the search saw beyond it is the regret." }
            @for part in kernels { (part) }
            @for part in shapes { (part) }
        }
    })
}

/// The winner's own measurement.
fn winner(adapter: &AdapterIdentity, row: &Row, name: &str, search: f64, regret: Option<f64>) -> Markup {
    html! {
        p.sub { (clean(&headline(adapter))) }
        @match row.gflop_per_s {
            Some(rate) => p { "Winner: " code { (clean(name)) } " at " (shape(row)) ", measured again: " strong { (significant(rate.median)) " GFLOP/s" }
                " (95 %: " (range(rate)) ") " (badge(row.verdict)) "; the search saw " (significant(search))
                @if let Some(regret) = regret { ", regret " (format!("{:+.1} %", 100.0 * regret)) } "." },
            None => p { "Winner: " code { (clean(name)) } ", measured again: no figure " (badge(row.verdict)) },
        }
        (reasons(&row.reasons))
    }
}

fn bars(rows: &[(String, f64)], narrow: bool) -> Plot {
    let (y, mut marks, [above, below]) = named_rows(rows.iter().map(|r| r.0.clone()), narrow);
    for (row, (_, rate)) in rows.iter().enumerate() {
        let (low, high) = (-(row as f64) + below, -(row as f64) + above);
        marks.push(Mark::Bar { from: [0.0, low], to: [*rate, high], ink: Ink::Series(0), alpha: 0.75 });
    }
    let x = Axis::linear("GFLOP/s in the search", rows.iter().map(|r| r.1), 5, tick);
    Plot { x, y, marks, height: height(rows.len(), narrow) }
}

fn kernel(place: usize, shown: &Shown<Kernel>) -> Result<Markup> {
    let Shown { file, is: k } = shown;
    let rows: Vec<(String, f64)> =
        k.families.iter().map(|f| (format!("{} {}", f.kernel, f.tiling), f.search_gflop_per_s)).collect();
    let figure = Figure {
        id: format!("tuning-{place}"),
        title: "The best of each family in the search".into(),
        caption: format!(
            "Rates as the search saw them, by few samples each. {} candidates were tried, {} not for lack of time.",
            k.tried, k.untried
        ),
        keys: vec![],
        table: table(
            &["family", "best tiling", ">GFLOP/s in the search", "of"],
            k.families.iter().map(|f| {
                let of = html! { "a search" (software(k.adapter.software)) };
                vec![cell(&f.kernel), cell(&f.tiling), cell(significant(f.search_gflop_per_s)), of]
            }),
        ),
        plot: &|narrow| bars(&rows, narrow),
    };
    let name = format!("{}[{}]", k.winner.kernel, k.winner.tiling);
    Ok(html! {
        h3 { "Kernel for " (clean(&k.adapter.name)) (software(k.adapter.software)) }
        p.made { "made by " code { "flopcast tune --format json" } ", read from " code { (clean(file)) } "; " (significant(k.spent_s)) " s in all" }
        (winner(&k.adapter, &k.measured, &name, k.winner.search_gflop_per_s, k.regret))
        @if !rows.is_empty() { (figure.html()?) }
        @if !k.dropped.is_empty() { details { summary { "what fell out (" (k.dropped.len()) ")" } div.wide-table {
            (table(&["candidate", "status", "why"], k.dropped.iter().map(|d| vec![html! { code { (clean(&d.candidate)) } }, outcome(&d.status), prose(&d.why)])))
        } } }
    })
}

fn best_shape(place: usize, shown: &Shown<Shape>) -> Result<Markup> {
    let Shown { file, is: s } = shown;
    let mut tried: Vec<(String, f64)> = s.tried.iter().map(|t| (t.shape.clone(), t.search_gflop_per_s)).collect();
    tried.sort_by(|a, b| b.1.total_cmp(&a.1));
    let first = &tried[..tried.len().min(SHAPES)];
    let over = &s.over_all;
    let figure = Figure {
        id: format!("tuning-shape-{place}"),
        title: "Rates over shapes in the search".into(),
        caption: format!(
            "The {} quickest of {} shapes. Over all of them the median is {} GFLOP/s and the geometric mean {}: that is what a shape that nobody looked for can expect.",
            first.len(),
            over.shapes,
            significant(over.median_gflop_per_s),
            significant(over.geometric_mean_gflop_per_s)
        ),
        keys: vec![],
        table: table(
            &["m×n×k", ">GFLOP/s in the search", "of"],
            tried.iter().map(|(shape, rate)| {
                vec![cell(shape), cell(significant(*rate)), html! { "a search" (software(s.adapter.software)) }]
            }),
        ),
        plot: &|narrow| bars(first, narrow),
    };
    let name = format!("{}[{}]", s.measured.kernel, s.measured.tiling);
    Ok(html! {
        h3 { "Shape for " (clean(&s.adapter.name)) (software(s.adapter.software)) }
        p.made { "made by " code { "flopcast tune --best-shape --format json" } ", read from " code { (clean(file)) } "; " (significant(s.spent_s)) " s in all" }
        (winner(&s.adapter, &s.measured, &name, s.search_gflop_per_s, s.regret))
        @if !first.is_empty() { (figure.html()?) }
    })
}
