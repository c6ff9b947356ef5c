//! A number as it stands in a data file: value, unit, source, date, tier and, where it is uncertain,
//! its spread. A file without them is refused; so is an unknown key, a wrong unit, an impossible value.
//!
//! A table named `provenance` (source, date, tier) is inherited by everything beside and below it, so
//! that a file states its source once, and again only where it differs.

mod spread;
mod table;

pub use spread::{Quantiles, Spread, normal_quantile};
pub(crate) use table::knobs;

use crate::error::{Error, Result};
use crate::provenance::{Provenance, Tier};
use crate::typed;
use crate::units::{Dimension, Kind, to_base, unit_size};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Who says so, when, and on what the figure rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Id of an entry of the file's or the built-in `[source]` tables.
    pub source: String,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`: when it was stated, or read where the source is a living page.
    #[serde(deserialize_with = "date")]
    #[schemars(regex(pattern = "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"))]
    pub date: String,
    /// On what the figure rests.
    pub tier: Tier,
}

impl Stamp {
    /// The stamp as a provenance.
    pub fn provenance(&self) -> Provenance {
        Provenance::new(self.tier, self.source.clone())
    }
}

fn date<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, digits: usize, max: u32| {
        part.len() == digits && part.parse::<u32>().is_ok_and(|n| (1..=max).contains(&n))
    };
    let good = number(parts[0], 4, 2100)
        && parts.get(1).is_none_or(|month| number(month, 2, 12))
        && parts.get(2).is_none_or(|day| number(day, 2, 31))
        && parts.len() <= 3;
    if good { Ok(text) } else { Err(D::Error::custom(format!("date `{text}` is not YYYY, YYYY-MM or YYYY-MM-DD"))) }
}

/// A value of dimension `D` with all that makes it a fact: see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Value<D: Dimension> {
    /// In base units of `D`.
    pub value: f64,
    /// How uncertain it is.
    pub spread: Spread,
    /// Source, date and tier.
    pub stamp: Stamp,
    /// What there is to say about it.
    pub note: Option<String>,
    unit: &'static str,
    dimension: PhantomData<D>,
}

impl<D: Dimension> Value<D> {
    /// A value that is taken as exact: `written` in `unit`. Errors: a unit of another kind, an impossible value.
    pub fn exact(written: f64, unit: &str, stamp: Stamp) -> std::result::Result<Self, String> {
        let value = to_base::<D>(written, unit)?;
        let unit = D::KIND.unit(unit);
        Ok(Value { value, spread: Spread::None, stamp, note: None, unit, dimension: PhantomData })
    }

    /// The unit it was written in.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// The number as it was written, in [`Value::unit`].
    pub fn written(&self) -> f64 {
        // The unit came out of the dimension's own list, so it has a size.
        self.value / unit_size::<D>(self.unit).unwrap_or(1.0)
    }

    /// Its provenance.
    pub fn provenance(&self) -> Provenance {
        self.stamp.provenance()
    }
}

/// A [`Value`] without its dimension: what the sampler and the provenance tree see of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Base units.
    pub value: f64,
    /// Base units.
    pub spread: Spread,
    /// As written, in `unit`.
    pub written: f64,
    /// Unit as written.
    pub unit: &'static str,
    /// Source, date, tier.
    pub stamp: Stamp,
    /// What there is to say.
    pub note: Option<String>,
}

impl<D: Dimension> From<&Value<D>> for Fact {
    fn from(v: &Value<D>) -> Self {
        Fact {
            value: v.value,
            spread: v.spread,
            written: v.written(),
            unit: v.unit,
            stamp: v.stamp.clone(),
            note: v.note.clone(),
        }
    }
}

/// The form in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    value: f64,
    unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    high: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sd_log: Option<f64>,
    source: String,
    #[serde(deserialize_with = "date")]
    date: String,
    tier: Tier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Written {
    /// What a file says, in base units and checked; the value as it was written is not carried along.
    fn checked(self, kind: &Kind) -> std::result::Result<Fact, String> {
        let value = kind.to_base(self.value, &self.unit)?;
        let spread = match (self.low, self.high, self.sd_log) {
            (None, None, None) => Spread::None,
            (None, None, Some(sd)) if sd > 0.0 && sd <= 3.0 => Spread::Log(sd),
            (None, None, Some(sd)) => return Err(format!("sd_log {sd} is not above 0 and at most 3")),
            (Some(low), Some(high), None) => {
                let size = kind.unit_size(&self.unit)?;
                let (low, high) = (low * size, high * size);
                if !(low.is_finite() && high.is_finite() && 0.0 <= low && low <= value && value <= high && low < high) {
                    return Err("`low`, `value` and `high` are not in order, or not finite".to_string());
                }
                if low == 0.0 && !kind.zero {
                    return Err(format!("`low`: {} of zero is impossible here", kind.what));
                }
                if high > kind.max {
                    return Err(format!("`high` of {high:e} is beyond any machine (at most {:e})", kind.max));
                }
                Spread::Range { low, high }
            }
            _ => return Err("give `low` and `high`, or `sd_log`, or none of them".to_string()),
        };
        let stamp = Stamp { source: self.source, date: self.date, tier: self.tier };
        Ok(Fact { value, spread, written: self.value, unit: kind.unit(&self.unit), stamp, note: self.note })
    }

    /// A fact as a file says it.
    fn of(fact: Fact, kind: &Kind) -> Written {
        let size = kind.unit_size(fact.unit).unwrap_or(1.0);
        let (low, high, sd_log) = match fact.spread {
            Spread::None => (None, None, None),
            Spread::Log(sd) => (None, None, Some(sd)),
            Spread::Range { low, high } => (Some(low / size), Some(high / size), None),
        };
        let Stamp { source, date, tier } = fact.stamp;
        Written {
            value: fact.written,
            unit: fact.unit.to_string(),
            low,
            high,
            sd_log,
            source,
            date,
            tier,
            note: fact.note,
        }
    }
}

impl<'de, D: Dimension> Deserialize<'de> for Value<D> {
    fn deserialize<T: Deserializer<'de>>(from: T) -> std::result::Result<Self, T::Error> {
        let Fact { value, spread, unit, stamp, note, .. } =
            Written::deserialize(from)?.checked(&D::KIND).map_err(T::Error::custom)?;
        Ok(Value { value, spread, stamp, note, unit, dimension: PhantomData })
    }
}

impl<D: Dimension> Serialize for Value<D> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        Written::of(self.into(), &D::KIND).serialize(to)
    }
}

/// The form in a file: source, date and tier may stand in a `provenance` table above it instead, and the
/// unit has to be one of the dimension's own.
impl<D: Dimension> schemars::JsonSchema for Value<D> {
    fn schema_name() -> Cow<'static, str> {
        D::WHAT.replace(' ', "_").into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schema(&D::KIND, generator)
    }
}

fn schema(kind: &Kind, generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let units: Vec<&str> = kind.units.iter().map(|(unit, _)| *unit).collect();
    let largest = kind.units.iter().map(|(_, size)| kind.max / size).fold(0.0, f64::max);
    let least = if kind.zero { "minimum" } else { "exclusiveMinimum" };
    schemars::json_schema!({
        "description": format!("{} with its unit, source, date and tier", kind.what),
        "type": "object",
        "additionalProperties": false,
        "required": ["value", "unit"],
        "properties": {
            "value": { "type": "number", least: 0, "maximum": largest },
            "unit": { "enum": units },
            "low": { "type": "number", least: 0, "description": "the lowest that is possible; needs `high`" },
            "high": { "type": "number", "exclusiveMinimum": 0, "description": "the highest that is possible; needs `low`" },
            "sd_log": {
                "type": "number", "exclusiveMinimum": 0, "maximum": 3,
                "description": "standard deviation of the natural logarithm, instead of `low` and `high`"
            },
            "source": { "type": "string", "description": "id of a `[source.ID]` table, built in or in this file" },
            "date": { "type": "string", "pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$" },
            "tier": generator.subschema_for::<Tier>(),
            "note": { "type": "string" },
        },
        "dependentRequired": { "low": ["high"], "high": ["low"] },
    })
}

/// Reads a data file. `name` is what an error calls it: `` `file`: `field.path`: reason ``.
pub fn read<T: DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    let mut table: toml::Table = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let reason = e.message().lines().next().unwrap_or("not TOML").to_string();
        Error::usage(format!("`{name}`: line {line}: {reason}"))
    })?;
    inherit(&mut table, &toml::Table::new(), 0);
    typed::from_toml(toml::Value::Table(table)).and_then(|tree| typed::read(&tree)).map_err(|e| {
        let place = if e.path == "." { String::new() } else { format!("`{}`: ", e.path) };
        Error::usage(format!("`{name}`: {place}{}", e.reason.lines().next().unwrap_or("not of the right form")))
            .hint("`flopcast catalog scenarios|clusters|jobs|accelerators NAME` prints a built-in one of the same form")
    })
}

/// Hands a `provenance` table down to every table with a `value` and to every entry (`kind.name`)
/// below it that lacks a part of it; a `[source]` is itself where things come from and has none.
fn inherit(table: &mut toml::Table, outer: &toml::Table, depth: u32) {
    let mut own = outer.clone();
    if let Some(toml::Value::Table(stated)) = table.remove("provenance") {
        own.extend(stated);
    }
    if table.contains_key("value") {
        for (key, value) in own {
            table.entry(key).or_insert(value);
        }
        return;
    }
    for (key, value) in table.iter_mut() {
        if let (toml::Value::Table(inner), false) = (value, depth == 0 && key == "source") {
            inherit(inner, &own, depth + 1);
        }
    }
    if depth == 2 {
        table.insert("provenance".into(), toml::Value::Table(own));
    }
}

#[cfg(test)]
mod tests;
