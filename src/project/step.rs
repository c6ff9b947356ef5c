//! Time of one optimizer step, by closed form.
//!
//! A microbatch passes `p` stages; each stage computes its layers (matrix products at a measured
//! share of the peak, attention, memory-bound operations) and waits for what communication nothing
//! hides. The busiest stage, which may be the last with the output layer, sets the pace: T = m·t_max +
//! (Σt − t_max)/v for 1F1B and interleaved pipelines (after arXiv 2104.04473, which has all stages
//! alike); zero-bubble schedules fill the second term with the weights' gradients (arXiv 2401.10241,
//! 2412.19437 table 2). Gradients are reduced over the replicas behind the last backward pass as far
//! as it reaches.

mod layer;

pub use layer::{Computing, Layer, Stage};

use super::LARGEST_VALIDATED;
use super::constants::Constants;
use super::machine::Machine;
use super::sweep::Bend;
use crate::calibrate::Curve;
use crate::cluster::Fabric;
use crate::cluster::collective::{Exchange, Group};
use crate::job::{ContextExchange, Layout, MAX_GEMMS, Pass, Run, Stack, Transformer, Work, memory};

/// A step, seconds each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// All of it.
    pub total: f64,
    /// Matrix products, attention, memory-bound operations and host of the busiest stage.
    pub compute: f64,
    /// Tensor-parallel communication that nothing hides.
    pub tensor: f64,
    /// Exchange with experts that nothing hides.
    pub expert: f64,
    /// Stages waiting for each other.
    pub bubble: f64,
    /// Gradients and parameters over the replicas that nothing hides.
    pub data: f64,
    /// Optimizer and what else a step costs once.
    pub optimizer: f64,
    /// What the scale costs beyond the closed form.
    pub scale: f64,
}

/// Kernels of one layer, forward; backward has twice as many.
const KERNELS: f64 = 26.0;
/// Tensors of a layer with their biases, which ZeRO-3 gathered one by one before 2023.
const TENSORS: f64 = 12.0;
/// Those of them that are bound by memory, each with its own start and end; and what fusing leaves.
const SMALL_KERNELS: f64 = 14.0;
const FUSED_KERNELS: f64 = 6.0;
/// Bytes per parameter that are read and written to add a gradient to those of the microbatches before,
/// where the product does not do so itself: into 16 bits, and into 32 (as DeepSpeed does for bf16).
const SUM_16: f64 = 6.0;
const SUM_32: f64 = 10.0;
/// Share of the memory bandwidth that a plain sum of long vectors reaches: assumed, not fitted.
const STREAM: f64 = 0.8;
/// Bytes that the loss reads and writes per logit: 16 bits in and out, 32 bits shifted, exponentiated
/// and summed.
const LOSS_BYTES: f64 = 14.0;
/// The same before 2023, one kernel after the other in 32 bits: cast (6), maximum (4), less it (8),
/// exponential (8), sum (4), share (8), times what comes back (8), cast (6).
const LOSS_BYTES_EARLY: f64 = 52.0;
/// How much wider the unknown of several boxes is at 1,000 accelerators and more than at 100: left out,
/// sources of such runs are that much farther off.
pub const WIDENING: f64 = 0.1;

/// A job under a layout, made ready so that a draw of the constants costs no search and no memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepModel {
    work: Work,
    layout: Layout,
    microbatches: f64,
    stack: Stack,
    /// What bends each product and pass: the surface, and the transferred curve where there is one. No draw changes it.
    bends: [[Bend; 3]; MAX_GEMMS],
    /// The same of the output layer.
    bends_output: [Bend; 3],
    /// The same of stored scores; nothing where none are.
    bends_scores: [Bend; 3],
    held: memory::Held,
    /// Bytes of one layer's activations for one microbatch.
    activations: f64,
}

impl StepModel {
    /// The model of `job` under `layout`, which was checked. With a `curve` and the rate of its
    /// ceiling, the *shape* of that curve bends the rate of each product: a product is looked up at
    /// the size that would take the measured adapter as long at its ceiling as the accelerator at
    /// its own, so extents scale with the cube root of the rates.
    pub fn new(job: &Transformer, run: &Run, layout: &Layout, machine: &Machine, curve: Option<(&Curve, f64)>) -> Self {
        let work = Work::new(job, run, layout);
        let mut bends = [[Bend::NONE; 3]; MAX_GEMMS];
        for (gemm, row) in work.gemms().iter().zip(&mut bends) {
            *row = Pass::ALL.map(|pass| machine.surface.bend(&gemm.of(pass)));
        }
        if let Some((curve, rate)) = curve {
            let scale = (rate / machine.achieved.unwrap_or(machine.peak)).cbrt();
            for (gemm, row) in work.gemms().iter().zip(&mut bends) {
                for (pass, bend) in Pass::ALL.into_iter().zip(row) {
                    let g = gemm.of(pass);
                    bend.compute /= curve.at(g.m * scale, g.n * scale, g.k * scale).min(1.0);
                }
            }
        }
        StepModel {
            work,
            layout: *layout,
            microbatches: layout.microbatches(run),
            stack: run.stack,
            bends,
            bends_output: Pass::ALL.map(|pass| machine.surface16.bend(&work.logits.of(pass))),
            bends_scores: [if run.stack.early() { machine.surface16.bend(&work.score_product) } else { Bend::NONE }; 3],
            held: memory::held(job, run, layout),
            activations: memory::layer_activations(job, run, layout),
        }
    }

    /// What the busiest accelerator holds, without what the framework keeps for itself.
    pub fn held(&self) -> memory::Held {
        self.held
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The step under one draw of the constants. `transfer` multiplies the efficiency that a
    /// transferred curve gives; 1 without one.
    pub fn time(&self, machine: &Machine, c: &Constants, transfer: f64) -> Step {
        let fabric = machine.fabric(c);
        self.assemble(&self.layer(machine, &fabric, c, transfer), machine, &fabric, c)
    }

    /// The step of a layer that is at hand, which [`StepModel::layer`] gave for the same draw.
    pub fn assemble(&self, layer: &Layer, machine: &Machine, fabric: &Fabric, c: &Constants) -> Step {
        let stage = Stage {
            layers: self.work.stage_layers,
            end_layers: self.work.end_layers,
            all_layers: self.work.all_layers,
            activations: self.activations,
            dense_params: self.work.dense_params,
            expert_params: self.work.expert_params,
        };
        let scale = scale_cost(c, self.layout.accelerators() as f64, machine.node);
        layer.step(&self.layout, self.microbatches, &stage, fabric, c, scale)
    }

    /// One layer under one draw of the constants: all that does not depend on stages, replicas,
    /// recomputation and sharding.
    pub fn layer(&self, machine: &Machine, fabric: &Fabric, c: &Constants, transfer: f64) -> Layer {
        let computing = self.computing(machine, c, transfer);
        self.layer_of(computing, fabric, c)
    }

    /// What of a layer no network changes.
    pub fn computing(&self, machine: &Machine, c: &Constants, transfer: f64) -> Computing {
        let (w, l) = (&self.work, &self.layout);
        let kernels = transfer / machine.products_slower
            * match self.stack {
                Stack::EarlyDeepspeed => c.deepspeed_early,
                Stack::Early | Stack::EarlyOverlapped => 1.0,
                // What eager stacks run below 16 bits is mostly in 16 all the same.
                Stack::Eager | Stack::Compiled if machine.power_bound() => c.sustained,
                Stack::Fused if machine.power_bound() && machine.operand >= 2.0 => c.sustained,
                _ => 1.0,
            };
        let rate = machine.rate(c) * kernels;
        let rate16 = machine.rate16(c) * kernels;
        let (efficiency, attention) = match self.stack {
            // Its scores are products of their own.
            Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed => (c.memory_efficiency_early, 1.0),
            Stack::Eager => (c.memory_efficiency_eager, c.attention_eager),
            Stack::Compiled => (c.memory_efficiency, c.attention_eager),
            Stack::Fused => (c.memory_efficiency, c.attention),
        };
        let engine = if self.stack == Stack::EarlyDeepspeed { c.deepspeed_early } else { 1.0 };
        let memory = machine.memory_bandwidth;
        let bandwidth = memory * efficiency * engine;
        let (mut forward, mut data, mut weights, mut matrices) = (0.0, 0.0, 0.0, 0.0);
        // Gradients are summed in 32 bits as they are made, or written in 16.
        let summed = matches!(self.stack, Stack::Fused | Stack::EarlyOverlapped);
        let gradient = if summed { 8.0 } else { machine.operand.max(2.0) };
        for (gemm, bends) in w.gemms().iter().zip(&self.bends) {
            let routed = if gemm.routed { c.expert_rate / c.expert_imbalance } else { 1.0 };
            let [f, d, g] = machine.surface.seconds(gemm, bends, rate * routed, machine.operand, gradient, memory);
            forward += gemm.times * f;
            data += gemm.times * d;
            weights += gemm.times * g;
            matrices += gemm.times * gemm.elements()[1];
        }
        // Stored scores are the result of two products and, softmax, mask and dropout between them, bytes;
        // backward there are four products and a quarter more bytes. Fused attention computes the scores
        // again backward.
        let (scores, scores_back) = if self.stack.early() {
            let [product, ..] =
                machine.surface16.seconds(&w.score_product, &self.bends_scores, rate16, 2.0, 2.0, memory);
            let between = w.scores * c.score_bytes / (machine.memory_bandwidth * c.score_efficiency);
            (2.0 * product + between, 4.0 * product + 1.25 * between)
        } else {
            let once = w.attention_flop / (rate16 * attention);
            (once, 2.5 * once)
        };
        let routing = w.routing_elements * c.routing_bytes / bandwidth + w.expert_share * c.routing;
        let small = match self.stack {
            Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed => SMALL_KERNELS * c.kernel_early,
            Stack::Eager => SMALL_KERNELS * c.gemm_overhead,
            Stack::Compiled | Stack::Fused => FUSED_KERNELS * c.gemm_overhead,
        };
        let elementwise = w.elementwise_bytes / bandwidth + routing + small;
        // The host issues kernels one by one.
        let launch = match self.stack {
            _ if self.stack.early() && l.tensor > 1 && f64::from(l.tensor) >= machine.node => {
                c.launch_early * c.launch_full_box
            }
            Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed => c.launch_early,
            Stack::Eager | Stack::Compiled => c.launch_eager,
            Stack::Fused => c.launch,
        };
        let per_logit = if self.stack.early() { LOSS_BYTES_EARLY } else { LOSS_BYTES };
        let loss = per_logit * w.logits.m * w.logits.n / bandwidth;
        let output = machine.surface16.seconds(&w.logits, &self.bends_output, rate16, 2.0, 2.0, memory);
        Computing {
            forward: forward + scores + elementwise,
            backward: data + weights + scores_back + 2.0 * elementwise,
            weights,
            accumulate: match self.stack {
                Stack::Early => SUM_16,
                Stack::EarlyDeepspeed => SUM_32,
                _ => 0.0,
            } * matrices
                / (STREAM * machine.memory_bandwidth),
            scores,
            kernels: KERNELS * launch,
            output: output.iter().sum::<f64>() + loss,
            bandwidth,
            host_link: machine.host_link.unwrap_or(c.host_link),
        }
    }

    /// The layer of a computation that is at hand, which [`StepModel::computing`] gave for the same draw.
    pub fn layer_of(&self, computing: Computing, fabric: &Fabric, c: &Constants) -> Layer {
        let (w, l) = (&self.work, &self.layout);
        let cp = f64::from(l.context);
        let (tensor, expert_tensor) = (f64::from(l.tensor), f64::from(l.expert_tensor));
        let exchange = fabric.exchange_tokens(
            Group { size: f64::from(l.expert), stride: expert_tensor },
            &Exchange {
                bytes: 2.0 * w.expert_elements * c.expert_imbalance,
                copies: w.expert_copies,
                limit: w.expert_nodes,
            },
        );
        let shared = fabric.all_gather(Group { size: expert_tensor, stride: 1.0 }, 2.0 * w.expert_gather_elements);
        let context = match l.context_exchange {
            _ if cp <= 1.0 => 0.0,
            // Each hop starts anew; its bytes hide behind one block of attention; backward there are two.
            ContextExchange::Ring => {
                let hop = fabric.send(tensor, 2.0 * w.context_elements / (cp - 1.0));
                3.0 * (cp - 1.0) * (fabric.start() + (hop - computing.scores / cp).max(0.0))
            }
            // Queries, keys and values there, the result back, and the same backward: nothing to hide behind.
            ContextExchange::AllToAll => {
                let group = Group { size: cp, stride: tensor };
                4.0 * fabric.all_to_all(group, w.context_elements)
            }
        };
        // Without sequence parallelism an all-reduce stands for a scatter and a gather.
        let ranks = Group { size: tensor, stride: 1.0 };
        let gather = if l.sequence_parallel {
            fabric.all_gather(ranks, 2.0 * w.tensor_elements)
        } else {
            0.5 * fabric.all_reduce(ranks, 2.0 * w.tensor_elements)
        };
        Layer {
            stack: self.stack,
            computing,
            gather: gather * w.tensor_times * if self.stack == Stack::Fused { c.tensor_exposed } else { 1.0 },
            // There and back, forward and backward; as many gathers as scatters between the ranks of one.
            expert: w.expert_times * 2.0 * exchange + 4.0 * shared,
            context,
            further: w.further,
            boundary_bytes: 2.0 * w.boundary_elements,
            boundary_gather: fabric.all_gather(Group { size: tensor, stride: 1.0 }, 2.0 * w.boundary_gather_elements),
            tied_bytes: 2.0 * w.tied_elements,
        }
    }
}

/// What jitter and stragglers cost: nothing in one box, the full factor from 1,024 accelerators on,
/// and an unknown beyond one box, which widens from 100 to 1,000 accelerators and beyond the largest
/// validated count.
pub(super) fn scale_cost(c: &Constants, accelerators: f64, node: f64) -> f64 {
    if accelerators <= node {
        return 1.0;
    }
    let full = (1024.0 / node).max(2.0).log2();
    let reach = ((accelerators / node).log2() / full).clamp(0.0, 1.0);
    let regime = 1.0 + WIDENING * (accelerators / 100.0).log10().clamp(0.0, 1.0);
    let doublings = (accelerators / LARGEST_VALIDATED).log2().max(0.0);
    (reach * c.scale_factor.ln() + regime * c.multi_node.ln() + doublings * c.beyond_validated.ln()).exp()
}

#[cfg(test)]
mod tests;
