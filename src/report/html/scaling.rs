//! One job over the number of accelerators: time, the bounds that take over, goodput, power and cost.

use super::Shown;
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Ink, Mark, Plot, Side};
use super::text::{clean, prose};
use crate::error::Result;
use crate::project::LARGEST_VALIDATED;
use crate::project::scaling::{Mode, Point, Scaling, Takeover};
use crate::report::number::{bare, cell as value, number, tick};
use maud::{Markup, html};

/// A quantity that is drawn: its name in a point, its unit, and what it is called.
struct Curve {
    name: &'static str,
    unit: &'static str,
    title: &'static str,
    /// What a drawn unit is of `unit`: 100 for shares in per cent.
    times: f64,
}

const fn curve(name: &'static str, unit: &'static str, title: &'static str, times: f64) -> Curve {
    Curve { name, unit, title, times }
}

/// The section of all curves.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(scalings: &[Shown<Scaling>]) -> Result<Markup> {
    let parts = scalings.iter().enumerate().map(|(i, s)| one(i, &s.is)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="scaling" { "Over the number of accelerators" }
            p { "The layout is searched for again at each count. Lines are at the medians, bands hold 90 % of the draws; a dashed line with a number is where another bound takes over, named under the first picture. Curves rest on published \
                 figures alone. No published training job exceeds " (LARGEST_VALIDATED as u64) " accelerators: to the right of that line the bands are \
                 widened, not validated." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, s: &Scaling) -> Result<Markup> {
    let id = format!("scaling-{place}");
    let (flag, growing) = match s.mode {
        Mode::Strong => ("", "the batch stays"),
        Mode::Weak => (" --weak", "the batch grows along"),
    };
    let word = if s.mode == Mode::Strong { "Strong" } else { "Weak" };
    let figure = |which: &str,
                  title: &str,
                  caption: &str,
                  curves: &[Curve],
                  log: bool,
                  ideal: Option<&dyn Fn(&Point) -> f64>| {
        let mut keys: Vec<Key> = curves
            .iter()
            .enumerate()
            .map(|(i, c)| Key::line(format!("{}, with its 5–95 % band", c.title), Ink::Series(i), false))
            .collect();
        if ideal.is_some() {
            keys.push(Key::line("ideal, from the first point on", Ink::Muted, true));
        }
        Figure {
            id: format!("{id}-{which}"),
            title: format!("{title}: {}", s.scenario),
            caption: caption.into(),
            keys,
            table: rows(s, curves),
            plot: &|narrow| picture(s, curves, log, ideal, narrow),
        }
        .html()
    };
    let crossing = crossings(s);
    let days = [curve("run_days", "day", "days of the run", 1.0)];
    let step = [curve("step_time", "s", "step time, s", 1.0)];
    let goodput = [curve("goodput", "1", "goodput, %", 100.0)];
    let power = [curve("facility_power", "MW", "power of the facility, mean, MW", 1.0)];
    let cost =
        [curve("cost_own", "MUSD", "cost owned, MUSD", 1.0), curve("cost_rent", "MUSD", "cost rented, MUSD", 1.0)];
    let first = s.points.first();
    let at = |p: &Point, name: &str| p.quantities.get(name).map_or(f64::NAN, |q| q.value);
    let straight = |p: &Point| first.map_or(f64::NAN, |f| at(f, "run_days") * f.count as f64 / p.count as f64);
    let flat = |_: &Point| first.map_or(f64::NAN, |f| at(f, "step_time"));
    let has = |curves: &[Curve]| curves.iter().any(|c| s.points.iter().any(|p| p.quantities.contains_key(c.name)));
    Ok(html! {
        h3 { (word) " scaling of " (clean(&s.title)) ": " (growing) }
        p.made { "made by " code { "flopcast scale --scenario " (clean(&s.scenario)) (flag) } }
        @if s.mode == Mode::Strong {
            (figure("days", "Days of the run over accelerators", &crossing, &days, true, Some(&straight))?)
        } @else {
            (figure("step", "Time of a step over accelerators", &crossing, &step, true, Some(&flat))?)
        }
        @if s.mode == Mode::Strong {
            @if has(&goodput) {
                (figure("goodput", "Goodput over accelerators", "Useful share of the time: what checkpoints, lost work, restarts and planned stops leave.",
                    &goodput, false, None)?)
            }
            @if has(&power) { (figure("power", "Power over accelerators", "Mean power while training, cooling in it.", &power, true, None)?) }
            @if has(&cost) {
                (figure("cost", "Cost over accelerators", "Of the whole run, owned or rented. Prices are assumptions with wide ranges.", &cost, true, None)?)
            }
        }
        @if !s.warnings.is_empty() { ul.plain { @for w in &s.warnings { li { (prose(w)) } } } }
    })
}

/// Takeovers that lie so close that one line stands for them.
fn together(s: &Scaling) -> Vec<Vec<&Takeover>> {
    let mut groups: Vec<Vec<&Takeover>> = Vec::new();
    for t in &s.takeovers {
        match groups.last_mut() {
            Some(group) if (t.from as f64) < 1.15 * group[0].from as f64 => group.push(t),
            _ => groups.push(vec![t]),
        }
    }
    groups
}

/// Which bound takes over where, in words, with the numbers that stand in the picture.
fn crossings(s: &Scaling) -> String {
    let begin =
        s.first_bound().map_or(String::new(), |bound| format!("At first {bound} has most of the accelerators' time"));
    let mut told = begin;
    for (number, group) in (1..).zip(together(s)) {
        let each: Vec<String> = group.iter().map(|t| format!("{} from {} on", t.bound, t.from)).collect();
        told += &format!("; ({number}) {}", each.join(", "));
    }
    if let Some(count) = s.fits_from {
        told += &format!("; below {count} accelerators the job does not fit");
    }
    told + "."
}

/// `300k`, `1M`: accelerators on an axis.
fn count(x: f64) -> String {
    match () {
        () if x >= 999_999.0 => format!("{}M", tick(x / 1e6)),
        () if x >= 999.0 => format!("{}k", tick(x / 1e3)),
        () => tick(x),
    }
}

fn picture(s: &Scaling, curves: &[Curve], log: bool, ideal: Option<&dyn Fn(&Point) -> f64>, narrow: bool) -> Plot {
    let x = Axis::log("accelerators", s.points.iter().map(|p| p.count as f64), if narrow { 4 } else { 8 }, count);
    let of = |c: &Curve| -> Vec<[f64; 4]> {
        let points = s.points.iter().filter_map(|p| Some((p.count as f64, p.quantities.get(c.name)?)));
        points.map(|(n, q)| [n, q.p5 * c.times, q.value * c.times, q.p95 * c.times]).collect()
    };
    let all: Vec<Vec<[f64; 4]>> = curves.iter().map(of).collect();
    let title = if curves.len() == 1 { curves[0].title } else { "MUSD" };
    let text = |x: f64| if log { number(x, 1) } else { tick(x) };
    let values = all.iter().flatten().flat_map(|p| [p[1], p[2], p[3]]);
    let ticks = if narrow { 5 } else { 6 };
    let y =
        if log { Axis::log(title, values, ticks, text) } else { Axis::linear(title, values.chain([100.0]), 5, text) };
    let mut marks = Vec::new();
    for (i, points) in all.iter().enumerate() {
        marks.push(Mark::Band { points: points.iter().map(|p| [p[0], p[1], p[3]]).collect(), ink: Ink::Series(i) });
    }
    let vertical = |at: f64, ink, text: String, side| {
        let line = Mark::Line { points: vec![[at, y.range[0]], [at, y.range[1]]], ink, dashed: true, width: 1.0 };
        [line, Mark::Note { at: [at, y.range[if log { 1 } else { 0 }]], text, side, ink }]
    };
    // A share is high where accelerators are few, and there the names stand below.
    let (left, right) = if log { (Side::TopLeft, Side::TopRight) } else { (Side::BottomLeft, Side::BottomRight) };
    let validated = LARGEST_VALIDATED;
    if x.range[0] < validated && validated < x.range[1] {
        let text = if narrow { "validated" } else { "validated up to here" };
        marks.extend(vertical(validated, Ink::Muted, text.into(), left));
    }
    for (number, group) in (1..).zip(together(s)) {
        marks.extend(vertical(group[0].from as f64, Ink::Bad, format!("({number})"), right));
    }
    if let Some(ideal) = ideal {
        let points =
            s.points.iter().map(|p| [p.count as f64, ideal(p)]).filter(|p| p[1] >= y.range[0] && p[1] <= y.range[1]);
        marks.push(Mark::Line { points: points.collect(), ink: Ink::Muted, dashed: true, width: 1.5 });
    }
    for (i, points) in all.iter().enumerate() {
        let line = points.iter().map(|p| [p[0], p[2]]).collect();
        marks.push(Mark::Line { points: line, ink: Ink::Series(i), dashed: false, width: 2.5 });
    }
    Plot { x, y, marks, height: if narrow { 280 } else { 340 } }
}

fn rows(s: &Scaling, curves: &[Curve]) -> Markup {
    let mut headings = vec![">accelerators", ">used"];
    headings.extend(curves.iter().map(|c| c.title));
    headings.push("most of the time");
    table(
        &headings,
        s.points.iter().map(|p| {
            let mut cells = vec![cell(p.count.to_string()), cell(p.used.to_string())];
            cells.extend(curves.iter().map(|c| match p.quantities.get(c.name) {
                Some(q) => {
                    cell(format!("{} ({}–{})", value(c.name, c.unit, q.value), bare(c.name, q.p5), bare(c.name, q.p95)))
                }
                None => cell("–"),
            }));
            cells.push(cell(p.bound.as_str()));
            cells
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_on_an_axis_are_told_apart() {
        assert_eq!([8.0, 512.0, 1000.0, 1200.0, 1800.0].map(count), ["8", "512", "1k", "1.2k", "1.8k"]);
        assert_eq!([300_000.0, 999_999.9, 1_200_000.0].map(count), ["300k", "1M", "1.2M"]);
    }
}
