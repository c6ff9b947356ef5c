//! What tuning found, kept for the next run: one file per adapter.
//!
//! An entry holds for one adapter with one driver, one version of this program and of what compiles its
//! kernels, and the very text of each kernel. Whatever does not match, or does not read, is ignored with the
//! reason, and built again by the next search.

use super::{Best, Tuning};
use crate::error::{Context, Error, Result};
use crate::kernel::{Family, Kernel, Precision, Settings, Tiling, hex_sha256};
use crate::measure::record::{AdapterIdentity, Interval, Tool, Verdict};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Schema id of a cache file.
pub const SCHEMA: &str = "flopcast.tune/1";

/// A cache file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What it was tuned on.
    pub adapter: AdapterIdentity,
    /// What tuned it.
    pub tool: Tool,
    /// One per precision.
    pub entries: Vec<Entry>,
}

/// The choice for one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// The cache file of an adapter: its name says which, the file itself with which driver and version.
pub fn file(folder: &Path, adapter: &AdapterIdentity) -> PathBuf {
    let AdapterIdentity { name, backend, device_type, vendor, device, .. } = adapter;
    let identity = format!("{name}\n{backend}\n{device_type}\n{vendor}\n{device}");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(plain).take(24).collect();
    folder.join(format!("tune-{}-{backend}-{}.json", slug.trim_matches('-'), &hex_sha256(&identity)[..12]))
}

/// Looks up a precision.
pub fn find(folder: &Path, adapter: &AdapterIdentity, tool: &Tool, precision: Precision) -> Found {
    let cache = match read(&file(folder, adapter), adapter, tool) {
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

/// Reads a cache file; `None` where there is none, the reason where it does not hold.
fn read(path: &Path, adapter: &AdapterIdentity, tool: &Tool) -> std::result::Result<Option<Cache>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| match e.is_eof() {
        true => "it is cut off".to_string(),
        false => format!("it is damaged: {e}"),
    })?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(SCHEMA) => {}
        other => return Err(format!("its schema is `{}` instead of `{SCHEMA}`", other.unwrap_or("missing"))),
    }
    let cache: Cache = serde_json::from_value(value).map_err(|e| format!("it is damaged: {e}"))?;
    let differs = [
        ("flopcast", &cache.tool.version, &tool.version),
        ("wgpu", &cache.tool.wgpu, &tool.wgpu),
        ("naga", &cache.tool.naga, &tool.naga),
        ("driver", &cache.adapter.driver, &adapter.driver),
        ("driver", &cache.adapter.driver_info, &adapter.driver_info),
    ];
    if let Some((what, was, is)) = differs.into_iter().find(|(_, was, is)| was != is) {
        return Err(format!("it was made with {what} {was}, this is {is}"));
    }
    if cache.tool.method != tool.method || cache.adapter != *adapter {
        return Err("it was made for another adapter or by another method".into());
    }
    Ok(Some(cache))
}

/// Stores what a search found, beside what is stored for other precisions. Written whole or not at all.
///
/// # Errors
/// Exit code 2 where the folder cannot be written.
pub fn store(folder: &Path, tuning: &Tuning, budget_s: f64) -> Result<PathBuf> {
    let record = &tuning.record;
    let path = file(folder, &record.adapter);
    let precision = record.case.precision;
    // A file that does not hold is replaced.
    let mut entries =
        read(&path, &record.adapter, &record.tool).ok().flatten().map_or(Vec::new(), |cache| cache.entries);
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
    let cache = Cache { schema: SCHEMA.into(), adapter: record.adapter.clone(), tool: record.tool.clone(), entries };
    let mut text = serde_json::to_string_pretty(&cache).or_failed("cache")?;
    text.push('\n');
    write_whole(&path, text.as_bytes()).map_err(|e| {
        Error::usage(e.to_string())
            .context(format!("`{}` cannot be written", path.display()))
            .hint("choose another folder with FLOPCAST_CACHE_DIR, or keep nothing with `--no-cache`")
    })?;
    Ok(path)
}

/// Into a file beside it, then renamed over it: who reads at the same time sees the old one or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".tune-{}.part", std::process::id()));
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&beside, path));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    renamed
}

/// Removes every cache file of a folder; how many there were. Other files are left alone.
///
/// # Errors
/// Exit code 1 where one cannot be removed.
pub fn clear(folder: &Path) -> Result<usize> {
    let mut removed = 0;
    for path in files(folder) {
        std::fs::remove_file(&path).or_failed(format!("`{}`", path.display()))?;
        removed += 1;
    }
    Ok(removed)
}

/// The cache files of a folder, by name.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let ours = |name: &str| name.starts_with("tune-") && name.ends_with(".json");
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(ours))
        .collect();
    files.sort();
    files
}

/// A cache file as it stands, whatever it was made with.
///
/// # Errors
/// The reason why it does not read.
pub fn load(path: &Path) -> std::result::Result<Cache, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|e| if e.is_eof() { "it is cut off".into() } else { e.to_string() })
}
