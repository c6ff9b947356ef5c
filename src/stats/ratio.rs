//! How much slower: the ratio of two sets of times, with an interval that assumes no distribution.
//!
//! Both are Hodges–Lehmann estimates on logarithms (Annals of Mathematical Statistics 34, 1963,
//! 598–611): the median of all pairwise differences, with the interval that inverts the rank test.

use super::{Undefined, positive};
use statrs::distribution::{ContinuousCDF, Normal};

/// Up to this many samples on either side, or pairs, the rank distribution is counted out; above it the
/// normal approximation is off by less than 0.002, and by less than 0.0005 in the tails at which an
/// interval is cut (tested).
const EXACT_UP_TO: usize = 25;
const EXACT_PAIRS_UP_TO: usize = 50;

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Estimate: new over base, above 1 is slower where the samples are times.
    pub ratio: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Confidence that the interval really has, at most what was asked for plus one rank.
    pub confidence: f64,
    /// Whether `confidence` is at least what was asked for; else the interval is all the samples allow.
    pub reached: bool,
}

/// new ÷ base of two independent sets of positive samples.
///
/// # Errors
/// As [`positive`], for `base` first; two samples on each side at least.
pub fn unpaired(base: &[f64], new: &[f64], confidence: f64) -> Result<Ratio, Undefined> {
    positive(base, 2)?;
    positive(new, 2)?;
    let (x, y) = (logs(base), logs(new));
    let pairs = x.len() * y.len();
    let tail = tail_rank(pairs, confidence, mann_whitney(x.len(), y.len()));
    Ok(pick(pairs, tail, confidence, |rank| {
        select(rank, x[0].min(y[0]) - x[x.len() - 1].max(y[y.len() - 1]), y[y.len() - 1] - x[0], |limit| {
            // Both ascend, so the count of x with y − x ≤ limit falls as y rises.
            let mut from = 0;
            let mut count = 0;
            for &b in &y {
                while from < x.len() && b - x[from] > limit {
                    from += 1;
                }
                count += x.len() - from;
            }
            count
        })
    }))
}

/// new ÷ base of pairs of positive samples that were taken side by side; the two slices are equally
/// long, and what is over in the longer one is an error.
///
/// # Errors
/// As [`positive`], for `base` first; two pairs at least, [`Undefined::TooFew`] for unequal lengths.
pub fn paired(base: &[f64], new: &[f64], confidence: f64) -> Result<Ratio, Undefined> {
    positive(base, 2)?;
    positive(new, 2)?;
    if base.len() != new.len() {
        return Err(Undefined::TooFew { have: base.len().min(new.len()), need: base.len().max(new.len()) });
    }
    let mut d: Vec<f64> = base.iter().zip(new).map(|(b, n)| n.ln() - b.ln()).collect();
    d.sort_unstable_by(f64::total_cmp);
    let n = d.len();
    let means = n * (n + 1) / 2;
    let tail = tail_rank(means, confidence, signed_rank(n));
    Ok(pick(means, tail, confidence, |rank| {
        select(rank, d[0], d[n - 1], |limit| {
            // Walsh means (d_i + d_j) / 2, i ≤ j: for each i, the partners from i on.
            let mut upto = n;
            let mut count = 0;
            for i in 0..n {
                while upto > i && 0.5 * (d[i] + d[upto - 1]) > limit {
                    upto -= 1;
                }
                count += upto.saturating_sub(i);
            }
            count
        })
    }))
}

fn logs(samples: &[f64]) -> Vec<f64> {
    let mut logs: Vec<f64> = samples.iter().map(|x| x.ln()).collect();
    logs.sort_unstable_by(f64::total_cmp);
    logs
}

/// How many of the `total` ordered differences lie below the interval, and the probability of the two
/// tails: the largest count whose tails together still fit beside the confidence.
fn tail_rank(total: usize, confidence: f64, cdf: impl Fn(usize) -> f64) -> (usize, f64) {
    let tail = 0.5 * (1.0 - confidence.clamp(0.5, 1.0 - 1e-12));
    // The differences from the (c + 1)-th smallest to the (c + 1)-th largest miss with 2·P(W ≤ c).
    let (mut fits, mut exceeds) = (None, total / 2 + 1);
    let mut from = 0;
    while from < exceeds {
        let count = usize::midpoint(from, exceeds);
        if cdf(count) <= tail {
            fits = Some(count);
            from = count + 1;
        } else {
            exceeds = count;
        }
    }
    match fits {
        Some(count) => (count, 2.0 * cdf(count)),
        None => (0, 2.0 * cdf(0)),
    }
}

fn pick(total: usize, (below, missed): (usize, f64), confidence: f64, mut nth: impl FnMut(usize) -> f64) -> Ratio {
    let middle = if total % 2 == 1 { nth(total / 2) } else { 0.5 * (nth(total / 2 - 1) + nth(total / 2)) };
    let (lo, hi) = (nth(below), nth(total - 1 - below));
    let got = (1.0 - missed).max(0.0);
    Ratio { ratio: middle.exp(), lo: lo.exp(), hi: hi.exp(), confidence: got, reached: got >= confidence }
}

/// The `rank`-th smallest (from 0) of values that can only be counted: bisection on the bits of the
/// float, so it ends at the value itself and needs no memory for all pairs.
fn select(rank: usize, low: f64, high: f64, count_upto: impl Fn(f64) -> usize) -> f64 {
    // Maps floats to integers in the same order.
    let key = |x: f64| {
        let bits = x.to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    };
    let value = |k: u64| f64::from_bits(if k >> 63 == 1 { k & !(1 << 63) } else { !k });
    let (mut lo, mut hi) = (key(low.min(high)), key(high.max(low)));
    while lo < hi {
        let mid = u64::midpoint(lo, hi);
        if count_upto(value(mid)) > rank { hi = mid } else { lo = mid + 1 }
    }
    value(lo)
}

/// P(U ≤ u) of the Mann–Whitney statistic for sample sizes m and n.
fn mann_whitney(m: usize, n: usize) -> Box<dyn Fn(usize) -> f64> {
    if m.max(n) > EXACT_UP_TO {
        let (mf, nf) = (m as f64, n as f64);
        return Box::new(move |upto| normal_tail(upto, mf * nf / 2.0, mf * nf * (mf + nf + 1.0) / 12.0));
    }
    // Of ranks 1 to m + n, n are taken; the j-th one taken, of rank r, is above r − j of the others.
    let mut ways = vec![vec![0.0; m * n + 1]; n + 1];
    ways[0][0] = 1.0;
    for rank in 1..=m + n {
        for taken in (1..=n.min(rank)).rev() {
            let above = rank - taken;
            if above <= m {
                for u in above..=m * n {
                    ways[taken][u] += ways[taken - 1][u - above];
                }
            }
        }
    }
    cumulative(&ways[n])
}

/// P(W ≤ w) of the Wilcoxon signed-rank statistic for n pairs.
fn signed_rank(n: usize) -> Box<dyn Fn(usize) -> f64> {
    if n > EXACT_PAIRS_UP_TO {
        let nf = n as f64;
        return Box::new(move |upto| {
            normal_tail(upto, nf * (nf + 1.0) / 4.0, nf * (nf + 1.0) * (2.0 * nf + 1.0) / 24.0)
        });
    }
    let total = n * (n + 1) / 2;
    // Each rank is in the sum or is not.
    let mut ways = vec![0.0; total + 1];
    ways[0] = 1.0;
    for rank in 1..=n {
        for w in (rank..=total).rev() {
            ways[w] += ways[w - rank];
        }
    }
    cumulative(&ways)
}

fn cumulative(ways: &[f64]) -> Box<dyn Fn(usize) -> f64> {
    let all: f64 = ways.iter().sum();
    let mut sum = 0.0;
    let cdf: Vec<f64> = ways
        .iter()
        .map(|w| {
            sum += w;
            sum / all
        })
        .collect();
    Box::new(move |upto| cdf[upto.min(cdf.len() - 1)])
}

fn normal_tail(upto: usize, mean: f64, variance: f64) -> f64 {
    Normal::standard().cdf((upto as f64 + 0.5 - mean) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::{Noise, rng};

    #[test]
    fn the_rank_distributions_are_the_published_ones() {
        // Critical values of common tables: U(5, 5) ≤ 2 at 5 % two-sided, W(10) ≤ 8.
        assert!(mann_whitney(5, 5)(2) <= 0.025 && mann_whitney(5, 5)(3) > 0.025);
        assert!(signed_rank(10)(8) <= 0.025 && signed_rank(10)(9) > 0.025);
        assert!((mann_whitney(4, 4)(0) - 1.0 / 70.0).abs() < 1e-12);
        assert!((signed_rank(6)(0) - 1.0 / 64.0).abs() < 1e-12);
    }

    #[test]
    fn the_normal_approximation_meets_the_exact_count_where_they_change_over() {
        let near = |exact: f64, approximate: f64| {
            let bound = if exact < 0.05 { 5e-4 } else { 2e-3 };
            assert!((exact - approximate).abs() < bound, "{exact} {approximate}");
        };
        let (two_sets, pairs) = (mann_whitney(25, 25), signed_rank(50));
        for upto in 0..=312 {
            near(two_sets(upto), normal_tail(upto, 312.5, 25.0 * 25.0 * 51.0 / 12.0));
        }
        for upto in 0..=637 {
            near(pairs(upto), normal_tail(upto, 637.5, 50.0 * 51.0 * 101.0 / 24.0));
        }
    }

    #[test]
    fn selection_finds_what_sorting_all_pairs_finds() {
        let base = Noise::Lognormal(0.2).trace(1, 7);
        let new = Noise::Lognormal(0.2).trace(2, 9);
        let mut all: Vec<f64> = new.iter().flat_map(|n| base.iter().map(move |b| n.ln() - b.ln())).collect();
        all.sort_unstable_by(f64::total_cmp);
        let got = unpaired(&base, &new, 0.95).unwrap();
        assert_eq!(got.ratio, all[31].exp());
        // Table value for 7 and 9: U ≤ 12 at 5 % two-sided.
        assert_eq!((got.lo, got.hi), (all[12].exp(), all[63 - 1 - 12].exp()));
    }

    #[test]
    fn both_intervals_cover_the_true_ratio_in_93_to_97_per_cent() {
        for (n, noise) in [
            (12, Noise::Normal(0.03)),
            (40, Noise::Lognormal(0.05)),
            (40, Noise::Skewed(0.05)),
            (60, Noise::Normal(0.01)),
        ] {
            let (mut unpaired_hits, mut paired_hits) = (0, 0);
            for seed in 0..1000 {
                let mut rng = rng(seed);
                let base: Vec<f64> = (0..n).map(|_| noise.sample(&mut rng)).collect();
                let new: Vec<f64> = (0..n).map(|_| 1.05 * noise.sample(&mut rng)).collect();
                let covers = |r: Ratio| r.lo <= 1.05 && 1.05 <= r.hi;
                unpaired_hits += usize::from(covers(unpaired(&base, &new, 0.95).unwrap()));
                paired_hits += usize::from(covers(paired(&base, &new, 0.95).unwrap()));
            }
            assert!((930..=970).contains(&unpaired_hits), "{n} {noise:?}: {unpaired_hits}");
            assert!((930..=970).contains(&paired_hits), "{n} {noise:?} paired: {paired_hits}");
        }
    }

    #[test]
    fn pairing_takes_out_a_drift_that_both_sides_share() {
        let noise = Noise::Normal(0.005);
        let mut rng = rng(5);
        let drift = |i: usize| 1.0 + 0.3 * i as f64 / 40.0;
        let base: Vec<f64> = (0..40).map(|i| drift(i) * noise.sample(&mut rng)).collect();
        let new: Vec<f64> = (0..40).map(|i| 1.02 * drift(i) * noise.sample(&mut rng)).collect();
        let side_by_side = paired(&base, &new, 0.95).unwrap();
        let apart = unpaired(&base, &new, 0.95).unwrap();
        assert!(side_by_side.lo > 1.01 && side_by_side.hi < 1.03, "{side_by_side:?}");
        assert!(apart.hi - apart.lo > 5.0 * (side_by_side.hi - side_by_side.lo));
    }

    #[test]
    fn too_few_samples_give_the_confidence_they_have() {
        let got = unpaired(&[1.0, 1.1], &[1.2, 1.3], 0.95).unwrap();
        assert!(!got.reached && (got.confidence - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(unpaired(&[], &[1.0], 0.95), Err(Undefined::Empty));
        assert_eq!(unpaired(&[1.0, 0.0], &[1.0, 1.0], 0.95), Err(Undefined::NotPositive { index: 1 }));
        assert_eq!(paired(&[1.0, 1.0], &[1.0, f64::NAN], 0.95), Err(Undefined::NotFinite { index: 1 }));
        assert_eq!(paired(&[1.0, 1.0], &[1.0; 3], 0.95), Err(Undefined::TooFew { have: 2, need: 3 }));
    }

    #[test]
    fn equal_samples_have_ratio_one_and_no_width() {
        let got = unpaired(&[2.0; 10], &[2.0; 10], 0.95).unwrap();
        assert_eq!((got.ratio, got.lo, got.hi), (1.0, 1.0, 1.0));
    }
}
