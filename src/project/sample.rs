//! Draws of all that is uncertain, and what each part of it does to the result.
//!
//! Points are Owen-scrambled Sobol (crate `sobol_burley`), the seed is fixed: the same input gives
//! the same bits. Sensitivities are Saltelli's and Jansen's estimators on two independent blocks.

use super::constants::{COUNT, Constants, ConstantsFile};
use super::machine::Machine;
use crate::sourced::Spread;
use sobol_burley::{NUM_DIMENSION_SETS_4D, sample_4d};
use std::sync::Arc;

/// Draws per projection.
pub const DRAWS: usize = 4096;
/// Seed of every projection.
pub const SEED: u32 = 0x0f10_bca5;

/// Sets of four dimensions that a block of draws has to itself: both blocks are parts of one sequence,
/// so that pairs of them are spread as evenly as either.
const SETS: u32 = NUM_DIMENSION_SETS_4D / 2;

/// Most inputs that a block has dimensions for.
pub const MAX_INPUTS: usize = 4 * SETS as usize;

/// One draw of the constants, and a machine with one of the error of its products: for a published run or a choice
/// of layouts, where nothing else is uncertain.
pub fn drawn(file: &ConstantsFile, machine: &Machine, point: u32) -> (Constants, Machine) {
    let u = |column: usize| f64::from(sobol_burley::sample(point, column as u32, SEED));
    let mut constants = file.medians();
    for (column, entry) in file.entries().iter().enumerate() {
        constants.set(column, entry.spread.at(entry.median, u(column)));
    }
    let products_slower = Spread::Log(machine.products_sd_log()).at(1.0, u(COUNT));
    (constants, Machine { products_slower, ..*machine })
}

/// A matrix of draws, `DRAWS` rows of one column per input; what is certain has its median in each.
#[derive(Clone)]
pub struct Draws {
    inputs: Vec<(f64, Spread)>,
    block: u32,
    values: Arc<[f64]>,
}

impl Draws {
    /// Block 0 or 1 of the draws of `inputs`, a median and a spread each; the blocks are independent.
    pub fn new(inputs: &[(f64, Spread)], block: u32) -> Self {
        let columns = inputs.len();
        let medians: Vec<f64> = inputs.iter().map(|(median, _)| *median).collect();
        let mut values = Vec::with_capacity(DRAWS * columns);
        for _ in 0..DRAWS {
            values.extend_from_slice(&medians);
        }
        for (set, four) in inputs.chunks(4).enumerate() {
            let drawn: Vec<_> = four
                .iter()
                .enumerate()
                .filter(|(_, (_, spread))| *spread != Spread::None)
                .map(|(lane, (median, spread))| (lane, spread.about(*median)))
                .collect();
            if drawn.is_empty() {
                continue;
            }
            for row in 0..DRAWS {
                let points = sample_4d(row as u32, set as u32 + SETS * block, SEED);
                for (lane, quantiles) in &drawn {
                    values[row * columns + 4 * set + lane] = quantiles.at(f64::from(points[*lane]));
                }
            }
        }
        Draws { inputs: inputs.to_vec(), block, values: values.into() }
    }

    /// [`Draws::new`], or earlier ones again where they are of the same inputs.
    pub fn again(earlier: Option<&Self>, inputs: &[(f64, Spread)], block: u32) -> Self {
        match earlier.filter(|e| e.block == block && e.inputs == inputs) {
            Some(same) => same.clone(),
            None => Self::new(inputs, block),
        }
    }

    /// One draw.
    pub fn row(&self, index: usize) -> &[f64] {
        let columns = self.inputs.len();
        &self.values[index * columns..(index + 1) * columns]
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

impl Share {
    /// The share of the inputs that a mixed block takes from the second one, everything else from the
    /// first: `a`, `b` and `mixed` are the results on the three.
    pub fn new(a: &[f64], b: &[f64], mixed: &[f64]) -> Self {
        let n = a.len() as f64;
        let mean = (a.iter().sum::<f64>() + b.iter().sum::<f64>()) / (2.0 * n);
        let variance = a.iter().chain(b).map(|x| (x - mean).powi(2)).sum::<f64>() / (2.0 * n);
        if variance <= 0.0 || !variance.is_finite() {
            return Share { first: 0.0, total: 0.0 };
        }
        let apart = |x: &[f64]| x.iter().zip(mixed).map(|(x, y)| (x - y).powi(2)).sum::<f64>() / (2.0 * n * variance);
        Share { first: 1.0 - apart(b), total: apart(a) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(sds: &[f64]) -> Vec<(f64, Spread)> {
        sds.iter().map(|&sd| (1.0, Spread::Log(sd))).collect()
    }

    #[test]
    fn shares_of_a_linear_form_are_its_squared_coefficients() {
        let inputs = inputs(&[0.3, 0.1, 0.2]);
        let (first, second) = (Draws::new(&inputs, 0), Draws::new(&inputs, 1));
        let result = |row: &[f64]| row.iter().map(|x| x.ln()).sum::<f64>();
        let mixed = |of: &dyn Fn(usize) -> bool| -> Vec<f64> {
            (0..DRAWS)
                .map(|i| {
                    let row: Vec<f64> =
                        (0..3).map(|c| if of(c) { second.row(i)[c] } else { first.row(i)[c] }).collect();
                    result(&row)
                })
                .collect()
        };
        let (a, b) = (mixed(&|_| false), mixed(&|_| true));
        for (column, variance) in [0.09, 0.01, 0.04].into_iter().enumerate() {
            let s = Share::new(&a, &b, &mixed(&|c| c == column));
            assert!((s.first - variance / 0.14).abs() < 0.03, "{column}: {s:?}");
            assert!((s.total - variance / 0.14).abs() < 0.03, "{column}: {s:?}");
        }
        assert!((Share::new(&a, &b, &b).first - 1.0).abs() < 1e-9);
        assert_eq!(Share::new(&a, &b, &a).total, 0.0);
    }

    #[test]
    fn draws_are_the_same_every_time_and_their_median_is_the_median() {
        let inputs = inputs(&[0.5]);
        let draws = Draws::new(&inputs, 0);
        assert_eq!(draws.values, Draws::new(&inputs, 0).values);
        assert_ne!(draws.values, Draws::new(&inputs, 1).values);
        let again = |other: &[(f64, Spread)], block| Draws::again(Some(&draws), other, block);
        assert!(Arc::ptr_eq(&draws.values, &again(&inputs, 0).values));
        assert_eq!(again(&inputs, 1).values, Draws::new(&inputs, 1).values);
        let wider = [(1.0, Spread::Log(0.6))];
        assert_eq!(again(&wider, 0).values, Draws::new(&wider, 0).values);
        let mut sorted = draws.values.to_vec();
        sorted.sort_by(f64::total_cmp);
        assert!((quantile(&sorted, 0.5) - 1.0).abs() < 0.005);
        assert!((quantile(&sorted, 0.95).ln() / 0.5 - 1.645).abs() < 0.02);
    }
}
