//! What a search found, as text.

use super::number::number;
use super::{Document, Printed, Sheet, Table};
use crate::project::{Candidate, Choice, Plan};

/// Columns of the choices, of text and page alike.
pub const CHOICES: [&str; 10] = [
    "",
    "layout",
    ">accelerators",
    ">batch",
    ">step time",
    ">MFU",
    ">days/Ttoken",
    ">memory",
    ">energy",
    ">USD/Mtoken",
];

/// The counter, the best, the robust layout and the Pareto set.
fn document(p: &Plan) -> Document {
    let mut out = Document::from(format!(
        "{} layouts costed or refused by the memory check ({} fit) in {} s on {} threads: {} per second\n",
        p.strategies,
        p.feasible,
        number(p.seconds, 3),
        p.threads,
        number(p.strategies_per_s, 3)
    ));
    if !p.complete {
        out += &format!("NOT COMPLETE: {} % of the space was looked at\n", number(100.0 * p.looked_at, 2));
    }
    let what = match p.objective.as_str() {
        "days" => "the fewest days per token",
        "energy" => "the least energy per token",
        "cost" => "the least rent per token",
        _ => "the shortest step",
    };
    out += &format!("{} sequences of {} tokens per step; best is what has {what}\n\n", p.batch, p.sequence);
    let mut table = Table::new(&CHOICES);
    choice(&mut table, "best", &p.best);
    choice(&mut table, "robust", &p.robust.choice);
    out.table(table);
    out += &format!(
        "robust: best of the few in {} % of the draws, {} % worse than that on average\n\n",
        number(100.0 * p.robust.best_in, 2),
        number(100.0 * p.robust.regret, 2)
    );
    out += &format!("{} layouts that no other beats in time, memory and energy:\n", p.pareto.len());
    let mut table = Table::new(&["layout", ">accelerators", ">batch", ">step time", ">memory", ">free", ">energy"]);
    let known = p.best.quantities.contains_key("energy");
    for c in p.pareto.iter().take(12) {
        table.row([
            c.layout.to_string(),
            c.layout.accelerators().to_string(),
            c.batch.to_string(),
            seconds(c),
            gigabytes(c.held_bytes),
            gigabytes(c.slack_bytes),
            if known { format!("{} MJ", number(c.energy_j / 1e6, 3)) } else { "–".into() },
        ]);
    }
    out.table(table);
    for warning in &p.warnings {
        out += &format!("! {warning}\n");
    }
    out
}

fn seconds(c: &Candidate) -> String {
    format!("{} s", number(c.step_s, 3))
}

fn gigabytes(bytes: f64) -> String {
    format!("{} GB", number(bytes / 1e9, 3))
}

fn choice(table: &mut Table, name: &str, c: &Choice) {
    let (step, mfu, held) = (&c.quantities["step_time"], &c.quantities["mfu"], &c.quantities["memory"]);
    let energy = c.quantities.get("energy").map_or("–".into(), |e| format!("{} MJ", number(e.value / 1e6, 3)));
    table.row([
        name.to_string(),
        c.layout.to_string(),
        c.layout.accelerators().to_string(),
        c.quantities["batch"].value.to_string(),
        format!("{} s ({}–{})", number(step.value, 3), number(step.p5, 3), number(step.p95, 3)),
        format!("{} % ({}–{})", number(100.0 * mfu.value, 2), number(100.0 * mfu.p5, 2), number(100.0 * mfu.p95, 2)),
        c.quantities.get("days_per_ttoken").map_or("–".into(), |d| number(d.value, 3)),
        format!("{} GB", number(held.value / 1e9, 3)),
        energy,
        c.quantities.get("cost_per_mtoken").map_or("–".into(), |d| number(d.value, 3)),
    ]);
}

impl Printed for Plan {
    const TABLES: &'static [&'static str] = &["choices", "pareto"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let both = [("best", &self.best), ("robust", &self.robust.choice)];
        let rows: Vec<_> = both
            .iter()
            .flat_map(|(which, c)| c.quantities.iter().map(move |(name, q)| (*which, *c, name, q)))
            .collect();
        vec![
            Sheet::of(
                "choices",
                &rows,
                &[
                    ("choice", |r| r.0.into()),
                    ("layout", |r| r.1.layout.to_string().into()),
                    ("accelerators", |r| r.1.layout.accelerators().into()),
                    ("quantity", |r| r.2.into()),
                    ("value", |r| r.3.value.into()),
                    ("p5", |r| r.3.p5.into()),
                    ("p95", |r| r.3.p95.into()),
                    ("unit", |r| r.3.unit.as_ref().into()),
                ],
            ),
            Sheet::of(
                "pareto",
                &self.pareto,
                &[
                    ("layout", |c| c.layout.to_string().into()),
                    ("accelerators", |c| c.layout.accelerators().into()),
                    ("batch_sequences", |c| c.batch.into()),
                    ("step_s", |c| c.step_s.into()),
                    ("held_bytes", |c| c.held_bytes.into()),
                    ("slack_bytes", |c| c.slack_bytes.into()),
                    ("energy_j", |c| Some(c.energy_j).filter(|j| *j > 0.0).into()),
                    ("goodput", |c| c.goodput.into()),
                ],
            ),
        ]
    }
}
