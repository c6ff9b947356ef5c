//! What a quantity is made of, down to each document or record: the tree as a table.

use super::Shown;
use super::badge::software;
use super::page::anchor;
use super::text::{clean, prose};
use crate::project::study::{Explanation, Node, NodeKind};
use crate::report::number::number;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Columns, and which of them hold numbers.
const HEADINGS: [&str; 6] = ["what", "value", "5–95 %", "rests on", "source", "note"];
const RIGHT: [usize; 2] = [1, 2];

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
                div.wide-table { (tree_table(&is.tree)) }
            }
        }
    }
}

/// All nodes below one with how deep they stand, itself first.
pub fn below<'a>(node: &'a Node, depth: usize, into: &mut Vec<(usize, &'a Node)>) {
    into.push((depth, node));
    node.children.iter().for_each(|child| below(child, depth + 1, into));
}

/// Its heading and, a row a node, all below it. What stands above already is named and not told again: an input moves most
/// quantities.
fn tree_table(tree: &Node) -> Markup {
    let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
    add(tree, 0, &mut seen, &mut rows);
    html! {
        table.stack {
            thead { tr { @for (i, name) in HEADINGS.iter().enumerate() { th.r[RIGHT.contains(&i)] scope="col" { (name) } } } }
            tbody { @for row in rows { (row) } }
        }
    }
}

fn add<'a>(n: &'a Node, depth: usize, seen: &mut BTreeSet<&'a str>, rows: &mut Vec<Markup>) {
    seen.insert(&n.name);
    rows.push(row(depth, n));
    let mut told: Vec<&Node> = Vec::new();
    for child in &n.children {
        // It may have come up below one before it, too.
        if seen.contains(child.name.as_str()) {
            told.push(child);
        } else {
            add(child, depth + 1, seen, rows);
        }
    }
    if !told.is_empty() {
        rows.push(above(depth + 1, &told));
    }
}

/// Nodes that are told above: a row as wide as the table.
fn above(depth: usize, nodes: &[&Node]) -> Markup {
    html! { tr.why { td colspan=(HEADINGS.len()) { span class={ "d d" (depth.min(DEEPEST)) } {
        "and, as above: " @for (i, n) in nodes.iter().enumerate() { @if i > 0 { ", " } code { (clean(&n.name)) } }
    } } } }
}

fn row(depth: usize, n: &Node) -> Markup {
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
    let value = html! { span.n { (at(n.value)) " " (clean(unit)) } };
    html! { tr {
        th scope="row" { (name) }
        @for (i, cell) in [value, range, rests, sources, note].iter().enumerate() {
            td.r[RIGHT.contains(&(i + 1))] data-k=(HEADINGS[i + 1]) { (cell) }
        }
    } }
}
