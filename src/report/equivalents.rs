//! "How many of mine?" as text.

use super::number::{mark, number, rate};
use crate::project::how_many::{Connected, HowMany};
use crate::project::scaling::Bound;
use std::collections::BTreeMap;

/// The answer in a few lines.
pub fn text(h: &HowMany) -> String {
    let soft = mark(h.software);
    let one = h.one_flop_per_s;
    let mut out = format!(
        "how many {} are `{}`?{soft}\n\nthe cluster's useful rate: {}\none of it, {} at its ceiling: {} ({} to {}){soft}\n",
        h.adapter,
        h.scenario,
        rate(h.useful_flop_per_s),
        h.precision,
        rate(one.value),
        rate(one.p5),
        rate(one.p95)
    );
    out += &format!(
        "ideal, nothing lost between them: {} ({} to {}){soft}\n",
        number(h.ideal.value, 3),
        number(h.ideal.p5, 3),
        number(h.ideal.p95, 3)
    );
    let over = format!("over `{}`, {} Gbit/s each", h.fabric, number(h.link_bytes_per_s / 1.25e8, 3));
    match &h.connected {
        Connected::Count { value, p5, p95, shares } => {
            let end = |count: &Option<u64>| count.map_or("never".into(), |n| n.to_string());
            out += &format!("{over}: {value} ({} to {}){soft}\n", end(p5), end(p95));
            out += &format!("  their time is {}\n", told(shares));
        }
        Connected::Never { most_flop_per_s, at, bound, why, shares } => {
            out += &format!(
                "{over}: never; the {bound} bound wins first: {at} of it reach {}, {} % of the cluster{soft}\n  {why}\n",
                rate(*most_flop_per_s),
                number(100.0 * most_flop_per_s / h.useful_flop_per_s, 2)
            );
            out += &format!("  their time is {}\n", told(shares));
        }
    }
    let years = h.years_alone;
    out += &format!(
        "one alone, its memory aside: {} years ({} to {}){soft}\n",
        number(years.value, 3),
        number(years.p5, 3),
        number(years.p95, 3)
    );
    match h.watts {
        Some(watts) => {
            out += &format!(
                "one drew {} W while it was measured ({}): the ideal number of them {} MW{soft}\n",
                number(watts, 3),
                h.watts_from,
                number(watts * h.ideal.value / 1e6, 3)
            );
        }
        None => out += &format!("what one draws is not known: {}\n", h.watts_from),
    }
    for assumption in &h.assumptions {
        out += &format!("! assumed: {assumption}\n");
    }
    if h.software {
        out += "! SOFTWARE: measured on a CPU-type adapter; right for trying the path, no statement about hardware\n";
    }
    out
}

fn told(shares: &BTreeMap<Bound, f64>) -> String {
    let mut parts: Vec<_> = shares.iter().filter(|(_, share)| **share > 0.02).collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let told: Vec<_> = parts.iter().map(|(bound, share)| format!("{bound} {} %", number(100.0 * **share, 2))).collect();
    told.join(", ")
}
