//! What is built in, and what a user's file adds to it: one form for both.

use super::constants::ConstantsFile;
use super::entries::{Comparison, Scenario};
use super::machine::Published;
use crate::cluster::{
    Accelerator, Cluster, Collectives, FabricKind, FabricTable, Format, Linpack, Node, Operations, Price, Site,
    Surface, Timing,
};
use crate::error::{Context, Error, Result};
use crate::job::Transformer;
use crate::sourced::read;
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
    /// How matrix products depend on their extents, by accelerator.
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
        self.add(file);
        check_sources(&table, "", &self.sources).map_err(|e| e.context(format!("`{name}`")))?;
        for job in jobs {
            self.job(&job)?.check(&job).map_err(|e| e.context(format!("`{name}`")))?;
        }
        Ok(scenarios)
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

    /// The surface of the accelerator of that name, its own or the one it shares.
    pub fn surface(&self, name: &str) -> Option<&Surface> {
        let shared = self.accelerators.get(name).and_then(|a| a.surface.as_deref());
        self.surfaces.get(shared.unwrap_or(name))
    }

    /// What others measured on the accelerator of that name. Collectives of one that nobody published
    /// are those of the H100 as shares of their link, and say so.
    pub fn published(&self, name: &str) -> Result<Published<'_>> {
        /// The accelerator whose collectives stand for those of others, and boxes of it.
        const OTHERWISE: (&str, &str) = ("h100", "h100-boxes");
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
        Ok(Published {
            vendor_share: shares.get(shares.len() / 2).copied(),
            surface: self.surface(name),
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
        // What was no text is kept, so that a spoilt name does not become another.
        let plain = |text: &str| {
            text.chars().filter(|c| c.is_alphanumeric() || *c == '\u{fffd}').collect::<String>().to_lowercase()
        };
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

fn find<'a, T>(kind: &str, entries: &'a BTreeMap<String, T>, name: &str) -> Result<&'a T> {
    entries.get(name).ok_or_else(|| {
        let near = near(name, entries.keys());
        let hint = if near.is_empty() {
            format!("`flopcast catalog {kind}s` lists them")
        } else {
            format!("did you mean {}? `flopcast catalog {kind}s` lists all", near.join(", "))
        };
        Error::usage(format!("unknown {kind} `{name}`")).hint(hint)
    })
}

/// Names that share a part with `name`, or are few edits away, nearest first; at most five.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut found: Vec<(usize, String)> = names
        .filter_map(|candidate| {
            let distance = edits(&wanted, candidate);
            let part = wanted.len() >= 2 && (candidate.contains(&wanted) || wanted.contains(candidate.as_str()));
            (part || distance <= wanted.chars().count().div_ceil(2)).then(|| (distance, format!("`{candidate}`")))
        })
        .collect();
    found.sort();
    found.into_iter().take(5).map(|(_, name)| name).collect()
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(up + 1).min(row[j] + 1);
            diagonal = up;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_is_read_and_every_value_names_a_listed_source() {
        let catalog = Catalog::built_in().unwrap();
        for (name, text) in BUILT_IN.into_iter().chain([CONSTANTS]) {
            let table: toml::Value = toml::from_str(text).unwrap();
            check_sources(&table, "", &catalog.sources).map_err(|e| e.context(name)).unwrap();
        }
        for (name, job) in &catalog.jobs {
            job.check(name).unwrap();
        }
        for (name, cluster) in &catalog.clusters {
            catalog.accelerator(&cluster.accelerator).map_err(|e| e.context(name)).unwrap();
            catalog.node(&cluster.node).map_err(|e| e.context(name)).unwrap();
            catalog.fabric(&cluster.fabric).map_err(|e| e.context(name)).unwrap();
        }
        for run in catalog.linpacks.values() {
            catalog.accelerator(&run.accelerator).unwrap();
            catalog.node(&run.node).unwrap();
            catalog.fabric(&run.fabric).unwrap();
        }
        for (name, accelerator) in &catalog.accelerators {
            let node = accelerator.node.as_deref().unwrap_or_else(|| panic!("`{name}` has no box"));
            let fabric = catalog.node(node).unwrap().fabric.as_deref();
            catalog.fabric(fabric.unwrap_or_else(|| panic!("`{node}` has no network"))).unwrap();
        }
    }

    #[test]
    fn what_people_ask_about_is_there_with_a_link_to_its_neighbours() {
        let c = Catalog::built_in().unwrap();
        for name in [
            "a100",
            "h100",
            "h200",
            "gh200",
            "b200",
            "b300",
            "gb200",
            "gb300",
            "rubin",
            "mi250x",
            "mi300a",
            "mi300x",
            "mi325x",
            "mi350x",
            "mi355x",
            "tpu-v4",
            "tpu-v5e",
            "tpu-v5p",
            "tpu-v6e",
            "tpu-v7x",
            "gaudi2",
            "gaudi3",
            "trainium2",
        ] {
            let a = c.accelerator(name).unwrap();
            assert!(a.scale_up.is_some() && a.peak.contains_key(&Format::Bf16), "{name}");
            let node = c.node(a.node.as_deref().unwrap()).unwrap();
            // A link that is no quicker than the network is none.
            let link = a.scale_up.as_ref().unwrap().value;
            assert!(node.scale_up_domain.value == 1.0 || link > node.scale_out.value, "{name}");
        }
        for name in ["rtx-3090", "rtx-4090", "rtx-5090", "arc-b580", "apple-m3-max-40-core", "apple-m4-max-32-core"] {
            c.accelerator(name).unwrap();
        }
        for name in ["hgx-h100", "nvl72", "a100-pcie", "h100-pcie"] {
            c.node(name).unwrap();
        }
        for name in [
            "infiniband-hdr",
            "infiniband-ndr",
            "infiniband-xdr",
            "infiniband-ndr-2to1",
            "roce",
            "roce-7to1",
            "spectrum-x",
            "efa",
            "slingshot-11",
            "ethernet",
        ] {
            c.fabric(name).unwrap();
        }
        for (name, count) in [
            ("xai-300k-b200", 300_000.0),
            ("dell-half", 150_000.0),
            ("supermicro-half", 150_000.0),
            ("tesla-85k-h100", 85_000.0),
            ("xai-12k-h100", 12_000.0),
            ("colossus-100k-h100", 100_000.0),
            ("eagle", 14_400.0),
            ("eos", 11_616.0),
            ("meta-24k-roce", 24_576.0),
            ("meta-24k-infiniband", 24_576.0),
            ("frontier", 37_888.0),
            ("jupiter", 24_000.0),
        ] {
            assert_eq!(c.cluster(name).unwrap().accelerators.value, count, "{name}");
        }
        assert_eq!(c.cluster("xai-300k-b200").unwrap().half.len(), 2);
        for (name, params) in [
            ("grok-1", 314e9),
            ("llama-3-8b", 8.0e9),
            ("llama-3-70b", 70.6e9),
            ("llama-3-405b", 405e9),
            ("gpt-3-175b", 175e9),
            ("mt-nlg-530b", 530e9),
            ("deepseek-v3", 671e9),
            ("mixtral-8x7b", 46.7e9),
            ("nemotron-4-340b", 340e9),
            ("qwen3-235b-a22b", 235e9),
            ("gpt-oss-120b", 117e9),
        ] {
            let own = c.job(name).unwrap().params();
            assert!((own / params - 1.0).abs() < 0.015, "{name}: {own:e}");
        }
    }

    #[test]
    fn an_all_reduce_takes_as_long_as_others_measured() {
        let catalog = Catalog::built_in().unwrap();
        // Ranks, bytes, microseconds: aiconfigurator's table for one box, NVIDIA's slide beyond.
        for (name, ranks, bytes, micros) in [
            ("h100", 2.0, 16_777_216.0, 82.2),
            ("h100", 4.0, 1_048_576.0, 18.1),
            ("h100", 8.0, 536_870_912.0, 2111.1),
            ("h100", 8.0, 65_536.0, 18.7),
            ("h100-boxes", 128.0, 0.0, 0.0),
            ("h100-boxes", 1024.0, 1_073_741_824.0, 6464.0),
            ("h100-boxes", 8192.0, 1_048_576.0, 676.4),
            ("h100-boxes", 8192.0, 17_179_869_184.0, 93_714.0),
        ] {
            let got = catalog.all_reduce(name).unwrap().seconds(ranks, bytes) * 1e6;
            if micros > 0.0 {
                assert!((got / micros - 1.0).abs() < 0.15, "{name} {ranks} {bytes}: {got} for {micros}");
            } else {
                assert!(got > 0.0, "even an empty all-reduce takes time");
            }
        }
        assert_eq!(catalog.all_reduce("h100").unwrap().seconds(1.0, 1e9), 0.0);
        assert!(catalog.all_reduce("h10").is_err());
    }

    #[test]
    fn every_listed_source_is_used() {
        let catalog = Catalog::built_in().unwrap();
        for id in catalog.sources.keys() {
            let quoted = format!("source = \"{id}\"");
            let used = BUILT_IN.iter().chain([&CONSTANTS]).any(|(_, text)| text.contains(&quoted));
            assert!(used, "{id}");
        }
    }

    #[test]
    fn jobs_have_the_parameters_that_their_names_say() {
        let catalog = Catalog::built_in().unwrap();
        for (name, billions) in [
            ("grok-1", 314.0),
            ("llama-3-8b", 8.03),
            ("llama-3-70b", 70.6),
            ("llama-3-405b", 405.9),
            ("gpt-3-175b", 174.6),
            ("mt-nlg-530b", 529.6),
            ("deepseek-v3", 671.0),
            ("mixtral-8x7b", 46.7),
            ("qwen3-30b-a3b", 30.5),
            ("qwen3-235b-a22b", 235.0),
            ("gpt-oss-120b", 116.8),
            ("gpt-oss-20b", 20.9),
            ("mixtral-8x22b", 140.6),
            ("llama-2-7b", 6.74),
            ("llama-2-70b", 68.98),
            ("bloom-176b", 176.0),
            ("gpt-1t", 1008.0),
            ("mpt-30b", 29.97),
            ("nemotron-4-15b", 15.6),
            ("nemotron-4-340b", 340.0),
        ] {
            let got = catalog.job(name).unwrap().params() / 1e9;
            assert!((got / billions - 1.0).abs() < 0.01, "{name}: {got} for {billions}");
        }
    }

    #[test]
    fn an_unknown_name_lists_what_is_near() {
        let catalog = Catalog::built_in().unwrap();
        let error = catalog.accelerator("h100-sxm").unwrap_err();
        assert!(error.message().contains("unknown accelerator `h100-sxm`"));
        assert!(error.hint_text().unwrap().contains("`h100`"), "{:?}", error.hint_text());
        let error = catalog.job("grok1").unwrap_err();
        assert!(error.hint_text().unwrap().contains("`grok-1`"), "{:?}", error.hint_text());
        assert!(catalog.cluster("zzzzzzzzzzzzzzzzzzzzzzzz").unwrap_err().hint_text().unwrap().contains("lists them"));
    }

    #[test]
    fn a_users_file_is_refused_with_file_field_and_reason() {
        let good = "[provenance]\nsource='mine'\ndate='2026'\ntier='assumed'\n[source.mine]\ntitle='t'\nlocator='l'\n\
            [cluster.c]\ntitle='c'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\nfabric='infiniband-ndr'\n\
            accelerators={value=64,unit='accelerator'}\n";
        assert!(Catalog::built_in().unwrap().add_text(good, "u.toml").is_ok());
        for (from, to, part) in [
            ("status", "state", "`cluster.c.state`: unknown field"),
            ("'accelerator'}", "'GB'}", "`cluster.c.accelerators`: unit `GB`"),
            ("64", "0", "`cluster.c.accelerators`: 0"),
            ("64", "1e9", "beyond"),
            ("64", "nan", "finite"),
            ("[source.mine]", "[source.other]", "`provenance.source`: unknown source `mine`"),
            ("[cluster.c]", "[clusters.c]", "unknown field `clusters`"),
        ] {
            let text = good.replacen(from, to, 1);
            let error = Catalog::built_in().unwrap().add_text(&text, "u.toml").unwrap_err();
            assert!(error.message().starts_with("`u.toml`: "), "{error}");
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}
