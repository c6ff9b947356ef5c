//! The page: its frame and the order of its sections.

use super::text::clean;
use super::{
    Report, calibration, comparison, doctor, explained, forecast, gate, headline, limits, measured, palette,
    portability, provenance, roofline, scaling, search, smoke, trial, tuning, validated, what_if,
};
use crate::error::Result;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("style.css");

/// A section, with what the contents say of it: anchors and their names.
struct Section {
    entries: Vec<(String, String)>,
    body: Markup,
}

impl Section {
    fn new(id: &str, name: &str, body: Markup) -> Section {
        Section { entries: vec![(id.into(), name.into())], body }
    }

    /// With another place in it that the contents name.
    fn and(mut self, id: &str, name: &str) -> Section {
        self.entries.push((id.into(), name.into()));
        self
    }
}

/// Adds a section where there is something to show.
fn push(
    all: &mut Vec<Section>,
    there: bool,
    id: &str,
    name: &str,
    body: impl FnOnce() -> Result<Markup>,
) -> Result<()> {
    if there {
        all.push(Section::new(id, name, body()?));
    }
    Ok(())
}

/// What there is to show, in the order in which it came about: measured, judged, carried over, forecast, searched for,
/// held against what others measured.
fn sections(report: &Report, groups: &[measured::Group]) -> Result<Vec<Section>> {
    let several = |name: &str, i: usize, n: usize| if n > 1 { format!("{name} {}", i + 1) } else { name.to_string() };
    let mut all = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let section =
            Section::new(&format!("measured-{i}"), &several("measured", i, groups.len()), measured::section(i, group)?);
        all.push(section.and(&format!("measured-{i}-samples"), &several("samples", i, groups.len())));
    }
    for (i, r) in report.rooflines.iter().enumerate() {
        let name = several("roofline", i, report.rooflines.len());
        all.push(Section::new(&format!("roofline-{i}"), &name, roofline::section(i, &r.file, &r.is)?));
    }
    push(&mut all, !(report.tunings.is_empty() && report.best_shapes.is_empty()), "tuning", "tuned", || {
        tuning::section(&report.tunings, &report.best_shapes)
    })?;
    push(&mut all, !report.portability.is_empty(), "portability", "portability", || {
        portability::section(&report.portability)
    })?;
    push(&mut all, !report.trials.is_empty(), "trial", "A against B", || trial::section(&report.trials))?;
    push(&mut all, !report.gates.is_empty(), "gate", "new against base", || gate::section(&report.gates))?;
    push(&mut all, !report.smokes.is_empty(), "smoke", "smoke", || smoke::section(&report.smokes))?;
    push(&mut all, !report.examined.is_empty(), "doctor", "instrument", || Ok(doctor::section(&report.examined)))?;
    for (i, c) in report.calibrations.iter().enumerate() {
        let name = several("calibration", i, report.calibrations.len());
        all.push(Section::new(&format!("calibration-{i}"), &name, calibration::section(i, &c.file, &c.is)?));
    }
    if !report.projections.is_empty() {
        let forecast = Section::new("forecast", "forecast", forecast::section(&report.projections)?);
        all.push(forecast.and("breakdown", "step").and("width-0", "uncertainty"));
    }
    push(&mut all, !report.comparisons.is_empty(), "comparison", "side by side", || {
        comparison::section(&report.comparisons)
    })?;
    push(&mut all, !report.scalings.is_empty(), "scaling", "over accelerators", || scaling::section(&report.scalings))?;
    push(&mut all, !report.what_ifs.is_empty(), "what-if", "what if", || what_if::section(&report.what_ifs))?;
    push(&mut all, !report.searches.is_empty(), "search", "best layout", || search::section(&report.searches))?;
    push(&mut all, !report.explanations.is_empty(), "explained", "what it rests on", || {
        Ok(explained::section(&report.explanations))
    })?;
    push(&mut all, !report.validations.is_empty(), "validation", "validated", || {
        validated::section(&report.validations)
    })?;
    all.push(Section::new("limits", "what it does not tell", limits::section(report)));
    all.push(Section::new("provenance", "where it comes from", provenance::section(report)));
    Ok(all)
}

/// The page as one HTML file.
///
/// # Errors
/// Exit code 1 where a plot cannot be laid out.
pub fn page(report: &Report) -> Result<String> {
    let groups = measured::groups(&report.measured);
    let sections = sections(report, &groups)?;
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
                header { (headline::top(report, &groups)) (contents(&sections)) }
                main id="main" {
                    @for section in &sections { (section.body) }
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

fn contents(sections: &[Section]) -> Markup {
    let entries = sections.iter().flat_map(|section| &section.entries);
    html! { nav aria-label="contents" { ul { @for (id, text) in entries { li { a href={ "#" (id) } { (text) } } } } } }
}

/// An id that is safe as an anchor.
pub fn anchor(id: &str) -> String {
    id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
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
