//! What a search found, as text.

use super::Table;
use super::projection::number;
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
    out += &format!("{} sequences of {} tokens per step\n\n", p.batch, p.sequence);
    let mut table = Table::new(&["", "layout", ">accelerators", ">step time", ">MFU", ">memory"]);
    choice(&mut table, "best", &p.best);
    choice(&mut table, "robust", &p.robust.choice);
    out += &table.text();
    out += &format!(
        "robust: quickest of the best few in {} % of the draws, {} % slower than it on average\n\n",
        number(100.0 * p.robust.best_in, 2),
        number(100.0 * p.robust.regret, 2)
    );
    out += &format!("{} layouts that no other beats in time, memory and accelerator-seconds:\n", p.pareto.len());
    let mut table = Table::new(&["layout", ">accelerators", ">step time", ">memory"]);
    for c in p.pareto.iter().take(12) {
        table.row([c.layout.to_string(), c.layout.accelerators().to_string(), seconds(c), memory(c)]);
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

fn memory(c: &Candidate) -> String {
    format!("{} GB", number(c.held_bytes / 1e9, 3))
}

fn choice(table: &mut Table, name: &str, c: &Choice) {
    let (step, mfu) = (c.quantities["step_time"], c.quantities["mfu"]);
    table.row([
        name.to_string(),
        c.candidate.layout.to_string(),
        c.candidate.layout.accelerators().to_string(),
        format!("{} s ({}–{})", number(step.value, 3), number(step.p5, 3), number(step.p95, 3)),
        format!("{} % ({}–{})", number(100.0 * mfu.value, 2), number(100.0 * mfu.p5, 2), number(100.0 * mfu.p95, 2)),
        memory(&c.candidate),
    ]);
}
