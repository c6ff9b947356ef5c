//! Bytes per accelerator on the most loaded pipeline stage (arXiv 2205.05198 for activations,
//! arXiv 1910.02054 for state sharding).

use super::{Layout, Recompute, Run, Schedule, Transformer};

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

    /// Layers of the job.
    pub fn layers(&self) -> f64 {
        f64::from(self.layers)
    }

    /// Layers on the most loaded stage.
    pub fn stage_layers(&self, layout: &Layout) -> f64 {
        let parts = layout.pipeline * layout.virtual_stages;
        f64::from((self.layers + 2 * layout.lighter_ends).div_ceil(parts) * layout.virtual_stages)
    }

    /// Layers on the last stage, which has the output layer too: what the others leave.
    pub fn end_layers(&self, layout: &Layout) -> f64 {
        let (p, most) = (f64::from(layout.pipeline), self.stage_layers(layout));
        let (spare, lighter) = (p * most - self.layers(), f64::from(layout.lighter_ends));
        if layout.pipeline == 1 { most } else { (most - lighter.max(spare - lighter)).max(0.0) }
    }

    /// Parameters per accelerator on the most loaded stage: what the replicas share, and the experts'.
    pub fn params(&self, layout: &Layout) -> (f64, f64) {
        let share = copies(layout) * self.stage_layers(layout) / f64::from(self.layers);
        let embedding = if both_ends(layout) { self.embedding } else { self.table };
        let ranks = f64::from(layout.expert) * f64::from(layout.expert_tensor);
        ((share * self.dense + embedding) / f64::from(layout.tensor), share * self.experts / ranks)
    }

    /// [`held`], with the activations of one layer and microbatch at hand.
    pub fn held(&self, run: &Run, layout: &Layout, layer_activations: f64) -> Held {
        let layers = self.stage_layers(layout);
        let (dense, experts) = self.params(layout);
        let bytes = |replicas: f64| {
            let all = state_bytes(layout.zero, replicas);
            // The host has the 32-bit parameters and both moments.
            if layout.offload.optimizer() { all - 12.0 / if layout.zero >= 1 { replicas } else { 1.0 } } else { all }
        };
        let mut state = dense * bytes(sharded_over(layout)) + experts * bytes(expert_sharded_over(layout));
        if layout.zero == 3 {
            // Two layers are gathered at a time, in 16 bits.
            state += 2.0 * 2.0 * (dense + experts) / layers.max(1.0);
        }
        let tokens = f64::from(layout.micro_batch) * run.sequence / f64::from(layout.context);
        let logits = 6.0 * tokens * self.vocab / f64::from(layout.tensor);
        let (p, v) = (f64::from(layout.pipeline), f64::from(layout.virtual_stages));
        let in_flight = match layout.schedule {
            // One more than with one direction (arXiv 2412.19437, table 2).
            Schedule::DualPipe => 1.0 + 1.0 / p,
            _ if layout.virtual_stages > 1 => 1.0 + (p - 1.0) / (p * v),
            _ => 1.0,
        };
        // With the host keeping them, one layer computes while the next travels.
        let kept =
            if layout.offload.activations() { layers.min(2.0) } else { layers * layout.microbatches(run).min(p) };
        let activations = layer_activations * kept * in_flight;
        // The first stage holds the most activations, the last the logits of one microbatch.
        let logits = if both_ends(layout) { logits } else { (logits - activations * (1.0 - 1.0 / p)).max(0.0) };
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

/// Whether a rank has the embedding and the output layer: alone, or as the first stage of one direction and
/// the last of the other.
fn both_ends(layout: &Layout) -> bool {
    layout.pipeline == 1 || layout.schedule == Schedule::DualPipe
}

/// Stages whose parameters a rank holds at once.
fn copies(layout: &Layout) -> f64 {
    if layout.schedule == Schedule::DualPipe { 2.0 } else { 1.0 }
}

/// Ranks that hold, or share, the same parameters that are no expert's.
pub fn replicas(layout: &Layout) -> f64 {
    copies(layout) * layout.replicas()
}

/// Ranks that hold, or share, the same experts.
pub fn expert_replicas(layout: &Layout) -> f64 {
    copies(layout) * layout.replicas() * f64::from(layout.tensor)
        / (f64::from(layout.expert) * f64::from(layout.expert_tensor))
}

/// Ranks that the state of a parameter is sharded over, where it is sharded.
pub fn sharded_over(layout: &Layout) -> f64 {
    if layout.shard == 0 { replicas(layout) } else { layout.sharded_over() }
}

/// The same of the experts' parameters.
pub fn expert_sharded_over(layout: &Layout) -> f64 {
    (expert_replicas(layout) * sharded_over(layout) / replicas(layout)).max(1.0)
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
    let whole = 10.0 * h
        // The low-rank projections of queries, keys and values are whole on every rank.
        + job.latent.as_ref().map_or(0.0, |l| 2.0 * f64::from(l.query_rank + l.kv_rank + l.rope_dim));
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
    let scores =
        if !run.stack.early() || layout.recompute == Recompute::Selective { 0.0 } else { 5.0 * a * run.sequence };
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
    use super::super::Stack;
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

    #[test]
    fn sharding_within_a_group_holds_what_that_many_replicas_would() {
        let run = Run { sequence: 8192.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };
        let job = gpt(32, 4096, 32);
        let at = |data, shard| {
            held(&job, &run, &Layout { tensor: 1, pipeline: 1, data, shard, expert: 1, zero: 3, ..LAYOUT }).state
        };
        assert_eq!(at(64, 8), at(8, 0));
        assert_eq!(at(64, 64), at(64, 0));
        assert!(at(64, 8) > at(64, 0));
    }

    #[test]
    fn the_host_takes_the_optimizers_twelve_bytes_and_all_but_two_layers_activations() {
        let run = Run { sequence: 8192.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };
        let job = gpt(32, 4096, 32);
        let layout = Layout { tensor: 1, pipeline: 1, data: 8, expert: 1, zero: 0, ..LAYOUT };
        let (plain, out) =
            (held(&job, &run, &layout), held(&job, &run, &Layout { offload: super::super::Offload::Both, ..layout }));
        close(out.state / plain.state, 6.0 / 18.0, 1e-12);
        close(out.activations / plain.activations, 2.0 / 32.0, 1e-12);
    }

    #[test]
    fn a_pipeline_from_both_ends_holds_two_stages_and_one_more_microbatch() {
        let run = Run { sequence: 8192.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };
        let job = gpt(32, 4096, 32);
        let layout = Layout { tensor: 1, pipeline: 4, data: 8, expert: 1, zero: 0, ..LAYOUT };
        let dual = Layout { schedule: Schedule::DualPipe, ..layout };
        close(held(&job, &run, &dual).activations / held(&job, &run, &layout).activations, 5.0 / 4.0, 1e-12);
        let table = f64::from(job.vocab) * f64::from(job.hidden);
        // The first stage of one direction is the last of the other, with the output layer and its logits.
        let both = job.embedding_params();
        assert!(both >= table);
        close((params(&job, &dual).0 - both) / (params(&job, &layout).0 - table), 2.0, 1e-12);
        close(held(&job, &run, &dual).logits, 6.0 * 8192.0 * f64::from(job.vocab), 1e-12);
    }

    #[test]
    fn lighter_ends_even_out_what_the_output_layer_adds() {
        // Llama 3 405B on 16 stages: 126 layers, 8 on each, 7 on the ends (arXiv 2407.21783).
        let sizes = Sizes::new(&gpt(126, 16_384, 128));
        let layout = Layout { pipeline: 16, lighter_ends: 1, ..LAYOUT };
        assert_eq!((sizes.stage_layers(&layout), sizes.end_layers(&layout)), (8.0, 7.0));
        let even = Layout { pipeline: 6, ..LAYOUT };
        assert_eq!((sizes.stage_layers(&even), sizes.end_layers(&even)), (21.0, 21.0));
    }
}
