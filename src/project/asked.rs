//! What a search is asked for, looked up and checked.

use super::catalog::Catalog;
use super::machine::Machine;
use super::parts::{OnParts, Usual, mean_rated, parts, usual_price};
use super::scenario::{counted, medians, possible, switched_on};
use super::search::{Found, Losses, Objective, Power, Rules, Watch, search_watched};
use crate::cluster::failures::Running;
use crate::cluster::power::{Basis, Supply};
use crate::cluster::{FabricTable, Format};
use crate::error::{Error, Result};
use crate::job::{Run, Stack, Transformer};

/// What to search on and for.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// Name of a job.
    pub job: String,
    /// Number format of the products.
    pub format: Format,
    /// Tokens per sequence; the job's own where absent.
    pub sequence: Option<u32>,
    /// What it may choose from.
    pub rules: Rules,
    /// Sequences per step; where absent the smallest power of two that gives each accelerator 2,500
    /// tokens, the least that keeps one busy.
    pub batch: Option<u32>,
    /// What was measured on the fabric itself.
    pub fabric: Option<FabricTable>,
    /// Exposed cost of a checkpoint, seconds.
    pub checkpoint: f64,
    /// From a failure to the next useful step, seconds.
    pub restart: f64,
}

/// Checkpoint and restart where nothing is said: as in the built-in scenarios (a copy to the host's
/// memory and its way out; MegaScale's recovery), seconds.
pub const USUAL_LOSSES: (f64, f64) = (30.0, 300.0);

/// Where a job is to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// A named cluster.
    Cluster(String),
    /// So many of an accelerator, in the box and on the network that it usually comes in.
    Count(String, u32),
}

/// A target looked up: job, run and machine.
pub struct Asked<'a> {
    pub(super) job: &'a Transformer,
    pub(super) run: Run,
    pub(super) machine: Machine,
    /// Mean peak of all parts over that of the machine's accelerator: what utilisation is of.
    pub(super) peak: f64,
    /// What parts of the cluster differ in, and whose pace it is: to be said.
    pub(super) parts_note: Option<String>,
    pub(super) rules: Rules,
    pub(super) power_known: bool,
    /// Accelerators that were asked for.
    pub(super) asked: f64,
}

impl<'a> Asked<'a> {
    /// Looks up and checks a target.
    pub fn new(catalog: &'a Catalog, target: &Target) -> Result<Self> {
        let job = catalog.job(&target.job)?;
        job.check(&target.job)?;
        let mut named = None;
        let (accelerator, node_name, fabric, count) = match &target.place {
            Place::Cluster(name) => {
                let c = catalog.cluster(name)?;
                named = Some(c);
                (c.accelerator.as_str(), c.node.as_str(), c.fabric.as_str(), c.accelerators.value)
            }
            Place::Count(name, count) => {
                let node = catalog.accelerator(name)?.node.as_deref().ok_or_else(|| {
                    Error::usage(format!("`{name}`: no box of it is known")).hint("name a cluster instead")
                })?;
                let fabric = catalog.node(node)?.fabric.as_deref().ok_or_else(|| {
                    Error::usage(format!("`{node}`: no network of it is known")).hint("name a cluster instead")
                })?;
                (name.as_str(), node, fabric, f64::from(*count))
            }
        };
        if !(1.0..=1e7).contains(&count) {
            let what = match &target.place {
                Place::Cluster(name) => format!("cluster `{name}`: `accelerators`:"),
                Place::Count(..) => "`--count`".into(),
            };
            return Err(Error::usage(format!("{what} {count} is not from 1 to 10000000")));
        }
        let chip = catalog.accelerator(accelerator)?;
        let (node, fabric) = (catalog.node(node_name)?, catalog.fabric(fabric)?);
        let usual = |kind: &str| Error::usage(format!("no `[{kind}.usual]` in the catalogue"));
        let mut site = catalog.sites.get("usual").ok_or_else(|| usual("site"))?.clone();
        site.power_cap = named.and_then(|c| c.power.clone());
        let in_place = |e: Error| match &target.place {
            Place::Cluster(name) => e.context(format!("cluster `{name}`")),
            Place::Count(..) => e,
        };
        let halves = named.map(|c| parts(catalog, c, target.format)).transpose().map_err(in_place)?.unwrap_or_default();
        named.map_or(Ok(()), |c| counted("accelerators", &c.accelerators)).map_err(in_place)?;
        possible(count, (accelerator, chip), (node_name, node), fabric, &halves).map_err(in_place)?;
        let rated = mean_rated(chip, node, &halves).map(|(fact, basis, _)| (fact, basis));
        let asked = count;
        // What the site cannot feed is not there.
        let count = switched_on(asked, node, &site, rated.as_ref())?;
        let all = Usual { kind: accelerator, node, fabric };
        let mut on_parts = OnParts::new(catalog, &all, (target.format, "--precision"), count, &halves)?;
        on_parts.measured_on(target.fabric.as_ref());
        let mut machine = on_parts.machine;
        machine.derate *= on_parts.pace(&halves);
        let sequence = target.sequence.unwrap_or(job.sequence);
        let busy = (2_500.0 * count / f64::from(sequence)).ceil().clamp(1.0, 1e8) as u32;
        let batch = target.batch.unwrap_or_else(|| busy.next_power_of_two());
        if sequence == 0 || batch == 0 {
            return Err(Error::usage("`--sequence` and `--batch` are whole numbers from 1"));
        }
        let run = Run { sequence: f64::from(sequence), batch: f64::from(batch), stack: Stack::Fused, causal: 0.5 };
        // A box's own rated power, else its accelerators' times what boxes usually have over theirs.
        let supply = Supply::from_row(&medians(site.facts()));
        let each = rated.map(|(fact, basis)| match basis {
            Basis::Accelerator => supply.box_over_accelerators * fact.value,
            Basis::Box => fact.value,
        });
        let power = Power { rated: each.unwrap_or(1.0), computing: supply.computing, waiting: supply.waiting };
        for (flag, seconds) in [("--checkpoint", target.checkpoint), ("--restart", target.restart)] {
            if !(seconds > 0.0 && seconds <= 1e7) {
                return Err(Error::usage(format!("`{flag}`: {seconds} s is not above 0 and at most 1e7 s")));
            }
        }
        let operations = catalog.operations.get("usual").ok_or_else(|| usual("operations"))?;
        let losses = Losses {
            running: Running::from_row(&medians(operations.facts())),
            params: job.params(),
            rate: catalog.constants.failure_rate.value,
            checkpoint: target.checkpoint,
            restart: target.restart,
        };
        let price = match named {
            Some(cluster) => usual_price(catalog, cluster, &halves),
            None => catalog.price(accelerator).cloned().unwrap_or_default(),
        };
        let rent = price.rent.map(|v| v.value);
        let missing = match target.rules.objective {
            Objective::Energy if each.is_none() => Some("power"),
            Objective::Cost if rent.is_none() => Some("price"),
            _ => None,
        };
        if let Some(what) = missing {
            return Err(Error::usage(format!(
                "`--objective {}`: no {what} is known of `{accelerator}`",
                target.rules.objective.as_str()
            ))
            .hint("`--objective step` or `--objective days` need none"));
        }
        let rules = Rules { power, losses: Some(losses), rent, ..target.rules };
        let parts_note = on_parts.held_by(&halves).map(|slowest| {
            format!("a synchronous job over all parts keeps to the rate of `{}` (`{}`)", slowest.name, slowest.kind)
        });
        Ok(Asked { job, run, machine, peak: on_parts.peak, parts_note, rules, power_known: each.is_some(), asked })
    }

    /// The search itself, at the medians of the constants: what a clock is to be held to.
    pub fn search(&self, catalog: &Catalog, watch: &Watch) -> Found {
        search_watched(&self.rules, self.job, &self.run, &self.machine, &catalog.constants.medians(), None, watch)
    }
}
