//! One giant matrix product, as text.

use super::projection::{number, rate};
use crate::project::GiantMatmul;

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
