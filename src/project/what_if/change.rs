//! One change of a scenario: `key=2x` or `key=800 Gbit/s`.
//!
//! Grammar: a what-if is one change or several joined by commas, which then hold together. A change is
//! `KEY=FACTORx` (times the value that is there, its range scaled along) or `KEY=NUMBER UNIT` (in place
//! of it, taken as exact); counts need no unit, and `precision` takes a number format.

use crate::cluster::Format;
use crate::error::{Error, Result};
use crate::project::catalog::{Catalog, Source};
use crate::project::scaling::grow;
use crate::project::scenario::Forecast;
use crate::provenance::Tier;
use crate::sourced::{Spread, Stamp, Value};
use crate::units::{Dimension, split, to_base};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Network bandwidth per accelerator and direction.
    Nic,
    /// Accelerators on one scale-up link.
    Domain,
    /// Number format of the products.
    Precision,
    /// Failures per node.
    Failures,
    /// Memory per accelerator.
    Memory,
    /// Its bandwidth.
    MemoryBandwidth,
    /// Accelerators of the job; the cluster grows where it has to.
    Accelerators,
    /// Tokens per step.
    Batch,
    /// Time from a failure to the next useful step.
    Restart,
    /// Time that a checkpoint takes from the training.
    Checkpoint,
    /// Facility power over that of its computers.
    Pue,
    /// What the grid gives.
    Cap,
    /// Price of the energy.
    Tariff,
    /// Rent per accelerator and hour.
    Rent,
    /// Purchase per accelerator.
    Capex,
}

impl Key {
    /// Every key with its name and a value that it takes.
    pub const ALL: [(Key, &'static str, &'static str); 15] = [
        (Key::Nic, "nic", "800Gbit/s"),
        (Key::Domain, "domain", "72"),
        (Key::Precision, "precision", "fp8"),
        (Key::Failures, "failures", "0.5x"),
        (Key::Memory, "memory", "192GB"),
        (Key::MemoryBandwidth, "memory_bandwidth", "8TB/s"),
        (Key::Accelerators, "accelerators", "2x"),
        (Key::Batch, "batch", "16Mtoken"),
        (Key::Restart, "restart", "60s"),
        (Key::Checkpoint, "checkpoint", "2s"),
        (Key::Pue, "pue", "1.1"),
        (Key::Cap, "cap", "150MW"),
        (Key::Tariff, "tariff", "5cent/kWh"),
        (Key::Rent, "rent", "0.5x"),
        (Key::Capex, "capex", "0.5x"),
    ];

    fn name(self) -> &'static str {
        Key::ALL.iter().find(|(key, ..)| *key == self).map_or("", |(_, name, _)| name)
    }
}

/// By how much.
#[derive(Debug, Clone, PartialEq)]
enum Amount {
    /// Times what is there.
    Factor(f64),
    /// In place of it: a number, and a unit where one was written.
    Absolute(f64, String),
    /// A number format.
    Format(Format),
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    key: Key,
    amount: Amount,
}

/// Changes that hold together, as they were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct WhatIf {
    text: String,
    changes: Vec<Change>,
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for WhatIf {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let changes: Vec<Change> = text.split(',').map(str::parse).collect::<Result<_>>()?;
        for (place, change) in changes.iter().enumerate() {
            if changes[..place].iter().any(|c| c.key == change.key) {
                return Err(Error::usage(format!("`{}` is changed twice", change.key.name())));
            }
        }
        Ok(WhatIf { text: text.into(), changes })
    }
}

impl FromStr for Change {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let keys = || {
            let all: Vec<_> = Key::ALL.iter().map(|(_, name, value)| format!("{name}={value}")).collect();
            format!("one of {}; `2x` is a factor", all.join(", "))
        };
        let Some((name, value)) = text.split_once('=') else {
            return Err(Error::usage(format!("`{text}` is no change: `KEY=VALUE`")).hint(keys()));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(&(key, ..)) = Key::ALL.iter().find(|(_, known, _)| *known == name) else {
            return Err(Error::usage(format!("unknown change `{name}`")).hint(keys()));
        };
        if key == Key::Precision {
            return Ok(Change { key, amount: Amount::Format(value.parse()?) });
        }
        let bad = || Error::usage(format!("`{name}`: `{value}` is neither a factor nor a number")).hint(keys());
        let (number, unit) = split(value).ok_or_else(bad)?;
        if unit != "x" {
            return Ok(Change { key, amount: Amount::Absolute(number, unit.into()) });
        }
        if !(number.is_finite() && (1e-3..=1e3).contains(&number)) {
            return Err(Error::usage(format!("`{name}`: `{value}` is a factor that is not from 0.001 to 1000")));
        }
        Ok(Change { key, amount: Amount::Factor(number) })
    }
}

/// Id of the source of what a what-if puts in place.
const SOURCE: &str = "what-if";
/// Date of what is put where nothing was: that of no document.
const DATE: &str = "2026";

impl WhatIf {
    /// The catalogue with the changes made to all that the scenario of that name uses. Errors: a unit
    /// of another kind, an impossible value, a name that is not there.
    pub fn applied(&self, catalog: &Catalog, scenario: &str) -> Result<Catalog> {
        let mut catalog = catalog.clone();
        catalog.sources.insert(
            SOURCE.into(),
            Source { title: "a change that was asked for, not a fact".into(), locator: format!("--what-if {self}") },
        );
        for change in &self.changes {
            change.apply(&mut catalog, scenario).map_err(|e| e.context(format!("what-if `{self}`")))?;
        }
        Ok(catalog)
    }
}

impl Change {
    fn apply(&self, catalog: &mut Catalog, name: &str) -> Result<()> {
        if matches!(self.key, Key::Nic | Key::Domain) && !catalog.scenario(name)?.measured_fabric.is_empty() {
            return Err(Error::usage("the fabric was measured, and a measured time does not change with the link")
                .hint("leave `--fabric` (or `measured_fabric`) out to ask what another network would do"));
        }
        let (usual, price) = {
            let forecast = Forecast::new(catalog, name)?;
            (forecast.site, forecast.price)
        };
        let constants = catalog.constants.failure_rate.clone();
        // Looked up above, and again by `Forecast`, which has the messages.
        let Some(scenario) = catalog.scenarios.get_mut(name) else { return Ok(()) };
        let Some(cluster) = catalog.clusters.get_mut(&scenario.cluster) else { return Ok(()) };
        // Parts of a cluster may have boxes and accelerators of their own: all of them change.
        let halves = || cluster.half.values();
        let nodes: BTreeSet<_> = halves().filter_map(|h| h.node.clone()).chain([cluster.node.clone()]).collect();
        let chips: BTreeSet<_> =
            halves().filter_map(|h| h.accelerator.clone()).chain([cluster.accelerator.clone()]).collect();
        for (_, node) in catalog.nodes.iter_mut().filter(|(name, _)| nodes.contains(*name)) {
            match self.key {
                Key::Nic => self.change(&mut node.scale_out, "")?,
                Key::Domain => self.change(&mut node.scale_up_domain, "accelerator")?,
                _ => {}
            }
        }
        for (_, chip) in catalog.accelerators.iter_mut().filter(|(name, _)| chips.contains(*name)) {
            match self.key {
                Key::Memory => self.change(&mut chip.memory, "")?,
                Key::MemoryBandwidth => self.change(&mut chip.memory_bandwidth, "")?,
                _ => {}
            }
        }
        match self.key {
            Key::Nic | Key::Domain | Key::Memory | Key::MemoryBandwidth => Ok(()),
            Key::Restart => self.change(&mut scenario.restart, ""),
            Key::Checkpoint => self.set(&mut scenario.checkpoint, None, ""),
            Key::Failures => self.set(&mut scenario.failure_rate, Some(&constants), ""),
            Key::Pue => self.set(&mut scenario.site.get_or_insert_default().pue, usual.pue.as_ref(), "1"),
            Key::Cap => self.set(&mut scenario.site.get_or_insert_default().power_cap, usual.power_cap.as_ref(), ""),
            Key::Tariff => self.set(&mut scenario.site.get_or_insert_default().tariff, usual.tariff.as_ref(), ""),
            Key::Rent => self.set(&mut scenario.price.get_or_insert_default().rent, price.rent.as_ref(), ""),
            Key::Capex => self.set(&mut scenario.price.get_or_insert_default().capex, price.capex.as_ref(), ""),
            Key::Precision => {
                if let Amount::Format(format) = self.amount {
                    scenario.format = format;
                }
                Ok(())
            }
            Key::Batch => {
                self.change(&mut scenario.batch, "")?;
                if let Amount::Factor(_) = self.amount {
                    // A factor seldom hits a whole number of sequences.
                    let sequence = scenario.sequence.value;
                    scenario.batch.value = (scenario.batch.value / sequence).round().max(1.0) * sequence;
                }
                Ok(())
            }
            Key::Accelerators => {
                let count = scenario.accelerators.get_or_insert_with(|| cluster.accelerators.clone());
                self.change(count, "accelerator")?;
                count.value = count.value.round().max(1.0);
                grow(cluster, count.value);
                Ok(())
            }
        }
    }

    /// Changes a value that may be absent: then it is begun from the usual one, or put in place.
    fn set<D: Dimension>(&self, value: &mut Option<Value<D>>, usual: Option<&Value<D>>, unit: &str) -> Result<()> {
        if value.is_none() {
            *value = usual.cloned();
        }
        match (value, &self.amount) {
            (Some(value), _) => self.change(value, unit),
            (empty, Amount::Absolute(number, written)) => {
                let unit = if written.is_empty() { unit } else { written };
                let stamp = Stamp { tier: Tier::Assumed, source: SOURCE.into(), date: DATE.into() };
                *empty = Some(Value::exact(*number, unit, stamp).map_err(|why| self.fail(why))?);
                Ok(())
            }
            (_, _) => Err(self.fail("there is none here to take a factor of".into()).hint("give a number with a unit")),
        }
    }

    fn fail(&self, why: String) -> Error {
        Error::usage(format!("`{}`: {why}", self.key.name()))
    }

    /// Changes one value; `unit` is the one of a bare number, where there is such a one.
    fn change<D: Dimension>(&self, value: &mut Value<D>, unit: &str) -> Result<()> {
        let fail = |why: String| self.fail(why);
        let unit_of = |written: &str| if written.is_empty() { unit.to_string() } else { written.to_string() };
        match &self.amount {
            Amount::Factor(factor) => {
                let scaled = value.written() * factor;
                value.value = to_base::<D>(scaled, value.unit()).map_err(fail)?;
                if let Spread::Range { low, high } = &mut value.spread {
                    *low *= factor;
                    *high *= factor;
                }
            }
            Amount::Absolute(number, written) => {
                value.value = to_base::<D>(*number, &unit_of(written)).map_err(fail)?;
                value.spread = Spread::None;
                value.stamp = Stamp { tier: Tier::Assumed, source: SOURCE.into(), date: value.stamp.date.clone() };
            }
            Amount::Format(_) => {}
        }
        Ok(())
    }
}
