//! What a case takes beside its timing, going by the cases before it.

/// Size of a case, in whatever grows with it, and the seconds that setting up and proving it took.
#[derive(Debug, Clone, Default)]
pub struct Overheads {
    seen: Vec<(f64, f64)>,
}

/// Below this a case is all fixed cost, and tells nothing of what grows with its size.
const LARGE: f64 = 1e5;

impl Overheads {
    /// Remembers one.
    pub fn note(&mut self, size: f64, seconds: f64) {
        self.seen.push((size, seconds));
    }

    /// Seconds that a case of this size will take: a fixed part, the least seen, and one per unit of size, the
    /// most seen, or `each_s` where nothing large was.
    pub fn predict(&self, size: f64, each_s: f64) -> f64 {
        self.above(self.least(), size, each_s)
    }

    fn least(&self) -> f64 {
        self.seen.iter().map(|(_, s)| *s).min_by(f64::total_cmp).unwrap_or(0.0)
    }

    /// [`Overheads::predict`] with a fixed part that is known.
    fn above(&self, fixed: f64, size: f64, each_s: f64) -> f64 {
        let large = self.seen.iter().filter(|(n, _)| *n >= LARGE);
        let each = large.map(|(n, s)| (s - fixed) / n).filter(|e| *e > 0.0).max_by(f64::total_cmp);
        let most = self.seen.iter().filter(|(n, _)| *n >= size).map(|(_, s)| *s);
        let by_size = fixed + each.unwrap_or(each_s) * size;
        // One that was seen of the size or above bounds it.
        most.min_by(f64::total_cmp).map_or(by_size, |seen| seen.min(by_size))
    }
}

/// The same of many kernels, each compiled in the first of its cases: that takes as long for a small shape as for a
/// large one, and taken for what grows it would make seconds of a large shape out of one.
#[derive(Debug, Clone, Default)]
pub struct ByKernel {
    all: Overheads,
    /// Of cases whose kernel was compiled before.
    later: Overheads,
    /// What each kernel's first case took.
    first: Vec<(String, f64, f64)>,
}

impl ByKernel {
    /// Remembers a case of a kernel, by the hash of its text.
    pub fn note(&mut self, kernel: &str, size: f64, seconds: f64) {
        self.all.note(size, seconds);
        if self.knows(kernel) {
            self.later.note(size, seconds);
        } else {
            self.first.push((kernel.into(), size, seconds));
        }
    }

    fn knows(&self, kernel: &str) -> bool {
        self.first.iter().any(|(known, ..)| known == kernel)
    }

    /// Seconds that a case of this kernel and size will take, as [`Overheads::predict`]; a kernel that is new is
    /// compiled as long as the slowest was.
    pub fn predict(&self, kernel: &str, size: f64, each_s: f64) -> f64 {
        if !self.later.seen.iter().any(|(n, _)| *n >= LARGE) {
            return self.all.predict(size, each_s);
        }
        let grown = |size| self.later.above(self.all.least(), size, each_s);
        let compiling = self.first.iter().map(|(_, n, s)| (s - grown(*n)).max(0.0)).fold(0.0, f64::max);
        grown(size) + if self.knows(kernel) { 0.0 } else { compiling }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_took_to_be_compiled_does_not_grow_with_the_shape() {
        let mut seen = ByKernel::default();
        seen.note("a", 2e5, 1.1);
        // Nothing else is known yet: all of it may grow.
        assert!(seen.predict("a", 3e6, 1e-7) > 0.2 && seen.predict("b", 3e6, 1e-7) > 0.2);
        seen.note("a", 8e5, 0.1);
        assert!((0.1..0.5).contains(&seen.predict("a", 3e6, 1e-7)), "{seen:?}");
        // Another kernel has that before it.
        assert!((1.0..1.6).contains(&seen.predict("b", 3e6, 1e-7)), "{seen:?}");
    }

    #[test]
    fn what_grows_with_the_shape_is_still_seen_to() {
        let mut seen = ByKernel::default();
        for (size, seconds) in [(2e5, 0.2), (4e5, 0.4), (8e5, 0.8)] {
            seen.note("a", size, seconds);
        }
        assert!(seen.predict("a", 3e6, 1e-9) > 2.0, "{seen:?}");
    }
}
