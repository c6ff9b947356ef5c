//! Parts of a cluster whose boxes or accelerators differ. A synchronous job takes the least of each
//! figure and runs at the pace of the slowest.

use super::catalog::Catalog;
use super::machine::Machine;
use super::sweep::Swept;
use crate::cluster::power::{Basis, rated};
use crate::cluster::{Accelerator, Cluster, FabricKind, FabricTable, Format, Half, Node, Price};
use crate::error::{Error, Result};
use crate::provenance::Provenance;
use crate::sourced::{Fact, Spread, Value};
use crate::units::Dimension;

/// What there is to say of a figure of all parts together.
const MEAN: &str = "the mean over the parts of the cluster";

/// Most parts of a cluster.
pub const MAX_PARTS: usize = 4;

/// A part of a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part<'a> {
    /// Its name in the file.
    pub name: &'a str,
    /// What is stated of it.
    pub half: &'a Half,
    /// Name of its accelerator.
    pub kind: &'a str,
    /// Its accelerator.
    pub accelerator: &'a Accelerator,
    /// How that one's products depend on their extents.
    pub surface: Swept<'a>,
    /// Its boxes.
    pub node: &'a Node,
    /// Its share of the cluster's accelerators.
    pub share: f64,
}

/// What a job finds on the parts of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct OnParts {
    /// What every part has, at the rates of the slowest accelerator.
    pub machine: Machine,
    /// Each part by itself; empty where all of the cluster is alike.
    pub each: Vec<Machine>,
    /// Rate of each part's accelerator over that of the slowest, at least 1.
    pub relative: Vec<f64>,
    /// Which part has the slowest accelerator as listed; what it sustains is in [`OnParts::held_by`].
    pub slowest: usize,
    /// Mean peak of all parts over that of the slowest one's accelerator.
    pub peak: f64,
}

/// What a cluster is of, where its parts do not say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Usual<'a> {
    /// Name of its accelerator.
    pub kind: &'a str,
    /// Its boxes.
    pub node: &'a Node,
    /// Its network.
    pub fabric: &'a FabricKind,
}

impl OnParts {
    /// `count` accelerators in `format`, which `asked_as` asked for. Errors: no peak is known for the format.
    pub fn new(
        catalog: &Catalog,
        usual: &Usual,
        (format, asked_as): (Format, &str),
        count: f64,
        parts: &[Part],
    ) -> Result<Self> {
        let of = |kind: &str, accelerator: &Accelerator, node: &Node| {
            let published = catalog.published(kind)?;
            Machine::new(accelerator, published, node, usual.fabric, format, count).ok_or_else(|| {
                let known: Vec<_> = accelerator.peak.keys().map(|f| f.as_str()).collect();
                Error::usage(format!("`{asked_as}`: no {format} peak is known of `{kind}`"))
                    .hint(format!("one of {}", known.join(", ")))
            })
        };
        if parts.is_empty() {
            let machine = of(usual.kind, catalog.accelerator(usual.kind)?, usual.node)?;
            return Ok(OnParts { machine, each: vec![], relative: vec![], slowest: 0, peak: 1.0 });
        }
        let each: Vec<Machine> = parts.iter().map(|p| of(p.kind, p.accelerator, p.node)).collect::<Result<_>>()?;
        let slowest = (0..each.len()).fold(0, |s, i| if each[i].listed_rate() < each[s].listed_rate() { i } else { s });
        let machine = each.iter().fold(each[slowest], |all, one| all.least(one));
        let least = each[slowest].listed_rate();
        let peak = parts.iter().zip(&each).map(|(p, m)| p.share * m.peak).sum::<f64>() / each[slowest].peak;
        Ok(OnParts { machine, relative: each.iter().map(|m| m.listed_rate() / least).collect(), slowest, peak, each })
    }

    /// Rate that the slowest of the parts sustains over that of the slowest accelerator as listed, as
    /// they are stated: a synchronous job's. 1 where all of the cluster is alike.
    pub fn pace(&self, parts: &[Part]) -> f64 {
        self.sustained(parts).reduce(f64::min).unwrap_or(1.0)
    }

    /// The part that a synchronous job waits for, by accelerator and stated pace together; none where all sustain the
    /// same on the same accelerator.
    pub fn held_by<'p>(&self, parts: &'p [Part<'p>]) -> Option<&'p Part<'p>> {
        let all: Vec<f64> = self.sustained(parts).collect();
        let differ = self.relative.iter().any(|r| *r > 1.0) || all.windows(2).any(|two| two[0] != two[1]);
        let slowest = (0..all.len()).min_by(|a, b| all[*a].total_cmp(&all[*b]))?;
        differ.then(|| &parts[slowest])
    }

    /// Rate that each part sustains over that of the slowest accelerator as listed.
    fn sustained<'p>(&'p self, parts: &'p [Part]) -> impl Iterator<Item = f64> + 'p {
        let stated = |p: &Part| p.half.pace.as_ref().map_or(1.0, |v| v.value);
        self.relative.iter().zip(parts).map(move |(relative, p)| relative * stated(p))
    }

    /// Puts what was measured on the fabric in the place of the prior, for all and for each part.
    pub fn measured_on(&mut self, table: Option<&FabricTable>) {
        self.machine = self.machine.on(table);
        self.each.iter_mut().for_each(|m| *m = m.on(table));
    }
}

/// The parts of a cluster, which must make up all of it, for products in a format.
pub fn parts<'a>(catalog: &'a Catalog, cluster: &'a Cluster, format: Format) -> Result<Vec<Part<'a>>> {
    let all = cluster.accelerators.value;
    let mut parts = Vec::new();
    for (name, half) in &cluster.half {
        let kind = half.accelerator.as_deref().unwrap_or(&cluster.accelerator);
        if half.accelerator.is_some() && half.node.is_none() {
            return Err(Error::usage(format!("`half.{name}.node`: missing: boxes of `{kind}` are not the cluster's")));
        }
        let node = catalog.node(half.node.as_deref().unwrap_or(&cluster.node))?;
        let accelerator = catalog.accelerator(kind)?;
        let share = half.accelerators.value / all;
        parts.push(Part { name, half, kind, accelerator, surface: catalog.surface(kind, format)?, node, share });
    }
    let sum: f64 = parts.iter().map(|p| p.half.accelerators.value).sum();
    if !parts.is_empty() && sum != all {
        return Err(Error::usage(format!("`half`: parts of {sum} accelerators do not make the cluster's {all}")));
    }
    if parts.len() > MAX_PARTS {
        return Err(Error::usage(format!("`half`: {} parts; at most {MAX_PARTS}", parts.len())));
    }
    for p in &parts {
        if p.half.accelerators.value.fract() != 0.0 {
            let why = format!("{} is no whole number", p.half.accelerators.value);
            return Err(Error::usage(format!("`half.{}.accelerators`: {why}", p.name)));
        }
    }
    Ok(parts)
}

/// Rated power per accelerator, the mean over the parts, with all that it rests on. Of the boxes where
/// each part's is known, else of the accelerators of all.
pub fn mean_rated(accelerator: &Accelerator, node: &Node, parts: &[Part]) -> Option<(Fact, Basis, Provenance)> {
    if parts.is_empty() {
        let (fact, basis) = rated(node, accelerator)?;
        let provenance = fact.stamp.provenance();
        return Some((fact, basis, provenance));
    }
    let boxes: Option<Vec<Fact>> =
        parts.iter().map(|p| rated(p.node, p.accelerator).filter(|(_, b)| *b == Basis::Box).map(|(f, _)| f)).collect();
    let (facts, basis) = match boxes {
        Some(facts) => (facts, Basis::Box),
        None => {
            let own = parts.iter().map(|p| p.accelerator.power.as_ref().map(Fact::from));
            (own.collect::<Option<Vec<Fact>>>()?, Basis::Accelerator)
        }
    };
    let provenance = facts.iter().map(|f| f.stamp.provenance()).reduce(|a, b| a.join(&b))?;
    let sum = |of: &dyn Fn(&Fact) -> f64| parts.iter().zip(&facts).map(|(p, f)| p.share * of(f)).sum::<f64>();
    let value = sum(&|f| f.value);
    let spread = Spread::through(value, [0, 1].map(|end| sum(&|f| f.spread.band(f.value)[end])));
    let alike = facts.windows(2).all(|two| two[0] == two[1]);
    // In the unit of the least certain, whose stamp and reason stand for it.
    let worst = facts.into_iter().reduce(|a, b| if b.stamp.tier > a.stamp.tier { b } else { a })?;
    let written = value * worst.written / worst.value;
    let note = match worst.note {
        note if alike => note,
        Some(note) => Some(format!("{MEAN}; of the least certain: {note}")),
        None => Some(MEAN.into()),
    };
    Some((Fact { value, spread, written, note, ..worst }, basis, provenance))
}

/// Usual prices: those of the accelerator, or the mean over the parts where every part's is known.
pub fn usual_price(catalog: &Catalog, cluster: &Cluster, parts: &[Part]) -> Price {
    let own = |kind: &str| catalog.price(kind).cloned().unwrap_or_default();
    let Some(first) = parts.first() else { return own(&cluster.accelerator) };
    if parts.iter().all(|p| p.kind == first.kind) {
        return own(first.kind);
    }
    let all: Vec<(f64, Price)> = parts.iter().map(|p| (p.share, own(p.kind))).collect();
    let rent = all.iter().map(|(share, p)| Some((*share, p.rent.as_ref()?))).collect::<Option<Vec<_>>>();
    let capex = all.iter().map(|(share, p)| Some((*share, p.capex.as_ref()?))).collect::<Option<Vec<_>>>();
    Price { rent: rent.map(|r| mean(&r)), capex: capex.map(|c| mean(&c)), provenance: None }
}

/// The mean of prices by share, low ends with low ends: 5 % of it is the mean of what is 5 % of each. It rests on the
/// least certain of them.
fn mean<D: Dimension>(values: &[(f64, &Value<D>)]) -> Value<D> {
    let sum = |of: &dyn Fn(&Value<D>) -> f64| values.iter().map(|(share, v)| share * of(v)).sum::<f64>();
    let worst = values.iter().map(|(_, v)| *v).reduce(|a, b| if b.stamp.tier > a.stamp.tier { b } else { a });
    let mut all = worst.unwrap_or(values[0].1).clone();
    all.value = sum(&|v| v.value);
    all.spread = Spread::through(all.value, [0, 1].map(|end| sum(&|v| v.spread.band(v.value)[end])));
    all.note = Some(MEAN.into());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{HourPrice, Money};

    fn price<D: Dimension>(value: f64, unit: &str, spread: &str) -> Value<D> {
        let text = format!("value={value}\nunit='{unit}'\n{spread}\nsource='s'\ndate='2026'\ntier='assumed'");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn five_percent_of_a_mean_is_the_mean_of_five_percent_of_each_whatever_form_their_ranges_have() {
        let a: Value<HourPrice> = price(2.0, "USD/h", "sd_log=0.3");
        let b: Value<HourPrice> = price(4.0, "USD/h", "low=1\nhigh=8");
        let both = mean(&[(0.25, &a), (0.75, &b)]);
        assert!((both.value - 3.5).abs() < 1e-12);
        for (u, z) in [(0.05, -1.644_854), (0.95, 1.644_854)] {
            let each =
                0.25 * 2.0 * f64::exp(0.3 * z) + 0.75 * if z < 0.0 { 4f64.powf(0.1) } else { 4.0 * 2f64.powf(0.9) };
            let at = both.spread.at(both.value, u);
            assert!((at / each - 1.0).abs() < 1e-6, "{at} for {each}");
        }
        // Parts that are priced alike are as one.
        let c: Value<Money> = price(30_000.0, "USD", "low=20000\nhigh=50000");
        let Spread::Range { low, high } = mean(&[(0.5, &c), (0.5, &c)]).spread else { panic!("a range") };
        assert!((low / 20_000.0 - 1.0).abs() < 1e-12 && (high / 50_000.0 - 1.0).abs() < 1e-12, "{low} {high}");
    }
}
