//! One accelerator as its vendor states it and as others measured it.

use crate::error::{Error, Result};
use crate::sourced::{Stamp, Value};
use crate::units::{Bandwidth, Bytes, FlopRate, Power, Ratio};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Number format of a training job's products, as accelerators rate them (dense, no sparsity).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// 32-bit floats.
    Fp32,
    /// TensorFloat-32.
    Tf32,
    /// bfloat16 or half operands, 32-bit sums.
    Bf16,
    /// 8-bit floats.
    Fp8,
    /// 4-bit floats.
    Fp4,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 5] = [Format::Fp32, Format::Tf32, Format::Bf16, Format::Fp8, Format::Fp4];

    /// The name as typed and printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Fp32 => "fp32",
            Format::Tf32 => "tf32",
            Format::Bf16 => "bf16",
            Format::Fp8 => "fp8",
            Format::Fp4 => "fp4",
        }
    }

    /// Bytes of one operand.
    pub fn bytes(self) -> f64 {
        match self {
            Format::Fp32 | Format::Tf32 => 4.0,
            Format::Bf16 => 2.0,
            Format::Fp8 => 1.0,
            Format::Fp4 => 0.5,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Format::ALL.into_iter().find(|f| f.as_str() == text).ok_or_else(|| {
            let all: Vec<_> = Format::ALL.iter().map(|f| f.as_str()).collect();
            Error::usage(format!("unknown number format `{text}`")).hint(format!("one of {}", all.join(", ")))
        })
    }
}

/// An accelerator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accelerator {
    /// What people call it.
    pub title: String,
    /// Vendor.
    pub vendor: String,
    /// Other names it goes by in published tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Name of the accelerator whose [`Surface`](super::Surface) it shares, being of the same chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// Name of the accelerator whose [`Surface`](super::Surface) stands for its own where nobody published one, widened;
    /// the H100's where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<String>,
    /// The box that it usually comes in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What joins it to others of its box: the link's name and generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Sustained rate over that of the surface: a power cap, a slower clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derate: Option<Value<Ratio>>,
    /// Memory.
    pub memory: Value<Bytes>,
    /// Memory bandwidth.
    pub memory_bandwidth: Value<Bandwidth>,
    /// Scale-up link (NVLink, Infinity Fabric, ICI …), per accelerator and direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<Value<Bandwidth>>,
    /// Link to the host's memory, per accelerator and direction; PCIe where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_link: Option<Value<Bandwidth>>,
    /// Rated power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Value<Power>>,
    /// Dense peak per number format.
    pub peak: BTreeMap<Format, Value<FlopRate>>,
    /// Best matrix product that others measured, per number format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub achieved: BTreeMap<Format, Value<FlopRate>>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}
