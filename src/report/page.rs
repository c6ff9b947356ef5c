//! A forecast as a page of Markdown: headline, what it rests on, what-ifs, sources, and the command.

use super::look::escaped_prose as prose;
use super::number::{bare, cell, mark, number, rate};
use super::projection::ORDER;
use super::what_if::percent;
use super::{Table, clean};
use crate::project::Projection;
use crate::project::what_if::{Counterfactual, Outcome, WhatIfs};

/// The page of one scenario with its what-ifs; `command` is what made it.
pub fn text(w: &WhatIfs, status: &str, command: &str) -> String {
    let p = &w.base;
    let mut out = format!("# {}{}\n\n", prose(&p.title), mark(p.software));
    out += &made_by(command);
    out += &format!("{}\n\n", headline(p));
    out += &format!("The cluster: {}.\n\n", prose(status));
    out += "## Figures\n\n";
    out += "Each at the medians of everything uncertain, and the range that 90 % of the draws are in.\n\n";
    out += &figures(p).markdown();
    out += &format!("\nMFU counts: {}.\n", p.flop_convention);
    out += "\n## How it is laid out\n\n";
    let idle = if p.idle_accelerators > 0 { format!(", {} idle", p.idle_accelerators) } else { String::new() };
    let found = if p.layout_stated {
        "stated by the scenario".into()
    } else {
        format!("best of {} looked at", p.layouts_searched)
    };
    out += &format!("`{}` on {} accelerators{idle}, {}: {found}.\n\n", p.layout, p.layout.accelerators(), p.format);
    out += &format!("The step is {}.\n", parts(p));
    out += "\n## What the range is made of\n\n";
    out += &width(p);
    out += "\n## What if\n\n";
    out += "Change of the days, draw by draw, so that what both have in common cancels; with the layout searched for \
            again, and with the layout above kept.\n\n";
    out += &changes(w).markdown();
    for c in &w.changes {
        if let Some(why) = &c.not_kept {
            out += &format!("\n{}: the layout is not kept: {}.\n", code(&c.change.to_string()), prose(why));
        }
    }
    out += "\n## What to mind\n\n";
    for warning in &p.warnings {
        out += &format!("- {}\n", prose(warning));
    }
    out += "\n## What was taken rather than known\n\n";
    let mut table = Table::new(&["what", ">value", "source", "note"]);
    for a in &p.assumptions {
        let unit = if a.unit == "1" { String::new() } else { prose(&a.unit) };
        table.row([
            code(&a.name),
            format!("{} {unit}", number(a.value, 4)).trim().to_string(),
            format!("{} ({})", prose(&a.source), a.tier),
            prose(&a.note),
        ]);
    }
    out += &table.markdown();
    out += "\n## Sources\n\n";
    for s in &p.sources {
        out += &format!("- {}: {}, {}\n", code(&s.id), prose(&s.title), prose(&s.locator));
    }
    out + &the_command(command)
}

/// The comment at the head of a page; a command cannot end it.
pub(super) fn made_by(command: &str) -> String {
    let command = clean(command).replace("-->", "-- >");
    format!("<!-- made by `{command}`; `make pages` makes them all -->\n\n")
}

/// The end of a page, in a fence that is longer than any in the command.
pub(super) fn the_command(command: &str) -> String {
    let command = clean(command);
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n## The command\n\n{fence}\n{command}\n{fence}\n")
}

/// A foreign name as code.
pub(super) fn code(name: &str) -> String {
    format!("`{}`", clean(name).replace('`', "'"))
}

/// Announced peak against the forecast, and how sure that is.
fn headline(p: &Projection) -> String {
    let at = |name: &str| p.quantities.get(name);
    let kind = if p.kind == "scenario" && p.assumed_share <= 0.5 {
        format!(
            "**A scenario, not an estimate**: {}; {} % of the variance is from assumptions.",
            if p.software { "a software adapter's curve is in it" } else { "nobody measured its accelerator" },
            number(100.0 * p.assumed_share, 2)
        )
    } else if p.kind == "scenario" {
        format!(
            "**A scenario, not an estimate**: {} % of the variance is from assumptions.",
            number(100.0 * p.assumed_share, 2)
        )
    } else {
        format!("**An estimate**: {} % of the variance is from assumptions.", number(100.0 * p.assumed_share, 2))
    };
    let (Some(days), Some(flop), Some(good), Some(peak)) =
        (at("run_days"), at("cluster_flop_per_s"), at("goodput"), at("peak_flop_per_s"))
    else {
        return kind;
    };
    let useful = flop.value * good.value;
    let fewer = p.fewer.as_ref().map_or(String::new(), |f| {
        format!(
            " All of them are not needed: {} finish in {} days ({:+.1} %).",
            f.fewest.accelerators,
            number(f.fewest.run_days, 3),
            100.0 * f.fewest.later
        )
    });
    format!(
        "{kind} The run takes **{} days ({}–{})**. The accelerators used have a peak of {} in {}; forecast is {} while it \
         runs and {} once lost time is counted, {} % of that peak.{fewer}",
        number(days.value, 3),
        bare("run_days", days.p5),
        bare("run_days", days.p95),
        rate(peak.value),
        p.format,
        rate(flop.value),
        rate(useful),
        number(100.0 * useful / peak.value, 2)
    )
}

fn figures(p: &Projection) -> Table {
    let mut table = Table::new(&["", ">value", ">5 %", ">95 %", "rests on"]);
    for (name, title) in ORDER {
        if let Some(q) = p.quantities.get(name) {
            let at = |value| cell(name, &q.unit, value);
            table.row([title.to_string(), at(q.value), at(q.p5), at(q.p95), format!("{}{}", q.tier, mark(q.software))]);
        }
    }
    table
}

fn parts(p: &Projection) -> String {
    let total: f64 = p.step_parts.values().sum();
    let mut parts: Vec<_> = p.step_parts.iter().filter(|(_, s)| **s > 0.005 * total).collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let told: Vec<_> = parts.iter().map(|(name, s)| format!("{name} {} %", number(100.0 * **s / total, 2))).collect();
    told.join(", ")
}

fn width(p: &Projection) -> String {
    let mut table = Table::new(&["input", ">share of the variance", ">alone", "rests on"]);
    for s in p.sensitivities.iter().filter(|s| s.total > 0.02).take(8) {
        table.row([
            code(&s.name),
            format!("{} %", number(100.0 * s.total, 2)),
            format!("{} %", number(100.0 * s.first.max(0.0), 2)),
            if s.assumed { "assumption" } else { "published, or fitted to it" }.to_string(),
        ]);
    }
    let mut out = table.markdown();
    if let Some(next) = p.measure_next.first() {
        out += &format!("\nTo measure next: {}.\n", prose(super::projection::measure_next(next).trim()));
    }
    out
}

fn changes(w: &WhatIfs) -> Table {
    let mut table = Table::new(&["what if", ">days", ">change", ">layout kept", ">goodput", ">power", ">cost, owned"]);
    for c in &w.changes {
        let of = |name: &str| c.best.quantities.get(name);
        let becomes = |name: &str| of(name).map_or("–".into(), |s| cell(name, &s.unit, s.becomes.value));
        let days = |o: &Outcome| o.quantities.get("run_days").map_or("–".into(), percent);
        table.row([
            code(&c.change.to_string()),
            becomes("run_days"),
            days(&c.best),
            kept(c).map_or("–".into(), days),
            becomes("goodput"),
            becomes("facility_power"),
            becomes("cost_own"),
        ]);
    }
    table
}

fn kept(c: &Counterfactual) -> Option<&Outcome> {
    c.kept.as_ref()
}
