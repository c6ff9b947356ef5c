//! Writes the generated part of `docs/performance.md` out of a record.
//!
//! ```text
//! cargo run --release --example performance -- record/2026-11-27-lavapipe
//! cargo run --release --example performance -- record/2026-11-27-lavapipe --host target/criterion
//! ```
//!
//! The second first collects what `cargo bench --bench host` left behind into the record's `host.json`.

use flopcast::error::{Context, Error, Result};
use flopcast::report::performance::{Cost, HOST_SCHEMA, Host, placed, text};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DOCUMENT: &str = "docs/performance.md";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [record] => write(Path::new(record)),
        [record, "--host", criterion] => {
            collect(Path::new(criterion), Path::new(record)).and_then(|()| write(Path::new(record)))
        }
        _ => Err(Error::usage("unusable arguments").hint("performance RECORD_FOLDER [--host target/criterion]")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn write(record: &Path) -> Result<()> {
    let document = std::fs::read_to_string(DOCUMENT).or_usage(DOCUMENT)?;
    std::fs::write(DOCUMENT, placed(&document, &text(record)?)?).or_usage(DOCUMENT)
}

/// The medians of the host bench's groups.
fn collect(criterion: &Path, record: &Path) -> Result<()> {
    let mut costs = Vec::new();
    for group in ["compose", "operands", "proof", "statistics"] {
        let mut found = Vec::new();
        estimates(&criterion.join(group), &mut found)?;
        found.sort();
        for path in found {
            costs.push(cost(&path)?);
        }
    }
    if costs.is_empty() {
        return Err(Error::usage(format!("`{}`: no host costs; run `cargo bench --bench host`", criterion.display())));
    }
    let at = humantime_now();
    let text = serde_json::to_string_pretty(&Host { schema: HOST_SCHEMA.into(), at, costs }).or_failed("json")?;
    std::fs::write(record.join("host.json"), text + "\n").or_usage("host.json")
}

fn humantime_now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

/// Folders named `new` below, each of one bench.
fn estimates(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let name = folder.display().to_string();
    for entry in std::fs::read_dir(folder).or_usage(&name)? {
        let path = entry.or_usage(&name)?.path();
        if path.file_name().is_some_and(|name| name == "new") {
            found.push(path);
        } else if path.is_dir() {
            estimates(&path, found)?;
        }
    }
    Ok(())
}

fn cost(folder: &Path) -> Result<Cost> {
    let value = |file: &str| -> Result<serde_json::Value> {
        let path = folder.join(file);
        let name = path.display().to_string();
        serde_json::from_str(&std::fs::read_to_string(&path).or_usage(&name)?).or_usage(&name)
    };
    let (estimates, bench) = (value("estimates.json")?, value("benchmark.json")?);
    let median = &estimates["median"];
    let number = |v: &serde_json::Value| v.as_f64().ok_or_else(|| Error::usage("an estimate is missing"));
    let interval = &median["confidence_interval"];
    Ok(Cost {
        id: bench["full_id"].as_str().unwrap_or_default().into(),
        ns: [number(&median["point_estimate"])?, number(&interval["lower_bound"])?, number(&interval["upper_bound"])?],
        elements: bench["throughput"]["Elements"].as_u64(),
    })
}
