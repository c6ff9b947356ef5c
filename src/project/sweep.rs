//! How the time of matrix products depends on their extents: a [`Surface`] as plain numbers.

use crate::cluster::{Residual, Surface};
use crate::job::Gemm;

/// Standard deviation of the logarithm that a curve measured on another adapter adds: 24 %, the error that
/// aiconfigurator's profiles show when one accelerator's stands for another's.
pub const TRANSFER_SD_LOG: f64 = 0.24;

/// Share of one product's error that is left in a step's: the twelve products of a layer (queries, keys and values
/// 3, projection 1, feed-forward 4 and 4 parts of 12, in three passes), whose errors do not go together:
/// √(3 · (3² + 1² + 4² + 4²)) / 36. What neighbours are off, each left out, correlates by −0.15 to 0.16.
const IN_A_STEP: f64 = 0.312;

/// What a surface adds that stands for another accelerator's, in a step: the root mean square over the other
/// accelerators by the H100's of what all their products are off together and 0.31 of what each is beside that,
/// in 16 bits and in 8 (`scripts/derive_surfaces.py` prints both).
const STANDING_SD_LOG: f64 = 0.066;
const STANDING_NARROW_SD_LOG: f64 = 0.17;

/// The surface that holds for the products of an accelerator in one format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swept<'a> {
    /// Whose it is, and of what format.
    pub surface: &'a Surface,
    /// Whether it was measured on another accelerator or in another format: its shape then holds, not its rate.
    pub transferred: bool,
}

impl Swept<'_> {
    /// Standard deviation of the logarithm of what all products of a step take over what they are predicted to.
    pub fn sd_log(&self) -> f64 {
        let own = IN_A_STEP * self.surface.error.value;
        own.hypot(self.standing_sd_log())
    }

    /// The part of it that standing for another adds.
    pub fn standing_sd_log(&self) -> f64 {
        match self.surface.format.bytes() < 2.0 {
            _ if !self.transferred => 0.0,
            true => STANDING_NARROW_SD_LOG,
            false => STANDING_SD_LOG,
        }
    }
}

/// A [`Surface`] as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    units: f64,
    /// Rate of large products over the peak, where it was measured on this accelerator.
    pub(super) rate: Option<f64>,
    bandwidth: f64,
    overhead: f64,
    waves: f64,
    quantising: Option<f64>,
    residual: Residual,
    pub(super) sd_log: f64,
}

impl Sweep {
    pub(super) fn new(swept: Swept) -> Self {
        let s = swept.surface;
        Sweep {
            units: f64::from(s.units),
            rate: (!swept.transferred).then_some(s.rate.value),
            bandwidth: s.bandwidth.value,
            overhead: s.overhead.value,
            waves: s.waves.value,
            quantising: s.quantising.as_ref().map(|v| v.value),
            residual: s.residual,
            sd_log: swept.sd_log(),
        }
    }

    /// What bends a product: tiles of 128 × 256 that do not fill the last round of units, where others measured
    /// how much of that shows (at least 1), and what they measured over the form. A batch is as many rows.
    pub fn bend(&self, g: &Gemm) -> Bend {
        let compute = if self.waves > 0.0 {
            let tiles = (g.m / 128.0).ceil() * (g.n / 256.0).ceil() * g.batch;
            let filled = tiles / self.units;
            (filled.ceil() / filled).powf(self.waves)
        } else {
            1.0
        };
        Bend { compute, whole: self.residual.at(g.m * g.batch, g.n, g.k).exp() }
    }

    /// Seconds of a product in each pass at `rate` (flop/s for large ones) with operands of `operand` bytes and
    /// a memory of `bandwidth` bytes/s. Results are 16 bits wide or as wide as the operands, but the weights'
    /// gradients, for each of which `gradient` bytes are moved.
    pub fn seconds(
        &self,
        g: &Gemm,
        bends: &[Bend; 3],
        rate: f64,
        operand: f64,
        gradient: f64,
        bandwidth: f64,
    ) -> [f64; 3] {
        let compute = g.flop() / rate;
        let per_byte = 1.0 / (bandwidth * self.bandwidth);
        let per_quantised = self.quantising.map_or(0.0, |share| (2.0 + operand) / (bandwidth * share));
        let [x, y, z] = g.elements();
        let pass = |bend: &Bend, read: f64, written: f64, width: f64, quantised: f64| {
            let product = cubic_max(compute * bend.compute, (read * operand + written * width) * per_byte);
            (product + self.overhead + quantised * per_quantised) * bend.whole
        };
        let width = operand.max(2.0);
        let [forward, data, weights] = bends;
        [pass(forward, x + y, z, width, x), pass(data, z + y, x, width, z), pass(weights, x + z, y, gradient, 0.0)]
    }
}

/// What bends the time of a product over that of its flop at the rate of large ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bend {
    /// Time of the arithmetic over that with every unit at work.
    pub compute: f64,
    /// Time of all over that of the form.
    pub whole: f64,
}

impl Bend {
    /// Nothing.
    pub const NONE: Bend = Bend { compute: 1.0, whole: 1.0 };
}

/// (a³ + b³)^⅓ of numbers from zero on: the larger of two times where neither is the larger throughout.
/// By arithmetic alone, so that it is the same on every platform, and several times as quick as `cbrt`.
pub fn cubic_max(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    let ratio = low / high;
    // Zero, infinity and NaN take the larger as it is.
    if ratio.is_nan() || ratio <= 0.0 {
        return high;
    }
    let y = 1.0 + ratio * ratio * ratio;
    // Cube root on [1, 2]: a polynomial to 2e-6 of it, then one of Halley's steps, which cubes the error.
    let (y2, y4) = (y * y, y * y * y * y);
    let x = (0.475_146_936 + 0.831_743_144 * y)
        + y2 * (0.196_654_797 * y - 0.460_297_727)
        + y4 * (0.005_072_953 * y - 0.048_318_321);
    let cube = x * x * x;
    high * x * (cube + 2.0 * y) / (2.0 * cube + y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Format;
    use crate::project::Catalog;
    use std::collections::BTreeMap;

    /// A square product that others measured.
    #[derive(serde::Deserialize)]
    struct Square {
        accelerator: String,
        format: Format,
        m: f64,
        n: f64,
        k: f64,
        tflop_per_s: f64,
    }

    #[test]
    fn squares_take_as_long_as_others_measured_within_the_error_that_their_surface_states() {
        let catalog = Catalog::built_in().unwrap();
        let text = include_str!("../../data/validation/products.csv");
        let mut errors: BTreeMap<(String, Format), Vec<f64>> = BTreeMap::new();
        for square in csv::Reader::from_reader(text.as_bytes()).deserialize() {
            let s: Square = square.unwrap();
            let swept = catalog.surface(&s.accelerator, s.format).unwrap();
            assert!(!swept.transferred, "{}", s.accelerator);
            let (sweep, a) = (Sweep::new(swept), catalog.accelerator(&s.accelerator).unwrap());
            let g = Gemm { m: s.m, n: s.n, k: s.k, batch: 1.0, times: 1.0, routed: false };
            let rate = a.peak[&s.format].value * sweep.rate.unwrap();
            let bends = [sweep.bend(&g); 3];
            let [seconds, ..] = sweep.seconds(&g, &bends, rate, s.format.bytes(), 2.0, a.memory_bandwidth.value);
            let measured = g.flop() / (1e12 * s.tflop_per_s);
            errors.entry((s.accelerator, s.format)).or_default().push((measured / seconds).ln());
        }
        assert_eq!(errors.len(), catalog.surfaces.len(), "a square of every surface");
        for ((name, format), errors) in errors {
            let stated = catalog.surface(&name, format).unwrap().surface.error.value;
            let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
            println!("{name} {format}: {rms:.3} for {stated:.3}");
            // The largest is 1.36, of the GB300 in 4 bits.
            assert!(rms < 1.4 * stated, "{name} {format}: {rms:.3} for {stated:.3}: {errors:.3?}");
        }
    }

    #[test]
    fn what_nobody_swept_takes_the_shape_of_another_and_says_so() {
        let catalog = Catalog::built_in().unwrap();
        for (name, format, of, as_format, transferred) in [
            ("h100", Format::Bf16, "h100", Format::Bf16, false),
            ("h100", Format::Fp8, "h100", Format::Fp8, false),
            ("h100-94gb", Format::Fp8, "h100", Format::Fp8, false),
            ("h100", Format::Tf32, "h100", Format::Bf16, true),
            ("a100", Format::Tf32, "a100", Format::Bf16, true),
            ("gb300", Format::Fp4, "gb300", Format::Fp4, false),
            ("rubin", Format::Bf16, "gb300", Format::Bf16, true),
            ("rubin", Format::Fp8, "gb300", Format::Fp8, true),
            ("v100", Format::Bf16, "a100", Format::Bf16, true),
            ("mi300x", Format::Fp8, "h100", Format::Fp8, true),
            ("tpu-v5p", Format::Bf16, "h100", Format::Bf16, true),
        ] {
            let found = catalog.surface(name, format).unwrap();
            let got = (found.surface.accelerator.as_str(), found.surface.format, found.transferred);
            assert_eq!(got, (of, as_format, transferred), "{name} {format}");
            let wide = found.sd_log() > STANDING_SD_LOG;
            assert_eq!(wide, transferred, "{name} {format}: {}", found.sd_log());
        }
    }

    #[test]
    fn the_cubic_maximum_is_the_cube_root_of_the_sum_of_cubes() {
        for step in 0..=2_000 {
            let ratio = f64::from(step) / 1_000.0;
            for size in [1e-9, 1.0, 3e7] {
                let (got, want) = (cubic_max(size, ratio * size), size * (1.0 + ratio.powi(3)).cbrt());
                assert!((got / want - 1.0).abs() < 1e-15, "{ratio} {size}: {got} for {want}");
            }
        }
        assert_eq!(cubic_max(0.0, 0.0), 0.0);
        assert_eq!(cubic_max(0.0, 2.0), 2.0);
        assert_eq!(cubic_max(f64::INFINITY, 1.0), f64::INFINITY);
        assert_eq!(cubic_max(f64::INFINITY, f64::INFINITY), f64::INFINITY);
    }
}
