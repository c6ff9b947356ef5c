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

/// Probability of a correlation of normal scores as high as between these two, sample by sample, if they
/// had nothing to do with each other (one-sided: moving the same way); r·√(n − 1) is then about normal
/// (van der Waerden; Hájek and Šidák 1967).
///
/// # Errors
/// As [`normal_scores`] for either; [`Undefined::TooFew`] where they differ in length.
pub fn correlation_p(a: &[f64], b: &[f64]) -> Result<f64, Undefined> {
    if a.len() != b.len() {
        return Err(Undefined::TooFew { have: a.len().min(b.len()), need: a.len().max(b.len()) });
    }
    let (x, y) = (normal_scores(a)?, normal_scores(b)?);
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let r = product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt();
    Ok(Normal::standard().sf(r * (a.len() as f64 - 1.0).sqrt()))
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
    fn what_moves_the_same_way_correlates_and_what_is_independent_does_not() {
        use crate::stats::synthetic::Noise;
        let up: Vec<f64> = (0..20).map(f64::from).collect();
        let down: Vec<f64> = up.iter().map(|x| -x).collect();
        assert!(correlation_p(&up, &up).unwrap() < 1e-4);
        assert!(correlation_p(&up, &down).unwrap() > 0.999);
        let noise = Noise::Normal(0.1);
        let false_alarms =
            (0..1000).filter(|&s| correlation_p(&noise.trace(s, 20), &noise.trace(s + 9999, 20)).unwrap() < 0.01);
        assert!(false_alarms.count() <= 20);
        assert_eq!(correlation_p(&up, &up[1..]), Err(Undefined::TooFew { have: 19, need: 20 }));
    }

    #[test]
    fn ties_share_their_score() {
        let scores = normal_scores(&[1.0, 2.0, 2.0, 3.0]).unwrap();
        assert_eq!(scores[1], scores[2]);
        assert_eq!(normal_scores(&[5.0, 5.0, 5.0]), Err(Undefined::NoVariation));
    }
}
