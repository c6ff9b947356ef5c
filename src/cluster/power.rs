//! Power of boxes and of the site around them.
//!
//! A box draws, in each phase of a step, a share of its rated power. Shares of the *rated* power of a
//! box are what published measurements agree on (H100 and B200 boxes within 5 %); the data-sheet
//! power of the accelerators alone, or the rated power of the box, is off by a quarter to a half.

use super::accelerator::Accelerator;
use super::site::Node;
use crate::sourced::{Fact, Spread, knobs};
use crate::units::{CarbonIntensity, EnergyPrice, Power, Ratio};

knobs! {
    /// The site: what a box draws when, what is around it, where its energy comes from. What a
    /// scenario leaves out is taken from `[site.usual]`.
    Site, plain Supply {
        /// Share of a box's rated power while its products and attention run.
        computing: Ratio,
        /// The same while operations bound by memory run.
        memory_bound: Ratio,
        /// The same while it waits for others or for the network.
        waiting: Ratio,
        /// The same with no job on it.
        idle: Ratio,
        /// The most it draws, which is what the supply must be laid out for.
        highest: Ratio,
        /// Rated power of a box over that of its accelerators, where the box's own is not known.
        box_over_accelerators: Ratio,
        /// Network over boxes.
        network: Ratio,
        /// Storage over boxes.
        storage: Ratio,
        /// Power of the whole facility over that of its computers.
        pue: Ratio,
        /// What the grid gives; what does not fit under it stays switched off.
        power_cap: Power,
        /// Carbon dioxide equivalent of its energy.
        carbon: CarbonIntensity,
        /// Price of its energy.
        tariff: EnergyPrice,
        /// Years in which what is bought is written off.
        life_years: Ratio,
        /// Share of that time in which it is used.
        utilization: Ratio,
        /// Staff, space and spare parts per year, over the purchase.
        upkeep: Ratio,
    }
    flags {}
}

/// Rated power of one accelerator with its share of the box, and what it rests on: the box's own
/// rated power, else the accelerators' times `box_over_accelerators`.
pub fn rated(node: &Node, accelerator: &Accelerator) -> Option<(Fact, Basis)> {
    if let Some(power) = &node.power {
        let mut fact = Fact::from(power);
        let each = node.accelerators.value;
        fact.value /= each;
        if let Spread::Range { low, high } = &mut fact.spread {
            (*low, *high) = (*low / each, *high / each);
        }
        return Some((fact, Basis::Box));
    }
    accelerator.power.as_ref().map(|power| (Fact::from(power), Basis::Accelerator))
}

/// What a rated power is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A box.
    Box,
    /// Its accelerators alone.
    Accelerator,
}

/// How a step's time is spent, shares that sum to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Phases {
    /// Products and attention.
    pub computing: f64,
    /// Bound by memory.
    pub memory_bound: f64,
    /// Waiting.
    pub waiting: f64,
}

impl Supply {
    /// Mean share of its rated power that a box draws over a step.
    pub fn training(&self, phases: &Phases) -> f64 {
        phases.computing * self.computing + phases.memory_bound * self.memory_bound + phases.waiting * self.waiting
    }

    /// Facility watts over watts of its boxes.
    pub fn overhead(&self) -> f64 {
        (1.0 + self.network + self.storage) * self.pue
    }

    /// Facility watts per accelerator, of `rated` watts with its box's share, that the supply must bear.
    pub fn laid_out(&self, rated: f64) -> f64 {
        rated * self.highest * self.overhead()
    }
}
