//! A fabric that was measured locally: times of collectives by ranks and bytes, which stand for the
//! prior wherever they reach.
//!
//! Bytes are the full gathered size of one group, as nccl-tests prints them in its first column (for
//! all-to-all what one rank sends in all, for a send its message). Ranks are neighbours: they fill one
//! scale-up domain after the other.

mod read;
mod table;

pub use table::Local;

use serde::Serialize;
use std::collections::BTreeMap;

/// A collective that the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// All-reduce.
    AllReduce,
    /// All-gather and reduce-scatter, which move the same bytes.
    Gather,
    /// All-to-all.
    Exchange,
    /// One message from a rank to the next.
    Send,
}

impl Op {
    /// Every collective.
    pub const ALL: [Op; 4] = [Op::AllReduce, Op::Gather, Op::Exchange, Op::Send];

    /// The name as it is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::AllReduce => "all_reduce",
            Op::Gather => "all_gather",
            Op::Exchange => "all_to_all",
            Op::Send => "send_recv",
        }
    }

    /// The collective of that name, however its words are joined, with nccl-tests' `_perf` behind it or
    /// not.
    pub fn named(text: &str) -> Option<Op> {
        let plain: String = text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
        match plain.trim_end_matches("mpi").trim_end_matches("perf") {
            "allreduce" => Some(Op::AllReduce),
            "allgather" | "reducescatter" => Some(Op::Gather),
            "alltoall" => Some(Op::Exchange),
            "sendrecv" | "send" => Some(Op::Send),
            _ => None,
        }
    }

    /// Bytes that a rank passes on when `ranks` of them handle `bytes`.
    pub fn moved(self, ranks: f64, bytes: f64) -> f64 {
        let share = (ranks - 1.0) / ranks;
        match self {
            Op::AllReduce => 2.0 * share * bytes,
            Op::Gather | Op::Exchange => share * bytes,
            Op::Send => bytes,
        }
    }
}

/// One time that was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Which collective.
    pub op: Op,
    /// Ranks.
    pub ranks: f64,
    /// Bytes, see the module.
    pub bytes: f64,
    /// Seconds.
    pub seconds: f64,
}

/// What was read out of one file or several.
#[derive(Debug, Clone, PartialEq)]
pub struct FabricTable {
    /// All rows, in the order of the files.
    pub rows: Vec<Row>,
    /// The files.
    pub source: String,
}

impl FabricTable {
    /// The rows of this table and of another.
    #[must_use]
    pub fn join(mut self, other: FabricTable) -> Self {
        self.rows.extend(other.rows);
        self.source = format!("{}, {}", self.source, other.source);
        self
    }

    /// What it covers, as `all_reduce on 2 to 8 ranks, 1 KB to 8 GB (42 rows)`.
    pub fn covers(&self) -> String {
        let mut by: BTreeMap<Op, Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            by.entry(row.op).or_default().push(row);
        }
        let range = |rows: &[&Row], of: fn(&Row) -> f64| {
            rows.iter().map(|row| of(row)).fold((f64::INFINITY, 0.0f64), |(a, b), x| (a.min(x), b.max(x)))
        };
        let parts: Vec<String> = by
            .iter()
            .map(|(op, rows)| {
                let (few, many) = range(rows, |r| r.ranks);
                let (small, large) = range(rows, |r| r.bytes);
                let ranks = if few == many { format!("{few}") } else { format!("{few} to {many}") };
                let size = if small == large { size(small) } else { format!("{} to {}", size(small), size(large)) };
                format!("{} on {ranks} ranks, {size} ({} rows)", op.as_str(), rows.len())
            })
            .collect();
        parts.join("; ")
    }
}

fn size(bytes: f64) -> String {
    let (unit, name) =
        [(1e9, "GB"), (1e6, "MB"), (1e3, "KB")].into_iter().find(|(u, _)| bytes >= *u).unwrap_or((1.0, "B"));
    format!("{:.3} {name}", bytes / unit).replace(".000", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collective_goes_by_any_of_its_usual_names() {
        for (name, op) in [
            ("all_reduce_perf", Some(Op::AllReduce)),
            ("AllReduce", Some(Op::AllReduce)),
            ("all_reduce_perf_mpi", Some(Op::AllReduce)),
            ("reduce-scatter", Some(Op::Gather)),
            ("alltoall_perf", Some(Op::Exchange)),
            ("sendrecv_perf", Some(Op::Send)),
            ("broadcast_perf", None),
            ("", None),
        ] {
            assert_eq!(Op::named(name), op, "{name}");
        }
        for op in Op::ALL {
            assert_eq!(Op::named(op.as_str()), Some(op));
        }
    }

    #[test]
    fn what_a_table_covers_is_said_by_collective() {
        let row = |op, ranks, bytes| Row { op, ranks, bytes, seconds: 1e-3 };
        let table = FabricTable {
            rows: vec![row(Op::AllReduce, 2.0, 1024.0), row(Op::AllReduce, 8.0, 8e9), row(Op::Send, 2.0, 4e6)],
            source: "a".into(),
        };
        assert_eq!(
            table.covers(),
            "all_reduce on 2 to 8 ranks, 1.024 KB to 8 GB (2 rows); send_recv on 2 ranks, 4 MB (1 rows)"
        );
    }
}
