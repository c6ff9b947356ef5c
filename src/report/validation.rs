//! How far predictions are off, as text.

use super::Table;
use super::projection::number;
use crate::project::validate::{Summary, Validation};

/// Summaries over all rows and by group, and why rows were refused.
pub fn text(v: &Validation) -> String {
    let mut table = Table::new(&[
        "group",
        ">rows",
        ">refused",
        ">median factor",
        ">90th percentile",
        ">bias",
        ">MAPE",
        ">within 20 %",
        ">in the 90 % band",
    ]);
    line(&mut table, "all", &v.summary);
    for (kind, groups) in &v.by {
        for (name, summary) in groups {
            line(&mut table, &format!("{kind} {name}"), summary);
        }
    }
    let mut out = table.text();
    let refused: Vec<_> = v.rows.iter().filter_map(|r| r.refused.as_ref().map(|why| (&r.id, why))).collect();
    if !refused.is_empty() {
        out += "\nrefused:\n";
        for (id, why) in refused {
            out += &format!("  {id}: {why}\n");
        }
    }
    out
}

fn line(table: &mut Table, name: &str, s: &Summary) {
    let factor = |x: Option<f64>| x.map_or("–".into(), |x| number(x.exp(), 3));
    let percent = |x: Option<f64>| x.map_or("–".into(), |x| format!("{} %", number(100.0 * x, 3)));
    table.row([
        name.to_string(),
        s.n.to_string(),
        s.refused.to_string(),
        factor(s.median_abs_log),
        factor(s.p90_abs_log),
        factor(s.bias_log),
        percent(s.mape),
        percent(s.within20),
        percent(s.coverage90),
    ]);
}
