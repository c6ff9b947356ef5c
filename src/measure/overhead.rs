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
        let fixed = self.seen.iter().map(|(_, s)| *s).min_by(f64::total_cmp).unwrap_or(0.0);
        let large = self.seen.iter().filter(|(n, _)| *n >= LARGE);
        let each = large.map(|(n, s)| (s - fixed) / n).filter(|e| *e > 0.0).max_by(f64::total_cmp);
        let most = self.seen.iter().filter(|(n, _)| *n >= size).map(|(_, s)| *s);
        let by_size = fixed + each.unwrap_or(each_s) * size;
        // One that was seen of the size or above bounds it.
        most.min_by(f64::total_cmp).map_or(by_size, |seen| seen.min(by_size))
    }
}
