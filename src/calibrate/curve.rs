//! Efficiency over (m, n, k) by interpolation in log space.

use serde::{Deserialize, Serialize};

/// A measured shape and its rate over the ceiling of its precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Rows of A and C.
    pub m: f64,
    /// Columns of B and C.
    pub n: f64,
    /// Columns of A, rows of B.
    pub k: f64,
    /// Rate over the ceiling; 1 at the shape that made the ceiling.
    pub efficiency: f64,
}

/// Points and how well each is predicted by the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Curve {
    /// The measured shapes; at least one.
    pub points: Vec<Point>,
    /// Standard deviation of the logarithm of measured over interpolated, each point left out in
    /// turn; absent with fewer than three points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_one_out_sd_log: Option<f64>,
}

impl Curve {
    /// A curve through `points`.
    pub fn new(points: Vec<Point>) -> Self {
        let mut curve = Curve { points, leave_one_out_sd_log: None };
        if curve.points.len() >= 3 {
            let squares: f64 = (0..curve.points.len())
                .map(|i| {
                    let p = curve.points[i];
                    (p.efficiency / interpolate(&curve.points, Some(i), [p.m, p.n, p.k])).ln().powi(2)
                })
                .sum();
            curve.leave_one_out_sd_log = Some((squares / curve.points.len() as f64).sqrt());
        }
        curve
    }

    /// Efficiency at (m, n, k): the nearest four points, weighted by the inverse square of their
    /// distance in log space. Beyond the edge of what was measured it is that of the edge.
    pub fn at(&self, m: f64, n: f64, k: f64) -> f64 {
        interpolate(&self.points, None, [m, n, k])
    }
}

const NEIGHBOURS: usize = 4;

fn interpolate(points: &[Point], skip: Option<usize>, shape: [f64; 3]) -> f64 {
    let mut low = [f64::INFINITY; 3];
    let mut high = [f64::NEG_INFINITY; 3];
    for p in points {
        for (axis, extent) in [p.m, p.n, p.k].into_iter().enumerate() {
            low[axis] = low[axis].min(extent.ln());
            high[axis] = high[axis].max(extent.ln());
        }
    }
    let mut place = [0.0; 3];
    for axis in 0..3 {
        place[axis] = shape[axis].ln().clamp(low[axis], high[axis]);
    }
    // The nearest few, kept sorted; four at most, so insertion is quickest and allocates nothing.
    let mut nearest = [(f64::INFINITY, 0.0); NEIGHBOURS];
    for (i, p) in points.iter().enumerate() {
        if Some(i) == skip {
            continue;
        }
        let distance = (p.m.ln() - place[0]).powi(2) + (p.n.ln() - place[1]).powi(2) + (p.k.ln() - place[2]).powi(2);
        if distance < nearest[NEIGHBOURS - 1].0 {
            nearest[NEIGHBOURS - 1] = (distance, p.efficiency.ln());
            nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for (distance, value) in nearest {
        if distance.is_finite() {
            // A thousandth of an e-fold: a point is its own neighbour without a division by zero.
            let weight = 1.0 / (distance + 1e-6);
            sum += weight * value;
            weights += weight;
        }
    }
    if weights > 0.0 { (sum / weights).exp() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(n: f64, efficiency: f64) -> Point {
        Point { m: n, n, k: n, efficiency }
    }

    #[test]
    fn a_curve_goes_through_its_points_and_is_clamped_at_its_edges() {
        let curve = Curve::new(vec![point(64.0, 0.1), point(512.0, 0.5), point(4096.0, 1.0)]);
        for p in &curve.points {
            assert!((curve.at(p.m, p.n, p.k) / p.efficiency - 1.0).abs() < 1e-4);
        }
        assert_eq!(curve.at(1.0, 1.0, 1.0), curve.at(64.0, 64.0, 64.0));
        assert_eq!(curve.at(1e6, 1e6, 1e6), curve.at(4096.0, 4096.0, 4096.0));
        let between = curve.at(1448.0, 1448.0, 1448.0);
        assert!(0.5 < between && between < 1.0, "{between}");
    }

    #[test]
    fn the_leave_one_out_error_is_that_of_the_points_themselves() {
        let flat = Curve::new((1..6).map(|i| point(100.0 * f64::from(i), 0.7)).collect());
        assert!(flat.leave_one_out_sd_log.unwrap() < 1e-12);
        let steep = Curve::new(vec![point(10.0, 0.01), point(100.0, 0.1), point(1000.0, 1.0)]);
        assert!(steep.leave_one_out_sd_log.unwrap() > 0.5);
        assert_eq!(Curve::new(vec![point(10.0, 1.0)]).leave_one_out_sd_log, None);
    }
}
