//! Kernel time from submissions of several lengths: T = a + b·d for d dispatches.
//!
//! The slope b is the time of one dispatch, the intercept a is what a submission costs beyond its
//! dispatches. Dividing T by d would put a/d into every figure; the slope does not.

use super::median::{of_sorted, sorted};

/// One submission: how long it was and how long it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Round it belongs to.
    pub round: u32,
    /// Dispatches in it.
    pub dispatches: u32,
    /// Time, in the unit that slope and intercept shall have.
    pub time: f64,
}

/// What one round says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundSlope {
    /// The round.
    pub round: u32,
    /// Time per dispatch.
    pub slope: f64,
    /// Time of a submission with no dispatch.
    pub intercept: f64,
}

/// Why a round gives no slope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSlope {
    /// All of its submissions are equally long.
    OneLength,
    /// One of its times is NaN or infinite.
    NotFinite,
}

/// Slopes of the rounds in the order the rounds began, and the rounds that gave none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slopes {
    /// One per usable round.
    pub rounds: Vec<RoundSlope>,
    /// Rounds left out, each with its reason: nothing is dropped in silence.
    pub left_out: Vec<(u32, NoSlope)>,
}

impl Slopes {
    /// Time per dispatch, one sample per usable round, in order.
    pub fn slopes(&self) -> Vec<f64> {
        self.rounds.iter().map(|r| r.slope).collect()
    }

    /// Submission cost, one sample per usable round, in order.
    pub fn intercepts(&self) -> Vec<f64> {
        self.rounds.iter().map(|r| r.intercept).collect()
    }
}

/// Theil–Sen within each round: the median of the slopes between every two submissions of different
/// length, and the median of what that slope leaves.
///
/// Exact for T = a + b·d. One submission that took too long bends the slope of its own round only, so
/// the median over rounds does not see it. Points of a round need not be neighbours.
pub fn per_round(points: &[Point]) -> Slopes {
    let mut order: Vec<u32> = Vec::new();
    let mut of_round: std::collections::HashMap<u32, Vec<Point>> = std::collections::HashMap::new();
    for point in points {
        of_round
            .entry(point.round)
            .or_insert_with(|| {
                order.push(point.round);
                Vec::new()
            })
            .push(*point);
    }
    let mut slopes = Slopes::default();
    for round in order {
        match line(&of_round[&round]) {
            Ok((slope, intercept)) => slopes.rounds.push(RoundSlope { round, slope, intercept }),
            Err(why) => slopes.left_out.push((round, why)),
        }
    }
    slopes
}

/// Theil–Sen over all points at once, (slope, intercept): for the few points of a scaling check.
///
/// # Errors
/// [`NoSlope`] where there is none.
pub fn line(points: &[Point]) -> Result<(f64, f64), NoSlope> {
    if points.iter().any(|p| !p.time.is_finite()) {
        return Err(NoSlope::NotFinite);
    }
    let mut slopes = Vec::new();
    for (i, a) in points.iter().enumerate() {
        for b in &points[i + 1..] {
            if a.dispatches != b.dispatches {
                slopes.push((b.time - a.time) / (f64::from(b.dispatches) - f64::from(a.dispatches)));
            }
        }
    }
    let slope = of_sorted(&sorted(&slopes).map_err(|_| NoSlope::OneLength)?);
    let rest: Vec<f64> = points.iter().map(|p| p.time - slope * f64::from(p.dispatches)).collect();
    let intercept = of_sorted(&sorted(&rest).map_err(|_| NoSlope::NotFinite)?);
    Ok((slope, intercept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::median::median;
    use crate::stats::synthetic::Noise;

    fn points(rounds: u32, time: impl Fn(u32, u32) -> f64) -> Vec<Point> {
        (0..rounds)
            .flat_map(|round| [4, 8, 12].map(|dispatches| (round, dispatches)))
            .map(|(round, dispatches)| Point { round, dispatches, time: time(round, dispatches) })
            .collect()
    }

    #[test]
    fn a_straight_line_is_recovered_exactly_whatever_a_submission_costs() {
        for cost in [0.0, 10e3, 1e6, -50.0] {
            let slopes = per_round(&points(5, |_, d| cost + 2048.0 * f64::from(d)));
            assert_eq!(slopes.slopes(), [2048.0; 5]);
            assert_eq!(slopes.intercepts(), [cost; 5]);
            assert!(slopes.left_out.is_empty());
        }
    }

    #[test]
    fn a_tenfold_submission_does_not_move_the_median_slope() {
        let noise = Noise::Normal(0.01).trace(3, 90);
        let clean = points(30, |r, d| 1e4 + 2000.0 * f64::from(d) * noise[(r * 3 + d / 4 - 1) as usize]);
        let mut hit = clean.clone();
        hit[31].time *= 10.0;
        hit[60].time *= 10.0;
        let of = |p: &[Point]| median(&per_round(p).slopes()).unwrap();
        assert!((of(&clean) / 2000.0 - 1.0).abs() < 0.01);
        assert!((of(&hit) / of(&clean) - 1.0).abs() < 0.005, "{} {}", of(&hit), of(&clean));
    }

    #[test]
    fn a_round_without_a_slope_is_named_and_not_dropped_in_silence() {
        let mut p = points(3, |_, d| f64::from(d));
        p[4].time = f64::NAN;
        p.push(Point { round: 9, dispatches: 4, time: 1.0 });
        p.push(Point { round: 9, dispatches: 4, time: 2.0 });
        let slopes = per_round(&p);
        assert_eq!(slopes.rounds.iter().map(|r| r.round).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(slopes.left_out, [(1, NoSlope::NotFinite), (9, NoSlope::OneLength)]);
        assert_eq!(per_round(&[]), Slopes::default());
    }

    #[test]
    fn rounds_may_be_interleaved() {
        let mut p = points(2, |r, d| f64::from(r + 1) * f64::from(d));
        p.swap(1, 4);
        assert_eq!(per_round(&p).slopes(), [1.0, 2.0]);
    }
}
