//! What was measured: a table of every case with its verdict and the reasons in words, and rates over shapes.

use super::badge::{badge, outcome};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::text::{clean, counted, prose};
use super::{Shown, samples};
use crate::error::Result;
use crate::measure::host::HOST;
use crate::measure::record::{AdapterIdentity, Reason, Record, Verdict};
use crate::measure::row::Row;
use crate::report::measurement::{clock, duration, headline, kernel, one_of, range, shape, significant};
use crate::report::number::tick;
use maud::{Markup, html};

/// The records of one adapter out of one file, the host's own products beside them.
pub struct Group<'a> {
    pub file: &'a str,
    pub adapter: &'a AdapterIdentity,
    pub records: Vec<&'a Record>,
}

impl Group<'_> {
    pub fn rows(&self) -> Vec<Row> {
        Row::all(self.records.iter().copied())
    }
}

/// Groups in the order of the files.
pub fn groups(measured: &[Shown<Vec<Record>>]) -> Vec<Group<'_>> {
    let mut all: Vec<Group> = Vec::new();
    for Shown { file, is } in measured {
        let first = all.len();
        // The host stands beside the adapter that it was measured with.
        for record in
            is.iter().filter(|r| r.adapter.backend != HOST).chain(is.iter().filter(|r| r.adapter.backend == HOST))
        {
            let here = all[first..].iter_mut().find(|g| record.adapter.backend == HOST || *g.adapter == record.adapter);
            match here {
                Some(group) => group.records.push(record),
                None => all.push(Group { file, adapter: &record.adapter, records: vec![record] }),
            }
        }
    }
    all
}

/// The section of one group.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(number: usize, group: &Group) -> Result<Markup> {
    let rows = group.rows();
    let id = format!("measured-{number}");
    Ok(html! {
        section {
            h2 id=(id) { "Measured: " (clean(&group.adapter.name)) }
            p.sub { (clean(&headline(group.adapter))) }
            p { (told(&rows)) }
            p.made { "made by " code { "flopcast measure --out " (clean(group.file)) } " or the main job; every raw sample is in "
                code { (clean(group.file)) } }
            div.wide-table { (cases(&id, &rows)) }
            (rates(&id, &rows)?)
            (samples::figures(&id, &group.records, &rows)?)
        }
    })
}

/// How many came out how.
fn told(rows: &[Row]) -> String {
    let count = |verdict| rows.iter().filter(|r| r.missing.is_none() && r.verdict == verdict).count();
    let mut parts: Vec<String> = [Verdict::Measured, Verdict::Software, Verdict::Suspect, Verdict::Invalid]
        .into_iter()
        .filter(|v| count(*v) > 0)
        .map(|v| format!("{} {}", count(v), v.as_str()))
        .collect();
    for status in ["unsupported", "skipped", "failed"] {
        let count = rows.iter().filter(|r| r.missing.as_deref() == Some(status)).count();
        if count > 0 {
            parts.push(format!("{count} {status}"));
        }
    }
    format!("{}: {}.", counted(rows.len(), "case"), parts.join(", "))
}

/// What is said in the same words of so many cases is said once, below the table.
const COMMON: usize = 3;

/// Reasons that stand below the table, in the order in which they come up.
fn common(rows: &[Row]) -> Vec<&Reason> {
    let mut found: Vec<(&Reason, usize)> = Vec::new();
    for reason in rows.iter().flat_map(|row| told_of(&row.reasons)) {
        match found.iter_mut().find(|(there, _)| *there == reason) {
            Some((_, count)) => *count += 1,
            None => found.push((reason, 1)),
        }
    }
    found.into_iter().filter(|(_, count)| *count >= COMMON).map(|(reason, _)| reason).collect()
}

/// A line a case; what there is to say of it alone has a line of its own below it, as wide as the table, and what is to be
/// said of many stands below the table.
fn cases(id: &str, rows: &[Row]) -> Markup {
    const HEADINGS: [(&str, &str); 9] = [
        ("kernel", ""),
        ("precision", ""),
        ("m×n×k", "r"),
        ("GFLOP/s", "r"),
        ("95 %", "r"),
        ("time", "r"),
        ("clock", ""),
        ("samples", "r"),
        ("verdict", ""),
    ];
    let head = |i: usize| HEADINGS[i].0;
    let common = common(rows);
    let notes = |row: &Row| -> Vec<usize> {
        (1..).zip(&common).filter(|(_, reason)| row.reasons.contains(reason)).map(|(number, _)| number).collect()
    };
    html! {
        table.stack.cases {
            thead { tr { @for (name, class) in HEADINGS { th class=[Some(class).filter(|c| !c.is_empty())] scope="col" { (name) } } } }
            tbody {
                @for row in rows {
                    @let told: Vec<&Reason> = told_of(&row.reasons).into_iter().filter(|r| !common.contains(r)).collect();
                    tr.noted[!told.is_empty()] {
                        th scope="row" { (one_of(row)) }
                        td data-k=(head(1)) { (row.precision) }
                        td.r data-k=(head(2)) { span.n { (shape(row)) } }
                        td.r data-k=(head(3)) { (row.gflop_per_s.map_or("–".into(), |r| significant(r.median))) }
                        td.r data-k=(head(4)) { @if let Some(r) = row.gflop_per_s { span.n { (range(r)) } } }
                        td.r data-k=(head(5)) { span.n { (row.seconds.map_or("–".into(), |s| duration(s.median))) } }
                        td data-k=(head(6)) { (row.timing_method.map_or("", clock)) }
                        td.r data-k=(head(7)) { @if row.samples > 0 { (row.samples) } }
                        td data-k=(head(8)) { span.n {
                            @match row.missing.as_deref() { Some(status) => (outcome(status)), None => (badge(row.verdict)) }
                            @for number in notes(row) { " " sup { a href={ "#" (id) "-note-" (number) } { (number) } } }
                        } }
                    }
                    @if !told.is_empty() { tr.why { td colspan=(HEADINGS.len()) { (list(&told)) } } }
                }
            }
        }
        @if !common.is_empty() { ol.notes { @for (number, reason) in (1..).zip(&common) { li id={ (id) "-note-" (number) } { (told_as(reason)) } } } }
    }
}

/// Reasons that are told: not the one that the verdict itself says.
fn told_of(reasons: &[Reason]) -> Vec<&Reason> {
    reasons.iter().filter(|r| r.code != "software-adapter").collect()
}

/// Every reason in words, but the one that the verdict itself says.
pub fn reasons(reasons: &[Reason]) -> Markup {
    list(&told_of(reasons))
}

fn list(told: &[&Reason]) -> Markup {
    html! { @if !told.is_empty() { ul { @for r in told { li { (told_as(r)) } } } } }
}

fn told_as(r: &Reason) -> Markup {
    html! { code { (clean(&r.code)) } ": " (prose(&r.detail)) }
}

/// A figure per precision: rate over shape, a series per kernel.
fn rates(id: &str, rows: &[Row]) -> Result<Markup> {
    let mut precisions: Vec<&str> =
        rows.iter().filter(|r| r.gflop_per_s.is_some()).map(|r| r.precision.as_str()).collect();
    precisions.sort_unstable();
    precisions.dedup();
    let figures = precisions.into_iter().map(|precision| {
        let shown: Vec<&Row> = rows.iter().filter(|r| r.precision == precision && r.gflop_per_s.is_some()).collect();
        let kernels = distinct(shown.iter().map(|r| kernel(r)));
        let mut by_size = shown.clone();
        by_size.sort_by_key(|r| (u128::from(r.m) * u128::from(r.n) * u128::from(r.k), r.batch, r.m, r.n));
        let shapes = distinct(by_size.iter().map(|r| shape(r)));
        let mut keys: Vec<Key> =
            kernels.iter().enumerate().map(|(i, name)| Key::dots(name, Ink::Series(i), Form::of(i))).collect();
        if shown.iter().any(|r| r.verdict == Verdict::Suspect) {
            keys.push(Key::dots("not filled: SUSPECT", Ink::Muted, Form::Hollow));
        }
        Figure {
            id: format!("{id}-rates-{precision}"),
            title: format!("Rate over shape, {precision}"),
            caption: format!(
                "Useful GFLOP/s on a logarithmic axis, shapes from small to large. Point: median; bar: its 95 % interval. {}",
                fastest(&shown)
            ),
            keys,
            table: table(
                &["shape", "kernel", ">GFLOP/s", ">95 %", "verdict"],
                by_size.iter().filter_map(|r| {
                    let rate = r.gflop_per_s?;
                    Some(vec![cell(shape(r)), cell(one_of(r)), cell(significant(rate.median)), cell(range(rate)), badge(r.verdict)])
                }),
            ),
            plot: &|narrow| rate_plot(&shown, &kernels, &shapes, narrow),
        }
        .html()
    });
    let figures = figures.collect::<Result<Vec<Markup>>>()?;
    Ok(html! { @for figure in figures { (figure) } })
}

fn fastest(rows: &[&Row]) -> String {
    let best = rows.iter().filter(|r| r.kernel != HOST).filter_map(|r| Some((r, r.gflop_per_s?)));
    best.max_by(|a, b| a.1.median.total_cmp(&b.1.median)).map_or(String::new(), |(row, rate)| {
        format!(
            "The quickest point is {} at {}: {} GFLOP/s ({}), {}.",
            kernel(row),
            shape(row),
            significant(rate.median),
            range(rate),
            row.verdict.as_str()
        )
    })
}

fn rate_plot(rows: &[&Row], kernels: &[String], shapes: &[String], narrow: bool) -> Plot {
    let ends = rows.iter().filter_map(|r| r.gflop_per_s).flat_map(|r| [r.lo, r.median, r.hi]);
    let x = Axis::log("GFLOP/s", ends, if narrow { 4 } else { 8 }, tick);
    let spread = 0.56 / kernels.len().max(1) as f64;
    let mut marks = Vec::new();
    for row in rows {
        let (Some(rate), Some(place)) = (row.gflop_per_s, shapes.iter().position(|s| *s == shape(row))) else {
            continue;
        };
        let series = kernels.iter().position(|k| *k == kernel(row)).unwrap_or_default();
        let y = -(place as f64) - spread * (series as f64 - 0.5 * (kernels.len() as f64 - 1.0));
        let ink = Ink::Series(series);
        let form = if row.verdict == Verdict::Suspect { Form::Hollow } else { Form::of(series) };
        marks.push(Mark::Range { from: [rate.lo, y], to: [rate.hi, y], ink });
        marks.push(Mark::Dot { at: [rate.median, y], ink, form });
    }
    let row = (14 * kernels.len() as u32).max(26);
    Plot { x, y: Axis::rows(shapes.iter().cloned()), marks, height: 54 + row * shapes.len() as u32 }
}

fn distinct(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}
