//! How far predictions are off.

use super::row::Row;
use crate::project::sample::quantile;
use serde::Serialize;

/// Errors of a group of rows. Logarithms are natural; their exponentials are factors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows that were compared.
    pub n: usize,
    /// Rows without a prediction or a measurement.
    pub refused: usize,
    /// Mean of |predicted / measured − 1|.
    pub mape: Option<f64>,
    /// Median of |ln(predicted / measured)|.
    pub median_abs_log: Option<f64>,
    /// 90th percentile of the same.
    pub p90_abs_log: Option<f64>,
    /// Mean of ln(predicted / measured): above 0 too slow, below too quick.
    pub bias_log: Option<f64>,
    /// Share within 20 %.
    pub within20: Option<f64>,
    /// Share inside the 90 % band.
    pub coverage90: Option<f64>,
}

/// Errors of `rows`.
pub fn summarise<'a>(rows: impl Iterator<Item = &'a Row>) -> Summary {
    let (mut logs, mut relative, mut inside, mut refused) = (Vec::new(), Vec::new(), 0usize, 0usize);
    for row in rows {
        match (row.predicted_s, row.measured_s, &row.refused) {
            (Some(p), Some(m), None) => {
                logs.push((p / m).ln());
                relative.push((p / m - 1.0).abs());
                if row.p5_s.is_some_and(|low| low <= m) && row.p95_s.is_some_and(|high| m <= high) {
                    inside += 1;
                }
            }
            _ => refused += 1,
        }
    }
    let n = logs.len();
    let mut absolute: Vec<f64> = logs.iter().map(|x| x.abs()).collect();
    absolute.sort_by(f64::total_cmp);
    let some = |x: f64| (n > 0).then_some(x);
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let at = |q| if n > 0 { Some(quantile(&absolute, q)) } else { None };
    Summary {
        n,
        refused,
        mape: some(mean(&relative)),
        median_abs_log: at(0.5),
        p90_abs_log: at(0.9),
        bias_log: some(mean(&logs)),
        within20: some(relative.iter().filter(|r| **r <= 0.2).count() as f64 / n as f64),
        coverage90: some(inside as f64 / n as f64),
    }
}
