//! What is kept of an adapter for later runs: one file per adapter and kind, in a folder of the caller's.
//!
//! A file holds for one adapter with one driver, one version of this program and of what compiles its kernels.
//! Whatever does not match, or does not read, is ignored with the reason.

use super::physics::Bound;
use super::record::{AdapterIdentity, Tool};
use crate::error::{Context, Error, Result};
use crate::kernel::hex_sha256;
use crate::typed;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A kind of file.
pub trait Kept: Serialize + DeserializeOwned {
    /// Its schema id.
    const SCHEMA: &'static str;
    /// What its name begins with.
    const NAME: &'static str;

    /// What it was made on, and by what.
    fn made(&self) -> (&AdapterIdentity, &Tool);
}

/// The longest dispatch that `flopcast doctor` saw come back, as a limit for later runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatches {
    /// Always [`Kept::SCHEMA`].
    pub schema: String,
    /// What was examined.
    pub adapter: AdapterIdentity,
    /// What examined it.
    pub tool: Tool,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// The longest single dispatch to make, seconds.
    pub dispatch_s: f64,
}

impl Kept for Dispatches {
    const SCHEMA: &'static str = "flopcast.dispatches/1";
    const NAME: &'static str = "dispatches";

    fn made(&self) -> (&AdapterIdentity, &Tool) {
        (&self.adapter, &self.tool)
    }
}

/// What a measured roofline says that no figure can be above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Always [`Kept::SCHEMA`].
    pub schema: String,
    /// What was probed.
    pub adapter: AdapterIdentity,
    /// What probed it.
    pub tool: Tool,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// The bounds.
    pub bounds: Vec<Bound>,
}

impl Kept for Bounds {
    const SCHEMA: &'static str = "flopcast.bounds/1";
    const NAME: &'static str = "bounds";

    fn made(&self) -> (&AdapterIdentity, &Tool) {
        (&self.adapter, &self.tool)
    }
}

/// Schema id of [`Stored`].
pub const SCHEMA: &str = "flopcast.cache/1";

/// What `flopcast cache show --format json` prints: every file, each with the schema of its own.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Stored {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// Tuned kernels.
    pub tuned: Vec<super::tune::cache::Cache>,
    /// Bounds of rooflines.
    pub bounds: Vec<Bounds>,
    /// Longest dispatches.
    pub dispatches: Vec<Dispatches>,
}

/// The file of an adapter: its name says which, the file itself with which driver and version.
pub fn file<T: Kept>(folder: &Path, adapter: &AdapterIdentity) -> PathBuf {
    let AdapterIdentity { name, backend, device_type, vendor, device, .. } = adapter;
    let identity = format!("{name}\n{backend}\n{device_type}\n{vendor}\n{device}");
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(plain).take(24).collect();
    let (kind, slug, hash) = (T::NAME, slug.trim_matches('-'), &hex_sha256(&identity)[..12]);
    folder.join(format!("{kind}-{slug}-{backend}-{hash}.json"))
}

/// Reads what is kept of an adapter; `None` where there is nothing, the reason where it does not hold.
///
/// # Errors
/// The reason, as a sentence.
pub fn read<T: Kept>(folder: &Path, adapter: &AdapterIdentity, tool: &Tool) -> std::result::Result<Option<T>, String> {
    let text = match std::fs::read_to_string(file::<T>(folder, adapter)) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e.to_string()),
    };
    let kept: T = parse(&text)?;
    let (there, by) = kept.made();
    let differs = [
        ("flopcast", &by.version, &tool.version),
        ("wgpu", &by.wgpu, &tool.wgpu),
        ("naga", &by.naga, &tool.naga),
        ("driver", &there.driver, &adapter.driver),
        ("driver", &there.driver_info, &adapter.driver_info),
    ];
    if let Some((what, was, is)) = differs.into_iter().find(|(_, was, is)| was != is) {
        return Err(format!("it was made with {what} {was}, this is {is}"));
    }
    if by.method != tool.method || there != adapter {
        return Err("it was made for another adapter or by another method".into());
    }
    Ok(Some(kept))
}

/// A file as it stands, whatever it was made with.
///
/// # Errors
/// The reason why it does not read.
pub fn load<T: Kept>(path: &Path) -> std::result::Result<T, String> {
    parse(&std::fs::read_to_string(path).map_err(|e| e.to_string())?)
}

fn parse<T: Kept>(text: &str) -> std::result::Result<T, String> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| match e.is_eof() {
        true => "it is cut off".to_string(),
        false => format!("it is damaged: {e}"),
    })?;
    match value.get("schema").and_then(|s| s.as_str()) {
        Some(schema) if schema == T::SCHEMA => {}
        other => return Err(format!("its schema is `{}` instead of `{}`", other.unwrap_or("missing"), T::SCHEMA)),
    }
    typed::read(&value).map_err(|e| format!("it is damaged: {e}"))
}

/// Keeps it. Written whole or not at all.
///
/// # Errors
/// Exit code 2 where the folder cannot be written.
pub fn write<T: Kept>(folder: &Path, kept: &T) -> Result<PathBuf> {
    let path = file::<T>(folder, kept.made().0);
    let mut text = serde_json::to_string_pretty(kept).or_failed("cache")?;
    text.push('\n');
    write_whole(&path, text.as_bytes()).map_err(|e| {
        Error::usage(e.to_string())
            .context(format!("`{}` cannot be written", path.display()))
            .hint("choose another folder with FLOPCAST_CACHE_DIR, or keep nothing with `--no-cache`")
    })?;
    Ok(path)
}

/// Who reads at the same time sees the old one or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    crate::files::write(path, bytes)
}

/// Takes away what is kept of an adapter, if it is there; whether it was.
///
/// # Errors
/// Exit code 1 where it cannot be removed.
pub fn remove<T: Kept>(folder: &Path, adapter: &AdapterIdentity) -> Result<bool> {
    let path = file::<T>(folder, adapter);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::failed(e.to_string()).context(format!("`{}` cannot be removed", path.display()))),
    }
}

/// The files of a kind in a folder, by name.
pub fn files<T: Kept>(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let ours =
        |name: &str| name.strip_prefix(T::NAME).is_some_and(|rest| rest.starts_with('-')) && name.ends_with(".json");
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(ours))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::physics::Limit;
    use crate::measure::scripted::{Script, ScriptedExecutor};
    use crate::measure::{Executor, Timed};

    #[test]
    fn what_is_kept_is_found_for_its_adapter_driver_and_version_alone() {
        let folder = std::env::temp_dir().join(format!("flopcast-kept-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let device = ScriptedExecutor::new(Script::honest());
        assert!(device.now_ns() > 0);
        let (adapter, tool) = (device.adapter().clone(), device.tool());
        assert_eq!(read::<Bounds>(&folder, &adapter, &tool), Ok(None));
        let bound =
            Bound { limit: Limit::Memory { from_bytes: 1 }, rate: 1e9, source: "a probe".into(), doubtful: false };
        let kept = Bounds {
            schema: Bounds::SCHEMA.into(),
            adapter: adapter.clone(),
            tool: tool.clone(),
            at: "2026-11-24T00:00:00Z".into(),
            bounds: vec![bound],
        };
        let path = write(&folder, &kept).unwrap();
        assert_eq!(read::<Bounds>(&folder, &adapter, &tool), Ok(Some(kept.clone())));
        assert_eq!(read::<Dispatches>(&folder, &adapter, &tool), Ok(None), "another kind has a file of its own");
        assert_eq!((files::<Bounds>(&folder), files::<Dispatches>(&folder).len()), (vec![path.clone()], 0));
        let refused = |adapter: &AdapterIdentity, tool: &Tool, part: &str| {
            let why = read::<Bounds>(&folder, adapter, tool).unwrap_err();
            assert!(why.contains(part), "{why}");
        };
        // Taken away once, and put back for what follows.
        assert_eq!([remove::<Bounds>(&folder, &adapter), remove::<Bounds>(&folder, &adapter)], [Ok(true), Ok(false)]);
        assert_eq!(read::<Bounds>(&folder, &adapter, &tool), Ok(None));
        write(&folder, &kept).unwrap();
        refused(&adapter, &Tool { naga: "9".into(), ..tool.clone() }, "made with naga");
        refused(&AdapterIdentity { driver: "new".into(), ..adapter.clone() }, &tool, "made with driver");
        refused(&adapter, &Tool { method: 99, ..tool.clone() }, "another method");
        let mut other = adapter.clone();
        other.capabilities.features.push("X".into());
        refused(&other, &tool, "another adapter");
        let text = std::fs::read_to_string(&path).unwrap();
        for (edited, part) in [
            (text[..text.len() / 2].to_string(), "cut off"),
            (text.replace("bounds/1", "bounds/7"), "flopcast.bounds/7"),
            (text.replace("\"rate\"", "\"speed\""), "damaged"),
        ] {
            std::fs::write(&path, edited).unwrap();
            refused(&adapter, &tool, part);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
