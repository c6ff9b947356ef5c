//! Which course a trace takes, if it takes one: step, drift, ramp or sawtooth.
//!
//! Two questions, asked apart. *Is there a course at all?* is a test on normal scores, whose null
//! distribution does not depend on the noise. *Which one?* is the best least-squares fit to the trace
//! itself, despiked, where the course keeps its form.

use super::median::{despiked, median};
use super::{Undefined, rank, usable};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::f64::consts::TAU;

/// Fewest samples on each side of a step.
const MIN_LEVEL: usize = 3;

/// Effective number of independent tests among all steps, drifts and ramps of a trace of n samples.
/// Fitted to simulated independent noise, n from 8 to 500; held by
/// `independent_noise_has_a_course_as_often_as_is_said`.
fn trend_tests(n: usize) -> f64 {
    2.0 + 9.0 * ((n as f64).ln() - 2.0).max(0.0)
}

/// A periodic course has at least two periods in the trace and four samples in a period.
const MIN_PERIODS: f64 = 2.0;
const MIN_PERIOD: f64 = 4.0;

/// The form of a course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// One level up to the sample with this index, another from it on.
    Step {
        /// First sample of the second level.
        at: usize,
    },
    /// A straight line from the first sample to the last.
    Drift,
    /// A start that dies away exponentially.
    Ramp {
        /// Samples in which what is left falls to 1/e.
        samples: f64,
    },
    /// Rises (or falls) and jumps back, again and again.
    Sawtooth {
        /// Samples from jump to jump.
        period: f64,
    },
}

/// A course that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// What it looks like.
    pub form: Form,
    /// From the course's beginning to its end, over the trace's median: 0.1 is 10 % up. For a sawtooth
    /// the height of a tooth, with the sign of its slow flank.
    pub change: f64,
    /// The same over the level that it comes from, so that it does not go below −1 where all samples are positive. Of
    /// a sawtooth over the median.
    pub relative: f64,
    /// Share of the trace's variance that it explains.
    pub explained: f64,
    /// Probability of as strong a course in independent noise.
    pub p: f64,
}

/// The course of a trace with a probability of at most `alpha` under independent noise, if there is one.
///
/// # Errors
/// As [`usable`], eight samples at least.
pub fn course(trace: &[f64], alpha: f64) -> Result<Option<Course>, Undefined> {
    usable(trace, 8)?;
    let Ok(scores) = rank::normal_scores(trace) else { return Ok(None) };
    let ramps = ramp_bases(trace.len());
    let trend = best_trend(&scores, &ramps, 0.0).r2;
    let (wave, frequency) = best_wave(&scores);
    let n = trace.len();
    let p_trend = (trend_tests(n) * line_p(trend, n)).min(1.0);
    let p_wave = wave_p(wave, n);
    if p_trend > alpha && p_wave > alpha {
        return Ok(None);
    }
    let levels = despiked(trace);
    let smooth = centred(&levels);
    let centre = median(trace)?.abs();
    if centre == 0.0 {
        return Ok(None);
    }
    let found = best_trend(&smooth, &ramps, (n as f64).ln());
    let tooth = if p_wave <= alpha { best_sawtooth(&smooth, frequency) } else { None };
    Ok(match tooth {
        Some(tooth) if tooth.r2 > found.r2 || p_trend > alpha => {
            let form = Form::Sawtooth { period: tooth.period };
            let change = tooth.height / centre;
            Some(Course { form, change, relative: change, explained: tooth.r2, p: p_wave })
        }
        _ if p_trend <= alpha => {
            let (change, relative) =
                (found.height / centre, relative(&found, &levels).unwrap_or(found.height / centre));
            Some(Course { form: found.form, change, relative, explained: found.r2, p: p_trend })
        }
        _ => None,
    })
}

/// The best step alone: where it is, its height over the median, and its probability under independent
/// noise. For splitting a trace into segments.
///
/// # Errors
/// As [`course`].
pub fn step(trace: &[f64]) -> Result<Option<(usize, f64)>, Undefined> {
    usable(trace, 2 * MIN_LEVEL)?;
    let Ok(scores) = rank::normal_scores(trace) else { return Ok(None) };
    let (_, r2) = best_step(&scores);
    let (at, _) = best_step(&centred(&despiked(trace)));
    Ok(Some((at, (trend_tests(trace.len()) * line_p(r2, trace.len())).min(1.0))))
}

struct Fit {
    form: Form,
    r2: f64,
    height: f64,
    /// Where it begins, over the mean of the trace.
    from: f64,
}

/// The height of a fit over the level that it begins at; by what stands at the two ends where the fit leaves the
/// range of positive values. `None` where that is no number.
fn relative(fit: &Fit, levels: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let before = mean(levels) + fit.from;
    let ends = (before, before + fit.height);
    let (before, after) = match ends.0 > 0.0 && ends.1 > 0.0 {
        true => ends,
        false => (mean(&levels[..MIN_LEVEL]), mean(&levels[levels.len() - MIN_LEVEL..])),
    };
    Some((after - before) / before.abs()).filter(|relative| relative.is_finite())
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| v - mean).collect()
}

/// Two-sided p of one regressor that explains `r2` of n values.
fn line_p(r2: f64, n: usize) -> f64 {
    let free = n as f64 - 2.0;
    let r2 = r2.clamp(0.0, 1.0 - 1e-15);
    let t = (r2 * free / (1.0 - r2)).sqrt();
    2.0 * StudentsT::new(0.0, 1.0, free).map_or(1.0, |d| d.sf(t))
}

/// p of the strongest of all frequencies explaining `r2`: two regressors each, and twice as many
/// independent frequencies as the trace has, since halves are tried too.
fn wave_p(r2: f64, n: usize) -> f64 {
    let one = (1.0 - r2.clamp(0.0, 1.0)).powf((n as f64 - 3.0) / 2.0);
    (one * frequencies(n).count().max(1) as f64).min(1.0)
}

/// (first index of the second level, share explained) of centred values.
fn best_step(values: &[f64]) -> (usize, f64) {
    let n = values.len();
    let total: f64 = values.iter().map(|v| v * v).sum();
    let mut sum = 0.0;
    let mut best = (MIN_LEVEL, 0.0);
    for at in 1..=n - MIN_LEVEL {
        sum += values[at - 1];
        let explained = sum * sum * n as f64 / (at * (n - at)) as f64;
        // Equal to rounding, the earlier one stays, so that the place does not depend on the last bit.
        if at >= MIN_LEVEL && explained > best.1 * (1.0 + 1e-12) {
            best = (at, explained);
        }
    }
    (best.0, if total > 0.0 { best.1 / total } else { 0.0 })
}

/// Exponentials e^(−i/τ), centred, for τ from one sample to a fifth of the trace, in steps of √2.
fn ramp_bases(n: usize) -> Vec<(f64, Vec<f64>)> {
    let longest = n as f64 / 5.0;
    std::iter::successors(Some(1.0), |tau| Some(tau * std::f64::consts::SQRT_2))
        .take_while(|&tau| tau <= longest)
        .map(|tau| (tau, centred(&(0..n).map(|i| (-(i as f64) / tau).exp()).collect::<Vec<_>>())))
        .collect()
}

/// Best of step, drift and ramp; each parameter beyond the drift's one is charged `charge` in
/// n·ln(1 − r²), as in the Bayesian information criterion.
fn best_trend(values: &[f64], ramps: &[(f64, Vec<f64>)], charge: f64) -> Fit {
    let n = values.len();
    let total: f64 = values.iter().map(|v| v * v).sum();
    let project = |basis: &[f64]| {
        let dot: f64 = basis.iter().zip(values).map(|(b, v)| b * v).sum();
        let own: f64 = basis.iter().map(|b| b * b).sum();
        let share = if own > 0.0 && total > 0.0 { dot * dot / own / total } else { 0.0 };
        (share, if own > 0.0 { dot / own } else { 0.0 })
    };
    let line: Vec<f64> = centred(&(0..n).map(|i| i as f64).collect::<Vec<_>>());
    let (r2, per_sample) = project(&line);
    let cost = |r2: f64, parameters: f64| n as f64 * (1.0 - r2.min(1.0 - 1e-12)).ln() + charge * parameters;
    let height = per_sample * (n as f64 - 1.0);
    let mut best = Fit { form: Form::Drift, r2, height, from: -0.5 * height };
    let mut least = cost(r2, 1.0);
    let (at, r2) = best_step(values);
    if cost(r2, 2.0) < least {
        least = cost(r2, 2.0);
        let before = values[..at].iter().sum::<f64>() / at as f64;
        let after = values[at..].iter().sum::<f64>() / (n - at) as f64;
        best = Fit { form: Form::Step { at }, r2, height: after - before, from: before };
    }
    for (tau, basis) in ramps {
        let (r2, scale) = project(basis);
        if cost(r2, 2.0) < least {
            least = cost(r2, 2.0);
            best = Fit { form: Form::Ramp { samples: *tau }, r2, height: -scale, from: scale * basis[0] };
        }
    }
    best
}

/// Frequencies of a periodic course in periods per trace, in steps of one half.
fn frequencies(n: usize) -> impl Iterator<Item = f64> {
    let most = n as f64 / MIN_PERIOD;
    (0..).map(|i| MIN_PERIODS + 0.5 * f64::from(i)).take_while(move |&f| f <= most)
}

/// (share explained, periods per trace) of the strongest wave in centred values.
fn best_wave(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let total: f64 = values.iter().map(|v| v * v).sum();
    let mut best = (0.0, MIN_PERIODS);
    for frequency in frequencies(values.len()) {
        // The angle is advanced by a rotation: one sine and cosine per frequency.
        let (step_sin, step_cos) = (TAU * frequency / n).sin_cos();
        let (mut sin, mut cos) = (0.0_f64, 1.0_f64);
        let (mut by_sin, mut by_cos) = (0.0, 0.0);
        for v in values {
            by_sin += v * sin;
            by_cos += v * cos;
            (sin, cos) = (sin * step_cos + cos * step_sin, cos * step_cos - sin * step_sin);
        }
        let explained = (by_sin * by_sin + by_cos * by_cos) * 2.0 / n;
        if explained > best.0 {
            best = (explained, frequency);
        }
    }
    (if total > 0.0 { (best.0 / total).min(1.0) } else { 0.0 }, best.1)
}

struct Tooth {
    period: f64,
    r2: f64,
    height: f64,
}

/// Best sawtooth with about the given number of periods in the trace.
fn best_sawtooth(values: &[f64], about: f64) -> Option<Tooth> {
    let n = values.len();
    let total: f64 = values.iter().map(|v| v * v).sum();
    let mut best: Option<Tooth> = None;
    for nudge in -3..=3 {
        let periods = about + f64::from(nudge) / 6.0;
        let period = n as f64 / periods;
        // Finer phases than a sample, or 16 of them, tell nothing more.
        let phases = (period.ceil() as usize).min(16);
        for phase in 0..phases {
            let shift = phase as f64 / phases as f64;
            // The values are centred, so the basis need not be: its mean only leaves its own square.
            let (mut dot, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for (i, v) in values.iter().enumerate() {
                let turn = i as f64 / period + shift;
                let b = turn - turn.floor();
                dot += b * v;
                sum += b;
                squares += b * b;
            }
            let own = squares - sum * sum / n as f64;
            let r2 = dot * dot / own / total;
            if r2.is_finite() && best.as_ref().is_none_or(|b| r2 > b.r2) {
                best = Some(Tooth { period, r2, height: dot / own });
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::synthetic::Noise;

    #[test]
    fn independent_noise_has_a_course_as_often_as_is_said() {
        // At alpha = 1 % for trend and wave together, 2 % at most; a third of that at least, or the test is
        // blunter than it says (ranks of 8 samples are too coarse to come near).
        for (n, least) in [(8, 0), (20, 20), (60, 20), (200, 20)] {
            let found = (0..3000).filter(|&seed| course(&Noise::Normal(0.03).trace(seed, n), 0.01).unwrap().is_some());
            let found = found.count();
            assert!((least..=75).contains(&found), "{n}: {found} of 3000");
        }
    }

    #[test]
    fn the_rate_is_the_same_for_skewed_noise() {
        let found = (0..2000).filter(|&seed| course(&Noise::Skewed(0.1).trace(seed, 60), 0.01).unwrap().is_some());
        assert!((10..=50).contains(&found.count()));
    }

    #[test]
    fn a_course_without_noise_is_named_with_its_place_and_size() {
        let of = |f: &dyn Fn(usize) -> f64| {
            let trace: Vec<f64> = (0..60).map(|i| f(i) + 1e-6 * ((i * 7919) % 60) as f64).collect();
            course(&trace, 1e-3).unwrap().unwrap()
        };
        let step = of(&|i| if i < 20 { 1.0 } else { 1.1 });
        assert!(matches!(step.form, Form::Step { at: 20 }), "{step:?}");
        assert!((step.change - 0.1 / 1.1).abs() < 1e-3);
        let drift = of(&|i| 1.0 + i as f64 / 590.0);
        assert!(matches!(drift.form, Form::Drift), "{drift:?}");
        assert!((drift.change - 0.1 / 1.05).abs() < 1e-3, "{drift:?}");
        let ramp = of(&|i| 1.0 + 0.5 * (-(i as f64) / 8.0).exp());
        assert!(matches!(ramp.form, Form::Ramp { samples } if (samples - 8.0).abs() < 0.1), "{ramp:?}");
        assert!(ramp.change < -0.4);
        let tooth = of(&|i| 1.0 + 0.01 * (i % 12) as f64);
        assert!(matches!(tooth.form, Form::Sawtooth { period } if (period - 12.0).abs() < 0.5), "{tooth:?}");
    }

    #[test]
    fn a_constant_trace_has_no_course_and_a_short_one_no_answer() {
        assert_eq!(course(&[1.0; 50], 0.01), Ok(None));
        assert_eq!(course(&[1.0; 7], 0.01), Err(Undefined::TooFew { have: 7, need: 8 }));
        assert_eq!(course(&[f64::NAN; 9], 0.01), Err(Undefined::NotFinite { index: 0 }));
    }
}
