//! A roofline: peaks of arithmetic, memory by working set, and products under the roof.

use super::badge::{badge, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::text::{clean, prose};
use crate::calibrate::roofline::{Bandwidth, Placed, Roofline};
use crate::error::Result;
use crate::measure::record::{Interval, Verdict};
use crate::report::measurement::{duration, headline, significant};
use crate::report::number::tick;
use crate::report::roofline::size;
use maud::{Markup, html};

/// The section of one roofline.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(place: usize, file: &str, r: &Roofline) -> Result<Markup> {
    let id = format!("roofline-{place}");
    Ok(html! {
        section {
            h2 id=(id) { "Roofline: " (clean(&r.adapter.name)) (software(r.adapter.software)) }
            p.sub { (clean(&headline(&r.adapter))) }
            p.made { "made by " code { "flopcast measure --suite roofline --out " (clean(file)) } }
            @if !r.arithmetic.is_empty() { (roof(&id, r)?) }
            @if !r.memory.is_empty() { (memory(&id, r)?) }
            (rest(r))
        }
    })
}

fn giga(i: Interval) -> [Markup; 2] {
    [cell(significant(i.median * 1e-9)), cell(format!("{}–{}", significant(i.lo * 1e-9), significant(i.hi * 1e-9)))]
}

fn roof(id: &str, r: &Roofline) -> Result<Markup> {
    let bandwidth = r.memory_bandwidth().map(|m| m.value.median);
    let unit = |matrix: bool| if matrix { "matrix units" } else { "vectors" };
    let mut keys: Vec<Key> = r
        .arithmetic
        .iter()
        .enumerate()
        .map(|(i, p)| {
            Key::line(
                format!(
                    "roof of {}, {}: {} Gflop/s",
                    p.precision,
                    unit(p.matrix),
                    significant(p.flop_per_s.value.median * 1e-9)
                ),
                Ink::Series(i),
                i % 2 == 1,
            )
        })
        .collect();
    if !r.products.is_empty() {
        keys.push(Key::dots("product as measured, with its 95 % interval", Ink::Text, Form::Circle));
        keys.push(Key::dots("SUSPECT", Ink::Text, Form::Hollow));
    }
    let best = r.products.iter().max_by(|a, b| a.flop_per_s.value.median.total_cmp(&b.flop_per_s.value.median));
    let said = best.map_or("No product was measured beside it.".to_string(), |p| {
        format!(
            "The quickest product, {}, reaches {} Gflop/s, {} of the roof above it.",
            p.case,
            significant(p.flop_per_s.value.median * 1e-9),
            significant(p.fraction)
        )
    });
    let peaks = table(
        &["arithmetic", ">chains", ">Gflop/s", ">95 %", ">ridge, flop/B", "verdict"],
        r.arithmetic.iter().map(|p| {
            let [median, range] = giga(p.flop_per_s.value);
            let ridge = bandwidth.map_or("–".into(), |b| significant(p.flop_per_s.value.median / b));
            vec![
                cell(format!("{}, {}", p.precision, unit(p.matrix))),
                cell(p.chains.to_string()),
                median,
                range,
                cell(ridge),
                badge(p.flop_per_s.verdict),
            ]
        }),
    );
    let products = table(
        &["product", ">flop/B", ">Gflop/s", ">95 %", ">roof", ">of the roof", "verdict"],
        r.products.iter().map(|p| {
            let [median, range] = giga(p.flop_per_s.value);
            vec![
                cell(&p.case),
                cell(significant(p.intensity)),
                median,
                range,
                cell(significant(p.bound * 1e-9)),
                cell(significant(p.fraction)),
                badge(p.flop_per_s.verdict),
            ]
        }),
    );
    Figure {
        id: format!("{id}-roof"),
        title: "Products under the roof".into(),
        caption: format!(
            "Rate over arithmetic intensity, both logarithmic: left of a ridge memory bounds{}, right of it arithmetic (Williams, Waterman and Patterson 2009). A \
             product whose operands stay in a cache can be above the slope. {said}",
            bandwidth.map_or(String::new(), |b| format!(" ({} GB/s)", significant(b * 1e-9)))
        ),
        keys,
        table: html! { (peaks) @if !r.products.is_empty() { (products) } },
        plot: &|narrow| picture(r, bandwidth, narrow),
    }
    .html()
}

fn picture(r: &Roofline, bandwidth: Option<f64>, narrow: bool) -> Plot {
    let ridges = bandwidth.iter().flat_map(|b| r.arithmetic.iter().map(move |p| p.flop_per_s.value.median / b));
    let across = r.products.iter().map(|p| p.intensity).chain(ridges.flat_map(|x| [x / 8.0, x * 8.0]));
    let x = Axis::log("flop per byte", across, if narrow { 4 } else { 8 }, tick);
    let up = r.products.iter().flat_map(|p| [p.flop_per_s.value.lo, p.flop_per_s.value.hi]);
    let up = up.chain(r.arithmetic.iter().map(|p| p.flop_per_s.value.median)).map(|v| v * 1e-9);
    let y = Axis::log("Gflop/s", up.chain(bandwidth.map(|b| b * x.range[0] * 1e-9)), 6, tick);
    let mut marks = Vec::new();
    for (i, p) in r.arithmetic.iter().enumerate() {
        let peak = p.flop_per_s.value.median * 1e-9;
        let mut points = vec![[x.range[1], peak]];
        match bandwidth.map(|b| b * 1e-9) {
            Some(b) => points.extend([[x.within(peak / b), peak], [x.range[0], b * x.range[0]]]),
            None => points.push([x.range[0], peak]),
        }
        // Roofs of equal height lie on each other: every other one is dashed.
        marks.push(Mark::Line { points, ink: Ink::Series(i), dashed: i % 2 == 1, width: 2.5 });
    }
    for Placed { intensity, flop_per_s, .. } in &r.products {
        let [lo, median, hi] = [flop_per_s.value.lo, flop_per_s.value.median, flop_per_s.value.hi].map(|v| v * 1e-9);
        let form = if flop_per_s.verdict == Verdict::Suspect { Form::Hollow } else { Form::Circle };
        marks.push(Mark::Range { from: [*intensity, lo], to: [*intensity, hi], ink: Ink::Text });
        marks.push(Mark::Dot { at: [*intensity, median], ink: Ink::Text, form });
    }
    Plot { x, y, marks, height: if narrow { 300 } else { 380 } }
}

fn memory(id: &str, r: &Roofline) -> Result<Markup> {
    let name = |b: &Bandwidth| format!("{}, {}", b.kind, if b.cold { "cold" } else { "warm" });
    let mut series: Vec<String> = Vec::new();
    for b in &r.memory {
        if !series.contains(&name(b)) {
            series.push(name(b));
        }
    }
    let levels: Vec<String> = r
        .levels
        .iter()
        .map(|l| format!("{} to {}: {} GB/s", size(l.from), size(l.to), significant(l.bytes_per_s * 1e-9)))
        .collect();
    let rows = r.memory.iter().chain(&r.transfers).map(|b| {
        let [median, range] = giga(b.bytes_per_s.value);
        let cache = match b.kind.as_str() {
            "upload" => "host to device",
            "download" => "device to host",
            _ if b.cold => "cold",
            _ => "warm",
        };
        vec![cell(&b.kind), cell(size(b.working_set)), cell(cache), median, range, badge(b.bytes_per_s.verdict)]
    });
    Figure {
        id: format!("{id}-memory"),
        title: "Memory over the working set".into(),
        caption: format!(
            "Bandwidth by the bytes that are visited in turn, both logarithmic; cold: so many sets that none is cached. Levels of the warm read curve: {}.",
            if levels.is_empty() { "none found".into() } else { levels.join(", ") }
        ),
        keys: series.iter().enumerate().map(|(i, name)| Key::dots(name, Ink::Series(i), Form::of(i))).collect(),
        table: table(&["access", ">working set", "cache", ">GB/s", ">95 %", "verdict"], rows),
        plot: &|narrow| {
            let x = Axis::log("working set", r.memory.iter().map(|b| b.working_set as f64), if narrow { 4 } else { 8 }, decimal);
            let rates = r.memory.iter().flat_map(|b| [b.bytes_per_s.value.lo, b.bytes_per_s.value.hi]).map(|v| v * 1e-9);
            let y = Axis::log("GB/s", rates, 6, tick);
            let mut marks = Vec::new();
            for (i, wanted) in series.iter().enumerate() {
                let ink = Ink::Series(i);
                let of: Vec<&Bandwidth> = r.memory.iter().filter(|b| name(b) == *wanted).collect();
                let points = of.iter().map(|b| [b.working_set as f64, b.bytes_per_s.value.median * 1e-9]).collect();
                marks.push(Mark::Line { points, ink, dashed: false, width: 1.0 });
                for b in of {
                    let at = |v: f64| [b.working_set as f64, v * 1e-9];
                    let value = b.bytes_per_s.value;
                    let form = if b.bytes_per_s.verdict == Verdict::Suspect { Form::Hollow } else { Form::of(i) };
                    marks.push(Mark::Range { from: at(value.lo), to: at(value.hi), ink });
                    marks.push(Mark::Dot { at: at(value.median), ink, form });
                }
            }
            Plot { x, y, marks, height: if narrow { 280 } else { 340 } }
        },
    }
    .html()
}

/// Bytes on an axis of powers of ten.
fn decimal(bytes: f64) -> String {
    let (unit, name) = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        .into_iter()
        .find(|(unit, _)| bytes >= 0.999 * unit)
        .unwrap_or((1.0, "B"));
    format!("{} {name}", tick(bytes / unit))
}

fn rest(r: &Roofline) -> Markup {
    html! {
        ul.plain {
            @if let Some(w) = &r.workgroup { li { "workgroup memory: " (significant(w.value.median * 1e-9)) " GB/s " (badge(w.verdict)) } }
            @if let Some(l) = &r.launch_s { li { "one more dispatch: " (duration(l.value.median)) " " (badge(l.verdict)) } }
            @if let Some(s) = r.submission_s { li { "a submission beyond its dispatches: " (duration(s)) } }
            @for lack in &r.missing { li { "no figure for " (clean(&lack.probe)) ": " (prose(&lack.why)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_on_an_axis_are_told_apart() {
        assert_eq!([1.0, 1e3, 1200.0, 1800.0, 2e6].map(decimal), ["1 B", "1 kB", "1.2 kB", "1.8 kB", "2 MB"]);
        assert_eq!(decimal(2.5e9), "2.5 GB");
    }
}
