//! When warm-up is over: on observed steadiness, not on a count.
//!
//! Clocks rise late (220 to 440 ms after the first work on an M1), and before they do a trace looks as
//! steady as it ever will. So steadiness is looked for in the *later half* of what has run so far, never
//! before [`MIN_SECONDS`] of it, and believed only when it has lasted: what hides in the noise of one
//! look shows in the next ones.

use super::MATERIAL;
use crate::stats::median::{median, relative_spread};
use crate::stats::shape;

/// Work before which no trace is called warm: above the 440 ms that the slowest known clock takes to rise.
pub const MIN_SECONDS: f64 = 0.5;

/// Fewest samples in the later half that is judged.
const MIN_WINDOW: usize = 16;

/// Steadiness has to last while the count grows by this factor.
const LASTING: f64 = 1.25;

/// Change within the judged half that is let pass: 2 % (what is left of an exponential after it is less
/// than half of that), or the noise of one sample where that is more, lest a loud device never be warm.
const TOLERANCE: f64 = 0.02;

/// Probability under independent noise of the courses that keep a trace warming: a false one costs a few
/// samples more, a missed one a wrong figure.
const ALPHA: f64 = 0.01;

/// What bounds a warm-up, in seconds of work and in samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUpBudget {
    /// Least work, [`MIN_SECONDS`] unless the device cannot warm up (a scripted one).
    pub least_seconds: f64,
    /// Most work.
    pub most_seconds: f64,
    /// Most samples.
    pub most_samples: usize,
}

impl Default for WarmUpBudget {
    /// From half a second to ten, 10,000 samples at most.
    fn default() -> Self {
        WarmUpBudget { least_seconds: MIN_SECONDS, most_seconds: 10.0, most_samples: 10_000 }
    }
}

/// How far a warm-up is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WarmUpState {
    /// Not steady yet; go on.
    Warming,
    /// The later half of it was steady: measure.
    Steady {
        /// Samples it took.
        samples: usize,
        /// Work it took.
        seconds: f64,
    },
    /// The budget is used up and it never was: a figure from here on is not of a steady state.
    NeverSteady {
        /// Samples it took.
        samples: usize,
        /// Work it took.
        seconds: f64,
        /// How far the halves of the later half are still apart, over their median; `None` if there were
        /// too few samples to say.
        change: Option<f64>,
    },
}

/// Fed with samples while a device warms up.
#[derive(Debug, Clone)]
pub struct WarmUp {
    budget: WarmUpBudget,
    samples: Vec<f64>,
    seconds: f64,
    look_again_at: usize,
    /// Count at the first of the looks that have all been steady so far.
    steady_since: Option<usize>,
    state: WarmUpState,
}

impl WarmUp {
    /// Nothing fed yet.
    pub fn new(budget: WarmUpBudget) -> Self {
        WarmUp {
            budget,
            samples: Vec::new(),
            seconds: 0.0,
            look_again_at: 2 * MIN_WINDOW,
            steady_since: None,
            state: WarmUpState::Warming,
        }
    }

    /// Takes one sample: `value` is what has to become steady (time per dispatch), `seconds` the work that
    /// it took. Once steady or out of budget the state stays; a sample that is not finite, or a time that
    /// is negative, uses up budget and cannot be steady.
    pub fn push(&mut self, value: f64, seconds: f64) -> WarmUpState {
        if self.state != WarmUpState::Warming {
            return self.state;
        }
        self.samples.push(value);
        self.seconds += if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
        let (n, spent) = (self.samples.len(), self.seconds);
        let out = spent >= self.budget.most_seconds || n >= self.budget.most_samples;
        let due = n >= self.look_again_at && spent >= self.budget.least_seconds;
        if due || (out && n >= 2 * MIN_WINDOW) {
            // One look per tenth more: as good as one per sample, and no quadratic cost.
            self.look_again_at = n + n.div_ceil(10);
            let since = steady(&self.samples[n / 2..]).then(|| self.steady_since.unwrap_or(n));
            self.steady_since = since;
            if since.is_some_and(|since| n as f64 >= LASTING * since as f64) {
                self.state = WarmUpState::Steady { samples: n, seconds: spent };
            }
        }
        if out && self.state == WarmUpState::Warming {
            let change = if n >= 4 { halves_apart(&self.samples[n / 2..]) } else { None };
            self.state = WarmUpState::NeverSteady { samples: n, seconds: spent, change };
        }
        self.state
    }

    /// How far it is.
    pub fn state(&self) -> WarmUpState {
        self.state
    }

    /// What was fed: the course of the warm-up, for burst and time-to-sustained.
    pub fn samples(&self) -> &[f64] {
        &self.samples
    }
}

/// Later half over earlier half of a window, minus 1.
fn halves_apart(window: &[f64]) -> Option<f64> {
    let (early, late) = window.split_at(window.len() / 2);
    match (median(early), median(late)) {
        (Ok(early), Ok(late)) if early != 0.0 => Some(late / early - 1.0),
        _ => None,
    }
}

/// Shown to be steady, which is more than not shown to be unsteady: no course to be seen, and the halves
/// so close that with 95 % less than the tolerance is left between them.
fn steady(window: &[f64]) -> bool {
    let (Some(apart), Ok(spread)) = (halves_apart(window), relative_spread(window)) else { return false };
    // Standard error of the difference of two medians of n/2 normal samples each: 1.25 σ √(4/n).
    let left = apart.abs() + 1.645 * 1.25 * spread * (4.0 / window.len() as f64).sqrt();
    let seen = shape::course(window, ALPHA);
    left <= TOLERANCE.max(spread) && matches!(seen, Ok(course) if course.is_none_or(|c| c.change.abs() < MATERIAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::{Noise, rng};

    const BUDGET: WarmUpBudget = WarmUpBudget { least_seconds: 0.0, most_seconds: 1e9, most_samples: 2000 };

    fn warm(noise: Noise, seed: u64, budget: WarmUpBudget, seconds: f64, level: impl Fn(usize) -> f64) -> WarmUpState {
        let mut warmup = WarmUp::new(budget);
        let mut rng = rng(seed);
        let mut i = 0;
        while warmup.push(noise.sample(&mut rng) * level(i), seconds) == WarmUpState::Warming {
            i += 1;
        }
        warmup.state()
    }

    fn taken(state: WarmUpState) -> Option<usize> {
        if let WarmUpState::Steady { samples, .. } = state { Some(samples) } else { None }
    }

    #[test]
    fn a_steady_device_is_warm_soon_and_a_loud_one_in_the_end() {
        for (noise, most_take, nearly_all_take) in [
            (Noise::Normal(0.01), 60, 200),
            (Noise::Lognormal(0.05), 200, 400),
            (Noise::Skewed(0.05), 300, 400),
            (Noise::Normal(0.1), 300, 400),
        ] {
            let mut took: Vec<_> =
                (0..300).map(|s| taken(warm(noise, s, BUDGET, 1e-3, |_| 1.0)).unwrap_or(usize::MAX)).collect();
            took.sort_unstable();
            assert!(took[269] <= most_take, "{noise:?}: {}", took[269]);
            assert!(took[297] <= nearly_all_take, "{noise:?}: {}", took[297]);
        }
    }

    #[test]
    fn a_ramp_is_waited_for_until_it_has_died_away() {
        for (tau, noise) in [(10.0, 0.02), (30.0, 0.01), (60.0, 0.03)] {
            let (mut reached, mut over) = (0, 0);
            for seed in 0..300 {
                let level = |i: usize| 1.0 + 0.4 * (-(i as f64) / tau).exp();
                if let Some(n) = taken(warm(Noise::Normal(noise), seed, BUDGET, 1e-3, level)) {
                    reached += 1;
                    over += usize::from(level(n) <= 1.01);
                }
            }
            assert_eq!(reached, 300, "{tau} {noise}");
            assert!(over >= 285, "{tau} {noise}: within 1 % of the end in {over} of 300");
        }
    }

    #[test]
    fn a_clock_that_rises_late_is_not_missed() {
        // Slow for the first 0.4 s, then twice as fast: with 5 ms a sample that is 80 samples of calm.
        let late = (0..300).filter(|&seed| {
            let budget = WarmUpBudget { most_seconds: 20.0, ..WarmUpBudget::default() };
            let state = warm(Noise::Normal(0.02), seed, budget, 5e-3, |i| if i < 80 { 2.0 } else { 1.0 });
            taken(state).is_some_and(|n| n >= 160)
        });
        assert!(late.count() >= 297);
    }

    #[test]
    fn a_drift_that_does_not_end_is_never_steady_and_says_how_far_off_it_is() {
        for seed in 0..100 {
            let budget = WarmUpBudget { most_samples: 400, ..BUDGET };
            let state = warm(Noise::Normal(0.01), seed, budget, 1e-3, |i| 1.0 + 0.02 * i as f64);
            let WarmUpState::NeverSteady { samples: 400, change: Some(change), .. } = state else {
                panic!("{seed}: {state:?}")
            };
            assert!((0.1..0.5).contains(&change), "{change}");
        }
    }

    #[test]
    fn a_slow_drift_is_no_steadiness_though_its_halves_are_close() {
        // 0.4 % to 1.5 % between the halves of what is judged, well below the tolerance of the halves.
        for seed in 0..100 {
            let budget = WarmUpBudget { most_samples: 120, ..BUDGET };
            let state = warm(Noise::Normal(0.0005), seed, budget, 1e-3, |i| 1.0 + 5e-4 * i as f64);
            assert!(matches!(state, WarmUpState::NeverSteady { samples: 120, .. }), "{seed}: {state:?}");
        }
    }

    #[test]
    fn the_budget_of_time_holds_and_a_state_once_reached_stays() {
        let budget = WarmUpBudget { least_seconds: 0.5, most_seconds: 1.0, most_samples: 10_000 };
        let mut warmup = WarmUp::new(budget);
        for _ in 0..7 {
            assert_eq!(warmup.push(1.0, 0.125), WarmUpState::Warming);
        }
        let state = warmup.push(1.0, 0.125);
        assert!(matches!(state, WarmUpState::NeverSteady { samples: 8, .. }), "{state:?}");
        assert_eq!(warmup.push(1.0, 0.125), state);
        assert_eq!(warmup.samples().len(), 8);
    }

    #[test]
    fn samples_that_are_no_numbers_use_up_the_budget_and_are_never_steady() {
        let budget = WarmUpBudget { most_samples: 50, ..BUDGET };
        let mut warmup = WarmUp::new(budget);
        for _ in 0..50 {
            warmup.push(f64::NAN, f64::NAN);
        }
        assert!(matches!(warmup.state(), WarmUpState::NeverSteady { samples: 50, change: None, .. }));
    }
}
