//! The tree of a quantity as text.

use super::number::{mark, number};
use super::{Document, Printed, Sheet};
use crate::project::study::{Explanation, Node, NodeKind};
use std::collections::BTreeMap;

/// The tree, one line a node, and the documents below it.
fn document(tree: &Node) -> Document {
    let mut out = String::new();
    let mut documents = BTreeMap::new();
    node(tree, "", "", &mut out, &mut documents);
    let mut said = Document::new();
    said.drawing(std::mem::take(&mut out));
    said += "\nsources:\n";
    for (id, (title, locator)) in documents {
        said += &if title == locator { format!("  {id}: {title}\n") } else { format!("  {id}: {title}, {locator}\n") };
    }
    said
}

type Documents<'a> = BTreeMap<&'a str, (&'a str, &'a str)>;

fn node<'a>(n: &'a Node, first: &str, rest: &str, out: &mut String, documents: &mut Documents<'a>) {
    let value = |x: f64| if x == 0.0 { "0".to_string() } else { number(x, 3) };
    let unit = if n.unit == "1" { String::new() } else { format!(" {}", n.unit) };
    let range = n.range.map_or(String::new(), |[low, high]| format!(" ({}–{})", value(low), value(high)));
    *out += &format!("{first}{} = {}{unit}{range}  [{}{}", n.name, value(n.value), n.tier, mark(n.software));
    if n.kind != NodeKind::Quantity {
        let ids: Vec<_> = n.sources.iter().map(|s| s.id.as_str()).collect();
        *out += &format!(": {}", ids.join(", "));
        if !n.date.is_empty() {
            *out += &format!(", {}", n.date);
        }
        for s in &n.sources {
            documents.insert(&s.id, (&s.title, &s.locator));
        }
    }
    *out += "]";
    if !n.note.is_empty() {
        *out += &format!("  {}{}", if n.kind == NodeKind::Quantity { "= " } else { "" }, n.note);
    }
    *out += "\n";
    for (place, child) in n.children.iter().enumerate() {
        let last = place + 1 == n.children.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        node(child, &format!("{rest}{branch}"), &format!("{rest}{below}"), out, documents);
    }
}

impl Printed for Explanation {
    const TABLES: &'static [&'static str] = &["nodes", "sources"];

    fn document(&self) -> Document {
        document(&self.tree)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let mut rows = Vec::new();
        below(&self.tree, "", &mut rows);
        let mut sources: Vec<_> = rows.iter().flat_map(|(_, n)| &n.sources).collect();
        sources.sort_by_key(|s| &s.id);
        sources.dedup_by_key(|s| &s.id);
        vec![
            Sheet::of(
                "nodes",
                &rows,
                &[
                    ("below", |(above, _)| above.into()),
                    ("name", |(_, n)| (&n.name).into()),
                    ("kind", |(_, n)| {
                        match n.kind {
                            NodeKind::Quantity => "quantity",
                            NodeKind::Input => "input",
                            NodeKind::Measurement => "measurement",
                        }
                        .into()
                    }),
                    ("value", |(_, n)| n.value.into()),
                    ("p5", |(_, n)| n.range.map(|r| r[0]).into()),
                    ("p95", |(_, n)| n.range.map(|r| r[1]).into()),
                    ("unit", |(_, n)| (&n.unit).into()),
                    ("tier", |(_, n)| n.tier.as_str().into()),
                    ("software", |(_, n)| n.software.into()),
                    ("sources", |(_, n)| n.sources.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(" ").into()),
                    ("date", |(_, n)| (&n.date).into()),
                    ("note", |(_, n)| (&n.note).into()),
                ],
            ),
            Sheet::of(
                "sources",
                sources,
                &[("id", |s| (&s.id).into()), ("title", |s| (&s.title).into()), ("locator", |s| (&s.locator).into())],
            ),
        ]
    }
}

/// Every node with the path of names above it.
fn below<'a>(node: &'a Node, above: &str, rows: &mut Vec<(String, &'a Node)>) {
    rows.push((above.to_string(), node));
    let path = if above.is_empty() { node.name.clone() } else { format!("{above}.{}", node.name) };
    node.children.iter().for_each(|child| below(child, &path, rows));
}
