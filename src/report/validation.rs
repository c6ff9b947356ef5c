//! How far predictions are off, as text.

use super::Table;
use super::number::number;
use crate::project::validate::{Figures, Regression, Row, Summary};

/// Reasons that are listed; of more there is only the count.
const LISTED: usize = 20;

/// Rows that were refused: the first few, and how many.
#[derive(Debug, Clone, Default)]
pub struct Refused {
    first: Vec<(String, String)>,
    count: usize,
}

impl Refused {
    /// Takes note of a row if it was refused.
    pub fn note(&mut self, row: &Row) {
        let Some(why) = &row.refused else { return };
        self.count += 1;
        if self.first.len() < LISTED {
            self.first.push((row.id.clone(), why.clone()));
        }
    }
}

/// A figure that got worse, on one line.
pub fn regression(r: &Regression) -> String {
    let value = |x: Option<f64>| x.map_or("nothing".into(), |x| number(x, 4));
    format!("regressed: `{}`: {} was committed, now {}", r.figure, value(r.committed), value(r.now))
}

/// Summaries over all rows and by group, and why rows were refused.
pub fn text(v: &Figures, refused: &Refused) -> String {
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
    if refused.count > 0 {
        out += "\nrefused:\n";
        for (id, why) in &refused.first {
            out += &format!("  {id}: {why}\n");
        }
        let more = refused.count - refused.first.len();
        if more > 0 {
            out += &format!("  and {more} more\n");
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
