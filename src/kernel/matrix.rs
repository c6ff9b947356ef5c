//! Operands and results on the host.

use super::{DataClass, Precision, Shape};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A rows×cols matrix, row-major, rows padded with zeros to `stride` elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Columns that count.
    pub cols: usize,
    /// Elements from one row to the next.
    pub stride: usize,
    /// rows·stride values: f64 holds every precision's exactly.
    pub values: Vec<f64>,
}

impl Matrix {
    /// All zero.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        let stride = padded(cols);
        Matrix { rows, cols, stride, values: vec![0.0; rows * stride] }
    }

    /// The counting part of one row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.stride..][..self.cols]
    }

    fn fill(&mut self, mut next: impl FnMut() -> f64) {
        for row in self.values.chunks_exact_mut(self.stride) {
            row[..self.cols].fill_with(&mut next);
        }
    }
}

/// Stride of a row of `cols` elements: the next multiple of four, so that rows can be read as vec4.
pub fn padded(cols: usize) -> usize {
    cols.next_multiple_of(4)
}

/// A and B of one product, or of a batch of them, one below the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Operands {
    /// m×k, batch·m rows in all.
    pub a: Matrix,
    /// k×n, batch·k rows in all.
    pub b: Matrix,
    /// Products.
    pub batch: usize,
    /// Whole numbers so small that the product is exact in the kernel's own arithmetic.
    pub exact: bool,
}

impl Operands {
    /// Operands of a data class, rounded to what the precision's operands can hold; the same for the
    /// same seed on every machine.
    pub fn of_class(shape: Shape, precision: Precision, data: DataClass, seed: u64) -> Self {
        let (mut a, mut b) = empty(shape);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        match data {
            // As many random bits as the operands can hold.
            DataClass::Normal if precision == Precision::F64 => {
                a.fill(|| StandardNormal.sample(&mut rng));
                b.fill(|| StandardNormal.sample(&mut rng));
            }
            DataClass::Normal => {
                let mut next = || precision.operand(f64::from(Distribution::<f32>::sample(&StandardNormal, &mut rng)));
                a.fill(&mut next);
                b.fill(&mut next);
            }
            DataClass::Uniform if precision == Precision::F64 => {
                let mut next = || rng.random_range(-1.0f64..1.0);
                a.fill(&mut next);
                b.fill(&mut next);
            }
            DataClass::Uniform => {
                let mut next = || precision.operand(f64::from(rng.random_range(-1.0f32..1.0)));
                a.fill(&mut next);
                b.fill(&mut next);
            }
            DataClass::Zeros => {}
            DataClass::Constant => {
                a.fill(|| precision.operand(1.0));
                b.fill(|| precision.operand(0.5));
            }
        }
        Operands { a, b, batch: shape.batch as usize, exact: false }
    }

    /// Whole-number operands whose product is exact whatever the order of summation, so that a right
    /// kernel's output has no error at all. Where sums are too long for that in the precision, as many elements of A are
    /// zero, here and there, as leave sums that are not: a tolerance could be as large as the sums.
    pub fn exact(shape: Shape, precision: Precision, seed: u64) -> Self {
        let (mut a, mut b) = empty(shape);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let range = exact_range(shape.k, precision);
        let dense = 1.0f64.min(most_terms(precision) / f64::from(shape.k));
        let mut next = || f64::from(rng.random_range(-range..=range));
        if dense < 1.0 {
            let mut thinned = ChaCha8Rng::seed_from_u64(seed ^ 0x7417_7ed0);
            a.fill(|| if thinned.random_bool(dense) { next() } else { 0.0 });
        } else {
            a.fill(&mut next);
        }
        b.fill(&mut next);
        Operands { a, b, batch: shape.batch as usize, exact: true }
    }

    /// The rows of B that a row of A is multiplied with: those of its own product.
    pub fn rows_b(&self, row_a: usize) -> std::ops::Range<usize> {
        let k = self.a.cols;
        let item = row_a / (self.a.rows / self.batch);
        item * k..(item + 1) * k
    }
}

fn empty(shape: Shape) -> (Matrix, Matrix) {
    let [m, n, k, batch] = [shape.m, shape.n, shape.k, shape.batch].map(|e| e as usize);
    (Matrix::zeros(batch * m, k), Matrix::zeros(batch * k, n))
}

/// Up to here every whole number is one of the sums' type.
fn largest_exact(precision: Precision) -> f64 {
    match precision {
        Precision::F16 => 2f64.powi(11),
        Precision::F32 | Precision::F16AccF32 => 2f64.powi(24),
        Precision::I8AccI32 => 2f64.powi(31),
        Precision::F64 => 2f64.powi(53),
    }
}

/// Largest r for which sums of k products of whole numbers in -r..=r stay exact. Partial sums of
/// random signs stay within 8·r²·√k (eight standard deviations) in any order of summation. 1 at least: of longer sums
/// fewer terms are other than zero ([`most_terms`]).
fn exact_range(k: u32, precision: Precision) -> i32 {
    let range = (largest_exact(precision) / (8.0 * f64::from(k).sqrt())).sqrt();
    // Values up to 8 are plenty to tell right from wrong and are exact in every operand type.
    (range as i32).clamp(1, 8)
}

/// Terms of ±1 or 0 whose partial sums stay exact, by the same eight standard deviations.
fn most_terms(precision: Precision) -> f64 {
    (largest_exact(precision) / 8.0).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_depend_on_the_seed_and_on_nothing_else() {
        let shape = Shape::new(5, 7, 9).unwrap();
        let one = Operands::of_class(shape, Precision::F32, DataClass::Normal, 1);
        assert_eq!(one, Operands::of_class(shape, Precision::F32, DataClass::Normal, 1));
        assert_ne!(one, Operands::of_class(shape, Precision::F32, DataClass::Normal, 2));
        assert_ne!(Operands::exact(shape, Precision::F32, 1), Operands::exact(shape, Precision::F32, 2));
    }

    #[test]
    fn padding_is_zero_in_every_class() {
        for data in DataClass::ALL {
            let operands = Operands::of_class(Shape::new(3, 5, 6).unwrap(), Precision::F32, data, 7);
            for matrix in [&operands.a, &operands.b] {
                assert_eq!(matrix.stride, 8);
                for row in matrix.values.chunks_exact(matrix.stride) {
                    assert!(row[matrix.cols..].iter().all(|&v| v == 0.0));
                }
            }
        }
    }

    #[test]
    fn operands_are_what_the_precision_can_hold() {
        for precision in Precision::ALL {
            for data in DataClass::ALL {
                let operands = Operands::of_class(Shape::square(9), precision, data, 3);
                let held = precision.encode(&operands.a.values);
                let width = precision.operand_bytes() as usize;
                assert_eq!(held.len(), operands.a.values.len() * width);
                assert_eq!(held.iter().all(|&byte| byte == 0), data == DataClass::Zeros, "{precision} {data:?}");
                let fits = |v: f64| match precision {
                    Precision::I8AccI32 => v == v.round() && v.abs() <= 127.0,
                    _ => v == precision.operand(v),
                };
                assert!(operands.a.values.iter().all(|&v| fits(v)), "{precision} {data:?}");
            }
        }
    }

    #[test]
    fn sums_too_long_for_halves_have_fewer_terms_all_along_k_and_stay_exact() {
        for (k, precision, terms) in [
            (4096, Precision::F16, 4096.0),
            (1 << 16, Precision::F16, 65_536.0),
            (1 << 17, Precision::F16, 65_536.0),
            (1_000_000, Precision::F16, 65_536.0),
            (1 << 17, Precision::F16AccF32, 131_072.0),
        ] {
            let operands = Operands::exact(Shape::new(2, 1, k).unwrap(), precision, 1);
            assert!(operands.exact);
            for row in 0..2 {
                // Of ±1 and 0 a third is zero anyway.
                let whole = operands.a.row(row).iter().filter(|v| **v != 0.0).count() as f64;
                let share = whole / terms;
                assert!((0.6..=1.0).contains(&share), "{precision} {k}: {share}");
                let last = operands.a.row(row)[k as usize / 16 * 15..].iter().filter(|v| **v != 0.0).count() as f64;
                assert!((last * 16.0 / whole - 1.0).abs() < 0.1, "{precision} {k}: {last} of {whole} at the end");
                let (mut sum, mut largest) = (0.0f64, 0.0f64);
                for (at, a) in operands.a.row(row).iter().enumerate() {
                    sum += a * operands.b.row(at)[0];
                    largest = largest.max(sum.abs());
                }
                assert!(largest <= largest_exact(precision), "{precision} {k}: {largest}");
            }
        }
    }

    #[test]
    fn normal_data_is_normal() {
        let operands = Operands::of_class(Shape::square(256), Precision::F32, DataClass::Normal, 3);
        let (n, sum, squares) =
            operands.a.values.iter().fold((0.0, 0.0, 0.0), |(n, s, q), &v| (n + 1.0, s + v, q + v * v));
        let mean: f64 = sum / n;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((squares / n - 1.0f64).abs() < 0.03);
    }
}
