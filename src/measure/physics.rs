//! What no figure can be above: a measured roofline, a peak from a data sheet. A figure above it is INVALID
//! with the bound named; it is never clamped.

use super::record::Reason;
use crate::kernel::{Case, Precision};
use serde::{Deserialize, Serialize};

/// What a bound is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Limit {
    /// Arithmetic in a precision, flop/s.
    Arithmetic(Precision),
    /// Bytes from and to memory, byte/s, for working sets that no cache holds: A, B and C together of this
    /// many bytes or more.
    Memory {
        /// Smallest working set that the bound is for.
        from_bytes: u64,
    },
}

/// One bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// On what.
    pub limit: Limit,
    /// Most that is possible, flop/s or byte/s. Of a measured bound the upper end of its interval: that is
    /// all the allowance there is.
    pub rate: f64,
    /// Where it comes from.
    pub source: String,
}

/// The bound that a case would break at `seconds` per product, if any: the one that is broken most.
pub fn check(bounds: &[Bound], case: &Case, seconds: f64) -> Option<Reason> {
    let over = |bound: &Bound| work(bound.limit, case).map(|work| work / seconds / bound.rate);
    let (bound, times) = bounds
        .iter()
        .filter_map(|bound| Some((bound, over(bound)?)))
        // A bound that is no number bounds nothing, and must not pass for one that holds.
        .filter(|(_, times)| times.is_nan() || *times > 1.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (what, unit) = match bound.limit {
        Limit::Arithmetic(precision) => (format!("{precision} arithmetic"), "flop/s"),
        Limit::Memory { .. } => ("memory traffic".to_string(), "byte/s"),
    };
    let detail = format!(
        "{:.4e} {unit} of {what} is {times:.3} times what is possible: {:.4e} {unit} ({})",
        times * bound.rate,
        bound.rate,
        bound.source
    );
    Some(Reason::new("above-physics", detail))
}

/// Units of what is bounded in one product; `None` where the bound is not for this case.
fn work(limit: Limit, case: &Case) -> Option<f64> {
    match limit {
        Limit::Arithmetic(precision) => (precision == case.precision).then(|| case.shape.flop()),
        Limit::Memory { from_bytes } => {
            let [a, b, c] = case.shape.elements();
            let bytes =
                (a + b) * u64::from(case.precision.operand_bytes()) + c * u64::from(case.precision.result_bytes());
            // Each element at least once, in each product.
            (bytes >= from_bytes).then_some(bytes as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;

    fn bound(limit: Limit, rate: f64) -> Bound {
        Bound { limit, rate, source: "a test".into() }
    }

    #[test]
    fn a_figure_above_a_bound_names_it_and_one_below_or_at_it_passes() {
        let case = measured(1e-3, 0.0).case;
        let rate = case.shape.flop() / 1e-3;
        let peak = |rate| [bound(Limit::Arithmetic(Precision::F32), rate)];
        assert_eq!(check(&peak(rate * 1.0001), &case, 1e-3), None);
        assert_eq!(check(&[], &case, 1e-3), None);
        let reason = check(&peak(rate * 0.5), &case, 1e-3).unwrap();
        assert_eq!(reason.code, "above-physics");
        assert!(reason.detail.contains("2.000 times") && reason.detail.contains("a test"), "{reason:?}");
    }

    #[test]
    fn a_bound_of_another_precision_is_none_and_one_that_is_no_number_does_not_hold() {
        let case = measured(1e-3, 0.0).case;
        assert_eq!(check(&[bound(Limit::Arithmetic(Precision::F16), 1.0)], &case, 1e-3), None);
        assert!(check(&[bound(Limit::Arithmetic(Precision::F32), f64::NAN)], &case, 1e-3).is_some());
    }

    #[test]
    fn memory_bounds_working_sets_beyond_every_cache_alone() {
        let case = measured(1e-3, 0.0).case;
        let bytes = 3 * 512 * 512 * 4;
        let slow = bytes as f64 / 1e-3 * 0.9;
        assert!(check(&[bound(Limit::Memory { from_bytes: bytes }, slow)], &case, 1e-3).is_some());
        assert_eq!(check(&[bound(Limit::Memory { from_bytes: bytes + 1 }, slow)], &case, 1e-3), None);
    }
}
