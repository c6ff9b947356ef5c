//! Fewer points of a trace, its extremes kept.

/// Places of at most `most` points of a trace, ascending: of each stretch of equal length the smallest and the largest
/// value, and both ends. All of them where there are no more. A plot of these looks as one of all would.
pub fn thin(values: &[f64], most: usize) -> Vec<usize> {
    if values.len() <= most {
        return (0..values.len()).collect();
    }
    let stretches = (most.saturating_sub(2) / 2).max(1);
    let mut kept = vec![0, values.len() - 1];
    for stretch in 0..stretches {
        let (from, to) = (stretch * values.len() / stretches, (stretch + 1) * values.len() / stretches);
        let of = |i: &usize, j: &usize| values[*i].total_cmp(&values[*j]);
        kept.extend((from..to).min_by(of));
        kept.extend((from..to).max_by(of));
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_stay_wherever_they_are_and_the_ends_too() {
        for (spike, place) in [(9.0, 777), (-9.0, 1), (9.0, 999), (-9.0, 500)] {
            let mut trace: Vec<f64> = (0..1000).map(|i| f64::from(i * 37 % 101) / 101.0).collect();
            trace[place] = spike;
            let kept = thin(&trace, 120);
            assert!(kept.len() <= 120 && kept.contains(&place) && kept[0] == 0 && kept.ends_with(&[999]), "{place}");
            assert!(kept.windows(2).all(|w| w[0] < w[1]));
        }
    }

    #[test]
    fn a_short_trace_is_whole() {
        assert_eq!(thin(&[1.0, 2.0, 3.0], 3), [0, 1, 2]);
        assert_eq!(thin(&[], 3), [0; 0]);
        assert!(thin(&[1.0; 50], 4).len() <= 4);
    }
}
