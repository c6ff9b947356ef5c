//! Several set-ups of one case: what a single run's interval does not know.
//!
//! The interval of a run is the noise within it. A device that was opened anew, with kernels compiled anew and
//! buffers somewhere else in memory, is another draw, and on some machines that differs by more than the interval
//! says. Records of one case from several such set-ups give an interval that has it in: Student's, over the
//! set-ups.

use super::compare::Key;
use super::record::{Interval, Record, Verdict};
use crate::stats::interval::MIN_SAMPLES_95;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// One case over its set-ups.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Pooled {
    /// `kernel[tiling]/precision/shape`, with settings and data behind the tiling where they are not the default.
    pub case: String,
    /// Place of the case's first record among all, from 0: the row that says what else it is.
    pub row: usize,
    /// Set-ups with a figure that is not SUSPECT.
    pub setups: usize,
    /// Set-ups left out: without a figure, SUSPECT, or with too few samples.
    pub left_out: usize,
    /// Useful flop per second, 1e9: the geometric mean over the set-ups, with its 95 % interval.
    pub gflop_per_s: Interval,
    /// Standard deviation of the logarithm between set-ups: 0.02 is 2 %.
    pub between: f64,
    /// Half of the interval within a set-up over its median, the mean over the set-ups.
    pub within: f64,
}

/// Every case that has two usable set-ups at least, in the order of the records.
pub fn pooled(records: &[Record]) -> Vec<Pooled> {
    let mut groups: Vec<(Key, usize, Vec<&Record>)> = Vec::new();
    for (row, record) in records.iter().enumerate() {
        let key = Key::of(record);
        match groups.iter_mut().find(|(other, ..)| *other == key) {
            Some((.., group)) => group.push(record),
            None => groups.push((key, row, vec![record])),
        }
    }
    groups.iter().filter_map(|(_, row, group)| pool(*row, group)).collect()
}

fn pool(row: usize, records: &[&Record]) -> Option<Pooled> {
    let trusted = records.iter().filter(|r| r.verdict != Verdict::Suspect).filter_map(|r| r.figure.as_ref());
    let rates: Vec<Interval> =
        trusted.filter(|f| f.samples as usize >= MIN_SAMPLES_95).map(|f| f.gflop_per_s).collect();
    let n = rates.len() as f64;
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok().filter(|_| n > 1.0)?;
    let mean = rates.iter().map(|r| r.median.ln()).sum::<f64>() / n;
    let between = (rates.iter().map(|r| (r.median.ln() - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let half = |r: &Interval| 0.5 * (r.hi / r.lo).ln();
    // Set-ups that agree by luck are not known better than each of them is.
    let least = rates.iter().map(|r| half(r).powi(2)).sum::<f64>().sqrt() / n;
    let reach = (student.inverse_cdf(0.975) * between / n.sqrt()).max(least);
    Some(Pooled {
        case: records[0].case.id(),
        row,
        setups: rates.len(),
        left_out: records.len() - rates.len(),
        gflop_per_s: Interval { median: mean.exp(), lo: (mean - reach).exp(), hi: (mean + reach).exp() },
        between,
        within: rates.iter().map(half).sum::<f64>() / n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::sampled;
    use crate::stats::synthetic::{Noise, rng};
    use rand_distr::{Distribution, StandardNormal};

    /// A case in so many set-ups of true time 1 ms, with this scatter between them and 1 % within.
    fn case(seed: u64, setups: usize, between: f64) -> Vec<Record> {
        let mut rng = rng(seed);
        let mut one = || {
            let setup: f64 = StandardNormal.sample(&mut rng);
            sampled(&mut rng, 1e-3 * (between * setup).exp(), Noise::Normal(0.01), 30)
        };
        (0..setups).map(|_| one()).collect()
    }

    fn truth() -> f64 {
        crate::kernel::Shape::square(512).flop() / 1e-3 * 1e-9
    }

    #[test]
    fn the_interval_over_set_ups_covers_and_that_of_one_of_them_does_not() {
        for (setups, between) in [(2, 0.03), (4, 0.03), (8, 0.03), (4, 0.005)] {
            let (mut covered, mut alone) = (0, 0);
            for seed in 0..1000 {
                let records = case(seed, setups, between);
                let holds = |i: &Interval| i.lo <= truth() && truth() <= i.hi;
                covered += usize::from(holds(&pooled(&records)[0].gflop_per_s));
                alone += usize::from(holds(&records[0].figure.as_ref().unwrap().gflop_per_s));
            }
            // Where the noise within is a part, its floor makes the interval a little wide.
            assert!((930..=985).contains(&covered), "{setups} {between}: {covered}");
            assert!(between < 0.01 || alone < 300, "{setups} {between}: {alone}");
        }
    }

    #[test]
    fn two_runs_of_four_set_ups_overlap_where_two_single_ones_do_not() {
        let overlap = |a: &Interval, b: &Interval| a.lo <= b.hi && b.lo <= a.hi;
        let (mut pooled_ones, mut single) = (0, 0);
        for seed in 0..500 {
            let (a, b) = (case(2 * seed, 4, 0.03), case(2 * seed + 1, 4, 0.03));
            pooled_ones += usize::from(overlap(&pooled(&a)[0].gflop_per_s, &pooled(&b)[0].gflop_per_s));
            let rate = |r: &[Record]| r[0].figure.as_ref().unwrap().gflop_per_s;
            single += usize::from(overlap(&rate(&a), &rate(&b)));
        }
        assert!(pooled_ones >= 475 && single < 250, "{pooled_ones} {single}");
    }

    #[test]
    fn suspect_and_single_set_ups_are_counted_and_left_out() {
        let mut records = case(1, 4, 0.01);
        records[1].verdict = Verdict::Suspect;
        records[2].figure = None;
        let found = pooled(&records);
        assert_eq!((found[0].setups, found[0].left_out), (2, 2));
        assert_eq!(pooled(&records[..2]), []);
        assert_eq!(pooled(&[]), []);
    }
}
