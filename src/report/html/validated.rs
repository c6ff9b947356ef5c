//! Predictions against what others measured: each run, and how far off by group.

use super::Shown;
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::rows::{height, named_rows};
use super::text::{clean, counted, prose};
use crate::error::Result;
use crate::project::validate::{Row, Summary, Validation};
use crate::report::measurement::duration;
use crate::report::number::{number, tick};
use maud::{Markup, html};

/// What counts as near: a fifth either way.
const NEAR: f64 = 1.2;

/// Runs that are listed; plots show all up to [`DRAWN`].
const LISTED: usize = 600;
/// Runs that are drawn: beyond, every so many-th.
const DRAWN: usize = 1500;

/// The section of all validations.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(all: &[Shown<Validation>]) -> Result<Markup> {
    let parts = all.iter().enumerate().map(|(i, v)| one(i, v)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="validation" { "Predicted against measured" }
            p { "Published training runs, each predicted from what it states of job, layout and machine; what was measured is read only afterwards. The model's \
                constants are fitted to these runs: " code { "METHODOLOGY.md" } " has the figures with each source left out of the fit in turn." }
            @for part in parts { (part) }
        }
    })
}

/// A run that was predicted and measured.
struct Run<'a> {
    row: &'a Row,
    predicted: f64,
    ends: [f64; 2],
    measured: f64,
}

fn run(row: &Row) -> Option<Run<'_>> {
    let Row { predicted_s, p5_s, p95_s, measured_s, refused: None, .. } = row else { return None };
    Some(Run { row, predicted: (*predicted_s)?, ends: [(*p5_s)?, (*p95_s)?], measured: (*measured_s)? })
}

fn one(place: usize, shown: &Shown<Validation>) -> Result<Markup> {
    let Shown { file, is: v } = shown;
    let s = &v.figures.summary;
    let runs: Vec<Run> = v.rows.iter().flatten().filter_map(run).collect();
    let refused: Vec<&Row> = v.rows.iter().flatten().filter(|r| r.refused.is_some()).collect();
    Ok(html! {
        h3 { (counted(s.n, "run")) @if s.refused > 0 { ", " (s.refused) " refused" } }
        p.made { "made by " code { "flopcast validate --format json" } ", read from " code { (clean(file)) } }
        p { "Half of them are off by a factor of " (factor(s.median_abs_log)) " or less, nine in ten by " (factor(s.p90_abs_log)) "; "
            (percent(s.coverage90)) " are inside the 90 % band that was predicted." }
        @if !runs.is_empty() { (scatter(place, &runs)?) (ratio(place, &runs)?) } @else {
            p { "The file holds no runs (" code { "--no-rows" } "): only what they come to is shown." }
        }
        (groups(place, v)?)
        @if !refused.is_empty() { details { summary { "refused (" (refused.len()) ")" } div.wide-table {
            (table(&["run", "why"], refused.iter().take(LISTED).map(|r| vec![cell(&r.id), prose(r.refused.as_deref().unwrap_or_default())])))
        } } }
    })
}

fn factor(log: Option<f64>) -> String {
    log.map_or("–".into(), |x| number(x.exp(), 3))
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |x| format!("{} %", number(100.0 * x, 3)))
}

/// Kinds of network, in the order of the table: a series each.
fn kinds<'a>(runs: &[Run<'a>]) -> Vec<&'a str> {
    let mut all = Vec::new();
    for run in runs {
        if !all.contains(&run.row.arch.as_str()) {
            all.push(run.row.arch.as_str());
        }
    }
    all
}

fn keys(kinds: &[&str]) -> Vec<Key> {
    let dots = kinds.iter().enumerate().map(|(i, kind)| {
        let name = if kind.is_empty() { "run" } else { kind };
        Key::dots(name, Ink::Series(i), Form::of(i))
    });
    dots.collect()
}

/// Those that are drawn.
fn drawn<'a, 'b>(runs: &'b [Run<'a>]) -> impl Iterator<Item = &'b Run<'a>> {
    runs.iter().step_by(runs.len().div_ceil(DRAWN).max(1))
}

fn scatter(place: usize, runs: &[Run]) -> Result<Markup> {
    let kinds = kinds(runs);
    let near = runs.iter().filter(|r| (r.predicted / r.measured).ln().abs() <= NEAR.ln()).count();
    let mut keys = keys(&kinds);
    keys.push(Key::line("predicted as measured", Ink::Text, true));
    keys.push(Key::area(format!("off by a factor of {NEAR} or less"), Ink::Series(2)));
    Figure {
        id: format!("validation-{place}-scatter"),
        title: "Time of a step, predicted against measured".into(),
        caption: format!(
            "Both logarithmic, a point a published run. {near} of {} are within a factor of {NEAR} of what was measured.",
            runs.len()
        ),
        keys,
        table: listed(runs),
        plot: &|narrow| {
            let all = || runs.iter().flat_map(|r| [r.predicted, r.measured]);
            let ticks = if narrow { 4 } else { 8 };
            let x = Axis::log("measured, s", all(), ticks, tick);
            let y = Axis::log("predicted, s", all(), 6, tick);
            let [from, to] = x.range;
            // Corners where an edge of the band leaves the picture.
            let band = [from, from * NEAR, to / NEAR, to].map(|m| [m, m / NEAR, m * NEAR]).to_vec();
            let mut marks = vec![
                Mark::Band { points: band, ink: Ink::Series(2) },
                Mark::Line { points: vec![[from, from], [to, to]], ink: Ink::Text, dashed: true, width: 1.0 },
            ];
            for (i, kind) in kinds.iter().enumerate() {
                let of = drawn(runs).filter(|r| r.row.arch == *kind);
                marks.extend(of.map(|r| Mark::Dot {
                    at: [r.measured, r.predicted],
                    ink: Ink::Series(i),
                    form: Form::of(i),
                }));
            }
            Plot { x, y, marks, height: if narrow { 320 } else { 420 } }
        },
    }
    .html()
}

fn ratio(place: usize, runs: &[Run]) -> Result<Markup> {
    let kinds = kinds(runs);
    let of = |r: &Run| [r.row.n_accel.unwrap_or(1.0), r.predicted / r.measured];
    let mut keys = keys(&kinds);
    keys.push(Key::area(format!("off by a factor of {NEAR} or less"), Ink::Series(2)));
    Figure {
        id: format!("validation-{place}-ratio"),
        title: "Predicted over measured, by the number of accelerators".into(),
        caption: "Above 1 the prediction is too slow. Bar: the 90 % band of the prediction over what was measured; nine in ten of them should cross the dashed line.".into(),
        keys,
        table: listed(runs),
        plot: &|narrow| {
            let x = Axis::log("accelerators", runs.iter().map(|r| of(r)[0]), if narrow { 4 } else { 8 }, tick);
            let ends = runs.iter().flat_map(|r| r.ends.map(|e| e / r.measured)).chain([1.0 / NEAR, NEAR]);
            let y = Axis::log("predicted / measured", ends, 6, tick);
            let [from, to] = x.range;
            let band = [from, to].map(|n| [n, 1.0 / NEAR, NEAR]).to_vec();
            let mut marks = vec![
                Mark::Band { points: band, ink: Ink::Series(2) },
                Mark::Line { points: vec![[from, 1.0], [to, 1.0]], ink: Ink::Text, dashed: true, width: 1.0 },
            ];
            // All bars, then all points, so that no bar lies over a point.
            marks.extend(drawn(runs).map(|r| {
                let points = r.ends.map(|end| [of(r)[0], end / r.measured]).to_vec();
                Mark::Line { points, ink: Ink::Muted, dashed: false, width: 0.5 }
            }));
            for (i, kind) in kinds.iter().enumerate() {
                let of_kind = drawn(runs).filter(|r| r.row.arch == *kind);
                marks.extend(of_kind.map(|r| Mark::Dot { at: of(r), ink: Ink::Series(i), form: Form::of(i) }));
            }
            Plot { x, y, marks, height: if narrow { 280 } else { 340 } }
        },
    }
    .html()
}

fn listed(runs: &[Run]) -> Markup {
    let mut worst: Vec<&Run> = runs.iter().collect();
    let off = |r: &Run| (r.predicted / r.measured).ln().abs();
    worst.sort_by(|a, b| off(b).total_cmp(&off(a)));
    html! {
        p { @if worst.len() > LISTED { "The " (LISTED) " that are furthest off of " (worst.len()) "." } @else { "Those that are furthest off first." } }
        (table(
            &["run", "accelerator", ">how many", ">measured", ">predicted", ">5–95 %", ">predicted / measured"],
            worst.into_iter().take(LISTED).map(|r| {
                let ends = r.ends.map(duration);
                vec![cell(&r.row.id), cell(&r.row.accelerator), cell(r.row.n_accel.map_or("–".into(), |n| n.to_string())),
                    cell(duration(r.measured)), cell(duration(r.predicted)), cell(ends.join("–")), cell(number(r.predicted / r.measured, 3))]
            }),
        ))
    }
}

fn called(kind: &str) -> &str {
    match kind {
        "source_group" => "source",
        "arch" => "network",
        "accelerator" => "accelerator",
        "scale_decade" => "accelerators",
        other => other,
    }
}

/// `1e2` as what it stands for.
fn group_name(kind: &str, name: &str) -> String {
    let decade = name.strip_prefix("1e").and_then(|power| power.parse::<u32>().ok()).filter(|power| *power < 12);
    match decade.filter(|_| kind == "scale_decade") {
        Some(power) => format!("{} to {}", 10u64.pow(power), 10u64.pow(power + 1) - 1),
        None => name.to_string(),
    }
}

fn groups(place: usize, v: &Validation) -> Result<Markup> {
    let mut rows: Vec<(String, &Summary)> = vec![("all".into(), &v.figures.summary)];
    for (kind, groups) in &v.figures.by {
        rows.extend(groups.iter().map(|(name, s)| (format!("{} · {}", called(kind), group_name(kind, name)), s)));
    }
    let drawn: Vec<(&str, f64, f64)> = rows
        .iter()
        .filter_map(|(name, s)| Some((name.as_str(), s.median_abs_log?.exp(), s.p90_abs_log?.exp())))
        .collect();
    Figure {
        id: format!("validation-{place}-groups"),
        title: "How far off, by group".into(),
        caption: "Factor between predicted and measured, whichever way: of half of the group's runs it is at most the first point, of nine in ten at most the second.".into(),
        keys: vec![Key::dots("median", Ink::Series(0), Form::Circle), Key::dots("90th percentile", Ink::Series(1), Form::Square)],
        table: table(
            &["group", ">runs", ">refused", ">median factor", ">90th percentile", ">bias", ">within 20 %", ">in the 90 % band"],
            rows.iter().map(|(name, s)| {
                vec![cell(name), cell(s.n.to_string()), cell(s.refused.to_string()), cell(factor(s.median_abs_log)),
                    cell(factor(s.p90_abs_log)), cell(factor(s.bias_log)), cell(percent(s.within20)), cell(percent(s.coverage90))]
            }),
        ),
        plot: &|narrow| {
            let (y, mut notes, [above, below]) = named_rows(drawn.iter().map(|d| d.0.to_string()), narrow);
            let ends = drawn.iter().flat_map(|d| [d.1, d.2]).chain([1.0]);
            let x = Axis::log("factor off", ends, if narrow { 4 } else { 8 }, tick);
            notes.iter_mut().for_each(|note| note.at_x(x.range[0]));
            let mut marks = notes;
            for (row, (_, median, p90)) in drawn.iter().enumerate() {
                let y = -(row as f64) + 0.5 * (above + below);
                let points = vec![[*median, y], [*p90, y]];
                marks.push(Mark::Line { points, ink: Ink::Muted, dashed: false, width: 1.5 });
                marks.push(Mark::Dot { at: [*median, y], ink: Ink::Series(0), form: Form::Circle });
                marks.push(Mark::Dot { at: [*p90, y], ink: Ink::Series(1), form: Form::Square });
            }
            Plot { x, y, marks, height: height(drawn.len(), narrow) }
        },
    }
    .html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decade_is_written_out() {
        assert_eq!(group_name("scale_decade", "1e2"), "100 to 999");
        assert_eq!(group_name("scale_decade", "1e99"), "1e99");
        assert_eq!(group_name("arch", "1e2"), "1e2");
    }
}
