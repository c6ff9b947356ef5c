//! What no figure can be above: a measured roofline, a peak from a data sheet. A figure above it is INVALID
//! with the bound named; it is never clamped.

pub use super::bound::{Bound, Limit};

use super::record::Reason;
use crate::kernel::Case;

/// What it means that a bound is broken.
#[derive(Debug, Clone, PartialEq)]
pub enum Broken {
    /// `above-physics`: there is no figure.
    Physics(Reason),
    /// `bound-doubted`: the figure stands, the bound does not.
    Doubt(Reason),
}

/// The bound that a case would break at `seconds` per product, if any: of those that hold, the one that is broken
/// most, else of the doubtful ones.
pub fn check(bounds: &[Bound], case: &Case, seconds: f64) -> Option<Broken> {
    let [doubtful, firm]: [Vec<&Bound>; 2] = [true, false].map(|d| bounds.iter().filter(|b| b.doubtful == d).collect());
    match most(&firm, case, seconds) {
        Some(detail) => Some(Broken::Physics(Reason::new("above-physics", detail))),
        None => most(&doubtful, case, seconds).map(|detail| {
            let detail = format!("{detail}; other work can have held that down, so it does not bound this figure");
            Broken::Doubt(Reason::new("bound-doubted", detail))
        }),
    }
}

fn most(bounds: &[&Bound], case: &Case, seconds: f64) -> Option<String> {
    let over = |bound: &Bound| work(bound.limit, case).map(|work| work / seconds / bound.rate);
    let (bound, times) = bounds
        .iter()
        .filter_map(|&bound| Some((bound, over(bound)?)))
        // A bound that is no number bounds nothing, and must not pass for one that holds.
        .filter(|(_, times)| times.is_nan() || *times > 1.0)
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let (what, unit) = match bound.limit {
        Limit::Arithmetic(precision) => (format!("{precision} arithmetic"), "flop/s"),
        Limit::Memory { .. } => ("memory traffic".to_string(), "byte/s"),
    };
    Some(format!(
        "{:.4e} {unit} of {what} is {times:.3} times what is possible: {:.4e} {unit} ({})",
        times * bound.rate,
        bound.rate,
        bound.source
    ))
}

/// Units of what is bounded in one product; `None` where the bound is not for this case.
fn work(limit: Limit, case: &Case) -> Option<f64> {
    match limit {
        Limit::Arithmetic(precision) => (precision == case.precision).then(|| case.shape.flop()),
        Limit::Memory { from_bytes } => {
            let [a, b, c] = case.shape.elements();
            let bytes =
                (a + b) * u64::from(case.precision.operand_bytes()) + c * u64::from(case.precision.result_bytes());
            // Each element at least once in each product, less what a cache may keep from one to the next: half
            // of `from_bytes`, which is twice the last cache.
            (bytes >= from_bytes).then_some(bytes as f64 - 0.5 * from_bytes as f64)
        }
    }
}

/// The catalogue entry that an adapter's name means: the one with the most words, all of which are in it.
/// `NVIDIA H100 PCIe` is `h100`, `AMD Instinct MI300X` is `mi300x`; a name that fits none means none.
pub fn meant<'a>(adapter: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
    };
    let there = words(adapter);
    let fits = |name: &&str| words(name).iter().all(|word| there.contains(word));
    known.into_iter().filter(fits).max_by_key(|name| (words(name).len(), std::cmp::Reverse(*name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Precision;
    use crate::measure::compare::synthetic::measured;

    fn bound(limit: Limit, rate: f64) -> Bound {
        Bound { limit, rate, source: "a test".into(), doubtful: false }
    }

    #[test]
    fn a_figure_above_a_bound_names_it_and_one_below_or_at_it_passes() {
        let case = measured(1e-3, 0.0).case;
        let rate = case.shape.flop() / 1e-3;
        let peak = |rate| [bound(Limit::Arithmetic(Precision::F32), rate)];
        assert_eq!(check(&peak(rate * 1.0001), &case, 1e-3), None);
        assert_eq!(check(&[], &case, 1e-3), None);
        assert!(check(&peak(rate * 0.999), &case, 1e-3).is_some(), "no allowance");
        let Some(Broken::Physics(reason)) = check(&peak(rate * 0.5), &case, 1e-3) else { panic!("it passed") };
        assert_eq!(reason.code, "above-physics");
        assert!(reason.detail.contains("2.000 times") && reason.detail.contains("a test"), "{reason:?}");
    }

    #[test]
    fn a_doubtful_bound_doubts_itself_and_a_firm_one_goes_before_it() {
        let case = measured(1e-3, 0.0).case;
        let rate = case.shape.flop() / 1e-3;
        let doubtful = |rate| Bound { doubtful: true, ..bound(Limit::Arithmetic(Precision::F32), rate) };
        let Some(Broken::Doubt(reason)) = check(&[doubtful(0.5 * rate)], &case, 1e-3) else { panic!("not doubted") };
        assert!(reason.code == "bound-doubted" && reason.detail.contains("2.000 times"), "{reason:?}");
        assert_eq!(check(&[doubtful(1.1 * rate)], &case, 1e-3), None);
        let firm = bound(Limit::Arithmetic(Precision::F32), 0.9 * rate);
        assert!(matches!(check(&[doubtful(0.5 * rate), firm], &case, 1e-3), Some(Broken::Physics(_))));
    }

    #[test]
    fn a_bound_of_another_precision_is_none_and_one_that_is_no_number_does_not_hold() {
        let case = measured(1e-3, 0.0).case;
        assert_eq!(check(&[bound(Limit::Arithmetic(Precision::F16), 1.0)], &case, 1e-3), None);
        assert!(check(&[bound(Limit::Arithmetic(Precision::F32), f64::NAN)], &case, 1e-3).is_some());
    }

    #[test]
    fn an_adapter_means_the_entry_whose_words_are_all_in_its_name() {
        let known = ["a100", "h100", "h100-pcie-80gb", "h200", "rtx-4090", "mi300x", "mi300a", "apple-m1-max-24-core"];
        for (adapter, entry) in [
            ("NVIDIA H100 80GB HBM3", Some("h100")),
            ("NVIDIA H100 PCIe 80GB", Some("h100-pcie-80gb")),
            ("NVIDIA GeForce RTX 4090", Some("rtx-4090")),
            ("NVIDIA GeForce RTX 409", None),
            ("AMD Instinct MI300X", Some("mi300x")),
            ("Apple M1 Max", None),
            ("llvmpipe (LLVM 15.0.6, 256 bits)", None),
            ("", None),
        ] {
            assert_eq!(meant(adapter, known), entry, "{adapter}");
        }
    }

    #[test]
    fn memory_bounds_working_sets_beyond_every_cache_alone() {
        let case = measured(1e-3, 0.0).case;
        let bytes = 3 * 512 * 512 * 4;
        let slow = 0.5 * bytes as f64 / 1e-3 * 0.9;
        assert_eq!(check(&[bound(Limit::Memory { from_bytes: bytes }, slow / 0.89)], &case, 1e-3), None);
        assert!(check(&[bound(Limit::Memory { from_bytes: bytes }, slow)], &case, 1e-3).is_some());
        assert_eq!(check(&[bound(Limit::Memory { from_bytes: bytes + 1 }, slow)], &case, 1e-3), None);
    }
}
