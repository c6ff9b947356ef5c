//! A cluster as plain numbers, for the closed form.

use super::constants::Constants;
use crate::cluster::{Accelerator, Fabric, FabricKind, Format, Link, Node};

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
}

impl Machine {
    /// `count` accelerators; `None` where no peak is known for the format.
    pub fn new(
        accelerator: &Accelerator,
        node: &Node,
        fabric: &FabricKind,
        format: Format,
        count: f64,
    ) -> Option<Self> {
        let peak = accelerator.peak.get(&format)?.value;
        let wide = if accelerator.peak.contains_key(&Format::Bf16) { Format::Bf16 } else { format };
        let achieved = |f| accelerator.achieved.get(&f).map(|v| v.value);
        Some(Machine {
            accelerators: count,
            node: node.accelerators.value,
            peak,
            achieved: achieved(format),
            peak16: accelerator.peak.get(&wide)?.value,
            achieved16: achieved(wide),
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
        })
    }

    /// Rate of the best product in the job's format, flop/s.
    pub fn best(&self, c: &Constants) -> f64 {
        self.achieved.unwrap_or(self.peak * c.unmeasured_gemm)
    }

    /// Rate of the best product in 16 bits, flop/s.
    pub fn best16(&self, c: &Constants) -> f64 {
        self.achieved16.unwrap_or(self.peak16 * c.unmeasured_gemm)
    }

    /// The two tiers as collectives see them.
    pub fn fabric(&self, c: &Constants) -> Fabric {
        Fabric {
            domain: self.domain,
            up: Link { latency: c.scale_up_latency, bandwidth: self.scale_up * c.scale_up },
            out: Link {
                latency: self.fabric_latency,
                bandwidth: self.scale_out * (self.fabric_efficiency * c.fabric_efficiency).min(1.0),
            },
            pod: self.pod,
            oversubscription: self.oversubscription,
            base: c.collective_base,
        }
    }
}
