//! What portability costs, for people.

use super::measurement::clock;
use super::{Document, Printed, Sheet, Table};
use crate::measure::portability::Costs;

impl Printed for Costs {
    const TABLES: &'static [&'static str] = &["pairs"];

    /// One line per question: time with it over time without.
    fn document(&self) -> Document {
        let mut table =
            Table::new(&["what", "base", "with it", ">m×n×k", ">time ratio", ">95 %", ">rounds", "clock", "why"]);
        for cost in &self.costs {
            let ratio = cost.ratio.map_or(cost.missing.as_deref().unwrap_or("–").to_string(), |r| format!("{r:.3}"));
            let interval = match (cost.lo, cost.hi) {
                (Some(lo), Some(hi)) => format!("{lo:.3}–{hi:.3}"),
                _ => String::new(),
            };
            table.row([
                cost.what.clone(),
                cost.base.clone(),
                cost.variant.clone(),
                cost.shape.clone(),
                ratio,
                interval,
                cost.rounds.to_string(),
                cost.timing_method.map_or("", clock).to_string(),
                cost.why.clone().unwrap_or_default(),
            ]);
        }
        let mut out = Document::new();
        out.table(table);
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "pairs",
            &self.costs,
            &[
                ("what", |c| (&c.what).into()),
                ("base", |c| (&c.base).into()),
                ("variant", |c| (&c.variant).into()),
                ("shape", |c| (&c.shape).into()),
                ("time_ratio", |c| c.ratio.into()),
                ("time_ratio_lo", |c| c.lo.into()),
                ("time_ratio_hi", |c| c.hi.into()),
                ("confidence", |c| c.confidence.into()),
                ("rounds", |c| c.rounds.into()),
                ("timing_method", |c| c.timing_method.map(|m| m.as_str()).into()),
                ("missing", |c| c.missing.as_deref().into()),
                ("why", |c| c.why.as_ref().into()),
            ],
        )]
    }
}
