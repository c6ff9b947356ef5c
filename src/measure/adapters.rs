//! What there is to measure on.

use super::record::AdapterIdentity;
use crate::kernel::Cooperative;
use serde::Serialize;
use std::collections::BTreeMap;

/// Schema id of [`Adapters`].
pub const SCHEMA: &str = "flopcast.devices/1";

/// What `flopcast devices --format json` prints.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Adapters {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// In wgpu's order.
    pub adapters: Vec<AdapterReport>,
}

/// One adapter as `flopcast devices` lists it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct AdapterReport {
    /// Place in the list, usable as `--adapter`.
    pub index: usize,
    /// What makes it the same one as another time.
    #[serde(flatten)]
    pub identity: AdapterIdentity,
    /// wgpu's names of the features it has.
    pub features: Vec<String>,
    /// wgpu's limits by name.
    pub limits: BTreeMap<String, u64>,
    /// Smallest and largest subgroup it reports.
    pub subgroup_size: [u32; 2],
    /// Configurations of its cooperative matrices, printed as `16x16x16 f16 -> f32`.
    #[schemars(with = "Vec<String>")]
    pub cooperative_matrix: Vec<Cooperative>,
}
