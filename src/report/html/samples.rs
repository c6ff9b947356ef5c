//! Samples over time, one small picture per case, with the levels that were found and where they change.

use super::badge::badge;
use super::figure::{cell, small, table};
use super::plot::{Axis, Ink, Mark, Plot};
use super::text::counted;
use super::thin::thin;
use crate::error::Result;
use crate::measure::figure::{Course, course};
use crate::measure::record::Record;
use crate::measure::row::Row;
use crate::report::measurement::{duration, one_of, shape};
use crate::report::number::tick;
use maud::{Markup, html};

/// Points of a trace that are drawn.
const POINTS: usize = 120;

/// All traces of a group, of its records and their rows.
///
/// # Errors
/// As [`small`].
pub fn figures(id: &str, records: &[&Record], rows: &[Row]) -> Result<Markup> {
    let traces: Vec<(&Row, Course)> = rows.iter().zip(records).filter_map(|(row, r)| Some((row, course(r)?))).collect();
    if traces.is_empty() {
        return Ok(html! {});
    }
    let drawn = traces.iter().enumerate().map(|(i, (row, course))| {
        let heading = html! { (one_of(row)) " · " (shape(row)) " · " (row.precision) " " (badge(row.verdict)) };
        small(&format!("{id}-s{i}"), &heading, &told(course), &levels(course), &trace(course))
    });
    let drawn = drawn.collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        h3 id={ (id) "-samples" } { "Samples over time" }
        p { "Time of one product by round, over the time that was measured. Thick lines are the levels found; where one ends and \
             another begins the level changed, marked by a dashed line. The vertical axis does not begin at zero. Of more than "
            (POINTS) " samples the smallest and the largest of each of " ((POINTS - 2) / 2) " equal stretches are drawn, so that no extreme \
            is lost; levels and medians are of all samples." }
        div.grid { @for figure in drawn { (figure) } }
    })
}

fn told(course: &Course) -> String {
    let changes = course.segments.len().saturating_sub(1);
    let level = match changes {
        0 => "one level throughout".to_string(),
        n => counted(n, "change of level"),
    };
    let settled = match course.settled_from {
        Some(0) => "",
        Some(_) => "; settled in the end",
        None => "; never settled",
    };
    format!("{}, {level}{settled}.", counted(course.seconds.len(), "sample"))
        .replace("change of levels", "changes of level")
}

fn levels(course: &Course) -> Markup {
    table(
        &["samples", ">median", ">least", ">most"],
        course.segments.iter().map(|s| {
            let of = &course.seconds[s.start..s.end];
            let least = of.iter().copied().fold(f64::INFINITY, f64::min);
            let most = of.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            vec![
                cell(format!("{} to {}", s.start + 1, s.end)),
                cell(duration(s.median)),
                cell(duration(least)),
                cell(duration(most)),
            ]
        }),
    )
}

/// The picture of one trace.
pub fn trace(course: &Course) -> Plot {
    let seconds = &course.seconds;
    let (size, unit) = unit(seconds.iter().copied().fold(0.0, |a: f64, b| a.max(b.abs())));
    let y = Axis::around(unit, seconds.iter().map(|s| s / size), 4, tick);
    let end = course.until.last().copied().unwrap_or(1.0);
    let x = Axis::linear("seconds of work", [end], 4, tick);
    let x = Axis { range: [0.0, end.max(1e-12)], ticks: x.ticks.into_iter().filter(|(t, _)| *t <= end).collect(), ..x };
    // A sample is drawn at the end of its round.
    let points: Vec<[f64; 2]> =
        thin(seconds, POINTS).into_iter().map(|i| [course.until[i], seconds[i] / size]).collect();
    let begin = |sample: usize| if sample == 0 { 0.0 } else { course.until[sample - 1] };
    let mut marks = vec![Mark::Line { points, ink: Ink::Muted, dashed: false, width: 1.0 }];
    for (place, segment) in course.segments.iter().enumerate() {
        let level = segment.median / size;
        if place > 0 {
            let at = begin(segment.start);
            let points = vec![[at, y.range[0]], [at, y.range[1]]];
            marks.push(Mark::Line { points, ink: Ink::Bad, dashed: true, width: 1.0 });
        }
        let points = vec![[begin(segment.start), level], [course.until[segment.end - 1], level]];
        marks.push(Mark::Line { points, ink: Ink::Series(0), dashed: false, width: 2.5 });
    }
    Plot { x, y, marks, height: 170 }
}

fn unit(seconds: f64) -> (f64, &'static str) {
    match () {
        () if seconds >= 1.0 => (1.0, "s"),
        () if seconds >= 1e-3 => (1e-3, "ms"),
        () => (1e-6, "µs"),
    }
}
