//! What a figure cannot be above, as a record holds it.

use crate::kernel::Precision;
use serde::{Deserialize, Serialize};

/// What a bound is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Limit {
    /// Arithmetic in a precision, flop/s.
    Arithmetic(Precision),
    /// Bytes from and to memory, byte/s, for working sets that no cache holds: A, B and C together of this
    /// many bytes or more, twice the last cache. Half of that may stay in it.
    Memory {
        /// Smallest working set that the bound is for.
        from_bytes: u64,
    },
}

/// One bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// On what.
    pub limit: Limit,
    /// Most that is possible, flop/s or byte/s. Of a measured bound the upper end of its interval: that is
    /// all the allowance there is.
    pub rate: f64,
    /// Where it comes from.
    pub source: String,
    /// Whether a figure above it speaks against the bound, not against the figure: a roofline that an earlier run on a
    /// CPU-type adapter left, which other work on the same processors can have held down.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
}
