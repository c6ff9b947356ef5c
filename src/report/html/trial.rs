//! A trial of one kernel against another, in random pairs.

use super::Shown;
use super::badge::{outcome, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Form, Ink};
use super::rows::{Ratio, change, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::measure::ab::{Call, View};
use crate::report::ab::sentence;
use crate::report::measurement::{clock, duration, headline, significant};
use crate::report::number::tick;
use maud::{Markup, html};

/// The section of all trials.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(trials: &[Shown<View>]) -> Result<Markup> {
    let parts = trials.iter().enumerate().map(|(i, t)| one(i, t)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="trial" { "A against B" }
            p { "Two sides in one process, in pairs of random order, both proved before and after: what the machine does beside it falls on both." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, shown: &Shown<View>) -> Result<Markup> {
    let Shown { file, is: t } = shown;
    let v = &t.verdict;
    let by = v.timing_method.map_or("", clock);
    let share = v.threshold.share();
    let lines = [1.0 / (1.0 + share), 1.0, 1.0 + share];
    let row = v.ratio.map(|ratio| Ratio {
        name: format!("{} over {}", t.sides[1].spec, t.sides[0].spec),
        ratio,
        ends: v.interval,
        ink: if v.call == Call::Slower { Ink::Bad } else { Ink::Series(0) },
        form: if v.call == Call::Inconclusive { Form::Hollow } else { Form::Circle },
    });
    let rows: Vec<Ratio> = row.into_iter().collect();
    let figure = Figure {
        id: format!("trial-{place}"),
        title: "Time of B over that of A".into(),
        caption: format!(
            "Change in per cent; bar: its 95 % interval out of {} pairs. Between the red lines is less than matters ({} %). {}.",
            v.pairs,
            tick(100.0 * share),
            sentence(t)
        ),
        keys: vec![Key::line("no difference", Ink::Text, true), Key::line("the smallest that matters", Ink::Bad, true)],
        table: table(
            &["what", ">time B / A", ">95 %", "verdict"],
            v.ratio.iter().map(|ratio| {
                let ends = v.interval.map_or("–".into(), |[lo, hi]| format!("{lo:.4}–{hi:.4}"));
                vec![
                    cell(&rows[0].name),
                    cell(format!("{ratio:.4}")),
                    cell(ends),
                    html! { (outcome(v.call.as_str())) (software(t.software)) },
                ]
            }),
        ),
        plot: &|narrow| ratios("change of time, %", &rows, &lines, &lines, change, narrow),
    };
    Ok(html! {
        h3 { (outcome(v.call.as_str())) " " (clean(&sentence(t))) (software(t.software)) }
        p.sub { (clean(&headline(&t.adapter))) }
        p.made { "made by " code { "flopcast ab" } ", read from " code { (clean(file)) } "; " (v.pairs) " pairs, " (by) " clock, ended: " (clean(&t.stopped)) }
        div.wide-table { (table(&["side", "kernel", ">time", ">GFLOP/s", "as typed"], ["A", "B"].into_iter().zip(&t.sides).map(|(name, s)| {
            vec![cell(name), html! { code { (clean(&s.case)) } }, cell(s.seconds.map_or("–".into(), duration)),
                cell(s.gflop_per_s.map_or("–".into(), significant)), html! { code { (clean(&s.spec)) } }]
        }))) }
        @if !v.reasons.is_empty() { ul.plain { @for r in &v.reasons { li { (prose(&r.detail)) " (" code { (clean(&r.code)) } ")" } } } }
        @if !rows.is_empty() { (figure.html()?) }
    })
}
