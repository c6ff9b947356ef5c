//! What portability costs, for people.

use super::Table;
use super::measurement::clock;
use crate::measure::portability::Cost;

/// One line per question: time with it over time without.
pub fn text(costs: &[Cost]) -> String {
    let mut table =
        Table::new(&["what", "base", "with it", ">m×n×k", ">time ratio", ">95 %", ">rounds", "clock", "why"]);
    for cost in costs {
        let ratio = cost.ratio.map_or(cost.missing.unwrap_or("–").to_string(), |r| format!("{r:.3}"));
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
    table.text()
}
