//! Reads `op,ranks,bytes,seconds` and what nccl-tests prints.

use super::{FabricTable, Op, Row};
use crate::error::{Context, Error, Result};
use std::path::Path;

/// Largest file that is read.
const MAX_FILE: u64 = 64 << 20;
/// More bytes per second and rank than any link moves: a typing error.
const MAX_BANDWIDTH: f64 = 1e14;
const COLUMNS: [&str; 4] = ["op", "ranks", "bytes", "seconds"];

impl FabricTable {
    /// Reads a file. Errors (exit code 2): a file that cannot be read, a row that cannot be, with file,
    /// line and field.
    pub fn read(path: &Path) -> Result<FabricTable> {
        let name = path.display().to_string();
        let about = std::fs::metadata(path).or_usage(format!("`{name}`"))?;
        if about.is_dir() {
            return Err(Error::usage(format!("`{name}` is a folder")).hint("give a file with times of collectives"));
        }
        if about.len() > MAX_FILE {
            return Err(Error::usage(format!("`{name}`: {} bytes; at most {MAX_FILE} are read", about.len())));
        }
        let bytes = std::fs::read(path).or_usage(format!("`{name}`"))?;
        FabricTable::read_text(&String::from_utf8_lossy(&bytes), &name)
    }

    /// [`FabricTable::read`] for text at hand.
    pub fn read_text(text: &str, name: &str) -> Result<FabricTable> {
        let rows =
            if text.lines().any(|line| line.contains("algbw")) { printed(text, name)? } else { csv(text, name)? };
        if rows.is_empty() {
            return Err(Error::usage(format!("`{name}`: no time of a collective in it"))
                .hint("`flopcast new fabric NAME` writes a table to start from"));
        }
        Ok(FabricTable { rows, source: name.into() })
    }
}

/// The row, or which field is wrong and why.
fn row(op: Op, ranks: f64, bytes: f64, seconds: f64) -> std::result::Result<Row, (&'static str, String)> {
    if !(ranks.fract() == 0.0 && (2.0..=1e7).contains(&ranks)) {
        return Err(("ranks", format!("{ranks} is no whole number from 2 to 10000000")));
    }
    for (field, value, most) in [("bytes", bytes, 1e15), ("seconds", seconds, 1e5)] {
        if !(value > 0.0 && value <= most) {
            return Err((field, format!("{value} is not above 0 and at most {most:e}")));
        }
    }
    let rate = op.moved(ranks, bytes) / seconds;
    if rate > MAX_BANDWIDTH {
        return Err(("seconds", format!("{rate:.1e} B/s per rank is beyond any link (at most {MAX_BANDWIDTH:e})")));
    }
    Ok(Row { op, ranks, bytes, seconds })
}

fn csv(text: &str, name: &str) -> Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().or_usage(format!("`{name}`"))?.clone();
    if header.is_empty() {
        return Err(Error::usage(format!("`{name}`: no time of a collective in it"))
            .hint("`flopcast new fabric NAME` writes a table to start from"));
    }
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|c| c.eq_ignore_ascii_case(column)).ok_or_else(|| {
            Error::usage(format!("`{name}`: no column `{column}`")).hint(format!("columns: {}", COLUMNS.join(",")))
        })?;
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.or_usage(format!("`{name}`"))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fail = |field: &str, why: String| Error::usage(format!("`{name}`:{line}: `{field}`: {why}"));
        let cell = |index: usize| {
            let text = record.get(places[index]).filter(|t| !t.is_empty());
            text.ok_or_else(|| fail(COLUMNS[index], "missing".into()))
        };
        let number = |index: usize| {
            let text = cell(index)?;
            let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
            number.ok_or_else(|| fail(COLUMNS[index], format!("`{text}` is no finite number")))
        };
        let op = cell(0)?;
        let op = Op::named(op).ok_or_else(|| unknown(fail("op", format!("`{op}` is not used by the model"))))?;
        rows.push(row(op, number(1)?, number(2)?, number(3)?).map_err(|(field, why)| fail(field, why))?);
    }
    Ok(rows)
}

fn unknown(error: Error) -> Error {
    error.hint("one of all_reduce, all_gather, reduce_scatter, all_to_all, send_recv")
}

/// What the head of one test says, as far as it was read.
#[derive(Default)]
struct Head<'a> {
    test: Option<&'a str>,
    /// The highest rank that is listed, plus one.
    ranks: u32,
}

/// The table that nccl-tests and rccl-tests print, or several one after the other: ranks from the list of
/// devices, times out of place, the collective from `Collective test starting`, else from the file's
/// name, else from its operation and bandwidths.
fn printed(text: &str, name: &str) -> Result<Vec<Row>> {
    let mut head = Head::default();
    let mut rows = Vec::new();
    let mut listing = false;
    for (index, line) in text.lines().enumerate() {
        let fail = |field: &str, why: String| Error::usage(format!("`{name}`:{}: `{field}`: {why}", index + 1));
        if let Some((_, test)) = line.split_once("Collective test starting:") {
            (head.test, head.ranks) = (Some(test.trim()), 0);
            continue;
        }
        let mut words = line.split_whitespace().skip_while(|word| !word.ends_with('#')).skip(1);
        if let (Some("Rank"), Some(rank)) = (words.next(), words.next().and_then(|r| r.parse::<u32>().ok())) {
            // The list of another test.
            head.ranks = if listing { head.ranks.max(rank.saturating_add(1)) } else { rank.saturating_add(1) };
            listing = true;
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        // Launchers put a host or a rank in front.
        let Some(at) = (0..words.len().saturating_sub(2).min(4)).find(|i| {
            words[*i].parse::<u64>().is_ok()
                && words[i + 1].parse::<u64>().is_ok()
                && words[i + 2].starts_with(|c: char| c.is_ascii_alphabetic())
        }) else {
            continue;
        };
        listing = false;
        let cells = &words[at..];
        if cells.len() < 9 {
            return Err(fail("busbw", "the line is cut off".into()));
        }
        let number = |place: usize, field: &str| {
            let found = cells[place].parse::<f64>().ok().filter(|x| x.is_finite());
            found.ok_or_else(|| fail(field, format!("`{}` is no finite number", cells[place])))
        };
        let bytes = number(0, "size")?;
        if bytes == 0.0 {
            // Fewer elements than ranks: nothing was sent.
            continue;
        }
        if cells[8].parse::<f64>().is_ok_and(|wrong| wrong > 0.0) {
            return Err(fail("#wrong", format!("{} values were wrong: its time says nothing", cells[8])));
        }
        if head.ranks < 2 {
            return Err(fail("Rank", format!("{} ranks listed above the table", head.ranks)).hint(
                "`#  Rank …` lines say how many there are; nccl-tests without MPI starts many tests of one rank",
            ));
        }
        let ranks = f64::from(head.ranks);
        let op = match head.test {
            Some(test) => Op::named(test).ok_or_else(|| {
                unknown(fail("Collective test starting", format!("`{test}` is not used by the model")))
            })?,
            None => {
                let stem = Path::new(name).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
                let ratio = number(7, "busbw")? / number(6, "algbw")?.max(f64::MIN_POSITIVE);
                named_in(stem).or_else(|| guessed(cells[3], cells[4], ranks, ratio)).ok_or_else(|| {
                    fail("op", "nothing says which collective this is".into())
                        .hint("name the file after the test, as all_gather_perf.txt")
                })?
            }
        };
        let seconds = number(5, "time")? * 1e-6;
        rows.push(row(op, ranks, bytes, seconds).map_err(|(field, why)| fail(field, why))?);
    }
    Ok(rows)
}

/// The collective that a file is named after.
fn named_in(stem: &str) -> Option<Op> {
    let plain: String = stem.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase();
    ["allreduce", "allgather", "reducescatter", "alltoall", "sendrecv"]
        .into_iter()
        .find(|name| plain.contains(name))
        .and_then(Op::named)
}

/// What sums over all ranks is an all-reduce or a reduce-scatter, which their bandwidths tell apart where
/// there are more than two ranks. What does not sum may be several things.
fn guessed(operation: &str, root: &str, ranks: f64, ratio: f64) -> Option<Op> {
    let share = (ranks - 1.0) / ranks;
    let is = |expected: f64| (ratio / expected - 1.0).abs() < 0.1;
    match (operation, root) {
        ("sum" | "prod" | "max" | "min" | "avg", "-1") if is(2.0 * share) => Some(Op::AllReduce),
        ("sum" | "prod" | "max" | "min" | "avg", "-1") if is(share) => Some(Op::Gather),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nccl-tests 2.17 prints it.
    const PRINTED: &str = "\
# nccl-tests version 2.17.6 nccl-headers=22501 nccl-library=22501
# Collective test starting: all_reduce_perf
# nThread 1 nGpus 4 minBytes 8 maxBytes 134217728 step: 2(factor) warmup iters: 1 iters: 20 agg iters: 1 validation: 1 graph: 0
#
# Using devices
#  Rank  0 Group  0 Pid   1946 on inst device  0 [0000:0f:00] NVIDIA A100-SXM4-40GB
#  Rank  1 Group  0 Pid   1947 on inst device  1 [0000:15:00] NVIDIA A100-SXM4-40GB
#  Rank  2 Group  0 Pid   1948 on inst device  2 [0000:51:00] NVIDIA A100-SXM4-40GB
#  Rank  3 Group  0 Pid   1949 on inst device  3 [0000:54:00] NVIDIA A100-SXM4-40GB
#
#                                                              out-of-place                       in-place
#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
           0             0     float     sum      -1    12.00    0.00    0.00      0    12.00    0.00    0.00      0
     1048576        262144     float     sum      -1   1.0e2   10.49   15.73      0    99.00   10.59   15.89      0
   134217728      33554432     float     sum      -1    900.0  149.13  223.70    N/A    890.0  150.81  226.21    N/A
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 120.0
# Collective test concluded: all_reduce_perf
";

    #[test]
    fn what_nccl_tests_print_is_read_as_it_stands() {
        let table = FabricTable::read_text(PRINTED, "log.txt").unwrap();
        let row = |bytes, seconds| Row { op: Op::AllReduce, ranks: 4.0, bytes, seconds };
        assert_eq!(table.rows, [row(1_048_576.0, 1.0e2 * 1e-6), row(134_217_728.0, 900.0 * 1e-6)]);
        // A launcher's prefix, an older header without the name, a test after the first.
        let old: String =
            PRINTED.lines().filter(|l| !l.contains("Collective")).map(|l| format!("node7: {l}\n")).collect();
        assert_eq!(FabricTable::read_text(&old, "log.txt").unwrap().rows, table.rows);
        let two = format!("{PRINTED}{}", PRINTED.replace("all_reduce_perf", "alltoall_perf"));
        let ops: Vec<Op> = FabricTable::read_text(&two, "log.txt").unwrap().rows.iter().map(|r| r.op).collect();
        assert_eq!(ops, [Op::AllReduce, Op::AllReduce, Op::Exchange, Op::Exchange]);
    }

    #[test]
    fn what_sums_nothing_takes_its_name_from_its_file_or_is_refused() {
        let text: String = PRINTED
            .replace("sum", "none")
            .lines()
            .filter(|l| !l.contains("Collective"))
            .fold(String::new(), |all, l| all + l + "\n");
        assert_eq!(FabricTable::read_text(&text, "runs/all_gather_4.txt").unwrap().rows[0].op, Op::Gather);
        let error = FabricTable::read_text(&text, "log.txt").unwrap_err();
        assert!(error.message().contains("`op`: nothing says which"), "{error}");
    }

    #[test]
    fn a_row_that_cannot_be_is_refused_with_file_line_and_field() {
        let head = "op,ranks,bytes,seconds\n# a comment\nall_reduce,8,1e6,1e-4\n";
        for (row, part) in [
            ("all_reduce,8,1e6,-1", "`t.csv`:4: `seconds`: -1"),
            ("all_reduce,8,1e6,nan", "`t.csv`:4: `seconds`: `nan`"),
            ("all_reduce,8,1e6", "`t.csv`:4: `seconds`: missing"),
            ("all_reduce,8,0,1e-4", "`t.csv`:4: `bytes`: 0"),
            ("all_reduce,1,1e6,1e-4", "`t.csv`:4: `ranks`: 1 "),
            ("all_reduce,2.5,1e6,1e-4", "`t.csv`:4: `ranks`: 2.5"),
            ("broadcast,8,1e6,1e-4", "`t.csv`:4: `op`: `broadcast`"),
            ("all_reduce,8,1e12,1e-6", "`t.csv`:4: `seconds`: 1.8e18 B/s"),
        ] {
            let error = FabricTable::read_text(&format!("{head}{row}\n"), "t.csv").unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
        for (text, part) in [
            ("op,ranks,bytes\n", "no column `seconds`"),
            ("op,ranks,bytes,seconds\n", "no time of a collective"),
            ("", "no time of a collective"),
        ] {
            let error = FabricTable::read_text(text, "t.csv").unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
        }
        for (from, to, part) in [
            (
                "134217728      33554432     float     sum      -1    900.0",
                "134217728      33554432     float     sum      -1    fast",
                "`log.txt`:16: `time`: `fast`",
            ),
            (
                "  149.13  223.70    N/A    890.0  150.81  226.21    N/A",
                "",
                "`log.txt`:16: `busbw`: the line is cut off",
            ),
            ("15.73      0", "15.73      7", "`log.txt`:15: `#wrong`: 7 values"),
            ("#  Rank", "#", "`Rank`: 0 ranks"),
            ("all_reduce_perf", "broadcast_perf", "`broadcast_perf` is not used"),
        ] {
            let changed = PRINTED.replace(from, to);
            assert_ne!(changed, PRINTED);
            let error = FabricTable::read_text(&changed, "log.txt").unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}
