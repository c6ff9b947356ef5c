//! A search as a user asks for it: a job on a cluster, or on a count of an accelerator.

use super::catalog::Catalog;
use super::constants::Constants;
use super::machine::Machine;
use super::sample::{SEED, quantile};
use super::search::{Candidate, Found, Power, Rules, nothing_fits, search_counted};
use super::step::StepModel;
use crate::cluster::{FabricTable, Format};
use crate::error::{Error, Result};
use crate::job::{Layout, Run, Stack, Transformer};
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
    /// What it may choose from.
    pub rules: Rules,
    /// Sequences per step; where absent the smallest power of two that gives each accelerator 2,500
    /// tokens, the least that keeps one busy.
    pub batch: Option<u32>,
    /// What was measured on the fabric itself.
    pub fabric: Option<FabricTable>,
}

/// Where a job is to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A named cluster.
    Cluster(String),
    /// So many of an accelerator, in the box and on the network that it usually comes in.
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

/// [`Ranged`] with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Amount {
    /// At the medians.
    pub value: f64,
    /// 5 % of the draws are below.
    pub p5: f64,
    /// 95 % of the draws are below.
    pub p95: f64,
    /// Unit.
    pub unit: &'static str,
}

/// A layout with what it gives.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The layout.
    pub layout: Layout,
    /// By name: `step_time`, `mfu`, `tokens_per_s`, `memory`, `memory_slack`, `energy` per step,
    /// `accelerators`, `batch`.
    pub quantities: BTreeMap<String, Amount>,
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
    /// Layouts passed over by a bound without a look: none, every one is looked at. Never in `strategies`.
    pub skipped_by_bound: u64,
    /// Wall time of the search, filled in by whoever holds a clock.
    pub seconds: f64,
    /// Threads that it ran on.
    pub threads: usize,
    /// `strategies` over `seconds`.
    pub strategies_per_s: f64,
    /// The quickest.
    pub best: Choice,
    /// Those that no other beats in time, memory and energy per sequence at once.
    pub pareto: Vec<Candidate>,
    /// The one to take when the constants are not known.
    pub robust: Robust,
    /// Tokens per sequence.
    pub sequence: u32,
    /// Sequences per step that were asked for; a layout may round them by 1 %.
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
    rules: Rules,
    power_known: bool,
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
                let node = catalog.accelerator(name)?.node.as_deref().ok_or_else(|| {
                    Error::usage(format!("`{name}`: no box of it is known")).hint("name a cluster instead")
                })?;
                let fabric = catalog.node(node)?.fabric.as_deref().ok_or_else(|| {
                    Error::usage(format!("`{node}`: no network of it is known")).hint("name a cluster instead")
                })?;
                (name.as_str(), node, fabric, f64::from(*count))
            }
        };
        if !(1.0..=1e7).contains(&count) {
            return Err(Error::usage(format!("`--count` {count} is not from 1 to 10000000")));
        }
        let (chip, published) = (catalog.accelerator(accelerator)?, catalog.published(accelerator)?);
        let (node, fabric) = (catalog.node(node)?, catalog.fabric(fabric)?);
        let machine = Machine::new(chip, published, node, fabric, target.format, count).ok_or_else(|| {
            let known: Vec<_> = chip.peak.keys().map(|f| f.as_str()).collect();
            Error::usage(format!("no {} peak is known of `{accelerator}`", target.format))
                .hint(format!("one of {}", known.join(", ")))
        })?;
        let machine = machine.on(target.fabric.as_ref());
        let sequence = target.sequence.unwrap_or(job.sequence);
        let busy = (2_500.0 * count / f64::from(sequence)).ceil().clamp(1.0, 1e8) as u32;
        let batch = target.batch.unwrap_or_else(|| busy.next_power_of_two());
        if sequence == 0 || batch == 0 {
            return Err(Error::usage("`--sequence` and `--batch` are whole numbers from 1"));
        }
        let run = Run { sequence: f64::from(sequence), batch: f64::from(batch), stack: Stack::Fused, causal: 0.5 };
        // A box's own rated power, else its accelerators' times what boxes of H100 and B200 have over theirs.
        const BOX_OVER_ACCELERATORS: f64 = 1.8;
        let boxed = node.power.as_ref().map(|p| p.value / node.accelerators.value);
        let rated = boxed.or(chip.power.as_ref().map(|p| BOX_OVER_ACCELERATORS * p.value));
        let power = Power { rated: rated.unwrap_or(1.0), ..Power::default() };
        Ok(Asked { job, run, machine, rules: Rules { power, ..target.rules }, power_known: rated.is_some() })
    }

    /// The search itself, at the medians of the constants: what a clock is to be held to. `done` is
    /// called for every part that is done, with how many layouts were looked at in it.
    pub fn search(&self, catalog: &Catalog, done: &(dyn Fn(u64) + Sync)) -> Found {
        search_counted(&self.rules, self.job, &self.run, &self.machine, &catalog.constants.medians(), None, done)
    }

    /// What was found, as a plan. Errors where nothing fits.
    pub fn plan(&self, catalog: &Catalog, found: &Found) -> Result<Plan> {
        let Some(best) = found.quickest.first() else {
            let constants = catalog.constants.medians();
            return Err(nothing_fits(found, &self.rules, self.job, &self.run, &self.machine, &constants));
        };
        let draws = draws(catalog);
        let times = |c: &Candidate| -> Vec<f64> {
            let run = Run { batch: f64::from(c.batch), ..self.run };
            let model = StepModel::new(self.job, &run, &c.layout, &self.machine, None);
            draws.iter().map(|d| model.time(&self.machine, d, 1.0).total).collect()
        };
        let all: Vec<Vec<f64>> = found.quickest.iter().map(times).collect();
        let late = |times: &[f64]| {
            let mut sorted = times.to_vec();
            sorted.sort_by(f64::total_cmp);
            (quantile(&sorted, 0.05), quantile(&sorted, 0.95))
        };
        // Batches differ by their rounding, so layouts are held against each other per sequence.
        let each = |k: usize| f64::from(found.quickest[k].batch);
        let latest = |k: &usize| late(&all[*k]).1 / each(*k);
        let robust = (0..all.len()).min_by(|a, b| latest(a).total_cmp(&latest(b))).unwrap_or(0);
        let mine = &all[robust];
        let least = |i: usize| (0..all.len()).map(|k| all[k][i] / each(k)).fold(f64::INFINITY, f64::min);
        let over: Vec<f64> = (0..draws.len()).map(|i| mine[i] / each(robust) / least(i) - 1.0).collect();
        let wins = over.iter().filter(|over| **over <= 0.0).count();
        let regret = over.iter().sum::<f64>() / draws.len() as f64;
        let choice = |c: &Candidate, times: &[f64]| {
            let (p5, p95) = late(times);
            let run = Run { batch: f64::from(c.batch), ..self.run };
            let flop = self.job.step_flop(&run);
            let used = c.layout.accelerators() as f64;
            let peak = self.machine.peak * used;
            let tokens = run.batch * run.sequence;
            let two = |x: f64| format!("{x:.1e}").parse().unwrap_or(x);
            let same = |value: f64, unit| Amount { value, p5: value, p95: value, unit };
            // Energy goes with time: what the medians do not say of its phases is not drawn.
            let energy = |step: f64| c.energy_j * step / c.step_s;
            let mut quantities = BTreeMap::from([
                ("step_time", Amount { value: c.step_s, p5, p95, unit: "s" }),
                (
                    "mfu",
                    Amount {
                        value: two(flop / c.step_s / peak),
                        p5: two(flop / p95 / peak),
                        p95: two(flop / p5 / peak),
                        unit: "1",
                    },
                ),
                (
                    "tokens_per_s",
                    Amount { value: tokens / c.step_s, p5: tokens / p95, p95: tokens / p5, unit: "token/s" },
                ),
                ("memory", same(c.held_bytes, "B")),
                ("memory_slack", same(c.slack_bytes, "B")),
                ("accelerators", same(used, "accelerator")),
                ("batch", same(run.batch, "sequence")),
            ]);
            if self.power_known {
                quantities.insert("energy", Amount { value: c.energy_j, p5: energy(p5), p95: energy(p95), unit: "J" });
            }
            Choice { layout: c.layout, quantities: quantities.into_iter().map(|(n, r)| (n.to_string(), r)).collect() }
        };
        let mut warnings = Vec::new();
        let used = best.layout.accelerators() as f64;
        if used > super::LARGEST_VALIDATED {
            warnings.push(format!(
                "{used} accelerators in one job: the largest that was ever published used {}; the band is widened \
                 beyond it",
                super::LARGEST_VALIDATED
            ));
        }
        if used < self.machine.accelerators {
            warnings.push(format!(
                "{} accelerators stay idle: with them it would be slower, or the stages and replicas do not come out",
                self.machine.accelerators - used
            ));
        }
        if best.batch != self.run.batch as u32 {
            warnings.push(format!(
                "the batch of {} sequences is rounded to {}, which the replicas divide",
                self.run.batch, best.batch
            ));
        }
        if !self.power_known {
            warnings.push("no power of this accelerator is known: energy is left out, and compared as times".into());
        }
        Ok(Plan {
            schema: SCHEMA.into(),
            strategies: found.strategies,
            feasible: found.feasible,
            skipped_by_bound: 0,
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
    asked.plan(catalog, &asked.search(catalog, &|_| {}))
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
    use super::super::search::Space;
    use super::*;

    fn target(job: &str, count: u32) -> Target {
        Target {
            place: Place::Count("a100".into(), count),
            job: job.into(),
            format: Format::Bf16,
            sequence: None,
            rules: Rules::free(Space::Full),
            batch: Some(64),
            fabric: None,
        }
    }

    #[test]
    fn a_plan_has_a_best_a_pareto_set_and_a_robust_layout() {
        let catalog = Catalog::built_in().unwrap();
        let p = plan(&catalog, &target("llama-3-8b", 16)).unwrap();
        assert!(p.strategies > p.feasible && p.feasible > 0);
        let step = p.best.quantities["step_time"];
        assert!(step.p5 < step.value && step.value < step.p95);
        assert_eq!(p.pareto[0].step_s, step.value);
        let slack = p.best.quantities["memory_slack"].value + p.best.quantities["memory"].value;
        assert!((slack / 80e9 - 1.0).abs() < 1e-9, "{slack}");
        // Boxes of 8 A100 draw between a third and all of 1.8 · 400 W each.
        let watts = p.best.quantities["energy"].value / step.value / p.best.quantities["accelerators"].value;
        assert!((240.0..720.0).contains(&watts), "{watts}");
        assert!(p.robust.regret >= 0.0 && (0.0..=1.0).contains(&p.robust.best_in));
        assert!(p.robust.choice.quantities["step_time"].value >= 0.99 * step.value);
    }

    #[test]
    fn beyond_the_largest_published_count_the_plan_says_so_and_its_band_is_wider() {
        let catalog = Catalog::built_in().unwrap();
        let at = |count| {
            let p = plan(
                &catalog,
                &Target { batch: None, place: Place::Count("h100".into(), count), ..target("grok-1", 0) },
            );
            let p = p.unwrap();
            let step = p.best.quantities["step_time"];
            (step.p95 / step.p5, p.warnings.join("\n"))
        };
        let (near, far) = (at(16_384), at(131_072));
        assert!(far.0 > near.0, "{far:?} {near:?}");
        assert!(far.1.contains("16384") && !near.1.contains("ever published"), "{far:?} {near:?}");
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
