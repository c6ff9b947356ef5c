//! The catalogue as tables, and its entries as they stand in files.

use super::number::number;
use super::{Document, Printed, Sheet, Table};
use crate::cluster::{Accelerator, Format};
use crate::job::Transformer;
use crate::project::Catalog;
use crate::project::listing::Listing;
use crate::sourced::{Fact, Spread, Value};
use crate::units::Dimension;
use serde::Serialize;

fn value<D: Dimension>(v: &Value<D>) -> String {
    format!("{} {}", v.written(), v.unit())
}

fn peak(a: &Accelerator, format: Format) -> String {
    a.peak.get(&format).map_or("–".into(), value)
}

/// The accelerators in a table.
pub fn accelerators(catalog: &Catalog) -> Table {
    let mut table = Table::new(&[
        "name",
        "vendor",
        ">bf16 peak",
        ">best bf16",
        ">fp8 peak",
        ">memory",
        ">bandwidth",
        ">link",
        "node",
        "rests on",
        "source",
    ]);
    for (name, a) in &catalog.accelerators {
        table.row([
            name.clone(),
            a.vendor.clone(),
            peak(a, Format::Bf16),
            a.achieved.get(&Format::Bf16).map_or("–".into(), value),
            peak(a, Format::Fp8),
            value(&a.memory),
            value(&a.memory_bandwidth),
            a.scale_up.as_ref().map_or("–".into(), value),
            a.node.clone().unwrap_or_default(),
            a.memory.stamp.tier.max(a.memory_bandwidth.stamp.tier).to_string(),
            a.provenance.source.clone(),
        ]);
    }
    table
}

/// The clusters in a table.
pub fn clusters(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", ">accelerators", "of", "node", "fabric", "rests on", "source", "date"]);
    for (name, c) in &catalog.clusters {
        let stamp = &c.accelerators.stamp;
        table.row([
            name.clone(),
            c.accelerators.written().to_string(),
            c.accelerator.clone(),
            c.node.clone(),
            c.fabric.clone(),
            stamp.tier.to_string(),
            stamp.source.clone(),
            stamp.date.clone(),
        ]);
    }
    table
}

/// Linpack as published.
pub fn linpacks(catalog: &Catalog) -> Table {
    let mut table =
        Table::new(&["name", "of", ">accelerators", ">Rmax", ">Rpeak", "fabric", "rests on", "source", "date"]);
    for (name, l) in &catalog.linpacks {
        table.row([
            name.clone(),
            l.accelerator.clone(),
            l.accelerators.written().to_string(),
            value(&l.rmax),
            value(&l.rpeak),
            l.fabric.clone(),
            l.rmax.stamp.tier.max(l.accelerators.stamp.tier).to_string(),
            l.rmax.stamp.source.clone(),
            l.rmax.stamp.date.clone(),
        ]);
    }
    table
}

/// The jobs in a table.
pub fn jobs(catalog: &Catalog) -> Table {
    let mut table = Table::new(&[
        "name",
        ">parameters",
        ">active",
        ">layers",
        ">hidden",
        ">heads",
        ">experts",
        ">vocabulary",
        "source",
    ]);
    for (name, j) in &catalog.jobs {
        table.row([
            name.clone(),
            format!("{} B", number(j.params() / 1e9, 3)),
            format!("{} B", number(j.active_params() / 1e9, 3)),
            j.layers.to_string(),
            j.hidden.to_string(),
            heads(j),
            j.experts.as_ref().map_or("–".into(), |e| format!("{} of {}", e.active, e.count)),
            j.vocab.to_string(),
            j.provenance.source.clone(),
        ]);
    }
    table
}

fn heads(j: &Transformer) -> String {
    if j.heads == j.kv_heads { j.heads.to_string() } else { format!("{}/{}", j.heads, j.kv_heads) }
}

/// The scenarios in a table.
pub fn scenarios(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", "job", "cluster", "format", ">tokens", ">batch", "rests on"]);
    for (name, s) in &catalog.scenarios {
        table.row([
            name.clone(),
            s.job.clone(),
            s.cluster.clone(),
            s.format.to_string(),
            value(&s.tokens),
            value(&s.batch),
            s.tokens.stamp.tier.to_string(),
        ]);
    }
    table
}

/// The comparisons in a table.
pub fn comparisons(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", "title", "scenarios", ">money"]);
    for (name, c) in &catalog.comparisons {
        table.row([name.clone(), c.title.clone(), c.scenarios.join(", "), c.money.as_ref().map_or("–".into(), value)]);
    }
    table
}

/// The boxes in a table.
pub fn nodes(catalog: &Catalog) -> Table {
    let mut table =
        Table::new(&["name", ">accelerators", ">scale-up domain", ">scale-out", "fabric", "rests on", "source"]);
    for (name, n) in &catalog.nodes {
        table.row([
            name.clone(),
            n.accelerators.written().to_string(),
            n.scale_up_domain.written().to_string(),
            value(&n.scale_out),
            n.fabric.clone().unwrap_or_default(),
            n.scale_out.stamp.tier.to_string(),
            n.scale_out.stamp.source.clone(),
        ]);
    }
    table
}

/// The networks in a table.
pub fn fabrics(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", ">efficiency", ">latency", ">oversubscription", "rests on", "source"]);
    for (name, f) in &catalog.fabrics {
        table.row([
            name.clone(),
            value(&f.efficiency),
            value(&f.latency),
            value(&f.oversubscription),
            f.efficiency.stamp.tier.to_string(),
            f.efficiency.stamp.source.clone(),
        ]);
    }
    table
}

/// The measured all-reduces in a table: what they take for 1 GB, and how well they are known.
pub fn all_reduces(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", ">ranks", ">1 MB", ">1 GB", "rests on", "source", "note"]);
    for (name, a) in &catalog.all_reduces {
        for ranks in if a.between_boxes { [64.0, 1024.0, 8192.0] } else { [2.0, 4.0, 8.0] } {
            table.row([
                name.clone(),
                ranks.to_string(),
                format!("{} us", number(a.seconds(ranks, 1e6) * 1e6, 3)),
                format!("{} ms", number(a.seconds(ranks, 1e9) * 1e3, 3)),
                a.wide.bandwidth.stamp.tier.to_string(),
                a.wide.bandwidth.stamp.source.clone(),
                a.note.clone(),
            ]);
        }
    }
    table
}

/// Matrix products by their extents: share of the peak that large ones reach and of the memory's bandwidth that
/// thin ones do, what is lost beside, and the error of one that is left out.
pub fn surfaces(catalog: &Catalog) -> Table {
    let mut table =
        Table::new(&["name", ">large", ">bandwidth", ">overhead", ">waves", ">left out", "rests on", "source", "note"]);
    for (name, s) in &catalog.surfaces {
        table.row([
            name.clone(),
            number(s.rate.value, 3),
            number(s.bandwidth.value, 3),
            format!("{} {}", number(s.overhead.written(), 3), s.overhead.unit()),
            number(s.waves.value, 3),
            format!("{} %", number(100.0 * s.error.value, 2)),
            s.error.stamp.tier.to_string(),
            s.error.stamp.source.clone(),
            s.error.note.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// Tables of optional values: how a cluster is run, sites, prices.
pub fn knobs<'a>(entries: impl Iterator<Item = (&'a String, &'static [&'static str], Vec<Option<Fact>>)>) -> Table {
    let mut table = Table::new(&["name", "field", ">value", "unit", "spread", "rests on", "source", "note"]);
    for (name, fields, facts) in entries {
        for (field, fact) in fields.iter().zip(facts) {
            let Some(f) = fact else { continue };
            let size = if f.written == 0.0 { 1.0 } else { f.value / f.written };
            table.row([
                name.clone(),
                (*field).to_string(),
                number(f.written, 3),
                f.unit.to_string(),
                spread(f.spread, size),
                f.stamp.tier.to_string(),
                f.stamp.source.clone(),
                f.note.unwrap_or_default(),
            ]);
        }
    }
    table
}

fn spread(spread: Spread, size: f64) -> String {
    match spread {
        Spread::None => String::new(),
        Spread::Log(sd) => format!("± {} %", number(100.0 * sd, 2)),
        Spread::Range { low, high } => format!("{} to {}", number(low / size, 3), number(high / size, 3)),
    }
}

/// The constants of the model in a table.
pub fn constants(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["name", ">value", "unit", "spread", "rests on", "source", "note"]);
    for e in catalog.constants.entries() {
        let spread = spread(e.spread, e.median / e.written);
        table.row([
            e.name,
            &number(e.written, 3),
            e.unit,
            &spread,
            e.stamp.tier.as_str(),
            &e.stamp.source,
            e.note.unwrap_or_default(),
        ]);
    }
    table
}

/// The documents in a table.
pub fn sources(catalog: &Catalog) -> Table {
    let mut table = Table::new(&["id", "title", "where"]);
    for (id, s) in &catalog.sources {
        table.row([id, &s.title, &s.locator]);
    }
    table
}

/// A listing with the table that people read of it.
#[derive(serde::Serialize)]
pub struct Shown<'a> {
    /// The entries.
    #[serde(flatten)]
    pub listing: &'a Listing,
    /// What people read.
    #[serde(skip)]
    pub document: Document,
}

impl Printed for Shown<'_> {
    const TABLES: &'static [&'static str] = &["facts"];

    fn document(&self) -> Document {
        self.document.clone()
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "facts",
            &self.listing.facts(),
            &[
                ("entry", |f| (&f.entry).into()),
                ("field", |f| (&f.field).into()),
                ("value", |f| f.number.into()),
                ("text", |f| f.text.as_ref().into()),
                ("unit", |f| f.unit.as_ref().into()),
                ("tier", |f| f.tier.as_ref().into()),
                ("source", |f| f.source.as_ref().into()),
                ("date", |f| f.date.as_ref().into()),
                ("note", |f| f.note.as_ref().into()),
            ],
        )]
    }
}

/// One entry in the form of its file, so that it can be copied and changed.
pub fn entry<T: Serialize>(kind: &str, name: &str, entry: &T) -> String {
    match toml::to_string(entry) {
        Ok(text) => text
            .lines()
            .map(|line| match line.strip_prefix('[') {
                // Sub-tables of the entry are named from the top of the file.
                Some(rest) => format!("[{kind}.{name}.{rest}\n"),
                None => format!("{line}\n"),
            })
            .fold(format!("[{kind}.{name}]\n"), |all, line| all + &line),
        Err(e) => format!("{e}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_entry_reads_back_as_the_same_entry() {
        let catalog = Catalog::built_in().unwrap();
        let mut again = Catalog::built_in().unwrap();
        for (name, e) in &catalog.accelerators {
            again.accelerators.remove(name);
            again.add_text(&entry("accelerator", name, e), name).unwrap();
        }
        for (name, e) in &catalog.clusters {
            again.clusters.remove(name);
            again.add_text(&entry("cluster", name, e), name).unwrap();
        }
        for (name, e) in &catalog.nodes {
            again.nodes.remove(name);
            again.add_text(&entry("node", name, e), name).unwrap();
        }
        for (name, e) in &catalog.fabrics {
            again.fabrics.remove(name);
            again.add_text(&entry("fabric", name, e), name).unwrap();
        }
        for (name, e) in &catalog.linpacks {
            again.linpacks.remove(name);
            again.add_text(&entry("linpack", name, e), name).unwrap();
        }
        for (name, e) in &catalog.jobs {
            again.jobs.remove(name);
            again.add_text(&entry("job", name, e), name).unwrap();
        }
        for (name, e) in &catalog.scenarios {
            again.scenarios.remove(name);
            again.add_text(&entry("scenario", name, e), name).unwrap();
        }
        assert_eq!(catalog, again);
    }
}
