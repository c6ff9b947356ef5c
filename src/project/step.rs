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
/// Those of them that are bound by memory, each with its own start and end; and what fusing leaves.
const SMALL_KERNELS: f64 = 14.0;
const FUSED_KERNELS: f64 = 6.0;

/// A job under a layout, made ready so that a draw of the constants costs no search and no memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepModel {
    work: Work,
    layout: Layout,
    microbatches: f64,
    layers: f64,
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
            layers: f64::from(job.layers),
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
        let (w, l) = (&self.work, &self.layout);
        let fabric = machine.fabric(c);
        let (t, p, v) = (f64::from(l.tensor), f64::from(l.pipeline), f64::from(l.virtual_stages));
        let cp = f64::from(l.context);

        // Compute of one layer, forward and backward.
        let rate = machine.rate(c) * transfer;
        let rate16 = machine.rate16(c) * transfer;
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
        forward += scores + elementwise;
        let scores_again = match (self.stack, l.recompute) {
            // Stored scores: twice the forward pass, and once more where they are computed again.
            (Stack::Early, Recompute::Selective) => 3.0,
            (Stack::Early, _) => 2.0,
            // Fused attention computes the scores again in any case.
            _ => 2.5,
        };
        backward += scores_again * scores + 2.0 * elementwise;
        // The host issues kernels one by one.
        let launch = match self.stack {
            Stack::Early => c.launch_early,
            Stack::Eager => c.launch_eager,
            Stack::Fused => c.launch,
        };
        let kernels = KERNELS * launch;
        let again = match l.recompute {
            Recompute::None | Recompute::Selective => 0.0,
            Recompute::Half => 0.5,
            Recompute::Full => 1.0,
        };
        let backward = backward + again * forward;

        // Communication of one layer.
        let tensor_group = Group { size: t, stride: 1.0 };
        let one = fabric.all_gather(tensor_group, 2.0 * w.tensor_elements);
        // Gathers and scatters forward; the same backward, and the inputs gathered again.
        let exposed = if self.stack == Stack::Fused { c.tensor_exposed } else { 1.0 };
        // The inputs that sequence parallelism scattered are gathered once more.
        let regather = if l.sequence_parallel { 1.0 } else { 0.0 };
        let tensor = exposed * w.tensor_times * (2.0 + 2.0 + regather + 2.0 * again) * one;
        let expert_group = Group { size: f64::from(l.expert), stride: f64::from(l.expert_tensor) };
        let exchange = fabric.all_to_all(expert_group, 2.0 * w.expert_elements * c.expert_imbalance);
        let expert = c.expert_exposed * w.expert_times * 2.0 * exchange;
        let hop = if cp > 1.0 { fabric.send(t, 2.0 * w.context_elements / (cp - 1.0)) } else { 0.0 };
        let context = 3.0 * (cp - 1.0) * (hop - scores / cp).max(0.0);

        let layers = w.stage_layers;
        let output = Pass::ALL.iter().map(|pass| machine.product(&w.logits.of(*pass), rate16, 2.0, c)).sum::<f64>();
        let moved = tensor + expert + context;
        // Where the host cannot issue kernels as fast as they run, it is what one waits for.
        let layer = (forward + backward).max((3.0 + again) * kernels - moved);
        let compute = layers * layer + output;
        let per_microbatch = compute + layers * moved;

        // Pipeline.
        let m = if l.virtual_stages > 1 { (self.microbatches / p).ceil() * p } else { self.microbatches };
        let boundary = if p > 1.0 { fabric.send(t * cp * f64::from(l.data), 2.0 * w.boundary_elements) } else { 0.0 };
        let bubble = (p - 1.0) / v * per_microbatch + 2.0 * (p - 1.0) * v.min(2.0) * boundary;
        // Sends that nothing hides, forward and backward, at every boundary of every microbatch.
        let sends = if self.stack == Stack::Early { 2.0 * v * m * boundary } else { 0.0 };

        // Gradients and parameters over the replicas.
        let replicas = f64::from(l.data) * cp;
        let dense = Group { size: replicas, stride: t };
        let experts =
            Group { size: memory::expert_replicas(l), stride: f64::from(l.expert) * f64::from(l.expert_tensor) };
        let gather = fabric.all_gather(dense, 2.0 * w.dense_params) + fabric.all_gather(experts, 2.0 * w.expert_params);
        // 16-bit gradients, but for Megatron-Core, which sums them in 32.
        let gradient = if self.stack == Stack::Fused && l.zero < 3 { 4.0 } else { 2.0 };
        let reduce = fabric.all_gather(dense, gradient * w.dense_params)
            + fabric.all_gather(experts, gradient * w.expert_params);
        let kappa = c.overlap_slowdown - 1.0;
        let overlap = if self.stack == Stack::Early { 0.0 } else { c.data_overlap };
        let hidden = |moved: f64, window: f64, least: f64| {
            least.max(moved - overlap * window) + kappa * moved.min(overlap * window)
        };
        let data = if l.zero == 3 {
            // Gathered for both passes and reduced, each microbatch, beside the computation; what
            // waits in any case is the first gather and the last reduction.
            let moved = 2.0 * gather + reduce;
            m * hidden(moved, per_microbatch, moved / (2.0 * layers))
        } else {
            let window = 1.0 - 1.0 / layers.max(1.0);
            hidden(reduce, layers * backward * window, reduce / layers)
                + hidden(gather, layers * forward * window, gather / layers)
        };

        let shard = |params: f64, replicas: f64| params / if l.zero >= 1 { replicas } else { 1.0 };
        let optimizer = c.optimizer_bytes
            * (shard(w.dense_params, replicas) + shard(w.expert_params, memory::expert_replicas(l)))
            / bandwidth;

        let sum = m * per_microbatch + bubble + sends + data + optimizer + c.step_fixed;
        let total = sum * scale_cost(c, l.accelerators() as f64, machine.node);
        Step {
            total,
            compute: m * compute,
            tensor: m * layers * (tensor + context),
            expert: m * layers * expert,
            bubble: bubble + sends,
            data,
            optimizer: optimizer + c.step_fixed,
            scale: total - sum,
        }
    }

    /// Layers of the job over layers that the busiest stage would have to itself: 1 where even.
    pub fn unevenness(&self) -> f64 {
        self.work.stage_layers * f64::from(self.layout.pipeline) / self.layers
    }
}

/// What jitter and stragglers cost: nothing in one box, the full factor from 1,024 accelerators on,
/// and an unknown that widens beyond one box, beyond 3,072 and beyond the largest validated count.
fn scale_cost(c: &Constants, accelerators: f64, node: f64) -> f64 {
    if accelerators <= node {
        return 1.0;
    }
    let full = (1024.0 / node).max(2.0).log2();
    let reach = ((accelerators / node).log2() / full).clamp(0.0, 1.0);
    let regime = if accelerators > 3_072.0 { 1.6 } else { 1.0 };
    let doublings = (accelerators / LARGEST_VALIDATED).log2().max(0.0);
    c.scale_factor.powf(reach) * c.multi_node.powf(regime) * c.beyond_validated.powf(doublings)
}
