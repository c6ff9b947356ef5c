//! What is written by hand and what is written out, held against the schemas by a validator of another make.
// Here and not beside `src/project/schema.rs`: see `profile.dev.package.jsonschema` in Cargo.toml.

use flopcast::calibrate::Calibration;
use flopcast::project::schema::{Kind, schema};
use flopcast::project::{Catalog, Options, run};
use serde_json::Value;
use std::path::Path;

fn valid(kind: Kind, instance: &Value) -> Result<(), String> {
    let validator = jsonschema::validator_for(&schema(kind)).unwrap();
    match validator.iter_errors(instance).next() {
        None => Ok(()),
        Some(error) => Err(format!("{}: {error}", error.instance_path())),
    }
}

fn toml_value(text: &str) -> Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

fn package(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn every_built_in_file_is_valid_but_for_what_it_does_not_hold() {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(package("data")).unwrap() {
        let path = entry.unwrap().path();
        // Constants of the model are of one file, which a user's cannot add to: it has no such schema.
        if path.extension().is_none_or(|e| e != "toml") || path.ends_with("constants.toml") {
            continue;
        }
        let value = toml_value(&std::fs::read_to_string(&path).unwrap());
        let name = path.display();
        for (kind, table) in [(Kind::Cluster, "cluster"), (Kind::Job, "job"), (Kind::Scenario, "scenario")] {
            let found = valid(kind, &value);
            match value.get(table) {
                Some(_) => assert_eq!(found, Ok(()), "{name}"),
                None => assert!(found.unwrap_err().contains("required"), "{name}"),
            }
            held.extend(value.get(table).map(|_| table));
        }
    }
    held.sort_unstable();
    assert_eq!(held, ["cluster", "job", "scenario"], "the files of all three were read, each in one place");
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
    let records = flopcast::measure::wire::read_whole(&package("record/2026-11-24-lavapipe/measurements.jsonl"));
    let calibration = Calibration::from_records(&records.unwrap(), "measurements.jsonl").unwrap();
    let mut calibration = serde_json::to_value(calibration).unwrap();
    assert_eq!(valid(Kind::Calibration, &calibration), Ok(()));
    calibration.as_object_mut().unwrap().remove("precisions");
    assert!(valid(Kind::Calibration, &calibration).is_err());
}
