//! The proof that a kernel did its work.

use serde::{Deserialize, Serialize};

/// What the check saw on the output buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Whether the output is the product.
    pub passed: bool,
    /// Largest residual over its tolerance, over all checks: passed means at most 1.
    pub worst: f64,
    /// Random vectors of Freivalds' check.
    pub vectors: u32,
    /// Rows recomputed exactly.
    pub rows: u32,
    /// Where it failed first, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
