//! How many samples a question would take.

/// Samples after which a half-width of `half_width`, seen with `samples`, is down to `target`: a
/// half-width falls with the square root of the count. At least `samples`.
///
/// `None` where no count does it or the question makes no sense: a target that is zero, negative or
/// not finite, or a half-width that is not finite or negative.
pub fn samples_for_half_width(samples: usize, half_width: f64, target: f64) -> Option<usize> {
    let usable = half_width.is_finite() && half_width >= 0.0 && target.is_finite() && target > 0.0;
    let factor = (half_width / target).powi(2).max(1.0);
    let needed = (samples as f64 * factor).ceil();
    (usable && needed < 1e15).then_some(needed as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_the_width_takes_four_times_the_samples() {
        assert_eq!(samples_for_half_width(10, 0.02, 0.01), Some(40));
        assert_eq!(samples_for_half_width(10, 0.01, 0.02), Some(10));
    }

    #[test]
    fn a_question_without_an_answer_has_none() {
        for (half_width, target) in [(0.1, 0.0), (0.1, -1.0), (f64::NAN, 0.1), (f64::INFINITY, 0.1), (1.0, 1e-300)] {
            assert_eq!(samples_for_half_width(10, half_width, target), None, "{half_width} {target}");
        }
    }
}
