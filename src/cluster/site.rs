//! Nodes, fabrics and named clusters as data.

use crate::sourced::{Stamp, Value};
use crate::units::{Accelerators, Bandwidth, FlopRate, Power, Ratio, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Accelerators in the box that published failure rates count by.
pub const BOX: f64 = 8.0;

/// What stands between accelerators of one box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What people call it.
    pub title: String,
    /// Accelerators that fail together: one box.
    pub accelerators: Value<Accelerators>,
    /// Accelerators that reach each other over the scale-up link: 8 for a box, 72 for an NVL72 rack.
    pub scale_up_domain: Value<Accelerators>,
    /// Scale-out bandwidth per accelerator and direction.
    pub scale_out: Value<Bandwidth>,
    /// The network that it is usually on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fabric: Option<String>,
    /// Rated power of the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Value<Power>>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// A kind of scale-out network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FabricKind {
    /// What people call it.
    pub title: String,
    /// Share of the nominal bandwidth that large transfers reach.
    pub efficiency: Value<Ratio>,
    /// Time of one hop of a collective, on top of its bytes.
    pub latency: Value<Time>,
    /// Bandwidth asked for over bandwidth there is, above the pod; 1 is a full fat tree.
    pub oversubscription: Value<Ratio>,
    /// Accelerators below the oversubscribed tier; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<Value<Accelerators>>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// A part of a cluster whose boxes or accelerators differ from the others': another vendor's racks, say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Half {
    /// What people call it.
    pub title: String,
    /// Name of its accelerator; the cluster's where absent. With one of its own it needs a `node` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerator: Option<String>,
    /// Name of its node; the cluster's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How many of the cluster's accelerators it has.
    pub accelerators: Value<Accelerators>,
    /// Its sustained rate over that of the accelerator as listed: cooling, power limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Value<Ratio>>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// What people call it.
    pub title: String,
    /// What is known of it: announced, operating, redirected …
    pub status: String,
    /// Name of an accelerator.
    pub accelerator: String,
    /// Name of a node.
    pub node: String,
    /// Name of a fabric.
    pub fabric: String,
    /// How many, without a range: `flopcast scale` forecasts many counts.
    pub accelerators: Value<Accelerators>,
    /// Power of the whole site, where it is stated: nothing beyond it can be switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Value<Power>>,
    /// Parts of it that differ; absent where all of it is alike.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub half: BTreeMap<String, Half>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// A published run of High-Performance Linpack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linpack {
    /// What the list calls the machine.
    pub title: String,
    /// Name of an accelerator.
    pub accelerator: String,
    /// Name of a node.
    pub node: String,
    /// Name of a fabric.
    pub fabric: String,
    /// How many.
    pub accelerators: Value<Accelerators>,
    /// Rate that was reached, in 64 bits.
    pub rmax: Value<FlopRate>,
    /// Peak as the list states it.
    pub rpeak: Value<FlopRate>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}
