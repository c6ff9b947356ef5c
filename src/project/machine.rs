//! A cluster as plain numbers, for the closed form.

use super::constants::Constants;
use crate::cluster::measured::Local;
use crate::cluster::{Accelerator, Collectives, Fabric, FabricKind, FabricTable, Format, Link, Node, Surface};
use crate::job::Gemm;

/// What others measured on one accelerator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published<'a> {
    /// How its products depend on their extents, where that was published.
    pub surface: Option<&'a Surface>,
    /// What its collectives take.
    pub collectives: Collectives,
    /// Best product over peak in 16 bits, the median over the vendor's accelerators of which one was
    /// published: for those of which none was.
    pub vendor_share: Option<f64>,
}

/// A [`Surface`] as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    units: f64,
    rate: f64,
    bandwidth: f64,
    overhead: f64,
    waves: f64,
}

impl From<&Surface> for Sweep {
    fn from(s: &Surface) -> Self {
        Sweep {
            units: f64::from(s.units),
            rate: s.rate.value,
            bandwidth: s.bandwidth.value,
            overhead: s.overhead.value,
            waves: s.waves.value,
        }
    }
}

/// Nominal figures in base units; what of them is reached is the constants' business.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Accelerators of the job.
    pub accelerators: f64,
    /// Accelerators per box.
    pub node: f64,
    /// Dense peak in the job's number format, flop/s.
    pub peak: f64,
    /// Best product that others measured in it, flop/s.
    pub achieved: Option<f64>,
    /// The same two in 16 bits, for attention and the output layer.
    pub peak16: f64,
    /// Best product in 16 bits.
    pub achieved16: Option<f64>,
    /// Sustained rate over that of the surface or the best product.
    pub derate: f64,
    /// How 16-bit products depend on their extents, where others measured it.
    pub surface: Option<Sweep>,
    /// Bytes of one operand.
    pub operand: f64,
    /// Memory, bytes.
    pub memory: f64,
    /// Memory bandwidth, bytes/s.
    pub memory_bandwidth: f64,
    /// Accelerators on the scale-up link.
    pub domain: f64,
    /// Scale-up link, bytes/s.
    pub scale_up: f64,
    /// Network, bytes/s per accelerator.
    pub scale_out: f64,
    /// Share of it that large transfers reach.
    pub fabric_efficiency: f64,
    /// Seconds per hop.
    pub fabric_latency: f64,
    /// Accelerators below the oversubscribed tier.
    pub pod: f64,
    /// Bandwidth asked for over bandwidth there is, above it.
    pub oversubscription: f64,
    /// What collectives take, as shares of the links.
    pub collectives: Collectives,
    /// Bytes per second and accelerator to the host's memory; the constants' where it is not known.
    pub host_link: Option<f64>,
    /// What was measured on its own fabric.
    pub measured: Option<Local>,
}

impl Machine {
    /// `count` accelerators; `None` where no peak is known for the format.
    pub fn new(
        accelerator: &Accelerator,
        published: Published<'_>,
        node: &Node,
        fabric: &FabricKind,
        format: Format,
        count: f64,
    ) -> Option<Self> {
        let peak = accelerator.peak.get(&format)?.value;
        let wide = if accelerator.peak.contains_key(&Format::Bf16) { Format::Bf16 } else { format };
        // Of an accelerator that nobody measured, what its vendor's others reach.
        let achieved = |f| {
            let other = published.vendor_share.filter(|_| matches!(f, Format::Bf16 | Format::Fp8 | Format::Fp4));
            match accelerator.achieved.get(&f) {
                Some(v) => Some(v.value),
                None => Some(other? * accelerator.peak.get(&f)?.value),
            }
        };
        Some(Machine {
            accelerators: count,
            node: node.accelerators.value,
            peak,
            achieved: achieved(format),
            peak16: accelerator.peak.get(&wide)?.value,
            achieved16: achieved(wide),
            derate: accelerator.derate.as_ref().map_or(1.0, |v| v.value),
            surface: published.surface.map(Sweep::from),
            operand: format.bytes(),
            memory: accelerator.memory.value,
            memory_bandwidth: accelerator.memory_bandwidth.value,
            domain: node.scale_up_domain.value,
            // Without a scale-up link the network is all there is.
            scale_up: accelerator.scale_up.as_ref().map_or(node.scale_out.value, |v| v.value),
            scale_out: node.scale_out.value,
            fabric_efficiency: fabric.efficiency.value,
            fabric_latency: fabric.latency.value,
            pod: fabric.pod.as_ref().map_or(f64::INFINITY, |v| v.value),
            oversubscription: fabric.oversubscription.value,
            collectives: published.collectives,
            host_link: accelerator.host_link.as_ref().map(|v| v.value),
            measured: None,
        })
    }

    /// With a fabric that was measured, where one was.
    #[must_use]
    pub fn on(self, table: Option<&FabricTable>) -> Self {
        Machine { measured: table.map(|t| Local::new(t, self.domain)), ..self }
    }

    /// Gives the surface, if there is one, another rate of large products.
    pub fn set_surface_rate(&mut self, rate: f64) {
        if let Some(surface) = &mut self.surface {
            surface.rate = rate;
        }
    }

    /// Rate of large products in the job's format as listed, flop/s: for an order of machines.
    pub fn listed_rate(&self) -> f64 {
        let narrow = self.operand < 2.0 || self.peak != self.peak16;
        let best = match (&self.surface, self.achieved) {
            (Some(surface), _) if !narrow => self.peak16 * surface.rate,
            (_, achieved) => achieved.unwrap_or(self.peak),
        };
        best * self.derate
    }

    /// What this machine and another both have, at this one's rates: a job that runs on both keeps to it,
    /// and to the slower one's rates.
    #[must_use]
    pub fn least(self, other: &Machine) -> Machine {
        Machine {
            node: self.node.min(other.node),
            memory: self.memory.min(other.memory),
            memory_bandwidth: self.memory_bandwidth.min(other.memory_bandwidth),
            domain: self.domain.min(other.domain),
            scale_up: self.scale_up.min(other.scale_up),
            scale_out: self.scale_out.min(other.scale_out),
            pod: self.pod.min(other.pod),
            oversubscription: self.oversubscription.max(other.oversubscription),
            host_link: match (self.host_link, other.host_link) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            ..self
        }
    }

    /// Whether 16-bit products draw more power in training than when timed alone in short bursts: those
    /// of the H100's kind, whose matrix units are fed asynchronously, by a table of bursts. On Blackwell
    /// the tables themselves hold less of the peak.
    pub fn power_bound(&self) -> bool {
        self.surface.is_some() && (500e12..1500e12).contains(&self.peak16)
    }

    /// Rate of large products in 16 bits, flop/s.
    pub fn rate16(&self, c: &Constants) -> f64 {
        let large = match (&self.surface, self.achieved16) {
            (Some(s), _) => self.peak16 * s.rate,
            (None, Some(best)) => best * c.large_product,
            (None, None) => self.peak16 * c.unmeasured_gemm * c.large_product,
        };
        large * self.derate * c.training_gemm * c.stack_quality
    }

    /// Rate of large products in the job's format, flop/s. Below 16 bits the operands are quantised
    /// first, which `fp8` holds.
    pub fn rate(&self, c: &Constants) -> f64 {
        if self.operand >= 2.0 && self.peak == self.peak16 {
            return self.rate16(c);
        }
        let best = self.achieved.unwrap_or(self.peak * c.unmeasured_gemm);
        let narrow = if self.operand < 2.0 { c.fp8 } else { 1.0 };
        best * c.large_product * narrow * self.derate * c.training_gemm * c.stack_quality
    }

    /// Time of a product over that with every unit at work: tiles of 128 × 256 that do not fill the last
    /// round of units, where others measured how much of that shows. At least 1.
    pub fn idle_units(&self, g: &Gemm) -> f64 {
        match &self.surface {
            Some(s) if s.waves > 0.0 => {
                let tiles = (g.m / 128.0).ceil() * (g.n / 256.0).ceil() * g.batch;
                let filled = tiles / s.units;
                (filled.ceil() / filled).powf(s.waves)
            }
            _ => 1.0,
        }
    }

    /// Seconds of a product in each pass at `rate` (flop/s for large ones) with operands of `operand`
    /// bytes; `stretch` is what each pass takes over that rate. Results are 16 bits wide or as wide as the
    /// operands, but the weights' gradients, for each of which `gradient` bytes are moved.
    pub fn products(
        &self,
        g: &Gemm,
        stretch: &[f64; 3],
        rate: f64,
        operand: f64,
        gradient: f64,
        c: &Constants,
    ) -> [f64; 3] {
        let (share, overhead) = match &self.surface {
            Some(s) => (s.bandwidth, s.overhead),
            None => (0.8, c.gemm_overhead),
        };
        let compute = g.flop() / rate;
        let per_byte = 1.0 / (self.memory_bandwidth * share);
        let [x, y, z] = g.elements();
        let pass = |stretch: f64, read: f64, written: f64, width: f64| {
            cubic_max(compute * stretch, (read * operand + written * width) * per_byte) + overhead
        };
        let width = operand.max(2.0);
        [pass(stretch[0], x + y, z, width), pass(stretch[1], z + y, x, width), pass(stretch[2], x + z, y, gradient)]
    }

    /// The two tiers as collectives see them.
    pub fn fabric(&self, c: &Constants) -> Fabric {
        let inside = |p: &crate::cluster::Protocols| p.scaled(self.scale_up * c.collective_rate, c.collective_start);
        Fabric {
            domain: self.domain,
            all_reduce: inside(&self.collectives.all_reduce),
            gather: inside(&self.collectives.gather),
            exchange: inside(&self.collectives.exchange),
            between: self.collectives.between.scaled(1.0, c.collective_start),
            out: Link {
                latency: self.fabric_latency,
                bandwidth: self.scale_out * (self.fabric_efficiency * c.fabric_efficiency).min(1.0),
            },
            pod: self.pod,
            oversubscription: self.oversubscription,
            measured: self.measured.map(|m| m.in_training(c.collective_start, c.collective_rate)),
        }
    }
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
    use super::cubic_max;

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
