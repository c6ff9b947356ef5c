//! A gate: new records against a base, case by case.

use super::Shown;
use super::badge::{outcome, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Form, Ink};
use super::rows::{Ratio, change, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::measure::compare::{Comparison, Outcome};
use crate::report::compare::summary;
use crate::report::measurement::clock;
use crate::report::number::tick;
use maud::{Markup, html};

/// The section of all gates.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(gates: &[Shown<Comparison>]) -> Result<Markup> {
    let parts = gates.iter().enumerate().map(|(i, g)| one(i, g)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="gate" { "New against base" }
            @for part in parts { (part) }
        }
    })
}

fn ink(outcome: Outcome) -> Ink {
    match outcome {
        Outcome::Ok => Ink::Series(0),
        Outcome::Regressed => Ink::Bad,
        _ => Ink::Muted,
    }
}

fn one(place: usize, shown: &Shown<Comparison>) -> Result<Markup> {
    let Shown { file, is: g } = shown;
    let rows = g.cases.iter().filter_map(|c| {
        let s = c.slowdown?;
        let form = if c.outcome == Outcome::Inconclusive { Form::Hollow } else { Form::Circle };
        Some(Ratio { name: c.case.clone(), ratio: s.ratio, ends: Some([s.lo, s.hi]), ink: ink(c.outcome), form })
    });
    let rows: Vec<Ratio> = rows.collect();
    let limit = 1.0 + g.threshold.share();
    let figure = Figure {
        id: format!("gate-{place}"),
        title: "Time of the new records over that of the base".into(),
        caption: format!(
            "Change in per cent; bar: the bounds that a case is called by, what differs between runs in them. Regressed is what is slower by {} % (red line) and \
             surely slower: {}.",
            tick(100.0 * g.threshold.share()),
            summary(g)
        ),
        keys: vec![
            Key::dots("ok", Ink::Series(0), Form::Circle),
            Key::dots("inconclusive", Ink::Muted, Form::Hollow),
            Key::dots("regressed", Ink::Bad, Form::Circle),
        ],
        table: table(
            &["case", ">time ratio", ">bounds", "outcome"],
            g.cases.iter().filter_map(|c| {
                let s = c.slowdown?;
                let bounds = cell(format!("{:.3}–{:.3}", s.lo, s.hi));
                Some(vec![cell(&c.case), cell(format!("{:.3}", s.ratio)), bounds, outcome(c.outcome.as_str())])
            }),
        ),
        plot: &|narrow| ratios("change of time, %", &rows, &[1.0, limit], &[1.0, limit], change, narrow),
    };
    Ok(html! {
        h3 { (outcome(g.outcome.as_str())) " " (clean(&summary(g))) (software(g.software)) }
        p.made { "made by " code { "flopcast compare BASE NEW --format json" } ", read from " code { (clean(file)) } }
        @if !g.problems.is_empty() { ul.plain { @for problem in &g.problems { li { (prose(problem)) } } } }
        div.wide-table { (table(&["case", "outcome", ">base: samples", ">new: samples", "clock"], g.cases.iter().map(|c| {
            vec![
                html! { code { (clean(&c.case)) } div.said { (prose(&c.detail)) } },
                html! { span.n { (outcome(c.outcome.as_str())) (software(g.software)) } },
                cell(c.base.samples.to_string()),
                cell(c.new.samples.to_string()),
                cell(c.clock.map_or("", clock)),
            ]
        }))) }
        @if !rows.is_empty() { (figure.html()?) }
    })
}
