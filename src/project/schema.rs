//! JSON Schemas of what is written by hand and of what is written out, made from the types themselves:
//! editors complete and check with them.

use super::catalog::File;
use super::projection::Projection;
use crate::calibrate::Calibration;
use crate::error::{Error, Result};
use crate::measure::ab::View;
use crate::measure::doctor::Examination;
use crate::measure::record::Record;
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
    /// What `project --format json` prints.
    Projection,
    /// One line of a measurement record.
    Measurement,
    /// What `calibrate` writes.
    Calibration,
    /// What `doctor --format json` prints.
    Doctor,
    /// What `ab --format json` prints.
    Ab,
}

impl Kind {
    /// Every kind with its name.
    pub const ALL: [(Kind, &'static str); 8] = [
        (Kind::Cluster, "cluster"),
        (Kind::Job, "job"),
        (Kind::Scenario, "scenario"),
        (Kind::Projection, "projection"),
        (Kind::Measurement, "measurement"),
        (Kind::Calibration, "calibration"),
        (Kind::Doctor, "doctor"),
        (Kind::Ab, "ab"),
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
        Kind::Doctor => written::<Examination>(kind, "an examination, as `flopcast doctor --format json` prints it"),
        Kind::Ab => written::<View>(kind, "a trial, as `flopcast ab --format json` prints it"),
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
    use crate::project::catalog::{BUILT_IN, Catalog};
    use crate::project::{Options, run};

    fn valid(kind: Kind, instance: &Value) -> std::result::Result<(), String> {
        let validator = jsonschema::validator_for(&schema(kind)).unwrap();
        match validator.iter_errors(instance).next() {
            None => Ok(()),
            Some(error) => Err(format!("{}: {error}", error.instance_path())),
        }
    }

    fn toml_value(text: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
    }

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        for (kind, name) in Kind::ALL {
            let path = format!("{}/data/schema/{}", env!("CARGO_MANIFEST_DIR"), kind.file());
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            let now = serde_json::to_string_pretty(&schema(kind)).unwrap() + "\n";
            assert!(committed == now, "out of date: `flopcast schema {name} > data/schema/{}`", kind.file());
        }
    }

    #[test]
    fn every_built_in_file_is_valid_but_for_what_it_does_not_hold() {
        for (name, text) in BUILT_IN {
            for (kind, table) in [(Kind::Cluster, "cluster"), (Kind::Job, "job"), (Kind::Scenario, "scenario")] {
                let found = valid(kind, &toml_value(text));
                match toml_value(text).get(table) {
                    Some(_) => assert_eq!(found, Ok(()), "{name}"),
                    None => assert!(found.unwrap_err().contains("required"), "{name}"),
                }
            }
        }
    }

    #[test]
    fn a_bad_file_is_refused_by_the_schema_as_it_is_by_the_reader() {
        let good = "[provenance]\nsource='mine'\ndate='2026'\ntier='assumed'\n[source.mine]\ntitle='t'\nlocator='l'\n\
            [cluster.c]\ntitle='c'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\nfabric='infiniband-ndr'\n\
            accelerators={value=64,unit='accelerator'}\n";
        assert_eq!(valid(Kind::Cluster, &toml_value(good)), Ok(()));
        for (from, to) in [
            ("status", "state"),
            ("'accelerator'}", "'GB'}"),
            ("64", "0"),
            ("64", "-64"),
            ("64", "1e9"),
            ("64", "'many'"),
            ("'assumed'", "'hearsay'"),
            ("'2026'", "'last year'"),
            ("[cluster.c]", "[clusters.c]"),
            ("title='c'\n", ""),
            ("64,", "64,low=3,"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(valid(Kind::Cluster, &toml_value(&bad)).is_err(), "{to}");
            assert!(Catalog::built_in().unwrap().add_text(&bad, "u.toml").is_err(), "{to}");
        }
    }

    #[test]
    fn what_is_written_out_is_valid_and_what_is_cut_is_not() {
        let catalog = Catalog::built_in().unwrap();
        let p = run(&catalog, "xai-12k-h100-redirected", None, &Options::default()).unwrap();
        let mut projection = serde_json::to_value(&p).unwrap();
        assert_eq!(valid(Kind::Projection, &projection), Ok(()));
        projection.as_object_mut().unwrap().remove("quantities");
        assert!(valid(Kind::Projection, &projection).is_err());
        let calibration = serde_json::to_value(crate::calibrate::software_for_tests()).unwrap();
        assert_eq!(valid(Kind::Calibration, &calibration), Ok(()));
    }
}
