//! Time of one optimizer step, by closed form.
//!
//! A microbatch passes `p` stages; each stage computes its layers (matrix products at a measured
//! share of the peak, attention, memory-bound operations) and waits for what communication nothing
//! hides. 1F1B and interleaved pipelines: T = m·t + (p−1)/v·t (arXiv 2104.04473). Gradients are
//! reduced over the replicas behind the last backward pass as far as it reaches.

use super::LARGEST_VALIDATED;
use super::constants::Constants;
use super::machine::Machine;
use crate::calibrate::Curve;
use crate::cluster::Fabric;
use crate::cluster::collective::Group;
use crate::job::{Layout, MAX_GEMMS, Pass, Recompute, Run, Stack, Transformer, Work, memory};

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
/// Dense 16-bit peak above which an accelerator's matrix units are fed asynchronously (H100 on), flop/s.
const ASYNCHRONOUS: f64 = 500e12;
/// Those of them that are bound by memory, each with its own start and end; and what fusing leaves.
const SMALL_KERNELS: f64 = 14.0;
const FUSED_KERNELS: f64 = 6.0;

/// A job under a layout, made ready so that a draw of the constants costs no search and no memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepModel {
    work: Work,
    layout: Layout,
    microbatches: f64,
    stack: Stack,
    /// Efficiency of each product and pass over the best one, by the transferred curve; 1 without.
    shape: [[f64; 3]; MAX_GEMMS],
    held: memory::Held,
}

impl StepModel {
    /// The model of `job` under `layout`, which was checked. With a `curve` and the rate of its
    /// ceiling, the *shape* of that curve bends the rate of each product: a product is looked up at
    /// the size that would take the measured adapter as long at its ceiling as the accelerator at
    /// its own, so extents scale with the cube root of the rates.
    pub fn new(job: &Transformer, run: &Run, layout: &Layout, machine: &Machine, curve: Option<(&Curve, f64)>) -> Self {
        let work = Work::new(job, run, layout);
        let mut shape = [[1.0; 3]; MAX_GEMMS];
        if let Some((curve, rate)) = curve {
            let scale = (rate / machine.achieved.unwrap_or(machine.peak)).cbrt();
            for (gemm, row) in work.gemms().iter().zip(&mut shape) {
                for (pass, cell) in Pass::ALL.into_iter().zip(row) {
                    let g = gemm.of(pass);
                    *cell = curve.at(g.m * scale, g.n * scale, g.k * scale).min(1.0);
                }
            }
        }
        StepModel {
            work,
            layout: *layout,
            microbatches: layout.microbatches(run),
            stack: run.stack,
            shape,
            held: memory::held(job, run, layout),
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
            dense_params: self.work.dense_params,
            expert_params: self.work.expert_params,
        };
        let scale = scale_cost(c, self.layout.accelerators() as f64, machine.node);
        layer.step(&self.layout, self.microbatches, &stage, fabric, c, scale)
    }

    /// One layer under one draw of the constants: all that does not depend on stages, replicas,
    /// recomputation and sharding.
    pub fn layer(&self, machine: &Machine, fabric: &Fabric, c: &Constants, transfer: f64) -> Layer {
        let (w, l) = (&self.work, &self.layout);
        let cp = f64::from(l.context);
        let recent = self.stack == Stack::Eager && machine.peak16 > ASYNCHRONOUS;
        let kernels = transfer * if recent { c.eager_recent } else { 1.0 };
        let rate = machine.rate(c) * kernels;
        let rate16 = machine.rate16(c) * kernels;
        let (efficiency, attention) = match self.stack {
            Stack::Early => (c.memory_efficiency_early, 1.0),
            Stack::Eager => (c.memory_efficiency_eager, c.attention_eager),
            Stack::Fused => (c.memory_efficiency, c.attention),
        };
        let bandwidth = machine.memory_bandwidth * efficiency;
        let (mut forward, mut backward) = (0.0, 0.0);
        for (gemm, shape) in w.gemms().iter().zip(&self.shape) {
            let routed = if gemm.routed { c.expert_rate / c.expert_imbalance } else { 1.0 };
            let pass = |pass: Pass, shape: f64| {
                gemm.times * machine.product(&gemm.of(pass), rate * shape * routed, machine.operand, c)
            };
            forward += pass(Pass::Forward, shape[0]);
            backward += pass(Pass::Data, shape[1]) + pass(Pass::Weights, shape[2]);
        }
        let scores = w.attention_flop / (rate16 * attention) + w.score_bytes / bandwidth;
        let routing = w.routing_elements * c.routing_bytes / bandwidth + w.expert_share * c.routing;
        let small = if self.stack == Stack::Fused { FUSED_KERNELS } else { SMALL_KERNELS } * c.gemm_overhead;
        let elementwise = w.elementwise_bytes / bandwidth + routing + small;
        // Stored scores take twice the forward pass backward; fused attention computes them again.
        let scores_back = if self.stack == Stack::Early { 2.0 } else { 2.5 };
        // The host issues kernels one by one.
        let launch = match self.stack {
            Stack::Early => c.launch_early,
            Stack::Eager => c.launch_eager,
            Stack::Fused => c.launch,
        };
        let exchange_group = Group { size: f64::from(l.expert), stride: f64::from(l.expert_tensor) };
        let exchange = fabric.all_to_all(exchange_group, 2.0 * w.expert_elements * c.expert_imbalance);
        let hop = if cp > 1.0 { fabric.send(f64::from(l.tensor), 2.0 * w.context_elements / (cp - 1.0)) } else { 0.0 };
        Layer {
            stack: self.stack,
            forward: forward + scores + elementwise,
            backward: backward + scores_back * scores + 2.0 * elementwise,
            scores,
            kernels: KERNELS * launch,
            gather: fabric.all_gather(Group { size: f64::from(l.tensor), stride: 1.0 }, 2.0 * w.tensor_elements)
                * w.tensor_times
                * if self.stack == Stack::Fused { c.tensor_exposed } else { 1.0 },
            expert: c.expert_exposed * w.expert_times * 2.0 * exchange,
            // Each hop starts anew; its bytes hide behind one block of attention.
            context: 3.0 * (cp - 1.0) * (c.collective_base + (hop - scores / cp).max(0.0)),
            output: Pass::ALL.iter().map(|pass| machine.product(&w.logits.of(*pass), rate16, 2.0, c)).sum(),
            boundary_bytes: 2.0 * w.boundary_elements,
            bandwidth,
        }
    }
}

/// Seconds of one layer and one microbatch on one accelerator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    stack: Stack,
    forward: f64,
    backward: f64,
    /// Attention's share of `forward`.
    scores: f64,
    /// Host time of the forward kernels.
    kernels: f64,
    /// One gather or scatter over the tensor ranks, for each of the two blocks, as far as it waits.
    gather: f64,
    /// Exchanges with experts, both ways and passes, as far as they wait.
    expert: f64,
    /// Hops of the context ring that wait.
    context: f64,
    /// The output layer, all passes.
    output: f64,
    boundary_bytes: f64,
    /// Bytes per second of memory-bound operations.
    bandwidth: f64,
}

/// What the most loaded stage has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Layers.
    pub layers: f64,
    /// Parameters per accelerator that all replicas share.
    pub dense_params: f64,
    /// Parameters per accelerator of experts.
    pub expert_params: f64,
}

impl Layer {
    /// The step of a layout that this layer was made for, with any stages, replicas, recomputation and
    /// sharding; `scale` is [`scale_cost`].
    pub fn step(
        &self,
        l: &Layout,
        microbatches: f64,
        stage: &Stage,
        fabric: &Fabric,
        c: &Constants,
        scale: f64,
    ) -> Step {
        let (t, p, v) = (f64::from(l.tensor), f64::from(l.pipeline), f64::from(l.virtual_stages));
        let (cp, layers) = (f64::from(l.context), stage.layers);
        let again = match l.recompute {
            Recompute::None | Recompute::Selective => 0.0,
            Recompute::Half => 0.5,
            Recompute::Full => 1.0,
        };
        let scores_again = if self.stack == Stack::Early && l.recompute == Recompute::Selective { 1.0 } else { 0.0 };
        let backward = self.backward + again * self.forward + scores_again * self.scores;
        // Gathers and scatters forward, the same backward; what sequence parallelism scattered is
        // gathered once more, what is recomputed communicates again.
        let regather = if l.sequence_parallel { 1.0 } else { 0.0 };
        let tensor = (4.0 + regather + 2.0 * again) * self.gather;
        let moved = tensor + self.expert + self.context;
        // Where the host cannot issue kernels as fast as they run, it is what one waits for.
        let layer = (self.forward + backward).max((3.0 + again) * self.kernels - moved);
        let compute = layers * layer + self.output;
        let per_microbatch = compute + layers * moved;

        // Pipeline.
        let m = if l.virtual_stages > 1 { (microbatches / p).ceil() * p } else { microbatches };
        let boundary = if p > 1.0 { fabric.send(t * cp * f64::from(l.data), self.boundary_bytes) } else { 0.0 };
        let bubble = (p - 1.0) / v * per_microbatch + 2.0 * (p - 1.0) * v.min(2.0) * boundary;
        // Sends at every boundary of every microbatch, forward and backward; what interleaving adds
        // to them is hidden as far as communication is.
        let sends = match self.stack {
            Stack::Early => 2.0 * v * m * boundary,
            _ => 2.0 * (v - 1.0) * m * boundary * (1.0 - c.data_overlap).max(0.0),
        };

        // Gradients and parameters over the replicas; 16-bit gradients, but for Megatron-Core, which
        // sums them in 32.
        let replicas = f64::from(l.data) * cp;
        let expert_replicas = memory::expert_replicas(l);
        let dense = Group { size: replicas, stride: t };
        let experts = Group { size: expert_replicas, stride: f64::from(l.expert) * f64::from(l.expert_tensor) };
        let gradient = if self.stack == Stack::Fused && l.zero < 3 { 4.0 } else { 2.0 };
        let over = |bytes: f64| {
            fabric.all_gather(dense, bytes * stage.dense_params)
                + fabric.all_gather(experts, bytes * stage.expert_params)
        };
        let (gather, reduce) = (over(2.0), over(gradient));
        let kappa = c.overlap_slowdown - 1.0;
        let overlap = if self.stack == Stack::Early { 0.0 } else { c.data_overlap };
        let hidden = |moved: f64, window: f64, least: f64| {
            least.max(moved - overlap * window) + kappa * moved.min(overlap * window)
        };
        let data = if l.zero == 3 {
            // Gathered for both passes and reduced, each microbatch, beside the computation; what
            // waits in any case is the first gather and the last reduction.
            // Each layer starts its own; before 2023 each tensor of it, by a ring over all ranks.
            let starts = match self.stack {
                Stack::Early => TENSORS * (c.collective_base + (replicas - 1.0) * fabric.out.latency),
                _ => fabric.all_gather(dense, 1.0),
            };
            let moved = 2.0 * gather + reduce + 3.0 * layers * starts;
            m * hidden(moved, per_microbatch, moved / (2.0 * layers))
        } else {
            let window = layers - 1.0;
            // Gradients that are sharded are reduced after every microbatch.
            let times = if l.zero == 2 { m } else { 1.0 };
            times * hidden(reduce, backward * window, reduce / layers)
                + hidden(gather, self.forward * window, gather / layers)
        };

        let shard = |params: f64, replicas: f64| params / if l.zero >= 1 { replicas } else { 1.0 };
        let optimizer = c.optimizer_bytes
            * (shard(stage.dense_params, replicas) + shard(stage.expert_params, expert_replicas))
            / self.bandwidth
            + c.step_fixed;
        let sum = m * per_microbatch + bubble + sends + data + optimizer;
        Step {
            total: sum * scale,
            compute: m * compute,
            tensor: m * layers * (tensor + self.context),
            expert: m * layers * self.expert,
            bubble: bubble + sends,
            data,
            optimizer,
            scale: sum * (scale - 1.0),
        }
    }
}

/// What jitter and stragglers cost: nothing in one box, the full factor from 1,024 accelerators on,
/// and an unknown that widens beyond one box, beyond 3,072 and beyond the largest validated count.
pub(super) fn scale_cost(c: &Constants, accelerators: f64, node: f64) -> f64 {
    if accelerators <= node {
        return 1.0;
    }
    let full = (1024.0 / node).max(2.0).log2();
    let reach = ((accelerators / node).log2() / full).clamp(0.0, 1.0);
    let regime = if accelerators > 3_072.0 { 1.2 } else { 1.0 };
    let doublings = (accelerators / LARGEST_VALIDATED).log2().max(0.0);
    c.scale_factor.powf(reach) * c.multi_node.powf(regime) * c.beyond_validated.powf(doublings)
}
