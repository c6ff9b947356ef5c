//! What is built in, and what a user's file adds to it: one form for both.

mod names;

use super::constants::ConstantsFile;
use super::entries::{Comparison, Scenario};
use super::machine::Published;
use super::sweep::Swept;
use crate::cluster::{
    Accelerator, Cluster, Collectives, FabricKind, FabricTable, Format, Linpack, Node, Operations, Price, Site,
    Surface, Timing,
};
use crate::error::{Context, Error, Result};
use crate::job::Transformer;
use crate::sourced::read;
use names::{find, plain};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The built-in files; what they hold is checked by a test.
pub(super) const BUILT_IN: [(&str, &str); 12] = [
    ("data/sources.toml", include_str!("../../data/sources.toml")),
    ("data/accelerators.toml", include_str!("../../data/accelerators.toml")),
    ("data/variants.toml", include_str!("../../data/variants.toml")),
    ("data/surfaces.toml", include_str!("../../data/surfaces.toml")),
    ("data/collectives.toml", include_str!("../../data/collectives.toml")),
    ("data/fabrics.toml", include_str!("../../data/fabrics.toml")),
    ("data/clusters.toml", include_str!("../../data/clusters.toml")),
    ("data/operations.toml", include_str!("../../data/operations.toml")),
    ("data/top500.toml", include_str!("../../data/top500.toml")),
    ("data/jobs.toml", include_str!("../../data/jobs.toml")),
    ("data/scenarios.toml", include_str!("../../data/scenarios.toml")),
    ("data/comparisons.toml", include_str!("../../data/comparisons.toml")),
];
const CONSTANTS: (&str, &str) = ("data/constants.toml", include_str!("../../data/constants.toml"));

/// The accelerator whose products and collectives stand for those of others, and boxes of it.
const OTHERWISE: (&str, &str) = ("h100", "h100-boxes");

/// Largest file that is read as TOML.
const MAX_FILE: u64 = 4 << 20;

/// A document that figures come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Where it is found.
    pub locator: String,
}

/// A TOML file: any of its tables may be there.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    source: BTreeMap<String, Source>,
    accelerator: BTreeMap<String, Accelerator>,
    surface: BTreeMap<String, Surface>,
    all_reduce: BTreeMap<String, Timing>,
    gather: BTreeMap<String, Timing>,
    exchange: BTreeMap<String, Timing>,
    node: BTreeMap<String, Node>,
    fabric: BTreeMap<String, FabricKind>,
    cluster: BTreeMap<String, Cluster>,
    operations: BTreeMap<String, Operations>,
    site: BTreeMap<String, Site>,
    price: BTreeMap<String, Price>,
    linpack: BTreeMap<String, Linpack>,
    job: BTreeMap<String, Transformer>,
    scenario: BTreeMap<String, Scenario>,
    comparison: BTreeMap<String, Comparison>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstantsTable {
    constants: ConstantsFile,
}

/// Everything that a scenario can name.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// Documents.
    pub sources: BTreeMap<String, Source>,
    /// Accelerators.
    pub accelerators: BTreeMap<String, Accelerator>,
    /// How matrix products depend on their extents, by accelerator and number format.
    pub surfaces: BTreeMap<String, Surface>,
    /// Measured all-reduces, by accelerator, and of whole boxes.
    pub all_reduces: BTreeMap<String, Timing>,
    /// Measured all-gathers and reduce-scatters.
    pub gathers: BTreeMap<String, Timing>,
    /// Measured all-to-alls.
    pub exchanges: BTreeMap<String, Timing>,
    /// Boxes.
    pub nodes: BTreeMap<String, Node>,
    /// Networks.
    pub fabrics: BTreeMap<String, FabricKind>,
    /// Clusters.
    pub clusters: BTreeMap<String, Cluster>,
    /// Ways to run a cluster; `usual` is what a scenario leaves out.
    pub operations: BTreeMap<String, Operations>,
    /// Sites; `usual` is what a scenario leaves out.
    pub sites: BTreeMap<String, Site>,
    /// Prices, by accelerator.
    pub prices: BTreeMap<String, Price>,
    /// Published runs of Linpack.
    pub linpacks: BTreeMap<String, Linpack>,
    /// Jobs.
    pub jobs: BTreeMap<String, Transformer>,
    /// Scenarios.
    pub scenarios: BTreeMap<String, Scenario>,
    /// Scenarios side by side.
    pub comparisons: BTreeMap<String, Comparison>,
    /// Locally measured fabrics that scenarios name, by file.
    pub fabric_tables: BTreeMap<String, FabricTable>,
    /// Constants of the model.
    pub constants: ConstantsFile,
}

impl Catalog {
    /// What is built in. Nothing is looked up at run time.
    pub fn built_in() -> Result<Self> {
        let constants: ConstantsTable = read(CONSTANTS.1, CONSTANTS.0)?;
        let mut catalog = Catalog {
            sources: BTreeMap::new(),
            accelerators: BTreeMap::new(),
            surfaces: BTreeMap::new(),
            all_reduces: BTreeMap::new(),
            gathers: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            nodes: BTreeMap::new(),
            fabrics: BTreeMap::new(),
            clusters: BTreeMap::new(),
            operations: BTreeMap::new(),
            sites: BTreeMap::new(),
            prices: BTreeMap::new(),
            linpacks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            scenarios: BTreeMap::new(),
            comparisons: BTreeMap::new(),
            fabric_tables: BTreeMap::new(),
            constants: constants.constants,
        };
        for (name, text) in BUILT_IN {
            catalog.add(read(text, name)?);
        }
        Ok(catalog)
    }

    /// Adds a user's file, whose entries win over built-in ones of the same name. Returns the names
    /// of the scenarios in it. Every source it names must be built in or stand in the file itself.
    pub fn add_file(&mut self, path: &Path) -> Result<Vec<String>> {
        let name = path.display().to_string();
        let hint = "`flopcast new scenario|cluster|job NAME --out FILE.toml` writes one to start from";
        let read = |error: Error| error.hint(hint);
        let length = std::fs::metadata(path).or_usage(format!("`{name}`")).map_err(read)?.len();
        if length > MAX_FILE {
            return Err(read(Error::usage(format!("`{name}`: {length} bytes; at most {MAX_FILE} are read"))));
        }
        let text = std::fs::read_to_string(path).or_usage(format!("`{name}`")).map_err(read)?;
        self.add_text(&text, &name)
    }

    /// Reads locally measured fabrics for a scenario, beside those that it has.
    pub fn measure_fabric(&mut self, scenario: &str, files: &[PathBuf]) -> Result<()> {
        for path in files {
            let name = path.display().to_string();
            self.fabric_tables.insert(name.clone(), FabricTable::read(path)?);
            self.scenario(scenario)?;
            if let Some(scenario) = self.scenarios.get_mut(scenario)
                && !scenario.measured_fabric.contains(&name)
            {
                scenario.measured_fabric.push(name);
            }
        }
        Ok(())
    }

    /// The tables of those files, which were read before, as one; nothing where there are none.
    pub fn fabric_table(&self, files: &[String]) -> Result<Option<FabricTable>> {
        let tables = files.iter().map(|file| find("measured fabric", &self.fabric_tables, file).cloned());
        Ok(tables.collect::<Result<Vec<_>>>()?.into_iter().reduce(FabricTable::join))
    }

    /// [`Catalog::add_file`] for text at hand.
    pub fn add_text(&mut self, text: &str, name: &str) -> Result<Vec<String>> {
        let mut file: File = read(text, name)?;
        // Beside the file that names them.
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        for (scenario, table) in
            file.scenario.iter_mut().flat_map(|(n, s)| s.measured_fabric.iter_mut().map(move |t| (n, t)))
        {
            let path = folder.join(&*table);
            let read = FabricTable::read(&path)
                .map_err(|e| e.context(format!("`{name}`: `scenario.{scenario}.measured_fabric`")))?;
            *table = path.display().to_string();
            self.fabric_tables.insert(table.clone(), read);
        }
        let table: toml::Value = toml::from_str(text).or_usage(format!("`{name}`"))?;
        let scenarios = file.scenario.keys().cloned().collect();
        let jobs: Vec<String> = file.job.keys().cloned().collect();
        let accelerators: Vec<String> = file.accelerator.keys().cloned().collect();
        self.add(file);
        for accelerator in accelerators {
            self.stands_alone(&accelerator).map_err(|e| e.context(format!("`{name}`: `accelerator.{accelerator}`")))?;
        }
        check_sources(&table, "", &self.sources).map_err(|e| e.context(format!("`{name}`")))?;
        for job in jobs {
            self.job(&job)?.check(&job).map_err(|e| e.context(format!("`{name}`")))?;
        }
        Ok(scenarios)
    }

    /// Whether what an accelerator names is there (whose surface it has or is like, and its box), and its other names are
    /// nobody else's.
    fn stands_alone(&self, name: &str) -> Result<()> {
        let accelerator = self.accelerator(name)?;
        for called in &accelerator.aliases {
            let mut others = self.accelerators.iter().filter(|(other, _)| *other != name);
            let names = |(other, a): &(&String, &Accelerator)| {
                a.aliases.iter().chain([*other]).any(|known| plain(known) == plain(called))
            };
            if let Some((owner, _)) = others.find(names) {
                return Err(Error::usage(format!("`aliases`: `{called}` is `{owner}` already"))
                    .hint("leave out the names of the entry that it was copied from"));
            }
        }
        for other in [&accelerator.surface, &accelerator.like].into_iter().flatten() {
            self.accelerator(other)?;
        }
        accelerator.node.as_ref().map_or(Ok(()), |node| self.node(node).map(drop))
    }

    fn add(&mut self, file: File) {
        self.sources.extend(file.source);
        self.accelerators.extend(file.accelerator);
        self.surfaces.extend(file.surface);
        self.all_reduces.extend(file.all_reduce);
        self.gathers.extend(file.gather);
        self.exchanges.extend(file.exchange);
        self.nodes.extend(file.node);
        self.fabrics.extend(file.fabric);
        self.clusters.extend(file.cluster);
        self.operations.extend(file.operations);
        self.sites.extend(file.site);
        self.prices.extend(file.price);
        self.linpacks.extend(file.linpack);
        self.jobs.extend(file.job);
        self.scenarios.extend(file.scenario);
        self.comparisons.extend(file.comparison);
    }

    /// The accelerator of that name.
    pub fn accelerator(&self, name: &str) -> Result<&Accelerator> {
        find("accelerator", &self.accelerators, name)
    }

    /// The surface for products of the accelerator of that name in a format: its own or that of its chip, else,
    /// transferred, that of the accelerator it is like, in the format or in 16 bits.
    pub fn surface(&self, name: &str, format: Format) -> Result<Swept<'_>> {
        let accelerator = self.accelerators.get(name);
        let own = [Some(name), accelerator.and_then(|a| a.surface.as_deref())];
        let like = [accelerator.and_then(|a| a.like.as_deref()), Some(OTHERWISE.0)];
        let of = |name: &str, format| self.surfaces.values().find(|s| s.accelerator == name && s.format == format);
        let found = |names: [Option<&str>; 2], format| names.into_iter().flatten().find_map(|name| of(name, format));
        let transferred = || {
            let other = if format.bytes() < 2.0 { found(like, format) } else { None };
            other.or_else(|| found(own, Format::Bf16)).or_else(|| found(like, Format::Bf16))
        };
        match found(own, format) {
            Some(surface) => Ok(Swept { surface, transferred: false }),
            None => transferred()
                .map(|surface| Swept { surface, transferred: true })
                .ok_or_else(|| Error::usage(format!("no surface stands for the {format} products of `{name}`"))),
        }
    }

    /// What others measured on the accelerator of that name. Collectives of one that nobody published
    /// are those of the H100 as shares of their link, and say so.
    pub fn published(&self, name: &str) -> Result<Published<'_>> {
        let shared = self.accelerators.get(name).and_then(|a| a.surface.as_deref());
        let all = |name: &str| [&self.all_reduces, &self.gathers, &self.exchanges].iter().all(|m| m.contains_key(name));
        let own = [Some(name), shared].into_iter().flatten().find(|name| all(name));
        let from = own.unwrap_or(OTHERWISE.0);
        let link = self.accelerator(from)?.scale_up.as_ref().map_or(1.0, |v| v.value);
        let plain = |kind: &str, map: &BTreeMap<String, Timing>| -> Result<_> {
            Ok(find(kind, map, from)?.plain().scaled(1.0 / link, 1.0))
        };
        // Boxes were measured with eight ports of 400 Gbit/s each.
        let between = self.all_reduce(OTHERWISE.1)?.plain().scaled(1.0 / 400e9, 1.0);
        let vendor = &self.accelerator(name)?.vendor;
        let mut shares: Vec<f64> = self
            .accelerators
            .values()
            .filter(|a| a.vendor == *vendor)
            .filter_map(|a| Some(a.achieved.get(&Format::Bf16)?.value / a.peak.get(&Format::Bf16)?.value))
            .collect();
        shares.sort_by(f64::total_cmp);
        let [fp32, tf32, bf16, fp8, fp4] = Format::ALL.map(|format| self.surface(name, format));
        let surfaces = [fp32?, tf32?, bf16?, fp8?, fp4?];
        Ok(Published {
            vendor_share: shares.get(shares.len() / 2).copied(),
            surfaces,
            collectives: Collectives {
                all_reduce: plain("all-reduce", &self.all_reduces)?,
                gather: plain("gather", &self.gathers)?,
                exchange: plain("exchange", &self.exchanges)?,
                between,
                transferred: own.is_none(),
            },
        })
    }

    /// The accelerator that goes by that name in a published table, with its own name.
    pub fn accelerator_called(&self, alias: &str) -> Result<(&str, &Accelerator)> {
        let wanted = plain(alias);
        let found = self
            .accelerators
            .iter()
            .find(|(name, a)| plain(name) == wanted || a.aliases.iter().any(|known| plain(known) == wanted));
        match found {
            Some((name, accelerator)) => Ok((name, accelerator)),
            None => self.accelerator(alias).map(|a| ("", a)),
        }
    }

    /// The all-reduce of that name.
    pub fn all_reduce(&self, name: &str) -> Result<&Timing> {
        find("all-reduce", &self.all_reduces, name)
    }

    /// The surface of that name.
    pub fn surface_named(&self, name: &str) -> Result<&Surface> {
        find("surface", &self.surfaces, name)
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Result<&Node> {
        find("node", &self.nodes, name)
    }

    /// The fabric of that name.
    pub fn fabric(&self, name: &str) -> Result<&FabricKind> {
        find("fabric", &self.fabrics, name)
    }

    /// The cluster of that name.
    pub fn cluster(&self, name: &str) -> Result<&Cluster> {
        find("cluster", &self.clusters, name)
    }

    /// The way to run a cluster of that name.
    pub fn operation(&self, name: &str) -> Result<&Operations> {
        find("operation", &self.operations, name)
    }

    /// The site of that name.
    pub fn site(&self, name: &str) -> Result<&Site> {
        find("site", &self.sites, name)
    }

    /// The prices of that name.
    pub fn price_of(&self, name: &str) -> Result<&Price> {
        find("price", &self.prices, name)
    }

    /// The prices of the accelerator of that name, its own or those of the one whose surface it shares.
    pub fn price(&self, name: &str) -> Option<&Price> {
        let shared = self.accelerators.get(name).and_then(|a| a.surface.as_deref());
        self.prices.get(name).or_else(|| self.prices.get(shared?))
    }

    /// The published Linpack of that name.
    pub fn linpack(&self, name: &str) -> Result<&Linpack> {
        find("linpack", &self.linpacks, name)
    }

    /// The job of that name.
    pub fn job(&self, name: &str) -> Result<&Transformer> {
        find("job", &self.jobs, name)
    }

    /// The document of that id.
    pub fn source(&self, name: &str) -> Result<&Source> {
        find("source", &self.sources, name)
    }

    /// The constant of that name, in the form of its file.
    pub fn constant(&self, name: &str) -> Result<toml::Value> {
        let all = toml::Table::try_from(&self.constants).or_failed("constants")?;
        let all: BTreeMap<String, toml::Value> = all.into_iter().collect();
        find("constant", &all, name).cloned()
    }

    /// The comparison of that name.
    pub fn comparison(&self, name: &str) -> Result<&Comparison> {
        find("comparison", &self.comparisons, name)
    }

    /// The scenario of that name.
    pub fn scenario(&self, name: &str) -> Result<&Scenario> {
        find("scenario", &self.scenarios, name)
    }
}

/// Refuses a `source` key whose id stands nowhere.
fn check_sources(value: &toml::Value, path: &str, known: &BTreeMap<String, Source>) -> Result<()> {
    let toml::Value::Table(table) = value else { return Ok(()) };
    for (key, inner) in table {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match inner {
            toml::Value::String(id) if key == "source" && !known.contains_key(id) => {
                return Err(Error::usage(format!("`{here}`: unknown source `{id}`"))
                    .hint(format!("add `[source.{id}]` with `title` and `locator` to the file")));
            }
            _ => check_sources(inner, &here, known)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
