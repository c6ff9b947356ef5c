//! An entry by its name, and which names are near one that is none.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The entry of that name, or which are near.
pub(super) fn find<'a, T>(kind: &str, entries: &'a BTreeMap<String, T>, name: &str) -> Result<&'a T> {
    entries.get(name).ok_or_else(|| {
        let near = near(name, entries.keys());
        let hint = if near.is_empty() {
            format!("`flopcast catalog {kind}s` lists them")
        } else {
            format!("did you mean {}? `flopcast catalog {kind}s` lists all", near.join(", "))
        };
        Error::usage(format!("unknown {kind} `{name}`")).hint(hint)
    })
}

/// A name as others may write it: without marks, in small letters. What was no text is kept, so that a spoilt name does not
/// become another.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '\u{fffd}').collect::<String>().to_lowercase()
}

/// Names that share a part with `name`, or are few edits away, nearest first; at most five.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut found: Vec<(usize, String)> = names
        .filter_map(|candidate| {
            let distance = edits(&wanted, candidate);
            let part = wanted.len() >= 2 && (candidate.contains(&wanted) || wanted.contains(candidate.as_str()));
            (part || distance <= wanted.chars().count().div_ceil(2)).then(|| (distance, format!("`{candidate}`")))
        })
        .collect();
    found.sort();
    found.into_iter().take(5).map(|(_, name)| name).collect()
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let up = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(up + 1).min(row[j] + 1);
            diagonal = up;
        }
    }
    row[b.len()]
}
