//! How a job is spread over accelerators.

use super::{Run, Transformer};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is computed again in the backward pass instead of being stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Recompute {
    /// Nothing.
    None,
    /// The attention scores (arXiv 2205.05198); nothing where attention is fused.
    Selective,
    /// Every other layer, or every other product.
    Half,
    /// Whole layers.
    Full,
}

/// Most that a batch may be rounded by so that the replicas divide it: 1 % of its sequences.
pub const BATCH_ROUNDING: f64 = 0.01;

/// The order in which a pipeline's microbatches pass forward and backward.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Schedule {
    /// One forward, one backward, interleaved where there are virtual stages (arXiv 2104.04473).
    #[default]
    #[serde(rename = "1f1b")]
    Alternating,
    /// The weights' gradients fill what would be waiting (ZB-H1 of arXiv 2401.10241).
    #[serde(rename = "zb1p")]
    ZeroBubble,
    /// Microbatches from both ends, each rank with two stages' parameters (arXiv 2412.19437).
    #[serde(rename = "dualpipe")]
    DualPipe,
}

/// How ranks that share a sequence exchange what attention needs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ContextExchange {
    /// Keys and values go round, a hop behind each block of attention (arXiv 2310.01889).
    #[default]
    Ring,
    /// From tokens to heads and back by all-to-all (Ulysses, arXiv 2309.14509).
    AllToAll,
}

/// What is kept in the host's memory.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Offload {
    /// Nothing.
    #[default]
    None,
    /// Optimizer state, updated by the host (arXiv 2101.06840).
    Optimizer,
    /// Activations, sent out forward and fetched backward.
    Activations,
    /// Both.
    Both,
}

impl Offload {
    /// Whether the optimizer's state is with the host.
    pub fn optimizer(self) -> bool {
        matches!(self, Offload::Optimizer | Offload::Both)
    }

    /// Whether the activations are.
    pub fn activations(self) -> bool {
        matches!(self, Offload::Activations | Offload::Both)
    }
}

/// Degrees of parallelism and what goes with them. Expert parallel ranks are those of the other
/// axes over again, so accelerators = tensor · pipeline · data · context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Ranks that share each matrix.
    pub tensor: u32,
    /// Pipeline stages.
    pub pipeline: u32,
    /// Replicas.
    pub data: u32,
    /// Ranks that share each sequence.
    #[serde(default = "one")]
    pub context: u32,
    /// Ranks that share the experts of a layer.
    #[serde(default = "one")]
    pub expert: u32,
    /// Ranks that share the matrices of one expert.
    #[serde(default = "one")]
    pub expert_tensor: u32,
    /// Interleaved stages per rank.
    #[serde(default = "one")]
    pub virtual_stages: u32,
    /// Sequences per microbatch.
    pub micro_batch: u32,
    /// What is computed again.
    pub recompute: Recompute,
    /// Stage of state sharding over the replicas (ZeRO): 0 none, 1 optimizer, 2 gradients, 3 parameters.
    #[serde(default = "one_u8")]
    pub zero: u8,
    /// Whether what tensor parallelism leaves whole is split along the sequence.
    #[serde(default = "yes")]
    pub sequence_parallel: bool,
    /// Order of the microbatches in the pipeline.
    #[serde(default)]
    pub schedule: Schedule,
    /// How the context ranks exchange.
    #[serde(default)]
    pub context_exchange: ContextExchange,
    /// What the host keeps.
    #[serde(default)]
    pub offload: Offload,
    /// Replicas among which the state is sharded, each such group with a whole copy (HSDP); 0 is all.
    #[serde(default)]
    pub shard: u32,
    /// Layers that the first and the last stage each have fewer than the others, for the embedding
    /// and the output layer.
    #[serde(default)]
    pub lighter_ends: u32,
}

impl Default for Layout {
    /// One accelerator, nothing recomputed.
    fn default() -> Self {
        Layout {
            tensor: 1,
            pipeline: 1,
            data: 1,
            context: 1,
            expert: 1,
            expert_tensor: 1,
            virtual_stages: 1,
            micro_batch: 1,
            recompute: Recompute::None,
            zero: 1,
            sequence_parallel: true,
            schedule: Schedule::default(),
            context_exchange: ContextExchange::default(),
            offload: Offload::default(),
            shard: 0,
            lighter_ends: 0,
        }
    }
}

fn one() -> u32 {
    1
}

fn one_u8() -> u8 {
    1
}

fn yes() -> bool {
    true
}

impl Layout {
    /// Accelerators it takes.
    pub fn accelerators(&self) -> u64 {
        [self.pipeline, self.data, self.context]
            .into_iter()
            .fold(u64::from(self.tensor), |all, ranks| all.saturating_mul(u64::from(ranks)))
    }

    /// Microbatches per replica and step.
    pub fn microbatches(&self, run: &Run) -> f64 {
        run.batch / (f64::from(self.data) * f64::from(self.micro_batch))
    }

    /// The batch rounded to what the replicas divide: the nearest multiple of data · micro_batch.
    pub fn rounded_batch(&self, run: &Run) -> f64 {
        let per_step = f64::from(self.data) * f64::from(self.micro_batch);
        per_step * (run.batch / per_step).round().max(1.0)
    }

    /// Ranks that hold the same parameters but for sharding: replicas times context ranks.
    pub fn replicas(&self) -> f64 {
        f64::from(self.data) * f64::from(self.context)
    }

    /// Replicas among which state is sharded.
    pub fn sharded_over(&self) -> f64 {
        if self.shard == 0 { self.replicas() } else { f64::from(self.shard) }
    }

    /// Refuses what cannot run: which field, and why.
    pub fn check(&self, job: &Transformer, run: &Run) -> Result<()> {
        let fail = |field: &str, why: String| Err(Error::usage(format!("layout `{self}`: `{field}`: {why}")));
        let fields = [
            ("tensor", self.tensor),
            ("pipeline", self.pipeline),
            ("data", self.data),
            ("context", self.context),
            ("expert", self.expert),
            ("expert_tensor", self.expert_tensor),
            ("virtual_stages", self.virtual_stages),
            ("micro_batch", self.micro_batch),
        ];
        for (field, value) in fields {
            if value == 0 || value > 100_000_000 {
                return fail(field, format!("{value} is not from 1 to 100000000"));
            }
        }
        if !job.heads.is_multiple_of(self.tensor) {
            return fail("tensor", format!("{} does not divide the {} heads", self.tensor, job.heads));
        }
        if self.pipeline.saturating_mul(self.virtual_stages) > job.layers {
            return fail(
                "pipeline",
                format!("{} stages of {} parts for {} layers", self.pipeline, self.virtual_stages, job.layers),
            );
        }
        if self.virtual_stages > 1 && self.pipeline == 1 {
            return fail("virtual_stages", "interleaving needs more than one pipeline stage".into());
        }
        if self.zero > 3 {
            return fail("zero", format!("{} is not from 0 to 3", self.zero));
        }
        if self.schedule != Schedule::Alternating && (self.pipeline == 1 || self.virtual_stages > 1) {
            return fail("schedule", "zero-bubble schedules take several stages without interleaving".into());
        }
        if self.schedule == Schedule::DualPipe && !self.pipeline.is_multiple_of(2) {
            return fail("schedule", format!("dualpipe runs from both ends: {} stages are odd", self.pipeline));
        }
        if self.context_exchange == ContextExchange::AllToAll
            && !job.heads.is_multiple_of(self.tensor.saturating_mul(self.context))
        {
            return fail(
                "context_exchange",
                format!("{} · {} ranks do not divide the {} heads", self.tensor, self.context, job.heads),
            );
        }
        let replicas = u64::from(self.data) * u64::from(self.context);
        if self.shard > 0 && (self.zero == 0 || !replicas.is_multiple_of(u64::from(self.shard))) {
            return fail("shard", format!("{} of {replicas} replicas at zero {}", self.shard, self.zero));
        }
        if self.lighter_ends > 0 {
            self.ends(job.layers).or_else(|why| fail("lighter_ends", why))?;
        }
        let experts = job.experts.as_ref().map_or(1, |e| e.count);
        if !experts.is_multiple_of(self.expert) {
            return fail("expert", format!("{} does not divide the {experts} experts", self.expert));
        }
        let ranks = (u64::from(self.data) * u64::from(self.context)).saturating_mul(u64::from(self.tensor));
        if !ranks.is_multiple_of(u64::from(self.expert) * u64::from(self.expert_tensor)) {
            return fail(
                "expert",
                format!("{} · {} does not divide the {ranks} ranks", self.expert, self.expert_tensor),
            );
        }
        let per_step = f64::from(self.data) * f64::from(self.micro_batch);
        let rounding = self.rounded_batch(run) / run.batch - 1.0;
        // A rounding of 1 % itself is one, whatever the last bit of its quotient.
        if rounding.abs() > BATCH_ROUNDING * (1.0 + 1e-9) {
            if run.batch < per_step {
                return fail("data", format!("{per_step} sequences at once, but the batch has {}", run.batch));
            }
            return fail(
                "data",
                format!(
                    "data · micro_batch = {per_step} does not divide the batch of {}, and the nearest multiple is {:.1} % \
                     off",
                    run.batch,
                    100.0 * rounding
                ),
            );
        }
        if run.sequence < f64::from(self.context) {
            return fail("context", format!("{} ranks for {} tokens", self.context, run.sequence));
        }
        Ok(())
    }

    /// Whether `layers` can be dealt out so that both ends have so many fewer than the others, or why not.
    fn ends(&self, layers: u32) -> std::result::Result<(), String> {
        let [parts, fewer, own, all] = [self.pipeline, self.lighter_ends, self.virtual_stages, layers].map(u64::from);
        if parts < 3 {
            return Err(format!("{parts} stages have none between the ends"));
        }
        if 2 * fewer >= all {
            return Err(format!("2 · {fewer} fewer of {all} layers"));
        }
        // The others have as many as are left, whole layers for each part of a stage.
        let others = (all + 2 * fewer).div_ceil(parts * own) * own;
        // One such stage, and a layer on each of the rest.
        if fewer >= others || others + (parts - 1) > all {
            return Err(format!("{fewer} fewer than {others} on {parts} stages do not make {all} layers"));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::Stack;
    use super::super::transformer::tests::grok;
    use super::*;

    pub(crate) const LAYOUT: Layout = Layout {
        tensor: 8,
        pipeline: 4,
        data: 64,
        context: 1,
        expert: 8,
        expert_tensor: 1,
        virtual_stages: 1,
        micro_batch: 1,
        recompute: Recompute::None,
        zero: 1,
        sequence_parallel: true,
        schedule: Schedule::Alternating,
        context_exchange: ContextExchange::Ring,
        offload: Offload::None,
        shard: 0,
        lighter_ends: 0,
    };

    const RUN: Run = Run { sequence: 8192.0, batch: 1024.0, stack: Stack::Fused, causal: 0.5 };

    #[test]
    fn a_layout_that_cannot_run_is_refused_with_its_field() {
        LAYOUT.check(&grok(), &RUN).unwrap();
        for (layout, part) in [
            (Layout { tensor: 0, ..LAYOUT }, "`tensor`: 0"),
            (Layout { tensor: 5, ..LAYOUT }, "does not divide the 48 heads"),
            (Layout { pipeline: 65, ..LAYOUT }, "for 64 layers"),
            (Layout { virtual_stages: 17, ..LAYOUT }, "for 64 layers"),
            (Layout { expert: 3, ..LAYOUT }, "does not divide the 8 experts"),
            (Layout { expert_tensor: 7, ..LAYOUT }, "does not divide the 512 ranks"),
            (Layout { data: 2048, ..LAYOUT }, "the batch has 1024"),
            (Layout { micro_batch: 3, ..LAYOUT }, "does not divide the batch"),
            (Layout { zero: 4, ..LAYOUT }, "`zero`: 4"),
            (Layout { context: 9000, ..LAYOUT }, "`context`"),
            (Layout { schedule: Schedule::ZeroBubble, pipeline: 1, ..LAYOUT }, "`schedule`"),
            (Layout { schedule: Schedule::ZeroBubble, virtual_stages: 2, ..LAYOUT }, "`schedule`"),
            (Layout { schedule: Schedule::DualPipe, pipeline: 5, ..LAYOUT }, "5 stages are odd"),
            (Layout { context_exchange: ContextExchange::AllToAll, context: 4, ..LAYOUT }, "`context_exchange`"),
            (Layout { shard: 7, ..LAYOUT }, "`shard`: 7 of 64 replicas"),
            (Layout { shard: 8, zero: 0, ..LAYOUT }, "`shard`"),
            (Layout { lighter_ends: 70, ..LAYOUT }, "`lighter_ends`: 2 · 70 fewer of 64"),
            (Layout { lighter_ends: u32::MAX, ..LAYOUT }, "`lighter_ends`: 2 · 4294967295"),
            (Layout { lighter_ends: 32, ..LAYOUT }, "`lighter_ends`: 2 · 32 fewer of 64"),
            (Layout { lighter_ends: 1, pipeline: 1, ..LAYOUT }, "`lighter_ends`: 1 stages have none between"),
            (Layout { lighter_ends: 8, pipeline: 2, ..LAYOUT }, "`lighter_ends`: 2 stages have none between"),
            (Layout { lighter_ends: 12, pipeline: 8, ..LAYOUT }, "`lighter_ends`: 12 fewer than 11 on 8 stages"),
            (Layout { lighter_ends: 1, pipeline: 64, ..LAYOUT }, "`lighter_ends`: 1 fewer than 2 on 64 stages"),
        ] {
            let error = layout.check(&grok(), &RUN).unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn ends_may_be_lighter_by_what_leaves_them_a_layer() {
        for (pipeline, lighter_ends, virtual_stages) in [(3, 1, 1), (4, 1, 1), (8, 9, 1), (16, 2, 1), (4, 2, 4)] {
            Layout { pipeline, lighter_ends, virtual_stages, ..LAYOUT }.check(&grok(), &RUN).unwrap();
        }
    }

    #[test]
    fn a_layout_written_before_a_field_existed_still_reads_and_means_the_same() {
        let old = r#"{"tensor":8,"pipeline":4,"data":64,"expert":8,"micro_batch":1,"recompute":"none"}"#;
        assert_eq!(serde_json::from_str::<Layout>(old).unwrap(), LAYOUT);
        let new = Layout { schedule: Schedule::DualPipe, shard: 8, offload: Offload::Both, ..LAYOUT };
        let text = serde_json::to_string(&new).unwrap();
        assert!(text.contains("\"dualpipe\"") && text.contains("\"both\""), "{text}");
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), new);
    }
}
