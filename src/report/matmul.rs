//! One giant matrix product, as text.

use super::number::{number, rate};
use super::{Document, Printed, Sheet, Table};
use crate::project::{GiantMatmul, Linpacks};

/// Published runs of Linpack beside what the closed form gives.
fn linpack(l: &Linpacks) -> Document {
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
    let mut out = Document::new();
    out.table(table);
    out += &format!(
        "mean error {}; shares of Rpeak, each predicted with the others' share for local products (all: {})\n",
        percent(l.mape),
        percent(l.share)
    );
    out += "! no clocks, no power cap, no vendor's library: one share stands for all three, so what is tested is\n! that the network binds none of them (`network/flop`: its seconds over those of the flop at Rpeak)\n";
    out
}

/// Size, times, rates and bounds.
fn document(g: &GiantMatmul) -> Document {
    let bound = if g.communication_s > g.compute_s { "the network" } else { "compute" };
    let mut out = Document::from(format!(
        "C = A·B on {} accelerators, n = {} (fills the memory), bound by {bound}\n",
        g.accelerators,
        number(g.n, 3)
    ));
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

impl Printed for Linpacks {
    const TABLES: &'static [&'static str] = &["machines"];

    fn document(&self) -> Document {
        linpack(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "machines",
            &self.rows,
            &[
                ("machine", |r| (&r.name).into()),
                ("accelerator", |r| (&r.accelerator).into()),
                ("accelerators", |r| r.accelerators.into()),
                ("n", |r| r.n.into()),
                ("time_s", |r| r.seconds.into()),
                ("local_share_of_peak", |r| r.share.into()),
                ("network_over_flop_time", |r| r.communication.into()),
                ("predicted_share_of_peak", |r| r.predicted.into()),
                ("published_share_of_peak", |r| r.published.into()),
                ("error", |r| r.error.into()),
                ("tier", |r| r.tier.as_str().into()),
            ],
        )]
    }
}

impl Printed for GiantMatmul {
    const TABLES: &'static [&'static str] = &["product"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "product",
            [self],
            &[
                ("accelerators", |g| g.accelerators.into()),
                ("n", |g| g.n.into()),
                ("compute_s", |g| g.compute_s.into()),
                ("communication_s", |g| g.communication_s.into()),
                ("overlapped_s", |g| g.overlapped_s.into()),
                ("rate_flop_per_s", |g| g.flop_per_s.into()),
                ("ceiling_flop_per_s", |g| g.ceiling_flop_per_s.into()),
                ("compute_bound_n", |g| g.compute_bound_n.into()),
                ("communication_25d_half_n_s", |g| g.communication_25d_half_n_s.into()),
                ("moved_over_least", |g| g.over_least.into()),
                ("mean_time_to_failure_s", |g| g.mean_time_to_failure_s.into()),
            ],
        )]
    }
}
