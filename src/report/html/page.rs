//! The page: its frame, the order of its sections, where everything comes from.

use super::figure::{cell, table};
use super::text::clean;
use super::{Report, calibration, doctor, forecast, headline, limits, measured, palette, roofline, scaling, what_if};
use crate::error::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

const STYLE: &str = include_str!("style.css");

/// The page as one HTML file.
///
/// # Errors
/// Exit code 1 where a plot cannot be laid out.
pub fn page(report: &Report) -> Result<String> {
    let groups = measured::groups(&report.measured);
    let mut sections = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        sections.push(measured::section(i, group)?);
    }
    for (i, r) in report.rooflines.iter().enumerate() {
        sections.push(roofline::section(i, &r.file, &r.is)?);
    }
    for (i, c) in report.calibrations.iter().enumerate() {
        sections.push(calibration::section(i, &c.file, &c.is)?);
    }
    if !report.examined.is_empty() {
        sections.push(doctor::section(&report.examined));
    }
    if !report.projections.is_empty() {
        sections.push(forecast::section(&report.projections)?);
    }
    if !report.scalings.is_empty() {
        sections.push(scaling::section(&report.scalings)?);
    }
    if !report.what_ifs.is_empty() {
        sections.push(what_if::section(&report.what_ifs)?);
    }
    let style = format!("{}{STYLE}", palette::css());
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                // Nothing is loaded, nothing runs, and only this style sheet counts.
                meta http-equiv="Content-Security-Policy" content=(policy(&style));
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                meta name="generator" content={ "flopcast " (env!("CARGO_PKG_VERSION")) };
                title { (clean(&report.title)) }
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#main" { "to the figures" }
                header { (headline::top(report, &groups)) (contents(report, &groups)) }
                main id="main" {
                    @for section in sections { (section) }
                    (limits::section(report))
                    (provenance(report))
                }
                footer { "One file, no script, nothing loaded: it can be kept and sent as it is." }
            }
        }
    }
    .into_string())
}

/// A policy under which the file can load and run nothing; its style sheet is named by its hash.
fn policy(style: &str) -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        base64(&Sha256::digest(style))
    )
}

/// Base64 of 3n + 2 bytes, or of any other number, with padding (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

fn contents(report: &Report, groups: &[measured::Group]) -> Markup {
    let mut all: Vec<(String, String)> = Vec::new();
    let several = |i: usize, n: usize| if n > 1 { format!(" {}", i + 1) } else { String::new() };
    for i in 0..groups.len() {
        all.push((format!("measured-{i}"), format!("measured{}", several(i, groups.len()))));
        all.push((format!("measured-{i}-samples"), format!("samples{}", several(i, groups.len()))));
    }
    for i in 0..report.rooflines.len() {
        all.push((format!("roofline-{i}"), format!("roofline{}", several(i, report.rooflines.len()))));
    }
    for i in 0..report.calibrations.len() {
        all.push((format!("calibration-{i}"), format!("calibration{}", several(i, report.calibrations.len()))));
    }
    let rest = [
        (!report.examined.is_empty(), "doctor", "instrument"),
        (!report.projections.is_empty(), "forecast", "forecast"),
        (!report.projections.is_empty(), "breakdown", "step"),
        (!report.projections.is_empty(), "width-0", "uncertainty"),
        (!report.scalings.is_empty(), "scaling", "over accelerators"),
        (!report.what_ifs.is_empty(), "what-if", "what if"),
        (true, "limits", "what it does not tell"),
        (true, "provenance", "where it comes from"),
    ];
    all.extend(rest.into_iter().filter(|(there, ..)| *there).map(|(_, id, text)| (id.to_string(), text.to_string())));
    html! { nav aria-label="contents" { ul { @for (id, text) in all { li { a href={ "#" (id) } { (text) } } } } } }
}

/// An id that is safe as an anchor.
pub fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

fn provenance(report: &Report) -> Markup {
    let mut files: Vec<(&str, String)> = Vec::new();
    files.extend(report.measured.iter().map(|m| (m.file.as_str(), format!("{} measured cases", m.is.len()))));
    files.extend(report.rooflines.iter().map(|r| (r.file.as_str(), "roofline".to_string())));
    files.extend(report.calibrations.iter().map(|c| (c.file.as_str(), "calibration".to_string())));
    files.extend(report.examined.iter().map(|e| (e.file.as_str(), "examination".to_string())));
    files
        .extend(report.projections.iter().map(|p| (p.file.as_str(), format!("forecast of {}", forecast::name(&p.is)))));
    files.extend(report.scalings.iter().map(|s| (s.file.as_str(), format!("scaling of {}", s.is.scenario))));
    files.extend(report.what_ifs.iter().map(|w| (w.file.as_str(), format!("what-ifs of {}", w.is.base.scenario))));
    let mut sources = BTreeMap::new();
    let projections = report.projections.iter().map(|p| &p.is).chain(report.what_ifs.iter().map(|w| &w.is.base));
    for source in projections.flat_map(|p| &p.sources) {
        sources.entry(source.id.as_str()).or_insert(source);
    }
    let tools = report.measured.iter().flat_map(|m| &m.is).map(|r| (r.adapter.backend.as_str(), &r.tool));
    let tools: std::collections::BTreeSet<String> = tools
        .map(|(_, t)| format!("flopcast {}, method {}, wgpu {}, naga {}", t.version, t.method, t.wgpu, t.naga))
        .collect();
    html! {
        section {
            h2 id="provenance" { "Where it comes from" }
            p { "This page was made by " code { (clean(&report.command)) } "." }
            @if !tools.is_empty() { p { "Measured with " (clean(&tools.into_iter().collect::<Vec<_>>().join("; "))) "." } }
            div.wide-table { (table(&["file", "holds"], files.into_iter().map(|(file, holds)| vec![html! { code { (clean(file)) } }, cell(holds)]))) }
            @if !sources.is_empty() {
                h3 { "Documents" }
                ul.plain { @for (id, s) in sources {
                    li id={ "source-" (anchor(id)) } { code { (clean(id)) } ": " (clean(&s.title)) ", " (clean(&s.locator)) }
                } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
