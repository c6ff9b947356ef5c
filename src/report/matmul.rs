//! One giant matrix product, as text.

use super::Table;
use super::number::{number, rate};
use crate::project::{GiantMatmul, Linpacks};

/// Published runs of Linpack beside what the closed form gives.
pub fn linpack(l: &Linpacks) -> String {
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    let mut table = Table::new(&[
        "machine",
        "of",
        ">accelerators",
        ">n",
        ">time",
        ">network/flop",
        ">predicted",
        ">published",
        ">error",
        "published rests on",
    ]);
    for r in &l.rows {
        table.row([
            r.name.clone(),
            r.accelerator.clone(),
            r.accelerators.to_string(),
            number(r.n, 3),
            format!("{} s", number(r.seconds, 3)),
            number(r.communication, 2),
            percent(r.predicted),
            percent(r.published),
            format!("{:+.1} %", 100.0 * r.error),
            r.tier.to_string(),
        ]);
    }
    let mut out = table.text();
    out += &format!(
        "mean error {}; shares of Rpeak, each predicted with the others' share for local products (all: {})\n",
        percent(l.mape),
        percent(l.share)
    );
    out += "! no clocks, no power cap, no vendor's library: one share stands for all three, so what is tested is\n! that the network binds none of them (`network/flop`: its seconds over those of the flop at Rpeak)\n";
    out
}

/// Size, times, rates and bounds.
pub fn text(g: &GiantMatmul) -> String {
    let bound = if g.communication_s > g.compute_s { "the network" } else { "compute" };
    let mut out = format!(
        "C = A·B on {} accelerators, n = {} (fills the memory), bound by {bound}\n",
        g.accelerators,
        number(g.n, 3)
    );
    for (name, value) in [
        ("compute", format!("{} s", number(g.compute_s, 3))),
        ("communication of SUMMA", format!("{} s", number(g.communication_s, 3))),
        ("both, overlapped", format!("{} s, {}", number(g.overlapped_s, 3), rate(g.flop_per_s))),
        ("ceiling", rate(g.ceiling_flop_per_s)),
        ("smallest n bound by compute", number(g.compute_bound_n, 3)),
        ("2.5D (4 copies) at half of n", format!("{} s of communication", number(g.communication_25d_half_n_s, 3))),
        ("moved over the least possible", format!("{} times", number(g.over_least, 3))),
        ("mean time to failure", format!("{} s", number(g.mean_time_to_failure_s, 3))),
    ] {
        out += &format!("  {name:32} {value}\n");
    }
    if g.overlapped_s > g.mean_time_to_failure_s {
        out += "! it outlasts the time between failures: it needs block checkpoints or checksums\n";
    }
    out += "! a ceiling from published rates and data sheets: no stragglers, no congestion\n";
    out
}
