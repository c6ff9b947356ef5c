//! Bytes per accelerator on the most loaded pipeline stage (arXiv 2205.05198 for activations,
//! arXiv 1910.02054 for state sharding).

use super::{Layout, Recompute, Run, Stack, Transformer};

/// What is held, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Parameters, gradients and optimizer state.
    pub state: f64,
    /// Activations kept for the backward pass.
    pub activations: f64,
    /// Logits and their gradient on the stage that has the output layer.
    pub logits: f64,
}

impl Held {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.state + self.activations + self.logits
    }
}

/// Parameter counts of a job, summed once: a search asks for them millions of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    layers: u32,
    /// Everything in all layers that is no routed expert.
    dense: f64,
    /// All routed experts.
    experts: f64,
    /// Embedding and output layer, and the embedding alone.
    embedding: f64,
    table: f64,
    vocab: f64,
}

impl Sizes {
    /// The sums of `job`.
    pub fn new(job: &Transformer) -> Self {
        Sizes {
            layers: job.layers,
            dense: f64::from(job.layers) * job.attention_params()
                + job.dense_layers() * job.ffn_params()
                + job.expert_layers() * job.shared_params(),
            experts: job
                .experts
                .as_ref()
                .map_or(0.0, |e| job.expert_layers() * f64::from(e.count) * job.expert_params()),
            embedding: job.embedding_params(),
            table: f64::from(job.vocab) * f64::from(job.hidden),
            vocab: f64::from(job.vocab),
        }
    }

    /// Layers on the most loaded stage.
    pub fn stage_layers(&self, layout: &Layout) -> f64 {
        let parts = layout.pipeline * layout.virtual_stages;
        f64::from(self.layers.div_ceil(parts) * layout.virtual_stages)
    }

    /// Parameters per accelerator on the most loaded stage: what the replicas share, and the experts'.
    pub fn params(&self, layout: &Layout) -> (f64, f64) {
        let share = self.stage_layers(layout) / f64::from(self.layers);
        let embedding = if layout.pipeline == 1 { self.embedding } else { self.table };
        let ranks = f64::from(layout.expert) * f64::from(layout.expert_tensor);
        ((share * self.dense + embedding) / f64::from(layout.tensor), share * self.experts / ranks)
    }

    /// [`held`], with the activations of one layer and microbatch at hand.
    pub fn held(&self, run: &Run, layout: &Layout, layer_activations: f64) -> Held {
        let layers = self.stage_layers(layout);
        let (dense, experts) = self.params(layout);
        let replicas = f64::from(layout.data) * f64::from(layout.context);
        let mut state =
            dense * state_bytes(layout.zero, replicas) + experts * state_bytes(layout.zero, expert_replicas(layout));
        if layout.zero == 3 {
            // Two layers are gathered at a time, in 16 bits.
            state += 2.0 * 2.0 * (dense + experts) / layers.max(1.0);
        }
        let tokens = f64::from(layout.micro_batch) * run.sequence / f64::from(layout.context);
        let logits = 6.0 * tokens * self.vocab / f64::from(layout.tensor);
        let (p, v) = (f64::from(layout.pipeline), f64::from(layout.virtual_stages));
        let interleaved = if layout.virtual_stages > 1 { 1.0 + (p - 1.0) / (p * v) } else { 1.0 };
        let activations = layer_activations * layers * layout.microbatches(run).min(p) * interleaved;
        // The first stage holds the most activations, the last the logits of one microbatch.
        let logits = if layout.pipeline == 1 { logits } else { (logits - activations * (1.0 - 1.0 / p)).max(0.0) };
        Held { state, activations, logits }
    }
}

/// Layers on the most loaded stage.
pub fn stage_layers(job: &Transformer, layout: &Layout) -> f64 {
    Sizes::new(job).stage_layers(layout)
}

/// Parameters per accelerator on the most loaded stage: what the replicas share, and the experts'.
pub fn params(job: &Transformer, layout: &Layout) -> (f64, f64) {
    Sizes::new(job).params(layout)
}

/// Bytes per parameter of mixed-precision Adam with 32-bit gradients, sharded over `replicas`.
pub fn state_bytes(zero: u8, replicas: f64) -> f64 {
    match zero {
        0 => 18.0,
        1 => 6.0 + 12.0 / replicas,
        2 => 2.0 + 16.0 / replicas,
        _ => 18.0 / replicas,
    }
}

/// Replicas that the experts' state is sharded over.
pub fn expert_replicas(layout: &Layout) -> f64 {
    f64::from(layout.data) * f64::from(layout.context) * f64::from(layout.tensor)
        / (f64::from(layout.expert) * f64::from(layout.expert_tensor))
}

/// Bytes of activations of one layer and one microbatch, per accelerator.
///
/// With h hidden, s tokens, b sequences, a heads, t tensor ranks, the plain GPT layer gives
/// s·b·h·(10 + 24/t + 5·a·s/(h·t)), all over t with sequence parallelism; without the last term
/// where attention is fused or its scores are recomputed; 2·s·b·h with full recomputation.
pub fn layer_activations(job: &Transformer, run: &Run, layout: &Layout) -> f64 {
    let t = f64::from(layout.tensor);
    let tokens = f64::from(layout.micro_batch) * run.sequence / f64::from(layout.context);
    let h = f64::from(job.hidden);
    let checkpoint = 2.0 * tokens * h / if layout.sequence_parallel { t } else { 1.0 };
    if layout.recompute == Recompute::Full {
        return checkpoint;
    }
    let (a, g) = (f64::from(job.heads), f64::from(job.kv_heads));
    // Inputs of the norms and of both blocks, and the dropout masks: split only along the sequence.
    let whole = 10.0 * h;
    // Queries, keys, values and the input of the output projection.
    let attention = 2.0 * (a * job.head() + g * (job.head() + job.value_head()) + a * job.value_head());
    // Input and output of the non-linearity; a gate has two inputs.
    let per_width = if job.gated { 6.0 } else { 4.0 };
    let dense_share = job.dense_layers() / f64::from(job.layers);
    let dense = per_width * f64::from(job.ffn) * dense_share;
    let experts = job.experts.as_ref().map_or(0.0, |e| {
        let (active, share) = (f64::from(e.active), 1.0 - dense_share);
        // Each routed copy of a token also keeps the expert's input.
        share * (per_width * f64::from(e.shared_width) + active * (per_width * f64::from(e.width) + 2.0 * h))
    });
    let scores = if run.stack != Stack::Early || layout.recompute == Recompute::Selective {
        0.0
    } else {
        5.0 * a * run.sequence
    };
    let whole = if layout.sequence_parallel { whole / t } else { whole };
    let all = tokens * (whole + (attention + dense + experts + scores) / t);
    if layout.recompute == Recompute::Half { 0.5 * (all + checkpoint) } else { all }
}

/// All activations of the first stage, which keeps the most microbatches in flight.
pub fn activations(job: &Transformer, run: &Run, layout: &Layout) -> f64 {
    held(job, run, layout).activations
}

/// What the most loaded accelerator holds. The framework's own buffers and the fragmentation of its
/// allocator come on top.
pub fn held(job: &Transformer, run: &Run, layout: &Layout) -> Held {
    Sizes::new(job).held(run, layout, layer_activations(job, run, layout))
}

#[cfg(test)]
mod tests {
    use super::super::layout::tests::LAYOUT;
    use super::super::transformer::tests::gpt;
    use super::*;

    const GIB: f64 = 1_073_741_824.0;

    struct Row {
        job: Transformer,
        run: Run,
        layout: Layout,
        state: f64,
        none: f64,
        both: f64,
        percent: [f64; 4],
    }

    /// arXiv 2205.05198: 22B, 175B, 530B and 1T at a sequence of 2,048 on 8, 64, 280 and 512 accelerators.
    fn rows() -> [Row; 4] {
        let row = |(hidden, layers, heads): (u32, u32, u32),
                   (b, p, v): (u32, u32, u32),
                   oracle: (f64, f64, f64),
                   percent| Row {
            job: gpt(layers, hidden, heads),
            run: Run { sequence: 2048.0, batch: f64::from(b) * 512.0, stack: Stack::Early, causal: 0.5 },
            layout: Layout {
                tensor: 8,
                pipeline: p,
                data: 1,
                expert: 1,
                virtual_stages: v,
                micro_batch: b,
                zero: 0,
                sequence_parallel: false,
                ..LAYOUT
            },
            state: oracle.0,
            none: oracle.1,
            both: oracle.2,
            percent,
        };
        [
            row((6144, 48, 64), (4, 1, 1), (45.5625, 59.250, 9.5625), [66.8, 49.4, 16.14, 7.59]),
            row((12_288, 96, 96), (1, 8, 3), (45.5625, 66.844, 12.352), [62.0, 56.5, 18.48, 8.70]),
            row((20_480, 105, 128), (1, 35, 3), (31.6406, 114.023, 23.076), [58.3, 61.9, 20.24, 9.52]),
            row((25_600, 128, 160), (1, 64, 1), (32.9590, 131.250, 26.5625), [58.3, 61.9, 20.24, 9.52]),
        ]
    }

    fn close(got: f64, want: f64, tolerance: f64) {
        assert!((got / want - 1.0).abs() < tolerance, "{got} for {want}");
    }

    #[test]
    fn parameters_and_optimizer_state_are_those_of_the_four_megatron_models() {
        for row in rows() {
            let layers =
                stage_layers(&row.job, &row.layout) * (row.job.attention_params() + row.job.ffn_params()) / 8.0;
            close(layers * state_bytes(0, 1.0) / GIB, row.state, 0.003);
        }
    }

    #[test]
    fn activations_are_those_of_the_four_megatron_models_under_every_policy() {
        for row in rows() {
            let at = |recompute, sequence_parallel| {
                activations(&row.job, &row.run, &Layout { recompute, sequence_parallel, ..row.layout }) / GIB
            };
            let none = at(Recompute::None, false);
            close(none, row.none, 0.003);
            close(at(Recompute::Selective, true), row.both, 0.003);
            let full = at(Recompute::Full, false);
            let seen =
                [at(Recompute::None, true), at(Recompute::Selective, false), at(Recompute::Selective, true), full];
            for (got, want) in seen.into_iter().zip(row.percent) {
                close(100.0 * got / none, want, 0.003);
            }
        }
    }

    #[test]
    fn sharding_the_state_divides_what_it_shards() {
        assert_eq!(state_bytes(0, 64.0), 18.0);
        assert_eq!(state_bytes(1, 4.0), 9.0);
        assert_eq!(state_bytes(2, 4.0), 6.0);
        assert_eq!(state_bytes(3, 9.0), 2.0);
        assert_eq!(state_bytes(1, 1.0), 18.0);
    }
}
