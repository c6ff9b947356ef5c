//! What tuning found, kept for the next run ([`kept`]). An entry holds for the very text of each kernel, too. What does
//! not hold is ignored with the reason, and built again by the next search.

use super::{Best, Tuning};
use crate::error::Result;
use crate::kernel::{Family, Kernel, Precision, Settings, Tiling};
use crate::measure::kept::{self, Kept};
use crate::measure::record::{AdapterIdentity, Interval, Tool, Verdict};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A cache file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Always [`Kept::SCHEMA`].
    pub schema: String,
    /// What it was tuned on.
    pub adapter: AdapterIdentity,
    /// What tuned it.
    pub tool: Tool,
    /// One per precision.
    pub entries: Vec<Entry>,
}

impl Kept for Cache {
    const SCHEMA: &'static str = "flopcast.tune/1";
    const NAME: &'static str = "tune";

    fn made(&self) -> (&AdapterIdentity, &Tool) {
        (&self.adapter, &self.tool)
    }
}

/// The choice for one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Arithmetic.
    pub precision: Precision,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// Seconds that the search had.
    pub budget_s: f64,
    /// The winner.
    pub winner: Choice,
    /// The winner's rate when measured again, 1e9 flop/s; absent where that came to no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gflop_per_s: Option<Interval>,
    /// How far that figure can be trusted.
    pub verdict: Verdict,
    /// Search rate over that figure, minus 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regret: Option<f64>,
    /// The best tiling of each family that ran.
    pub families: Vec<Choice>,
}

/// A kernel that was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Family.
    pub kernel: String,
    /// Tiling.
    pub tiling: String,
    /// Settings.
    pub settings: Settings,
    /// SHA-256 of its WGSL, hex.
    pub wgsl_sha256: String,
    /// Rate in the search, 1e9 flop/s.
    pub search_gflop_per_s: f64,
}

impl From<&Best> for Choice {
    fn from(best: &Best) -> Choice {
        let kernel = &best.candidate.kernel;
        Choice {
            kernel: kernel.family.name().into(),
            tiling: kernel.tiling.to_string(),
            settings: best.candidate.settings,
            wgsl_sha256: kernel.sha256.clone(),
            search_gflop_per_s: best.gflop_per_s,
        }
    }
}

impl Choice {
    /// The kernel, unless its text is another one by now.
    fn kernel(&self, precision: Precision) -> Option<(Family, Tiling)> {
        let family = Family::by_name(&self.kernel).ok()?;
        let tiling: Tiling = self.tiling.parse().ok()?;
        let kernel = Kernel::compose(family, tiling, precision).ok()?;
        (kernel.sha256 == self.wgsl_sha256).then_some((family, tiling))
    }
}

/// What a run takes from a cache: kernels that are what they were when they were chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// When it was tuned.
    pub at: String,
    /// The winner's family.
    pub winner: Family,
    /// Tiling and settings per family.
    pub families: Vec<(Family, Tiling, Settings)>,
}

impl Tuned {
    /// Tiling and settings of a family, if it was tuned.
    pub fn of(&self, family: Family) -> Option<(Tiling, Settings)> {
        self.families.iter().find(|(f, ..)| *f == family).map(|&(_, tiling, settings)| (tiling, settings))
    }
}

/// What is in the cache for an adapter.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// No file, or none of this precision.
    Nothing,
    /// A choice that holds.
    Tuned(Tuned),
    /// A file that does not hold, and why.
    Ignored(String),
}

/// Looks up a precision.
pub fn find(folder: &Path, adapter: &AdapterIdentity, tool: &Tool, precision: Precision) -> Found {
    let cache = match kept::read::<Cache>(folder, adapter, tool) {
        Ok(None) => return Found::Nothing,
        Ok(Some(cache)) => cache,
        Err(why) => return Found::Ignored(why),
    };
    let Some(entry) = cache.entries.iter().find(|e| e.precision == precision) else { return Found::Nothing };
    let Some((winner, ..)) = entry.winner.kernel(precision) else {
        let why = format!("the WGSL of {}[{}] has changed since", entry.winner.kernel, entry.winner.tiling);
        return Found::Ignored(why);
    };
    // The winner first, so that its settings are the ones taken for its family.
    let choices = [&entry.winner].into_iter().chain(&entry.families);
    let families = choices.filter_map(|c| c.kernel(precision).map(|(f, t)| (f, t, c.settings))).collect();
    Found::Tuned(Tuned { at: entry.at.clone(), winner, families })
}

/// Stores what a search found, beside what is stored for other precisions. Written whole or not at all.
///
/// # Errors
/// Exit code 2 where the folder cannot be written.
pub fn store(folder: &Path, tuning: &Tuning, budget_s: f64) -> Result<PathBuf> {
    let record = &tuning.record;
    let precision = record.case.precision;
    // A file that does not hold is replaced.
    let there = kept::read::<Cache>(folder, &record.adapter, &record.tool).ok().flatten();
    let mut entries = there.map_or(Vec::new(), |cache| cache.entries);
    entries.retain(|e| e.precision != precision);
    let winner = Best { candidate: tuning.winner.clone(), gflop_per_s: tuning.search_gflop_per_s };
    entries.push(Entry {
        precision,
        at: record.at.clone(),
        budget_s,
        winner: Choice::from(&winner),
        gflop_per_s: record.figure.as_ref().map(|f| f.gflop_per_s),
        verdict: record.verdict,
        regret: tuning.regret,
        families: tuning.families.iter().map(Choice::from).collect(),
    });
    entries.sort_by_key(|e| e.precision);
    let cache =
        Cache { schema: Cache::SCHEMA.into(), adapter: record.adapter.clone(), tool: record.tool.clone(), entries };
    kept::write(folder, &cache)
}
