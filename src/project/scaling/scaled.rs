//! A scenario at any count, at the medians.

use super::bound::{Bound, Shares};
use super::hunt::Sought;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::job::Layout;
use crate::project::catalog::Catalog;
use crate::project::machine::Machine;
use crate::project::scenario::Forecast;
use crate::project::study::{Output, Study};
use crate::project::transfer::Options;
use crate::provenance::Tier;
use serde::{Deserialize, Serialize};

/// Largest count that is looked at.
pub const MOST: u64 = 100_000_000;

/// What grows with the accelerators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing: the batch stays.
    Strong,
    /// The batch: each accelerator keeps the tokens per step that the scenario gives it.
    Weak,
}

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// What grows.
    pub mode: Mode,
    /// Smallest count.
    pub from: u64,
    /// Largest count.
    pub to: u64,
    /// Batch, tokens, above which more of it saves no step: each token is then worth 1/(1 + batch/this), and the run
    /// takes as many times the steps, days, energy, carbon and cost.
    pub critical_batch: Option<f64>,
}

/// What a count does at the medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The layout.
    pub layout: Layout,
    /// Seconds of a step.
    pub step_s: f64,
    /// Model flop/s times goodput.
    pub useful_flop_per_s: f64,
    /// Days that the run takes.
    pub days: f64,
    /// Share of them that is useful.
    pub goodput: f64,
    /// Hours between failures that stop the job; infinite where nothing fails.
    pub failure_h: f64,
    /// Where the time goes.
    pub shares: Shares,
}

/// A scenario that can be asked for at any count.
pub struct Scaled {
    pub(super) catalog: Catalog,
    pub(super) name: String,
    pub(super) range: Range,
    /// Sequences per accelerator as the scenario has them.
    pub(super) density: f64,
    pub(super) sequences: f64,
    /// Largest published batch of the catalogue as it was given, tokens; 0 where there is none.
    pub(super) published: f64,
    /// Every so many powers of two is a point.
    stride: usize,
}

impl Scaled {
    /// Looks the scenario up. Errors: an unknown one, an empty range.
    pub fn new(catalog: &Catalog, name: &str, range: Range) -> Result<Self> {
        if range.from == 0 || range.from > range.to || range.to > MOST {
            return Err(Error::usage(format!("counts from {} to {}", range.from, range.to))
                .hint(format!("from 1 to {MOST}, ascending")));
        }
        let mut catalog = catalog.clone();
        let (count, sequences) = {
            let forecast = Forecast::new(&catalog, name)?;
            (forecast.asked, forecast.run.batch)
        };
        let known = catalog.scenarios.values().filter(|s| s.batch.stamp.tier < Tier::Assumed);
        let published = known.map(|s| s.batch.value).fold(0.0, f64::max);
        if let Some(scenario) = catalog.scenarios.get_mut(name) {
            // A stated layout holds at one count alone.
            scenario.layout = None;
        }
        Ok(Scaled { catalog, name: name.into(), range, density: sequences / count, sequences, published, stride: 1 })
    }

    /// The same with every second power of two alone: half of the points, and the same takeovers but for a bound that
    /// comes and goes between two of them.
    #[must_use]
    pub fn sparse(self) -> Self {
        Scaled { stride: 2, ..self }
    }

    /// Sequences per step at a count. Growing ones are rounded up to a multiple of a power of two of
    /// about a thirty-second of them: primes divide over nothing.
    pub(super) fn batch(&self, count: u64) -> f64 {
        match self.range.mode {
            Mode::Strong => self.sequences,
            Mode::Weak => {
                let wanted = (self.density * count as f64).max(1.0);
                let grain = (wanted / 32.0).log2().floor().max(0.0).exp2();
                (wanted / grain).ceil() * grain
            }
        }
    }

    pub(super) fn resize(&mut self, count: u64) -> Result<()> {
        let batch = self.batch(count);
        let Some(scenario) = self.catalog.scenarios.get_mut(&self.name) else { return Ok(()) };
        let Some(cluster) = self.catalog.clusters.get_mut(&scenario.cluster) else { return Ok(()) };
        scenario.accelerators.get_or_insert_with(|| cluster.accelerators.clone()).value = count as f64;
        grow(cluster, count as f64);
        scenario.batch.value = batch * scenario.sequence.value;
        if scenario.batch.value > scenario.tokens.value {
            return Err(Error::usage(format!("at {count} accelerators one step takes more tokens than the whole run")));
        }
        Ok(())
    }

    /// What a count does at the medians; `None` where the job does not fit.
    pub fn at(&mut self, count: u64) -> Result<Option<Seen>> {
        self.resize(count)?;
        let study = match Study::at_medians_alone(&self.catalog, &self.name, None, &Options::default()) {
            Ok(study) => study,
            Err(e) if e.is_too_few() => return Ok(None),
            Err(e) => return Err(e),
        };
        let value = |output: Output| study.at_medians(output).unwrap_or(0.0);
        let (model, machine, constants) = study.step_model();
        let goodput = value(Output::Goodput);
        let bubble = value(Output::StepBubble) / value(Output::StepTime);
        // What stands by as a spare is no want of power.
        let (asked, on) = (study.forecast().asked, study.forecast().on);
        let machine = Machine { accelerators: on, ..machine };
        Ok(Some(Seen {
            layout: *study.layout().0,
            step_s: value(Output::StepTime),
            useful_flop_per_s: value(Output::FlopPerS) * goodput,
            days: value(Output::RunDays) * self.penalty(count),
            goodput,
            failure_h: study.at_medians(Output::Mttf).unwrap_or(f64::INFINITY),
            shares: Shares::new(model, &machine, &constants, bubble, goodput, asked),
        }))
    }

    pub(super) fn largest(&mut self, count: u64) -> Result<Option<Bound>> {
        Ok(self.at(count)?.map(|seen| seen.shares.largest()))
    }

    /// Days that the run takes at a count, at the medians.
    #[cfg(test)]
    pub(super) fn days(&mut self, count: u64) -> Result<f64> {
        Ok(self.at(count)?.map_or(f64::INFINITY, |seen| seen.days))
    }

    /// What a batch near or beyond the critical one costs in tokens: 1 + batch/critical.
    pub(super) fn penalty(&self, count: u64) -> f64 {
        let Some(critical) = self.range.critical_batch else { return 1.0 };
        let sequence = self.catalog.scenarios.get(&self.name).map_or(0.0, |s| s.sequence.value);
        1.0 + self.batch(count) * sequence / critical
    }

    /// Powers of two, the ends of the range and the scenario's own count.
    pub fn grid(&self) -> Vec<u64> {
        let own = (self.sequences / self.density).round() as u64;
        let mut all: Vec<u64> = (0..=26)
            .step_by(self.stride)
            .map(|power| 1 << power)
            .chain([self.range.from, self.range.to, own])
            .collect();
        all.retain(|count| (self.range.from..=self.range.to).contains(count));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The smallest count of the range, at the medians, that finishes within `seconds`. Errors where none
    /// does: with the quickest, and the bound that forbids.
    pub fn finish_within(mut self, seconds: f64) -> Result<(u64, f64)> {
        let wanted = seconds / 86_400.0;
        let (from, to) = (self.range.from, self.range.to);
        let (best, seen) = match self.sought(wanted, &|seen| seen.days)? {
            Sought::Reached(count, seen) => return Ok((count, seen.days)),
            Sought::Nearest(Some(nearest)) => nearest,
            Sought::Nearest(None) => {
                return Err(Error::usage(format!("no count from {from} to {to} holds the job")));
            }
        };
        let shares = seen.shares;
        let mut parts: Vec<(Bound, f64)> = shares.iter().filter(|(_, share)| *share > 0.05).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let told: Vec<_> = parts.iter().map(|(bound, share)| format!("{bound} {:.0} %", 100.0 * share)).collect();
        // Useful arithmetic is no bound as long as there are more accelerators to ask for.
        let forbids = parts.iter().map(|(bound, _)| *bound).find(|b| *b != Bound::Compute).unwrap_or(Bound::Compute);
        Err(Error::usage(format!(
            "no count from {from} to {to} finishes within {wanted:.3} days: the quickest, {best}, takes {:.3}, and {forbids} forbids \
             less (of the time there: {})",
            seen.days,
            told.join(", ")
        ))
        .hint("fewer tokens, a larger batch, a faster network or a shorter restart would; `project --what-if` says which"))
    }
}

/// Makes a cluster at least as large as `count`, its parts by as much.
pub fn grow(cluster: &mut Cluster, count: f64) {
    let before = cluster.accelerators.value;
    if count <= before {
        return;
    }
    cluster.accelerators.value = count;
    let mut left = count;
    let parts = cluster.half.len();
    for (place, half) in cluster.half.values_mut().enumerate() {
        // Whole accelerators, and the last part has what is left.
        let share = (half.accelerators.value / before * count).round().min(left);
        half.accelerators.value = if place + 1 == parts { left } else { share };
        left -= half.accelerators.value;
    }
}

/// The count in (`low`, `high`] at which `holds` is true and at one less is not; it is at `high`, and not at `low`.
pub(super) fn bisect(mut low: u64, mut high: u64, mut holds: impl FnMut(u64) -> Result<bool>) -> Result<u64> {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}
