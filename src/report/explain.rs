//! The tree of a quantity as text.

use super::number::{mark, number};
use crate::project::study::{Node, NodeKind};
use std::collections::BTreeMap;

/// The tree, one line a node, and the documents below it.
pub fn text(tree: &Node) -> String {
    let mut out = String::new();
    let mut documents = BTreeMap::new();
    node(tree, "", "", &mut out, &mut documents);
    out += "\nsources:\n";
    for (id, (title, locator)) in documents {
        out += &if title == locator { format!("  {id}: {title}\n") } else { format!("  {id}: {title}, {locator}\n") };
    }
    out
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
