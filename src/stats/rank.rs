//! Normal scores: the ranks of the samples, read as quantiles of a normal distribution.
//!
//! Under independent samples of any continuous distribution the scores are one fixed set of numbers in
//! random order. A test built on them has the same false-alarm rate for normal, lognormal and skewed
//! noise, and one tenfold sample is just the largest rank.

use super::{Undefined, usable};
use statrs::distribution::{ContinuousCDF, Normal};

/// Φ⁻¹((rank − 1/2) / n), ties at their mean rank; the scores sum to zero.
///
/// # Errors
/// As [`usable`]; [`Undefined::NoVariation`] where all samples are equal.
pub fn normal_scores(samples: &[f64]) -> Result<Vec<f64>, Undefined> {
    usable(samples, 2)?;
    let n = samples.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_unstable_by(|&a, &b| samples[a].total_cmp(&samples[b]));
    let normal = Normal::standard();
    let mut scores = vec![0.0; n];
    let mut start = 0;
    while start < n {
        let mut end = start + 1;
        while end < n && samples[order[end]] == samples[order[start]] {
            end += 1;
        }
        if end - start == n {
            return Err(Undefined::NoVariation);
        }
        let score = normal.inverse_cdf((start + end) as f64 / 2.0 / n as f64);
        for &place in &order[start..end] {
            scores[place] = score;
        }
        start = end;
    }
    let mean = scores.iter().sum::<f64>() / n as f64;
    scores.iter_mut().for_each(|s| *s -= mean);
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_depend_on_the_order_alone() {
        let scores = normal_scores(&[10.0, 1000.0, 20.0]).unwrap();
        assert_eq!(scores, normal_scores(&[1.0, 3.0, 2.0]).unwrap());
        assert!(scores[0] < scores[2] && scores[2] < scores[1]);
        assert!(scores.iter().sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn ties_share_their_score() {
        let scores = normal_scores(&[1.0, 2.0, 2.0, 3.0]).unwrap();
        assert_eq!(scores[1], scores[2]);
        assert_eq!(normal_scores(&[5.0, 5.0, 5.0]), Err(Undefined::NoVariation));
    }
}
