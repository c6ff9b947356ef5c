//! Comparisons as text and as a page.

use super::look::escaped_prose as prose;
use super::number::{bare, cell, number};
use super::page::{code, made_by, the_command};
use super::{Document, Printed, Sheet, Table};
use crate::project::Ranged;
use crate::project::comparison::{Compared, Row};

/// A table with a block per thing that is the same.
fn document(c: &Compared) -> Document {
    let mut out = Document::from(format!("{}\n\n", c.comparison.title));
    out.table(table(c));
    out += "\ndays: of the first scenario's job on each; change: draw by draw against the first; 5–95 % in brackets\n";
    for note in notes(c) {
        out += &format!("! {note}\n");
    }
    out
}

/// The page of a comparison; `command` is what made it.
pub fn page(c: &Compared, command: &str) -> String {
    let mut out = format!("# {}\n\n{}", prose(&c.comparison.title), made_by(command));
    if !c.comparison.note.is_empty() {
        out += &format!("{}\n\n", prose(&c.comparison.note));
    }
    out += "All run the job of the first: its tokens, sequence and batch. Change of days is draw by draw against the \
            first, so that what both have in common cancels; 5–95 % in brackets.\n\n";
    out += &table(c).escaped();
    out += "\n## What to mind\n\n";
    for note in notes(c) {
        out += &format!("- {}\n", prose(&note));
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
        out += &format!("- {}: {}, {}\n", code(id), prose(title), prose(locator));
    }
    out + &the_command(command)
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

/// From which length of the first on waiting for this one pays.
pub fn beyond(row: &Row) -> String {
    row.waiting_pays_beyond.map_or(String::new(), |r| {
        let end = |x: f64| if x > 1e6 { "never".to_string() } else { number(x, 3) };
        format!("{} day ({}–{})", end(r.value), end(r.p5), end(r.p95))
    })
}

/// What to mind of it.
pub fn notes(c: &Compared) -> Vec<String> {
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

impl Printed for Compared {
    const TABLES: &'static [&'static str] = &["scenarios", "quantities"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let scenarios = Sheet::of(
            "scenarios",
            &self.rows,
            &[
                ("equal", |r| r.equal.as_str().into()),
                ("scenario", |r| (&r.scenario).into()),
                ("count", |r| r.count.map(|c| c.value).into()),
                ("count_p5", |r| r.count.map(|c| c.p5).into()),
                ("count_p95", |r| r.count.map(|c| c.p95).into()),
                ("days_ratio", |r| r.days_ratio.map(|d| d.value).into()),
                ("days_ratio_p5", |r| r.days_ratio.map(|d| d.p5).into()),
                ("days_ratio_p95", |r| r.days_ratio.map(|d| d.p95).into()),
                ("waiting_pays_beyond_day", |r| r.waiting_pays_beyond.map(|d| d.value).into()),
                ("kind", |r| r.projection.as_ref().map(|p| &p.kind).into()),
                ("missing", |r| r.missing.as_ref().into()),
            ],
        );
        // A scenario stands once for each thing that is the same, so that is a column here as well.
        let of = |row: &'_ Row| -> Vec<_> {
            let named = |(name, q): (&String, &crate::project::Quantity)| (name.clone(), q.clone());
            row.projection.iter().flat_map(|p| p.quantities.iter().map(named)).collect()
        };
        let rows: Vec<_> = self.rows.iter().flat_map(|r| of(r).into_iter().map(move |q| (r, q))).collect();
        let quantities = Sheet::of(
            "quantities",
            &rows,
            &[
                ("equal", |r| r.0.equal.as_str().into()),
                ("scenario", |r| (&r.0.scenario).into()),
                ("quantity", |r| (&r.1.0).into()),
                ("value", |r| r.1.1.value.into()),
                ("p5", |r| r.1.1.p5.into()),
                ("p50", |r| r.1.1.p50.into()),
                ("p95", |r| r.1.1.p95.into()),
                ("unit", |r| (&r.1.1.unit).into()),
                ("tier", |r| r.1.1.tier.as_str().into()),
            ],
        );
        vec![scenarios, quantities]
    }
}
