//! Caches, found from the curve of bandwidth over working set.

use serde::{Deserialize, Serialize};

/// A working set belongs to a level while its bandwidth is within this much of the level's middle: caches
/// differ by factors of two and more, noise of a busy machine reaches tens of per cent.
const SAME: f64 = 0.30;

/// A plateau of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Smallest working set on it, bytes.
    pub from: u64,
    /// Largest working set on it, bytes.
    pub to: u64,
    /// Median bandwidth, byte/s.
    pub bytes_per_s: f64,
}

/// Plateaus of a curve of (working set in bytes, byte/s), ascending, small sets first. A rise starts a
/// plateau as a fall does: small sets can be slowed by overheads.
pub fn levels(curve: &[(u64, f64)]) -> Vec<Level> {
    let mut found: Vec<Vec<(u64, f64)>> = Vec::new();
    let usable: Vec<(u64, f64)> = curve.iter().copied().filter(|(_, rate)| rate.is_finite() && *rate > 0.0).collect();
    for point in smooth(&usable) {
        match found.last_mut() {
            Some(level) if (point.1 / middle(level)).ln().abs() <= (1.0 + SAME).ln() => level.push(point),
            _ => found.push(vec![point]),
        }
    }
    found
        .iter()
        .map(|level| Level { from: level[0].0, to: level[level.len() - 1].0, bytes_per_s: middle(level) })
        .collect()
}

/// The largest working set that is still faster than memory; `None` where the curve shows no cache.
pub fn last_cache(levels: &[Level]) -> Option<u64> {
    let memory = levels.last()?;
    levels[..levels.len() - 1].iter().rev().find(|level| level.bytes_per_s > memory.bytes_per_s).map(|level| level.to)
}

/// Each inner rate as the median of itself and its neighbours: one disturbed measurement is no cache, and a
/// step from level to level stays where it is.
fn smooth(curve: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let mut smooth = curve.to_vec();
    for (at, three) in curve.windows(3).enumerate() {
        let [a, b, c] = [three[0].1, three[1].1, three[2].1];
        smooth[at + 1].1 = a.max(b).min(a.min(b).max(c));
    }
    smooth
}

fn middle(level: &[(u64, f64)]) -> f64 {
    let mut rates: Vec<f64> = level.iter().map(|(_, rate)| *rate).collect();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(rates: &[f64]) -> Vec<(u64, f64)> {
        rates.iter().enumerate().map(|(i, &rate)| (1u64 << (14 + i), rate)).collect()
    }

    #[test]
    fn plateaus_are_caches_and_the_last_is_memory() {
        let found = levels(&sets(&[400.0, 410.0, 395.0, 150.0, 160.0, 155.0, 21.0, 20.0, 20.5]));
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].from, found[0].to), (1 << 14, 1 << 16));
        assert_eq!(last_cache(&found), Some(1 << 19));
        assert_eq!(found[2].bytes_per_s, 20.5);
    }

    #[test]
    fn a_flat_noisy_curve_shows_no_cache() {
        let found = levels(&sets(&[10.0, 11.0, 9.5, 10.5, 9.0, 10.2]));
        assert_eq!(found.len(), 1);
        assert_eq!(last_cache(&found), None);
    }

    #[test]
    fn one_disturbed_measurement_is_no_cache() {
        let found = levels(&sets(&[10.0, 10.0, 4.0, 10.0, 10.0, 2.0, 2.0]));
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(last_cache(&found), Some(1 << 18));
    }

    #[test]
    fn small_sets_slowed_by_overheads_are_no_cache() {
        assert_eq!(last_cache(&levels(&sets(&[1.0, 3.0, 9.0, 9.1, 9.0]))), None);
        assert_eq!(levels(&[]), []);
        assert_eq!(levels(&[(16, f64::NAN)]), []);
    }
}
