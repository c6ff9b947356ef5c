//! What portability costs: pairs of kernels that differ in one thing.

use super::Shown;
use super::badge::{outcome, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Form, Ink};
use super::rows::{Ratio, change, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::measure::portability::Costs;
use crate::report::measurement::{clock, headline};
use maud::{Markup, html};

/// The section of all of them.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(all: &[Shown<Costs>]) -> Result<Markup> {
    let parts = all.iter().enumerate().map(|(i, c)| one(i, c)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="portability" { "What portability costs" }
            p { "Pairs of kernels that differ in one thing, turn by turn in one process." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, shown: &Shown<Costs>) -> Result<Markup> {
    let Shown { file, is } = shown;
    let soft = is.adapter.software;
    let rows: Vec<Ratio> = is
        .costs
        .iter()
        .filter_map(|c| {
            let family = c.base.split('[').next().unwrap_or_default();
            let name = format!("{} · {family} · {}", c.what, c.shape);
            let ends = c.lo.zip(c.hi).map(|(lo, hi)| [lo, hi]);
            Some(Ratio { name, ratio: c.ratio?, ends, ink: Ink::Series(0), form: Form::Circle })
        })
        .collect();
    let headings = ["what", "base", "with it", ">m×n×k", ">time ratio", ">95 %", ">rounds", "clock", "verdict", "why"];
    let all = table(
        &headings,
        is.costs.iter().map(|c| {
            let ends = c.lo.zip(c.hi).map_or("–".into(), |(lo, hi)| format!("{lo:.3}–{hi:.3}"));
            vec![
                cell(&c.what),
                html! { code { (clean(&c.base)) } },
                html! { code { (clean(&c.variant)) } },
                cell(&c.shape),
                cell(c.ratio.map_or("–".into(), |r| format!("{r:.3}"))),
                cell(ends),
                cell(c.rounds.to_string()),
                cell(c.timing_method.map_or("", clock)),
                match &c.missing {
                    Some(status) => outcome(status),
                    None => software(soft),
                },
                prose(c.why.as_deref().unwrap_or_default()),
            ]
        }),
    );
    let figure = Figure {
        id: format!("portability-{place}"),
        title: "Time with it over time without".into(),
        caption: "Change in per cent; bar: the 95 % interval.".into(),
        keys: vec![Key::line("no difference", Ink::Text, true)],
        table: all,
        plot: &|narrow| ratios("change of time, %", &rows, &[1.0], &[1.0], change, narrow),
    };
    Ok(html! {
        h3 { (clean(&is.adapter.name)) (software(soft)) }
        p.sub { (clean(&headline(&is.adapter))) }
        p.made { "made by " code { "flopcast measure --suite portability --format json" } ", read from " code { (clean(file)) } }
        @if rows.is_empty() { div.wide-table { (figure.table) } } @else { (figure.html()?) }
    })
}
