//! Two speeds: a clock that goes down and up again within the run.
//!
//! A round is six submissions long, and its slope is thrown about where the speed changes within it: in the
//! slopes two speeds blur into noise. So single submissions are looked at, each on the scale of those
//! of its length, in the order they were made. Where they fall into a slow and a quick group *and* the
//! slow ones come together, the device had two speeds: noise, however heavy its tail, comes in any order.

use super::MATERIAL;
use super::modes::{best_split, two_modes};
use crate::stats::median::sorted;
use crate::stats::runs::clustered_p;

/// Probability of so few changes from quick to slow in random order below which they count as clustered.
const ALPHA: f64 = 2e-4;

/// Fewest submissions of which groups that do not come together are told apart: ten rounds of three.
const MIN_APART: usize = 30;

/// Quantiles at which the lengths are put on a common scale. At one of them all lengths show the same speed,
/// whatever its share of the time is; the median of a device that is slow for half of the time does not.
const LEVELS: [f64; 3] = [0.25, 0.5, 0.75];

/// Distance of the two groups in standard deviations of one of them from which they are two. The best cut
/// through normal noise is 2.7 apart, through uniform noise 3.5.
const SEPARATION: f64 = 3.0;

/// Two speeds and how the time was shared between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speeds {
    /// Time at the lower speed over time at the higher, minus 1.
    pub slower_by: f64,
    /// Share of the submissions at the lower speed.
    pub slow_share: f64,
    /// Unbroken stretches at either of them.
    pub stretches: usize,
    /// How far the commoner speed is from the average over time: what a median does not see.
    pub hidden: f64,
}

/// The two speeds in submissions in their order, each (dispatches, seconds); `None` where they show no two.
pub fn two_speeds(submissions: &[(u32, f64)]) -> Option<Speeds> {
    let found = LEVELS.iter().filter_map(|&level| at_level(&relative(submissions, level)?));
    found.max_by(|a, b| a.hidden.total_cmp(&b.hidden))
}

fn at_level(relative: &[f64]) -> Option<Speeds> {
    let modes = best_split(relative)?;
    if modes.separation < SEPARATION {
        return None;
    }
    let slow = relative.iter().filter(|&&x| x > modes.border).count();
    let stretches = modes.switches + 1;
    // One change alone is a step or a drift, which the slopes show better.
    let clustered = stretches > 2 && clustered_p(slow, relative.len() - slow, stretches) <= ALPHA;
    // Further apart than one kind of noise falls by chance, they need not come together.
    if !clustered && (relative.len() < MIN_APART || two_modes(relative).is_none()) {
        return None;
    }
    let slower_by = (modes.high - modes.low).exp_m1();
    let hidden = slower_by * modes.upper_share.min(1.0 - modes.upper_share);
    (hidden >= MATERIAL).then_some(Speeds { slower_by, slow_share: modes.upper_share, stretches, hidden })
}

/// Logarithm of each time over the quantile at `level` of those with as many dispatches; `None` where there are no
/// times to speak of. On a logarithm the long tail of a busy machine looks less like a group of its own.
fn relative(submissions: &[(u32, f64)], level: f64) -> Option<Vec<f64>> {
    let mut lengths: Vec<u32> = submissions.iter().map(|s| s.0).collect();
    lengths.sort_unstable();
    lengths.dedup();
    let quantile = |length: u32| -> Option<f64> {
        let times: Vec<f64> = submissions.iter().filter(|s| s.0 == length).map(|s| s.1).collect();
        let times = sorted(&times).ok()?;
        (times[0] > 0.0).then(|| times[((times.len() - 1) as f64 * level).round() as usize])
    };
    let quantiles: Vec<f64> = lengths.iter().map(|&length| quantile(length)).collect::<Option<_>>()?;
    let of = |length: u32| quantiles[lengths.binary_search(&length).expect("every length is listed")];
    Some(submissions.iter().map(|&(length, time)| (time / of(length)).ln()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Noise;

    /// Rounds of 1, 2 and 3 dispatches in rotating order with independent noise.
    fn rounds(noise: Noise, seed: u64, rounds: usize, level: impl Fn(usize) -> f64) -> Vec<(u32, f64)> {
        let noise = noise.trace(seed, 3 * rounds);
        let length = |i: usize| ((i % 3 + i / 3) % 3 + 1) as u32;
        noise.iter().enumerate().map(|(i, x)| (length(i), f64::from(length(i)) * x * level(i))).collect()
    }

    #[test]
    fn independent_noise_of_any_kind_has_one_speed() {
        for n in [6, 10, 20, 60, 200] {
            for noise in [Noise::Normal(0.02), Noise::Lognormal(0.1), Noise::Lognormal(0.6), Noise::Skewed(0.1)] {
                let flagged = (0..1000).filter(|&s| two_speeds(&rounds(noise, s, n, |_| 1.0)).is_some()).count();
                assert!(flagged <= 5, "{n} {noise:?}: {flagged} of 1000");
            }
        }
    }

    #[test]
    fn a_slow_third_is_seen_with_its_share() {
        for seed in 0..100 {
            let seen = two_speeds(&rounds(Noise::Normal(0.01), seed, 20, |i| if i / 6 % 3 == 2 { 1.15 } else { 1.0 }));
            let seen = seen.unwrap_or_else(|| panic!("{seed}"));
            assert!((seen.slower_by - 0.15).abs() < 0.02 && (seen.slow_share - 0.3).abs() < 0.01, "{seen:?}");
            assert_eq!(seen.stretches, 7);
        }
    }

    #[test]
    fn one_change_is_a_step_and_not_two_speeds() {
        for seed in 0..100 {
            let step = rounds(Noise::Normal(0.01), seed, 20, |i| if i < 30 { 1.0 } else { 1.15 });
            assert_eq!(two_speeds(&step), None, "{seed}");
        }
    }

    #[test]
    fn a_length_that_does_not_scale_is_no_speed() {
        let mut bent = rounds(Noise::Normal(0.005), 1, 30, |_| 1.0);
        bent.iter_mut().filter(|s| s.0 == 2).for_each(|s| s.1 *= 1.3);
        assert_eq!(two_speeds(&bent), None);
    }

    #[test]
    fn what_has_no_times_has_no_speeds() {
        assert_eq!(two_speeds(&[]), None);
        assert_eq!(two_speeds(&[(1, 1.0); 30]), None);
        assert_eq!(two_speeds(&[(1, 0.0); 30]), None);
        assert_eq!(two_speeds(&[(1, f64::NAN), (2, 1.0)]), None);
    }
}
