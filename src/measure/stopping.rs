//! When there are enough samples: rules on a stream, in the manner of nvbench's.

use super::steadiness::INDEPENDENT_SAMPLES;
use crate::stats::interval::{MIN_SAMPLES_95, median_95};
use crate::stats::median::relative_spread;

/// Why sampling stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// The 95 % interval is as narrow as was asked for.
    Precise {
        /// Half of it over the median.
        half_width: f64,
    },
    /// The noise is known and no longer changes; the interval narrows with the square root of the count,
    /// so more samples would cost more than they tell.
    NoiseKnown {
        /// Relative standard deviation of a sample.
        noise: f64,
        /// Half of the interval over the median as it is now, if there is one.
        half_width: Option<f64>,
    },
    /// The time is used up. To be reported: the figure is as wide as it is.
    TimeUsed {
        /// Seconds it took.
        seconds: f64,
    },
    /// The count is used up. To be reported like the time.
    CountUsed {
        /// Samples it took.
        samples: usize,
    },
}

impl Stop {
    /// The stable code as it stands in a record.
    pub fn code(&self) -> &'static str {
        match self {
            Stop::Precise { .. } => "precise",
            Stop::NoiseKnown { .. } => "noise-known",
            Stop::TimeUsed { .. } => "time-used",
            Stop::CountUsed { .. } => "count-used",
        }
    }
}

/// Decides on a stream of samples when there are enough.
pub trait StoppingRule {
    /// Takes a sample and the seconds of work that it took.
    fn feed(&mut self, sample: f64, seconds: f64);
    /// Whether there are enough. Once true it stays true.
    fn is_done(&self) -> bool;
    /// Why there are enough; `None` as long as there are not.
    fn why(&self) -> Option<Stop>;
}

/// Counts geometrically growing looks: one per tenth more samples. Looking after every sample would stop
/// on a lucky streak more often, and cost quadratic time.
#[derive(Debug, Clone)]
struct Looks {
    next: usize,
}

impl Looks {
    fn from(first: usize) -> Self {
        Looks { next: first }
    }

    fn due(&mut self, n: usize) -> bool {
        let due = n >= self.next;
        if due {
            self.next = n + n.div_ceil(10);
        }
        due
    }
}

/// Stops once the 95 % interval of the median is narrow enough, after a least count and a least time
/// (nvbench: 10 samples and 0.5 s).
#[derive(Debug, Clone)]
pub struct Precision {
    target: f64,
    least_seconds: f64,
    samples: Vec<f64>,
    seconds: f64,
    looks: Looks,
    done: Option<Stop>,
}

impl Precision {
    /// `target`: half-width over median, 0.005 for ±0.5 %.
    pub fn new(target: f64, least_samples: usize, least_seconds: f64) -> Self {
        let looks = Looks::from(least_samples.max(MIN_SAMPLES_95));
        Precision { target, least_seconds, samples: Vec::new(), seconds: 0.0, looks, done: None }
    }
}

impl StoppingRule for Precision {
    fn feed(&mut self, sample: f64, seconds: f64) {
        self.samples.push(sample);
        self.seconds += seconds;
        if self.done.is_none() && self.seconds >= self.least_seconds && self.looks.due(self.samples.len()) {
            let half_width = median_95(&self.samples).ok().and_then(|interval| interval.relative_half_width());
            self.done = half_width.filter(|h| *h <= self.target).map(|half_width| Stop::Precise { half_width });
        }
    }

    fn is_done(&self) -> bool {
        self.done.is_some()
    }

    fn why(&self) -> Option<Stop> {
        self.done
    }
}

/// Stops once the estimate of the noise has stayed within `tolerance` while the count doubled.
#[derive(Debug, Clone)]
pub struct StableNoise {
    tolerance: f64,
    samples: Vec<f64>,
    looks: Looks,
    /// (count, noise) at each look.
    seen: Vec<(usize, f64)>,
    done: Option<Stop>,
}

impl StableNoise {
    /// `tolerance`: largest over smallest estimate, minus 1.
    pub fn new(tolerance: f64, least_samples: usize) -> Self {
        let looks = Looks::from(least_samples.max(2 * MIN_SAMPLES_95));
        StableNoise { tolerance, samples: Vec::new(), looks, seen: Vec::new(), done: None }
    }
}

impl StoppingRule for StableNoise {
    fn feed(&mut self, sample: f64, _seconds: f64) {
        self.samples.push(sample);
        let n = self.samples.len();
        if self.done.is_some() || !self.looks.due(n) {
            return;
        }
        let Ok(noise) = relative_spread(&self.samples) else { return };
        self.seen.push((n, noise));
        // Known only where a look at half of the count, or less, has been taken.
        if self.seen[0].0 * 2 > n {
            return;
        }
        let recent = self.seen.iter().rev().take_while(|(count, _)| count * 2 >= n).map(|(_, noise)| *noise);
        let (least, most) = recent.fold((f64::INFINITY, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
        if most <= least * (1.0 + self.tolerance) {
            let half_width = median_95(&self.samples).ok().and_then(|interval| interval.relative_half_width());
            self.done = Some(Stop::NoiseKnown { noise, half_width });
        }
    }

    fn is_done(&self) -> bool {
        self.done.is_some()
    }

    fn why(&self) -> Option<Stop> {
        self.done
    }
}

/// Stops when time or count is used up.
#[derive(Debug, Clone)]
pub struct Budget {
    most_seconds: f64,
    most_samples: usize,
    seconds: f64,
    samples: usize,
}

impl Budget {
    /// Whichever comes first.
    pub fn new(most_seconds: f64, most_samples: usize) -> Self {
        Budget { most_seconds, most_samples, seconds: 0.0, samples: 0 }
    }
}

impl StoppingRule for Budget {
    fn feed(&mut self, _sample: f64, seconds: f64) {
        if !self.is_done() {
            self.samples += 1;
            self.seconds += seconds;
        }
    }

    fn is_done(&self) -> bool {
        self.why().is_some()
    }

    fn why(&self) -> Option<Stop> {
        // A time that is no number counts as used up: the stream must end.
        if self.samples >= self.most_samples {
            Some(Stop::CountUsed { samples: self.samples })
        } else if self.seconds >= self.most_seconds || self.seconds.is_nan() {
            Some(Stop::TimeUsed { seconds: self.seconds })
        } else {
            None
        }
    }
}

/// Stops when the first of several rules does; where more than one does at once, the first in the list
/// says why.
#[derive(Default)]
pub struct First {
    rules: Vec<Box<dyn StoppingRule>>,
}

impl First {
    /// The rules, most telling first.
    pub fn of(rules: Vec<Box<dyn StoppingRule>>) -> Self {
        First { rules }
    }

    /// The usual rule: precise to `target`, or the noise known within 5 % from 100 samples on, or the
    /// budget used up; never before 20 samples and half a second, unless the budget is smaller: fewer cannot be told
    /// from such that hang together.
    pub fn usual(target: f64, most_seconds: f64, most_samples: usize) -> Self {
        First::of(vec![
            Box::new(Precision::new(target, INDEPENDENT_SAMPLES, 0.5_f64.min(most_seconds))),
            Box::new(StableNoise::new(0.05, 100)),
            Box::new(Budget::new(most_seconds, most_samples)),
        ])
    }
}

impl StoppingRule for First {
    fn feed(&mut self, sample: f64, seconds: f64) {
        if !self.is_done() {
            self.rules.iter_mut().for_each(|rule| rule.feed(sample, seconds));
        }
    }

    fn is_done(&self) -> bool {
        self.rules.iter().any(|rule| rule.is_done())
    }

    fn why(&self) -> Option<Stop> {
        self.rules.iter().find_map(|rule| rule.why())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Noise;

    /// How many of the samples the rule took.
    fn taken(rule: &mut dyn StoppingRule, samples: &[f64], seconds: f64) -> usize {
        for (i, x) in samples.iter().enumerate() {
            assert_eq!(rule.is_done(), rule.why().is_some());
            if rule.is_done() {
                return i;
            }
            rule.feed(*x, seconds);
        }
        samples.len()
    }

    #[test]
    fn equal_samples_are_precise_as_soon_as_count_and_time_allow() {
        let mut rule = Precision::new(0.005, 10, 0.0);
        assert_eq!(taken(&mut rule, &[2.0; 100], 1.0), 10);
        assert_eq!(rule.why(), Some(Stop::Precise { half_width: 0.0 }));
        let mut rule = Precision::new(0.005, 10, 2.0);
        assert_eq!(taken(&mut rule, &[2.0; 100], 0.1), 20);
    }

    #[test]
    fn precision_is_reached_with_about_the_samples_that_the_noise_asks_for() {
        // 1.96 · 1.25 · 2 % / √n = 0.5 % at n = 96.
        let mut counts: Vec<usize> = (0..200)
            .map(|s| taken(&mut Precision::new(0.005, 10, 0.0), &Noise::Normal(0.02).trace(s, 2000), 0.1))
            .collect();
        counts.sort_unstable();
        assert!((70..=130).contains(&counts[100]), "{}", counts[100]);
    }

    #[test]
    fn stopping_on_precision_leaves_the_interval_its_coverage() {
        let mut covered = 0;
        for seed in 0..1000 {
            let trace = Noise::Normal(0.02).trace(seed, 2000);
            let n = taken(&mut Precision::new(0.005, 10, 0.0), &trace, 0.1);
            let interval = median_95(&trace[..n]).unwrap();
            covered += usize::from(interval.lo <= 1.0 && 1.0 <= interval.hi);
        }
        assert!((930..=970).contains(&covered), "{covered}");
    }

    #[test]
    fn noise_that_stays_the_same_is_known() {
        let trace = Noise::Normal(0.1).trace(3, 20_000);
        let mut rule = StableNoise::new(0.05, 100);
        let n = taken(&mut rule, &trace, 0.1);
        assert!((200..10_000).contains(&n), "{n}");
        let Some(Stop::NoiseKnown { noise, half_width: Some(half_width) }) = rule.why() else {
            panic!("{:?}", rule.why())
        };
        assert!((noise - 0.1).abs() < 0.02 && half_width > 0.0);
    }

    #[test]
    fn noise_that_grows_is_not_known() {
        let trace: Vec<f64> =
            Noise::Normal(0.001).trace(3, 4000).iter().enumerate().map(|(i, x)| 1.0 + (x - 1.0) * i as f64).collect();
        assert_eq!(taken(&mut StableNoise::new(0.05, 100), &trace, 0.1), 4000);
    }

    #[test]
    fn a_budget_ends_by_time_or_by_count_and_says_which() {
        let mut rule = Budget::new(1.0, 100);
        assert_eq!(taken(&mut rule, &[1.0; 50], 0.25), 4);
        assert_eq!(rule.why(), Some(Stop::TimeUsed { seconds: 1.0 }));
        let mut rule = Budget::new(1e9, 7);
        assert_eq!(taken(&mut rule, &[1.0; 50], 0.25), 7);
        assert_eq!(rule.why(), Some(Stop::CountUsed { samples: 7 }));
    }

    #[test]
    fn samples_that_are_no_numbers_end_with_the_budget() {
        let mut rule = First::usual(0.005, 10.0, 64);
        assert_eq!(taken(&mut rule, &[f64::NAN; 500], 0.01), 64);
        assert_eq!(rule.why(), Some(Stop::CountUsed { samples: 64 }));
        assert_eq!(taken(&mut First::usual(0.005, 10.0, 64), &[1.0; 500], f64::NAN), 1);
    }

    #[test]
    fn the_usual_rule_takes_as_many_as_tell_whether_neighbours_hang_together() {
        let equal = [1.0; 100];
        assert_eq!(taken(&mut First::usual(0.005, 100.0, 5000), &equal, 0.1), INDEPENDENT_SAMPLES);
        // And half a second.
        assert_eq!(taken(&mut First::usual(0.005, 100.0, 5000), &equal, 1.0 / 64.0), 32);
    }

    #[test]
    fn looks_are_as_far_apart_as_a_tenth_of_the_count() {
        let mut looks = Looks::from(20);
        let taken: Vec<usize> = (1..60).filter(|&n| looks.due(n)).collect();
        assert_eq!(taken, [20, 22, 25, 28, 31, 35, 39, 43, 48, 53, 59]);
    }

    #[test]
    fn the_usual_rule_stops_for_the_right_reason() {
        let quiet = Noise::Normal(0.002).trace(1, 5000);
        let mut rule = First::usual(0.005, 100.0, 5000);
        taken(&mut rule, &quiet, 0.1);
        assert!(matches!(rule.why(), Some(Stop::Precise { .. })), "{:?}", rule.why());
        let loud = Noise::Normal(0.2).trace(1, 5000);
        let mut rule = First::usual(0.005, 1e6, 5000);
        taken(&mut rule, &loud, 0.1);
        assert!(matches!(rule.why(), Some(Stop::NoiseKnown { .. })), "{:?}", rule.why());
        let mut rule = First::usual(0.005, 3.0, 5000);
        taken(&mut rule, &loud, 0.1);
        assert!(matches!(rule.why(), Some(Stop::TimeUsed { .. })), "{:?}", rule.why());
    }
}
