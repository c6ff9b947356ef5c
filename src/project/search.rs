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
use crate::job::{Layout, Recompute, Run, Transformer, memory};
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
    /// Accelerators times seconds: what energy and rent go with.
    pub accelerator_s: f64,
}

impl Candidate {
    fn dominates(&self, other: &Candidate) -> bool {
        self.step_s <= other.step_s && self.held_bytes <= other.held_bytes && self.accelerator_s <= other.accelerator_s
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
    /// Those that no other beats in time, memory and accelerator-seconds at once.
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
        if self.quickest.len() < KEPT || self.quickest.last().is_some_and(|last| candidate.step_s < last.step_s) {
            let place = self.quickest.partition_point(|q| q.step_s <= candidate.step_s);
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
            let place = self.quickest.partition_point(|q| q.step_s <= candidate.step_s);
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

const RECOMPUTE: [Recompute; 3] = [Recompute::None, Recompute::Half, Recompute::Full];

/// Looks at every layout of the space: tensor ranks that divide the heads and stay inside a scale-up
/// domain, stages and interleaved parts, microbatches and experts that divide, context ranks where a
/// sequence is all of a microbatch, replicas as many as fit and divide the batch, ways to recompute
/// and stages of sharding.
pub fn search(
    space: Space,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
) -> Found {
    let sizes = memory::Sizes::new(job);
    let fabric = machine.fabric(constants);
    let context = Context { space, job, run, machine, constants, curve, sizes, fabric };
    let parts: Vec<Found> = axes(space, job, run, machine).into_par_iter().map(|axes| context.look(axes)).collect();
    let mut all = parts.into_iter().fold(Found::nothing(), Found::merge);
    all.pareto.sort_by(|a, b| a.step_s.total_cmp(&b.step_s).then(a.held_bytes.total_cmp(&b.held_bytes)));
    all
}

fn axes(space: Space, job: &Transformer, run: &Run, machine: &Machine) -> Vec<Axes> {
    let experts = job.experts.as_ref().map_or(1, |e| e.count);
    let batch = run.batch as u64;
    let mut all = Vec::new();
    for tensor in divisors(job.heads, (machine.domain as u32).min(64)) {
        if space == Space::Common && !tensor.is_power_of_two() {
            continue;
        }
        for context in [1u32, 2, 4, 8, 16, 32, 64] {
            // Below 2,048 tokens a rank has too little attention to hide a hop behind.
            if context > 1 && (run.sequence % f64::from(context) != 0.0 || run.sequence / f64::from(context) < 2_048.0)
            {
                continue;
            }
            for expert in divisors(experts, 1024) {
                for micro_batch in (1..=64u32).filter(|b| batch.is_multiple_of(u64::from(*b))) {
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
    space: Space,
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
        let batches = self.run.batch as u64 / u64::from(axes.micro_batch);
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
        };
        let layer = StepModel::new(self.job, self.run, &layout, self.machine, self.curve).layer(
            self.machine,
            &self.fabric,
            self.constants,
            1.0,
        );
        let kept =
            RECOMPUTE.map(|recompute| memory::layer_activations(self.job, self.run, &Layout { recompute, ..layout }));
        let replicas = all_divisors(batches);
        let common = self.space == Space::Common;
        let layers = self.job.layers;
        for pipeline in 1..=layers {
            if common && !(pipeline.is_power_of_two() || layers.is_multiple_of(pipeline)) {
                continue;
            }
            let most = count / (per_stage * u64::from(pipeline));
            let Some(&data) = replicas[..replicas.partition_point(|d| *d <= most)].last() else { break };
            layout.pipeline = pipeline;
            layout.data = data as u32;
            if !(data * per_stage).is_multiple_of(u64::from(axes.expert)) {
                continue;
            }
            let used = layout.accelerators() as f64;
            let scale = scale_cost(self.constants, used, self.machine.node);
            let microbatches = layout.microbatches(self.run);
            for virtual_stages in 1..=if pipeline == 1 { 1 } else { layers / pipeline } {
                if common && !layers.div_ceil(pipeline).is_multiple_of(virtual_stages) {
                    continue;
                }
                layout.virtual_stages = virtual_stages;
                let (dense_params, expert_params) = self.sizes.params(&layout);
                let stage = Stage { layers: self.sizes.stage_layers(&layout), dense_params, expert_params };
                for (recompute, activations) in RECOMPUTE.into_iter().zip(kept) {
                    if common && recompute == Recompute::Half {
                        continue;
                    }
                    layout.recompute = recompute;
                    for zero in 0..=3 {
                        if common && zero % 2 == 0 {
                            continue;
                        }
                        layout.zero = zero;
                        found.strategies += 1;
                        let held_bytes =
                            self.sizes.held(self.run, &layout, activations).total() + self.constants.reserved_memory;
                        found.lean(held_bytes, layout);
                        if held_bytes > self.machine.memory {
                            continue;
                        }
                        let Step { total, .. } =
                            layer.step(&layout, microbatches, &stage, &self.fabric, self.constants, scale);
                        found.offer(Candidate { layout, step_s: total, held_bytes, accelerator_s: total * used });
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
    let found = search(Space::Common, job, run, machine, constants, curve);
    match found.quickest.first() {
        Some(best) => Ok((best.layout, best.step_s, found.strategies)),
        None => Err(nothing_fits(&found, job, run, machine, constants)),
    }
}

/// Why a search found nothing: what does not fit, by how much, and from which count on it would.
pub fn nothing_fits(found: &Found, job: &Transformer, run: &Run, machine: &Machine, constants: &Constants) -> Error {
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
    // Twice as many at a time, over the common layouts: a search is milliseconds.
    let mut count = machine.accelerators;
    while count < 1e6 {
        count *= 2.0;
        let larger = Machine { accelerators: count, ..*machine };
        if search(Space::Common, job, run, &larger, constants, None).feasible > 0 {
            return error.hint(format!("with {count} accelerators it fits, at half of that it does not"));
        }
    }
    error.hint("no count of this accelerator holds it at this batch; one with more memory may")
}

fn divisors(of: u32, up_to: u32) -> impl Iterator<Item = u32> + Clone {
    (1..=of.min(up_to)).filter(move |d| of.is_multiple_of(*d))
}

/// All divisors of `n`, ascending.
fn all_divisors(n: u64) -> Vec<u64> {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let mut d = 1;
    // Divisors come in pairs, so the square root is far enough.
    while d * d <= n {
        if n.is_multiple_of(d) {
            low.push(d);
            if d * d < n {
                high.push(n / d);
            }
        }
        d += 1;
    }
    low.extend(high.into_iter().rev());
    low
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
            let found = search(Space::Common, f.job, &f.run, &f.machine, &constants, None);
            assert!(found.strategies > 1_000 && found.feasible > 0, "{name}: {found:?}");
            for c in found.quickest.iter().chain(&found.pareto) {
                c.layout.check(f.job, &f.run).unwrap();
                assert!(c.layout.accelerators() as f64 <= f.machine.accelerators);
                assert!(c.held_bytes <= f.machine.memory);
                let model = StepModel::new(f.job, &f.run, &c.layout, &f.machine, None);
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
        let found = search(Space::Common, f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
        assert!(found.pareto.len() > 1);
        for (i, a) in found.pareto.iter().enumerate() {
            for (k, b) in found.pareto.iter().enumerate() {
                assert!(i == k || !a.dominates(b), "{} {}", a.layout, b.layout);
            }
        }
        assert_eq!(found.pareto[0].step_s, found.quickest[0].step_s);
    }

    #[test]
    fn the_result_does_not_depend_on_the_number_of_threads() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let on = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| search(Space::Common, f.job, &f.run, &f.machine, &catalog.constants.medians(), None))
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
    fn divisors_are_all_and_ascending() {
        assert_eq!(all_divisors(12), [1, 2, 3, 4, 6, 12]);
        assert_eq!(all_divisors(16), [1, 2, 4, 8, 16]);
        assert_eq!(all_divisors(1), [1]);
    }
}
