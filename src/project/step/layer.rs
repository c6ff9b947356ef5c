//! One layer's work and waits, put together to a step.

use super::{Step, TENSORS};
use crate::cluster::Fabric;
use crate::cluster::collective::Group;
use crate::job::{ContextExchange, Layout, Recompute, Schedule, Stack, memory};
use crate::project::constants::Constants;
use crate::project::sweep::cubic_max;

/// Seconds that one accelerator computes for one layer and one microbatch, and what bounds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Computing {
    pub(super) forward: f64,
    pub(super) backward: f64,
    /// The gradients of the weights in `backward`: what a schedule may put off.
    pub(super) weights: f64,
    /// Adding a microbatch's gradients to those before it.
    pub(super) accumulate: f64,
    /// Attention's share of `forward`.
    pub(super) scores: f64,
    /// Host time of the forward kernels.
    pub(super) kernels: f64,
    /// The output layer, all passes.
    pub(super) output: f64,
    /// Bytes per second of memory-bound operations.
    pub(super) bandwidth: f64,
    /// Bytes per second to the host.
    pub(super) host_link: f64,
}

/// Seconds of one layer and one microbatch on one accelerator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    pub(super) stack: Stack,
    pub(super) computing: Computing,
    /// One gather or scatter over the tensor ranks, for each of the two blocks, as far as it waits.
    pub(super) gather: f64,
    /// Exchanges with experts, both ways and passes.
    pub(super) expert: f64,
    /// Exchanges of the context ranks that wait.
    pub(super) context: f64,
    /// Layers beyond the job's own, each with an output layer.
    pub(super) further: f64,
    pub(super) boundary_bytes: f64,
    /// Gathering what arrived from the stage before over the tensor ranks.
    pub(super) boundary_gather: f64,
    pub(super) tied_bytes: f64,
}

/// What the most loaded stage has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Layers.
    pub layers: f64,
    /// Layers of the last stage.
    pub end_layers: f64,
    /// Layers of the job.
    pub all_layers: f64,
    /// Bytes of activations that one layer keeps of one microbatch.
    pub activations: f64,
    /// Parameters per accelerator that all replicas share.
    pub dense_params: f64,
    /// Parameters per accelerator of experts.
    pub expert_params: f64,
}

impl Layer {
    /// What of it no network changes.
    pub fn computing(&self) -> &Computing {
        &self.computing
    }

    /// The same communication beside another computation.
    #[must_use]
    pub fn with(self, computing: Computing) -> Layer {
        Layer { computing, ..self }
    }

    /// Whether another layer communicates as long.
    pub fn communicates_like(&self, other: &Layer) -> bool {
        other.with(self.computing) == *self
    }

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
        self.step_within(f64::INFINITY, l, microbatches, stage, fabric, c, scale)
            .expect("no step takes longer than infinitely long")
    }

    /// [`Layer::step`]; `None`, without a look at what is exchanged over replicas, where already the rest of it takes
    /// longer than `at_most` seconds.
    #[expect(clippy::too_many_arguments, reason = "those of `step`")]
    pub fn step_within(
        &self,
        at_most: f64,
        l: &Layout,
        microbatches: f64,
        stage: &Stage,
        fabric: &Fabric,
        c: &Constants,
        scale: f64,
    ) -> Option<Step> {
        let (t, p, v) = (f64::from(l.tensor), f64::from(l.pipeline), f64::from(l.virtual_stages));
        let layers = stage.layers;
        let again = match l.recompute {
            Recompute::None | Recompute::Selective => 0.0,
            Recompute::Half => 0.5,
            Recompute::Full => 1.0,
        };
        let scores_again = if self.stack.early() && l.recompute == Recompute::Selective { 1.0 } else { 0.0 };
        let backward = self.computing.backward
            + again * self.computing.forward
            + scores_again * self.computing.scores
            + self.computing.accumulate * (1.0 - 1.0 / microbatches.max(1.0));
        // Gathers and scatters forward, the same backward; what sequence parallelism scattered is
        // gathered once more, what is recomputed communicates again.
        let regather = if l.sequence_parallel { 1.0 } else { 0.0 };
        let kappa = c.overlap_slowdown - 1.0;
        let backward_gathers = (2.0 + regather) * self.gather;
        let tensor = (2.0 + 2.0 * again) * self.gather
            + if self.stack == Stack::EarlyOverlapped {
                (backward_gathers - self.computing.weights).max(0.0)
                    + kappa * backward_gathers.min(self.computing.weights)
            } else {
                backward_gathers
            };
        // Half of the exchanges are forward; of the rings' hops a third, of all-to-alls over a sequence half.
        let exchanged = (1.0 + 0.5 * again) * self.expert;
        let context = match l.context_exchange {
            ContextExchange::Ring => (1.0 + again / 3.0) * self.context,
            ContextExchange::AllToAll => (1.0 + 0.5 * again) * self.context,
        };
        let expert = if l.schedule == Schedule::DualPipe {
            // A forward and a backward pass of two microbatches run beside each other's exchanges.
            let beside = self.computing.forward + backward;
            (exchanged - beside).max(0.0) + kappa * exchanged.min(beside)
        } else {
            c.expert_exposed * exchanged
        };
        // What the host keeps goes out behind the forward pass and comes back behind the backward one.
        let travel = if l.offload.activations() { stage.activations / self.computing.host_link } else { 0.0 };
        let fetched = (travel - self.computing.forward).max(0.0) + (travel - backward).max(0.0);
        let moved = tensor + expert + context + fetched;
        // Where the host cannot issue kernels as fast as they run, it is what one waits for.
        // Neither is the quicker all the time, so that the sum of cubes stands for the larger.
        let issue = ((3.0 + again) * self.computing.kernels - moved).max(0.0);
        let layer = cubic_max(self.computing.forward + backward, issue);
        // The last stage has the output layer, and perhaps fewer layers.
        let whole = layer + moved;
        let ends = self.further * whole + (1.0 + self.further) * self.computing.output;
        let last = stage.end_layers * whole + ends;
        let per_microbatch = if p > 1.0 { last.max(layers * whole) } else { last };
        let waits = moved * per_microbatch / whole.max(f64::MIN_POSITIVE);
        let compute = per_microbatch - if waits.is_finite() { waits.min(per_microbatch) } else { 0.0 };

        // Pipeline.
        let m = if l.virtual_stages > 1 { (microbatches / p).ceil() * p } else { microbatches };
        let boundary =
            if p > 1.0 { fabric.send(t * l.replicas(), self.boundary_bytes) + self.boundary_gather } else { 0.0 };
        let others = (stage.all_layers * whole + ends - per_microbatch).max(0.0);
        let put_off = layers * self.computing.weights;
        let waiting = match l.schedule {
            Schedule::Alternating => others / v,
            Schedule::ZeroBubble => (others - 2.0 * (p - 1.0) * put_off).max(0.0),
            Schedule::DualPipe => {
                // What waits in a pass is as long as the pass; the exchanges with experts are beside them.
                let passes = self.computing.forward + backward;
                let waits = 1.0 + (moved - expert) / passes.max(f64::MIN_POSITIVE);
                let (f, b) = (layers * waits * self.computing.forward, layers * waits * backward);
                (0.5 * p - 1.0).max(0.0) * (f + 2.0 * b - 3.0 * put_off).max(0.0)
            }
        };
        let bubble = waiting + 2.0 * (p - 1.0) * v.min(2.0) * boundary;
        // Sends at every boundary of every microbatch, forward and backward; interleaved schedules hide
        // them as far as communication is hidden at all, plain ones and early stacks do not.
        let sends = match self.stack {
            Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed => 2.0 * v * m * boundary,
            _ if v > 1.0 => 2.0 * (v - 1.0) * m * boundary * (1.0 - c.data_overlap).max(0.0),
            _ => 2.0 * m * boundary,
        };

        let before_replicas = m * per_microbatch + bubble + sends;
        if before_replicas * scale > at_most {
            return None;
        }

        // Gradients and parameters over the replicas; 16-bit gradients, but for Megatron-Core, which
        // sums them in 32.
        let (all, sharded) = (memory::replicas(l), memory::sharded_over(l));
        let (all_experts, sharded_experts) = (memory::expert_replicas(l), memory::expert_sharded_over(l));
        let apart = f64::from(l.expert) * f64::from(l.expert_tensor);
        let dense = Group { size: sharded, stride: t };
        let experts = Group { size: sharded_experts, stride: apart };
        let gradient = if self.stack == Stack::Fused && l.zero < 3 { 4.0 } else { 2.0 };
        let over = |bytes: f64| {
            fabric.all_gather(dense, bytes * stage.dense_params)
                + fabric.all_gather(experts, bytes * stage.expert_params)
        };
        // Whole copies of the sharded state sum their shards once a step.
        let copies = fabric
            .all_reduce(Group { size: all / sharded, stride: t * sharded }, gradient * stage.dense_params / sharded)
            + fabric.all_reduce(
                Group { size: all_experts / sharded_experts, stride: apart * sharded_experts },
                gradient * stage.expert_params / sharded_experts,
            );
        let overlap = if self.stack.early() { 0.0 } else { c.data_overlap };
        let hidden = |moved: f64, window: f64, least: f64| {
            least.max(moved - overlap * window) + kappa * moved.min(overlap * window)
        };
        // Layers' passes that are still to come when the first gradients are whole. With interleaved
        // parts the last part is done with all microbatches while those of the first p are still to
        // pass the others.
        let window = (layers - 1.0).max(layers * (1.0 - 1.0 / v) * m.min(p));
        let data = match l.zero {
            // One all-reduce, bucket by bucket behind the backward pass.
            0 => {
                let reduce = fabric.all_reduce(dense, gradient * stage.dense_params)
                    + fabric.all_reduce(experts, gradient * stage.expert_params);
                hidden(reduce, backward * window, reduce / layers)
            }
            3 => {
                // Gathered for both passes and reduced, each microbatch, beside the computation; what
                // waits in any case is the first gather and the last reduction.
                // Each layer starts its own; before 2023 each tensor of it, by a ring over all ranks.
                let starts = match self.stack {
                    Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed => {
                        TENSORS * (fabric.start() + (sharded - 1.0) * fabric.out.latency)
                    }
                    _ => fabric.all_gather(dense, 1.0),
                };
                let moved = 2.0 * over(2.0) + over(gradient) + 3.0 * layers * starts;
                m * hidden(moved, per_microbatch, moved / (2.0 * layers))
                    + hidden(copies, backward * window, copies / layers)
            }
            _ => {
                let (gather, reduce) = (over(2.0), over(gradient));
                // Gradients that are sharded are reduced after every microbatch.
                let times = if l.zero == 2 { m } else { 1.0 };
                times * hidden(reduce, backward * window, reduce / layers)
                    + hidden(gather, self.computing.forward * window, gather / layers)
                    + hidden(copies, backward * window, copies / layers)
            }
        };
        // The first and the last stage sum the gradient of the embedding that they share.
        let tied = if p > 1.0 && self.tied_bytes > 0.0 {
            2.0 * fabric.send(t * l.replicas() * (p - 1.0), 0.5 * gradient * self.tied_bytes)
        } else {
            0.0
        };

        let shard = |params: f64, replicas: f64| params / if l.zero >= 1 { replicas } else { 1.0 };
        let params = shard(stage.dense_params, sharded) + shard(stage.expert_params, sharded_experts);
        let updated = if l.offload.optimizer() {
            // 16-bit gradients out, 16-bit parameters back, the update in the host's own memory.
            params * (4.0 / self.computing.host_link + c.optimizer_bytes / c.host_memory)
        } else {
            c.optimizer_bytes * params / self.computing.bandwidth
        };
        let optimizer = updated + c.step_fixed;
        let data = data + tied;
        let sum = before_replicas + data + optimizer;
        let share = |part: f64| m * waits * part / moved.max(f64::MIN_POSITIVE);
        Some(Step {
            total: sum * scale,
            compute: m * compute,
            tensor: share(tensor + context + fetched),
            expert: share(expert),
            bubble: bubble + sends,
            data,
            optimizer,
            scale: sum * (scale - 1.0),
        })
    }
}
