//! What a search has seen so far: kept small, merged in order.

use super::rules::{Objective, Rules};
use crate::job::Layout;
use serde::{Deserialize, Serialize};

/// A layout that fits, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Candidate {
    /// The layout.
    pub layout: Layout,
    /// Seconds per step at the medians.
    pub step_s: f64,
    /// Bytes that the busiest accelerator holds.
    pub held_bytes: f64,
    /// Bytes of the memory that stay free on it.
    pub slack_bytes: f64,
    /// Sequences per step: those asked for, rounded to what its replicas divide.
    pub batch: u64,
    /// Energy of a step, joules: boxes of the accelerators in use, without network, storage, cooling.
    pub energy_j: f64,
    /// Useful share of the time; 1 where nothing is said of failures.
    pub goodput: f64,
    /// Time per sequence that the objective goes by: lost time in it where failures count.
    #[serde(skip)]
    pub(super) time: f64,
    /// What the best has the least of, per sequence.
    #[serde(skip)]
    pub(super) score: f64,
}

impl Candidate {
    /// Seconds per sequence: what counts where batches differ by their rounding.
    pub fn pace(&self) -> f64 {
        self.step_s / self.batch as f64
    }

    /// What the objective has the least of, per sequence.
    pub fn score(&self) -> f64 {
        self.score
    }

    /// Joules of a sequence with what is lost to failures, at the power of waiting.
    pub fn energy(&self, rules: &Rules) -> f64 {
        let used = self.layout.accelerators() as f64;
        let lost = (1.0 / self.goodput - 1.0) * self.pace();
        self.energy_j / self.batch as f64 + used * rules.power.rated * rules.power.waiting * lost
    }

    /// Rent of a sequence, with what is lost to failures.
    pub fn cost(&self, rules: &Rules) -> f64 {
        let hours = self.layout.accelerators() as f64 * self.pace() / self.goodput / 3600.0;
        hours * rules.rent.unwrap_or(1.0)
    }

    /// The same with its score by the rules.
    pub(super) fn scored(mut self, rules: &Rules) -> Self {
        self.time = if rules.objective == Objective::Step { self.pace() } else { self.pace() / self.goodput };
        self.score = match rules.objective {
            Objective::Step | Objective::Days => self.time,
            Objective::Energy => self.energy(rules),
            Objective::Cost => self.cost(rules),
        };
        self
    }

    pub(super) fn dominates(&self, other: &Candidate) -> bool {
        self.time <= other.time
            && self.held_bytes <= other.held_bytes
            && self.energy_j * other.batch as f64 <= other.energy_j * self.batch as f64
    }
}

/// What a search saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Layouts that were costed or refused by the memory check.
    pub strategies: u64,
    /// Those that fit and were costed.
    pub feasible: u64,
    /// Share of the parts of the space that were looked at: 1 unless it was stopped.
    pub done: f64,
    /// The leanest of all, and the bytes it holds.
    pub leanest: Option<(f64, Layout)>,
    /// The best few that fit, best first.
    pub quickest: Vec<Candidate>,
    /// Those that no other beats in time, memory and energy per sequence at once.
    pub pareto: Vec<Candidate>,
}

/// How many of the best are kept for a look at how they bear uncertainty.
const KEPT: usize = 16;

impl Found {
    pub(super) fn nothing() -> Self {
        Found { strategies: 0, feasible: 0, done: 1.0, leanest: None, quickest: Vec::new(), pareto: Vec::new() }
    }

    pub(super) fn offer(&mut self, candidate: Candidate) {
        self.feasible += 1;
        self.keep(candidate, KEPT);
        self.spread(candidate);
    }

    /// Keeps it where it is among the best `most`.
    pub(super) fn keep(&mut self, candidate: Candidate, most: usize) {
        if self.quickest.len() < most || self.quickest.last().is_some_and(|last| candidate.score < last.score) {
            let place = self.quickest.partition_point(|q| q.score <= candidate.score);
            self.quickest.insert(place, candidate);
            self.quickest.truncate(most);
        }
    }

    pub(super) fn lean(&mut self, bytes: f64, layout: Layout) {
        if self.leanest.is_none_or(|(least, _)| bytes < least) {
            self.leanest = Some((bytes, layout));
        }
    }

    fn spread(&mut self, candidate: Candidate) {
        if let Some(place) = self.pareto.iter().position(|p| p.dominates(&candidate)) {
            // What beats one candidate likely beats the next, which is like it.
            self.pareto.swap(0, place);
            return;
        }
        self.pareto.retain(|p| !candidate.dominates(p));
        self.pareto.push(candidate);
    }

    pub(super) fn merge(mut self, other: Found) -> Self {
        self.strategies += other.strategies;
        if let Some((bytes, layout)) = other.leanest {
            self.lean(bytes, layout);
        }
        let feasible = self.feasible + other.feasible;
        for candidate in other.quickest {
            let place = self.quickest.partition_point(|q| q.score <= candidate.score);
            self.quickest.insert(place, candidate);
        }
        self.quickest.truncate(KEPT);
        for candidate in other.pareto {
            self.spread(candidate);
        }
        Found { feasible, ..self }
    }
}
