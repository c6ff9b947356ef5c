//! A confidence interval of the median that assumes no distribution.
//!
//! The number of samples below the true median is binomial(n, 1/2), so two order statistics bracket it
//! with a known probability. That probability jumps from rank to rank; interpolating between the two
//! ranks that enclose the wanted one (Hettmansperger and Sheather, Statistics & Probability Letters 4,
//! 1986, 75–79) brings it to within a per cent for any continuous noise.

use super::median::{of_sorted, sorted};
use super::{Undefined, serial};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

/// Fewest samples whose full range covers the median with 95 %: 1 − 2·(1/2)⁶ = 96.9 %.
pub const MIN_SAMPLES_95: usize = 6;

/// Steps of the weight between two ranks: 2³², far finer than any interval means, far coarser than rounding.
const WEIGHT_STEPS: f64 = 4_294_967_296.0;

/// A median with an interval and the confidence that the interval really has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianInterval {
    /// Median of the samples, in their unit.
    pub median: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
    /// Samples behind it.
    pub samples: usize,
    /// Probability that such an interval covers the true median of independent samples: what was asked
    /// for, or less where there are so few samples that even their full range has less (0 for one sample).
    pub confidence: f64,
    /// Whether `confidence` is what was asked for; else `lo` and `hi` are the full range.
    pub reached: bool,
}

impl MedianInterval {
    /// Half of the interval over the median: 0.01 is ±1 %. `None` where it says nothing: the asked
    /// confidence was not reached, or the median is zero.
    pub fn relative_half_width(&self) -> Option<f64> {
        (self.reached && self.median != 0.0).then(|| 0.5 * (self.hi - self.lo) / self.median.abs())
    }
}

/// The interval at any confidence from 0.5 up to, not including, 1, for independent samples.
///
/// With too few samples for the confidence the full range is returned, with the confidence that it
/// has and `reached` false.
///
/// # Errors
/// As [`super::usable`]. A confidence outside its range is taken as the nearest one inside.
pub fn median_interval(samples: &[f64], confidence: f64) -> Result<MedianInterval, Undefined> {
    let x = sorted(samples)?;
    let n = x.len();
    let wanted = confidence.clamp(0.5, 1.0 - 1e-12);
    let full = 1.0 - 2.0 * 0.5_f64.powi(n.min(2000) as i32);
    let median = of_sorted(&x);
    if full < wanted {
        let confidence = full.max(0.0);
        return Ok(MedianInterval { median, lo: x[0], hi: x[n - 1], samples: n, confidence, reached: false });
    }
    let binomial = Binomial::new(0.5, n as u64).expect("1/2 is a probability");
    // Coverage of the d-th smallest to the d-th largest, d from 1.
    let coverage = |d: usize| 1.0 - 2.0 * binomial.cdf(d as u64 - 1);
    // Largest d that still has the confidence: coverage falls with d, and at d = 1 it is `full`.
    let (mut has, mut lacks) = (1, n / 2 + 1);
    while lacks - has > 1 {
        let d = usize::midpoint(has, lacks);
        if coverage(d) >= wanted { has = d } else { lacks = d }
    }
    let (above, below) = (coverage(has), coverage(has + 1));
    let step = (above - wanted) / (above - below);
    let (nf, d) = (n as f64, has as f64);
    let weight = (nf - d) * step / (d + (nf - 2.0 * d) * step);
    // The last bits of the special functions behind it depend on how they were compiled; a replay by another
    // build has to give the same bits.
    let weight = (weight * WEIGHT_STEPS).round() / WEIGHT_STEPS;
    let between = |outer: f64, inner: f64| outer + weight * (inner - outer);
    Ok(MedianInterval {
        median,
        lo: between(x[has - 1], x[has]).min(median),
        hi: between(x[n - has], x[n - has - 1]).max(median),
        samples: n,
        confidence: wanted,
        reached: true,
    })
}

/// The 95 % interval of the median of an ordered trace, widened for the correlation seen between
/// neighbours: that of independent samples, stretched round the median by √[`serial::cautious_inflation`], on the
/// logarithm where all of it is above zero. A higher
/// confidence would ask for ranks further out, which in a short trace are its outliers.
///
/// This is the interval of every headline figure. On independent samples it is a little wide (the
/// correlation is estimated, and only a positive one counts), within the 93–97 % that are promised.
///
/// # Errors
/// As [`super::usable`].
pub fn median_95(trace: &[f64]) -> Result<MedianInterval, Undefined> {
    let plain = median_interval(trace, 0.95)?;
    let inflation = match serial::cautious_inflation(trace) {
        Ok(inflation) if plain.reached => inflation,
        // Too short for a correlation, or constant: nothing to widen by.
        _ => return Ok(plain),
    };
    // Rounded as the weight between ranks is, and for the same reason.
    let rounded = |x: f64| (x * WEIGHT_STEPS).round() / WEIGHT_STEPS;
    let wider = rounded(inflation.sqrt());
    if wider <= 1.0 {
        return Ok(plain);
    }
    // What is above zero, as times are, stays so: on the logarithm.
    let stretched = |end: f64| match plain.lo > 0.0 {
        true => plain.median * rounded((end / plain.median).powf(wider)),
        false => plain.median + (end - plain.median) * wider,
    };
    Ok(MedianInterval { lo: stretched(plain.lo), hi: stretched(plain.hi), ..plain })
}

/// [`median_95`] as it was up to method 2 of the records: widened by the correlation as it was seen, to the full
/// range at most.
///
/// # Errors
/// As [`super::usable`].
pub fn median_95_to_method_2(trace: &[f64]) -> Result<MedianInterval, Undefined> {
    let plain = median_interval(trace, 0.95)?;
    let inflation = match serial::median_inflation(trace) {
        Ok(inflation) if plain.reached => inflation,
        _ => return Ok(plain),
    };
    let normal = Normal::standard();
    let wanted = 2.0 * normal.cdf(normal.inverse_cdf(0.975) * inflation.sqrt()) - 1.0;
    Ok(MedianInterval { confidence: plain.confidence, reached: true, ..median_interval(trace, wanted)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::{Noise, autoregressive};

    fn covers(interval: &MedianInterval) -> bool {
        interval.lo <= 1.0 && 1.0 <= interval.hi
    }

    #[test]
    fn the_interval_covers_the_true_median_in_93_to_97_per_cent_of_traces() {
        for n in [6, 8, 12, 20, 50, 200, 2000] {
            for noise in [Noise::Normal(0.03), Noise::Lognormal(0.05), Noise::Skewed(0.1)] {
                let traces: Vec<Vec<f64>> = (0..1000).map(|seed| noise.trace(seed, n)).collect();
                let plain = traces.iter().filter(|t| covers(&median_interval(t, 0.95).unwrap())).count();
                assert!((930..=970).contains(&plain), "{n} {noise:?}: {plain} of 1000");
                let wide = traces.iter().filter(|t| covers(&median_95(t).unwrap())).count();
                assert!((930..=970).contains(&wide), "{n} {noise:?} widened: {wide} of 1000");
            }
        }
    }

    #[test]
    fn a_90_per_cent_interval_covers_90_per_cent() {
        let hits = (0..1000).filter(|&s| covers(&median_interval(&Noise::Normal(0.03).trace(s, 25), 0.90).unwrap()));
        assert!((875..=925).contains(&hits.count()));
    }

    #[test]
    fn the_widened_interval_covers_where_neighbours_are_correlated_and_the_plain_one_does_not() {
        let traces: Vec<Vec<f64>> = (0..1000).map(|seed| autoregressive(seed, 200, 0.5, 0.03)).collect();
        let plain = traces.iter().filter(|t| covers(&median_interval(t, 0.95).unwrap())).count();
        let wide = traces.iter().filter(|t| covers(&median_95(t).unwrap())).count();
        assert!(plain < 860, "{plain}");
        assert!(wide >= 930, "{wide}");
    }

    #[test]
    fn the_exact_rank_interval_is_met_where_a_confidence_falls_on_a_rank() {
        // n = 10: the 2nd to the 9th of ten cover with 1 − 2·11/1024.
        let x: Vec<f64> = (1..=10).map(f64::from).collect();
        let got = median_interval(&x, 1.0 - 22.0 / 1024.0).unwrap();
        assert!((got.lo - 2.0).abs() < 1e-9 && (got.hi - 9.0).abs() < 1e-9, "{got:?}");
    }

    #[test]
    fn fewer_than_six_samples_give_their_range_and_say_that_it_is_below_95_per_cent() {
        let got = median_95(&[3.0, 1.0, 2.0, 4.0, 5.0]).unwrap();
        assert_eq!((got.lo, got.median, got.hi, got.reached), (1.0, 3.0, 5.0, false));
        assert!((got.confidence - 0.9375).abs() < 1e-12);
        assert_eq!(got.relative_half_width(), None);
        let one = median_95(&[2.0]).unwrap();
        assert_eq!((one.lo, one.hi, one.confidence, one.reached), (2.0, 2.0, 0.0, false));
        assert!(median_interval(&[1.0; MIN_SAMPLES_95], 0.95).unwrap().reached);
        assert_eq!(median_95(&[]), Err(Undefined::Empty));
        assert_eq!(median_95(&[1.0, f64::NAN]), Err(Undefined::NotFinite { index: 1 }));
    }

    #[test]
    fn equal_samples_have_an_interval_of_no_width() {
        let got = median_95(&[7.0; 40]).unwrap();
        assert_eq!((got.lo, got.median, got.hi, got.reached), (7.0, 7.0, 7.0, true));
    }

    #[test]
    fn huge_traces_are_no_problem() {
        let trace: Vec<f64> = (0..100_000).map(|i| f64::from(i * 7919 % 100_003)).collect();
        assert!(median_95(&trace).unwrap().reached);
    }
}
