//! Burst and sustained: what a device does at first, what it does in the end, and when that begins.

use super::{COURSE_ALPHA, MATERIAL};
use crate::stats::segments::{MIN_SEGMENT, Segment, segments};
use crate::stats::{Undefined, median::median, shape, usable};

/// Samples at the beginning that make the burst figure, if the first level lasts as long.
const BURST_SAMPLES: usize = 10;

/// The settled state has to last for this share of the trace: less is another passing level.
const SETTLED_SHARE: f64 = 0.2;

/// The course of a trace from its beginning to its end, in the unit of its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Settling {
    /// Median of the first samples: cold silicon, never a headline.
    pub burst: f64,
    /// The settled state; `None` if the trace never settled.
    pub sustained: Option<Sustained>,
    /// The levels in between, for plots.
    pub segments: Vec<Segment>,
}

/// A settled state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sustained {
    /// Median from where it settled to the end.
    pub level: f64,
    /// First sample of it.
    pub from: usize,
    /// Seconds of work before it; 0 if the trace was settled from its first sample.
    pub after_s: f64,
}

/// Burst and sustained of a trace. `seconds` is the work behind each sample and as long as the trace.
///
/// # Errors
/// As [`usable`] for either slice; [`Undefined::TooFew`] if they differ in length.
pub fn settling(trace: &[f64], seconds: &[f64]) -> Result<Settling, Undefined> {
    usable(trace, 1)?;
    usable(seconds, 1)?;
    if trace.len() != seconds.len() {
        let (have, need) = (trace.len().min(seconds.len()), trace.len().max(seconds.len()));
        return Err(Undefined::TooFew { have, need });
    }
    let found = segments(trace, COURSE_ALPHA, MATERIAL)?;
    let first = found[0];
    let burst = median(&trace[..first.end.min(BURST_SAMPLES)])?;
    let last = found[found.len() - 1];
    let least = MIN_SEGMENT.max((SETTLED_SHARE * trace.len() as f64).ceil() as usize);
    let moving = shape::course(&trace[last.start..], COURSE_ALPHA)
        .is_ok_and(|course| course.is_some_and(|c| c.change.abs() >= MATERIAL));
    let sustained = (last.samples() >= least && !moving).then(|| Sustained {
        level: last.median,
        from: last.start,
        after_s: seconds[..last.start].iter().sum(),
    });
    Ok(Settling { burst, sustained, segments: found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Noise;

    fn settle(noise: Noise, seed: u64, n: usize, level: impl Fn(usize) -> f64) -> Settling {
        let trace: Vec<f64> = noise.trace(seed, n).iter().enumerate().map(|(i, x)| x * level(i)).collect();
        settling(&trace, &vec![0.1; n]).unwrap()
    }

    #[test]
    fn a_throttle_is_seen_where_it_begins() {
        let right = (0..500).filter(|&seed| {
            let s = settle(Noise::Normal(0.02), seed, 150, |i| if i < 50 { 1.0 } else { 1.25 });
            (s.burst - 1.0).abs() < 0.03
                && s.sustained.is_some_and(|s| (s.level - 1.25).abs() < 0.02 && (s.after_s - 5.0).abs() < 0.31)
        });
        let right = right.count();
        assert!(right >= 475, "{right} of 500");
    }

    #[test]
    fn a_slow_ramp_settles_at_its_end_and_not_before() {
        let right = (0..500).filter(|&seed| {
            let s = settle(Noise::Normal(0.01), seed, 300, |i| 1.3 - 0.3 * (-(i as f64) / 30.0).exp());
            s.burst < 1.08 && s.sustained.is_some_and(|s| (s.level - 1.3).abs() < 0.013 && s.from >= 60)
        });
        let right = right.count();
        assert!(right >= 475, "{right} of 500");
    }

    #[test]
    fn a_steady_trace_is_sustained_from_the_start() {
        let right = (0..1000).filter(|&seed| {
            let s = settle(Noise::Lognormal(0.03), seed, 100, |_| 1.0);
            s.sustained.is_some_and(|s| s.from == 0 && s.after_s == 0.0) && (s.burst - 1.0).abs() < 0.05
        });
        let right = right.count();
        assert!(right >= 980, "{right}");
    }

    #[test]
    fn what_never_settles_has_no_sustained_figure() {
        let drifting = (0..200)
            .filter(|&seed| settle(Noise::Normal(0.01), seed, 200, |i| 1.0 + i as f64 / 200.0).sustained.is_some());
        assert!(drifting.count() <= 10);
    }

    #[test]
    fn what_drifts_too_slowly_for_two_levels_is_not_settled_either() {
        for seed in 0..50 {
            let s = settle(Noise::Normal(0.0005), seed, 40, |i| 1.0 + 0.008 * i as f64 / 40.0);
            assert!(s.sustained.is_none() && s.segments.len() == 1, "{seed}: {s:?}");
        }
    }

    #[test]
    fn a_trace_without_samples_has_no_answer() {
        assert_eq!(settling(&[], &[]), Err(Undefined::Empty));
        assert_eq!(settling(&[1.0], &[1.0, 2.0]), Err(Undefined::TooFew { have: 1, need: 2 }));
        let one = settling(&[2.0], &[1.0]).unwrap();
        assert_eq!((one.burst, one.sustained), (2.0, None));
    }
}
