//! Where an accelerator's time goes, and which bound has the most of it.
//!
//! What a resource has of the step is the elasticity of the closed form to it: by how much of itself
//! the step shrinks when that resource alone is a little faster. All rates and latencies together make
//! the whole step (Euler's theorem on homogeneous functions), so these shares add up, also where the
//! model hides one behind the other.

use crate::project::constants::Constants;
use crate::project::machine::Machine;
use crate::project::step::StepModel;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What holds a job back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Rate of the arithmetic: the useful one.
    Compute,
    /// Memory bandwidth.
    Memory,
    /// Bandwidth of the scale-up link.
    ScaleUp,
    /// Bandwidth of the network.
    Network,
    /// Hops, starts of kernels and collectives, host: what no bandwidth shortens.
    Latency,
    /// Pipeline stages that wait for each other.
    Bubble,
    /// Accelerators that the batch leaves without work.
    Batch,
    /// Lost work, checkpoints and restarts.
    Failures,
    /// Accelerators that there is no power to switch on.
    Power,
    /// What the closed form has beside these.
    Other,
}

impl Bound {
    /// Every bound, in the order of [`Shares`].
    pub const ALL: [Bound; 10] = [
        Bound::Compute,
        Bound::Memory,
        Bound::ScaleUp,
        Bound::Network,
        Bound::Latency,
        Bound::Bubble,
        Bound::Batch,
        Bound::Failures,
        Bound::Power,
        Bound::Other,
    ];

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Bound::Compute => "compute",
            Bound::Memory => "memory bandwidth",
            Bound::ScaleUp => "scale-up link",
            Bound::Network => "network",
            Bound::Latency => "latency",
            Bound::Bubble => "bubble",
            Bound::Batch => "batch",
            Bound::Failures => "failures",
            Bound::Power => "power",
            Bound::Other => "other",
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Share of the time of all accelerators asked for, by bound; they add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Shares([f64; 10]);

impl Shares {
    /// Of a step under `model`, of which `bubble` is pipeline bubble, on `asked` accelerators of which
    /// `powered` can be switched on; `goodput` is the useful share of the time.
    pub fn new(
        model: &StepModel,
        machine: &Machine,
        constants: &Constants,
        bubble: f64,
        goodput: f64,
        asked: f64,
    ) -> Self {
        let powered = machine.accelerators;
        let used = model.layout().accelerators() as f64;
        let step = |m: &Machine, c: &Constants| model.time(m, c, 1.0).total.ln();
        // Far above rounding, far below what bends the closed form.
        const H: f64 = 1e-3;
        let elastic = |change: &dyn Fn(f64, &mut Machine, &mut Constants)| {
            let at = |factor: f64| {
                let (mut m, mut c) = (*machine, *constants);
                change(factor, &mut m, &mut c);
                step(&m, &c)
            };
            ((at(1.0 - H) - at(1.0 + H)) / ((1.0 + H).ln() - (1.0 - H).ln())).max(0.0)
        };
        let compute = elastic(&|x, m, _| {
            m.peak *= x;
            m.peak16 *= x;
            m.achieved = m.achieved.map(|r| r * x);
            m.achieved16 = m.achieved16.map(|r| r * x);
        });
        let memory = elastic(&|x, m, _| m.memory_bandwidth *= x);
        let scale_up = elastic(&|x, m, _| m.scale_up *= x);
        let network = elastic(&|x, m, _| m.scale_out *= x);
        let all = elastic(&|x, m, c| {
            m.fabric_latency /= x;
            for time in [
                &mut c.gemm_overhead,
                &mut c.routing,
                &mut c.launch,
                &mut c.launch_eager,
                &mut c.launch_early,
                &mut c.collective_start,
                &mut c.kernel_early,
                &mut c.step_fixed,
            ] {
                *time /= x;
            }
        });
        let working = [compute, memory, scale_up, network, all];
        let sum: f64 = working.iter().sum();
        // Wherever the form is not homogeneous, what is left over has a name of its own.
        let other = (1.0 - sum).max(0.0);
        let of_work = (1.0 - bubble) / (sum + other);
        let busy = used / asked * goodput;
        let mut shares = [0.0; 10];
        for (share, elasticity) in shares.iter_mut().zip(working) {
            *share = busy * of_work * elasticity;
        }
        shares[5] = busy * bubble;
        shares[6] = (powered - used).max(0.0) / asked;
        shares[7] = used / asked * (1.0 - goodput);
        shares[8] = (asked - powered).max(0.0) / asked;
        shares[9] = busy * of_work * other;
        Shares(shares)
    }

    /// Share of one bound.
    pub fn of(&self, bound: Bound) -> f64 {
        Bound::ALL.iter().zip(self.0).find(|(b, _)| **b == bound).map_or(0.0, |(_, share)| share)
    }

    /// Every bound with its share.
    pub fn iter(&self) -> impl Iterator<Item = (Bound, f64)> {
        Bound::ALL.into_iter().zip(self.0)
    }

    /// The bound with the largest share.
    pub fn largest(&self) -> Bound {
        self.iter().fold((Bound::Compute, 0.0), |best, one| if one.1 > best.1 { one } else { best }).0
    }
}
