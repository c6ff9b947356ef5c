//! Every layout of a space, costed by closed form or refused by the memory check.
//!
//! What one layer costs depends on few of the axes (tensor, context and expert ranks, microbatch,
//! sequence parallelism), so it is computed once for each of their combinations; stages, replicas,
//! recomputation and sharding are put together from it. Nothing is allocated per layout. Combinations
//! run in parallel and are merged in order, so the result does not depend on the threads.

use super::constants::Constants;
use super::machine::Machine;
use super::step::{Stage, Step, StepModel, scale_cost};
use crate::calibrate::Curve;
use crate::cluster::Fabric;
use crate::error::{Error, Result};
use crate::job::{BATCH_ROUNDING, Layout, Recompute, Run, Transformer, memory};
use rayon::prelude::*;
use serde::Serialize;

/// A layout that fits, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
    pub batch: u32,
    /// Energy of a step, joules: boxes of the accelerators in use, without network, storage, cooling.
    pub energy_j: f64,
}

impl Candidate {
    /// Seconds per sequence: what counts where batches differ by their rounding.
    pub fn pace(&self) -> f64 {
        self.step_s / f64::from(self.batch)
    }

    fn dominates(&self, other: &Candidate) -> bool {
        self.pace() <= other.pace()
            && self.held_bytes <= other.held_bytes
            && self.energy_j * f64::from(other.batch) <= other.energy_j * f64::from(self.batch)
    }
}

/// What a search saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Layouts that were costed or refused by the memory check.
    pub strategies: u64,
    /// Those that fit and were costed.
    pub feasible: u64,
    /// The leanest of all, and the bytes it holds.
    pub leanest: Option<(f64, Layout)>,
    /// The quickest few that fit, quickest first.
    pub quickest: Vec<Candidate>,
    /// Those that no other beats in time, memory and energy per sequence at once.
    pub pareto: Vec<Candidate>,
}

/// How many of the quickest are kept for a look at how they bear uncertainty.
const KEPT: usize = 16;

impl Found {
    fn nothing() -> Self {
        Found { strategies: 0, feasible: 0, leanest: None, quickest: Vec::new(), pareto: Vec::new() }
    }

    fn offer(&mut self, candidate: Candidate) {
        self.feasible += 1;
        if self.quickest.len() < KEPT || self.quickest.last().is_some_and(|last| candidate.pace() < last.pace()) {
            let place = self.quickest.partition_point(|q| q.pace() <= candidate.pace());
            self.quickest.insert(place, candidate);
            self.quickest.truncate(KEPT);
        }
        self.spread(candidate);
    }

    fn lean(&mut self, bytes: f64, layout: Layout) {
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

    fn merge(mut self, other: Found) -> Self {
        self.strategies += other.strategies;
        if let Some((bytes, layout)) = other.leanest {
            self.lean(bytes, layout);
        }
        let feasible = self.feasible + other.feasible;
        for candidate in other.quickest {
            let place = self.quickest.partition_point(|q| q.pace() <= candidate.pace());
            self.quickest.insert(place, candidate);
        }
        self.quickest.truncate(KEPT);
        for candidate in other.pareto {
            self.spread(candidate);
        }
        Found { feasible, ..self }
    }
}

/// The axes of a layer: everything else is put together from them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axes {
    tensor: u32,
    context: u32,
    expert: u32,
    micro_batch: u32,
    sequence_parallel: bool,
}

/// Which layouts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Every one that can run: any divisor, any number of stages and interleaved parts.
    Full,
    /// What people run: powers of two as tensor ranks and microbatches, stages that come out even or
    /// are a power of two, nothing or everything recomputed, optimizer or everything sharded.
    Common,
}

/// What a search may choose from, beside what memory and divisibility leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Which layouts are looked at.
    pub space: Space,
    /// Most tensor ranks; they stay inside a scale-up domain in any case.
    pub max_tensor: u32,
    /// Most pipeline stages.
    pub max_pipeline: u32,
    /// Most ranks that share a sequence.
    pub max_context: u32,
    /// Most ranks that share the experts of a layer.
    pub max_expert: u32,
    /// Largest microbatch.
    pub max_micro_batch: u32,
    /// The only way to recompute.
    pub recompute: Option<Recompute>,
    /// The only stage of sharding.
    pub zero: Option<u8>,
    /// Whether tensor ranks and experts stay inside a box.
    pub node_limited: bool,
    /// Whether every accelerator has to be used.
    pub use_all: bool,
    /// What an accelerator draws.
    pub power: Power,
}

impl Rules {
    /// No rule beyond the space.
    pub fn free(space: Space) -> Self {
        Rules {
            space,
            max_tensor: u32::MAX,
            max_pipeline: u32::MAX,
            max_context: u32::MAX,
            max_expert: u32::MAX,
            max_micro_batch: u32::MAX,
            recompute: None,
            zero: None,
            node_limited: false,
            use_all: false,
            power: Power::default(),
        }
    }
}

/// What an accelerator draws with its share of the box: rated watts, and the shares of them while it
/// computes and while it waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Rated watts of the box over its accelerators.
    pub rated: f64,
    /// Share of them while products, attention and memory-bound operations run.
    pub computing: f64,
    /// Share of them while it waits for others or the network.
    pub waiting: f64,
}

impl Default for Power {
    /// Shares as boxes of H100 and B200 were measured to draw (MLPerf power logs); rated power 1 W, for
    /// searches in which only the order counts.
    fn default() -> Self {
        Power { rated: 1.0, computing: 0.705, waiting: 0.46 }
    }
}

const RECOMPUTE: [Recompute; 3] = [Recompute::None, Recompute::Half, Recompute::Full];

/// Looks at every layout of the space: tensor ranks that divide the heads and stay inside a scale-up
/// domain, stages and interleaved parts, microbatches and experts that divide, context ranks where a
/// sequence is all of a microbatch, replicas as many as fit and divide the batch (rounded to them by at
/// most 1 %), ways to recompute and stages of sharding.
pub fn search(
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
) -> Found {
    search_counted(rules, job, run, machine, constants, curve, &|_| {})
}

/// [`search`], with a call for every part that is done: how many layouts were looked at in it.
pub fn search_counted(
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
    done: &(dyn Fn(u64) + Sync),
) -> Found {
    let sizes = memory::Sizes::new(job);
    let fabric = machine.fabric(constants);
    let context = Context { rules, job, run, machine, constants, curve, sizes, fabric };
    let parts: Vec<Found> = axes(rules, job, run, machine)
        .into_par_iter()
        .map(|axes| {
            let found = context.look(axes);
            done(found.strategies);
            found
        })
        .collect();
    let mut all = parts.into_iter().fold(Found::nothing(), Found::merge);
    all.pareto.sort_by(|a, b| a.pace().total_cmp(&b.pace()).then(a.held_bytes.total_cmp(&b.held_bytes)));
    all
}

fn axes(rules: &Rules, job: &Transformer, run: &Run, machine: &Machine) -> Vec<Axes> {
    let experts = job.experts.as_ref().map_or(1, |e| e.count);
    let space = rules.space;
    let batch = run.batch as u32;
    let domain = if rules.node_limited { machine.domain.min(machine.node) } else { machine.domain } as u32;
    let mut all = Vec::new();
    for tensor in divisors(job.heads, domain.min(64).min(rules.max_tensor)) {
        if space == Space::Common && !tensor.is_power_of_two() {
            continue;
        }
        for context in [1u32, 2, 4, 8, 16, 32, 64] {
            // Below 2,048 tokens a rank has too little attention to hide a hop behind.
            if context > rules.max_context {
                continue;
            }
            if context > 1 && (run.sequence % f64::from(context) != 0.0 || run.sequence / f64::from(context) < 2_048.0)
            {
                continue;
            }
            let most = if rules.node_limited { domain } else { 1024 };
            for expert in divisors(experts, most.min(rules.max_expert)) {
                for micro_batch in (1..=64.min(rules.max_micro_batch)).filter(|b| *b <= batch) {
                    // Sequences are split only once they are not batched any more.
                    let common = micro_batch.is_power_of_two() && micro_batch <= 16;
                    if (context > 1 && micro_batch > 1) || (space == Space::Common && !common) {
                        continue;
                    }
                    for sequence_parallel in [true, false] {
                        // With one rank there is nothing to split.
                        if sequence_parallel || (tensor > 1 && space == Space::Full) {
                            all.push(Axes { tensor, context, expert, micro_batch, sequence_parallel });
                        }
                    }
                }
            }
        }
    }
    all
}

struct Context<'a> {
    rules: &'a Rules,
    job: &'a Transformer,
    run: &'a Run,
    machine: &'a Machine,
    constants: &'a Constants,
    curve: Option<(&'a Curve, f64)>,
    sizes: memory::Sizes,
    fabric: Fabric,
}

impl Context<'_> {
    fn look(&self, axes: Axes) -> Found {
        let mut found = Found::nothing();
        let count = self.machine.accelerators as u64;
        let per_stage = u64::from(axes.tensor) * u64::from(axes.context);
        let mut layout = Layout {
            tensor: axes.tensor,
            pipeline: 1,
            data: 1,
            context: axes.context,
            expert: axes.expert,
            expert_tensor: 1,
            virtual_stages: 1,
            micro_batch: axes.micro_batch,
            recompute: Recompute::None,
            zero: 0,
            sequence_parallel: axes.sequence_parallel,
            ..Layout::default()
        };
        let layer = StepModel::new(self.job, self.run, &layout, self.machine, self.curve).layer(
            self.machine,
            &self.fabric,
            self.constants,
            1.0,
        );
        let kept =
            RECOMPUTE.map(|recompute| memory::layer_activations(self.job, self.run, &Layout { recompute, ..layout }));
        let common = self.rules.space == Space::Common;
        let layers = self.job.layers;
        for pipeline in 1..=layers.min(self.rules.max_pipeline) {
            if common && !(pipeline.is_power_of_two() || layers.is_multiple_of(pipeline)) {
                continue;
            }
            let most = count / (per_stage * u64::from(pipeline));
            if most == 0 {
                break;
            }
            layout.pipeline = pipeline;
            let Some(data) = replicas(self.run.batch, &layout, most) else { continue };
            layout.data = data;
            let used = layout.accelerators() as f64;
            if self.rules.use_all && used < count as f64 {
                continue;
            }
            let run = &Run { batch: layout.rounded_batch(self.run), ..*self.run };
            let scale = scale_cost(self.constants, used, self.machine.node);
            let microbatches = layout.microbatches(run);
            for virtual_stages in 1..=if pipeline == 1 { 1 } else { layers / pipeline } {
                if common && !layers.div_ceil(pipeline).is_multiple_of(virtual_stages) {
                    continue;
                }
                layout.virtual_stages = virtual_stages;
                let (dense_params, expert_params) = self.sizes.params(&layout);
                let mut stage = Stage {
                    layers: self.sizes.stage_layers(&layout),
                    end_layers: self.sizes.end_layers(&layout),
                    all_layers: self.sizes.layers(),
                    activations: 0.0,
                    dense_params,
                    expert_params,
                };
                for (recompute, activations) in RECOMPUTE.into_iter().zip(kept) {
                    if (common && recompute == Recompute::Half) || self.rules.recompute.is_some_and(|r| r != recompute)
                    {
                        continue;
                    }
                    layout.recompute = recompute;
                    stage.activations = activations;
                    for zero in 0..=3 {
                        if self.rules.zero.map_or(common && zero % 2 == 0, |z| z != zero) {
                            continue;
                        }
                        layout.zero = zero;
                        found.strategies += 1;
                        let held_bytes =
                            self.sizes.held(run, &layout, activations).total() + self.constants.reserved_memory;
                        found.lean(held_bytes, layout);
                        if held_bytes > self.machine.memory {
                            continue;
                        }
                        let Step { total, compute, .. } =
                            layer.step(&layout, microbatches, &stage, &self.fabric, self.constants, scale);
                        let power = &self.rules.power;
                        let waiting = (total - compute).max(0.0);
                        found.offer(Candidate {
                            layout,
                            step_s: total,
                            held_bytes,
                            slack_bytes: self.machine.memory - held_bytes,
                            batch: run.batch as u32,
                            energy_j: used
                                * power.rated
                                * (power.computing * (total - waiting) + power.waiting * waiting),
                        });
                    }
                }
            }
        }
        found
    }
}

/// The quickest of the common layouts that fits, its step and how many were looked at.
pub fn best_layout(
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
) -> Result<(Layout, f64, u64)> {
    let found = search(&Rules::free(Space::Common), job, run, machine, constants, curve);
    match found.quickest.first() {
        Some(best) => Ok((best.layout, best.step_s, found.strategies)),
        None => Err(nothing_fits(&found, &Rules::free(Space::Common), job, run, machine, constants)),
    }
}

/// Why a search found nothing: what does not fit, by how much, and from which count on it would.
pub fn nothing_fits(
    found: &Found,
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
) -> Error {
    let Some((bytes, layout)) = found.leanest else {
        return Error::usage(format!(
            "no layout: {} sequences per step cannot be spread over {} accelerators",
            run.batch, machine.accelerators
        ))
        .hint("give a larger batch, or more accelerators");
    };
    let held = memory::held(job, run, &layout);
    let gb = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let error = Error::usage(format!(
        "no layout fits: the leanest of {} (`{layout}`) needs {} of the {} per accelerator ({} state, {} activations, \
         {} logits, {} reserved)",
        found.strategies,
        gb(bytes),
        gb(machine.memory),
        gb(held.state),
        gb(held.activations),
        gb(held.logits),
        gb(constants.reserved_memory)
    ));
    // The count doubled until it fits, then the interval halved, over the common layouts: a search is
    // milliseconds.
    let rules = Rules { space: Space::Common, use_all: false, ..*rules };
    let fits = |count: f64| {
        let larger = Machine { accelerators: count, ..*machine };
        search(&rules, job, run, &larger, constants, None).feasible > 0
    };
    let step = machine.node.max(1.0);
    let mut count = machine.accelerators;
    while count < 1e6 {
        let below = count;
        count *= 2.0;
        if !fits(count) {
            continue;
        }
        let (mut low, mut high) = (below, count);
        while high - low > step {
            let middle = low + ((high - low) / 2.0 / step).ceil() * step;
            if middle >= high {
                break;
            }
            if fits(middle) { high = middle } else { low = middle }
        }
        return error.hint(format!("with {high} accelerators it fits, with {low} it does not"));
    }
    error.hint("no count of this accelerator holds it at this batch; one with more memory may")
}

/// Most replicas, up to `most`, that divide a batch as it may be rounded, and that the expert ranks
/// divide: so that accelerators stay idle only where using them would be slower.
fn replicas(batch: f64, layout: &Layout, most: u64) -> Option<u32> {
    let micro = f64::from(layout.micro_batch);
    let per_replica = u64::from(layout.tensor) * u64::from(layout.context);
    let expert = u64::from(layout.expert) * u64::from(layout.expert_tensor);
    let most = most.min((batch * (1.0 + BATCH_ROUNDING) / micro) as u64);
    // For each number of microbatches the most replicas that leave the batch within its rounding: they
    // waste least, and fewer of them with as many microbatches would only be slower.
    let least = (batch * (1.0 - BATCH_ROUNDING) / micro / most.max(1) as f64).ceil().max(1.0) as u64;
    (least..least + 8).find_map(|microbatches| {
        let each = micro * microbatches as f64;
        let high = ((batch * (1.0 + BATCH_ROUNDING) / each) as u64).min(most);
        let low = (batch * (1.0 - BATCH_ROUNDING) / each).ceil().max(1.0) as u64;
        (low..=high).rev().take(4_096).find(|data| (data * per_replica).is_multiple_of(expert)).map(|data| data as u32)
    })
}

fn divisors(of: u32, up_to: u32) -> impl Iterator<Item = u32> + Clone {
    (1..=of.min(up_to)).filter(move |d| of.is_multiple_of(*d))
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::scenario::Forecast;
    use super::*;

    #[test]
    fn every_layout_that_is_offered_can_run_and_costs_what_the_model_says() {
        let catalog = Catalog::built_in().unwrap();
        let constants = catalog.constants.medians();
        for name in catalog.scenarios.keys() {
            let f = Forecast::new(&catalog, name).unwrap();
            let found = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &constants, None);
            assert!(found.strategies > 1_000 && found.feasible > 0, "{name}: {found:?}");
            for c in found.quickest.iter().chain(&found.pareto) {
                c.layout.check(f.job, &f.run).unwrap();
                let run = Run { batch: c.layout.rounded_batch(&f.run), ..f.run };
                assert_eq!(run.batch, f64::from(c.batch));
                assert!((run.batch / f.run.batch - 1.0).abs() <= BATCH_ROUNDING * 1.000_001, "{}", c.layout);
                assert!(c.layout.accelerators() as f64 <= f.machine.accelerators);
                assert!(c.held_bytes <= f.machine.memory);
                let model = StepModel::new(f.job, &run, &c.layout, &f.machine, None);
                let step = model.time(&f.machine, &constants, 1.0).total;
                assert!((step / c.step_s - 1.0).abs() < 1e-12, "{}", c.layout);
                let held = model.held().total() + constants.reserved_memory;
                assert!((held / c.held_bytes - 1.0).abs() < 1e-12, "{}", c.layout);
            }
        }
    }

    #[test]
    fn no_layout_of_the_pareto_set_beats_another_and_the_quickest_is_in_it() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let found = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
        assert!(found.pareto.len() > 1);
        for (i, a) in found.pareto.iter().enumerate() {
            for (k, b) in found.pareto.iter().enumerate() {
                assert!(i == k || !a.dominates(b), "{} {}", a.layout, b.layout);
            }
        }
        assert_eq!(found.pareto[0].pace(), found.quickest[0].pace());
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let on = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None)
            })
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn a_job_that_fits_nowhere_is_refused_with_what_it_lacks() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let few = Machine { accelerators: 8.0, ..f.machine };
        let error = best_layout(f.job, &f.run, &few, &catalog.constants.medians(), None).unwrap_err();
        assert!(error.message().contains("GB state"), "{error}");
        assert!(error.hint_text().unwrap().contains("accelerators it fits"), "{:?}", error.hint_text());
    }

    #[test]
    fn replicas_are_as_many_as_a_rounded_batch_lets_be() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let (any, _, _) = best_layout(f.job, &f.run, &f.machine, &catalog.constants.medians(), None).unwrap();
        let layout = Layout { tensor: 8, pipeline: 8, context: 1, expert: 1, expert_tensor: 1, micro_batch: 1, ..any };
        // 4 · 4,687 = 18,748 of 18,750.
        assert_eq!(replicas(18_750.0, &layout, 4_687), Some(4_687));
        // 1,000 replicas of one: 993 and 1,007 are as far as it goes.
        assert_eq!(replicas(1_000.0, &layout, 4_000), Some(1_010));
        assert_eq!(replicas(3.0, &layout, 4_000), Some(3));
        // Seven do not come out within 1 % of 8; four do.
        assert_eq!(replicas(8.0, &layout, 7), Some(4));
        let experts = Layout { tensor: 1, expert: 8, ..layout };
        assert_eq!(replicas(1_024.0, &experts, 1_024), Some(1_024));
        assert_eq!(replicas(1_024.0, &experts, 4_096), Some(1_032));
    }

    #[test]
    fn rules_are_kept() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let rules = Rules {
            max_tensor: 4,
            max_pipeline: 8,
            max_expert: 4,
            max_micro_batch: 1,
            zero: Some(1),
            recompute: Some(Recompute::Full),
            ..Rules::free(Space::Common)
        };
        let free = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
        let found = search(&rules, f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
        assert!(found.feasible > 0 && found.strategies < free.strategies);
        for l in found.quickest.iter().map(|c| c.layout) {
            assert!(l.tensor <= 4 && l.pipeline <= 8 && l.expert <= 4 && l.micro_batch == 1, "{l}");
            assert!(l.zero == 1 && l.recompute == Recompute::Full, "{l}");
        }
        let all = Rules { use_all: true, ..Rules::free(Space::Common) };
        let found = search(&all, f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
        assert!(found.quickest.iter().all(|c| c.layout.accelerators() as f64 == f.machine.accelerators));
    }
}
