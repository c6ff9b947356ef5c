//! Whether two kinds of thing come in clusters: the runs test (Wald and Wolfowitz, Annals of Mathematical
//! Statistics 11, 1940, 147–162). It knows the order alone, so the distribution of what was sorted into the
//! two kinds does not matter.

use statrs::function::factorial::ln_binomial;

/// Probability of at most so many runs of equal kind in a random order of `a` things of one kind and `b` of the
/// other. Exact. 1 where one kind is missing.
pub fn clustered_p(a: usize, b: usize, runs: usize) -> f64 {
    if a == 0 || b == 0 {
        return 1.0;
    }
    let all = ln_binomial((a + b) as u64, a as u64);
    // Ways to cut n things into k runs.
    let cuts = |n: usize, k: usize| -> f64 {
        if k == 0 || k > n { f64::NEG_INFINITY } else { ln_binomial(n as u64 - 1, k as u64 - 1) }
    };
    let of = |r: usize| -> f64 {
        let half = r / 2;
        if r.is_multiple_of(2) {
            2.0 * (cuts(a, half) + cuts(b, half) - all).exp()
        } else {
            (cuts(a, half + 1) + cuts(b, half) - all).exp() + (cuts(a, half) + cuts(b, half + 1) - all).exp()
        }
    };
    (2..=runs.min(a + b)).map(of).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probabilities_are_those_of_counting() {
        // aabb: of six orders two have 2 runs, two 3, two 4.
        for (runs, p) in [(1, 0.0), (2, 1.0 / 3.0), (3, 2.0 / 3.0), (4, 1.0), (9, 1.0)] {
            assert!((clustered_p(2, 2, runs) - p).abs() < 1e-12, "{runs}");
        }
        // One b among three a: at an end (2 runs) or within (3).
        assert!((clustered_p(3, 1, 2) - 0.5).abs() < 1e-12);
        assert_eq!(clustered_p(0, 5, 1), 1.0);
        assert!((clustered_p(500, 400, 900) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn clusters_are_improbable_and_alternation_is_not() {
        assert!(clustered_p(20, 20, 4) < 1e-7);
        assert!(clustered_p(20, 20, 40) > 0.999);
    }
}
