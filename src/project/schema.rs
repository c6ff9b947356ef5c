//! JSON Schemas of what is written by hand and of what is written out, made from the types themselves:
//! editors complete and check with them.

use super::catalog::File;
use super::comparison::Compared;
use super::everything::Everything;
use super::how_many::HowMany;
use super::linpack::Linpacks;
use super::listing::Listing;
use super::matmul::GiantMatmul;
use super::plan::Plan;
use super::projection::Projection;
use super::scaling::{Scaling, Within};
use super::study::Explanation;
use super::validate::Validation;
use super::what_if::WhatIfs;
use crate::calibrate::Calibration;
use crate::calibrate::roofline::Roofline;
use crate::error::{Error, Result};
use crate::measure::ab::View;
use crate::measure::adapters::Adapters;
use crate::measure::compare::Comparison as Gate;
use crate::measure::doctor::Examination;
use crate::measure::kept::Stored;
use crate::measure::portability::Costs;
use crate::measure::record::Record;
use crate::measure::row::Measurements;
use crate::measure::self_test::SelfTest;
use crate::measure::smoke::Smoke;
use crate::measure::tune::found;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use std::str::FromStr;

/// What there is a schema of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A TOML file with a cluster.
    Cluster,
    /// A TOML file with a job.
    Job,
    /// A TOML file with a scenario.
    Scenario,
    /// What `project` prints as JSON.
    Projection,
    /// What `project --what-if` prints as JSON.
    WhatIf,
    /// What `project` prints as JSON of a comparison.
    Comparison,
    /// One line of a measurement record.
    Measurement,
    /// What `measure` prints as JSON.
    Rows,
    /// What `measure --suite portability` prints as JSON.
    Portability,
    /// What `roofline` and `measure --suite roofline` print as JSON.
    Roofline,
    /// What `calibrate` writes.
    Calibration,
    /// What `devices` prints as JSON.
    Devices,
    /// What `doctor` prints as JSON.
    Doctor,
    /// What `ab` prints as JSON.
    Ab,
    /// What `compare` prints as JSON.
    Compare,
    /// What `tune` prints as JSON.
    Tuning,
    /// What `tune --best-shape` prints as JSON.
    BestShape,
    /// What `cache show` prints as JSON.
    Cache,
    /// What `self-test` prints as JSON.
    SelfTest,
    /// What `smoke` prints as JSON.
    Smoke,
    /// What `run` prints as JSON.
    Run,
    /// What `catalog` prints as JSON.
    Catalog,
    /// What `explain` prints as JSON.
    Explain,
    /// What `scale` prints as JSON.
    Scaling,
    /// What `scale --finish-within` prints as JSON.
    FinishWithin,
    /// What `search` prints as JSON.
    Search,
    /// What `equivalents` prints as JSON.
    Equivalents,
    /// What `matmul` prints as JSON.
    Matmul,
    /// What `matmul --top500` prints as JSON.
    Linpack,
    /// What `validate` prints as JSON.
    Validation,
}

impl Kind {
    /// Every kind with its name.
    pub const ALL: [(Kind, &'static str); 30] = [
        (Kind::Cluster, "cluster"),
        (Kind::Job, "job"),
        (Kind::Scenario, "scenario"),
        (Kind::Projection, "projection"),
        (Kind::WhatIf, "what-if"),
        (Kind::Comparison, "comparison"),
        (Kind::Measurement, "measurement"),
        (Kind::Rows, "rows"),
        (Kind::Portability, "portability"),
        (Kind::Roofline, "roofline"),
        (Kind::Calibration, "calibration"),
        (Kind::Devices, "devices"),
        (Kind::Doctor, "doctor"),
        (Kind::Ab, "ab"),
        (Kind::Compare, "compare"),
        (Kind::Tuning, "tuning"),
        (Kind::BestShape, "best-shape"),
        (Kind::Cache, "cache"),
        (Kind::SelfTest, "self-test"),
        (Kind::Smoke, "smoke"),
        (Kind::Run, "run"),
        (Kind::Catalog, "catalog"),
        (Kind::Explain, "explain"),
        (Kind::Scaling, "scaling"),
        (Kind::FinishWithin, "finish-within"),
        (Kind::Search, "search"),
        (Kind::Equivalents, "equivalents"),
        (Kind::Matmul, "matmul"),
        (Kind::Linpack, "linpack"),
        (Kind::Validation, "validation"),
    ];

    /// The name as typed.
    pub fn as_str(self) -> &'static str {
        Kind::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The file that the schema is kept in.
    pub fn file(self) -> String {
        format!("flopcast.{}.schema.json", self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Kind::ALL.iter().find(|(_, name)| *name == text).map(|(kind, _)| *kind).ok_or_else(|| {
            let all: Vec<_> = Kind::ALL.iter().map(|(_, name)| *name).collect();
            Error::usage(format!("no schema of `{text}`")).hint(format!("one of {}", all.join(", ")))
        })
    }
}

/// The schema of that kind, JSON Schema draft 2020-12.
pub fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Cluster | Kind::Job | Kind::Scenario => file(kind),
        Kind::Projection => of::<Projection>(kind, "a forecast, as `flopcast project --format json` prints it"),
        Kind::Measurement => of::<Record>(kind, "one line of a record, as `flopcast measure --out` writes it"),
        Kind::Calibration => of::<Calibration>(kind, "a calibration, as `flopcast calibrate` writes it"),
        Kind::WhatIf => {
            written::<WhatIfs>(kind, "counterfactuals, as `flopcast project --what-if --format json` prints it")
        }
        Kind::Comparison => {
            written::<Compared>(kind, "a comparison of scenarios, as `flopcast project --format json` prints it")
        }
        Kind::Rows => written::<Measurements>(kind, "measured cases, as `flopcast measure --format json` prints it"),
        Kind::Portability => written::<Costs>(
            kind,
            "costs of portability, as `flopcast measure --suite portability --format json` prints it",
        ),
        Kind::Roofline => written::<Roofline>(kind, "a roofline, as `flopcast roofline --format json` prints it"),
        Kind::Devices => {
            written::<Adapters>(kind, "the adapters there are, as `flopcast devices --format json` prints it")
        }
        Kind::Doctor => written::<Examination>(kind, "an examination, as `flopcast doctor --format json` prints it"),
        Kind::Ab => written::<View>(kind, "a trial, as `flopcast ab --format json` prints it"),
        Kind::Compare => {
            written::<Gate>(kind, "a comparison of records, as `flopcast compare --format json` prints it")
        }
        Kind::Tuning => {
            written::<found::Kernel>(kind, "a search for a kernel, as `flopcast tune --format json` prints it")
        }
        Kind::BestShape => written::<found::Shape>(
            kind,
            "a search for a shape, as `flopcast tune --best-shape --format json` prints it",
        ),
        Kind::Cache => {
            written::<Stored>(kind, "what is stored on this machine, as `flopcast cache show --format json` prints it")
        }
        Kind::SelfTest => written::<SelfTest>(
            kind,
            "mutants and what became of them, as `flopcast self-test --format json` prints it",
        ),
        Kind::Smoke => written::<Smoke>(kind, "the smoke gate, as `flopcast smoke --format json` prints it"),
        Kind::Run => {
            written::<Everything>(kind, "everything that the main job finds, as `flopcast run --format json` prints it")
        }
        Kind::Catalog => {
            written::<Listing>(kind, "entries of the catalogue, as `flopcast catalog --format json` prints it")
        }
        Kind::Explain => {
            written::<Explanation>(kind, "the tree of a quantity, as `flopcast explain --format json` prints it")
        }
        Kind::Scaling => written::<Scaling>(kind, "a scaling curve, as `flopcast scale --format json` prints it"),
        Kind::FinishWithin => written::<Within>(
            kind,
            "the smallest count that finishes in time, as `flopcast scale --finish-within --format json` prints it",
        ),
        Kind::Search => written::<Plan>(kind, "the best layouts, as `flopcast search --format json` prints it"),
        Kind::Equivalents => written::<HowMany>(
            kind,
            "how many of an adapter a cluster is, as `flopcast equivalents --format json` prints it",
        ),
        Kind::Matmul => {
            written::<GiantMatmul>(kind, "a giant matrix product, as `flopcast matmul --format json` prints it")
        }
        Kind::Linpack => written::<Linpacks>(
            kind,
            "published runs of Linpack, predicted, as `flopcast matmul --top500 --format json` prints it",
        ),
        Kind::Validation => written::<Validation>(
            kind,
            "predictions against what others measured, as `flopcast validate --format json` prints it",
        ),
    }
}

fn of<T: JsonSchema>(kind: Kind, title: &str) -> Value {
    // What is read and what is written have the same form but for defaults; the reader's is the stricter.
    named::<T>(SchemaSettings::draft2020_12().for_deserialize(), kind, title)
}

/// Of what is written and never read.
fn written<T: JsonSchema>(kind: Kind, title: &str) -> Value {
    named::<T>(SchemaSettings::draft2020_12().for_serialize(), kind, title)
}

fn named<T: JsonSchema>(settings: SchemaSettings, kind: Kind, title: &str) -> Value {
    let schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = Value::from(schema);
    schema["$id"] = json!(kind.file());
    schema["title"] = json!(title);
    schema
}

/// The form of a TOML file: the types, with the inheritance of `provenance` that the reader has.
fn file(kind: Kind) -> Value {
    let name = kind.as_str();
    let mut schema = of::<File>(kind, &format!("a TOML file with a {name} for flopcast"));
    let stamp = json!({
        "description": "source, date and tier of all that stands beside and below it and states none of its own",
        "type": "object",
        "additionalProperties": false,
        "properties": schema["$defs"]["Stamp"]["properties"],
    });
    schema["$defs"]["Stamp"] = stamp;
    schema["properties"]["provenance"] = json!({ "$ref": "#/$defs/Stamp" });
    if let Some(types) = schema["$defs"].as_object_mut() {
        for one in types.values_mut() {
            if let Some(required) = one.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|field| field != "provenance");
            }
        }
    }
    schema["required"] = json!([name]);
    schema["properties"][name]["minProperties"] = json!(1);
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        for (kind, name) in Kind::ALL {
            let path = format!("{}/data/schema/{}", env!("CARGO_MANIFEST_DIR"), kind.file());
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            let now = serde_json::to_string_pretty(&schema(kind)).unwrap() + "\n";
            assert!(committed == now, "out of date: `flopcast schema {name} > data/schema/{}`", kind.file());
        }
    }
}
