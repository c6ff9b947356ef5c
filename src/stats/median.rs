//! Median and the spread round it: figures that one bad sample cannot move.

use super::{Undefined, usable};

/// Makes the median absolute deviation of normal noise its standard deviation: 1 / Φ⁻¹(3/4).
const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// The samples in ascending order.
///
/// # Errors
/// As [`usable`].
pub fn sorted(samples: &[f64]) -> Result<Vec<f64>, Undefined> {
    usable(samples, 1)?;
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted)
}

/// Middle of a non-empty ascending slice.
pub(crate) fn of_sorted(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[half]
    } else {
        // Halved before the sum, so that two huge samples do not become infinite.
        0.5 * sorted[half - 1] + 0.5 * sorted[half]
    }
}

/// Median, in the unit of the samples.
///
/// # Errors
/// As [`usable`].
pub fn median(samples: &[f64]) -> Result<f64, Undefined> {
    Ok(of_sorted(&sorted(samples)?))
}

/// Standard deviation estimated from the median absolute deviation, in the unit of the samples.
/// Half of the samples may be anything without moving it far.
///
/// # Errors
/// As [`usable`]; two samples at least, since one has no spread.
pub fn robust_sd(samples: &[f64]) -> Result<f64, Undefined> {
    usable(samples, 2)?;
    let centre = median(samples)?;
    let deviations: Vec<f64> = samples.iter().map(|x| (x - centre).abs()).collect();
    Ok(MAD_TO_SD * median(&deviations)?)
}

/// [`robust_sd`] over the absolute median: 0.01 is 1 %.
///
/// # Errors
/// As [`robust_sd`]; [`Undefined::NoVariation`] where the median is zero.
pub fn relative_spread(samples: &[f64]) -> Result<f64, Undefined> {
    let spread = robust_sd(samples)?;
    let centre = median(samples)?.abs();
    if centre == 0.0 { Err(Undefined::NoVariation) } else { Ok(spread / centre) }
}

/// A running median of three: takes out a single spike and leaves every step and slope in place.
/// The ends stay as they are.
pub fn despiked(samples: &[f64]) -> Vec<f64> {
    let mut out = samples.to_vec();
    for (slot, window) in out.iter_mut().skip(1).zip(samples.windows(3)) {
        let [a, b, c] = [window[0], window[1], window[2]];
        *slot = a.max(b).min(a.min(b).max(c));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Ok(2.5));
        assert_eq!(median(&[f64::MAX, f64::MAX]), Ok(f64::MAX));
    }

    #[test]
    fn samples_without_an_answer_say_why() {
        assert_eq!(median(&[]), Err(Undefined::Empty));
        assert_eq!(median(&[1.0, f64::NAN]), Err(Undefined::NotFinite { index: 1 }));
        assert_eq!(median(&[f64::INFINITY]), Err(Undefined::NotFinite { index: 0 }));
    }

    #[test]
    fn one_sample_has_no_spread_rather_than_none_at_all() {
        assert_eq!(robust_sd(&[1.0]), Err(Undefined::TooFew { have: 1, need: 2 }));
        assert_eq!(relative_spread(&[1.0]), Err(Undefined::TooFew { have: 1, need: 2 }));
        assert_eq!(relative_spread(&[-1.0, 0.0, 1.0]), Err(Undefined::NoVariation));
    }

    #[test]
    fn the_spread_of_normal_noise_is_its_standard_deviation() {
        let samples = crate::stats::synthetic::Noise::Normal(0.03).trace(7, 4000);
        assert!((relative_spread(&samples).unwrap() / 0.03 - 1.0).abs() < 0.05);
    }

    #[test]
    fn a_tenfold_sample_moves_the_spread_by_less_than_a_tenth() {
        let mut samples = crate::stats::synthetic::Noise::Normal(0.03).trace(7, 200);
        let before = robust_sd(&samples).unwrap();
        samples[17] *= 10.0;
        assert!((robust_sd(&samples).unwrap() / before - 1.0).abs() < 0.1);
    }

    #[test]
    fn despiking_takes_a_spike_and_leaves_a_step() {
        assert_eq!(despiked(&[1.0, 1.0, 9.0, 1.0, 1.0]), [1.0, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(despiked(&[1.0, 1.0, 2.0, 2.0]), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(despiked(&[1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(despiked(&[1.0]), [1.0]);
    }
}
