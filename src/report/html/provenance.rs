//! Where everything on the page comes from: the command, the files with what they hold, the tools, the documents.

use super::figure::{cell, table};
use super::page::anchor;
use super::text::{clean, counted};
use super::{Report, Shown, explained, forecast};
use crate::project::{Node, SourceRef};
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// The files of a report, each with what it holds.
fn files(report: &Report) -> Vec<(&str, String)> {
    fn of<T>(all: &[Shown<T>], holds: impl Fn(&T) -> String) -> impl Iterator<Item = (&str, String)> {
        all.iter().map(move |shown| (shown.file.as_str(), holds(&shown.is)))
    }
    let mut files: Vec<(&str, String)> = Vec::new();
    files.extend(of(&report.measured, |records| counted(records.len(), "measured case")));
    files.extend(of(&report.rooflines, |_| "roofline".into()));
    files.extend(of(&report.tunings, |_| "search for a kernel".into()));
    files.extend(of(&report.best_shapes, |_| "search for a shape".into()));
    files.extend(of(&report.portability, |c| format!("costs of portability, {}", counted(c.costs.len(), "pair"))));
    files.extend(of(&report.trials, |t| format!("trial of {}", counted(t.verdict.pairs, "pair"))));
    files.extend(of(&report.gates, |g| format!("gate over {}", counted(g.cases.len(), "case"))));
    files.extend(of(&report.smokes, |s| format!("smoke of {}", counted(s.tests.len(), "test"))));
    files.extend(of(&report.examined, |_| "examination".into()));
    files.extend(of(&report.calibrations, |_| "calibration".into()));
    files.extend(of(&report.projections, |p| format!("forecast of {}", forecast::name(p))));
    files.extend(of(&report.comparisons, |c| format!("comparison {}", c.name)));
    files.extend(of(&report.scalings, |s| format!("scaling of {}", s.scenario)));
    files.extend(of(&report.what_ifs, |w| format!("what-ifs of {}", w.base.scenario)));
    files.extend(of(&report.searches, |s| format!("search among {}", counted(s.strategies as usize, "layout"))));
    files.extend(of(&report.explanations, |e| format!("what {} is made of", e.tree.name)));
    files.extend(of(&report.validations, |v| format!("validation on {}", counted(v.figures.summary.n, "run"))));
    files
}

/// Documents by their id.
fn documents(report: &Report) -> BTreeMap<&str, &SourceRef> {
    let compared = report.comparisons.iter().flat_map(|c| &c.is.rows).filter_map(|r| r.projection.as_deref());
    let projections = report.projections.iter().map(|p| &p.is).chain(report.what_ifs.iter().map(|w| &w.is.base));
    let mut nodes: Vec<(usize, &Node)> = Vec::new();
    report.explanations.iter().for_each(|e| explained::below(&e.is.tree, 0, &mut nodes));
    let named = projections.chain(compared).flat_map(|p| &p.sources).chain(nodes.iter().flat_map(|(_, n)| &n.sources));
    let mut all = BTreeMap::new();
    for source in named {
        all.entry(source.id.as_str()).or_insert(source);
    }
    all
}

/// The section.
pub fn section(report: &Report) -> Markup {
    let tools: BTreeSet<String> = report
        .measured
        .iter()
        .flat_map(|m| &m.is)
        .map(|r| &r.tool)
        .map(|t| format!("flopcast {}, method {}, wgpu {}, naga {}", t.version, t.method, t.wgpu, t.naga))
        .collect();
    let documents = documents(report);
    html! {
        section {
            h2 id="provenance" { "Where it comes from" }
            p { "This page was made by " code { (clean(&report.command)) } "." }
            @if !tools.is_empty() { p { "Measured with " (clean(&tools.into_iter().collect::<Vec<_>>().join("; "))) "." } }
            div.wide-table { (table(&["file", "holds"], files(report).into_iter().map(|(file, holds)| vec![html! { code { (clean(file)) } }, cell(holds)]))) }
            @if !documents.is_empty() {
                h3 { "Documents" }
                ul.plain { @for (id, s) in documents {
                    li id={ "source-" (anchor(id)) } { code { (clean(id)) } ": " (clean(&s.title)) @if s.title != s.locator { ", " (clean(&s.locator)) } }
                } }
            }
        }
    }
}
