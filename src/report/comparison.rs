//! Comparisons as text and as a page.

use super::Table;
use super::number::{bare, cell, number};
use crate::project::Ranged;
use crate::project::comparison::{Compared, Row};

/// A table with a block per thing that is the same.
pub fn text(c: &Compared) -> String {
    let mut out = format!("{}\n\n", c.comparison.title);
    out += &table(c).text();
    out += "\ndays: of the first scenario's job on each; change: draw by draw against the first; 5–95 % in brackets\n";
    for note in notes(c) {
        out += &format!("! {note}\n");
    }
    out
}

/// The page of a comparison; `command` is what made it.
pub fn page(c: &Compared, command: &str) -> String {
    let mut out = format!("# {}\n\n<!-- made by `{command}`; `make pages` makes them all -->\n\n", c.comparison.title);
    if !c.comparison.note.is_empty() {
        out += &format!("{}\n\n", c.comparison.note);
    }
    out += "All run the job of the first: its tokens, sequence and batch. Change of days is draw by draw against the \
            first, so that what both have in common cancels; 5–95 % in brackets.\n\n";
    out += &table(c).markdown();
    out += "\n## What to mind\n\n";
    for note in notes(c) {
        out += &format!("- {note}\n");
    }
    out += "\n## Sources\n\n";
    let mut sources: Vec<_> = c
        .rows
        .iter()
        .filter_map(|r| r.projection.as_ref())
        .flat_map(|p| &p.sources)
        .map(|s| (&s.id, &s.title, &s.locator))
        .collect();
    sources.sort();
    sources.dedup();
    for (id, title, locator) in sources {
        out += &format!("- `{id}`: {title}, {locator}\n");
    }
    out += &format!("\n## The command\n\n```\n{command}\n```\n");
    out
}

fn ranged(r: &Ranged, digits: usize) -> String {
    if r.p5 == r.p95 {
        return number(r.value, digits);
    }
    format!("{} ({}–{})", number(r.value, digits), number(r.p5, digits), number(r.p95, digits))
}

fn table(c: &Compared) -> Table {
    let waits = c.comparison.wait.is_some();
    let mut table = Table::new(&[
        "for",
        "scenario",
        ">count",
        ">used",
        ">days",
        ">change",
        ">goodput",
        ">power to lay out",
        ">energy",
        ">cost, owned",
        if waits { ">waiting pays beyond" } else { ">rented" },
        "kind",
    ]);
    for row in &c.rows {
        let count = row.count.map_or("–".into(), |n| {
            if n.p5 == n.p95 {
                format!("{:.0}", n.value)
            } else {
                format!("{:.0} ({:.0}–{:.0})", n.value, n.p5, n.p95)
            }
        });
        let mut cells = vec![row.equal.as_str().to_string(), row.scenario.clone(), count];
        let of = |name: &str| {
            row.projection.as_ref().and_then(|p| p.quantities.get(name)).map_or("–".into(), |q| {
                format!("{} ({}–{})", cell(name, &q.unit, q.value), bare(name, q.p5), bare(name, q.p95))
            })
        };
        cells.push(row.projection.as_ref().map_or("–".into(), |p| p.layout.accelerators().to_string()));
        cells.push(of("run_days"));
        cells.push(change(row));
        cells.extend(["goodput", "facility_peak_power", "energy", "cost_own"].map(of));
        cells.push(if waits { beyond(row) } else { of("cost_rent") });
        cells.push(row.projection.as_ref().map_or(String::new(), |p| p.kind.clone()));
        table.row(cells);
    }
    table
}

fn change(row: &Row) -> String {
    row.days_ratio.map_or(String::new(), |r| format!("{}×", ranged(&r, 2)))
}

fn beyond(row: &Row) -> String {
    row.waiting_pays_beyond.map_or(String::new(), |r| {
        let end = |x: f64| if x > 1e6 { "never".to_string() } else { number(x, 3) };
        format!("{} day ({}–{})", end(r.value), end(r.p5), end(r.p95))
    })
}

fn notes(c: &Compared) -> Vec<String> {
    let mut all = Vec::new();
    for row in &c.rows {
        if let Some(why) = &row.missing {
            all.push(format!("`{}`, {}: {why}", row.scenario, row.equal.as_str()));
        }
    }
    if let Some(money) = &c.comparison.money {
        all.push(format!(
            "{} {} ({}) for accelerators with their share of box, network and building; the range of the count is that of the price",
            money.written(),
            money.unit(),
            money.stamp.source
        ));
    }
    if let Some(wait) = &c.comparison.wait {
        all.push(format!(
            "the others begin {} {} later ({}){}",
            wait.written(),
            wait.unit(),
            wait.stamp.tier,
            wait.note.as_ref().map_or(String::new(), |n| format!(": {n}"))
        ));
        all.push("a run that takes the first longer than the last column says is done sooner by waiting".into());
    }
    for row in &c.rows {
        let told = |row: &Row, warning: &String| row.projection.iter().any(|p| p.warnings.contains(warning));
        for warning in row.projection.iter().flat_map(|p| &p.warnings) {
            let mine: Vec<&Row> =
                c.rows.iter().filter(|r| r.scenario == row.scenario && r.projection.is_some()).collect();
            let with: Vec<&str> = mine.iter().filter(|r| told(r, warning)).map(|r| r.equal.as_str()).collect();
            // Of some of a scenario's rows: it depends on the count, so it says of which.
            let of = if with.len() == mine.len() { String::new() } else { format!(", {}", with.join(" and ")) };
            let line = format!("`{}`{of}: {warning}", row.scenario);
            if !all.contains(&line) {
                all.push(line);
            }
        }
    }
    all
}
