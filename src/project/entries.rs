//! Scenarios and comparisons as they stand in a file.

use crate::cluster::{Format, Operations, Price, Site};
use crate::job::{Layout, layout_text};
use crate::sourced::{Stamp, Value};
use crate::units::{Accelerators, Money, NodeFailureRate, Time, Tokens};
use serde::{Deserialize, Serialize};

/// A scenario as it stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What people call it.
    pub title: String,
    /// Name of a cluster.
    pub cluster: String,
    /// Accelerators to use, without a range; all of the cluster's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<Value<Accelerators>>,
    /// Name of a job.
    pub job: String,
    /// Number format of the matrix products.
    pub format: Format,
    /// Tokens to train on.
    pub tokens: Value<Tokens>,
    /// Tokens per sequence, without a range.
    pub sequence: Value<Tokens>,
    /// Tokens per optimizer step, without a range: `--what-if batch=2x` forecasts another.
    pub batch: Value<Tokens>,
    /// Time that a checkpoint takes from the training; absent where `operations.storage_bandwidth` is
    /// given, from which it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Value<Time>>,
    /// Time from a failure to the next useful step, without the work that is lost.
    pub restart: Value<Time>,
    /// Failures, where they are known better than the model's constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Value<NodeFailureRate>>,
    /// How the cluster is run, where not as usual: spares, storage, elastic replicas, maintenance …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<Operations>,
    /// The site, where not as usual: power cap, PUE, carbon, tariff …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
    /// Prices, where not the accelerator's usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Times of collectives measured on the cluster's own fabric, which stand for the prior where they
    /// reach: files beside this one, `op,ranks,bytes,seconds` or as nccl-tests prints them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured_fabric: Vec<String>,
    /// How the job is spread, in words as they are printed (`"tp8 pp8 dp64 mb1 zero1"`) or as a table;
    /// searched for where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "layout_text::stated")]
    #[schemars(with = "Option<layout_text::Stated>")]
    pub layout: Option<Layout>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// What is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Equal {
    /// As many accelerators.
    Accelerators,
    /// As much power to lay out.
    Power,
    /// As much money for the purchase.
    Money,
}

impl Equal {
    /// The word as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Equal::Accelerators => "as many",
            Equal::Power => "as much power",
            Equal::Money => "as much money",
        }
    }
}

/// A comparison as it stands in a file. All run the job, tokens, sequence and batch of the first scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What people call it.
    pub title: String,
    /// Names of scenarios; the first is what the others are held against.
    pub scenarios: Vec<String>,
    /// What is the same for all, one block of rows each.
    pub equal: Vec<Equal>,
    /// Money for the purchase; without it the first scenario's count decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Value<Money>>,
    /// How much later the others can begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Value<Time>>,
    /// What there is to say.
    #[serde(default)]
    pub note: String,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}
