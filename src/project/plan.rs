//! A search as a user asks for it: a job on a cluster, or on a count of an accelerator.

use super::catalog::Catalog;
use super::constants::Constants;
use super::machine::Machine;
use super::sample::{SEED, quantile};
use super::search::{Candidate, Found, Space, nothing_fits, search};
use super::step::StepModel;
use crate::cluster::Format;
use crate::error::{Error, Result};
use crate::job::{Run, Stack, Transformer};
use serde::Serialize;
use std::collections::BTreeMap;

/// Schema id of a search.
const SCHEMA: &str = "flopcast.search/1";

/// What to search on and for.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// Name of a job.
    pub job: String,
    /// Number format of the products.
    pub format: Format,
    /// Tokens per sequence; the job's own where absent.
    pub sequence: Option<u32>,
    /// Sequences per step; where absent the smallest power of two that gives each accelerator 2,500
    /// tokens, the least that keeps one busy.
    pub batch: Option<u32>,
}

/// Where a job is to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A named cluster.
    Cluster(String),
    /// So many of an accelerator, eight to a box (an NVL72 rack where its name says so).
    Count(String, u32),
}

/// A number with its 90 % range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ranged {
    /// At the medians.
    pub value: f64,
    /// 5 % of the draws are below.
    pub p5: f64,
    /// 95 % of the draws are below.
    pub p95: f64,
}

/// A layout with what it gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The layout and its cost at the medians.
    #[serde(flatten)]
    pub candidate: Candidate,
    /// By name: `step_time` s, `mfu` 1, `tokens_per_s`, `memory` bytes.
    pub quantities: BTreeMap<String, Ranged>,
}

/// The layout to take when the constants are not known: of the quickest few, the one whose step is
/// shortest in the 95th percentile of the draws.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Robust {
    /// The layout.
    #[serde(flatten)]
    pub choice: Choice,
    /// Share of the draws in which it is the quickest of the few.
    pub best_in: f64,
    /// Mean of how much slower it is than the quickest of the few in each draw.
    pub regret: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Always `flopcast.search/1`.
    pub schema: String,
    /// Layouts that were costed or refused by the memory check.
    pub strategies: u64,
    /// Those that fit.
    pub feasible: u64,
    /// Layouts passed over by a bound without a look: none, every one is looked at.
    pub skipped: u64,
    /// Wall time of the search, filled in by whoever holds a clock.
    pub seconds: f64,
    /// Threads that it ran on.
    pub threads: usize,
    /// `strategies` over `seconds`.
    pub strategies_per_s: f64,
    /// The quickest.
    pub best: Choice,
    /// Those that no other beats in time, memory and accelerator-seconds at once.
    pub pareto: Vec<Candidate>,
    /// The one to take when the constants are not known.
    pub robust: Robust,
    /// Tokens per sequence and sequences per step.
    pub sequence: u32,
    /// Sequences per step.
    pub batch: u32,
    /// What to mind.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Enters the wall time of the search.
    pub fn clock(&mut self, seconds: f64) {
        self.seconds = seconds;
        self.strategies_per_s = self.strategies as f64 / seconds.max(1e-9);
    }
}

/// A target looked up: job, run and machine.
pub struct Asked<'a> {
    job: &'a Transformer,
    run: Run,
    machine: Machine,
}

impl<'a> Asked<'a> {
    /// Looks up and checks a target.
    pub fn new(catalog: &'a Catalog, target: &Target) -> Result<Self> {
        let job = catalog.job(&target.job)?;
        job.check(&target.job)?;
        let (accelerator, node, fabric, count) = match &target.place {
            Place::Cluster(name) => {
                let c = catalog.cluster(name)?;
                (c.accelerator.as_str(), c.node.as_str(), c.fabric.as_str(), c.accelerators.value)
            }
            Place::Count(name, count) => {
                let node = match name.as_str() {
                    "a100" | "a100-sxm-40gb" => "hgx-a100",
                    "b200" => "hgx-b200",
                    "b300" => "hgx-b300",
                    "gb200" | "gb300" => "nvl72",
                    "mi300x" => "mi300x",
                    _ => "hgx-h100",
                };
                let fabric = if node == "hgx-a100" { "infiniband-hdr" } else { "infiniband-ndr" };
                (name.as_str(), node, fabric, f64::from(*count))
            }
        };
        if !(1.0..=1e7).contains(&count) {
            return Err(Error::usage(format!("`--count` {count} is not from 1 to 10000000")));
        }
        let (chip, surface) = (catalog.accelerator(accelerator)?, catalog.surface(accelerator));
        let (node, fabric) = (catalog.node(node)?, catalog.fabric(fabric)?);
        let machine = Machine::new(chip, surface, node, fabric, target.format, count).ok_or_else(|| {
            let known: Vec<_> = chip.peak.keys().map(|f| f.as_str()).collect();
            Error::usage(format!("no {} peak is known of `{accelerator}`", target.format))
                .hint(format!("one of {}", known.join(", ")))
        })?;
        let sequence = target.sequence.unwrap_or(job.sequence);
        let busy = (2_500.0 * count / f64::from(sequence)).ceil().clamp(1.0, 1e8) as u32;
        let batch = target.batch.unwrap_or_else(|| busy.next_power_of_two());
        if sequence == 0 || batch == 0 {
            return Err(Error::usage("`--sequence` and `--batch` are whole numbers from 1"));
        }
        let run = Run { sequence: f64::from(sequence), batch: f64::from(batch), stack: Stack::Fused, causal: 0.5 };
        Ok(Asked { job, run, machine })
    }

    /// The search itself, at the medians of the constants: what a clock is to be held to.
    pub fn search(&self, catalog: &Catalog) -> Found {
        search(Space::Full, self.job, &self.run, &self.machine, &catalog.constants.medians(), None)
    }

    /// What was found, as a plan. Errors where nothing fits.
    pub fn plan(&self, catalog: &Catalog, found: &Found) -> Result<Plan> {
        let Some(best) = found.quickest.first() else {
            let constants = catalog.constants.medians();
            return Err(nothing_fits(found, self.job, &self.run, &self.machine, &constants));
        };
        let draws = draws(catalog);
        let times = |c: &Candidate| -> Vec<f64> {
            let model = StepModel::new(self.job, &self.run, &c.layout, &self.machine, None);
            draws.iter().map(|d| model.time(&self.machine, d, 1.0).total).collect()
        };
        let all: Vec<Vec<f64>> = found.quickest.iter().map(times).collect();
        let late = |times: &[f64]| {
            let mut sorted = times.to_vec();
            sorted.sort_by(f64::total_cmp);
            (quantile(&sorted, 0.05), quantile(&sorted, 0.95))
        };
        let robust = (0..all.len()).min_by(|a, b| late(&all[*a]).1.total_cmp(&late(&all[*b]).1)).unwrap_or(0);
        let quickest: Vec<f64> =
            (0..draws.len()).map(|i| all.iter().map(|t| t[i]).fold(f64::INFINITY, f64::min)).collect();
        let mine = &all[robust];
        let wins = mine.iter().zip(&quickest).filter(|(m, q)| m <= q).count();
        let regret = mine.iter().zip(&quickest).map(|(m, q)| m / q - 1.0).sum::<f64>() / draws.len() as f64;
        let choice = |c: &Candidate, times: &[f64]| {
            let (p5, p95) = late(times);
            let flop = self.job.step_flop(&self.run);
            let peak = self.machine.peak * c.layout.accelerators() as f64;
            let tokens = self.run.batch * self.run.sequence;
            let two = |x: f64| format!("{x:.1e}").parse().unwrap_or(x);
            let ranged = |value: f64, p5: f64, p95: f64| Ranged { value, p5, p95 };
            Choice {
                candidate: *c,
                quantities: [
                    ("step_time", ranged(c.step_s, p5, p95)),
                    ("mfu", ranged(two(flop / c.step_s / peak), two(flop / p95 / peak), two(flop / p5 / peak))),
                    ("tokens_per_s", ranged(tokens / c.step_s, tokens / p95, tokens / p5)),
                    ("memory", ranged(c.held_bytes, c.held_bytes, c.held_bytes)),
                ]
                .into_iter()
                .map(|(name, r)| (name.to_string(), r))
                .collect(),
            }
        };
        let mut warnings = Vec::new();
        let used = best.layout.accelerators() as f64;
        if used > super::LARGEST_VALIDATED {
            warnings.push(format!(
                "{used} accelerators in one job: the largest that was ever published used {}",
                super::LARGEST_VALIDATED
            ));
        }
        if used < self.machine.accelerators {
            warnings.push(format!(
                "{} accelerators stay idle: the batch does not spread over all",
                self.machine.accelerators - used
            ));
        }
        Ok(Plan {
            schema: SCHEMA.into(),
            strategies: found.strategies,
            feasible: found.feasible,
            skipped: 0,
            seconds: 0.0,
            threads: rayon::current_num_threads(),
            strategies_per_s: 0.0,
            best: choice(best, &all[0]),
            pareto: found.pareto.clone(),
            robust: Robust {
                choice: choice(&found.quickest[robust], mine),
                best_in: wins as f64 / draws.len() as f64,
                regret,
            },
            sequence: self.run.sequence as u32,
            batch: self.run.batch as u32,
            warnings,
        })
    }
}

/// Looks a target up, searches and makes the plan; the clock stays with the caller.
pub fn plan(catalog: &Catalog, target: &Target) -> Result<Plan> {
    let asked = Asked::new(catalog, target)?;
    asked.plan(catalog, &asked.search(catalog))
}

fn draws(catalog: &Catalog) -> Vec<Constants> {
    let entries = catalog.constants.entries();
    (0..256)
        .map(|i| {
            let mut c = catalog.constants.medians();
            for (column, e) in entries.iter().enumerate() {
                c.set(column, e.spread.at(e.median, f64::from(sobol_burley::sample(i, column as u32, SEED))));
            }
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(job: &str, count: u32) -> Target {
        Target {
            place: Place::Count("a100".into(), count),
            job: job.into(),
            format: Format::Bf16,
            sequence: None,
            batch: Some(64),
        }
    }

    #[test]
    fn a_plan_has_a_best_a_pareto_set_and_a_robust_layout() {
        let catalog = Catalog::built_in().unwrap();
        let p = plan(&catalog, &target("llama-3-8b", 16)).unwrap();
        assert!(p.strategies > p.feasible && p.feasible > 0);
        let step = p.best.quantities["step_time"];
        assert!(step.p5 < step.value && step.value < step.p95);
        assert_eq!(p.pareto[0].step_s, p.best.candidate.step_s);
        assert!(p.robust.regret >= 0.0 && (0.0..=1.0).contains(&p.robust.best_in));
        assert!(p.robust.choice.candidate.step_s >= p.best.candidate.step_s);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let catalog = Catalog::built_in().unwrap();
        for (t, part) in [
            (target("llama-3-405b", 8), "no layout fits"),
            (target("llama-3-8b", 0), "`--count` 0"),
            (target("llama-3-8b", 1_000_000_000), "`--count` 1000000000"),
            (target("llama-9", 8), "unknown job"),
            (Target { format: Format::Fp4, ..target("llama-3-8b", 8) }, "no fp4 peak"),
            (Target { sequence: Some(0), ..target("llama-3-8b", 8) }, "`--sequence`"),
        ] {
            let error = plan(&catalog, &t).unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
