//! The proof that a kernel did its work.
//!
//! Two checks on the output buffer, both in f64 and independent of any kernel. Freivalds (1977):
//! C·x = A·(B·x) for several random x, O(n²) instead of O(n³); it sees every element. And a few rows
//! recomputed outright, so that a failure can be named by row and column.
//!
//! For exact operands (small whole numbers) both must agree to the last bit. For the others the
//! tolerance is the probabilistic bound on the rounding error of an inner product of length k,
//! λ·√k·u·‖a_i‖·‖b_j‖ with λ = 4 (Higham and Mary 2019, "A new approach to probabilistic rounding error
//! analysis", where the failure probability at λ = 4 is below 2·exp(−λ²/2) per rounding and in
//! practice never seen), summed over j as independent errors for Freivalds.

use super::{Matrix, Operands, Precision};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Random vectors of Freivalds' check. A single wrong element always shows; errors that cancel each other
/// slip through one vector with probability at most 1/16 (its 16 values), through four with 1.5e-5.
const VECTORS: usize = 4;

/// Rows recomputed outright, first and last among them: the edges are where tiles go wrong.
const ROWS: usize = 6;

/// λ of the probabilistic rounding bound.
const LAMBDA: f64 = 4.0;

/// What the check saw on the output buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Whether the output is the product.
    pub passed: bool,
    /// Largest residual over its tolerance, over all checks: passed means at most 1. Absent where a
    /// value is not finite or an exact check failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// Random vectors of Freivalds' check.
    pub vectors: u32,
    /// Rows recomputed outright.
    pub rows: u32,
    /// Dispatches of one submission that were seen one by one; absent where the last output alone was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatches: Option<u32>,
    /// Where it failed first, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Checks C against A·B. The vectors and rows depend on the seed alone.
pub fn prove(operands: &Operands, c: &Matrix, precision: Precision, seed: u64) -> Proof {
    let mut check = Check { worst: 0.0, failure: None };
    if (c.rows, c.cols) != (operands.a.rows, operands.b.cols) {
        check.failure = Some(format!("the output is {}x{}", c.rows, c.cols));
        return check.into_proof();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_f00d);
    check_rows(operands, c, precision, &mut rng, &mut check);
    if check.failure.is_none() {
        freivalds(operands, c, precision, &mut rng, &mut check);
    }
    check.into_proof()
}

struct Check {
    worst: f64,
    failure: Option<String>,
}

impl Check {
    /// Notes one residual.
    fn take(&mut self, residual: f64, tolerance: f64, place: impl FnOnce() -> String) {
        let ratio = if residual == 0.0 { 0.0 } else { residual.abs() / tolerance };
        self.worst = self.worst.max(ratio);
        if self.failure.is_none() && (ratio.is_nan() || ratio > 1.0) {
            self.failure = Some(format!("{}: off by {residual:.3e}, tolerance {tolerance:.3e}", place()));
        }
    }

    fn into_proof(self) -> Proof {
        let finite = self.worst.is_finite() && !self.worst.is_nan();
        Proof {
            passed: self.failure.is_none() && finite,
            worst: finite.then_some(self.worst),
            vectors: VECTORS as u32,
            rows: ROWS as u32,
            dispatches: None,
            failure: self.failure,
        }
    }
}

fn check_rows(operands: &Operands, c: &Matrix, precision: Precision, rng: &mut ChaCha8Rng, check: &mut Check) {
    let (a, b) = (&operands.a, &operands.b);
    let mut rows = vec![0, a.rows - 1];
    rows.extend((2..ROWS).map(|_| rng.random_range(0..a.rows)));
    // Squares of the columns of one product's B; a batch has as many as the rows fall on.
    let mut squares_b = vec![0.0f64; b.cols];
    let mut squares_of = None;
    let mut expected = vec![0.0f64; b.cols];
    for i in rows {
        let rows_b = operands.rows_b(i);
        if !operands.exact && squares_of != Some(rows_b.start) {
            squares_of = Some(rows_b.start);
            squares_b.fill(0.0);
            for k in rows_b.clone() {
                squares_b.iter_mut().zip(b.row(k)).for_each(|(s, &v)| *s += v * v);
            }
        }
        expected.fill(0.0);
        for (k, &value) in rows_b.zip(a.row(i)) {
            expected.iter_mut().zip(b.row(k)).for_each(|(e, &v)| *e += value * v);
        }
        let norm_a = norm(a.row(i));
        for (j, &got) in c.row(i).iter().enumerate() {
            let tolerance = element_tolerance(operands, precision, norm_a * squares_b[j].sqrt(), expected[j]);
            check.take(got - expected[j], tolerance, || format!("row {i}, column {j}"));
        }
        if check.failure.is_some() {
            return;
        }
    }
}

/// Elements of a glimpse.
pub const GLIMPSE: usize = 4;

/// Neighbouring elements of a row of C as they were after one dispatch of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glimpse {
    /// Which dispatch.
    pub dispatch: usize,
    /// Row of C.
    pub row: usize,
    /// First column.
    pub column: usize,
    /// From there on; what is beyond the end of the row means nothing.
    pub values: [f64; GLIMPSE],
}

/// What glimpses came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Glimpsed {
    /// Largest residual over its tolerance; absent where a value is not finite or an exact check failed.
    pub worst: Option<f64>,
    /// The dispatch that failed first, and how.
    pub failure: Option<(usize, String)>,
}

/// Recomputes the elements of each glimpse, to the tolerance of a whole row.
pub fn prove_glimpses(operands: &Operands, glimpses: &[Glimpse], precision: Precision) -> Glimpsed {
    let (a, b) = (&operands.a, &operands.b);
    let mut worst = Some(0.0f64);
    for glimpse in glimpses {
        let mut check = Check { worst: 0.0, failure: None };
        let row = a.row(glimpse.row);
        let norm_a = norm(row);
        for (j, &got) in (glimpse.column..b.cols).zip(&glimpse.values) {
            let (mut expected, mut square) = (0.0, 0.0);
            for (k, &value) in operands.rows_b(glimpse.row).zip(row) {
                let other = b.values[k * b.stride + j];
                expected += value * other;
                square += other * other;
            }
            let tolerance = element_tolerance(operands, precision, norm_a * square.sqrt(), expected);
            check.take(got - expected, tolerance, || format!("row {}, column {j}", glimpse.row));
        }
        worst = worst.filter(|_| check.worst.is_finite()).map(|worst| worst.max(check.worst));
        if let Some(why) = check.failure {
            return Glimpsed { worst, failure: Some((glimpse.dispatch, why)) };
        }
    }
    Glimpsed { worst, failure: None }
}

/// How far one element may be off; `norms` is ‖a_i‖·‖b_j‖.
fn element_tolerance(operands: &Operands, precision: Precision, norms: f64, expected: f64) -> f64 {
    rounding_error(operands, precision, 0, norms, expected.abs()) + store_error(precision, expected, operands.exact)
}

fn freivalds(operands: &Operands, c: &Matrix, precision: Precision, rng: &mut ChaCha8Rng, check: &mut Check) {
    let (a, b) = (&operands.a, &operands.b);
    // Non-zero whole numbers: a single wrong element always shows, and exact operands stay exact.
    let x: Vec<[f64; VECTORS]> = (0..b.cols)
        .map(|_| std::array::from_fn(|_| f64::from(rng.random_range(1..=8i32)) * if rng.random() { 1.0 } else { -1.0 }))
        .collect();
    let bx: Vec<[f64; VECTORS]> = (0..b.rows).map(|k| dot(b.row(k), &x)).collect();
    // Root of the sum over j of ‖b_j‖²·x_j², for x of the largest size: how far independent errors of a row add up.
    let weight = |rows_b: std::ops::Range<usize>| {
        rows_b.map(|k| b.row(k).iter().map(|v| v * v).sum::<f64>()).sum::<f64>().sqrt() * 8.0
    };
    let weights: Vec<f64> = match operands.exact {
        true => vec![0.0; operands.batch],
        false => (0..operands.batch).map(|item| weight(item * a.cols..(item + 1) * a.cols)).collect(),
    };
    let rows_a = c.rows / operands.batch;
    for i in 0..c.rows {
        let weight = weights[i / rows_a];
        let (got, expected) = (dot(c.row(i), &x), dot(a.row(i), &bx[operands.rows_b(i)]));
        let magnitude = norm(c.row(i)) * 8.0;
        let tolerance = rounding_error(operands, precision, b.cols, norm(a.row(i)) * weight, magnitude)
            + store_error(precision, magnitude, operands.exact);
        for v in 0..VECTORS {
            check.take(got[v] - expected[v], tolerance, || format!("Freivalds vector {v}, row {i}"));
        }
        if check.failure.is_some() {
            return;
        }
    }
}

/// Products of one row with all vectors.
fn dot(row: &[f64], x: &[[f64; VECTORS]]) -> [f64; VECTORS] {
    let mut sums = [0.0; VECTORS];
    for (&value, x) in row.iter().zip(x) {
        for v in 0..VECTORS {
            sums[v] += value * x[v];
        }
    }
    sums
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Bounds the error of rounded sums: `norms` is ‖a‖·‖b‖ of what is summed, `magnitude` the size of the
/// sum. 0 for exact operands.
///
/// In halves the bound of the module's head exceeds the sums themselves. There the data's own randomness
/// counts: partial sums of k independent terms grow as √i around a straight line to the final sum, which
/// leaves λ·u·(‖a‖·‖b‖ + √k·|sum|). Wider sums keep the wider bound: it is far below any wrong result, and
/// matrix units that cut instead of rounding stay within it.
///
/// In f64 the check itself is no more exact than the kernel: it sums as long, and over `further` terms
/// more for Freivalds.
fn rounding_error(operands: &Operands, precision: Precision, further: usize, norms: f64, magnitude: f64) -> f64 {
    if operands.exact || precision == Precision::I8AccI32 {
        return 0.0;
    }
    let length = (operands.a.cols as f64).sqrt();
    let scale = match precision {
        Precision::F16 => norms + length * magnitude,
        Precision::F64 => 2.0 * (length + (further as f64).sqrt()) * norms,
        _ => length * norms,
    };
    LAMBDA * precision.sum_roundoff() * scale
}

/// Error of rounding the finished sum to the result's type, where that is coarser than the sum.
fn store_error(precision: Precision, magnitude: f64, exact: bool) -> f64 {
    if exact { 0.0 } else { precision.sum_roundoff() * magnitude.abs() }
}

#[cfg(test)]
mod tests;
