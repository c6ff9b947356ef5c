//! The boxes that stand by: a finite pool, which each failure draws on and each repair returns to.
//!
//! A box that failed is back after an exponential time, whatever the others do. A job that stops for a
//! failure waits until every box of it has a replacement; while it waits nothing of it runs, so nothing
//! fails. In the time that it does not wait the boxes in repair then are Erlang's loss system, with
//! batches where a rack or a switch takes several boxes with it: what a batch asks for beyond the pool
//! is waited for. Replicas that go on without one another do not wait: boxes that are short leave as
//! many replicas out.

/// What stands by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Boxes; NaN where a replacement is always at hand.
    pub spares: f64,
    /// Mean seconds from a box's failure to its return.
    pub repair: f64,
}

/// Failures that take boxes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taking {
    /// Per second.
    pub rate: f64,
    /// Boxes, each time.
    pub boxes: f64,
}

/// Boxes in repair and their mean number, beyond which a pool is never empty in any run: its standard
/// deviations, and batches.
const FAR: f64 = 12.0;

impl Pool {
    /// Whether spares are counted at all.
    pub fn counted(&self) -> bool {
        !self.spares.is_nan()
    }

    fn size(&self) -> f64 {
        self.spares.floor().max(0.0)
    }

    /// Seconds that a job waits for boxes per second that it does not; infinite where they never suffice.
    pub fn waiting(&self, takes: &[Taking]) -> f64 {
        if !self.counted() || self.never_empty(takes) {
            return 0.0;
        }
        let size = self.size();
        let load = mean(takes, self.repair);
        if !load.is_finite() {
            return f64::INFINITY;
        }
        let crowd = if load > 1e6 * (size + 1.0) {
            // Every box is in repair whenever the next fails.
            Crowd::full(size)
        } else {
            Crowd::new(size, |k, crowd| takes.iter().map(|t| t.rate * self.repair * crowd.last(k, t.boxes)).sum())
        };
        let mut waits = 0.0;
        for t in takes {
            for short in 1..=t.boxes as u64 {
                // The batch finds more than `size - boxes + short` in repair: this many boxes are short.
                let short = short as f64;
                waits += t.rate * crowd.last(size, t.boxes - short + 1.0) * self.repair / (size + short);
            }
        }
        waits / crowd.all()
    }

    /// Mean share of `replicas` that are out for want of a box; `rate` is that of a replica that loses
    /// one, `takes` is what else takes boxes.
    pub fn absent(&self, rate: f64, replicas: f64, takes: &[Taking]) -> f64 {
        let single = Taking { rate: rate * replicas, boxes: 1.0 };
        let all = || takes.iter().copied().chain([single]);
        if !self.counted() || never_empty(self.size(), self.repair, all()) {
            return 0.0;
        }
        let size = self.size();
        let working = |k: f64| (1.0 - (k - size).max(0.0) / replicas).max(0.0);
        let load: f64 = all().map(|t| t.rate * t.boxes * self.repair).sum();
        if !load.is_finite() || load > 1e6 * (size + replicas) {
            return 1.0;
        }
        let crowd = Crowd::new(size + replicas.ceil(), |k, crowd| {
            let others: f64 = takes.iter().map(|t| t.rate * crowd.last(k, t.boxes)).sum();
            self.repair * (single.rate * working(k) * crowd.last(k, 1.0) + others)
        });
        crowd.mean(|k| 1.0 - working(k))
    }

    fn never_empty(&self, takes: &[Taking]) -> bool {
        never_empty(self.size(), self.repair, takes.iter().copied())
    }
}

/// Mean boxes in repair where none is ever waited for.
fn mean(takes: &[Taking], repair: f64) -> f64 {
    takes.iter().map(|t| t.rate * t.boxes * repair).sum()
}

fn never_empty(size: f64, repair: f64, takes: impl Iterator<Item = Taking>) -> bool {
    let (mut load, mut variance, mut most) = (0.0, 0.0, 0.0f64);
    for t in takes.filter(|t| t.rate > 0.0) {
        load += t.rate * t.boxes * repair;
        variance += 0.5 * t.rate * t.boxes * (t.boxes + 1.0) * repair;
        most = most.max(t.boxes);
    }
    load == 0.0 || size > load + FAR * (variance.sqrt() + most)
}

/// How often how many boxes are in repair: weights from none to all, summed up.
struct Crowd {
    sums: Vec<f64>,
}

impl Crowd {
    /// By the flow across each cut: from at most `k` boxes to more, `up(k)` over the repair's rate, and
    /// back one by one.
    fn new(most: f64, up: impl Fn(f64, &Crowd) -> f64) -> Self {
        let mut crowd = Crowd { sums: vec![1.0] };
        for k in 0..most as usize {
            let weight = up(k as f64, &crowd) / (k + 1) as f64;
            let sum = crowd.sums[k] + weight;
            crowd.sums.push(sum);
            if sum > 1e200 {
                crowd.sums.iter_mut().for_each(|s| *s *= 1e-200);
            }
            // Far beyond the bulk nothing more is seen of the sum.
            if weight < 1e-18 * sum && sum == crowd.sums[k] {
                break;
            }
        }
        crowd
    }

    /// All of them.
    fn full(most: f64) -> Self {
        let mut sums = vec![0.0; most as usize + 1];
        sums[most as usize] = 1.0;
        Crowd { sums }
    }

    fn all(&self) -> f64 {
        self.sums[self.sums.len() - 1]
    }

    fn up_to(&self, k: f64) -> f64 {
        if k < 0.0 { 0.0 } else { self.sums[(k as usize).min(self.sums.len() - 1)] }
    }

    /// Weight of the `boxes` numbers that end with `k`: a batch of so many finds the cut crossed.
    fn last(&self, k: f64, boxes: f64) -> f64 {
        self.up_to(k) - self.up_to(k - boxes)
    }

    fn mean(&self, of: impl Fn(f64) -> f64) -> f64 {
        let weights = self.sums.iter().scan(0.0, |before, sum| {
            let weight = sum - *before;
            *before = *sum;
            Some(weight)
        });
        weights.enumerate().map(|(k, weight)| weight * of(k as f64)).sum::<f64>() / self.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_waits_as_often_as_erlang_b_says_for_the_next_of_those_in_repair() {
        // Erlang-B by its recursion.
        let erlang = |servers: u32, load: f64| (1..=servers).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
        for (servers, load) in [(0, 0.3), (1, 0.5), (5, 4.0), (40, 20.0), (300, 250.0), (10, 200.0), (2_000, 1_900.0)] {
            let pool = Pool { spares: f64::from(servers), repair: 86_400.0 };
            let got = pool.waiting(&[Taking { rate: load / 86_400.0, boxes: 1.0 }]);
            let want = load * erlang(servers, load) / f64::from(servers + 1);
            assert!((got / want - 1.0).abs() < 1e-9, "{servers} {load}: {got} for {want}");
        }
    }

    #[test]
    fn a_large_pool_is_never_waited_for_and_none_at_all_is_a_wait_for_every_failure() {
        let one = [Taking { rate: 1e-4, boxes: 1.0 }];
        assert_eq!(Pool { spares: 2_000.0, repair: 86_400.0 }.waiting(&one), 0.0);
        assert_eq!(Pool { spares: f64::NAN, repair: 86_400.0 }.waiting(&one), 0.0);
        assert!((Pool { spares: 0.0, repair: 86_400.0 }.waiting(&one) - 8.64).abs() < 1e-9);
        // Two boxes: the first back is one of two, the second is alone.
        let two = Pool { spares: 0.0, repair: 100.0 }.waiting(&[Taking { rate: 1.0, boxes: 2.0 }]);
        assert!((two - 150.0).abs() < 1e-9, "{two}");
        assert_eq!(Pool { spares: 3.0, repair: 100.0 }.waiting(&[]), 0.0);
        assert_eq!(
            Pool { spares: 3.0, repair: 100.0 }.waiting(&[Taking { rate: f64::INFINITY, boxes: 1.0 }]),
            f64::INFINITY
        );
    }

    #[test]
    fn a_batch_takes_more_of_a_pool_than_as_many_single_boxes() {
        let pool = Pool { spares: 12.0, repair: 1_000.0 };
        let batch = pool.waiting(&[Taking { rate: 1e-3, boxes: 8.0 }]);
        let single = pool.waiting(&[Taking { rate: 8e-3, boxes: 1.0 }]);
        assert!(batch > 1.2 * single, "{batch} {single}");
    }

    #[test]
    fn replicas_are_out_for_boxes_that_are_short_and_none_is_where_there_are_enough() {
        let absent = |spares: f64| Pool { spares, repair: 86_400.0 }.absent(1e-6, 100.0, &[]);
        assert_eq!(absent(200.0), 0.0);
        // Without a spare a replica is out for as long as its box: an alternating renewal process.
        let down = 0.0864 / 1.0864;
        assert!((absent(0.0) / down - 1.0).abs() < 1e-9, "{}", absent(0.0));
        assert!(absent(0.0) > absent(5.0) && absent(5.0) > absent(10.0) && absent(10.0) > 0.0);
    }
}
