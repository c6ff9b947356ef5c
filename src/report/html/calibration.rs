//! A calibration: the ceiling of each precision, and how much of it each shape reaches.

use super::badge::{badge, software};
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::text::{clean, prose};
use crate::calibrate::Calibration;
use crate::error::Result;
use crate::report::number::{number, rate, tick};
use crate::report::projection::lower_bound;
use maud::{Markup, html};

/// The section of one calibration.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(place: usize, file: &str, c: &Calibration) -> Result<Markup> {
    let left: Vec<String> = c.rows_left_out.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    Ok(html! {
        section {
            h2 id={ "calibration-" (place) } { "Calibration: " (clean(&c.adapter.name)) (software(c.software)) }
            p { (c.rows_used) " rows used" @if !left.is_empty() { ", left out: " (clean(&left.join(", "))) } ". The " strong { "shape" } " of this curve is what \
                carries over to another accelerator, never its rate." }
            p.made { "made by " code { "flopcast calibrate " (clean(&c.measurements)) } ", read from " code { (clean(file)) } }
            div.wide-table { (table(
                &["precision", ">ceiling", ">95 %", "case", "clock", ">shapes", ">sd, each shape left out", "verdict"],
                c.precisions.iter().map(|p| {
                    let i = p.ceiling.gflop_per_s;
                    vec![cell(p.precision.to_string()), html! { span.n { (rate(i.median * 1e9)) } },
                        html! { span.n { (rate(i.lo * 1e9)) } " to " span.n { (rate(i.hi * 1e9)) } }, html! { code { (clean(&p.ceiling.case)) } },
                        cell(p.ceiling.timing_method.as_str()), cell(p.curve.points.len().to_string()),
                        cell(p.curve.leave_one_out_sd_log.map_or("–".into(), |sd| format!("{} %", number(100.0 * sd, 2)))),
                        badge(p.ceiling.verdict)]
                }),
            )) }
            @for told in c.precisions.iter().filter_map(lower_bound) { p { (prose(&told)) } }
            (efficiency(place, c)?)
        }
    })
}

fn efficiency(place: usize, c: &Calibration) -> Result<Markup> {
    // A cube of as many flop has this edge.
    let edge = |m: f64, n: f64, k: f64| (m * n * k).cbrt();
    let shape = |m: f64, n: f64, k: f64| format!("{m}×{n}×{k}");
    let points = || c.precisions.iter().enumerate().flat_map(|(i, p)| p.curve.points.iter().map(move |q| (i, p, q)));
    Figure {
        id: format!("calibration-{place}-efficiency"),
        title: "Efficiency over shape".into(),
        caption: "Rate over the ceiling of its precision, the best kernel at each shape; across on a logarithmic axis the edge of a cube of as many flop, \
                  (m·n·k)^⅓."
            .into(),
        keys: c
            .precisions
            .iter()
            .enumerate()
            .map(|(i, p)| Key::dots(p.precision.to_string(), Ink::Series(i), Form::of(i)))
            .collect(),
        table: table(
            &["shape", "precision", ">efficiency", "rests on"],
            points().map(|(_, p, q)| {
                let rests = html! { "measured" (software(c.software)) };
                vec![cell(shape(q.m, q.n, q.k)), cell(p.precision.to_string()), cell(format!("{} %", number(100.0 * q.efficiency, 3))), rests]
            }),
        ),
        plot: &|narrow| {
            let x = Axis::log("(m·n·k)^⅓", points().map(|(_, _, q)| edge(q.m, q.n, q.k)), if narrow { 4 } else { 8 }, tick);
            let y = Axis::linear("% of the ceiling", points().map(|(_, _, q)| 100.0 * q.efficiency).chain([100.0]), 5, tick);
            let mut marks = Vec::new();
            for (i, _, q) in points() {
                let at = [edge(q.m, q.n, q.k), 100.0 * q.efficiency];
                marks.push(Mark::Dot { at, ink: Ink::Series(i), form: Form::of(i) });
                if !narrow {
                    marks.push(Mark::Label { at, text: shape(q.m, q.n, q.k), ink: Ink::Muted });
                }
            }
            Plot { x, y, marks, height: if narrow { 260 } else { 320 } }
        },
    }
    .html()
}
