//! "How many of mine?" as text.

use super::number::{mark, number, rate};
use super::{Document, Printed, Sheet};
use crate::project::how_many::{Connected, HowMany};
use crate::project::scaling::Bound;
use std::collections::BTreeMap;

/// The answer in a few lines.
fn document(h: &HowMany) -> Document {
    let soft = mark(h.software);
    let one = h.one_flop_per_s;
    let mut out = Document::from(format!(
        "how many {} are `{}`?{soft}\n\nthe cluster's useful rate: {}\none of it, {} at its ceiling: {} ({} to {}){soft}\n",
        h.adapter,
        h.scenario,
        rate(h.useful_flop_per_s),
        h.precision,
        rate(one.value),
        rate(one.p5),
        rate(one.p95)
    ));
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

impl Printed for HowMany {
    const TABLES: &'static [&'static str] = &["answer"];

    fn document(&self) -> Document {
        document(self)
    }

    /// The numbers of the answer, one row each; `connected` is empty where no number does, and `bound` says why.
    fn sheets(&self) -> Vec<Sheet> {
        let ranged = |r: &crate::project::Ranged| [Some(r.value), Some(r.p5), Some(r.p95)];
        let whole = |count: u64| Some(count as f64);
        let mut rows = vec![
            ("one_flop_per_s", ranged(&self.one_flop_per_s), "flop/s", String::new()),
            ("useful_flop_per_s", [Some(self.useful_flop_per_s), None, None], "flop/s", String::new()),
            ("ideal", ranged(&self.ideal), "adapter", String::new()),
        ];
        rows.push(match &self.connected {
            Connected::Count { value, p5, p95, .. } => {
                ("connected", [whole(*value), p5.and_then(whole), p95.and_then(whole)], "adapter", String::new())
            }
            Connected::Never { bound, .. } => ("connected", [None; 3], "adapter", bound.as_str().to_string()),
        });
        if let Connected::Never { most_flop_per_s, at, bound, .. } = &self.connected {
            rows.push(("most_flop_per_s", [Some(*most_flop_per_s), None, None], "flop/s", bound.as_str().to_string()));
            rows.push(("most_at", [whole(*at), None, None], "adapter", bound.as_str().to_string()));
        }
        rows.push(("years_alone", ranged(&self.years_alone), "year", String::new()));
        rows.push(("watts", [self.watts, None, None], "W", String::new()));
        let rows: Vec<_> = rows.into_iter().map(|row| (self, row)).collect();
        vec![Sheet::of(
            "answer",
            &rows,
            &[
                ("quantity", |(_, r)| r.0.into()),
                ("value", |(_, r)| r.1[0].into()),
                ("p5", |(_, r)| r.1[1].into()),
                ("p95", |(_, r)| r.1[2].into()),
                ("unit", |(_, r)| r.2.into()),
                ("never_for", |(_, r)| (&r.3).into()),
                ("scenario", |(h, _)| (&h.scenario).into()),
                ("adapter", |(h, _)| (&h.adapter).into()),
                ("software", |(h, _)| h.software.into()),
            ],
        )]
    }
}
