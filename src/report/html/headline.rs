//! The top of the page: what was measured, how far to trust it, the best figures.

use super::badge::{badge, software};
use super::measured::Group;
use super::text::{clean, counted};
use super::{Report, forecast};
use crate::report::measurement::{clock, kernel, range, shape, significant};
use crate::report::number::{bare, cell as value, rate};
use crate::report::overview::{best_row, quicker};
use maud::{Markup, html};

/// Forecasts that have a card of their own.
const FORECASTS: usize = 3;

/// Title, what it is of, and the banner where a software adapter had a part.
pub fn top(report: &Report, groups: &[Group]) -> Markup {
    html! {
        h1 { (clean(&report.title)) }
        p.sub { (contents(report, groups)) " Made " (clean(&report.at)) " by flopcast " (env!("CARGO_PKG_VERSION")) "." }
        @if report.software() { (banner(report)) }
        div.cards { @for group in groups { (best(group)) } (equivalents(report)) (forecasts(report)) }
    }
}

fn contents(report: &Report, groups: &[Group]) -> String {
    let of = |n: usize, one: &str| (n > 0).then(|| counted(n, one));
    let cases: usize = groups.iter().map(|g| g.records.len()).sum();
    let parts = [
        of(cases, "measured case"),
        of(report.rooflines.len(), "roofline"),
        of(report.calibrations.len(), "calibration"),
        of(report.projections.len(), "forecast"),
        of(report.what_ifs.iter().map(|w| w.is.changes.len()).sum(), "what-if"),
        of(report.scalings.len(), "scaling curve"),
        of(report.examined.len(), "examination"),
        of(report.tunings.len() + report.best_shapes.len(), "tuning"),
        of(report.portability.iter().map(|c| c.is.costs.len()).sum(), "portability pair"),
        of(report.trials.len(), "trial"),
        of(report.gates.len(), "gate"),
        of(report.smokes.len(), "smoke run"),
        of(report.comparisons.len(), "comparison"),
        of(report.searches.len(), "layout search"),
        of(report.explanations.len(), "explained figure"),
        of(report.validations.len(), "validation"),
    ];
    format!("{}.", parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

fn banner(report: &Report) -> Markup {
    let mut names: Vec<&str> = report.adapters().iter().filter(|a| a.software).map(|a| a.name.as_str()).collect();
    names.extend(report.calibrations.iter().filter(|c| c.is.software).map(|c| c.is.adapter.name.as_str()));
    names.sort_unstable();
    names.dedup();
    html! {
        div.banner role="note" aria-label="SOFTWARE" {
            strong { "SOFTWARE" }
            p { "A CPU-type adapter made figures of this page" @if !names.is_empty() { " (" (clean(&names.join(", "))) ")" } ". They are right for trying the path \
                 and for comparing kernels with each other, and never a statement about hardware. Everything that they had a part in carries the mark \
                 SOFTWARE." }
        }
    }
}

fn best(group: &Group) -> Markup {
    let rows = group.rows();
    let Some((row, figure)) = best_row(&rows).and_then(|row| Some((row, row.gflop_per_s?))) else {
        return html! { div.card { h3 { (clean(&group.adapter.name)) } p.figure { "no verified rate" } } };
    };
    html! {
        div.card {
            h3 { "Best verified " (row.precision) " matmul, " (clean(&group.adapter.name)) }
            p.figure { (significant(figure.median)) " GFLOP/s" }
            p { "95 %: " (range(figure)) " " (badge(row.verdict)) }
            @if let Some(told) = quicker(row, &rows) { p.sub { (clean(&told)) } }
            p.sub { (shape(row)) " by " (clean(&kernel(row))) @if let Some(method) = row.timing_method { ", " (clock(method)) " clock" } }
        }
    }
}

fn equivalents(report: &Report) -> Markup {
    let found = report.projections.iter().find_map(|p| p.is.equivalents.as_ref());
    html! {
        @if let Some(e) = found {
            div.card {
                h3 { "Many of this adapter, " (e.precision) ", nothing lost between them" }
                @for many in &e.ideal {
                    p { (many.count) ": " strong { (rate(many.flop_per_s)) } " (" (rate(many.lo)) "–" (rate(many.hi)) ")" }
                }
                p { (e.provenance.tier.as_str()) (software(e.provenance.software)) }
            }
        }
    }
}

fn forecasts(report: &Report) -> Markup {
    html! {
        @for p in report.projections.iter().take(FORECASTS) {
            @let p = &p.is;
            @if let Some(q) = p.quantities.get("run_days") {
                div.card {
                    h3 { (clean(&p.title)) }
                    p.figure { (value("run_days", &q.unit, q.value)) @if q.value != 1.0 { "s" } }
                    p { "90 %: " (bare("run_days", q.p5)) "–" (bare("run_days", q.p95)) " for the tokens" @if let Some(mfu) = p.quantities.get("mfu") { "; MFU "
                        (value("mfu", "1", mfu.value)) " (" (bare("mfu", mfu.p5)) "–" (bare("mfu", mfu.p95)) ")" } }
                    p { @if p.kind == "estimate" { "an " } @else { "a " } (p.kind) ", rests on: " (q.tier.as_str()) (software(q.software)) }
                    p.sub { (clean(&forecast::name(p))) ", " (p.layout.accelerators()) " accelerators used" }
                }
            }
        }
    }
}
