//! How a job is spread over accelerators.

use super::{Run, Transformer};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

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
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("tp{} pp{} dp{}", self.tensor, self.pipeline, self.data);
        for (name, value) in
            [("cp", self.context), ("ep", self.expert), ("etp", self.expert_tensor), ("vpp", self.virtual_stages)]
        {
            if value != 1 {
                text += &format!(" {name}{value}");
            }
        }
        text += &format!(" mb{} zero{}", self.micro_batch, self.zero);
        text += match self.recompute {
            Recompute::None => "",
            Recompute::Selective => " selective",
            Recompute::Half => " half-recompute",
            Recompute::Full => " full-recompute",
        };
        f.pad(&text)
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
        ] {
            let error = layout.check(&grok(), &RUN).unwrap_err();
            assert!(error.message().contains(part), "{part}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
