//! No number in a file, whatever it is, ends in a panic or in a forecast that cannot be.

use super::Study;
use crate::error::{Error, Result};
use crate::project::catalog::Catalog;
use crate::project::transfer::Options;
use crate::project::{Output, Projection};
use std::panic::{AssertUnwindSafe, catch_unwind};
use toml::{Table, Value};

/// Paths of all numbers in a table.
fn numbers(value: &Value, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    match value {
        Value::Table(table) => {
            for (key, inner) in table {
                path.push(key.clone());
                numbers(inner, path, found);
                path.pop();
            }
        }
        Value::Integer(_) | Value::Float(_) => found.push(path.clone()),
        _ => {}
    }
}

fn at<'a>(mut value: &'a mut Value, path: &[String]) -> &'a mut Value {
    for key in path {
        value = value.get_mut(key.as_str()).unwrap();
    }
    value
}

fn forecast(text: &str) -> Result<()> {
    let mut catalog = Catalog::built_in()?;
    let names = catalog.add_text(text, "x.toml")?;
    let study = Study::new(&catalog, &names[0], None, &Options::default())?;
    let p = Projection::new(&catalog, &study, None);
    let bad = |why: String| Err(Error::failed(why));
    for (name, q) in &p.quantities {
        for x in [q.value, q.p5, q.p50, q.p95] {
            if !x.is_finite() || x < 0.0 {
                return bad(format!("{name} is {x}"));
            }
        }
    }
    for (name, most) in [("mfu", 1.0), ("goodput", 1.0), ("run_days", 1e9), ("memory_per_accelerator", 1e9)] {
        if p.quantities[name].p95 > most {
            return bad(format!("{name} is {}", p.quantities[name].p95));
        }
    }
    if study.at_medians(Output::StepTime).is_none_or(|t| t <= 0.0) {
        return bad("no time passes".into());
    }
    Ok(())
}

/// Tries every number of the entries that a scenario is made of, at four impossible values.
fn every_number(scenario: &str, with: &[&str]) -> (usize, usize) {
    let catalog = Catalog::built_in().unwrap();
    let s = catalog.scenario(scenario).unwrap();
    let cluster = catalog.cluster(&s.cluster).unwrap();
    let mut file = Table::new();
    let mut put = |kind: &str, name: &str, entry: Value| {
        if with.contains(&kind) {
            file.insert(kind.into(), Value::Table(Table::from_iter([(name.to_string(), entry)])));
        }
    };
    put("scenario", scenario, Value::try_from(s).unwrap());
    put("cluster", &s.cluster, Value::try_from(cluster).unwrap());
    put("job", &s.job, Value::try_from(catalog.job(&s.job).unwrap()).unwrap());
    put("node", &cluster.node, Value::try_from(catalog.node(&cluster.node).unwrap()).unwrap());
    put("fabric", &cluster.fabric, Value::try_from(catalog.fabric(&cluster.fabric).unwrap()).unwrap());
    put(
        "accelerator",
        &cluster.accelerator,
        Value::try_from(catalog.accelerator(&cluster.accelerator).unwrap()).unwrap(),
    );
    put("operations", "usual", Value::try_from(catalog.operation("usual").unwrap()).unwrap());
    put("site", "usual", Value::try_from(catalog.site("usual").unwrap()).unwrap());
    if let Some(price) = catalog.price(&cluster.accelerator) {
        put("price", &cluster.accelerator, Value::try_from(price).unwrap());
    }
    let whole = Value::Table(file);
    let mut paths = Vec::new();
    numbers(&whole, &mut Vec::new(), &mut paths);
    let (mut refused, mut taken) = (0, 0);
    for path in &paths {
        for to in [Value::Float(0.0), Value::Float(-1.0), Value::Float(f64::NAN), Value::Float(1e300)] {
            let mut file = whole.clone();
            let place = at(&mut file, path);
            // A whole number stays one where it can.
            *place = match (&*place, &to) {
                (Value::Integer(_), Value::Float(x)) if x.fract() == 0.0 && x.abs() < 1e9 => Value::Integer(*x as i64),
                _ => to.clone(),
            };
            let text = toml::to_string(&file).unwrap();
            let what = format!("{scenario}: {} = {to}", path.join("."));
            let result = catch_unwind(AssertUnwindSafe(|| forecast(&text)));
            match result.unwrap_or_else(|_| panic!("{what}: panicked")) {
                // No negative number, none that is none and none beyond any machine is ever taken.
                Ok(()) => {
                    assert_eq!(to.as_float(), Some(0.0), "{what}: taken");
                    taken += 1;
                }
                Err(e) => {
                    assert_eq!(e.exit_code(), 2, "{what}: {e}");
                    let message = e.message();
                    let named =
                        message.starts_with("`x.toml`: ") || message.starts_with(&format!("scenario `{scenario}`: "));
                    assert!(named && message.matches('`').count() >= 4, "{what}: {e}");
                    refused += 1;
                }
            }
        }
    }
    (refused, taken)
}

#[test]
fn every_number_of_every_scenario_cluster_and_job_is_refused_or_gives_a_forecast_that_can_be() {
    let catalog = Catalog::built_in().unwrap();
    for name in catalog.scenarios.keys() {
        let (refused, _) = every_number(name, &["scenario", "cluster", "job"]);
        assert!(refused > 60, "{name}: {refused}");
    }
}

#[test]
fn so_is_every_number_of_the_hardware_the_operations_the_site_and_the_prices() {
    let all = ["scenario", "node", "fabric", "accelerator", "operations", "site", "price"];
    let (refused, taken) = every_number("xai-12k-h100-redirected", &all);
    assert!(refused > 300, "{refused} {taken}");
}

/// A scenario on a cluster of its own: accelerator, box, network and two halves.
const OWN: &str = "[provenance]\nsource='flopcast'\ndate='2026'\ntier='assumed'\n[scenario.x]\ntitle='x'\n\
    cluster='c'\njob='llama-3-8b'\nformat='bf16'\ntokens={value=1,unit='Ttoken'}\n\
    sequence={value=8192,unit='token'}\nbatch={value=524288,unit='token'}\n\
    checkpoint={value=30,unit='s'}\nrestart={value=300,unit='s'}\nsite={pue={value=1.2,unit='1'}}\n\
    [cluster.c]\ntitle='c'\nstatus='s'\naccelerator='a'\nnode='n'\nfabric='f'\n\
    accelerators={value=16,unit='accelerator'}\n\
    [cluster.c.half.one]\ntitle='one'\naccelerators={value=9,unit='accelerator'}\n\
    [cluster.c.half.two]\ntitle='two'\naccelerators={value=7,unit='accelerator'}\npace={value=0.98,unit='1'}\n\
    [node.n]\ntitle='n'\naccelerators={value=4,unit='accelerator'}\nscale_up_domain={value=8,unit='accelerator'}\n\
    scale_out={value=400,unit='Gbit/s'}\n\
    [fabric.f]\ntitle='f'\nefficiency={value=0.9,unit='1'}\nlatency={value=5,unit='us'}\n\
    oversubscription={value=1.5,unit='1'}\n";

fn own(from: &str, to: &str) -> Catalog {
    assert_eq!(OWN.matches(from).count(), 1, "{from}");
    let mut catalog = Catalog::built_in().unwrap();
    let mut chip = catalog.accelerators["h100"].clone();
    chip.derate = Some(crate::sourced::Value::exact(0.95, "1", chip.memory.stamp.clone()).unwrap());
    catalog.accelerators.insert("a".into(), chip);
    catalog.add_text(&OWN.replace(from, to), "x.toml").unwrap();
    catalog
}

fn refusal(catalog: &Catalog) -> Option<Error> {
    Study::new(catalog, "x", None, &Options::default()).map(|_| ()).err()
}

#[test]
fn a_range_that_reaches_what_cannot_be_is_refused_as_such_a_value_is() {
    assert_eq!(refusal(&own("value=0.9,", "value=0.9,")), None, "as it stands it is a forecast");
    let ok = [
        ("value=0.9,unit='1'", "value=0.9,unit='1',low=0.5,high=1"),
        ("value=0.9,unit='1'", "value=0.6,unit='1',sd_log=0.1"),
        ("value=1.5,unit='1'", "value=1.5,unit='1',low=1,high=3"),
        ("value=0.98,unit='1'", "value=0.98,unit='1',low=0.5,high=1.1"),
        ("value=1.2,unit='1'", "value=1.2,unit='1',low=1.05,high=1.5"),
    ];
    for (from, to) in ok {
        assert_eq!(refusal(&own(from, to)), None, "{to}");
    }
    for (from, to, part) in [
        ("value=0.9,", "value=0,", "`efficiency`: 0 is not from 0.001 to 1"),
        ("value=0.9,", "value=8,", "`efficiency`: 8 is not from 0.001 to 1"),
        ("value=0.9,unit='1'", "value=0.9,unit='1',low=0,high=1", "`efficiency`: a range from 0 to 1 is not"),
        ("value=0.9,unit='1'", "value=0.9,unit='1',low=0.5,high=1.2", "`efficiency`: a range from 0.5 to 1.2 is"),
        ("value=0.9,unit='1'", "value=0.9,unit='1',sd_log=0.2", "`efficiency`: 0.9 with an `sd_log` of 0.2 comes to"),
        ("value=1.5,unit='1'", "value=1.5,unit='1',low=0.05,high=2", "`oversubscription`: a range from 0.05 to 2"),
        ("value=0.98,", "value=0,", "`half.two.pace`: 0 is not from 0.001 to 10"),
        ("value=0.98,unit='1'", "value=0.98,unit='1',low=0,high=1", "`half.two.pace`: a range from 0 to 1"),
        (
            "value=1.2,unit='1'",
            "value=1.2,unit='1',low=0.1,high=2",
            "`site.pue`: a range from 0.1 to 2 is not from 1 to 5",
        ),
        ("pue={value=1.2,", "utilization={value=0.9,low=0,high=1,", "`site.utilization`: a range from 0 to 1"),
    ] {
        let error = refusal(&own(from, to)).unwrap_or_else(|| panic!("{to} is taken"));
        assert!(error.message().contains(part), "{part}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
    for (value, taken) in [(0.0, false), (5.0, false), (1.0, true)] {
        let mut catalog = own("value=0.9,", "value=0.9,");
        catalog.accelerators.get_mut("a").unwrap().derate.as_mut().unwrap().value = value;
        let error = refusal(&catalog);
        assert_eq!(error.is_none(), taken, "{value}: {error:?}");
        assert!(error.is_none_or(|e| e.message().contains(&format!("`derate`: accelerator `a`: {value} is not"))));
    }
}

#[test]
fn what_a_layout_is_made_for_has_no_range() {
    for (value, field) in [
        ("value=16,unit='accelerator'", "`accelerators`"),
        ("value=9,unit='accelerator'", "`half.one.accelerators`"),
        ("value=4,unit='accelerator'", "node `n`: `accelerators`"),
        ("value=8,unit='accelerator'", "node `n`: `scale_up_domain`"),
        ("value=8192,unit='token'", "`sequence`"),
        ("value=524288,unit='token'", "`batch`"),
    ] {
        for range in ["low=1,high=1e9", "sd_log=0.5"] {
            let high = if value.contains("accelerator") { range.replace("1e9", "1e6") } else { range.to_string() };
            let error = refusal(&own(value, &format!("{value},{high}"))).unwrap_or_else(|| panic!("{value},{high}"));
            assert!(error.message().contains(&format!("{field}: a range, but a layout is made for one")), "{error}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains("state one")) && error.exit_code() == 2);
        }
    }
}

#[test]
fn a_search_refuses_of_a_cluster_what_a_forecast_does() {
    use crate::cluster::Format;
    use crate::project::{Place, Rules, Space, Target, plan};
    let searched = |catalog: &Catalog, place: Place| {
        let rules = Rules::free(Space::Common);
        let target = Target {
            place,
            job: "llama-3-8b".into(),
            format: Format::Bf16,
            sequence: None,
            rules,
            batch: Some(64),
            fabric: None,
            checkpoint: 30.0,
            restart: 300.0,
        };
        plan(catalog, &target).map(|_| ())
    };
    for (from, to, part) in [
        ("value=0.9,", "value=0,", "`efficiency`: 0 is not from"),
        ("value=1.5,unit='1'", "value=1.5,unit='1',low=0.5,high=2", "`oversubscription`: a range"),
        ("value=16,unit='accelerator'", "value=16,unit='accelerator',low=8,high=32", "`accelerators`: a range"),
    ] {
        let error = searched(&own(from, to), Place::Cluster("c".into())).unwrap_err();
        assert!(error.message().contains(&format!("cluster `c`: {part}")), "{error}");
    }
    let mut catalog = own("value=0.9,", "value=0.9,");
    catalog.accelerators.get_mut("a").unwrap().derate.as_mut().unwrap().value = 0.0;
    let error = searched(&catalog, Place::Count("a".into(), 16)).unwrap_err();
    assert!(error.message().contains("`derate`: accelerator `a`: 0 is not"), "{error}");
}
