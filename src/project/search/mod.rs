//! Every layout of a space, costed by closed form or refused by the memory check.
//!
//! What one layer costs depends on few of the axes (tensor, context and expert ranks, microbatch,
//! sequence parallelism), so it is computed once for each of their combinations; stages, replicas,
//! recomputation, offload, schedule and sharding are put together from it. Nothing is allocated per
//! layout. Combinations run in parallel and are merged in order, so the result does not depend on the
//! threads.

mod found;
mod refusal;
mod rules;
mod space;
#[cfg(test)]
mod tests;

pub use found::{Candidate, Found};
pub use refusal::nothing_fits;
pub use rules::{Losses, Objective, Power, Rules, Space};

use super::constants::Constants;
use super::machine::Machine;
use super::step::{Layer, Stage, Step, StepModel, scale_cost};
use crate::calibrate::Curve;
use crate::cluster::Fabric;
use crate::error::Result;
use crate::job::{Layout, Recompute, Run, Schedule, Transformer, memory};
use rayon::prelude::*;
use space::{Axes, RECOMPUTE, axes, offloads, replicas, schedules, shards, shares};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Looks at every layout of the space: tensor ranks that divide the heads and stay inside a scale-up
/// domain, stages and interleaved parts, microbatches and experts that divide, context ranks where a
/// sequence is all of a microbatch, replicas as many as fit and divide the batch (rounded to them by at
/// most 1 %), ways to recompute and stages of sharding; in the full space also zero-bubble schedules,
/// offload to the host, all-to-alls over a sequence, and state sharded within a scale-up domain alone.
pub fn search(
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
) -> Found {
    search_watched(rules, job, run, machine, constants, curve, &Watch { done: &|_, _| {}, go_on: &|| true })
}

/// Whoever waits for a search.
pub struct Watch<'a> {
    /// Called for every part that is done: how many layouts were looked at in it, and which share of the space it is,
    /// as if all parts were alike.
    pub done: &'a (dyn Fn(u64, f64) + Sync),
    /// Asked before every part and every count of stages: what is left undone shows in [`Found::done`].
    pub go_on: &'a (dyn Fn() -> bool + Sync),
}

/// [`search`] under someone's eyes.
pub fn search_watched(
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
    watch: &Watch,
) -> Found {
    let (sizes, fabric) = (memory::Sizes::new(job), machine.fabric(constants));
    Context { rules, job, run, machine, constants, curve, sizes, fabric, watch, wanted: Wanted::All }.all()
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
    watch: &'a Watch<'a>,
    wanted: Wanted<'a>,
}

/// What of a space is asked for.
enum Wanted<'a> {
    /// The best few and the Pareto set.
    All,
    /// The best alone: the bits of the least score so far, of all threads. What cannot have less is not costed to its end.
    Best(&'a AtomicU64),
    /// Whether any layout fits, and whether one did.
    Any(&'a AtomicBool),
}

/// Whether any layout of the space fits the memory; nothing is costed.
fn fits(rules: &Rules, job: &Transformer, run: &Run, machine: &Machine, constants: &Constants) -> bool {
    let any = AtomicBool::new(false);
    let watch = Watch { done: &|_, _| {}, go_on: &|| !any.load(Ordering::Relaxed) };
    let (sizes, fabric) = (memory::Sizes::new(job), machine.fabric(constants));
    let wanted = Wanted::Any(&any);
    let context = Context { rules, job, run, machine, constants, curve: None, sizes, fabric, watch: &watch, wanted };
    axes(rules, job, run, machine).into_par_iter().for_each(|axes| drop(context.look(axes)));
    any.load(Ordering::Relaxed)
}

/// What all layouts of one part have in common.
struct Part {
    layer: Layer,
    /// Bytes that a layer keeps of one microbatch, by way to recompute.
    kept: [f64; 3],
}

/// What all layouts of one count of stages and replicas have in common.
struct Spread {
    run: Run,
    used: f64,
    scale: f64,
    microbatches: f64,
    goodput: f64,
}

impl Context<'_> {
    /// The whole space.
    fn all(&self) -> Found {
        let axes = axes(self.rules, self.job, self.run, self.machine);
        let share = 1.0 / axes.len().max(1) as f64;
        let parts: Vec<Found> = axes
            .into_par_iter()
            .map(|axes| {
                let found = self.look(axes);
                (self.watch.done)(found.strategies, share);
                found
            })
            .collect();
        let whole =
            if parts.is_empty() { 1.0 } else { parts.iter().map(|part| part.done).sum::<f64>() / parts.len() as f64 };
        let mut all = parts.into_iter().fold(Found::nothing(), Found::merge);
        all.done = whole;
        all.pareto.sort_by(|a, b| a.time.total_cmp(&b.time).then(a.held_bytes.total_cmp(&b.held_bytes)));
        all
    }

    fn look(&self, axes: Axes) -> Found {
        let mut found = Found::nothing();
        if !(self.watch.go_on)() {
            found.done = 0.0;
            return found;
        }
        let count = self.machine.accelerators as u64;
        let per_stage = u64::from(axes.tensor) * u64::from(axes.context);
        let mut layout = Layout {
            tensor: axes.tensor,
            context: axes.context,
            context_exchange: axes.exchange,
            expert: axes.expert,
            micro_batch: axes.micro_batch,
            sequence_parallel: axes.sequence_parallel,
            zero: 0,
            ..Layout::default()
        };
        let model = StepModel::new(self.job, self.run, &layout, self.machine, self.curve);
        let part = Part {
            layer: model.layer(self.machine, &self.fabric, self.constants, 1.0),
            kept: RECOMPUTE
                .map(|recompute| memory::layer_activations(self.job, self.run, &Layout { recompute, ..layout })),
        };
        let common = self.rules.space == Space::Common;
        let layers = self.job.layers;
        let stages = layers.min(self.rules.max_pipeline);
        for pipeline in 1..=stages {
            if common && !(pipeline.is_power_of_two() || layers.is_multiple_of(pipeline)) {
                continue;
            }
            let most = count / (per_stage * u64::from(pipeline));
            if most == 0 {
                break;
            }
            if !(self.watch.go_on)() {
                found.done = f64::from(pipeline - 1) / f64::from(stages);
                break;
            }
            layout.pipeline = pipeline;
            let mut before = None;
            for share in shares(self.rules) {
                let Some(data) = replicas(self.run.batch, &layout, (share * most as f64) as u64) else { continue };
                // The batch may allow no more replicas than a smaller share has.
                if before == Some(data) {
                    continue;
                }
                before = Some(data);
                layout.data = data;
                let used = layout.accelerators() as f64;
                if self.rules.use_all && used < count as f64 {
                    continue;
                }
                let run = Run { batch: layout.rounded_batch(self.run), ..*self.run };
                let spread = Spread {
                    used,
                    scale: scale_cost(self.constants, used, self.machine.node),
                    microbatches: layout.microbatches(&run),
                    goodput: self.rules.losses.map_or(1.0, |losses| losses.goodput(&layout)),
                    run,
                };
                for virtual_stages in 1..=if pipeline == 1 { 1 } else { layers / pipeline } {
                    if common && !layers.div_ceil(pipeline).is_multiple_of(virtual_stages) {
                        continue;
                    }
                    layout.virtual_stages = virtual_stages;
                    for schedule in schedules(self.rules, &layout) {
                        layout.schedule = *schedule;
                        self.shard(layout, &part, &spread, &mut found);
                    }
                    layout.schedule = Schedule::default();
                }
            }
        }
        found
    }

    /// Everything that stages and replicas leave open.
    fn shard(&self, mut layout: Layout, part: &Part, spread: &Spread, found: &mut Found) {
        let common = self.rules.space == Space::Common;
        let (dense_params, expert_params) = self.sizes.params(&layout);
        let mut stage = Stage {
            layers: self.sizes.stage_layers(&layout),
            end_layers: self.sizes.end_layers(&layout),
            all_layers: self.sizes.layers(),
            activations: 0.0,
            dense_params,
            expert_params,
        };
        let (groups, several) = shards(self.rules, &layout, self.machine.domain);
        for (recompute, activations) in RECOMPUTE.into_iter().zip(part.kept) {
            if (common && recompute == Recompute::Half) || self.rules.recompute.is_some_and(|r| r != recompute) {
                continue;
            }
            layout.recompute = recompute;
            stage.activations = activations;
            for offload in offloads(self.rules, recompute) {
                layout.offload = *offload;
                for zero in 0..=3 {
                    if self.rules.zero.map_or(common && zero % 2 == 0, |z| z != zero) {
                        continue;
                    }
                    layout.zero = zero;
                    for shard in &groups[..if zero == 0 { 1 } else { several }] {
                        layout.shard = *shard;
                        self.cost(&layout, &stage, part, spread, found);
                    }
                }
            }
        }
    }

    fn cost(&self, layout: &Layout, stage: &Stage, part: &Part, spread: &Spread, found: &mut Found) {
        found.strategies += 1;
        let held_bytes =
            self.sizes.held(&spread.run, layout, stage.activations).total() + self.constants.reserved_memory;
        found.lean(held_bytes, *layout);
        if held_bytes > self.machine.memory {
            return;
        }
        let batch = spread.run.batch;
        let at_most = match self.wanted {
            Wanted::All => f64::INFINITY,
            // A hair more, so that no rounding of the score leaves out what is as good.
            Wanted::Best(least) => f64::from_bits(least.load(Ordering::Relaxed)) * batch * (1.0 + 1e-9),
            Wanted::Any(any) => return any.store(true, Ordering::Relaxed),
        };
        let (fabric, constants) = (&self.fabric, self.constants);
        let step = part.layer.step_within(at_most, layout, spread.microbatches, stage, fabric, constants, spread.scale);
        let Some(Step { total, compute, .. }) = step else { return };
        let power = &self.rules.power;
        let waiting = (total - compute).max(0.0);
        let candidate = Candidate {
            layout: *layout,
            step_s: total,
            held_bytes,
            slack_bytes: self.machine.memory - held_bytes,
            batch: batch as u64,
            energy_j: spread.used * power.rated * (power.computing * (total - waiting) + power.waiting * waiting),
            goodput: spread.goodput,
            time: 0.0,
            score: 0.0,
        };
        let candidate = candidate.scored(self.rules);
        if let Wanted::Best(least) = self.wanted {
            // Positive numbers are in the order of their bits.
            least.fetch_min(candidate.score.to_bits(), Ordering::Relaxed);
            found.keep(candidate, 1);
        } else {
            found.offer(candidate);
        }
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
    let rules = &Rules::free(Space::Common);
    let (sizes, fabric) = (memory::Sizes::new(job), machine.fabric(constants));
    let (watch, least) = (&Watch { done: &|_, _| {}, go_on: &|| true }, AtomicU64::new(f64::INFINITY.to_bits()));
    let wanted = Wanted::Best(&least);
    let found = Context { rules, job, run, machine, constants, curve, sizes, fabric, watch, wanted }.all();
    match found.quickest.first() {
        Some(best) => Ok((best.layout, best.step_s, found.strategies)),
        None => Err(nothing_fits(&found, rules, job, run, machine, constants)),
    }
}
