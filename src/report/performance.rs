//! The generated part of `docs/performance.md`, out of a record: the same files give the same text.

use super::measurement::{headline, significant};
use super::{Printed, Table};
use crate::calibrate::roofline::Roofline;
use crate::error::{Context, Error, Result};
use crate::measure::probe::wire;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Schema id of host costs.
pub const HOST_SCHEMA: &str = "flopcast.host/1";

/// Schema id of a run of `benches/peers`.
pub const PEERS_SCHEMA: &str = "flopcast.peers/1";

/// Lines between which the generated text stands.
pub const BEGIN: &str = "<!-- generated: begin -->";
/// The end of it.
pub const END: &str = "<!-- generated: end -->";

/// Host costs as criterion saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Always [`HOST_SCHEMA`].
    pub schema: String,
    /// When they were collected, UTC, RFC 3339.
    pub at: String,
    /// One per bench.
    pub costs: Vec<Cost>,
}

/// One bench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Group and name.
    pub id: String,
    /// Nanoseconds of a run: median and its 95 % interval.
    pub ns: [f64; 3],
    /// Elements that a run works on, where it says.
    pub elements: Option<u64>,
}

/// A run of `benches/peers`: what of it is shown.
#[derive(Debug, Clone, Deserialize)]
struct Peers {
    schema: String,
    at: String,
    rows: Vec<PeerRow>,
}

#[derive(Debug, Clone, Deserialize)]
struct PeerRow {
    name: String,
    shape: String,
    setup_s: Option<f64>,
    gflop_per_s: Option<Range>,
    over: Vec<Over>,
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Range {
    median: f64,
    lo: f64,
    hi: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Over {
    name: String,
    ratio: Range,
}

/// The text out of a folder that holds `roofline.jsonl`, and where they are there `host.json` and
/// `peers-*.json`, taken in the order of their names.
///
/// # Errors
/// Exit code 2: a file cannot be read or has another schema.
pub fn text(folder: &Path) -> Result<String> {
    let lines = wire::read(&folder.join("roofline.jsonl"))?;
    let r = Roofline::of(&lines)?;
    let tool = &lines.probes[0].tool;
    let mut out = format!(
        "Adapter: {}. Tool {}, wgpu {}, naga {}.\n\n## Roofline\n\nMeasured {} by `flopcast measure --suite roofline`.\n\n",
        headline(&r.adapter),
        tool.version,
        tool.wgpu,
        tool.naga,
        r.at
    );
    out += &fenced(&r.document().plain());
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .or_usage(format!("`{}`", folder.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("peers-") && name.ends_with(".json"))
        .collect();
    names.sort();
    if !names.is_empty() {
        out += "## Peers\n\nHost wall time, f32, same adapter and operands, interleaved, every result proved \
                (`benches/peers`). The ratio is the first row's rate over the row's, round by round.\n\n";
    }
    for name in names {
        let peers: Peers = json(&folder.join(&name), PEERS_SCHEMA, |p: &Peers| &p.schema)?;
        out += &format!("{}, `{name}`:\n\n{}", peers.at, fenced(&peer_table(&peers)));
    }
    let host = folder.join("host.json");
    if host.exists() {
        let host: Host = json(&host, HOST_SCHEMA, |h: &Host| &h.schema)?;
        out += &format!(
            "## Host\n\nCollected {} from `cargo bench --bench host`.\n\n{}",
            host.at,
            fenced(&cost_table(&host))
        );
    }
    Ok(out)
}

/// A document with its generated part replaced.
///
/// # Errors
/// Exit code 2: the markers are not there, once each and in order.
pub fn placed(document: &str, generated: &str) -> Result<String> {
    let whole = || {
        let (before, rest) = document.split_once(BEGIN)?;
        let (_, after) = rest.split_once(END)?;
        Some(format!("{before}{BEGIN}\n\n{}\n{END}{after}", generated.trim_end().to_string() + "\n"))
    };
    whole().ok_or_else(|| {
        Error::usage("the document has no generated part").hint(format!("it stands between `{BEGIN}` and `{END}`"))
    })
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path, schema: &str, of: impl Fn(&T) -> &String) -> Result<T> {
    let name = format!("`{}`", path.display());
    let text = std::fs::read_to_string(path).or_usage(&name)?;
    let value: T = serde_json::from_str(&text).or_usage(&name)?;
    if of(&value) == schema {
        return Ok(value);
    }
    Err(Error::usage(format!("{name}: schema `{}` instead of `{schema}`", of(&value))))
}

fn fenced(text: &str) -> String {
    format!("```text\n{}\n```\n\n", text.trim_end())
}

fn peer_table(peers: &Peers) -> String {
    let mut table = Table::new(&["peer", ">m×n×k", ">GFLOP/s", ">95 %", ">set-up", ">ratio", ">95 %", "why"]);
    let mut first: Option<&PeerRow> = None;
    for row in &peers.rows {
        if first.is_none_or(|f| f.shape != row.shape) {
            first = Some(row);
        }
        let ratio = first.and_then(|f| f.over.iter().find(|o| o.name == row.name)).map(|o| o.ratio);
        let middle = |range: Option<Range>| range.map_or("–".into(), |r| significant(r.median));
        let ends = |range: Option<Range>| {
            range.map_or(String::new(), |r| format!("{}–{}", significant(r.lo), significant(r.hi)))
        };
        table.row([
            row.name.clone(),
            row.shape.clone(),
            middle(row.gflop_per_s),
            ends(row.gflop_per_s),
            row.setup_s.map_or("–".into(), |s| format!("{s:.2} s")),
            middle(ratio),
            ends(ratio),
            row.error.clone().unwrap_or_default(),
        ]);
    }
    table.text()
}

fn cost_table(host: &Host) -> String {
    let mut table = Table::new(&["what", ">µs", ">95 %", ">M elements/s"]);
    for cost in &host.costs {
        let [median, lo, hi] = cost.ns.map(|ns| ns * 1e-3);
        table.row([
            cost.id.clone(),
            significant(median),
            format!("{}–{}", significant(lo), significant(hi)),
            cost.elements.map_or(String::new(), |n| significant(n as f64 / median)),
        ]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_part_alone_is_replaced() {
        let document = format!("# Title\n\n{BEGIN}\nold\n{END}\nfoot\n");
        let placed_once = placed(&document, "new\n").unwrap();
        assert_eq!(placed_once, format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\nfoot\n"));
        assert_eq!(placed(&placed_once, "new").unwrap(), placed_once);
        assert_eq!(placed("no markers", "new").unwrap_err().exit_code(), 2);
    }
}
