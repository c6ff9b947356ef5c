//! Entries of the catalogue as programs read them.

use crate::error::{Context, Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// Schema id of [`Listing`].
pub const SCHEMA: &str = "flopcast.catalog/1";

/// What `flopcast catalog --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Listing {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// What they are entries of, as the tables of a TOML file are called: `accelerator`, `cluster`, …
    pub kind: String,
    /// By name, each in the form of its file (`flopcast schema cluster`, `job` and `scenario` have it).
    pub entries: Map<String, Value>,
}

/// A fact in an entry: what has a value of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Name of the entry.
    pub entry: String,
    /// Where in it, parts joined by dots.
    pub field: String,
    /// The number, if it is one, in `unit`.
    pub number: Option<f64>,
    /// What stands there, if it is no number.
    pub text: Option<String>,
    /// Unit of the number, where it states one.
    pub unit: Option<String>,
    /// What it rests on.
    pub tier: Option<String>,
    /// Id of its document.
    pub source: Option<String>,
    /// Date of it.
    pub date: Option<String>,
    /// What is to be said of it.
    pub note: Option<String>,
}

impl Listing {
    /// Entries by their names: whatever is written as an object of them.
    ///
    /// # Errors
    /// Exit code 1 where they are not, which is a defect.
    pub fn new<T: Serialize>(kind: &str, entries: &T) -> Result<Listing> {
        match serde_json::to_value(entries).or_failed(kind)? {
            Value::Object(entries) => Ok(Listing { schema: SCHEMA, kind: kind.into(), entries }),
            _ => Err(Error::failed(format!("`{kind}` has no names"))),
        }
    }

    /// A single one.
    ///
    /// # Errors
    /// As [`Listing::new`].
    pub fn one<T: Serialize>(kind: &str, name: &str, entry: &T) -> Result<Listing> {
        Listing::new(kind, &std::collections::BTreeMap::from([(name, entry)]))
    }

    /// Every fact of every entry; source, tier and date are those of the nearest level that states them.
    pub fn facts(&self) -> Vec<Told> {
        let mut all = Vec::new();
        for (name, entry) in &self.entries {
            let none = Told {
                entry: name.clone(),
                field: String::new(),
                number: None,
                text: None,
                unit: None,
                tier: None,
                source: None,
                date: None,
                note: None,
            };
            walk(entry, &none, &mut all);
        }
        all
    }
}

fn walk(value: &Value, above: &Told, all: &mut Vec<Told>) {
    let text = |v: &Value| v.as_str().map(String::from);
    match value {
        Value::Object(map) => {
            let mut here = above.clone();
            for stamp in [Some(map), map.get("provenance").and_then(Value::as_object)].into_iter().flatten() {
                here.tier = stamp.get("tier").and_then(text).or(here.tier);
                here.source = stamp.get("source").and_then(text).or(here.source);
                here.date = stamp.get("date").and_then(text).or(here.date);
            }
            here.note = map.get("note").and_then(text).or(here.note);
            if let Some(value) = map.get("value") {
                here.unit = map.get("unit").and_then(text);
                walk(value, &here, all);
                return;
            }
            for (key, value) in map {
                if ["provenance", "tier", "source", "date", "note"].contains(&key.as_str()) {
                    continue;
                }
                let field = if here.field.is_empty() { key.clone() } else { format!("{}.{key}", here.field) };
                walk(value, &Told { field, ..here.clone() }, all);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for (index, value) in list.iter().enumerate() {
                walk(value, &Told { field: format!("{}.{index}", above.field), ..above.clone() }, all);
            }
        }
        Value::Array(list) => {
            let shown = list.iter().map(|v| text(v).unwrap_or_else(|| v.to_string())).collect::<Vec<_>>().join(" ");
            all.push(Told { text: Some(shown), ..above.clone() });
        }
        Value::Null => {}
        Value::Number(n) => all.push(Told { number: n.as_f64(), ..above.clone() }),
        other => all.push(Told { text: text(other).or_else(|| Some(other.to_string())), ..above.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Catalog;

    #[test]
    fn every_number_of_an_accelerator_is_a_fact_with_unit_and_source() {
        let catalog = Catalog::built_in().unwrap();
        let listing = Listing::new("accelerator", &catalog.accelerators).unwrap();
        let facts = listing.facts();
        let memory = facts.iter().find(|f| f.entry == "h100" && f.field == "memory").unwrap();
        assert_eq!((memory.number, memory.unit.as_deref()), (Some(80.0), Some("GB")), "{memory:?}");
        let bare: Vec<_> =
            facts.iter().filter(|f| f.unit.is_some() && (f.source.is_none() || f.tier.is_none())).collect();
        assert!(bare.is_empty(), "{bare:?}");
    }
}
