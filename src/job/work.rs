//! What one accelerator computes and moves for one microbatch of one layer, under a layout.
//!
//! Layers are taken as their average over the job: a product that only some layers have counts with
//! their share. Nothing here is allocated, so that a search can make millions.

use super::{ContextExchange, Layout, Run, Transformer, memory};

/// Most forward products a layer has: five of low-rank attention, two each of a plain, a shared and
/// a routed feed-forward part.
pub const MAX_GEMMS: usize = 11;

/// `count` products C (m×n) = A (m×k) · B (k×n).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: f64,
    /// Columns of B and C.
    pub n: f64,
    /// Columns of A, rows of B.
    pub k: f64,
    /// Products run as one batch: experts on this rank.
    pub batch: f64,
    /// How often the batch occurs per layer; a fraction where only some layers have it.
    pub times: f64,
    /// Whether the tokens are routed to it, and so unevenly.
    pub routed: bool,
}

/// Which of the three products of a matrix: forward, gradient of the data, gradient of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// C = A·B.
    Forward,
    /// dA = dC·Bᵀ.
    Data,
    /// dB = Aᵀ·dC: the tokens are the summed extent.
    Weights,
}

impl Pass {
    /// All three.
    pub const ALL: [Pass; 3] = [Pass::Forward, Pass::Data, Pass::Weights];
}

impl Gemm {
    const NONE: Gemm = Gemm { m: 0.0, n: 0.0, k: 0.0, batch: 0.0, times: 0.0, routed: false };

    /// The product of this matrix in another pass.
    #[must_use]
    pub fn of(self, pass: Pass) -> Self {
        match pass {
            Pass::Forward => self,
            Pass::Data => Gemm { n: self.k, k: self.n, ..self },
            Pass::Weights => Gemm { m: self.k, k: self.m, ..self },
        }
    }

    /// Flop of the whole batch, once.
    pub fn flop(&self) -> f64 {
        2.0 * self.m * self.n * self.k * self.batch
    }

    /// Elements of A, B and C of the whole batch, once each.
    pub fn elements(&self) -> [f64; 3] {
        [self.m * self.k * self.batch, self.k * self.n * self.batch, self.m * self.n * self.batch]
    }
}

/// The work of one accelerator for one microbatch and one layer, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    gemms: [Gemm; MAX_GEMMS],
    used: usize,
    /// The output layer, on the last stage.
    pub logits: Gemm,
    /// Flop of the attention's scores and their product with the values, forward.
    pub attention_flop: f64,
    /// Bytes that the memory-bound operations read and write, forward, in 16 bits.
    pub elementwise_bytes: f64,
    /// Attention scores that are stored; none where attention is fused.
    pub scores: f64,
    /// The product that makes them, which has the flop of the one that uses them; the whole square.
    pub score_product: Gemm,
    /// Elements that tensor parallelism gathers or scatters at a time.
    pub tensor_elements: f64,
    /// Gathers, and as many scatters, over the tensor ranks, forward.
    pub tensor_times: f64,
    /// Elements that a rank sends in one exchange of tokens with the experts.
    pub expert_elements: f64,
    /// Copies of a token that are sent, and the most boxes they may stand in.
    pub expert_copies: f64,
    /// Boxes that the copies of one token may stand in; infinite where routing is not limited.
    pub expert_nodes: f64,
    /// Elements that the tensor ranks of an expert gather, and as many scatter, per layer, forward.
    pub expert_gather_elements: f64,
    /// Elements of tokens that are sorted by expert and back, each copy once.
    pub routing_elements: f64,
    /// Share of the layers that have experts.
    pub expert_share: f64,
    /// Exchanges forward: there and back, times the share of layers that have experts.
    pub expert_times: f64,
    /// Elements that a rank passes to the next of its context ring, all hops together, forward; or
    /// those that it exchanges to have whole sequences of fewer heads, and back.
    pub context_elements: f64,
    /// Elements sent to the next stage.
    pub boundary_elements: f64,
    /// Elements that the tensor ranks gather again of what each sent its share of.
    pub boundary_gather_elements: f64,
    /// Elements of the embedding's gradient that the first and the last stage sum, where they share it.
    pub tied_elements: f64,
    /// Layers on the most loaded stage.
    pub stage_layers: f64,
    /// Layers on the last stage.
    pub end_layers: f64,
    /// Layers of the job.
    pub all_layers: f64,
    /// Layers beyond them that predict further tokens, each with an output layer.
    pub further: f64,
    /// Parameters per accelerator that all replicas share.
    pub dense_params: f64,
    /// Parameters per accelerator of experts.
    pub expert_params: f64,
}

impl Work {
    /// The work of `job` under `layout`, which [`Layout::check`] accepted.
    pub fn new(job: &Transformer, run: &Run, layout: &Layout) -> Self {
        let t = f64::from(layout.tensor);
        let c = f64::from(layout.context);
        let h = f64::from(job.hidden);
        let (a, g) = (f64::from(job.heads), f64::from(job.kv_heads));
        let tokens = f64::from(layout.micro_batch) * run.sequence / c;
        let mut gemms = [Gemm::NONE; MAX_GEMMS];
        let mut used = 0;
        let mut push = |m: f64, n: f64, k: f64, batch: f64, times: f64, routed: bool| {
            if times > 0.0 {
                gemms[used] = Gemm { m, n, k, batch, times, routed };
                used += 1;
            }
        };
        let (dq, dk, dv) = (a * job.head(), g * job.head(), g * job.value_head());
        match &job.latent {
            None => push(tokens, (dq + dk + dv) / t, h, 1.0, 1.0, false),
            Some(l) => {
                let (q, kv, rope) = (f64::from(l.query_rank), f64::from(l.kv_rank), f64::from(l.rope_dim));
                let up = a * (f64::from(l.nope_dim) + f64::from(l.value_dim));
                // The low-rank projections are small and not split over the tensor ranks.
                push(tokens, q, h, 1.0, 1.0, false);
                push(tokens, dq / t, q, 1.0, 1.0, false);
                push(tokens, kv + rope, h, 1.0, 1.0, false);
                push(tokens, up / t, kv, 1.0, 1.0, false);
            }
        }
        push(tokens, h, a * job.value_head() / t, 1.0, 1.0, false);
        let inputs = if job.gated { 2.0 } else { 1.0 };
        let dense_share = job.dense_layers() / f64::from(job.layers);
        let expert_share = 1.0 - dense_share;
        let f = f64::from(job.ffn);
        push(tokens, inputs * f / t, h, 1.0, dense_share, false);
        push(tokens, h, f / t, 1.0, dense_share, false);
        let mut split = 6.0 * a * job.head() + dense_share * (2.0 + 2.0 * inputs) * f;
        let (mut expert_elements, mut routing_elements, mut expert_gather_elements) = (0.0, 0.0, 0.0);
        if let Some(e) = &job.experts {
            let (ep, etp) = (f64::from(layout.expert), f64::from(layout.expert_tensor));
            let (active, count) = (f64::from(e.active), f64::from(e.count));
            let (w, s) = (f64::from(e.width), f64::from(e.shared_width));
            // Tokens of the e·etp ranks together, each `active` times, over all experts.
            let per_expert = tokens / t * ep * etp * active / count;
            push(per_expert, inputs * w / etp, h, count / ep, expert_share, true);
            push(per_expert, h, w / etp, count / ep, expert_share, true);
            if s > 0.0 {
                push(tokens, inputs * s / t, h, 1.0, expert_share, false);
                push(tokens, h, s / t, 1.0, expert_share, false);
            }
            split += expert_share * (2.0 + 2.0 * inputs) * (active * w + s);
            routing_elements = expert_share * tokens / t * active * h;
            expert_elements = tokens / t * h * active;
            if etp > 1.0 {
                expert_gather_elements = expert_share * expert_elements * etp;
            }
        }
        let whole = 22.0 * h / if layout.sequence_parallel { t } else { 1.0 };
        let sizes = memory::Sizes::new(job);
        let (dense_params, expert_params) = sizes.params(layout);
        let routed = job.experts.as_ref();
        let early = run.stack.early();
        Work {
            gemms,
            used,
            logits: Gemm { m: tokens, n: f64::from(job.vocab) / t, k: h, batch: 1.0, times: 1.0, routed: false },
            attention_flop: tokens * job.attention_core_flop(run) / t,
            scores: if early { a / t * tokens * run.sequence } else { 0.0 },
            score_product: Gemm {
                m: run.sequence / c,
                n: run.sequence,
                k: 0.5 * (job.head() + job.value_head()),
                batch: a / t * f64::from(layout.micro_batch),
                times: 1.0,
                routed: false,
            },
            elementwise_bytes: tokens * (whole + split / t),
            tensor_elements: tokens * h,
            tensor_times: 1.0 + if job.experts.is_some() { dense_share } else { 1.0 },
            expert_elements,
            expert_copies: routed.map_or(0.0, |e| f64::from(e.active)),
            expert_nodes: routed.and_then(|e| e.node_limit).map_or(f64::INFINITY, f64::from),
            expert_gather_elements,
            routing_elements,
            expert_share,
            expert_times: 2.0 * expert_share,
            context_elements: match layout.context_exchange {
                ContextExchange::Ring => (c - 1.0) * tokens * (dk + dv) / t,
                ContextExchange::AllToAll => tokens * (dq + dk + dv + a * job.value_head()) / t,
            },
            // Every tensor rank holds the same: each sends its share and gathers the others' inside the box
            // (arXiv 2104.04473, section 4.1), as DeepSpeed's pipeline does too.
            boundary_elements: tokens * h / if layout.sequence_parallel || early { t } else { 1.0 },
            boundary_gather_elements: if early && !layout.sequence_parallel && t > 1.0 { tokens * h } else { 0.0 },
            tied_elements: if job.tied { f64::from(job.vocab) * h / t } else { 0.0 },
            stage_layers: sizes.stage_layers(layout),
            end_layers: sizes.end_layers(layout),
            all_layers: sizes.layers(),
            further: f64::from(job.further_tokens),
            dense_params,
            expert_params,
        }
    }

    /// The forward products of one layer.
    pub fn gemms(&self) -> &[Gemm] {
        &self.gemms[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stack;
    use super::super::layout::tests::LAYOUT;
    use super::super::transformer::tests::{gpt, grok};
    use super::*;

    const RUN: Run = Run { sequence: 8192.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };

    /// All products, attention and logits of a step, over all ranks: the model flop again.
    fn step_flop(job: &Transformer, layout: &Layout) -> f64 {
        let work = Work::new(job, &RUN, layout);
        let layer: f64 = work.gemms().iter().map(|g| g.flop() * g.times).sum::<f64>() + work.attention_flop;
        let stages = f64::from(layout.pipeline);
        let per_rank = layer * work.stage_layers * stages + work.logits.flop();
        let ranks = f64::from(layout.tensor * layout.context * layout.data);
        3.0 * per_rank * ranks * layout.microbatches(&RUN)
    }

    #[test]
    fn the_products_of_all_ranks_are_the_model_flop_for_any_layout() {
        for job in [gpt(96, 12_288, 96), grok()] {
            for layout in [
                LAYOUT,
                Layout { expert: 1, ..LAYOUT },
                Layout { tensor: 2, context: 4, expert: 4, expert_tensor: 2, ..LAYOUT },
            ] {
                let router = job.experts.as_ref().map_or(0.0, |e| {
                    3.0 * 2.0 * f64::from(e.count * job.hidden * job.layers) * RUN.batch * RUN.sequence
                });
                let ratio = (step_flop(&job, &layout) + router) / job.step_flop(&RUN);
                assert!((ratio - 1.0).abs() < 1e-9, "{layout}: {ratio}");
            }
        }
    }

    #[test]
    fn the_three_passes_have_the_same_flop_and_elements() {
        let gemm = Gemm { m: 3.0, n: 5.0, k: 7.0, batch: 2.0, times: 1.0, routed: false };
        for pass in Pass::ALL {
            assert_eq!(gemm.of(pass).flop(), gemm.flop());
            let elements = |g: Gemm| g.elements().iter().sum::<f64>();
            assert_eq!(elements(gemm.of(pass)), elements(gemm));
        }
        assert_eq!(gemm.of(Pass::Weights).k, 3.0);
    }
}
