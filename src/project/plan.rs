//! What a search found, as a user reads it: the best, the robust layout, the Pareto set.

use super::asked::{Asked, Target};
use super::catalog::Catalog;
use super::sample::{drawn, quantile};
use super::search::{Candidate, Found, Objective, Watch, nothing_fits};
use super::step::StepModel;
use crate::error::{Error, Kind, Result};
use crate::job::{Layout, Run};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Schema id of a search.
pub const SCHEMA: &str = "flopcast.search/1";

/// A number with its 90 % range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ranged {
    /// At the medians.
    pub value: f64,
    /// 5 % of the draws are below.
    pub p5: f64,
    /// 95 % of the draws are below.
    pub p95: f64,
}

/// [`Ranged`] with its unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Amount {
    /// At the medians.
    pub value: f64,
    /// 5 % of the draws are below.
    pub p5: f64,
    /// 95 % of the draws are below.
    pub p95: f64,
    /// Unit.
    pub unit: Cow<'static, str>,
}

/// A layout with what it gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Choice {
    /// The layout.
    pub layout: Layout,
    /// By name: `step_time`, `mfu`, `tokens_per_s`, `memory`, `memory_slack`, `energy` per step,
    /// `accelerators`, `batch`, `goodput`, `days_per_ttoken`, `cost_per_mtoken`.
    pub quantities: BTreeMap<String, Amount>,
}

/// The layout to take when the constants are not known: of the best few, the one that is best by the
/// objective in the 95th percentile of the draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// Always `flopcast.search/1`.
    pub schema: String,
    /// What the best has the least of: `step`, `days`, `energy` or `cost`, each per token.
    pub objective: String,
    /// Whether all of the space was looked at: not where it was interrupted.
    pub complete: bool,
    /// Share of the space that was looked at.
    pub looked_at: f64,
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
    /// The best by the objective.
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

/// Draws of each of the quickest layouts. With 256 the noise of a band's ends hid that it is wider beyond the largest
/// count that was validated.
const DRAWN: u32 = 1_024;

impl Plan {
    /// Enters the wall time of the search.
    pub fn clock(&mut self, seconds: f64) {
        self.seconds = seconds;
        self.strategies_per_s = self.strategies as f64 / seconds.max(1e-9);
    }
}

impl Asked<'_> {
    /// What was found, as a plan. Errors where nothing fits.
    pub fn plan(&self, catalog: &Catalog, found: &Found) -> Result<Plan> {
        let complete = found.done >= 1.0;
        let Some(best) = found.quickest.first() else {
            if !complete {
                return Err(Error::new(
                    Kind::Interrupted,
                    format!("interrupted after {} layouts, none of which fits", found.strategies),
                ));
            }
            let constants = catalog.constants.medians();
            return Err(nothing_fits(found, &self.rules, self.job, &self.run, &self.machine, &constants));
        };
        let draws: Vec<_> = (0..DRAWN).map(|i| drawn(&catalog.constants, &self.machine, i)).collect();
        let times = |c: &Candidate| -> Vec<f64> {
            let run = Run { batch: c.batch as f64, ..self.run };
            let model = StepModel::new(self.job, &run, &c.layout, &self.machine, None);
            draws.iter().map(|(constants, machine)| model.time(machine, constants, 1.0).total).collect()
        };
        let all: Vec<Vec<f64>> = found.quickest.iter().map(times).collect();
        let late = |times: &[f64]| {
            let mut sorted = times.to_vec();
            sorted.sort_by(f64::total_cmp);
            (quantile(&sorted, 0.05), quantile(&sorted, 0.95))
        };
        // By the objective: what of it is not the step's time is not drawn.
        let worth = |k: usize| found.quickest[k].score() / found.quickest[k].step_s;
        let latest = |k: &usize| late(&all[*k]).1 * worth(*k);
        let robust = (0..all.len()).min_by(|a, b| latest(a).total_cmp(&latest(b))).unwrap_or(0);
        let mine = &all[robust];
        let least = |i: usize| (0..all.len()).map(|k| all[k][i] * worth(k)).fold(f64::INFINITY, f64::min);
        let over: Vec<f64> = (0..draws.len()).map(|i| mine[i] * worth(robust) / least(i) - 1.0).collect();
        let wins = over.iter().filter(|over| **over <= 0.0).count();
        let regret = over.iter().sum::<f64>() / draws.len() as f64;
        let choice = |c: &Candidate, times: &[f64]| {
            let (p5, p95) = late(times);
            let run = Run { batch: c.batch as f64, ..self.run };
            let flop = self.job.step_flop(&run);
            let used = c.layout.accelerators() as f64;
            let peak = self.machine.peak * self.peak * used;
            let tokens = run.batch * run.sequence;
            let two = |x: f64| format!("{x:.1e}").parse().unwrap_or(x);
            let day = |step: f64| 1e12 / tokens * step / c.goodput / 86_400.0;
            let amount =
                |value: f64, p5: f64, p95: f64, unit: &'static str| Amount { value, p5, p95, unit: unit.into() };
            let days = amount(day(c.step_s), day(p5), day(p95), "day/Ttoken");
            let same = |value: f64, unit| amount(value, value, value, unit);
            // Energy goes with time: what the medians do not say of its phases is not drawn.
            let energy = |step: f64| c.energy_j * step / c.step_s;
            let mut quantities = BTreeMap::from([
                ("step_time", amount(c.step_s, p5, p95, "s")),
                ("mfu", amount(two(flop / c.step_s / peak), two(flop / p95 / peak), two(flop / p5 / peak), "1")),
                ("tokens_per_s", amount(tokens / c.step_s, tokens / p95, tokens / p5, "token/s")),
                ("memory", same(c.held_bytes, "B")),
                ("memory_slack", same(c.slack_bytes, "B")),
                ("accelerators", same(used, "accelerator")),
                ("batch", same(run.batch, "sequence")),
                ("goodput", same(c.goodput, "1")),
                ("days_per_ttoken", days),
            ]);
            if self.rules.rent.is_some() {
                let value = c.cost(&self.rules) / run.sequence * 1e6;
                let at = |step: f64| value * step / c.step_s;
                quantities.insert("cost_per_mtoken", amount(value, at(p5), at(p95), "USD/Mtoken"));
            }
            if self.power_known {
                quantities.insert("energy", amount(c.energy_j, energy(p5), energy(p95), "J"));
            }
            Choice { layout: c.layout, quantities: quantities.into_iter().map(|(n, r)| (n.to_string(), r)).collect() }
        };
        let mut warnings = Vec::new();
        if !complete {
            warnings.push(format!(
                "NOT COMPLETE: interrupted after {:.0} % of the space; a better layout may be in the rest",
                100.0 * found.done
            ));
        }
        if self.machine.accelerators < self.asked {
            warnings
                .push(format!("the site's power bears {} of {} accelerators", self.machine.accelerators, self.asked));
        }
        warnings.extend(self.parts_note.clone());
        if let Some(local) = &self.machine.measured {
            warnings.push(format!(
                "the fabric was measured here (`{}`): {}",
                local.table().source,
                local.table().covers()
            ));
        }
        if self.rules.objective == Objective::Step && best.goodput < 0.9 {
            warnings.push(format!(
                "{:.0} % of the time would be useful at the published failure rate: fewer accelerators may finish about \
                 as soon, which `--objective days` looks for",
                100.0 * best.goodput
            ));
        }
        let used = best.layout.accelerators() as f64;
        if used > super::LARGEST_VALIDATED {
            warnings.push(format!(
                "{used} accelerators in one job: the largest that was ever published used {}; the band is widened \
                 beyond it",
                super::LARGEST_VALIDATED
            ));
        }
        if used < self.machine.accelerators {
            let why = match self.rules.objective {
                Objective::Step => "with them it would be slower, or the stages and replicas do not come out",
                Objective::Days => "with them it would take longer, failures included",
                Objective::Energy => "with them it would take more energy",
                Objective::Cost => "with them it would cost more",
            };
            warnings.push(format!("{} accelerators stay idle: {why}", self.machine.accelerators - used));
        }
        if best.batch != self.run.batch as u64 {
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
            objective: self.rules.objective.as_str().into(),
            complete,
            looked_at: found.done,
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
    asked.plan(catalog, &asked.search(catalog, &Watch { done: &|_, _| {}, go_on: &|| true }))
}

#[cfg(test)]
mod tests {
    use super::super::asked::{Place, USUAL_LOSSES};
    use super::super::scenario::Forecast;
    use super::super::search::{Rules, Space};
    use super::*;
    use crate::cluster::Format;

    fn target(job: &str, count: u32) -> Target {
        Target {
            place: Place::Count("a100".into(), count),
            job: job.into(),
            format: Format::Bf16,
            sequence: None,
            rules: Rules::free(Space::Full),
            batch: Some(64),
            fabric: None,
            checkpoint: USUAL_LOSSES.0,
            restart: USUAL_LOSSES.1,
        }
    }

    #[test]
    fn a_plan_has_a_best_a_pareto_set_and_a_robust_layout() {
        let catalog = Catalog::built_in().unwrap();
        let p = plan(&catalog, &target("llama-3-8b", 16)).unwrap();
        assert!(p.strategies > p.feasible && p.feasible > 0);
        let step = &p.best.quantities["step_time"];
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
    fn a_cluster_of_parts_is_searched_at_the_pace_of_its_slowest() {
        let mut catalog = Catalog::built_in().unwrap();
        let part = |of: &str, name: &str, more: &str| {
            format!("[cluster.{of}.half.{name}]\ntitle='{name}'\naccelerators={{value=8,unit='accelerator'}}\n{more}\n")
        };
        let half = |name: &str, a: &str, b: &str| {
            format!(
                "[cluster.{name}]\ntitle='{name}'\nstatus='made up'\naccelerator='h100'\nnode='hgx-h100'\n\
                 fabric='infiniband-ndr'\naccelerators={{value=16,unit='accelerator'}}\n{}{}",
                part(name, "a", a),
                part(name, "b", b),
            )
        };
        let slow = "pace={value=0.5,unit='1'}";
        let a100 = "accelerator='a100'\nnode='hgx-a100'";
        let slower = "pace={value=0.2,unit='1'}";
        let text =
            [half("alike", "", ""), half("slowed", "", slow), half("mixed", "", a100), half("paced", slower, a100)];
        let text = text.concat();
        let text = format!("[provenance]\nsource='flopcast'\ndate='2026-11-24'\ntier='assumed'\n{text}");
        catalog.add_text(&text, "parts").unwrap();
        let of = |name: &str| {
            let place = Place::Cluster(name.into());
            let p = plan(&catalog, &Target { place, ..target("llama-3-8b", 0) }).unwrap();
            (p.best.quantities["step_time"].value, p.best.quantities["mfu"].value, p.warnings.join("\n"))
        };
        let (alike, slowed, mixed) = (of("alike"), of("slowed"), of("mixed"));
        assert!((1.5..2.0).contains(&(slowed.0 / alike.0)), "products alone are slowed: {alike:?} {slowed:?}");
        // No better than a cluster of the slower accelerator alone, and its utilisation is of all peaks.
        let all = plan(&catalog, &target("llama-3-8b", 16)).unwrap().best.quantities;
        let (time, mfu) = (all["step_time"].value, all["mfu"].value);
        assert!(mixed.0 > 0.99 * time && mixed.0 < 1.2 * time, "{mixed:?} {time}");
        let peaks = 312.0 / (0.5 * (312.0 + 989.0));
        assert!((mixed.1 / (mfu * peaks) - time / mixed.0).abs() < 0.05, "{mixed:?} {mfu}");
        assert!(mixed.2.contains("`b` (`a100`)"), "{mixed:?}");
        assert!(!alike.2.contains("parts"), "{alike:?}");
        // By what each sustains: the same accelerator at half the pace, and a quicker one at a fifth of it.
        assert!(slowed.2.contains("`b` (`h100`)"), "{slowed:?}");
        let paced = of("paced");
        assert!(paced.2.contains("`a` (`h100`)") && paced.0 > mixed.0, "{paced:?} {mixed:?}");
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
            let step = &p.best.quantities["step_time"];
            (step.p95 / step.p5, p.warnings.join("\n"))
        };
        let (near, far) = (at(16_384), at(131_072));
        assert!(far.0 > near.0, "{far:?} {near:?}");
        assert!(far.1.contains("16384") && !near.1.contains("ever published"), "{far:?} {near:?}");
    }

    #[test]
    fn each_objective_has_the_least_of_what_it_names() {
        let catalog = Catalog::built_in().unwrap();
        let by = |objective| {
            let rules = Rules { objective, ..Rules::free(Space::Common) };
            let place = Place::Count("h100".into(), 65_536);
            let p = plan(&catalog, &Target { batch: None, place, rules, ..target("grok-1", 0) }).unwrap();
            let q = &p.best.quantities;
            let energy = q["energy"].value / q["batch"].value / q["goodput"].value;
            (
                [
                    q["step_time"].value / q["batch"].value,
                    q["days_per_ttoken"].value,
                    energy,
                    q["cost_per_mtoken"].value,
                ],
                p,
            )
        };
        let all = Objective::ALL.map(|(objective, _)| by(objective));
        for (i, (mine, plan)) in all.iter().enumerate() {
            assert_eq!(plan.objective, Objective::ALL[i].1);
            for (others, _) in &all {
                // Energy of lost time is at the power of waiting, which the figure here only bounds.
                assert!(mine[i] <= others[i] * if i == 2 { 1.1 } else { 1.000_001 }, "{i}: {mine:?} {others:?}");
            }
        }
        // Failures cost more at the full count than its step gains.
        let used = |i: usize| all[i].1.best.layout.accelerators();
        assert!(used(3) < used(0), "{} {}", used(3), used(0));
    }

    #[test]
    fn a_search_that_is_stopped_says_that_it_is_not_complete() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let catalog = Catalog::built_in().unwrap();
        let asked = Asked::new(&catalog, &target("llama-3-8b", 64)).unwrap();
        let asks = AtomicU32::new(0);
        let stopped =
            asked.search(&catalog, &Watch { done: &|_, _| {}, go_on: &|| asks.fetch_add(1, Ordering::Relaxed) < 100 });
        let p = asked.plan(&catalog, &stopped).unwrap();
        assert!(!p.complete && p.looked_at < 1.0 && p.warnings[0].starts_with("NOT COMPLETE"), "{:?}", p.warnings);
        let whole = asked.search(&catalog, &Watch { done: &|_, _| {}, go_on: &|| true });
        assert!(stopped.strategies < whole.strategies);
        let whole = asked.plan(&catalog, &whole).unwrap();
        assert!(
            whole.complete
                && whole.looked_at == 1.0
                && whole.best.quantities["step_time"].value <= p.best.quantities["step_time"].value
        );
        let none = asked.search(&catalog, &Watch { done: &|_, _| {}, go_on: &|| false });
        assert_eq!(asked.plan(&catalog, &none).unwrap_err().exit_code(), 130);
    }

    #[test]
    fn hardware_that_no_forecast_takes_is_refused_by_a_search_too_and_says_where_it_stands() {
        let good = "[provenance]\nsource='flopcast'\ndate='2026-11-24'\ntier='assumed'\n[cluster.mine]\ntitle='c'\n\
            status='made up'\naccelerator='h100'\nnode='box'\nfabric='net'\naccelerators={value=16,unit='accelerator'}\n\
            [node.box]\ntitle='n'\naccelerators={value=8,unit='accelerator'}\nscale_up_domain={value=8,unit='accelerator'}\n\
            scale_out={value=400,unit='Gbit/s'}\n[fabric.net]\ntitle='f'\nefficiency={value=0.9,unit='1'}\n\
            latency={value=5,unit='us'}\noversubscription={value=1,unit='1'}\n";
        let parts = |count: f64, node: &str| {
            format!(
                "{good}[cluster.mine.half.a]\ntitle='a'\naccelerators={{value={count},unit='accelerator'}}\n\
                 [cluster.mine.half.b]\ntitle='b'\naccelerators={{value={},unit='accelerator'}}\nnode='{node}'\n\
                 [node.half-box]\ntitle='n'\naccelerators={{value=8,unit='accelerator'}}\n\
                 scale_up_domain={{value=0.5,unit='accelerator'}}\nscale_out={{value=400,unit='Gbit/s'}}\n",
                16.0 - count
            )
        };
        let scenario = "[scenario.mine]\ntitle='s'\ncluster='mine'\njob='llama-3-8b'\nformat='bf16'\n\
            tokens={value=1,unit='Ttoken'}\nsequence={value=8192,unit='token'}\nbatch={value=524288,unit='token'}\n\
            checkpoint={value=30,unit='s'}\nrestart={value=300,unit='s'}\n";
        for (text, part) in [
            (good.to_string(), ""),
            (parts(8.0, "box"), ""),
            (good.replace("value=16,", "value=1024.5,"), "`accelerators`: 1024.5 is no whole number"),
            (good.replace("value=8,", "value=0.5,"), "`accelerators`: node `box`: 0.5 is no whole number"),
            (good.replace("domain={value=8,", "domain={value=0.5,"), "`scale_up_domain`: node `box`: 0.5 is no whole"),
            (good.replace("subscription={value=1,", "subscription={value=0.5,"), "`oversubscription`: 0.5 is below 1"),
            (parts(8.0, "half-box"), "`scale_up_domain`: node `half-box`: 0.5 is no whole"),
            (parts(8.5, "box"), "`half.a.accelerators`: 8.5 is no whole number"),
        ] {
            let mut catalog = Catalog::built_in().unwrap();
            catalog.add_text(&format!("{text}{scenario}"), "mine.toml").unwrap();
            let place = Place::Cluster("mine".into());
            let searched = plan(&catalog, &Target { place, ..target("llama-3-8b", 0) }).map(|_| ());
            let forecast = Forecast::new(&catalog, "mine").map(|_| ());
            for (done, said) in [(searched, "cluster `mine`: "), (forecast, "scenario `mine`: ")] {
                match done {
                    Ok(()) => assert_eq!(part, "", "{said}{text}"),
                    Err(error) => {
                        assert!(
                            !part.is_empty() && error.message().contains(&format!("{said}{part}")),
                            "{part}: {error}"
                        );
                        assert_eq!(error.exit_code(), 2);
                    }
                }
            }
        }
        let mut catalog = Catalog::built_in().unwrap();
        catalog.add_text(&good.replace("value=16,", "value=2e7,"), "mine.toml").unwrap();
        let place = Place::Cluster("mine".into());
        let error = plan(&catalog, &Target { place, ..target("llama-3-8b", 0) }).unwrap_err();
        assert!(error.message().starts_with("cluster `mine`: `accelerators`: 20000000 is not from 1"), "{error}");
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
