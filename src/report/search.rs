//! What a search found, as text.

use super::Table;
use super::number::number;
use crate::project::{Candidate, Choice, Plan};

/// The counter, the best, the robust layout and the Pareto set.
pub fn text(p: &Plan) -> String {
    let mut out = format!(
        "{} layouts costed or refused by the memory check ({} fit) in {} s on {} threads: {} per second\n",
        p.strategies,
        p.feasible,
        number(p.seconds, 3),
        p.threads,
        number(p.strategies_per_s, 3)
    );
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
    let mut table = Table::new(&[
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
    ]);
    choice(&mut table, "best", &p.best);
    choice(&mut table, "robust", &p.robust.choice);
    out += &table.text();
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
    out += &table.text();
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
    let (step, mfu, held) = (c.quantities["step_time"], c.quantities["mfu"], c.quantities["memory"]);
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
