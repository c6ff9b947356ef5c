//! A number as it stands in a data file: value, unit, source, date, tier and, where it is uncertain,
//! its spread. A file without them is refused; so is an unknown key, a wrong unit, an impossible value.
//!
//! A table named `provenance` (source, date, tier) is inherited by everything beside and below it, so
//! that a file states its source once, and again only where it differs.

use crate::error::{Error, Result};
use crate::provenance::{Provenance, Tier};
use crate::units::{Dimension, to_base, unit_size};
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

/// How uncertain a value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Taken as exact: a definition, a count, a data-sheet peak.
    None,
    /// Lognormal about the value; standard deviation of the natural logarithm.
    Log(f64),
    /// Half of the weight between `low` and the value, half between the value and `high`, even in
    /// the logarithm (even in the number itself where `low` is zero). Base units.
    Range {
        /// Lowest possible.
        low: f64,
        /// Highest possible.
        high: f64,
    },
}

impl Spread {
    /// The value at quantile `u` in (0, 1), for a median of `median`.
    pub fn at(self, median: f64, u: f64) -> f64 {
        self.about(median).at(u)
    }

    /// What 5 % and 95 % of its weight are below, for a median of `median`.
    pub fn band(self, median: f64) -> [f64; 2] {
        [0.05, 0.95].map(|u| self.at(median, u))
    }

    /// The range about a median with this [`Spread::band`], even in the logarithm; none where the two are the same.
    /// The band has to hold the median; about zero the range is even in the number itself.
    pub fn through(median: f64, [low, high]: [f64; 2]) -> Spread {
        if median <= 0.0 {
            return if high > 0.0 { Spread::Range { low: 0.0, high: high / 0.9 } } else { Spread::None };
        }
        // A tenth of the way from the lowest to the median is 5 %, nine tenths from it to the highest 95 %.
        let end = |at: f64| median * (at / median).powf(1.0 / 0.9);
        if low < high { Spread::Range { low: end(low), high: end(high) } } else { Spread::None }
    }

    /// This spread about a median, made ready for many quantiles.
    pub fn about(self, median: f64) -> Quantiles {
        match self {
            Spread::None => Quantiles::Exact(median),
            Spread::Log(sd) => Quantiles::Log { median, sd },
            Spread::Range { low, high } if low > 0.0 => {
                Quantiles::EvenLog { low, median, logs: [(median / low).ln(), (high / median).ln()] }
            }
            Spread::Range { low, high } => Quantiles::Even { low, median, high },
        }
    }
}

/// The values of a [`Spread`] about a median by quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantiles {
    /// The same at each.
    Exact(f64),
    /// Lognormal.
    Log {
        /// Median.
        median: f64,
        /// Standard deviation of the logarithm.
        sd: f64,
    },
    /// Even in the logarithm on either side of the median.
    EvenLog {
        /// Lowest.
        low: f64,
        /// Median.
        median: f64,
        /// ln(median/lowest), ln(highest/median).
        logs: [f64; 2],
    },
    /// Even on either side of the median.
    Even {
        /// Lowest.
        low: f64,
        /// Median.
        median: f64,
        /// Highest.
        high: f64,
    },
}

impl Quantiles {
    /// The value at quantile `u` in (0, 1).
    pub fn at(&self, u: f64) -> f64 {
        let below = u < 0.5;
        let share = if below { 2.0 * u } else { 2.0 * u - 1.0 };
        match *self {
            Quantiles::Exact(value) => value,
            Quantiles::Log { median, sd } => median * (sd * normal_quantile(u)).exp(),
            Quantiles::EvenLog { low, median, logs } => {
                let (from, log) = if below { (low, logs[0]) } else { (median, logs[1]) };
                from * (share * log).exp()
            }
            Quantiles::Even { low, median, high } => {
                let (from, to) = if below { (low, median) } else { (median, high) };
                from + (to - from) * share
            }
        }
    }
}

/// Quantile of the standard normal distribution at `u` in (0, 1).
pub fn normal_quantile(u: f64) -> f64 {
    // The ends are cut so that no draw is infinite; 2^-25 is half a step of a 24-bit Sobol point.
    let u = u.clamp(2f64.powi(-25), 1.0 - 2f64.powi(-25));
    -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * u)
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
        let unit = D::UNITS.iter().find(|(name, _)| *name == unit).map_or(D::UNITS[0].0, |(name, _)| name);
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

/// A table of optional values, each of which may be left to a table of defaults: the struct, how it is
/// laid over its defaults, its values by name, and those values as plain numbers.
macro_rules! knobs {
    (
        $(#[$doc:meta])* $name:ident, plain $plain:ident
        { $($(#[$field_doc:meta])* $field:ident: $dimension:ty),+ $(,)? }
        flags { $($(#[$flag_doc:meta])* $flag:ident),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$flag_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $flag: Option<bool>,)*
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")]
              pub $field: Option<$crate::sourced::Value<$dimension>>,)+
            /// Source of what has none of its own.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub provenance: Option<$crate::sourced::Stamp>,
        }

        impl $name {
            /// Names of the values, in the order of [`Self::facts`].
            pub const NAMES: &'static [&'static str] = &[$(stringify!($field),)+];

            /// This table where it says something, `base` where it does not.
            #[must_use]
            pub fn over(&self, base: &Self) -> Self {
                $name {
                    $($flag: self.$flag.or(base.$flag),)*
                    $($field: self.$field.clone().or_else(|| base.$field.clone()),)+
                    provenance: self.provenance.clone().or_else(|| base.provenance.clone()),
                }
            }

            /// Every value, absent ones included.
            pub fn facts(&self) -> Vec<Option<$crate::sourced::Fact>> {
                vec![$(self.$field.as_ref().map($crate::sourced::Fact::from),)+]
            }
        }

        /// One draw of the values, in base units; NaN where absent.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $plain {
            $($(#[$field_doc])* pub $field: f64,)+
        }

        impl $plain {
            /// From the values in the order of the table's names.
            pub fn from_row(row: &[f64]) -> Self {
                let mut values = row.iter().copied();
                $plain { $($field: values.next().unwrap_or(f64::NAN),)+ }
            }
        }
    };
}
pub(crate) use knobs;

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

impl<'de, D: Dimension> Deserialize<'de> for Value<D> {
    fn deserialize<T: Deserializer<'de>>(from: T) -> std::result::Result<Self, T::Error> {
        let written = Written::deserialize(from)?;
        let fail = T::Error::custom;
        let value = to_base::<D>(written.value, &written.unit).map_err(fail)?;
        let spread = match (written.low, written.high, written.sd_log) {
            (None, None, None) => Spread::None,
            (None, None, Some(sd)) if sd > 0.0 && sd <= 3.0 => Spread::Log(sd),
            (None, None, Some(sd)) => return Err(fail(format!("sd_log {sd} is not above 0 and at most 3"))),
            (Some(low), Some(high), None) => {
                let size = unit_size::<D>(&written.unit).map_err(fail)?;
                let (low, high) = (low * size, high * size);
                if !(low.is_finite() && high.is_finite() && 0.0 <= low && low <= value && value <= high && low < high) {
                    return Err(fail("`low`, `value` and `high` are not in order, or not finite".to_string()));
                }
                if high > D::MAX {
                    return Err(fail(format!("`high` of {high:e} is beyond any machine (at most {:e})", D::MAX)));
                }
                Spread::Range { low, high }
            }
            _ => return Err(fail("give `low` and `high`, or `sd_log`, or none of them".to_string())),
        };
        let unit = D::UNITS.iter().find(|(name, _)| *name == written.unit).map_or(D::UNITS[0].0, |(name, _)| name);
        let stamp = Stamp { source: written.source, date: written.date, tier: written.tier };
        Ok(Value { value, spread, stamp, note: written.note, unit, dimension: PhantomData })
    }
}

/// The form in a file: source, date and tier may stand in a `provenance` table above it instead, and the
/// unit has to be one of the dimension's own.
impl<D: Dimension> schemars::JsonSchema for Value<D> {
    fn schema_name() -> Cow<'static, str> {
        D::WHAT.replace(' ', "_").into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let units: Vec<&str> = D::UNITS.iter().map(|(unit, _)| *unit).collect();
        let size = |unit: &str| unit_size::<D>(unit).unwrap_or(1.0);
        let largest = units.iter().map(|unit| D::MAX / size(unit)).fold(0.0, f64::max);
        let least = if D::ZERO { "minimum" } else { "exclusiveMinimum" };
        schemars::json_schema!({
            "description": format!("{} with its unit, source, date and tier", D::WHAT),
            "type": "object",
            "additionalProperties": false,
            "required": ["value", "unit"],
            "properties": {
                "value": { "type": "number", least: 0, "maximum": largest },
                "unit": { "enum": units },
                "low": { "type": "number", "minimum": 0, "description": "the lowest that is possible; needs `high`" },
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
}

impl<D: Dimension> Serialize for Value<D> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        let size = unit_size::<D>(self.unit).unwrap_or(1.0);
        let (low, high, sd_log) = match self.spread {
            Spread::None => (None, None, None),
            Spread::Log(sd) => (None, None, Some(sd)),
            Spread::Range { low, high } => (Some(low / size), Some(high / size), None),
        };
        Written {
            value: self.written(),
            unit: self.unit.to_string(),
            low,
            high,
            sd_log,
            source: self.stamp.source.clone(),
            date: self.stamp.date.clone(),
            tier: self.stamp.tier,
            note: self.note.clone(),
        }
        .serialize(to)
    }
}

/// Reads a data file. `name` is what an error calls it: `` `file`: `field.path`: reason ``.
pub fn read<T: DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    let mut table: toml::Table = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let reason = e.message().lines().next().unwrap_or("not TOML").to_string();
        Error::usage(format!("`{name}`: line {line}: {reason}"))
    })?;
    inherit(&mut table, &toml::Table::new(), 0);
    serde_path_to_error::deserialize(toml::Value::Table(table)).map_err(|e| {
        let path = e.path().to_string();
        let reason = e.into_inner().message().lines().next().unwrap_or("not of the right form").to_string();
        let place = if path == "." { String::new() } else { format!("`{path}`: ") };
        Error::usage(format!("`{name}`: {place}{reason}"))
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
mod tests {
    use super::*;
    use crate::units::Bytes;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct File {
        memory: Value<Bytes>,
    }

    const FULL: &str = "memory = { value = 80, unit = 'GB', source = 's', date = '2024', tier = 'datasheet' }";

    #[test]
    fn a_value_is_kept_in_base_units_with_all_that_makes_it_a_fact() {
        let file: File = read(FULL, "x.toml").unwrap();
        assert_eq!(file.memory.value, 80e9);
        assert_eq!((file.memory.written(), file.memory.unit()), (80.0, "GB"));
        assert_eq!(file.memory.stamp.tier, Tier::Datasheet);
    }

    #[test]
    fn a_value_without_source_unit_date_or_tier_is_refused_with_file_and_field() {
        for missing in ["unit = 'GB', ", "source = 's', ", "date = '2024', ", ", tier = 'datasheet'"] {
            let error = read::<File>(&FULL.replace(missing, ""), "x.toml").unwrap_err();
            assert!(error.message().starts_with("`x.toml`: `memory`: missing field"), "{missing}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn wrong_values_are_refused_with_file_field_and_reason() {
        for (from, to, part) in [
            ("'GB'", "'GB/s'", "is not an amount of memory"),
            ("80", "-80", "negative"),
            ("80", "nan", "finite"),
            ("80", "1e300", "beyond"),
            ("80", "'eighty'", "invalid type"),
            ("'2024'", "'last year'", "date `last year`"),
            ("'2024'", "'2024-13'", "date `2024-13`"),
            ("'datasheet'", "'hearsay'", "unknown variant"),
            ("tier", "level", "unknown field `level`"),
            ("tier =", "low = 90, high = 100, tier =", "not in order"),
            ("tier =", "low = 10, tier =", "give `low` and `high`"),
            ("tier =", "low = 10, high = 1e200, tier =", "beyond"),
        ] {
            let error = read::<File>(&FULL.replacen(from, to, 1), "x.toml").unwrap_err();
            assert!(error.message().starts_with("`x.toml`: `memory"), "{error}");
            assert!(error.message().contains(part), "{to}: {error}");
        }
        let error = read::<File>("memory = [", "x.toml").unwrap_err();
        assert!(error.message().starts_with("`x.toml`: line 1: "), "{error}");
    }

    #[test]
    fn a_provenance_table_is_inherited_and_can_be_overridden() {
        let text = "provenance = { source = 'a', date = '2020', tier = 'published' }\n\
                    memory = { value = 1, unit = 'GiB', tier = 'assumed' }";
        let file: File = read(text, "x.toml").unwrap();
        assert_eq!(file.memory.stamp.source, "a");
        assert_eq!(file.memory.stamp.tier, Tier::Assumed);
    }

    #[test]
    fn a_spread_has_its_value_as_median_and_its_ends_as_ends() {
        let range = Spread::Range { low: 1.0, high: 8.0 };
        assert!((range.at(2.0, 0.5) - 2.0).abs() < 1e-12);
        assert!((range.at(2.0, 0.0) - 1.0).abs() < 1e-12);
        assert!((range.at(2.0, 0.75) - 4.0).abs() < 1e-12);
        assert!((Spread::Range { low: 0.0, high: 4.0 }.at(1.0, 0.25) - 0.5).abs() < 1e-12);
        let log = Spread::Log(0.1);
        assert!((log.at(3.0, 0.5) - 3.0).abs() < 1e-9);
        assert!((log.at(1.0, 0.95).ln() / 0.1 - 1.645).abs() < 0.001);
    }

    #[test]
    fn a_range_through_a_band_has_that_band_and_is_its_own_where_it_was_one() {
        for spread in [Spread::Log(0.3), Spread::Range { low: 1.0, high: 8.0 }, Spread::Range { low: 0.0, high: 4.0 }] {
            let band = spread.band(2.0);
            let [p5, p95] = Spread::through(2.0, band).band(2.0);
            assert!((p5 / band[0] - 1.0).abs() < 1e-12 && (p95 / band[1] - 1.0).abs() < 1e-12, "{spread:?}");
        }
        let Spread::Range { low, high } = Spread::through(2.0, Spread::Range { low: 1.0, high: 8.0 }.band(2.0)) else {
            panic!("a band is no single value")
        };
        assert!((low - 1.0).abs() < 1e-12 && (high - 8.0).abs() < 1e-12, "{low} {high}");
        assert_eq!(Spread::through(2.0, Spread::None.band(2.0)), Spread::None);
        let [_, p95] = Spread::through(0.0, Spread::Range { low: 0.0, high: 4.0 }.band(0.0)).band(0.0);
        assert!((p95 - 3.6).abs() < 1e-12, "{p95}");
        assert_eq!(Spread::through(0.0, [0.0; 2]), Spread::None);
    }

    #[test]
    fn a_value_is_written_as_it_is_read() {
        let text = "memory = { value = 40, unit = 'GB', low = 20, high = 80, source = 's', date = '2024', tier = 'assumed', note = 'n' }";
        let file: File = read(text, "x.toml").unwrap();
        let again = toml::to_string(&file.memory).unwrap();
        let back: Value<Bytes> = toml::from_str(&again).unwrap();
        assert_eq!(back, file.memory);
    }
}
