//! What a verb is given as a name or as a file.

use crate::cluster::FabricTable;
use crate::error::{Error, Result};
use crate::project::Catalog;
use std::path::{Path, PathBuf};

/// A fabric that was measured here, for every verb that lays a job out on a cluster.
#[derive(Debug, clap::Args)]
pub struct MeasuredFabric {
    /// Times of collectives measured on the fabric itself, in place of the prior where they reach:
    /// `op,ranks,bytes,seconds`, or what nccl-tests prints; as often as wanted.
    #[arg(long, value_name = "FILE")]
    pub fabric: Vec<PathBuf>,
}

impl MeasuredFabric {
    /// All files as one table, where any was given.
    pub fn table(&self) -> Result<Option<FabricTable>> {
        let tables: Vec<FabricTable> = self.fabric.iter().map(|path| FabricTable::read(path)).collect::<Result<_>>()?;
        Ok(tables.into_iter().reduce(FabricTable::join))
    }
}

/// The scenario to project: a file is added to the catalogue and must hold exactly one.
pub fn scenario(catalog: &mut Catalog, wanted: &str) -> Result<String> {
    if catalog.scenarios.contains_key(wanted) || !is_file(wanted) {
        return Ok(wanted.to_string());
    }
    let names = catalog.add_file(Path::new(wanted))?;
    only("scenario", wanted, names)
}

/// Puts a scenario on another cluster or another job, each a built-in name or a file with exactly one.
pub fn on(catalog: &mut Catalog, scenario: &str, cluster: Option<&str>, job: Option<&str>) -> Result<()> {
    let cluster = cluster.map(|wanted| named(catalog, "cluster", wanted)).transpose()?;
    let job = job.map(|wanted| named(catalog, "job", wanted)).transpose()?;
    catalog.scenario(scenario)?;
    let moved = cluster.is_some() || job.is_some();
    if let Some(scenario) = catalog.scenarios.get_mut(scenario) {
        if let Some(cluster) = cluster {
            scenario.cluster = cluster;
            // The count and the layout were those of the other cluster.
            (scenario.accelerators, scenario.layout) = (None, None);
        }
        if let Some(job) = job {
            scenario.job = job;
            scenario.layout = None;
        }
    }
    if moved {
        // Its own title names another cluster or another job.
        let of = catalog.scenario(scenario)?;
        let title = format!("{} on {}", catalog.job(&of.job)?.title, catalog.cluster(&of.cluster)?.title);
        catalog.scenarios.entry(scenario.into()).and_modify(|s| s.title = title);
    }
    Ok(())
}

/// The name of a built-in entry, or of the only one in a file, which is added to the catalogue.
pub fn named(catalog: &mut Catalog, kind: &str, wanted: &str) -> Result<String> {
    if !is_file(wanted) {
        return Ok(wanted.to_string());
    }
    catalog.add_file(Path::new(wanted))?;
    let text = std::fs::read_to_string(wanted).map_err(|e| Error::usage(format!("`{wanted}`: {e}")))?;
    // Read and checked above; here only the names are wanted.
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let names = table.get(kind).and_then(toml::Value::as_table).map(|t| t.keys().cloned().collect());
    only(kind, wanted, names.unwrap_or_default())
}

fn is_file(wanted: &str) -> bool {
    wanted.ends_with(".toml") || Path::new(wanted).is_file()
}

fn only(kind: &str, file: &str, mut names: Vec<String>) -> Result<String> {
    match (names.pop(), names.len()) {
        (Some(name), 0) => Ok(name),
        (None, _) => Err(Error::usage(format!("`{file}`: no `[{kind}.NAME]` in it"))
            .hint(format!("`flopcast new {kind} NAME` writes one to start from"))),
        (Some(_), more) => {
            Err(Error::usage(format!("`{file}`: {} {kind}s in it", more + 1)).hint(format!("one {kind} per file")))
        }
    }
}
