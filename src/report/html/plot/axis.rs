//! An axis: its range, whether it is logarithmic, and the ticks with their texts.

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use std::ops::Range;

/// One axis of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, with the unit.
    pub title: String,
    /// Both ends.
    pub range: [f64; 2],
    /// Equal factors are equal lengths.
    pub log: bool,
    /// Places with a grid line and what is written there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis over `values` and zero, with about `ticks` ticks.
    pub fn linear(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        ticks: usize,
        text: impl Fn(f64) -> String,
    ) -> Axis {
        Scale::Linear.axis(title, ends(values, [0.0, 0.0]), ticks, &text)
    }

    /// A linear axis over `values` alone, with some room at both ends.
    pub fn around(
        title: &str,
        values: impl IntoIterator<Item = f64>,
        ticks: usize,
        text: impl Fn(f64) -> String,
    ) -> Axis {
        Scale::Around.axis(title, ends(values, [f64::INFINITY, f64::NEG_INFINITY]), ticks, &text)
    }

    /// A logarithmic axis over the positive ones of `values`, with `ticks` ticks at most: powers of ten, or one, two and
    /// five times them where there are few.
    pub fn log(title: &str, values: impl IntoIterator<Item = f64>, ticks: usize, text: impl Fn(f64) -> String) -> Axis {
        let positive = values.into_iter().filter(|x| *x > 0.0 && x.is_finite());
        Scale::Log.axis(title, ends(positive, [f64::INFINITY, f64::NEG_INFINITY]), ticks, &text)
    }

    /// A row per name, the first on top: places 0, −1, −2, ….
    pub fn rows(names: impl IntoIterator<Item = String>) -> Axis {
        let ticks: Vec<(f64, String)> = names.into_iter().enumerate().map(|(i, name)| (-(i as f64), name)).collect();
        let rows = ticks.len().max(1) as f64;
        Axis { title: String::new(), range: [0.5 - rows, 0.5], log: false, ticks }
    }

    /// The value, or the end of the range that it is beyond.
    pub fn within(&self, value: f64) -> f64 {
        value.clamp(self.range[0], self.range[1])
    }

    /// The longest text of a tick.
    pub fn longest(&self) -> &str {
        self.ticks.iter().map(|(_, text)| text.as_str()).max_by_key(|text| text.chars().count()).unwrap_or("")
    }
}

/// How places lie on an axis.
enum Scale {
    Linear,
    Around,
    Log,
}

impl Scale {
    /// An axis over what lies between two ends. Apart from what finds those, since that is compiled for every plot.
    fn axis(self, title: &str, ends: [f64; 2], ticks: usize, text: &dyn Fn(f64) -> String) -> Axis {
        let log = matches!(self, Scale::Log);
        let (range, places) = match self {
            Scale::Linear => linear(ends, ticks),
            Scale::Around => around(ends, ticks),
            Scale::Log => logarithmic(ends, ticks),
        };
        Axis { title: title.into(), range, log, ticks: places.into_iter().map(|x| (x, text(x))).collect() }
    }
}

fn linear([low, high]: [f64; 2], ticks: usize) -> ([f64; 2], Vec<f64>) {
    let high = if high > low { high } else { low + 1.0 };
    let step = nice((high - low) / ticks.max(1) as f64);
    let (first, last) = ((low / step).floor(), (high / step - 1e-9).ceil());
    let places = (0..=(last - first) as usize).map(|i| (first + i as f64) * step);
    ([first * step, last * step], places.collect())
}

fn around([low, high]: [f64; 2], ticks: usize) -> ([f64; 2], Vec<f64>) {
    let [low, high] = if low <= high { [low, high] } else { [0.0, 1.0] };
    let pad = (0.06 * (high - low)).max(0.01 * high.abs()).max(1e-12);
    let range = [low - pad, high + pad];
    let step = nice((range[1] - range[0]) / ticks.max(1) as f64);
    let (first, last) = ((range[0] / step).ceil() as i64, (range[1] / step).floor() as i64);
    (range, (first..=last).map(|i| i as f64 * step).collect())
}

fn logarithmic([low, high]: [f64; 2], ticks: usize) -> ([f64; 2], Vec<f64>) {
    let [low, high] = if low <= high { [low, high] } else { [1.0, 10.0] };
    // Room at both ends, so that no mark lies on the frame. In logarithms, since the ratio of what lies far apart is
    // not finite, and neither need be what lies beyond.
    let pad = ((high.ln() - low.ln()) * 0.04).max(0.06);
    let range = [(low.ln() - pad).exp().max(f64::MIN_POSITIVE), (high.ln() + pad).exp().min(f64::MAX)];
    let decades = range.map(f64::log10);
    let at = |multiples: &[f64], every: i32| -> Vec<f64> {
        let (first, last) = (decades[0].floor() as i32, decades[1].ceil() as i32);
        let powers = (first..=last).filter(|power| power.rem_euclid(every) == 0);
        let all = powers.flat_map(|power| multiples.iter().map(move |m| m * 10f64.powi(power)));
        all.filter(|x| (range[0]..=range[1]).contains(x)).collect()
    };
    let finest = [at(&[1.0, 2.0, 5.0], 1), at(&[1.0, 3.0], 1), at(&[1.0], 1)];
    let coarser = (2..=MOST_DECADES).map(|every| at(&[1.0], every));
    let mut places = finest.into_iter().chain(coarser).find(|p| p.len() <= ticks.max(2)).unwrap_or_default();
    if places.len() < 2 {
        // Less than an octave: round numbers as on a linear axis, or both ends of what there is.
        let step = nice((range[1] - range[0]) / (ticks.max(2) - 1) as f64);
        let first = (range[0] / step).ceil();
        let round = (0..ticks).map(|i| (first + i as f64) * step).take_while(|x| *x < range[1]);
        places = round.filter(|x| *x > range[0]).collect();
        if places.len() < 2 {
            places = if low < high { vec![low, high] } else { vec![low] };
        }
    }
    (range, places)
}

/// From the smallest number to the largest.
const MOST_DECADES: i32 = 617;

/// Smallest and largest.
fn ends(values: impl IntoIterator<Item = f64>, start: [f64; 2]) -> [f64; 2] {
    values.into_iter().filter(|x| x.is_finite()).fold(start, |[low, high], x| [low.min(x), high.max(x)])
}

/// One, two or five times a power of ten, the next at or above `step`.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|x| *x >= step * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (low, high): (i32, i32)) -> i32 {
        let value = self.within(*value);
        let [a, b] = self.range;
        let share = if self.log { (value.ln() - a.ln()) / (b.ln() - a.ln()) } else { (value - a) / (b - a) };
        low + (f64::from(high - low) * share).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range[0]..self.range[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, t)| t.as_str()).collect()
    }

    #[test]
    fn ticks_of_a_logarithmic_axis_are_few_and_at_least_two() {
        let of = |low: f64, high: f64, most: usize| Axis::log("", [low, high], most, |x| format!("{x:.3e}"));
        assert_eq!(texts(&of(1.0, 1e6, 7)).len(), 7);
        assert_eq!(texts(&of(1.0, 1e6, 4)), ["1.000e0", "1.000e2", "1.000e4", "1.000e6"]);
        assert_eq!(texts(&of(1.0, 10.0, 7)), ["1.000e0", "2.000e0", "5.000e0", "1.000e1"]);
        for (low, high) in [(3.1, 3.2), (0.9, 1.1), (7.0, 7.0), (1e-12, 1e15), (f64::NAN, f64::NAN), (-1.0, 0.0)] {
            for most in 2..9 {
                let axis = of(low, high, most);
                let count = axis.ticks.len();
                assert!((1..=most).contains(&count), "{low} to {high}: {axis:?}");
                assert!(
                    axis.ticks
                        .iter()
                        .all(|(x, _)| axis.range[0] < *x && *x < axis.range[1] || low.is_nan() || low < 0.0)
                );
            }
        }
    }

    #[test]
    fn values_as_far_apart_as_numbers_go_have_few_ticks_and_finite_ends() {
        for (low, high) in [(1e-200, 1e200), (f64::MIN_POSITIVE, f64::MAX), (5e-324, 1.0), (f64::MAX, f64::MAX)] {
            let axis = Axis::log("", [low, high], 4, |x| format!("{x:e}"));
            assert!(axis.range.iter().all(|x| *x > 0.0 && x.is_finite()), "{axis:?}");
            assert!((1..=4).contains(&axis.ticks.len()), "{axis:?}");
            assert_eq!([low, high].map(|x| (0..=100).contains(&axis.map(&x, (0, 100)))), [true; 2], "{axis:?}");
        }
        assert_eq!(Axis::log("", [1e-200, 1e200], 4, |x| x.to_string()).map(&1.0, (0, 100)), 50);
    }

    #[test]
    fn a_linear_axis_begins_at_zero_and_covers_what_there_is() {
        let axis = Axis::linear("", [0.31, 0.97], 5, |x| format!("{x:.1}"));
        assert_eq!(texts(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(Axis::linear("", [], 5, |x| x.to_string()).range, [0.0, 1.0]);
        assert_eq!(Axis::linear("", [-1.0, 3.0], 4, |x| x.to_string()).range, [-1.0, 3.0]);
    }

    #[test]
    fn what_is_beyond_the_range_is_drawn_at_its_end() {
        let axis = Axis::log("", [1.0, 100.0], 5, |x| x.to_string());
        assert_eq!(axis.map(&1e9, (0, 100)), 100);
        assert_eq!(axis.map(&0.0, (0, 100)), 0);
        assert_eq!(axis.map(&10.0, (0, 100)), 50);
    }
}
