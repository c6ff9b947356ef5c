//! What the width of a forecast is made of.

use super::figure::{Figure, Key, cell, table};
use super::forecast::{name, named_rows};
use super::measured::software;
use super::plot::{Axis, Ink, Mark, Plot};
use super::text::clean;
use crate::error::Result;
use crate::project::{Projection, Sensitivity};
use crate::report::number::{number, tick};
use crate::report::projection::measure_next;
use maud::{Markup, html};

/// Inputs that are drawn, and the share from which on one is.
const MOST: usize = 9;
const LEAST: f64 = 0.01;

/// A figure per forecast; all but the first folded away.
///
/// # Errors
/// As [`Figure::html`].
pub fn figures(all: &[&Projection]) -> Result<Markup> {
    let figures = all.iter().enumerate().filter(|(_, p)| !p.sensitivities.is_empty()).map(|(i, p)| one(i, p));
    let figures = figures.collect::<Result<Vec<Markup>>>()?;
    let Some((first, more)) = figures.split_first() else { return Ok(html! {}) };
    Ok(html! {
        (first)
        @if !more.is_empty() { details { summary { "the same for the other forecasts (" (more.len()) ")" } @for figure in more { (figure) } } }
    })
}

fn one(place: usize, p: &Projection) -> Result<Markup> {
    let shown: Vec<&Sensitivity> = p.sensitivities.iter().filter(|s| s.total >= LEAST).take(MOST).collect();
    let ink = |s: &Sensitivity| if s.assumed { Ink::Series(1) } else { Ink::Series(0) };
    let next = p.measure_next.first().map_or(String::new(), |n| format!(" {}.", measure_next(n).trim()));
    Figure {
        id: format!("width-{place}"),
        title: format!("What the uncertainty of {} is made of", name(p)),
        caption: format!(
            "Share of the variance of the run's days (its logarithm) by input, largest first: full bar with all that it interacts with (total \
             Sobol index), dark bar alone (first order). {} % of the variance is from assumptions.{next}",
            number(100.0 * p.assumed_share, 2)
        ),
        keys: vec![
            Key::area("assumed: nobody measured it", Ink::Series(1)),
            Key::area("published or measured", Ink::Series(0)),
        ],
        table: html! {
            @if p.software { p { (software(true)) } }
            (table(
                &["input", ">with interactions", ">alone", "rests on"],
                p.sensitivities.iter().filter(|s| s.total > 0.0005).map(|s| {
                    let percent = |x: f64| cell(format!("{} %", number(100.0 * x, 2)));
                    let rests = if s.assumed { "an assumption" } else { "published or measured" };
                    vec![html! { code { (clean(&s.name)) } }, percent(s.total), percent(s.first.max(0.0)), cell(rests)]
                }),
            ))
        },
        plot: &|narrow| {
            let (y, mut marks, [above, below]) = named_rows(shown.iter().map(|s| s.name.clone()), narrow);
            for (row, s) in shown.iter().enumerate() {
                let (low, high) = (-(row as f64) + below, -(row as f64) + above);
                let bar = |to: f64, alpha| Mark::Bar { from: [0.0, low], to: [100.0 * to, high], ink: ink(s), alpha };
                marks.push(bar(s.total, 0.35));
                marks.push(bar(s.first.clamp(0.0, s.total), 1.0));
            }
            let x = Axis::linear("share of the variance, %", shown.iter().map(|s| 100.0 * s.total), 5, tick);
            Plot { x, y, marks, height: 50 + if narrow { 40 } else { 26 } * shown.len() as u32 }
        },
    }
    .html()
}
