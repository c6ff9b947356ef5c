//! Forecasts with one thing changed: what it does to the days.

use super::Shown;
use super::figure::{Figure, Key, cell, table};
use super::forecast::named_rows;
use super::measured::software;
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::text::clean;
use crate::error::Result;
use crate::project::what_if::{Counterfactual, Shift, WhatIfs};
use crate::report::number::{cell as value, number};
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
    let change = |ratio: f64| 100.0 * (ratio - 1.0);
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
                let change = days(c).map_or("–".into(), percent);
                vec![html! { code { (clean(&c.change)) } }, becomes("run_days"), cell(change), becomes("goodput"), becomes("facility_power"), becomes("cost_own"), rests]
            }),
        ),
        plot: &|narrow| {
            let (y, mut notes, [above, below]) = named_rows(shown.iter().map(|(c, _)| c.change.clone()), narrow);
            let ends = shown.iter().flat_map(|(_, s)| [s.ratio.p5, s.ratio.value, s.ratio.p95]).chain([0.9, 1.1]);
            let x = Axis::log("change of the days, %", ends, if narrow { 4 } else { 8 }, |r| format!("{}{}", if r > 1.0 { "+" } else { "" }, number(change(r), 2)));
            notes.iter_mut().for_each(|note| note.at_x(x.range[0]));
            let mut marks = vec![Mark::Line { points: vec![[1.0, y.range[0]], [1.0, y.range[1]]], ink: Ink::Text, dashed: true, width: 1.0 }];
            marks.extend(notes);
            for (row, (_, s)) in shown.iter().enumerate() {
                let at = |ratio: f64| [ratio, -(row as f64) + 0.5 * (above + below)];
                marks.push(Mark::Range { from: at(s.ratio.p5), to: at(s.ratio.p95), ink: Ink::Series(0) });
                marks.push(Mark::Dot { at: at(s.ratio.value), ink: Ink::Series(0), form: Form::Circle });
            }
            Plot { x, y, marks, height: 54 + if narrow { 40 } else { 26 } * shown.len() as u32 }
        },
    };
    Ok(html! {
        p.made { "made by " code { "flopcast project --scenario " (clean(&w.base.scenario)) " --what-if …" } }
        (figure.html()?)
        @for c in &w.changes { @if let Some(why) = &c.not_kept { p.note { code { (clean(&c.change)) } ": the layout is not kept: " (clean(why)) "." } } }
    })
}
