//! A scenario: a job on a cluster and what a run of it needs.

use super::catalog::Catalog;
use super::constants::ConstantsFile;
use super::entries::Scenario;
use super::machine::Machine;
use super::parts::{OnParts, Part, Usual, mean_rated, parts, usual_price};
use super::sweep::Swept;
use crate::cluster::power::{Basis, Supply};
use crate::cluster::{Accelerator, Cluster, FabricKind, FabricTable, Node, Operations, Price, Site};
use crate::error::{Error, Result};
use crate::job::{Layout, Run, Stack, Transformer};
use crate::provenance::Provenance;
use crate::sourced::{Fact, Spread, Value};
use crate::units::Dimension;

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
    /// How its products depend on their extents: its own, or those of one that is like it.
    pub surface: Swept<'a>,
    /// Its boxes.
    pub node: &'a Node,
    /// Its network.
    pub fabric: &'a FabricKind,
    /// What was measured on it here.
    pub fabric_table: Option<FabricTable>,
    /// The job.
    pub job: &'a Transformer,
    /// The constants of the model.
    pub constants: &'a ConstantsFile,
    /// What is trained at once.
    pub run: Run,
    /// Plain numbers of the hardware that works: what every part of it has, at the slowest one's rates.
    pub machine: Machine,
    /// The same of each part.
    pub on_parts: OnParts,
    /// How the cluster is run.
    pub operations: Operations,
    /// The site.
    pub site: Site,
    /// Prices, where they are known.
    pub price: Price,
    /// Parts of the cluster that differ, with the boxes of each; empty where all of it is alike.
    pub halves: Vec<Part<'a>>,
    /// Rated power of an accelerator with its share of the box (or of itself alone), the mean over all
    /// parts; absent where it is not known.
    pub rated: Option<(Fact, Basis)>,
    /// Tier and sources of it, those of all parts together.
    pub rated_provenance: Option<Provenance>,
    /// Accelerators asked for.
    pub asked: f64,
    /// Accelerators that can be switched on: all, or what fits under the power cap.
    pub on: f64,
}

/// Medians of a table of optional values.
pub(super) fn medians(facts: Vec<Option<Fact>>) -> Vec<f64> {
    facts.into_iter().map(|f| f.map_or(f64::NAN, |f| f.value)).collect()
}

impl<'a> Forecast<'a> {
    /// Looks up and checks the scenario of that name.
    pub fn new(catalog: &'a Catalog, name: &str) -> Result<Self> {
        let scenario = catalog.scenario(name)?;
        Self::resolve(catalog, name, scenario).map_err(|e| e.context(format!("scenario `{name}`")))
    }

    /// The same with its batch rounded to what the replicas of `layout` divide, by 1 % at most.
    #[must_use]
    pub fn rounded_to(mut self, layout: &Layout) -> Self {
        self.run.batch = layout.rounded_batch(&self.run);
        self
    }

    /// Names of its accelerators of which nobody published a measured product: of those of its parts where they differ.
    pub fn unmeasured(&self) -> Vec<&'a str> {
        self.kinds(|a, surface| surface.transferred && a.achieved.is_empty())
    }

    /// Names of its accelerators for which something is so, each once: of those of its parts where they differ.
    pub fn kinds(&self, so: impl Fn(&Accelerator, Swept) -> bool) -> Vec<&'a str> {
        let own = [(self.cluster.accelerator.as_str(), self.accelerator, self.surface)];
        let parts: Vec<_> = self.halves.iter().map(|p| (p.kind, p.accelerator, p.surface)).collect();
        let all = if parts.is_empty() { own.to_vec() } else { parts };
        let mut names: Vec<&str> = all.into_iter().filter(|(_, a, s)| so(a, *s)).map(|(name, ..)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn resolve(catalog: &'a Catalog, name: &str, scenario: &'a Scenario) -> Result<Self> {
        let cluster = catalog.cluster(&scenario.cluster)?;
        let accelerator = catalog.accelerator(&cluster.accelerator)?;
        let node = catalog.node(&cluster.node)?;
        let fabric = catalog.fabric(&cluster.fabric)?;
        let job = catalog.job(&scenario.job)?;
        job.check(&scenario.job)?;
        let fail = |field: &str, why: String| Err(Error::usage(format!("`{field}`: {why}")));
        let asked = scenario.accelerators.as_ref().unwrap_or(&cluster.accelerators).value;
        let halves = parts(catalog, cluster, scenario.format)?;
        for count in [Some(&cluster.accelerators), scenario.accelerators.as_ref()].into_iter().flatten() {
            counted("accelerators", count)?;
        }
        possible(asked, (&cluster.accelerator, accelerator), (&cluster.node, node), fabric, &halves)?;
        if asked > cluster.accelerators.value {
            return fail("accelerators", format!("{asked} of a cluster of {}", cluster.accelerators.value));
        }
        let usual = |kind: &str| Error::usage(format!("no `[{kind}.usual]` in the catalogue"));
        let operations = catalog.operations.get("usual").ok_or_else(|| usual("operations"))?;
        let operations = scenario.operations.as_ref().map_or_else(|| operations.clone(), |o| o.over(operations));
        let site = catalog.sites.get("usual").ok_or_else(|| usual("site"))?;
        let mut site = scenario.site.as_ref().map_or_else(|| site.clone(), |s| s.over(site));
        if site.power_cap.is_none() {
            site.power_cap.clone_from(&cluster.power);
        }
        let price = usual_price(catalog, cluster, &halves);
        let price = scenario.price.as_ref().map_or_else(|| price.clone(), |p| p.over(&price));
        let rated = mean_rated(accelerator, node, &halves);
        let (rated, rated_provenance) = rated.map_or((None, None), |(f, b, p)| (Some((f, b)), Some(p)));
        let on = switched_on(asked, node, &site, rated.as_ref())?;
        let count = working(on, node, &operations)?;
        check(scenario, &operations, &site, &price)?;
        exact("sequence", &scenario.sequence, "state one length, and another in a scenario of its own")?;
        exact(
            "batch",
            &scenario.batch,
            "state one batch; `flopcast project --what-if batch=2x` forecasts another beside it",
        )?;
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
        let run = Run { sequence, batch, stack: Stack::Fused, causal: 0.5 };
        if let Some(layout) = &scenario.layout {
            layout.check(job, &run)?;
            // A search leaves a few idle where stages and replicas do not come out; more is a mistake.
            let taken = layout.accelerators() as f64;
            if taken > count || taken < (1.0 - MOST_IDLE) * count {
                let error = format!("`{layout}` takes {taken} accelerators, not {count}");
                let hint =
                    format!("state `accelerators` where it is to run on {taken}; the ranks multiply: tp·pp·dp·cp");
                return fail("layout", error).map_err(|e| e.hint(hint));
            }
        }
        let usual = Usual { kind: &cluster.accelerator, node, fabric };
        let mut on_parts = OnParts::new(catalog, &usual, (scenario.format, "format"), count, &halves)?;
        let fabric_table = catalog.fabric_table(&scenario.measured_fabric)?;
        on_parts.measured_on(fabric_table.as_ref());
        Ok(Forecast {
            name: name.into(),
            scenario,
            cluster,
            accelerator,
            surface: catalog.surface(&cluster.accelerator, scenario.format)?,
            node,
            fabric,
            fabric_table,
            job,
            constants: &catalog.constants,
            run,
            machine: on_parts.machine,
            on_parts,
            operations,
            site,
            price,
            halves,
            rated,
            rated_provenance,
            asked,
            on,
        })
    }
}

fn whole(value: f64) -> bool {
    value >= 1.0 && value.fract() == 0.0
}

/// Refuses a range of what a layout is made for: it would be drawn beside the layout of one value alone, or not at all.
fn exact<D: Dimension>(field: &str, value: &Value<D>, hint: &str) -> Result<()> {
    match value.spread {
        Spread::None => Ok(()),
        _ => Err(Error::usage(format!("`{field}`: a range, but a layout is made for one value")).hint(hint)),
    }
}

/// Refuses a range of a number of accelerators.
pub(super) fn counted<D: Dimension>(field: &str, count: &Value<D>) -> Result<()> {
    exact(field, count, "state one count; `flopcast scale --from LOW --to HIGH` forecasts those between two")
}

/// Why a value cannot be, if it cannot: where it or what is drawn of it is outside of `low` to `high`, which `limits` says.
fn outside<D: Dimension>(value: &Value<D>, low: f64, high: f64, limits: &str) -> Option<String> {
    let [least, most] = value.spread.reach(value.value);
    if low <= least && most <= high {
        return None;
    }
    Some(match value.spread {
        Spread::None => format!("{} is {limits}", value.value),
        Spread::Range { .. } => format!("a range from {least} to {most} is {limits}"),
        Spread::Log(sd) => {
            format!("{} with an `sd_log` of {sd} comes to {least:.3} and {most:.3}, which is {limits}", value.value)
        }
    })
}

/// The least share that is taken: with next to nothing no step ends.
const LEAST: f64 = 0.001;

/// Refuses hardware that cannot be: fractions of accelerators, boxes or domains, those of parts too, shares of more than
/// all or of nothing, and a network with more bandwidth above than below. What forecasts and searches both ask.
pub(super) fn possible(
    asked: f64,
    chip: (&str, &Accelerator),
    usual: (&str, &Node),
    fabric: &FabricKind,
    parts: &[Part],
) -> Result<()> {
    let fail = |field: &str, why: String| Err(Error::usage(format!("`{field}`: {why}")));
    if !whole(asked) {
        return fail("accelerators", format!("{asked} is no whole number"));
    }
    let own = parts.iter().map(|p| (p.half.node.as_deref().unwrap_or(usual.0), p.node));
    for (name, node) in std::iter::once(usual).chain(own) {
        for (field, value) in [("accelerators", &node.accelerators), ("scale_up_domain", &node.scale_up_domain)] {
            if !whole(value.value) {
                return fail(field, format!("node `{name}`: {} is no whole number", value.value));
            }
            counted(field, value).map_err(|e| e.context(format!("node `{name}`")))?;
        }
    }
    for (name, chip) in std::iter::once(chip).chain(parts.iter().map(|p| (p.kind, p.accelerator))) {
        if let Some(why) = chip.derate.as_ref().and_then(|v| outside(v, LEAST, 1.0, "not from 0.001 to 1")) {
            return fail("derate", format!("accelerator `{name}`: {why}"));
        }
    }
    if let Some(why) = outside(&fabric.efficiency, LEAST, 1.0, "not from 0.001 to 1") {
        return fail("efficiency", why);
    }
    if let Some(why) = outside(&fabric.oversubscription, 1.0, f64::INFINITY, "below 1") {
        return fail("oversubscription", why);
    }
    for part in parts {
        counted(&format!("half.{}.accelerators", part.name), &part.half.accelerators)?;
        if let Some(why) = part.half.pace.as_ref().and_then(|v| outside(v, LEAST, 10.0, "not from 0.001 to 10")) {
            return fail(&format!("half.{}.pace", part.name), why);
        }
    }
    Ok(())
}

/// Share of the accelerators that a stated layout may leave idle.
const MOST_IDLE: f64 = 0.01;

/// How many accelerators the power cap lets be switched on, whole boxes.
pub(super) fn switched_on(asked: f64, node: &Node, site: &Site, rated: Option<&(Fact, Basis)>) -> Result<f64> {
    let Some(cap) = &site.power_cap else { return Ok(asked) };
    let Some((rated, basis)) = rated else {
        return Err(Error::usage("`site.power_cap`: the power of neither box nor accelerator is known")
            .hint("give the node or the accelerator a `power`"));
    };
    let supply = Supply::from_row(&medians(site.facts()));
    let factor = if *basis == Basis::Accelerator { supply.box_over_accelerators } else { 1.0 };
    let one = supply.laid_out(rated.value * factor) * node.accelerators.value;
    let boxes = (cap.value / one).floor();
    if boxes < 1.0 {
        return Err(Error::usage(format!(
            "`site.power_cap`: {} {} switch on no box: one needs {:.2} kW ({:.2} kW rated × {} at most drawn × {:.3} \
             network and storage × {} PUE)",
            cap.written(),
            cap.unit(),
            one / 1e3,
            rated.value * factor * node.accelerators.value / 1e3,
            supply.highest,
            1.0 + supply.network + supply.storage,
            supply.pue
        )));
    }
    Ok(asked.min(boxes * node.accelerators.value))
}

/// What is left to work when the spares stand by.
fn working(on: f64, node: &Node, operations: &Operations) -> Result<f64> {
    let Some(spares) = &operations.spares else { return Ok(on) };
    if spares.value.fract() != 0.0 {
        return Err(Error::usage(format!("`operations.spares`: {} is no whole number", spares.value)));
    }
    if operations.repair.is_none() {
        return Err(Error::usage("`operations.spares`: without `repair` nothing says how long one is in use"));
    }
    let left = on - spares.value;
    if left < node.accelerators.value {
        return Err(Error::usage(format!(
            "`operations.spares`: {} of {on} accelerators stand by, {left} are left to work; less than one box of {}",
            spares.value, node.accelerators.value
        ))
        .of_too_few());
    }
    Ok(left)
}

/// Fields that contradict each other, and shares that are none.
fn check(scenario: &Scenario, o: &Operations, site: &Site, price: &Price) -> Result<()> {
    let fail = |field: &str, why: String| Err(Error::usage(format!("`{field}`: {why}")));
    let asynchronous = o.asynchronous == Some(true);
    match (&scenario.checkpoint, &o.storage_bandwidth) {
        (Some(_), Some(_)) => {
            return fail("checkpoint", "stated, and to follow from `operations.storage_bandwidth`: one of them".into());
        }
        (None, None) => {
            return fail(
                "checkpoint",
                "missing, and there is no `operations.storage_bandwidth` to take it from".into(),
            );
        }
        (None, Some(_)) if o.checkpoint_bytes.is_none() => {
            return fail("operations.checkpoint_bytes", "missing: the checkpoint follows from it".into());
        }
        (None, Some(_)) if asynchronous && o.host_bandwidth.is_none() => {
            return fail("operations.host_bandwidth", "missing: an asynchronous checkpoint goes over it".into());
        }
        (Some(_), None) if asynchronous => {
            return fail("operations.asynchronous", "`checkpoint` states the cost already".into());
        }
        _ => {}
    }
    let shares: f64 =
        [&o.accelerator_share, &o.node_share, &o.switch_share].iter().filter_map(|v| v.as_ref()).map(|v| v.value).sum();
    if shares > 1.0 + 1e-9 {
        return fail("operations.accelerator_share", format!("the shares of failures sum to {shares:.3}"));
    }
    if o.interval.as_ref().is_some_and(|v| v.spread.reach(v.value)[0] <= 0.0) {
        return fail("operations.interval", "no work between checkpoints".into());
    }
    macro_rules! within {
        ($table:literal, $from:expr, $low:literal, $high:literal, [$($field:ident),+]) => {
            $(if let Some(v) = &$from.$field
                && let Some(why) = outside(v, $low, $high, &format!("not from {} to {}", $low, $high))
            {
                return fail(concat!($table, ".", stringify!($field)), why);
            })+
        };
    }
    within!("site", site, 0.01, 1.5, [computing, memory_bound, waiting, highest]);
    within!("site", site, 0.0, 1.5, [idle, network, storage, upkeep]);
    within!("site", site, 1.0, 5.0, [pue]);
    within!("site", site, 1.0, 10.0, [box_over_accelerators]);
    within!("site", site, 0.01, 1.0, [utilization]);
    within!("site", site, 0.1, 50.0, [life_years]);
    within!("price", price, 0.0, 1e7, [capex]);
    Ok(())
}
