//! What the width of a forecast is made of.

use super::badge::software;
use super::figure::{Figure, Key, cell, table};
use super::forecast::name;
use super::plot::{Axis, Ink, Mark, Plot};
use super::rows::{height, named_rows};
use super::text::clean;
use crate::error::Result;
use crate::project::{Projection, Sensitivity};
use crate::report::number::{bare, number, tick};
use crate::report::projection::measure_next;
use maud::{Markup, html};

/// Inputs that are drawn, and the share of the variance from which on one is.
const MOST: usize = 10;
const LEAST: f64 = 0.01;

/// How strongly a bar is drawn where its input is at the low and at the high end of its range.
const ALPHA: [f64; 2] = [0.4, 1.0];

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

fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share, 2))
}

fn ink(s: &Sensitivity) -> Ink {
    if s.assumed { Ink::Series(1) } else { Ink::Series(0) }
}

fn one(place: usize, p: &Projection) -> Result<Markup> {
    let mut shown: Vec<&Sensitivity> = p.sensitivities.iter().filter(|s| s.total >= LEAST).take(MOST).collect();
    let days = p.quantities.get("run_days").map(|q| q.value);
    // A file of an earlier version has shares alone.
    let swings = days.filter(|_| shown.iter().all(|s| s.run_days.is_some()));
    if swings.is_some() {
        let width = |s: &Sensitivity| s.run_days.map_or(0.0, |[a, b]| (b / a).ln().abs());
        shown.sort_by(|a, b| width(b).total_cmp(&width(a)));
    }
    let next = p.measure_next.first().map_or(String::new(), |n| format!(" {}.", measure_next(n).trim()));
    let assumed = percent(p.assumed_share);
    let (caption, mut keys) = match swings {
        Some(_) => (
            format!(
                "Days of the run with one input at a time at the 5 % (pale) and at the 95 % (full) of its range and all others at their medians, widest first; beside \
                 each name its share of the variance, interactions included. {assumed} of the variance is from assumptions.{next}"
            ),
            vec![Key::line("at the medians", Ink::Text, true)],
        ),
        None => (
            format!(
                "Share of the variance of the run's days (its logarithm) by input, largest first: full bar with all that it interacts with (total Sobol index), dark \
                 bar alone (first order). {assumed} of the variance is from assumptions.{next}"
            ),
            vec![],
        ),
    };
    keys.insert(0, Key::area("published or measured", Ink::Series(0)));
    keys.insert(0, Key::area("assumed: nobody measured it", Ink::Series(1)));
    Figure {
        id: format!("width-{place}"),
        title: format!("What the uncertainty of {} is made of", name(p)),
        caption,
        keys,
        table: shares(p),
        plot: &|narrow| match swings {
            Some(days) => tornado(&shown, days, narrow),
            None => bars(&shown, narrow),
        },
    }
    .html()
}

fn shares(p: &Projection) -> Markup {
    let end = |s: &Sensitivity, i: usize| cell(s.run_days.map_or("–".into(), |d| bare("run_days", d[i])));
    html! {
        @if p.software { p { (software(true)) } }
        (table(
            &["input", ">days at its 5 %", ">days at its 95 %", ">share of the variance", ">alone", "rests on"],
            p.sensitivities.iter().filter(|s| s.total > 0.0005).map(|s| {
                let rests = if s.assumed { "an assumption" } else { "published or measured" };
                vec![html! { code { (clean(&s.name)) } }, end(s, 0), end(s, 1), cell(percent(s.total)),
                    cell(percent(s.first.max(0.0))), cell(rests)]
            }),
        ))
    }
}

/// Bars from the days at the medians to those with one input at either end.
fn tornado(shown: &[&Sensitivity], days: f64, narrow: bool) -> Plot {
    let names = shown.iter().map(|s| format!("{} · {}", s.name, percent(s.total)));
    let (y, mut notes, [above, below]) = named_rows(names, narrow);
    let all = shown.iter().filter_map(|s| s.run_days).flatten().chain([days]);
    let x = Axis::log("days of the run", all, if narrow { 4 } else { 8 }, tick);
    notes.iter_mut().for_each(|note| note.at_x(x.range[0]));
    let mut marks = Vec::new();
    for (row, s) in shown.iter().enumerate() {
        let (low, high) = (-(row as f64) + below, -(row as f64) + above);
        let Some(ends) = s.run_days else { continue };
        // Where both ends lie on one side the nearer one is drawn last, or the other would hide it.
        let mut both = [(ends[0], ALPHA[0]), (ends[1], ALPHA[1])];
        both.sort_by(|a, b| (b.0 / days).ln().abs().total_cmp(&(a.0 / days).ln().abs()));
        for (end, alpha) in both {
            marks.push(Mark::Bar { from: [days, low], to: [end, high], ink: ink(s), alpha });
        }
    }
    let points = vec![[days, y.range[0]], [days, y.range[1]]];
    marks.push(Mark::Line { points, ink: Ink::Text, dashed: true, width: 1.0 });
    marks.extend(notes);
    Plot { x, y, marks, height: height(shown.len(), narrow) }
}

/// Shares of the variance.
fn bars(shown: &[&Sensitivity], narrow: bool) -> Plot {
    let (y, mut marks, [above, below]) = named_rows(shown.iter().map(|s| s.name.clone()), narrow);
    for (row, s) in shown.iter().enumerate() {
        let (low, high) = (-(row as f64) + below, -(row as f64) + above);
        let bar = |to: f64, alpha| Mark::Bar { from: [0.0, low], to: [100.0 * to, high], ink: ink(s), alpha };
        marks.push(bar(s.total, ALPHA[0]));
        marks.push(bar(s.first.clamp(0.0, s.total), ALPHA[1]));
    }
    let x = Axis::linear("share of the variance, %", shown.iter().map(|s| 100.0 * s.total), 5, tick);
    Plot { x, y, marks, height: height(shown.len(), narrow) }
}
