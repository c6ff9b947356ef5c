//! Forecasts: the figures with their ranges, where a step's time goes, and what each rests on.

use super::badge::software;
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Ink, Mark, Plot, Side};
use super::rows::named_rows;
use super::text::{clean, prose};
use super::{Shown, uncertainty};
use crate::error::Result;
use crate::project::{Projection, Quantity, Transfer};
use crate::report::number::{bare, cell as value, number, tick};
use crate::report::projection::ORDER;
use maud::{Markup, html};

/// Parts of a step in the order of a projection, with what they are.
const PARTS: [(&str, &str); 7] = [
    ("compute", "computation"),
    ("tensor", "tensor-parallel exchange"),
    ("expert", "exchange with experts"),
    ("bubble", "stages that wait"),
    ("data", "gradients over replicas"),
    ("optimizer", "optimizer"),
    ("scale", "what scale costs beyond that"),
];

/// Scenario, and what makes it another than the one of the same name.
pub fn name(p: &Projection) -> String {
    let carried = if p.transfer == Transfer::Shape { " + measured curve" } else { "" };
    format!("{}{carried}", p.scenario)
}

/// The section of all forecasts.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(projections: &[Shown<Projection>]) -> Result<Markup> {
    let all: Vec<&Projection> = projections.iter().map(|p| &p.is).collect();
    Ok(html! {
        section {
            h2 id="forecast" { "Forecast" }
            p { "Each figure is at the medians of everything uncertain, with the range that 90 % of the draws are in. A forecast is a "
                strong { "scenario" } ", not an " strong { "estimate" } ", where more than half of its variance is from assumptions, where nobody \
                measured its accelerator, or where a software adapter had a part in it." }
            p.made { "made by " code { "flopcast project --scenario NAME" } "; " code { "+ measured curve" } ": the shape of the measured \
                efficiency curve carries over (" code { "--calibration" } "), never its rate" }
            div.wide-table { (summary(&all)) }
            (breakdown(&all)?)
            (uncertainty::figures(&all)?)
            h3 id="forecast-all" { "Every quantity" }
            @for p in &all { (whole(p)) }
        }
    })
}

fn summary(all: &[&Projection]) -> Markup {
    let headings = ["scenario", ">used", ">step time", ">MFU", ">days", ">goodput", "kind", "rests on"];
    table(
        &headings,
        all.iter().map(|p| {
            let of =
                |name: &str| html! { @if let Some(q) = p.quantities.get(name) { (ranged(name, q)) } @else { "–" } };
            vec![
                html! { (clean(&name(p))) (software(p.software)) },
                html! { (p.layout.accelerators()) },
                of("step_time"),
                of("mfu"),
                of("run_days"),
                of("goodput"),
                cell(&p.kind),
                html! { @if let Some(q) = p.quantities.get("run_days") { (q.tier.as_str()) (software(q.software)) } },
            ]
        }),
    )
}

/// A value with its range.
pub fn ranged(name: &str, q: &Quantity) -> Markup {
    html! { span.n { (value(name, &q.unit, q.value)) } " " span.n.sub { "(" (bare(name, q.p5)) "–" (bare(name, q.p95)) ")" } }
}

fn breakdown(all: &[&Projection]) -> Result<Markup> {
    if all.iter().all(|p| p.step_parts.is_empty()) {
        return Ok(html! {});
    }
    let share = |p: &Projection, part: &str| {
        let total: f64 = p.step_parts.values().sum();
        100.0 * p.step_parts.get(part).copied().unwrap_or(0.0) / total
    };
    let ink = |place: usize| if place < 6 { Ink::Series(place) } else { Ink::Muted };
    let largest = all.first().and_then(|p| {
        let (part, what) = PARTS.into_iter().max_by(|a, b| share(p, a.0).total_cmp(&share(p, b.0)))?;
        Some(format!(" Of {} the largest part is {what}, {} %.", name(p), number(share(p, part), 2)))
    });
    Figure {
        id: "breakdown".into(),
        title: "Where a step's time goes".into(),
        caption: format!("Shares of the step at the medians.{}", largest.unwrap_or_default()),
        keys: PARTS.iter().enumerate().map(|(i, (_, what))| Key::area(*what, ink(i))).collect(),
        table: table(
            &["scenario", "part", ">seconds", ">share"],
            all.iter().flat_map(|p| {
                PARTS.into_iter().filter_map(|(part, what)| {
                    let seconds = p.step_parts.get(part)?;
                    let share = format!("{} %", number(share(p, part), 2));
                    Some(vec![
                        html! { (clean(&name(p))) (software(p.software)) },
                        cell(what),
                        cell(number(*seconds, 3)),
                        cell(share),
                    ])
                })
            }),
        ),
        plot: &|narrow| {
            // The mark first: a long name is cut at its end.
            let names = all.iter().map(|p| format!("{}{}", if p.software { "SOFTWARE · " } else { "" }, name(p)));
            let (y, mut marks, [above, below]) = named_rows(names, narrow);
            for (row, p) in all.iter().enumerate() {
                let mut from = 0.0;
                for (place, (part, _)) in PARTS.into_iter().enumerate() {
                    let width = share(p, part);
                    if width.is_nan() || width <= 0.0 {
                        continue;
                    }
                    let (low, high) = (-(row as f64) + below, -(row as f64) + above);
                    let bar = |to: f64, alpha| Mark::Bar { from: [from, low], to: [to, high], ink: ink(place), alpha };
                    marks.push(bar(from + width, 0.35));
                    marks.push(bar((from + 0.45).min(from + width), 1.0));
                    if width > if narrow { 13.0 } else { 6.0 } {
                        let at = [from + 0.5 * width, 0.5 * (low + high)];
                        marks.push(Mark::Note {
                            at,
                            text: format!("{width:.0} %"),
                            side: Side::Middle,
                            ink: Ink::Text,
                        });
                    }
                    from += width;
                }
            }
            let x = Axis::linear("share of the step, %", [100.0], 5, tick);
            Plot { x, y, marks, height: 52 + if narrow { 44 } else { 30 } * all.len() as u32 }
        },
    }
    .html()
}

/// One forecast with everything that it says.
fn whole(p: &Projection) -> Markup {
    html! {
        details {
            summary { (clean(&p.title)) ": " (clean(&name(p))) (software(p.software)) }
            p { "Layout " code { (clean(&p.layout.to_string())) } " on " (p.layout.accelerators()) " accelerators"
                @if p.idle_accelerators > 0 { ", " (p.idle_accelerators) " idle" } ", " (clean(&p.format)) ": "
                @if p.layout_stated { "stated." } @else { "the best of " (p.layouts_searched) " looked at." }
                " MFU counts: " (clean(&p.flop_convention)) "." }
            div.wide-table { (table(
                &["quantity", ">value", ">5 %", ">95 %", "rests on", "sources"],
                ORDER.iter().filter_map(|(name, title)| {
                    let q = p.quantities.get(*name)?;
                    let at = |x| html! { span.n { (value(name, &q.unit, x)) } };
                    Some(vec![cell(title), at(q.value), at(q.p5), at(q.p95),
                        html! { (q.tier.as_str()) (software(q.software)) }, sources(q)])
                }),
            )) }
            @if !p.assumptions.is_empty() {
                p { "Taken rather than known:" }
                div.wide-table { (table(&["input", ">value", "source", "note"], p.assumptions.iter().map(|a| {
                    let unit = if a.unit == "1" { "" } else { &a.unit };
                    vec![html! { code { (clean(&a.name)) } }, cell(format!("{} {unit}", number(a.value, 4))),
                        html! { (clean(&a.source)) " (" (a.tier.as_str()) ")" }, prose(&a.note)]
                }))) }
            }
            @if !p.warnings.is_empty() { ul.plain { @for w in &p.warnings { li { (prose(w)) } } } }
        }
    }
}

fn sources(q: &Quantity) -> Markup {
    html! { @for (i, id) in q.sources.iter().enumerate() { @if i > 0 { ", " } a href={ "#source-" (super::page::anchor(id)) } { (clean(id)) } } }
}
