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
