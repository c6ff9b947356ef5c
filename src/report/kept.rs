//! What is kept of adapters beside the tuning, for people.

use super::Table;
use super::measurement::significant;
use crate::measure::kept::{Bounds, Dispatches};
use crate::measure::physics::Limit;

/// A line a bound and a line an adapter's longest dispatch; nothing where there is none.
pub fn text(bounds: &[Bounds], dispatches: &[Dispatches]) -> String {
    let mut table = Table::new(&["adapter", "what", ">at most", "made"]);
    for kept in bounds {
        for bound in &kept.bounds {
            let (what, unit) = match bound.limit {
                Limit::Arithmetic(precision) => (format!("{precision} arithmetic"), "GFLOP/s"),
                Limit::Memory { from_bytes } => {
                    (format!("memory, products above {:.1} MiB", from_bytes as f64 / (1u64 << 20) as f64), "GB/s")
                }
            };
            table.row([
                kept.adapter.name.clone(),
                what,
                format!("{} {unit}", significant(bound.rate * 1e-9)),
                kept.at.clone(),
            ]);
        }
    }
    for kept in dispatches {
        let row =
            [kept.adapter.name.clone(), "one dispatch".into(), format!("{:.3} s", kept.dispatch_s), kept.at.clone()];
        table.row(row);
    }
    if bounds.is_empty() && dispatches.is_empty() { String::new() } else { table.text() }
}
