//! What is stored on this machine, for people and as tables.

use super::measurement::significant;
use super::tune::cached;
use super::{Document, Printed, Sheet, Table};
use crate::measure::kept::Stored;
use crate::measure::physics::Limit;

/// A line a bound and a line an adapter's longest dispatch.
fn limits(stored: &Stored) -> Table {
    let mut table = Table::new(&["adapter", "what", ">at most", "made"]);
    for kept in &stored.bounds {
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
    for kept in &stored.dispatches {
        let row =
            [kept.adapter.name.clone(), "one dispatch".into(), format!("{:.3} s", kept.dispatch_s), kept.at.clone()];
        table.row(row);
    }
    table
}

impl Printed for Stored {
    const TABLES: &'static [&'static str] = &["tuned", "bounds", "dispatches"];

    fn document(&self) -> Document {
        let mut out = Document::new();
        out.table(cached(&self.tuned));
        out.table(limits(self));
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        let tuned: Vec<_> = self.tuned.iter().flat_map(|c| c.entries.iter().map(move |e| (c, e))).collect();
        let bounds: Vec<_> = self.bounds.iter().flat_map(|k| k.bounds.iter().map(move |b| (k, b))).collect();
        vec![
            Sheet::of(
                "tuned",
                &tuned,
                &[
                    ("adapter", |(c, _)| (&c.adapter.name).into()),
                    ("backend", |(c, _)| (&c.adapter.backend).into()),
                    ("precision", |(_, e)| e.precision.to_string().into()),
                    ("kernel", |(_, e)| (&e.winner.kernel).into()),
                    ("tiling", |(_, e)| (&e.winner.tiling).into()),
                    ("bounds_checks", |(_, e)| e.winner.settings.bounds_checks.into()),
                    ("zero_fill", |(_, e)| e.winner.settings.zero_fill.into()),
                    ("rate_flop_per_s", |(_, e)| e.gflop_per_s.map(|r| 1e9 * r.median).into()),
                    ("verdict", |(_, e)| e.verdict.as_str().into()),
                    ("at", |(_, e)| (&e.at).into()),
                    ("version", |(c, _)| (&c.tool.version).into()),
                ],
            ),
            Sheet::of(
                "bounds",
                &bounds,
                &[
                    ("adapter", |(k, _)| (&k.adapter.name).into()),
                    ("precision", |(_, b)| match b.limit {
                        Limit::Arithmetic(precision) => precision.to_string().into(),
                        Limit::Memory { .. } => Default::default(),
                    }),
                    ("from_bytes", |(_, b)| match b.limit {
                        Limit::Arithmetic(_) => Default::default(),
                        Limit::Memory { from_bytes } => from_bytes.into(),
                    }),
                    ("most_flop_per_s", |(_, b)| matches!(b.limit, Limit::Arithmetic(_)).then_some(b.rate).into()),
                    ("most_byte_per_s", |(_, b)| matches!(b.limit, Limit::Memory { .. }).then_some(b.rate).into()),
                    ("source", |(_, b)| (&b.source).into()),
                    ("at", |(k, _)| (&k.at).into()),
                ],
            ),
            Sheet::of(
                "dispatches",
                &self.dispatches,
                &[
                    ("adapter", |k| (&k.adapter.name).into()),
                    ("longest_s", |k| k.dispatch_s.into()),
                    ("at", |k| (&k.at).into()),
                ],
            ),
        ]
    }
}
