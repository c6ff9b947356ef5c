//! Scenarios side by side: on as many accelerators, as much power or as much money.

use super::Shown;
use super::badge::software;
use super::figure::{Figure, Key, cell, table};
use super::forecast::ranged;
use super::plot::{Form, Ink};
use super::rows::{Ratio, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::project::Equal;
use crate::project::comparison::{Compared, Row};
use crate::report::comparison::{beyond, notes};
use crate::report::number::{number, tick};
use maud::{Markup, html};

/// The section of all comparisons.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(all: &[Shown<Compared>]) -> Result<Markup> {
    let parts = all.iter().enumerate().map(|(i, c)| one(i, c)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="comparison" { "Scenarios side by side" }
            p { "All run the job of the first. The change of days is draw by draw against the first, so that what both have in common cancels; 5–95 % in brackets." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, shown: &Shown<Compared>) -> Result<Markup> {
    let Shown { file, is: c } = shown;
    let soft = c.rows.iter().filter_map(|r| r.projection.as_ref()).any(|p| p.software);
    let mut blocks: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &c.rows {
        match blocks.iter_mut().find(|(equal, _)| *equal == row.equal.as_str()) {
            Some((_, rows)) => rows.push(row),
            None => blocks.push((row.equal.as_str(), vec![row])),
        }
    }
    let waits = c.comparison.wait.is_some();
    let blocks = blocks.iter().enumerate().map(|(i, (equal, rows))| {
        Ok(html! {
            h4 { (words(rows[0].equal)) }
            div.wide-table { (quantities(rows, waits)) }
            (days(&format!("comparison-{place}-{i}"), equal, rows)?)
        })
    });
    let blocks = blocks.collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        h3 { (clean(&c.comparison.title)) (software(soft)) }
        p.made { "made by " code { "flopcast project --scenario " (clean(&c.name)) " --format json" } ", read from " code { (clean(file)) } }
        @if !c.comparison.note.is_empty() { p { (prose(&c.comparison.note)) } }
        @for block in blocks { (block) }
        ul.plain { @for note in notes(c) { li { (prose(&note)) } } }
    })
}

/// What is the same, as a heading.
fn words(equal: Equal) -> &'static str {
    match equal {
        Equal::Accelerators => "On as many accelerators",
        Equal::Power => "On as much power",
        Equal::Money => "For as much money",
    }
}

fn quantities(rows: &[&Row], waits: bool) -> Markup {
    let last = if waits { ">waiting pays beyond" } else { ">rented" };
    let headings = [
        "scenario",
        ">accelerators",
        ">used",
        ">days",
        ">change",
        ">goodput",
        ">power to lay out",
        ">energy",
        ">cost, owned",
        last,
        "kind",
        "rests on",
    ];
    table(
        &headings,
        rows.iter().map(|row| {
            let p = row.projection.as_deref();
            let of = |name: &str| {
                html! { @if let Some(q) = p.and_then(|p| p.quantities.get(name)) { (ranged(name, q)) } @else { "–" } }
            };
            let days = p.and_then(|p| p.quantities.get("run_days"));
            vec![
                cell(&row.scenario),
                html! { @match &row.count {
                    Some(n) => { span.n { (format!("{:.0}", n.value)) } @if n.p5 != n.p95 { " " span.n.sub { "(" (format!("{:.0}–{:.0}", n.p5, n.p95)) ")" } } },
                    None => "–",
                } },
                cell(p.map_or("–".into(), |p| p.layout.accelerators().to_string())),
                of("run_days"),
                html! { @if let Some(r) = row.days_ratio { span.n { (number(r.value, 2)) "×" } " " span.n.sub { "(" (number(r.p5, 2)) "–" (number(r.p95, 2)) ")" } } },
                of("goodput"),
                of("facility_peak_power"),
                of("energy"),
                of("cost_own"),
                if waits { cell(beyond(row)) } else { of("cost_rent") },
                html! { @match (p, &row.missing) {
                    (Some(p), _) => (clean(&p.kind)),
                    (None, Some(why)) => (prose(why)),
                    (None, None) => "–",
                } },
                html! { @if let Some(q) = days { (q.tier.as_str()) (software(q.software)) } },
            ]
        }),
    )
}

/// Days over those of the first, a row a scenario.
fn days(id: &str, equal: &str, rows: &[&Row]) -> Result<Markup> {
    let first = rows.first().filter(|r| r.projection.is_some());
    let base = first.map(|r| (r, 1.0, None));
    let others = rows.iter().filter_map(|r| r.days_ratio.map(|d| (r, d.value, Some([d.p5, d.p95]))));
    let shown: Vec<Ratio> = base
        .into_iter()
        .chain(others)
        .map(|(r, ratio, ends)| Ratio {
            name: r.scenario.clone(),
            ratio,
            ends,
            ink: Ink::Series(0),
            form: Form::Circle,
        })
        .collect();
    if shown.len() < 2 {
        return Ok(html! {});
    }
    Figure {
        id: id.into(),
        title: format!("Days over those of {}, {equal}", shown[0].name),
        caption: "Below 1 is quicker, logarithmic. Point: at the medians; bar: 90 % of the draws, both with the same luck in what they have in common.".into(),
        keys: vec![Key::dots("days over the first's", Ink::Series(0), Form::Circle), Key::line("as long as the first", Ink::Text, true)],
        table: table(
            &["scenario", ">days over the first's", ">5–95 %", "rests on"],
            rows.iter().filter_map(|r| {
                let q = r.projection.as_ref()?.quantities.get("run_days")?;
                let ends = r.days_ratio.map_or("–".into(), |d| format!("{}–{}", tick(d.p5), tick(d.p95)));
                let rests = html! { (q.tier.as_str()) (software(q.software)) };
                Some(vec![cell(&r.scenario), cell(r.days_ratio.map_or("1".into(), |d| tick(d.value))), cell(ends), rests])
            }),
        ),
        plot: &|narrow| ratios("days over those of the first", &shown, &[1.0], &[1.0], tick, narrow),
    }
    .html()
}
