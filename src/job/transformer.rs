//! The shape of a transformer and what it costs per token.
//!
//! Symbols: h hidden, a query heads of size dh, g key/value heads, f width of the feed-forward layer,
//! V vocabulary, s sequence. Flop convention of Megatron-LM today: a multiply-add is two, attention
//! is causal and counts the half that is needed, recomputation is not counted (arXiv 2104.04473 and
//! Megatron-LM `training.py`). An older convention counts the whole square: about 3 % more MFU.

use crate::error::{Error, Result};
use crate::sourced::Stamp;
use serde::{Deserialize, Serialize};

/// Routed experts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    /// Routed experts per layer.
    pub count: u32,
    /// Routed experts that a token passes through.
    pub active: u32,
    /// Width of one routed expert.
    pub width: u32,
    /// Width of the part that every token passes through beside them; 0 where there is none.
    #[serde(default)]
    pub shared_width: u32,
    /// Layers at the start that have a plain feed-forward part of width `ffn`.
    #[serde(default)]
    pub dense_layers: u32,
    /// Boxes that one token's experts may stand in; any number where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_limit: Option<u32>,
}

/// Low-rank attention projections (multi-head latent attention).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Rank of the query projection.
    pub query_rank: u32,
    /// Rank of the joint key/value projection.
    pub kv_rank: u32,
    /// Part of a head that carries the rotary position.
    pub rope_dim: u32,
    /// Part of a head that does not.
    pub nope_dim: u32,
    /// Size of a value head.
    pub value_dim: u32,
}

/// A decoder-only transformer, dense or with experts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    /// What people call it.
    pub title: String,
    /// Layers.
    pub layers: u32,
    /// Width of the hidden state, h.
    pub hidden: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads.
    pub kv_heads: u32,
    /// Size of a head; hidden / heads where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<u32>,
    /// Width of the plain feed-forward part; 0 where every layer has experts.
    #[serde(default)]
    pub ffn: u32,
    /// Whether the feed-forward parts have a gate: three matrices instead of two.
    pub gated: bool,
    /// Vocabulary.
    pub vocab: u32,
    /// Whether the output layer shares the embedding's matrix.
    #[serde(default)]
    pub tied: bool,
    /// Longest sequence it was made for.
    pub sequence: u32,
    /// Routed experts, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Low-rank attention, where it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<Latent>,
    /// Layers beyond `layers` that each predict one token further, with an output layer of their own
    /// (arXiv 2412.19437). They take time and are in no parameter or flop count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_tokens: u32,
    /// What there is to say about the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Source of the figures.
    pub provenance: Stamp,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// Kinds of training software, by what they leave to the hardware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stack {
    /// Before 2023: attention scores are stored, communication waits for computation.
    Early,
    /// Megatron-LM of 2022: weights' gradients are summed as they are made, and the backward pass's
    /// tensor-parallel exchange runs beside them (arXiv 2205.05198).
    EarlyOverlapped,
    /// The same as `Early` under DeepSpeed's engine, whose optimizer and gradient hooks are not fused.
    EarlyDeepspeed,
    /// Fused attention, everything else as the framework issues it (PyTorch FSDP).
    Eager,
    /// The same with what is bound by memory fused by a compiler (torch.compile).
    Compiled,
    /// Fused kernels throughout, communication beside computation (Megatron-Core, NeMo, XLA).
    Fused,
}

impl Stack {
    /// Whether it is of before 2023.
    pub fn early(self) -> bool {
        matches!(self, Stack::Early | Stack::EarlyOverlapped | Stack::EarlyDeepspeed)
    }
}

/// What is trained at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Tokens per sequence.
    pub sequence: f64,
    /// Sequences per optimizer step.
    pub batch: f64,
    /// The software it runs on.
    pub stack: Stack,
    /// Share of the attention square that is counted and computed: ½ causal, 1 full.
    pub causal: f64,
}

impl Transformer {
    /// Refuses what cannot be: `name` is the job's, for the message.
    pub fn check(&self, name: &str) -> Result<()> {
        let fail = |field: &str, why: String| Err(Error::usage(format!("job `{name}`: `{field}`: {why}")));
        let limits = [
            ("layers", self.layers, 1, 10_000),
            ("hidden", self.hidden, 1, 1 << 20),
            ("heads", self.heads, 1, 1 << 16),
            ("kv_heads", self.kv_heads, 1, 1 << 16),
            ("vocab", self.vocab, 1, 1 << 26),
            ("sequence", self.sequence, 1, 1 << 27),
            ("ffn", self.ffn, 0, 1 << 24),
            ("further_tokens", self.further_tokens, 0, 64),
            ("head_dim", self.head_dim.unwrap_or(1), 1, 1 << 16),
        ];
        for (field, value, low, high) in limits {
            if value < low || value > high {
                return fail(field, format!("{value} is not from {low} to {high}"));
            }
        }
        if self.head_dim.is_none() && !self.hidden.is_multiple_of(self.heads) {
            return fail("heads", format!("{} does not divide hidden {}; give `head_dim`", self.heads, self.hidden));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return fail("kv_heads", format!("{} does not divide the {} heads", self.kv_heads, self.heads));
        }
        match &self.experts {
            None if self.ffn == 0 => return fail("ffn", "0 in a job without experts".into()),
            None => {}
            Some(e) => {
                if e.count == 0 || e.count > 1 << 16 {
                    return fail("experts.count", format!("{} is not from 1 to 65536", e.count));
                }
                if e.active == 0 || e.active > e.count {
                    return fail("experts.active", format!("{} of {} experts", e.active, e.count));
                }
                if e.width == 0 || e.width > 1 << 24 || e.shared_width > 1 << 24 {
                    return fail("experts.width", "not from 1 to 16777216".into());
                }
                if e.node_limit == Some(0) {
                    return fail("experts.node_limit", "0 boxes".into());
                }
                if e.dense_layers > self.layers || (e.dense_layers > 0 && self.ffn == 0) {
                    return fail("experts.dense_layers", format!("{} with ffn {}", e.dense_layers, self.ffn));
                }
            }
        }
        if let Some(l) = &self.latent
            && [l.query_rank, l.kv_rank, l.rope_dim, l.nope_dim, l.value_dim].iter().any(|&x| x == 0 || x > 1 << 16)
        {
            return fail("latent", "each part is a whole number from 1 to 65536".into());
        }
        Ok(())
    }

    /// Size of a head as the scores see it.
    pub fn head(&self) -> f64 {
        match &self.latent {
            Some(l) => f64::from(l.rope_dim + l.nope_dim),
            None => self.head_dim.map_or(f64::from(self.hidden) / f64::from(self.heads), f64::from),
        }
    }

    /// Size of a value head.
    pub fn value_head(&self) -> f64 {
        self.latent.as_ref().map_or_else(|| self.head(), |l| f64::from(l.value_dim))
    }

    /// Matrices of one feed-forward part: 3 with a gate, 2 without.
    pub fn matrices(&self) -> f64 {
        if self.gated { 3.0 } else { 2.0 }
    }

    /// Layers with experts.
    pub fn expert_layers(&self) -> f64 {
        self.experts.as_ref().map_or(0.0, |e| f64::from(self.layers - e.dense_layers))
    }

    /// Layers with a plain feed-forward part.
    pub fn dense_layers(&self) -> f64 {
        f64::from(self.layers) - self.expert_layers()
    }

    /// Parameters of the attention of one layer.
    pub fn attention_params(&self) -> f64 {
        let (h, a, g) = (f64::from(self.hidden), f64::from(self.heads), f64::from(self.kv_heads));
        match &self.latent {
            None => 2.0 * h * a * self.head() + 2.0 * h * g * self.head(),
            Some(l) => {
                let (q, kv, value) = (f64::from(l.query_rank), f64::from(l.kv_rank), f64::from(l.value_dim));
                h * q
                    + q * a * self.head()
                    + h * (kv + f64::from(l.rope_dim))
                    + kv * a * (f64::from(l.nope_dim) + value)
                    + a * value * h
            }
        }
    }

    /// Parameters of the plain feed-forward part of one layer.
    pub fn ffn_params(&self) -> f64 {
        self.matrices() * f64::from(self.hidden) * f64::from(self.ffn)
    }

    /// Parameters of one routed expert.
    pub fn expert_params(&self) -> f64 {
        self.experts.as_ref().map_or(0.0, |e| self.matrices() * f64::from(self.hidden) * f64::from(e.width))
    }

    /// Parameters of the shared expert and the router of one layer with experts.
    pub fn shared_params(&self) -> f64 {
        let h = f64::from(self.hidden);
        self.experts.as_ref().map_or(0.0, |e| self.matrices() * h * f64::from(e.shared_width) + h * f64::from(e.count))
    }

    /// Parameters of the embedding, and of the output layer where it has its own.
    pub fn embedding_params(&self) -> f64 {
        f64::from(self.vocab) * f64::from(self.hidden) * if self.tied { 1.0 } else { 2.0 }
    }

    /// All parameters, without norms and biases (below 0.1 %).
    pub fn params(&self) -> f64 {
        let experts = self.experts.as_ref().map_or(0.0, |e| f64::from(e.count));
        f64::from(self.layers) * self.attention_params()
            + self.dense_layers() * self.ffn_params()
            + self.expert_layers() * (experts * self.expert_params() + self.shared_params())
            + self.embedding_params()
    }

    /// Parameters that a token passes through, without the embedding's table.
    pub fn active_params(&self) -> f64 {
        let active = self.experts.as_ref().map_or(0.0, |e| f64::from(e.active));
        f64::from(self.layers) * self.attention_params()
            + self.dense_layers() * self.ffn_params()
            + self.expert_layers() * (active * self.expert_params() + self.shared_params())
            + f64::from(self.vocab) * f64::from(self.hidden)
    }

    /// Flop of the scores and of their product with the values, forward, per token and layer.
    pub fn attention_core_flop(&self, run: &Run) -> f64 {
        2.0 * run.sequence * run.causal * f64::from(self.heads) * (self.head() + self.value_head())
    }

    /// Model flop of one optimizer step: three times the forward pass, nothing recomputed.
    pub fn step_flop(&self, run: &Run) -> f64 {
        let per_token = 2.0 * self.active_params() + f64::from(self.layers) * self.attention_core_flop(run);
        3.0 * run.batch * run.sequence * per_token
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::provenance::Tier;

    pub(crate) fn gpt(layers: u32, hidden: u32, heads: u32) -> Transformer {
        Transformer {
            title: "test".into(),
            layers,
            hidden,
            heads,
            kv_heads: heads,
            head_dim: None,
            ffn: 4 * hidden,
            gated: false,
            vocab: 51_200,
            tied: true,
            sequence: 2048,
            experts: None,
            latent: None,
            further_tokens: 0,
            note: None,
            provenance: Stamp { source: "test".into(), date: "2024".into(), tier: Tier::Scripted },
        }
    }

    pub(crate) fn grok() -> Transformer {
        Transformer {
            heads: 48,
            kv_heads: 8,
            ffn: 0,
            gated: true,
            vocab: 131_072,
            sequence: 8192,
            experts: Some(Experts {
                count: 8,
                active: 2,
                width: 32_768,
                shared_width: 0,
                dense_layers: 0,
                node_limit: None,
            }),
            ..gpt(64, 6144, 48)
        }
    }

    #[test]
    fn a_grok_1_shape_has_314_billion_parameters_within_one_percent() {
        let params = grok().params() / 1e9;
        assert!((params / 314.0 - 1.0).abs() < 0.01, "{params}");
    }

    #[test]
    fn gpt_3_counts_as_the_megatron_formula_counts_it() {
        // arXiv 2104.04473 eq. 3 without recomputation (72 instead of 96), the whole attention square.
        let job = gpt(96, 12_288, 96);
        let run = Run { sequence: 2048.0, batch: 1.0, stack: Stack::Fused, causal: 1.0 };
        let (h, l, s, v) = (12_288.0, 96.0, 2048.0, 51_200.0);
        let formula = 72.0 * s * l * h * h * (1.0 + s / (6.0 * h) + v / (12.0 * l * h));
        assert!((job.step_flop(&run) / formula - 1.0).abs() < 1e-12);
        assert!((job.params() / 174.6e9 - 1.0).abs() < 0.002, "{}", job.params());
    }

    #[test]
    fn an_impossible_transformer_is_refused_with_its_field() {
        let good = grok();
        let experts = good.experts.clone().unwrap();
        for (job, part) in [
            (Transformer { layers: 0, ..good.clone() }, "`layers`: 0"),
            (Transformer { kv_heads: 5, ..good.clone() }, "`kv_heads`: 5"),
            (Transformer { heads: 7, kv_heads: 7, ..good.clone() }, "`heads`: 7 does not divide"),
            (Transformer { experts: None, ..good.clone() }, "`ffn`"),
            (
                Transformer { experts: Some(Experts { active: 9, ..experts.clone() }), ..good.clone() },
                "`experts.active`",
            ),
            (
                Transformer { experts: Some(Experts { dense_layers: 65, ..experts }), ..good.clone() },
                "`experts.dense_layers`",
            ),
            (Transformer { vocab: u32::MAX, ..good.clone() }, "`vocab`"),
        ] {
            let error = job.check("x").unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
        good.check("x").unwrap();
    }
}
