//! Forecasts with one thing changed: what it does to the days.

use super::Shown;
use super::badge::software;
use super::figure::{Figure, Key, cell, table};
use super::plot::{Form, Ink};
use super::rows::{Ratio, change, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::project::what_if::{Counterfactual, Shift, WhatIfs};
use crate::report::number::cell as value;
use crate::report::what_if::percent;
use maud::{Markup, html};

/// The section of all of them.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(what_ifs: &[Shown<WhatIfs>]) -> Result<Markup> {
    let parts = what_ifs.iter().enumerate().map(|(i, w)| one(i, &w.is)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="what-if" { "What if" }
            p { "Each change draw by draw against the unchanged forecast, so that what both have in common cancels; the layout is searched for again." }
            @for part in parts { (part) }
        }
    })
}

fn days(c: &Counterfactual) -> Option<&Shift> {
    c.best.quantities.get("run_days")
}

fn one(place: usize, w: &WhatIfs) -> Result<Markup> {
    let shown: Vec<(&Counterfactual, &Shift)> = w.changes.iter().filter_map(|c| Some((c, days(c)?))).collect();
    let figure = Figure {
        id: format!("what-if-{place}"),
        title: format!("What changes the days of {}", w.base.scenario),
        caption: "Change of the run's days in per cent, logarithmic in the ratio; point: at the medians; bar: 90 % of the draws.".into(),
        keys: vec![Key::dots("change of the days", Ink::Series(0), Form::Circle), Key::line("no change", Ink::Text, true)],
        table: table(
            &["what if", ">days", ">change (5–95 %)", ">goodput", ">power", ">cost, owned", "rests on"],
            w.changes.iter().map(|c| {
                let becomes = |name: &str| cell(c.best.quantities.get(name).map_or("–".into(), |s| value(name, &s.unit, s.becomes.value)));
                let tier = w.base.quantities.get("run_days");
                let rests = html! { @if let Some(q) = tier { (q.tier.as_str()) (software(q.software)) } };
                let moved = days(c).map_or("–".into(), percent);
                vec![html! { code { (clean(&c.change)) } }, becomes("run_days"), cell(moved), becomes("goodput"), becomes("facility_power"), becomes("cost_own"), rests]
            }),
        ),
        plot: &|narrow| {
            let row = |(c, s): &(&Counterfactual, &Shift)| Ratio {
                name: c.change.clone(),
                ratio: s.ratio.value,
                ends: Some([s.ratio.p5, s.ratio.p95]),
                ink: Ink::Series(0),
                form: Form::Circle,
            };
            let rows: Vec<Ratio> = shown.iter().map(row).collect();
            ratios("change of the days, %", &rows, &[0.9, 1.1], &[1.0], change, narrow)
        },
    };
    Ok(html! {
        p.made { "made by " code { "flopcast project --scenario " (clean(&w.base.scenario)) " --what-if …" } }
        (figure.html()?)
        @for c in &w.changes { @if let Some(why) = &c.not_kept { p.note { code { (clean(&c.change)) } ": the layout is not kept: " (prose(why)) "." } } }
    })
}
