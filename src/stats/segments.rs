//! Change points: a trace cut into stretches of one level each.

use super::median::{of_sorted, sorted};
use super::{Undefined, shape, usable};

/// Fewest samples in a segment: as many as a 95 % interval of its median takes.
pub const MIN_SEGMENT: usize = 6;

/// A stretch of one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// First sample.
    pub start: usize,
    /// One past the last sample.
    pub end: usize,
    /// Median of its samples.
    pub median: f64,
}

impl Segment {
    /// Samples in it.
    pub fn samples(&self) -> usize {
        self.end - self.start
    }
}

/// Cuts a trace by binary segmentation: at the best step, as long as that has a probability of at most
/// `alpha` under independent noise and the medians on its sides differ by at least `material` (0.005 is
/// 0.5 %). A trace without a change is one segment.
///
/// # Errors
/// As [`usable`].
pub fn segments(trace: &[f64], alpha: f64, material: f64) -> Result<Vec<Segment>, Undefined> {
    usable(trace, 1)?;
    let level = |start: usize, end: usize| -> Result<f64, Undefined> { Ok(of_sorted(&sorted(&trace[start..end])?)) };
    let differ = |a: f64, b: f64| (a - b).abs() >= material * a.abs().min(b.abs());
    let mut open = vec![(0, trace.len())];
    let mut done: Vec<Segment> = Vec::new();
    // The left part is taken from the stack first, so the segments come out in order.
    while let Some((start, end)) = open.pop() {
        let cut = if end - start >= 2 * MIN_SEGMENT { shape::step(&trace[start..end])? } else { None };
        match cut {
            Some((at, p))
                if p <= alpha
                    && at >= MIN_SEGMENT
                    && end - start - at >= MIN_SEGMENT
                    && differ(level(start, start + at)?, level(start + at, end)?) =>
            {
                open.push((start + at, end));
                open.push((start, start + at));
            }
            _ => done.push(Segment { start, end, median: level(start, end)? }),
        }
    }
    // Neighbours that a later cut made equal are one level after all.
    let mut merged: Vec<Segment> = Vec::with_capacity(done.len());
    for next in done {
        match merged.last_mut() {
            Some(last) if !differ(last.median, next.median) => {
                last.end = next.end;
                last.median = level(last.start, last.end)?;
            }
            _ => merged.push(next),
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Noise;

    #[test]
    fn levels_are_found_where_they_change() {
        let mut right = 0;
        for seed in 0..200 {
            let mut trace = Noise::Normal(0.01).trace(seed, 120);
            for (i, x) in trace.iter_mut().enumerate() {
                *x *= [1.0, 1.1, 1.0][i / 40];
            }
            let found = segments(&trace, 1e-3, 0.005).unwrap();
            let near = |i: usize, at: usize| found.get(i).is_some_and(|s| s.start.abs_diff(at) <= 2);
            right += usize::from(found.len() == 3 && near(1, 40) && near(2, 80));
        }
        assert!(right >= 190, "{right} of 200");
    }

    #[test]
    fn one_level_is_one_segment() {
        let one =
            (0..1000).filter(|&s| segments(&Noise::Lognormal(0.05).trace(s, 100), 1e-3, 0.005).unwrap().len() == 1);
        assert!(one.count() >= 990);
        assert_eq!(segments(&[], 1e-3, 0.005), Err(Undefined::Empty));
        assert_eq!(segments(&[2.0], 1e-3, 0.005), Ok(vec![Segment { start: 0, end: 1, median: 2.0 }]));
    }

    #[test]
    fn segments_cover_the_trace_without_a_gap() {
        let trace: Vec<f64> = (0..300).map(|i| 1.0 + f64::from(i) * 0.01 + f64::from(i * 31 % 7) * 1e-3).collect();
        let found = segments(&trace, 1e-3, 0.005).unwrap();
        assert_eq!((found[0].start, found[found.len() - 1].end), (0, 300));
        assert!(found.windows(2).all(|w| w[0].end == w[1].start));
        assert!(found.len() > 3);
    }
}
