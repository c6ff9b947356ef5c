//! Trees of values read as types, all of them in one form.
//!
//! serde compiles the reading of a type anew for each deserializer that it is read by, and TOML alone is four. So what was
//! TOML becomes a tree of JSON first: a type that stands in data files, on pages and in caches is compiled once.

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;

/// What does not read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Path of the field, `a.b[2].c`; `.` for the whole.
    pub path: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.path.as_str() {
            "." => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

/// Reads a tree of values as a `T`.
///
/// # Errors
/// What does not fit, with its path.
pub fn read<T: DeserializeOwned>(tree: &Value) -> Result<T, Unread> {
    serde_path_to_error::deserialize(tree)
        .map_err(|e| Unread { path: e.path().to_string(), reason: e.inner().to_string() })
}

/// A tree of TOML as one of JSON; a date becomes the text that it is written as. Not by serde, which makes a table of a
/// date and nothing of a number that is not finite, so that a field that may be left out would take it for left out.
///
/// # Errors
/// A number that is not finite, which JSON does not have and no figure may be, with its path.
pub fn from_toml(tree: toml::Value) -> Result<Value, Unread> {
    from_toml_at(tree, &mut Vec::new())
}

fn from_toml_at(tree: toml::Value, path: &mut Vec<String>) -> Result<Value, Unread> {
    Ok(match tree {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => {
            let reason = format!("{number} is no finite number");
            return Err(Unread { path: path.concat().trim_start_matches('.').to_string(), reason });
        }
        toml::Value::Boolean(is) => is.into(),
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(items) => {
            let item = |(i, item)| {
                path.push(format!("[{i}]"));
                let value = from_toml_at(item, path);
                path.pop();
                value
            };
            Value::Array(items.into_iter().enumerate().map(item).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => {
            let entry = |(key, value): (String, _)| {
                path.push(format!(".{key}"));
                let value = from_toml_at(value, path);
                path.pop();
                Ok((key, value?))
            };
            Value::Object(table.into_iter().map(entry).collect::<Result<_, Unread>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn toml_reads_as_the_json_of_the_same_tree() {
        let toml = "a = 1\nb = [1.5, -2.0, true]\nc.d = 'x'\n[[e]]\nf = 2024-07-22\n[[e]]\n";
        let tree = from_toml(toml.parse::<toml::Table>().unwrap().into()).unwrap();
        let same = json!({
            "a": 1, "b": [1.5, -2.0, true], "c": {"d": "x"}, "e": [{"f": "2024-07-22"}, {}],
        });
        assert_eq!(tree, same);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        let toml = |text: &str| from_toml(text.parse::<toml::Table>().unwrap().into());
        for (text, path) in [("a.b = [1.0, inf]", "a.b[1]"), ("x = nan", "x"), ("[[t]]\n[[t]]\ny = -inf", "t[1].y")] {
            let bad = toml(text).unwrap_err();
            assert!(bad.path == path && bad.reason.contains("no finite number"), "{text}: {bad}");
        }
        let is = read::<std::collections::BTreeMap<String, Vec<u32>>>(&json!({"a": [1, -1]})).unwrap_err();
        assert_eq!(is.path, "a[1]");
        assert!(is.reason.contains("invalid value: integer `-1`"), "{is}");
        assert_eq!(read::<u32>(&json!("x")).unwrap_err().path, ".");
    }
}
