//! Draws of all that is uncertain, and what each part of it does to the result.
//!
//! Points are Owen-scrambled Sobol (crate `sobol_burley`), the seed is fixed: the same input gives
//! the same bits. Sensitivities are Saltelli's and Jansen's estimators on two independent blocks.

use crate::sourced::Spread;
use sobol_burley::sample;

/// Draws per projection.
pub const DRAWS: usize = 1024;
/// Seed of every projection.
pub const SEED: u32 = 0x0f10_bca5;

/// Something uncertain.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Median.
    pub median: f64,
    /// Spread.
    pub spread: Spread,
    /// Whether nobody measured it.
    pub assumed: bool,
}

/// A matrix of draws, `DRAWS` rows of one column per input.
pub struct Draws {
    columns: usize,
    values: Vec<f64>,
}

impl Draws {
    /// Block 0 or 1 of the draws of `inputs`; the blocks are independent.
    pub fn new(inputs: &[Input], block: usize) -> Self {
        let columns = inputs.len();
        let mut values = Vec::with_capacity(DRAWS * columns);
        for row in 0..DRAWS {
            for (column, input) in inputs.iter().enumerate() {
                let u = sample(row as u32, (block * columns + column) as u32, SEED);
                values.push(input.spread.at(input.median, f64::from(u)));
            }
        }
        Draws { columns, values }
    }

    /// One draw.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }
}

/// Quantile `q` of `sorted` by linear interpolation between order statistics.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (low, share) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    if sorted[low] == sorted[high] {
        // Also keeps infinity minus infinity out.
        return sorted[low];
    }
    sorted[low] * (1.0 - share) + sorted[high] * share
}

/// First-order and total share of one group of inputs in the variance of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// Alone.
    pub first: f64,
    /// With all that it interacts with.
    pub total: f64,
}

/// The share of the inputs that `of` selects in the variance of `result`, which is evaluated on rows
/// that take the selected columns from the other block. `a` and `b` are its values on the blocks.
pub fn share(
    first: &Draws,
    second: &Draws,
    a: &[f64],
    b: &[f64],
    of: impl Fn(usize) -> bool,
    mut result: impl FnMut(&[f64]) -> f64,
) -> Share {
    let n = a.len() as f64;
    let mean = (a.iter().sum::<f64>() + b.iter().sum::<f64>()) / (2.0 * n);
    let variance = a.iter().chain(b).map(|x| (x - mean).powi(2)).sum::<f64>() / (2.0 * n);
    if variance <= 0.0 || !variance.is_finite() {
        return Share { first: 0.0, total: 0.0 };
    }
    let (mut first_order, mut total) = (0.0, 0.0);
    let mut mixed = vec![0.0; first.columns];
    for i in 0..a.len() {
        for (column, cell) in mixed.iter_mut().enumerate() {
            *cell = if of(column) { second.row(i)[column] } else { first.row(i)[column] };
        }
        let y = result(&mixed);
        first_order += (b[i] - y).powi(2);
        total += (a[i] - y).powi(2);
    }
    Share { first: 1.0 - first_order / (2.0 * n * variance), total: total / (2.0 * n * variance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(sds: &[f64]) -> Vec<Input> {
        sds.iter()
            .map(|&sd| Input { name: String::new(), median: 1.0, spread: Spread::Log(sd), assumed: false })
            .collect()
    }

    #[test]
    fn shares_of_a_linear_form_are_its_squared_coefficients() {
        let inputs = inputs(&[0.3, 0.1, 0.2]);
        let (first, second) = (Draws::new(&inputs, 0), Draws::new(&inputs, 1));
        let result = |row: &[f64]| row.iter().map(|x| x.ln()).sum::<f64>();
        let values = |d: &Draws| (0..DRAWS).map(|i| result(d.row(i))).collect::<Vec<_>>();
        let (a, b) = (values(&first), values(&second));
        for (column, variance) in [0.09, 0.01, 0.04].into_iter().enumerate() {
            let s = share(&first, &second, &a, &b, |c| c == column, result);
            assert!((s.first - variance / 0.14).abs() < 0.03, "{column}: {s:?}");
            assert!((s.total - variance / 0.14).abs() < 0.03, "{column}: {s:?}");
        }
        assert!((share(&first, &second, &a, &b, |_| true, result).first - 1.0).abs() < 1e-9);
        assert_eq!(share(&first, &second, &a, &b, |_| false, result).total, 0.0);
    }

    #[test]
    fn draws_are_the_same_every_time_and_their_median_is_the_median() {
        let inputs = inputs(&[0.5]);
        let draws = Draws::new(&inputs, 0);
        assert_eq!(draws.values, Draws::new(&inputs, 0).values);
        let mut sorted = draws.values.clone();
        sorted.sort_by(f64::total_cmp);
        assert!((quantile(&sorted, 0.5) - 1.0).abs() < 0.005);
        assert!((quantile(&sorted, 0.95).ln() / 0.5 - 1.645).abs() < 0.02);
    }
}
