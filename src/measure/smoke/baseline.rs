//! What a kernel's relative time was, per class of machine: TOML, made by `--write-baseline`.

use crate::error::{Context, Error, Result};
use crate::measure::record::AdapterIdentity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema id of a baseline.
pub const SCHEMA: &str = "flopcast.smoke-baseline/1";

/// Runs kept per kernel: the newest.
const KEPT: usize = 20;

/// What the host adds to the adapter: on a software adapter the processors decide how kernels compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Processors that this process may use.
    pub threads: usize,
}

/// Ratios of every kernel over the run's reference, one per run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When the last run was added, UTC, RFC 3339.
    pub at: String,
    /// Adapter's name.
    pub adapter: String,
    /// `vulkan`, `gl`, …
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Processors of the host.
    pub threads: usize,
    /// What was multiplied.
    pub shape: String,
    /// `kernel[tiling]/precision`: its time over the reference's, one figure a run.
    pub kernels: BTreeMap<String, Vec<f64>>,
}

impl Baseline {
    /// An empty one for this machine.
    pub fn new(adapter: &AdapterIdentity, host: &Host, at: String) -> Baseline {
        Baseline {
            schema: SCHEMA.into(),
            at,
            adapter: adapter.name.clone(),
            backend: adapter.backend.clone(),
            driver: driver(adapter),
            threads: host.threads,
            shape: super::SHAPE.to_string(),
            kernels: BTreeMap::new(),
        }
    }

    /// Reads one; `name` stands in front of its errors.
    ///
    /// # Errors
    /// Exit code 2: no TOML, an unknown or missing field, another schema, a ratio that is not above zero.
    pub fn parse(text: &str, name: &str) -> Result<Baseline> {
        let hint = "a baseline is the file that `flopcast smoke --write-baseline FILE` writes";
        let baseline: Baseline =
            toml::from_str(text).map_err(|e| Error::usage(e.message().to_string()).context(name).hint(hint))?;
        if baseline.schema != SCHEMA {
            return Err(Error::usage(format!("{name}: schema is `{}`", baseline.schema))
                .hint(format!("this flopcast reads `{SCHEMA}`")));
        }
        for (kernel, ratios) in &baseline.kernels {
            if ratios.is_empty() || ratios.iter().any(|r| !(r.is_finite() && *r > 0.0)) {
                return Err(Error::usage(format!("{name}: kernels.\"{kernel}\": ratios are finite and above zero")));
            }
        }
        Ok(baseline)
    }

    /// The text to write.
    ///
    /// # Errors
    /// Exit code 1 where it cannot be written as TOML.
    pub fn text(&self) -> Result<String> {
        toml::to_string(self).or_failed("baseline")
    }

    /// Adds a run; the oldest runs beyond twenty are dropped.
    pub fn add(&mut self, ratios: &[(String, f64)], at: String) {
        self.at = at;
        for (kernel, ratio) in ratios {
            let runs = self.kernels.entry(kernel.clone()).or_default();
            runs.push((ratio * 1e4).round() / 1e4);
            let over = runs.len().saturating_sub(KEPT);
            runs.drain(..over);
        }
    }

    /// Why this baseline says nothing of this machine; `None` where it does.
    pub fn unlike(&self, adapter: &AdapterIdentity, host: &Host) -> Option<String> {
        let fields = [
            ("adapter", &self.adapter, &adapter.name),
            ("backend", &self.backend, &adapter.backend),
            ("driver", &self.driver, &driver(adapter)),
            ("threads", &self.threads.to_string(), &host.threads.to_string()),
            ("shape", &self.shape, &super::SHAPE.to_string()),
        ]
        .map(|(field, base, here)| (field, base.clone(), here.clone()));
        let (field, base, here) = fields.into_iter().find(|(_, base, here)| base != here)?;
        Some(format!("the baseline's `{field}` is `{base}`, here it is `{here}`: relative figures are not checked"))
    }

    /// Kernels of the baseline that were not measured.
    pub(super) fn without<'a>(&'a self, ratios: &'a [(String, f64)]) -> impl Iterator<Item = String> + 'a {
        self.kernels.keys().filter(|kernel| !ratios.iter().any(|(name, _)| name == *kernel)).cloned()
    }
}

fn driver(adapter: &AdapterIdentity) -> String {
    format!("{} {}", adapter.driver, adapter.driver_info).trim().to_string()
}

/// The committed baselines, by name. Several of one adapter are of several makes of processors.
const BUILT_IN: [(&str, &str); 3] = [
    ("lavapipe-2", include_str!("../../../data/smoke/lavapipe-2.toml")),
    ("lavapipe-2-model-1", include_str!("../../../data/smoke/lavapipe-2-model-1.toml")),
    ("lavapipe-2-model-17", include_str!("../../../data/smoke/lavapipe-2-model-17.toml")),
];

/// The committed baselines for this machine.
///
/// # Errors
/// Exit code 2 where a committed one does not parse; a test reads them all.
pub fn built_in(adapter: &AdapterIdentity, host: &Host) -> Result<Vec<Baseline>> {
    let mut all = BUILT_IN.into_iter().map(|(name, text)| Baseline::parse(text, name)).collect::<Result<Vec<_>>>()?;
    all.retain(|baseline| baseline.unlike(adapter, host).is_none());
    Ok(all)
}
