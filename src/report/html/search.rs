//! What a search for a layout found: the best, the robust one, and those that no other beats.

use super::Shown;
use super::badge::outcome;
use super::figure::{Figure, Key, cell, table};
use super::plot::{Axis, Form, Ink, Mark, Plot};
use super::text::{clean, prose};
use crate::error::Result;
use crate::project::{Candidate, Choice, Plan};
use crate::report::number::{cell as value, number, tick};
use crate::report::search::CHOICES;
use maud::{Markup, html};

/// Rows of a Pareto set that are listed; plots show all.
const LISTED: usize = 60;

/// The section of all searches.
///
/// # Errors
/// As [`Figure::html`].
pub fn section(searches: &[Shown<Plan>]) -> Result<Markup> {
    let parts = searches.iter().enumerate().map(|(i, s)| one(i, s)).collect::<Result<Vec<Markup>>>()?;
    Ok(html! {
        section {
            h2 id="search" { "The best layout" }
            p { "Every layout was costed or refused by the memory check. Figures are at the medians of the model's constants, with the range that 90 % \
                of their draws are in; they rest on published figures of the hardware and on fitted constants, and " code { "flopcast project --layout" }
                " says of each what it rests on." }
            @for part in parts { (part) }
        }
    })
}

fn one(place: usize, shown: &Shown<Plan>) -> Result<Markup> {
    let Shown { file, is: p } = shown;
    let known = p.pareto.iter().any(|c| c.energy_j > 0.0);
    Ok(html! {
        h3 { "Least " (clean(least(&p.objective))) ", " (p.batch) " sequences of " (p.sequence) " tokens a step "
            @if !p.complete { (outcome("NOT COMPLETE")) } }
        p.made { "made by " code { "flopcast search --format json" } ", read from " code { (clean(file)) } "; " (p.strategies) " layouts looked at, "
            (p.feasible) " fit, " (number(p.seconds, 3)) " s on " (p.threads) " threads" }
        div.wide-table { (choices(p)) }
        p { "The robust one is best of the few in " (number(100.0 * p.robust.best_in, 2)) " % of the draws, and "
            (number(100.0 * p.robust.regret, 2)) " % worse than the best of them on average." }
        (pareto(place, p, "memory", "memory held by an accelerator, GB", &|c| c.held_bytes / 1e9)?)
        @if known { (pareto(place, p, "energy", "energy of a step, MJ", &|c| c.energy_j / 1e6)?) }
        @if !p.warnings.is_empty() { ul.plain { @for w in &p.warnings { li { (prose(w)) } } } }
    })
}

fn least(objective: &str) -> &str {
    match objective {
        "days" => "days per token",
        "energy" => "energy per token",
        "cost" => "rent per token",
        "step" => "time of a step",
        other => other,
    }
}

fn choices(p: &Plan) -> Markup {
    let row = |name: &str, c: &Choice| {
        let of = |name: &str, size: f64, unit: &str| match c.quantities.get(name) {
            None => cell("–"),
            Some(a) => {
                let at = |x: f64| number(size * x, if name == "mfu" { 2 } else { 3 });
                html! { span.n { (at(a.value)) " " (unit) }
                @if a.p5 != a.p95 { " " span.n.sub { "(" (at(a.p5)) "–" (at(a.p95)) ")" } } }
            }
        };
        vec![
            cell(name),
            html! { code { (clean(&c.layout.to_string())) } },
            cell(c.layout.accelerators().to_string()),
            cell(c.quantities.get("batch").map_or("–".into(), |b| b.value.to_string())),
            of("step_time", 1.0, "s"),
            of("mfu", 100.0, "%"),
            of("days_per_ttoken", 1.0, ""),
            of("memory", 1e-9, "GB"),
            of("energy", 1e-6, "MJ"),
            of("cost_per_mtoken", 1.0, ""),
        ]
    };
    table(&CHOICES, [row("best", &p.best), row("robust", &p.robust.choice)])
}

/// What no other beats, over the time of a step.
fn pareto(place: usize, p: &Plan, which: &str, title: &str, of: &dyn Fn(&Candidate) -> f64) -> Result<Markup> {
    let marked = [("best", &p.best, 1), ("robust", &p.robust.choice, 2)];
    // The robust one may be among those that others beat: it is drawn where its own figures are.
    let at = |c: &Choice| {
        let (step, name) = (c.quantities.get("step_time")?, if which == "energy" { "energy" } else { "memory" });
        let size = if which == "energy" { 1e-6 } else { 1e-9 };
        Some([step.value, size * c.quantities.get(name)?.value])
    };
    let steps = || p.pareto.iter().map(|c| c.step_s);
    let (quick, slow) = (steps().fold(f64::INFINITY, f64::min), steps().fold(0.0, f64::max));
    Figure {
        id: format!("search-{place}-{which}"),
        title: format!("What no other layout beats: {which} over time"),
        caption: format!(
            "{} layouts that no other beats in time, memory and energy at once, from {} s to {} s a step. Those of the lower left edge are beaten in neither of \
             these two; the others have less {}.",
            p.pareto.len(),
            number(quick, 3),
            number(slow, 3),
            if which == "energy" { "memory" } else { "energy" }
        ),
        keys: vec![
            Key::dots("layout", Ink::Series(0), Form::Circle),
            Key::dots("best", Ink::Series(1), Form::Diamond),
            Key::dots("robust", Ink::Series(2), Form::Square),
        ],
        table: listed(p),
        plot: &|narrow| {
            let there = || p.pareto.iter().map(|c| [c.step_s, of(c)]);
            let more: Vec<[f64; 2]> = marked.iter().filter_map(|(_, c, _)| at(c)).collect();
            let x = Axis::log("time of a step, s", there().map(|p| p[0]).chain(more.iter().map(|p| p[0])), if narrow { 4 } else { 8 }, tick);
            let y = Axis::linear(title, there().map(|p| p[1]).chain(more.iter().map(|p| p[1])), 5, tick);
            let mut marks: Vec<Mark> =
                there().map(|at| Mark::Dot { at, ink: Ink::Series(0), form: Form::Circle }).collect();
            for (name, c, series) in marked {
                let Some(at) = at(c) else { continue };
                let form = if series == 1 { Form::Diamond } else { Form::Square };
                marks.push(Mark::Dot { at, ink: Ink::Series(series), form });
                marks.push(Mark::Label { at, text: name.into(), ink: Ink::Series(series) });
            }
            Plot { x, y, marks, height: if narrow { 260 } else { 320 } }
        },
    }
    .html()
}

fn listed(p: &Plan) -> Markup {
    let left = p.pareto.len().saturating_sub(LISTED);
    html! {
        (table(
            &["layout", ">accelerators", ">batch", ">step time", ">memory", ">free", ">energy"],
            p.pareto.iter().take(LISTED).map(|c| {
                let energy = if c.energy_j > 0.0 { format!("{} MJ", number(c.energy_j / 1e6, 3)) } else { "–".into() };
                vec![
                    html! { code { (clean(&c.layout.to_string())) } },
                    cell(c.layout.accelerators().to_string()),
                    cell(c.batch.to_string()),
                    cell(value("step_time", "s", c.step_s)),
                    cell(format!("{} GB", number(c.held_bytes / 1e9, 3))),
                    cell(format!("{} GB", number(c.slack_bytes / 1e9, 3))),
                    cell(energy),
                ]
            }),
        ))
        @if left > 0 { p { "And " (left) " more: " code { "flopcast search --format csv --table pareto" } " prints all." } }
    }
}
