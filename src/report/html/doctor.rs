//! What the doctor found.

use super::Shown;
use super::badge::software;
use super::figure::{cell, table};
use super::text::{clean, prose};
use crate::measure::record::AdapterIdentity;
use crate::report::measurement::headline;
use maud::{Markup, html};
use serde::Deserialize;

/// What of `flopcast.doctor/1` is shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Examined {
    /// When, UTC, RFC 3339.
    pub at: String,
    /// What was examined.
    pub adapter: AdapterIdentity,
    /// The worst grade.
    pub grade: String,
    /// The checks.
    pub checks: Vec<Checked>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Checked {
    /// What was looked at.
    pub check: String,
    /// How it came out.
    pub grade: String,
    /// Why not better.
    pub code: Option<String>,
    /// What was seen, in a sentence.
    pub detail: String,
}

/// The section of all examinations.
pub fn section(examined: &[Shown<Examined>]) -> Markup {
    html! {
        section {
            h2 id="doctor" { "Is the instrument fit to measure?" }
            @for Shown { file, is } in examined {
                h3 { (clean(&headline(&is.adapter))) (software(is.adapter.software)) }
                p.made { "made by " code { "flopcast doctor --format json" } " at " (clean(&is.at)) ", read from " code { (clean(file)) } }
                p { "As a whole: " (grade(&is.grade)) }
                div.wide-table { (table(&["check", "grade", "what was seen", "code"], is.checks.iter().map(|c| {
                    vec![cell(&c.check), grade(&c.grade), prose(&c.detail), html! { @if let Some(code) = &c.code { code { (clean(code)) } } }]
                }))) }
            }
        }
    }
}

fn grade(grade: &str) -> Markup {
    let (class, word) = match grade {
        "ok" => ("measured", "ok"),
        "warn" => ("software", "warn"),
        "unfit" => ("invalid", "UNFIT"),
        "not_known" => ("none", "not known"),
        other => ("none", other),
    };
    html! { span class={ "v v-" (class) } { (clean(word)) } }
}
