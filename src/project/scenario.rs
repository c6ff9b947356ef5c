//! A scenario: a job on a cluster and what a run of it needs.

use super::catalog::Catalog;
use super::constants::ConstantsFile;
use super::machine::Machine;
use crate::cluster::{Accelerator, Cluster, FabricKind, Format, Node, Surface};
use crate::error::{Error, Result};
use crate::job::{Layout, Run, Stack, Transformer};
use crate::sourced::{Stamp, Value};
use crate::units::{Accelerators, NodeFailureRate, Time, Tokens};
use serde::{Deserialize, Serialize};

/// A scenario as it stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What people call it.
    pub title: String,
    /// Name of a cluster.
    pub cluster: String,
    /// Accelerators to use; all of the cluster's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accelerators: Option<Value<Accelerators>>,
    /// Name of a job.
    pub job: String,
    /// Number format of the matrix products.
    pub format: Format,
    /// Tokens to train on.
    pub tokens: Value<Tokens>,
    /// Tokens per sequence.
    pub sequence: Value<Tokens>,
    /// Tokens per optimizer step.
    pub batch: Value<Tokens>,
    /// Time that a checkpoint takes from the training.
    pub checkpoint: Value<Time>,
    /// Time from a failure to the next useful step, without the work that is lost.
    pub restart: Value<Time>,
    /// Failures, where they are known better than the model's constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<Value<NodeFailureRate>>,
    /// How the job is spread; searched for where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// A scenario with everything it names looked up and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast<'a> {
    /// Its name.
    pub name: String,
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its accelerator.
    pub accelerator: &'a Accelerator,
    /// How its products depend on their extents, where others measured it.
    pub surface: Option<&'a Surface>,
    /// Its boxes.
    pub node: &'a Node,
    /// Its network.
    pub fabric: &'a FabricKind,
    /// The job.
    pub job: &'a Transformer,
    /// The constants of the model.
    pub constants: &'a ConstantsFile,
    /// What is trained at once.
    pub run: Run,
    /// Plain numbers of the hardware.
    pub machine: Machine,
}

impl<'a> Forecast<'a> {
    /// Looks up and checks the scenario of that name.
    pub fn new(catalog: &'a Catalog, name: &str) -> Result<Self> {
        let scenario = catalog.scenario(name)?;
        Self::resolve(catalog, name, scenario).map_err(|e| e.context(format!("scenario `{name}`")))
    }

    fn resolve(catalog: &'a Catalog, name: &str, scenario: &'a Scenario) -> Result<Self> {
        let cluster = catalog.cluster(&scenario.cluster)?;
        let accelerator = catalog.accelerator(&cluster.accelerator)?;
        let node = catalog.node(&cluster.node)?;
        let fabric = catalog.fabric(&cluster.fabric)?;
        let job = catalog.job(&scenario.job)?;
        job.check(&scenario.job)?;
        let fail = |field: &str, why: String| Err(Error::usage(format!("`{field}`: {why}")));
        let whole = |value: f64| value >= 1.0 && value.fract() == 0.0;
        let count = scenario.accelerators.as_ref().unwrap_or(&cluster.accelerators).value;
        if !whole(count) {
            return fail("accelerators", format!("{count} is no whole number"));
        }
        if count > cluster.accelerators.value {
            return fail("accelerators", format!("{count} of a cluster of {}", cluster.accelerators.value));
        }
        for (field, value) in [("accelerators", &node.accelerators), ("scale_up_domain", &node.scale_up_domain)] {
            if !whole(value.value) {
                return fail(field, format!("node `{}`: {} is no whole number", cluster.node, value.value));
            }
        }
        let sequence = scenario.sequence.value;
        if !whole(sequence) {
            return fail("sequence", format!("{sequence} is no whole number of tokens"));
        }
        let batch = scenario.batch.value / sequence;
        if !whole(batch) {
            return fail(
                "batch",
                format!("{} tokens are no whole number of sequences of {sequence}", scenario.batch.value),
            );
        }
        if scenario.tokens.value < scenario.batch.value {
            return fail("tokens", "fewer than one batch".into());
        }
        if fabric.oversubscription.value < 1.0 {
            return fail("oversubscription", format!("{} is below 1", fabric.oversubscription.value));
        }
        let run = Run { sequence, batch, stack: Stack::Fused, causal: 0.5 };
        if let Some(layout) = &scenario.layout {
            layout.check(job, &run)?;
            if layout.accelerators() as f64 != count {
                return fail("layout", format!("`{layout}` takes {} accelerators, not {count}", layout.accelerators()));
            }
        }
        let Some(machine) =
            Machine::new(accelerator, catalog.surface(&cluster.accelerator), node, fabric, scenario.format, count)
        else {
            let known: Vec<_> = accelerator.peak.keys().map(|f| f.as_str()).collect();
            return Err(Error::usage(format!(
                "`format`: no {} peak is known of `{}`",
                scenario.format, cluster.accelerator
            ))
            .hint(format!("one of {}", known.join(", "))));
        };
        Ok(Forecast {
            name: name.into(),
            scenario,
            cluster,
            accelerator,
            surface: catalog.surface(&cluster.accelerator),
            node,
            fabric,
            job,
            constants: &catalog.constants,
            run,
            machine,
        })
    }
}
