//! Measured times made ready to be looked up: a fitted base + hop · depth + bytes / bandwidth, times what
//! was measured over it, which is interpolated in the logarithms of bytes and ranks. Between rows, between
//! counts and beyond both it has an error of its own.

use super::{FabricTable, Op, Row};
use std::sync::{Mutex, PoisonError};

/// Error of an interpolated time where the table has nothing to tell it by: one size, one count.
const UNKNOWN_SD_LOG: f64 = 0.1;
/// Least error of any: repeats of nccl-tests on an idle machine.
const LEAST_SD_LOG: f64 = 0.01;
/// Rows that are left out in turn at most: more do not change the error that they show.
const SAMPLES: usize = 400;

/// Seconds as base + hop · depth + moved / bandwidth, fitted by least squares of the relative error with
/// no term below zero.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Form {
    base: f64,
    hop: f64,
    /// Seconds per byte that a rank passes on.
    pace: f64,
    /// Standard deviation of the logarithm about it.
    sd_log: f64,
}

/// Times of one collective on one tier.
#[derive(Debug, Clone, PartialEq)]
struct Surface {
    op: Op,
    /// Ranks per domain where it is of whole domains; else nothing.
    domain: Option<f64>,
    /// Logarithm of the ranks, and by them logarithms of bytes and of the seconds over the form's.
    columns: Vec<(f64, Vec<(f64, f64)>)>,
    form: Form,
    /// Error of a size between measured ones, left out in turn.
    sizes_sd_log: f64,
    /// Error of a count between measured ones, left out in turn.
    counts_sd_log: f64,
}

/// How far a looked-up time is from what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// At a measured count, within the measured sizes.
    Within,
    /// Between measured counts.
    Between,
    /// Beyond them.
    Beyond,
}

impl Surface {
    fn new(op: Op, domain: Option<f64>, rows: &[Row]) -> Option<Surface> {
        let rows = merged(rows);
        let form = Form::fit(op, domain, &rows)?;
        let mut surface = Surface::about(op, domain, &rows, form);
        // Each row left out: of a size between others, and of a count between others (all its sizes).
        let inner = |row: &Row, of: fn(&Row) -> f64, same: fn(&Row) -> f64| {
            let beside = rows.iter().filter(|r| same(r) == same(row));
            let (low, high) = beside.fold((false, false), |(l, h), r| (l || of(r) < of(row), h || of(r) > of(row)));
            low && high
        };
        let left_out = |row: &Row, without: &dyn Fn(&Row) -> bool| {
            let rest: Vec<Row> = rows.iter().filter(|r| !without(r)).copied().collect();
            // The form is fitted anew without them; of thousands of rows one does not bend it.
            let form = if rows.len() > 400 { form } else { Form::fit(op, domain, &rest)? };
            Some((row.seconds / Surface::about(op, domain, &rest, form).at(row.ranks, row.bytes).0).ln())
        };
        let sizes: Vec<f64> = rows
            .iter()
            .filter(|r| inner(r, |r| r.bytes, |r| r.ranks))
            .filter_map(|row| left_out(row, &|r| r == row))
            .take(SAMPLES)
            .collect();
        let counts: Vec<f64> = rows
            .iter()
            .filter(|r| inner(r, |r| r.ranks, |r| r.bytes))
            .filter_map(|row| left_out(row, &|r| r.ranks == row.ranks))
            .take(SAMPLES)
            .collect();
        surface.sizes_sd_log = rms(&sizes).unwrap_or(UNKNOWN_SD_LOG).max(LEAST_SD_LOG);
        surface.counts_sd_log = rms(&counts).unwrap_or(form.sd_log).max(surface.sizes_sd_log);
        surface.form.sd_log = form.sd_log.max(surface.counts_sd_log);
        Some(surface)
    }

    /// The rows as what they are over the form, in rising order.
    fn about(op: Op, domain: Option<f64>, rows: &[Row], form: Form) -> Surface {
        let mut columns: Vec<(f64, Vec<(f64, f64)>)> = Vec::new();
        for row in rows {
            let over = (row.seconds / form.seconds(op, domain, row.ranks, row.bytes).max(f64::MIN_POSITIVE)).ln();
            let (ranks, point) = (row.ranks.ln(), (row.bytes.ln(), over));
            match columns.last_mut() {
                Some((last, points)) if *last == ranks => points.push(point),
                _ => columns.push((ranks, vec![point])),
            }
        }
        Surface { op, domain, columns, form, sizes_sd_log: 0.0, counts_sd_log: 0.0 }
    }

    /// Seconds, and how far from what was measured: the form times what was measured over it, between
    /// rows on a line in the logarithms, beyond them as at the nearest.
    fn at(&self, ranks: f64, bytes: f64) -> (f64, Reach) {
        let form = self.form.seconds(self.op, self.domain, ranks, bytes);
        let (ranks, bytes) = (ranks.ln(), bytes.ln());
        let next = self.columns.partition_point(|c| c.0 < ranks);
        let beyond = |out: bool, otherwise: Reach| if out { Reach::Beyond } else { otherwise };
        let (over, reach) = if next < self.columns.len() && self.columns[next].0 == ranks {
            let (over, out) = nearest(&self.columns[next].1, bytes);
            (over, beyond(out, Reach::Within))
        } else if next == 0 || next == self.columns.len() {
            let (over, out) = nearest(&self.columns[next.min(self.columns.len() - 1)].1, bytes);
            // One message to a neighbour does not know how many others do the same.
            (over, beyond(out || self.op != Op::Send, Reach::Within))
        } else {
            let (a, b) = (&self.columns[next - 1], &self.columns[next]);
            let ((x, out_a), (y, out_b)) = (nearest(&a.1, bytes), nearest(&b.1, bytes));
            (line((a.0, x), (b.0, y), ranks), beyond(out_a || out_b, Reach::Between))
        };
        (form * over.exp(), reach)
    }

    fn error(&self, reach: Reach) -> f64 {
        match reach {
            Reach::Within => self.sizes_sd_log,
            Reach::Between => self.counts_sd_log,
            Reach::Beyond => self.form.sd_log,
        }
    }
}

/// Repeats of one size, and the two collectives of a kind, as their geometric mean; in rising order.
fn merged(rows: &[Row]) -> Vec<Row> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.ranks.total_cmp(&b.ranks).then(a.bytes.total_cmp(&b.bytes)));
    let same = sorted.chunk_by(|a, b| a.ranks == b.ranks && a.bytes == b.bytes);
    same.map(|same| {
        let mean = same.iter().map(|r| r.seconds.ln()).sum::<f64>() / same.len() as f64;
        Row { seconds: if same.len() == 1 { same[0].seconds } else { mean.exp() }, ..same[0] }
    })
    .collect()
}

/// The value at `x` among points in rising order, and whether it is beyond them.
fn nearest(points: &[(f64, f64)], x: f64) -> (f64, bool) {
    let next = points.partition_point(|p| p.0 < x);
    if next < points.len() && points[next].0 == x {
        return (points[next].1, false);
    }
    if next == 0 || next == points.len() {
        return (points[next.min(points.len() - 1)].1, true);
    }
    (line(points[next - 1], points[next], x), false)
}

/// The value at `x` on the line through two points.
fn line(a: (f64, f64), b: (f64, f64), x: f64) -> f64 {
    a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0)
}

fn rms(all: &[f64]) -> Option<f64> {
    (!all.is_empty()).then(|| (all.iter().map(|x| x * x).sum::<f64>() / all.len() as f64).sqrt())
}

impl Form {
    /// What a collective passes one after the other: ranks inside a domain, levels of domains beyond.
    fn depth(op: Op, domain: Option<f64>, ranks: f64) -> f64 {
        match (op, domain) {
            (Op::Send, _) => 0.0,
            (_, None) => ranks,
            (_, Some(domain)) => (ranks / domain).max(1.0).log2(),
        }
    }

    fn seconds(&self, op: Op, domain: Option<f64>, ranks: f64, bytes: f64) -> f64 {
        self.base + self.hop * Form::depth(op, domain, ranks) + self.pace * op.moved(ranks, bytes)
    }

    fn fit(op: Op, domain: Option<f64>, rows: &[Row]) -> Option<Form> {
        let terms = |r: &Row| [1.0, Form::depth(op, domain, r.ranks), op.moved(r.ranks, r.bytes)];
        // Each term over the time, so that every row counts alike, and in units of its mean.
        let mut scale = [0.0; 3];
        for row in rows {
            for (s, term) in scale.iter_mut().zip(terms(row)) {
                *s += term / row.seconds / rows.len() as f64;
            }
        }
        // Where only one count or one size was measured, what goes with it is in the base.
        let several = |of: fn(&Row) -> f64| rows.iter().any(|r| of(r) != of(&rows[0]));
        let free = [several(|r| r.bytes), several(|r| r.ranks) && op != Op::Send, true];
        let mut best: Option<Form> = None;
        for chosen in 1..8u8 {
            let on: Vec<usize> = (0..3).filter(|k| chosen >> k & 1 == 1).collect();
            if on.iter().any(|k| !free[*k] || scale[*k] <= 0.0) {
                continue;
            }
            let Some(found) = least_squares(rows, &on, &scale, &terms) else { continue };
            let form = Form { base: found[0], hop: found[1], pace: found[2], sd_log: 0.0 };
            let residuals: Vec<f64> =
                rows.iter().map(|r| (form.seconds(op, domain, r.ranks, r.bytes) / r.seconds).ln()).collect();
            let Some(sd_log) = rms(&residuals).filter(|sd| sd.is_finite()) else { continue };
            if best.is_none_or(|b| sd_log < b.sd_log) {
                best = Some(Form { sd_log, ..form });
            }
        }
        best
    }
}

/// Coefficients of the chosen terms that make their sum over the time nearest to 1, none below zero;
/// nothing where that is not possible.
fn least_squares(rows: &[Row], on: &[usize], scale: &[f64; 3], terms: &dyn Fn(&Row) -> [f64; 3]) -> Option<[f64; 3]> {
    let n = on.len();
    let mut system = vec![vec![0.0; n + 1]; n];
    for row in rows {
        let x = terms(row);
        let x: Vec<f64> = on.iter().map(|k| x[*k] / row.seconds / scale[*k]).collect();
        for i in 0..n {
            for k in 0..n {
                system[i][k] += x[i] * x[k];
            }
            system[i][n] += x[i];
        }
    }
    // Gauss with pivots; three unknowns at most.
    for i in 0..n {
        let pivot = (i..n).max_by(|a, b| system[*a][i].abs().total_cmp(&system[*b][i].abs()))?;
        system.swap(i, pivot);
        if system[i][i].abs() < 1e-12 {
            return None;
        }
        let row = system[i].clone();
        for other in (0..n).filter(|k| *k != i) {
            let factor = system[other][i] / row[i];
            system[other].iter_mut().zip(&row).skip(i).for_each(|(x, y)| *x -= factor * y);
        }
    }
    let mut out = [0.0; 3];
    for (i, k) in on.iter().enumerate() {
        out[*k] = system[i][n] / system[i][i] / scale[*k];
    }
    out.iter().all(|x| x.is_finite() && *x >= 0.0).then_some(out)
}

/// A table made ready for domains of one size.
#[derive(Debug, PartialEq)]
struct Ready {
    table: FabricTable,
    domain: f64,
    inside: [Option<Surface>; 4],
    between: [Option<Surface>; 4],
    /// Most ranks that were measured beyond a domain.
    most: f64,
    sd_log: f64,
}

/// A locally measured fabric as a machine carries it: a table made ready, and what one draw does to it.
#[derive(Debug, Clone, Copy)]
pub struct Local {
    ready: &'static Ready,
    /// Draw of the table's error, 1 at the median.
    pub slower: f64,
    /// Time to start in training over that alone.
    start: f64,
    /// Bandwidth in training over that alone.
    rate: f64,
}

impl PartialEq for Local {
    fn eq(&self, other: &Self) -> bool {
        let draw = |l: &Local| (l.slower, l.start, l.rate);
        std::ptr::eq(self.ready, other.ready) && draw(self) == draw(other)
    }
}

/// Machines and fabrics are copied by the million in a search, so that what they share has to outlive
/// them all: a table is kept for as long as the process runs, once however often it is asked for.
static KEPT: Mutex<Vec<&'static Ready>> = Mutex::new(Vec::new());

impl Local {
    /// `table` on machines whose scale-up domains have `domain` ranks.
    pub fn new(table: &FabricTable, domain: f64) -> Local {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().find(|r| r.domain == domain && r.table == *table).copied();
        let ready = found.unwrap_or_else(|| {
            let ready: &'static Ready = Box::leak(Box::new(Ready::new(table, domain)));
            kept.push(ready);
            ready
        });
        Local { ready, slower: 1.0, start: 1.0, rate: 1.0 }
    }

    /// With what training does to the time to start and to the bandwidth.
    #[must_use]
    pub fn in_training(self, start: f64, rate: f64) -> Local {
        Local { start, rate, ..self }
    }

    /// Accelerators of the domains that it was made ready for.
    pub fn domain(&self) -> f64 {
        self.ready.domain
    }

    /// Most ranks of a group beyond one domain that were measured.
    pub fn most(&self) -> f64 {
        self.ready.most
    }

    /// The table.
    pub fn table(&self) -> &'static FabricTable {
        &self.ready.table
    }

    /// Standard deviation of the logarithm of a looked-up time: each size left out in turn.
    pub fn sd_log(&self) -> f64 {
        self.ready.sd_log
    }

    /// What was measured inside a domain (first) and beyond one, by name.
    pub fn covers(&self) -> [Vec<&'static str>; 2] {
        [&self.ready.inside, &self.ready.between].map(|tier| tier.iter().flatten().map(|s| s.op.as_str()).collect())
    }

    /// Seconds of a collective of `ranks` inside a domain; nothing where none was measured there.
    pub fn inside(&self, op: Op, ranks: f64, bytes: f64) -> Option<f64> {
        self.at(self.ready.inside[op as usize].as_ref()?, ranks, bytes)
    }

    /// The same of `ranks` that fill several domains.
    pub fn between(&self, op: Op, ranks: f64, bytes: f64) -> Option<f64> {
        self.at(self.ready.between[op as usize].as_ref()?, ranks, bytes)
    }

    fn at(&self, surface: &Surface, ranks: f64, bytes: f64) -> Option<f64> {
        let (alone, reach) = surface.at(ranks, bytes.max(1.0));
        let start = (surface.form.base + surface.form.hop * Form::depth(surface.op, surface.domain, ranks)).min(alone);
        let training = start * self.start + (alone - start) / self.rate;
        // One draw for all; what is known less well strays farther with it.
        Some(training * self.slower.powf(surface.error(reach) / self.ready.sd_log))
    }
}

impl Ready {
    fn new(table: &FabricTable, domain: f64) -> Ready {
        let of = |between: bool| {
            Op::ALL.map(|op| {
                let rows: Vec<Row> =
                    table.rows.iter().filter(|r| r.op == op && (r.ranks > domain) == between).copied().collect();
                Surface::new(op, between.then_some(domain), &rows)
            })
        };
        let (inside, between) = (of(false), of(true));
        let errors: Vec<f64> = inside.iter().chain(&between).flatten().map(|s| s.sizes_sd_log).collect();
        let most = table.rows.iter().map(|r| r.ranks).filter(|ranks| *ranks > domain).fold(0.0, f64::max);
        let sd_log = rms(&errors).unwrap_or(UNKNOWN_SD_LOG);
        Ready { table: table.clone(), domain, inside, between, most, sd_log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Vec<Row>) -> FabricTable {
        FabricTable { rows, source: "test".into() }
    }

    /// base 20 µs, 2 µs a rank, 200 GB/s.
    fn plain(op: Op, ranks: &[f64], sizes: &[f64]) -> FabricTable {
        let seconds = |n: f64, s: f64| 20e-6 + 2e-6 * n + op.moved(n, s) / 200e9;
        let rows = ranks.iter().flat_map(|n| sizes.iter().map(move |s| (*n, *s)));
        table(rows.map(|(ranks, bytes)| Row { op, ranks, bytes, seconds: seconds(ranks, bytes) }).collect())
    }

    const SIZES: [f64; 12] = [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6, 256e6, 1e9, 4e9];

    #[test]
    fn what_was_measured_comes_back_as_it_was() {
        let t = plain(Op::AllReduce, &[2.0, 4.0, 8.0], &SIZES);
        let local = Local::new(&t, 8.0);
        for row in &t.rows {
            let got = local.inside(row.op, row.ranks, row.bytes).unwrap();
            assert!((got / row.seconds - 1.0).abs() < 1e-9, "{row:?}: {got}");
        }
        assert!(local.between(Op::AllReduce, 16.0, 1e6).is_none());
        assert!(local.inside(Op::Gather, 8.0, 1e6).is_none());
        assert_eq!(Local::new(&t, 8.0), local, "kept once");
    }

    #[test]
    fn between_sizes_and_counts_it_interpolates_and_beyond_them_the_form_goes_on() {
        let t = plain(Op::Gather, &[2.0, 8.0], &SIZES);
        let local = Local::new(&t, 64.0);
        let truth = |n: f64, s: f64| 20e-6 + 2e-6 * n + Op::Gather.moved(n, s) / 200e9;
        for (n, s, within) in
            [(8.0, 2e6, 1e-6), (4.0, 1e9, 1e-6), (8.0, 64e9, 1e-6), (32.0, 1e9, 1e-6), (8.0, 10.0, 1e-6)]
        {
            let got = local.inside(Op::Gather, n, s).unwrap();
            assert!((got / truth(n, s) - 1.0).abs() < within, "{n} {s}: {got} for {}", truth(n, s));
        }
    }

    #[test]
    fn the_error_is_that_of_what_is_left_out_and_grows_beyond_what_was_measured() {
        let smooth = Local::new(&plain(Op::AllReduce, &[8.0], &SIZES), 8.0);
        let mut rough = plain(Op::AllReduce, &[8.0], &SIZES);
        for (i, row) in rough.rows.iter_mut().enumerate() {
            row.seconds *= if i % 2 == 0 { 1.2 } else { 1.0 };
        }
        let rough = Local::new(&rough, 8.0);
        assert!(rough.sd_log() > smooth.sd_log() + 0.05, "{} {}", rough.sd_log(), smooth.sd_log());
        let strays = |bytes: f64| {
            let slow = Local { slower: rough.sd_log().exp(), ..rough };
            slow.inside(Op::AllReduce, 8.0, bytes).unwrap() / rough.inside(Op::AllReduce, 8.0, bytes).unwrap()
        };
        assert!((strays(1e6).ln() / rough.sd_log() - 1.0).abs() < 1e-9);
        assert!(strays(1e12) >= strays(1e6));
        // One row says nothing of its error.
        let one = Local::new(&plain(Op::Send, &[2.0], &[1e6]), 8.0);
        assert_eq!(one.sd_log(), UNKNOWN_SD_LOG);
        assert!((one.inside(Op::Send, 2.0, 2e6).unwrap() / one.inside(Op::Send, 2.0, 1e6).unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn training_slows_the_start_and_the_bytes_apart() {
        let local = Local::new(&plain(Op::AllReduce, &[2.0, 4.0, 8.0], &SIZES), 8.0);
        let (small, large) = (local.inside(Op::AllReduce, 8.0, 1e3), local.inside(Op::AllReduce, 8.0, 4e9));
        let late = Local { start: 2.0, ..local };
        let narrow = Local { rate: 0.5, ..local };
        assert!(late.inside(Op::AllReduce, 8.0, 1e3).unwrap() > 1.9 * small.unwrap());
        assert!(late.inside(Op::AllReduce, 8.0, 4e9).unwrap() < 1.01 * large.unwrap());
        assert!(narrow.inside(Op::AllReduce, 8.0, 4e9).unwrap() > 1.9 * large.unwrap());
        assert!(narrow.inside(Op::AllReduce, 8.0, 1e3).unwrap() < 1.1 * small.unwrap());
    }
}
