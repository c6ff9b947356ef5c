//! The gate for software adapters: what was proved, and how quick each kernel is against the others.

use super::Shown;
use super::badge::{outcome, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Form, Ink};
use super::rows::{Ratio, ratios};
use super::text::{clean, prose};
use crate::error::Result;
use crate::measure::smoke::{Outcome, Smoke};
use crate::report::measurement::{duration, headline};
use crate::report::number::tick;
use crate::report::smoke::{closing, said};
use maud::{Markup, html};

/// The section of all runs.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(smokes: &[Shown<Smoke>]) -> Result<Markup> {
    let parts = smokes.iter().enumerate().map(|(i, s)| one(i, s)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="smoke" { "Does every kernel still do its work?" }
            p { "Every kernel and precision of the adapter proved on shapes that hurt, and timed turn by turn against the others of the same run: no time of its \
                own is judged, only what it is against theirs." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, shown: &Shown<Smoke>) -> Result<Markup> {
    let Shown { file, is: s } = shown;
    let whole = if s.passed() { "passed" } else { "FAILED" };
    let mut first: Vec<_> = s.tests.iter().filter(|t| t.outcome != Outcome::Passed).collect();
    first.sort_by_key(|t| !matches!(t.outcome, Outcome::Failed(_)));
    Ok(html! {
        h3 { (outcome(whole)) " " (closing(s)) (software(s.adapter.software)) }
        p.sub { (clean(&headline(&s.adapter))) }
        p.made { "made by " code { "flopcast smoke --format json" } ", read from " code { (clean(file)) } "; a host of " (s.threads) " processors"
            @if s.interrupted { "; " strong { "interrupted" } } }
        @if !first.is_empty() { div.wide-table { (table(&["outcome", "test", "name", "why"], first.into_iter().map(|t| {
            let (word, why) = said(t).unwrap_or(("passed", ""));
            vec![outcome(word), cell(&t.kind), html! { code { (clean(&t.name)) } }, prose(why)]
        }))) } }
        @if !s.relative.is_empty() { (relative(place, s)?) }
        details { summary { "every test (" (s.tests.len()) ")" } div.wide-table { (table(&["test", "name", "outcome", ">took"], s.tests.iter().map(|t| {
            vec![cell(&t.kind), html! { code { (clean(&t.name)) } }, outcome(said(t).map_or("passed", |(word, _)| word)), cell(duration(t.seconds))]
        }))) } }
    })
}

fn relative(place: usize, s: &Smoke) -> Result<Markup> {
    let judged = s.relative.iter().any(|r| r.slowdown.is_some());
    let rows: Vec<Ratio> = s
        .relative
        .iter()
        .filter_map(|r| {
            let ratio = if judged { r.slowdown? } else { r.ratio };
            let over = r.limit.is_some_and(|limit| ratio >= limit);
            let ink = if over { Ink::Bad } else { Ink::Series(0) };
            // The bar is the way up to where it fails.
            let ends = r.limit.filter(|_| judged).map(|limit| [1.0, limit]);
            Some(Ratio { name: r.kernel.clone(), ratio, ends, ink, form: Form::Circle })
        })
        .collect();
    let (title, caption) = match judged {
        true => (
            "How much slower each kernel became against the others",
            "Time against the other kernels of the run, over the same in the baseline; 1 is as it was. Bar: from there to where it fails.",
        ),
        false => (
            "Time of each kernel against the reference",
            "Time over that of the reference kernel of the run. No baseline of this adapter and number of processors was there to hold it against.",
        ),
    };
    let number = |x: Option<f64>| cell(x.map_or("–".into(), |x| format!("{x:.3}")));
    Figure {
        id: format!("smoke-{place}"),
        title: title.into(),
        caption: caption.into(),
        keys: vec![Key::dots("kernel", Ink::Series(0), Form::Circle), Key::dots("too slow", Ink::Bad, Form::Circle)],
        table: table(
            &["kernel", ">time / reference", ">baseline", ">slowdown", ">fails from", "of"],
            s.relative.iter().map(|r| {
                let of = html! { @if s.adapter.software { (software(true)) } @else { (clean(&s.adapter.name)) } };
                vec![
                    cell(&r.kernel),
                    number(Some(r.ratio)),
                    number(r.baseline),
                    number(r.slowdown),
                    number(r.limit),
                    of,
                ]
            }),
        ),
        plot: &|narrow| {
            ratios(if judged { "slowdown" } else { "time / reference" }, &rows, &[1.0], &[1.0], tick, narrow)
        },
    }
    .html()
}
