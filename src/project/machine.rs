//! A cluster as plain numbers, for the closed form.

use super::constants::Constants;
use super::sweep::{Sweep, Swept};
use crate::cluster::measured::Local;
use crate::cluster::{Accelerator, Collectives, Fabric, FabricKind, FabricTable, Format, Link, Node};

/// What others measured on one accelerator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Published<'a> {
    /// How its products depend on their extents, in the order of [`Format::ALL`].
    pub surfaces: [Swept<'a>; Format::ALL.len()],
    /// What its collectives take.
    pub collectives: Collectives,
    /// Best product over peak in 16 bits, the median over the vendor's accelerators of which one was
    /// published: for those of which none was.
    pub vendor_share: Option<f64>,
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
    /// How products in the job's format depend on their extents.
    pub surface: Sweep,
    /// The same in 16 bits.
    pub surface16: Sweep,
    /// Draw of the surface's error: time of products over what it says, 1 at the median.
    pub products_slower: f64,
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
            surface: Sweep::new(published.surfaces[format as usize]),
            surface16: Sweep::new(published.surfaces[wide as usize]),
            products_slower: 1.0,
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

    /// Gives the surface another rate of large products, where that was measured on this accelerator.
    pub fn set_surface_rate(&mut self, rate: f64) {
        if self.surface.rate == self.surface16.rate {
            self.surface16.rate = self.surface16.rate.map(|_| rate);
        }
        self.surface.rate = self.surface.rate.map(|_| rate);
    }

    /// Standard deviation of the logarithm of what a product takes over what its surface says.
    pub fn products_sd_log(&self) -> f64 {
        self.surface.sd_log
    }

    /// Rate of large products in the job's format as listed, flop/s: for an order of machines.
    pub fn listed_rate(&self) -> f64 {
        self.surface.rate.map_or(self.achieved.unwrap_or(self.peak), |share| self.peak * share) * self.derate
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
        self.surface16.rate.is_some() && (500e12..1500e12).contains(&self.peak16)
    }

    /// Rate of large products in 16 bits, flop/s.
    pub fn rate16(&self, c: &Constants) -> f64 {
        let large = match (self.surface16.rate, self.achieved16) {
            (Some(share), _) => self.peak16 * share,
            (None, Some(best)) => best * c.large_product,
            (None, None) => self.peak16 * c.unmeasured_gemm * c.large_product,
        };
        large * self.derate * c.training_gemm * c.stack_quality
    }

    /// Rate of large products in the job's format, flop/s. Below 16 bits operands are transposed and scaled
    /// beside their product, which `fp8` holds.
    pub fn rate(&self, c: &Constants) -> f64 {
        if self.operand >= 2.0 && self.peak == self.peak16 {
            return self.rate16(c);
        }
        let large = match (self.surface.rate, self.achieved) {
            (Some(share), _) => self.peak * share,
            (None, best) => best.unwrap_or(self.peak * c.unmeasured_gemm) * c.large_product,
        };
        let narrow = if self.operand < 2.0 { c.fp8 } else { 1.0 };
        large * narrow * self.derate * c.training_gemm * c.stack_quality
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
