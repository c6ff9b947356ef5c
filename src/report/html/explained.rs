//! What a quantity is made of, down to each document or record: the tree as a table.

use super::Shown;
use super::badge::software;
use super::figure::table;
use super::page::anchor;
use super::text::{clean, prose};
use crate::project::study::{Explanation, Node, NodeKind};
use crate::report::number::number;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The deepest indent that the stylesheet has.
const DEEPEST: usize = 6;

/// The section of all trees.
pub fn section(all: &[Shown<Explanation>]) -> Markup {
    html! {
        section {
            h2 id="explained" { "What a figure rests on" }
            p { "Below each quantity stand the quantities in its formula, and below them every input that moves it: that is found by changing each input and seeing \
                what moves." }
            @for Shown { file, is } in all {
                h3 { code { (clean(&is.tree.name)) } @if !is.scenario.is_empty() { " of " (clean(&is.scenario)) } (software(is.tree.software)) }
                p.made { "made by " code { "flopcast explain " (clean(&is.tree.name)) " --format json" } ", read from " code { (clean(file)) } }
                div.wide-table { (table(&["what", ">value", ">5–95 %", "rests on", "source", "note"], rows(&is.tree))) }
            }
        }
    }
}

/// All nodes below one with how deep they stand, itself first.
pub fn below<'a>(node: &'a Node, depth: usize, into: &mut Vec<(usize, &'a Node)>) {
    into.push((depth, node));
    node.children.iter().for_each(|child| below(child, depth + 1, into));
}

/// A row a node. What stands above already is named and not told again: an input moves most quantities.
fn rows(tree: &Node) -> Vec<Vec<Markup>> {
    let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
    add(tree, 0, &mut seen, &mut rows);
    rows
}

fn add<'a>(n: &'a Node, depth: usize, seen: &mut BTreeSet<&'a str>, rows: &mut Vec<Vec<Markup>>) {
    seen.insert(&n.name);
    rows.push(row(depth, n));
    let (told, new): (Vec<&Node>, Vec<&Node>) = n.children.iter().partition(|child| seen.contains(child.name.as_str()));
    for child in new {
        // It may have come up below one before it.
        if seen.contains(child.name.as_str()) {
            rows.push(above(depth + 1, &[child]));
        } else {
            add(child, depth + 1, seen, rows);
        }
    }
    if !told.is_empty() {
        rows.push(above(depth + 1, &told));
    }
}

/// Nodes that are told above.
fn above(depth: usize, nodes: &[&Node]) -> Vec<Markup> {
    let empty = || html! {};
    let names = html! { @for (i, n) in nodes.iter().enumerate() { @if i > 0 { ", " } code { (clean(&n.name)) } } };
    let what = html! { span class={ "d d" (depth.min(DEEPEST)) } { "as above" } };
    vec![what, empty(), empty(), empty(), empty(), names]
}

fn row(depth: usize, n: &Node) -> Vec<Markup> {
    let at = |x: f64| number(x, 3);
    let unit = if n.unit == "1" { "" } else { n.unit.as_str() };
    let name = html! { span class={ "d d" (depth.min(DEEPEST)) } { @if n.kind == NodeKind::Quantity { strong { (clean(&n.name)) } } @else { code { (clean(&n.name)) } } } };
    let range = html! { @match n.range { Some([low, high]) => span.n { (at(low)) "–" (at(high)) }, None => "–" } };
    // A quantity's documents are those of what is below it.
    let sources = html! {
        @if n.kind != NodeKind::Quantity {
            @for (i, s) in n.sources.iter().enumerate() { @if i > 0 { ", " } a href={ "#source-" (anchor(&s.id)) } { (clean(&s.id)) } }
            @if !n.date.is_empty() { ", " span.n { (clean(&n.date)) } }
        }
    };
    let note = html! { @if n.kind == NodeKind::Quantity && !n.note.is_empty() { "= " } (prose(&n.note)) };
    let rests = html! { (n.tier.as_str()) (software(n.software)) };
    vec![name, html! { span.n { (at(n.value)) " " (clean(unit)) } }, range, rests, sources, note]
}
