//! Two modes: the samples gather round two levels and jump between them.

/// Each mode holds at least this share of the samples.
const MIN_SHARE: f64 = 0.1;

/// Two levels and how often the trace goes from one to the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modes {
    /// Mean of the lower mode.
    pub low: f64,
    /// Mean of the upper mode.
    pub high: f64,
    /// Share of the samples in the upper mode.
    pub upper_share: f64,
    /// What is above it is in the upper mode.
    pub border: f64,
    /// Changes from one to the other, in the order of the trace.
    pub switches: usize,
    /// Distance of the modes in standard deviations of one mode (Ashman, Bird and Zepf, Astronomical
    /// Journal 108, 1994, 2348–2361).
    pub separation: f64,
}

/// The split of the samples in two that leaves the least variance, judged by nothing yet. `None` where
/// neither side can hold its share.
pub fn best_split(trace: &[f64]) -> Option<Modes> {
    let mut x = trace.to_vec();
    x.sort_unstable_by(f64::total_cmp);
    let n = x.len();
    let least = ((n as f64 * MIN_SHARE).ceil() as usize).max(3);
    if n < 2 * least {
        return None;
    }
    // Sums round the median keep the squares small.
    let centre = x[n / 2];
    let total: f64 = x.iter().map(|v| v - centre).sum();
    let mut sum: f64 = x[..least - 1].iter().map(|v| v - centre).sum();
    let mut best: Option<(usize, f64)> = None;
    for cut in least..=n - least {
        sum += x[cut - 1] - centre;
        let (a, b) = (cut as f64, (n - cut) as f64);
        let between = a * b / n as f64 * (sum / a - (total - sum) / b).powi(2);
        if best.is_none_or(|(_, most)| between > most) {
            best = Some((cut, between));
        }
    }
    let (cut, _) = best?;
    let mean = |part: &[f64]| centre + part.iter().map(|v| v - centre).sum::<f64>() / part.len() as f64;
    let (low, high) = (mean(&x[..cut]), mean(&x[cut..]));
    // Summed anew: as a difference of squares, the spread of two sharp modes would be rounding alone.
    let squares = |part: &[f64], mean: f64| part.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    let within = (squares(&x[..cut], low) + squares(&x[cut..], high)) / (n as f64 - 2.0);
    let border = 0.5 * (x[cut - 1] + x[cut]);
    let switches = trace.windows(2).filter(|w| (w[0] > border) != (w[1] > border)).count();
    let separation = if high > low { (high - low) / within.sqrt() } else { 0.0 };
    Some(Modes { low, high, upper_share: (n - cut) as f64 / n as f64, border, switches, separation })
}

/// Two modes, if the samples have them: further apart than noise of one mode splits by chance, and
/// visited in turn (one switch alone is a step).
pub fn two_modes(trace: &[f64]) -> Option<Modes> {
    let modes = best_split(trace)?;
    (modes.separation > critical_separation(trace.len()) && modes.switches > 2).then_some(modes)
}

/// Separation that independent noise of one mode reaches in less than one trace of a thousand. Fitted to
/// 20,000 simulated traces for each n from 8 to 500, normal, lognormal and exponential noise (the last
/// one, whose tail looks most like a mode, stays below 0.5 % from n = 30 on).
fn critical_separation(n: usize) -> f64 {
    5.0 + 50.0 / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::{Noise, rng};
    use rand::Rng;

    #[test]
    fn a_separation_is_counted_in_standard_deviations_of_a_mode() {
        let mut rng = rng(1);
        let trace: Vec<f64> = (0..2000)
            .map(|_| Noise::Normal(0.01).sample(&mut rng) + if rng.next_u32().is_multiple_of(4) { 0.1 } else { 0.0 })
            .collect();
        let modes = two_modes(&trace).unwrap();
        assert!((modes.separation - 10.0).abs() < 0.5, "{modes:?}");
        assert!((modes.upper_share - 0.25).abs() < 0.03);
        assert!((modes.low - 1.0).abs() < 1e-3 && (modes.high - 1.1).abs() < 1e-3);
    }

    #[test]
    fn a_step_is_not_two_modes() {
        let mut trace = Noise::Normal(0.01).trace(1, 60);
        trace[30..].iter_mut().for_each(|x| *x *= 1.2);
        assert_eq!(best_split(&trace).unwrap().switches, 1);
        assert_eq!(two_modes(&trace), None);
    }

    #[test]
    fn equal_or_few_samples_have_no_modes() {
        assert_eq!(two_modes(&[1.0; 50]), None);
        assert_eq!(two_modes(&[1.0, 2.0, 1.0]), None);
        assert_eq!(two_modes(&[]), None);
    }

    #[test]
    fn two_exact_levels_are_two_modes() {
        let zigzag: Vec<f64> = (0..20).map(|i| 1.0 + 0.1 * f64::from(i % 2)).collect();
        assert!(two_modes(&zigzag).unwrap().separation > 1e6);
    }
}
