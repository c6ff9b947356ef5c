//! Fits the constants marked `fit` to the published training runs as a whole, and again with each
//! source left out, and prints both errors. With `--write` the outcome, at four digits, goes into
//! `data/constants.toml` and the figures into `data/validation/left_out.json`; without, it says whether
//! what is committed is what it finds. The search starts from what was known without these runs, so a
//! second run finds the same.
//!
//! `cargo run --release --example fit_constants [--write] [EXTRA.csv …]`, with vTrain's table of single
//! nodes as the extra one for the committed values. With BANDS=1 nothing is fitted: which spread of several
//! boxes holds the bands, and all figures but those of vTrain and of whole kinds, by the constants that are
//! committed for each source left out: takes seconds.
//!
//! The loss is Huber's on ln(predicted/measured), each row weighted by its source's size to the power
//! of −0.6, so that no source outvotes the others by its number of rows; a weak pull towards the
//! starting values keeps what the data do not determine.

use flopcast::project::validate::left_out::{Factors, Held, Known, SCALES};
use flopcast::project::validate::{SCHEMA, built_in_table, choose, read_table, validate};
use flopcast::project::{Catalog, Constants};
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The source whose rows are in a table that is not part of this repository.
const VTRAIN: &str = "vtrain-single-node";

/// The constants to fit, and where each fit starts: what is known of it without these runs. The
/// committed values are the outcome, so they must not be the start of a fit that leaves a source out.
const FITTED: [(&str, f64); 23] = [
    ("training_gemm", 0.95),
    ("fp8", 0.80),
    ("attention", 0.60),
    ("attention_eager", 0.45),
    ("sustained", 0.9),
    ("deepspeed_early", 0.95),
    ("memory_efficiency", 0.70),
    ("memory_efficiency_eager", 0.45),
    ("memory_efficiency_early", 0.55),
    ("score_efficiency", 0.7),
    ("launch_full_box", 1.2),
    ("kernel_early", 10e-6),
    ("launch", 2e-6),
    ("launch_eager", 10e-6),
    ("launch_early", 30e-6),
    ("fabric_efficiency", 1.0),
    ("tensor_exposed", 0.7),
    ("expert_exposed", 0.7),
    ("expert_rate", 0.8),
    ("routing", 0.7e-3),
    ("routing_bytes", 16.0),
    ("data_overlap", 0.8),
    ("step_fixed", 5e-3),
];

/// What is left out as a whole, beside sources: a name, and whose rows go together.
type Key = fn(&Row) -> String;
const KINDS: [(&str, Key); 4] = [
    ("accelerator", |r| r.known.accelerator.split(['-', ' ']).next().unwrap_or_default().into()),
    ("architecture", |r| if r.known.moe() { "moe".into() } else { "dense".into() }),
    ("publisher", |r| {
        let nvidia = ["megatron", "nemo", "sc21", "korthikanti"];
        let name = r.known.group.split('-').next().unwrap_or_default();
        if nvidia.iter().any(|n| name.starts_with(n)) { "nvidia".into() } else { name.into() }
    }),
    ("decade of scale", |r| format!("1e{}", r.known.case.n_accel().log10().floor())),
];

/// Weight of the pull towards the starting values.
const RIDGE: f64 = 1e-3;

struct Row {
    known: Known,
    weight: f64,
}

fn main() -> flopcast::Result<()> {
    let catalog = Catalog::built_in()?;
    let mut lines = built_in_table()?;
    // Nothing is fitted: bands by the constants without each source as they are committed, and the baseline.
    let bands = std::env::var_os("BANDS").is_some();
    let (options, paths): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|a| a.starts_with("--"));
    let write = options.iter().any(|o| o == "--write");
    if let Some(unknown) = options.iter().find(|o| *o != "--write") {
        return Err(flopcast::Error::usage(format!("unknown option `{unknown}`")).hint("`--write` is the only one"));
    }
    for path in paths {
        lines.extend(read_table(std::path::Path::new(&path))?);
    }
    let known = Known::all(&catalog, &lines);
    let mut rows: Vec<Row> = known.into_iter().map(|known| Row { known, weight: 0.0 }).collect();
    let mut sizes: BTreeMap<String, f64> = BTreeMap::new();
    for row in &rows {
        *sizes.entry(row.known.group.clone()).or_default() += 1.0;
    }
    for row in &mut rows {
        row.weight = sizes[&row.known.group].powf(-0.6);
    }
    let names: Vec<&str> = catalog.constants.entries().iter().map(|e| e.name).collect();
    let places: Vec<usize> = FITTED.iter().filter_map(|(f, _)| names.iter().position(|n| n == f)).collect();
    assert_eq!(places.len(), FITTED.len(), "every fitted constant is one of the model's");
    let base = catalog.constants.medians();
    let start: Vec<f64> = FITTED.iter().map(|(_, start)| *start).collect();

    let all: Vec<&Row> = rows.iter().collect();
    report("as they stand", &all, &base);
    let fitted =
        if bands { places.iter().map(|p| entry(&catalog, *p)).collect() } else { fit(&all, &base, &places, &start) };
    // At the digits that are committed.
    let fitted: Vec<f64> = fitted.iter().map(|x| format!("{x:.3e}").parse().unwrap_or(*x)).collect();
    println!("\nfitted to all:");
    for ((name, _), x) in FITTED.iter().zip(&fitted) {
        println!("  {name:26} {x:.3e}");
    }
    let best = with(&base, &places, &fitted);
    let moved: Vec<f64> = fitted.iter().zip(&start).map(|(x, s)| (x / s).ln()).collect();
    println!("loss {:.6}", loss(&all, &base, &places, &start, &moved));
    let entries = catalog.constants.entries();
    let apart =
        places.iter().zip(&fitted).map(|(place, x)| (entries[*place].median / x).ln().abs()).fold(0.0, f64::max);
    println!("committed values are at most {:.2} % from these", 100.0 * apart);
    if write {
        write_constants(&catalog, &places, &fitted)?;
    }
    report("in sample", &all, &best);
    if std::env::var_os("ROWS").is_some() {
        for row in rows.iter().filter(|r| r.known.group != "llm-foundry" && r.known.group != "bloom") {
            let (case, measured) = (&row.known.case, row.known.measured);
            let (layout, seconds) = choose(case, &best);
            let (_, before) = choose(case, &base);
            println!(
                "{:18} {:22} {:?} {layout} n {} : {:.3} / {:.3} = {:.2} (before {:.2})",
                row.known.group,
                case.job.title,
                case.run.stack,
                case.n_accel(),
                seconds,
                measured,
                seconds / measured,
                before / measured
            );
        }
    }
    if let Ok(left) = std::env::var("LEAVE") {
        let others: Vec<&Row> = rows.iter().filter(|r| r.known.group != left).collect();
        let constants = with(&base, &places, &fit(&others, &base, &places, &start));
        println!("\nleft out {left}:");
        summary("all", rows.iter().filter(|r| r.known.group == left).map(|r| error(r, &constants)).collect());
        for row in rows.iter().filter(|r| r.known.group == left) {
            print!("{:.3} ", error(row, &constants).exp());
        }
        println!();
    }
    if std::env::var_os("QUICK").is_some() {
        return Ok(());
    }

    let committed: Value = serde_json::from_str(include_str!("../data/validation/left_out.json"))
        .map_err(|e| flopcast::Error::failed(e.to_string()))?;
    let without: BTreeMap<&String, Vec<f64>> = sizes
        .par_iter()
        .map(|(group, _)| {
            if bands {
                let of = &committed["constants_without"][group];
                // A source that came after the fit was in none: the committed constants are those without it.
                if of.is_null() && *group != VTRAIN {
                    return (group, places.iter().map(|place| entry(&catalog, *place)).collect());
                }
                return (group, FITTED.iter().map(|(name, _)| of[*name].as_f64().unwrap_or(f64::NAN)).collect());
            }
            let others: Vec<&Row> = rows.iter().filter(|r| r.known.group != *group).collect();
            // At the digits that are committed, so that the figures are those of what is written.
            let fitted = fit(&others, &base, &places, &start).into_iter();
            (group, fitted.map(|x| format!("{x:.5e}").parse().unwrap_or(x)).collect())
        })
        .collect();
    let left_out: Vec<(f64, &Row)> =
        rows.par_iter().map(|row| (error(row, &with(&base, &places, &without[&row.known.group])), row)).collect();
    // Half of vTrain's rows, every other one, predicted from the other half and all else.
    let (mut held, mut kept): (Vec<&Row>, Vec<&Row>) = (vec![], vec![]);
    for (i, row) in rows.iter().enumerate() {
        if row.known.group == VTRAIN && i % 2 == 0 { held.push(row) } else { kept.push(row) }
    }
    let mut half = Value::Null;
    if !held.is_empty() {
        let constants = with(&base, &places, &fit(&kept, &base, &places, &start));
        println!("\nhalf of vTrain left out:");
        half = summary("vtrain", held.iter().map(|r| error(r, &constants)).collect());
    }
    println!("\neach source left out:");
    // The spread of several boxes, and how much wider it is from 1,000 accelerators on, are those whose
    // bands lie closest to 90 % of the rows left out at every scale.
    let published: Vec<(f64, &Row)> = left_out.iter().filter(|(_, row)| row.known.group != VTRAIN).copied().collect();
    let grid: Vec<(f64, f64)> = (0..=16)
        .flat_map(|step| [0.1, 0.3, 0.5, 0.7, 0.9, 1.1].map(|wider| (f64::from(120 - 5 * step) / 1000.0, wider)))
        .collect();
    // By the constants as they are committed: a second run finds them to be those that were fitted.
    let covered = |row: &Row, e: f64, sd: f64, wider: f64| row.known.covered(&catalog, e, sd, wider);
    let tried: Vec<(f64, [Held; SCALES.len()])> = grid
        .par_iter()
        .map(|(sd, wider)| {
            let inside: Vec<(f64, bool)> =
                published.iter().map(|(e, r)| (r.known.case.n_accel(), covered(r, *e, *sd, *wider))).collect();
            let shares = Held::by_scale(&inside);
            (shares.iter().map(|held| (held.share() - 0.9).abs()).fold(0.0, f64::max), shares)
        })
        .collect();
    for ((sd, wider), (off, shares)) in grid.iter().zip(&tried) {
        println!(
            "  spread {sd} widened by {wider}: at most {:.1} points from 90 %: {:?}",
            100.0 * off,
            shares.map(|h| (h.inside, h.rows))
        );
    }
    let chosen = (0..grid.len()).min_by(|a, b| tried[*a].0.total_cmp(&tried[*b].0)).unwrap_or(0);
    let (sd, wider) = grid[chosen];
    println!("  chosen: `multi_node` sd_log {sd}, WIDENING {wider}");
    let mut coverage = Map::new();
    for ((name, ..), held) in SCALES.iter().zip(&tried[chosen].1) {
        println!("  90 % band, {name:16} covers {} of {}: {:.1} %", held.inside, held.rows, 100.0 * held.share());
        coverage.insert((*name).into(), json!(held));
    }
    let of =
        |keep: &dyn Fn(&Row) -> bool| left_out.iter().filter(|(_, r)| keep(r)).map(|(e, _)| *e).collect::<Vec<_>>();
    for group in sizes.keys() {
        summary(group, of(&|r| r.known.group == *group));
    }
    let mut out = Map::new();
    out.insert("all".into(), summary("all but vtrain", of(&|r| r.known.group != VTRAIN)));
    out.insert("moe".into(), summary("moe", of(&|r| r.known.moe())));
    out.insert("dense".into(), summary("dense", of(&|r| !r.known.moe() && r.known.group != VTRAIN)));
    out.insert("sc21".into(), summary("sc21", of(&|r| r.known.group == "sc21" && r.known.case.layouts[0].zero == 0)));
    out.insert("sc21_table1".into(), summary("sc21 table 1", of(&|r| r.known.sc21_table_one())));
    let published: Vec<&Row> = rows.iter().filter(|r| r.known.group != VTRAIN).collect();
    let errors = |keep: &dyn Fn(&Row) -> bool| {
        published.iter().filter(|r| keep(r)).map(|r| error(r, &best)).collect::<Vec<f64>>()
    };
    println!("\nin sample, the built-in table:");
    let inside = json!({
        "all": summary("all", errors(&|_| true)),
        "moe": summary("moe", errors(&|r| r.known.moe())),
        "dense": summary("dense", errors(&|r| !r.known.moe())),
    });
    // Harder: every accelerator, architecture, publisher and decade of scale left out as a whole.
    let mut kinds = Map::new();
    for (kind, key) in if bands { &KINDS[..0] } else { &KINDS[..] } {
        let mut names: Vec<String> = published.iter().map(|r| key(r)).collect();
        names.sort();
        names.dedup();
        let folds: Vec<Vec<(f64, bool)>> = names
            .par_iter()
            .map(|name| {
                let others: Vec<&Row> = rows.iter().filter(|r| key(r) != *name).collect();
                let constants = with(&base, &places, &fit(&others, &base, &places, &start));
                let of = published.iter().filter(|r| key(r) == *name);
                of.map(|r| {
                    let e = error(r, &constants);
                    (e, covered(r, e, sd, wider))
                })
                .collect()
            })
            .collect();
        println!("\neach {kind} left out:");
        let mut figures = Map::new();
        let mut note = |name: &str, fold: &[(f64, bool)]| {
            let inside = fold.iter().filter(|(_, inside)| *inside).count();
            let mut figure = summary(name, fold.iter().map(|(e, _)| *e).collect());
            println!("      90 % band covers {inside} of {}", fold.len());
            figure["inside"] = json!(inside);
            figures.insert(name.into(), figure);
        };
        for (name, fold) in names.iter().zip(&folds) {
            note(name, fold);
        }
        note("all", &folds.concat());
        kinds.insert((*kind).into(), Value::Object(figures));
    }
    let published_alone = without.iter().filter(|(group, _)| **group != VTRAIN);
    let constants_without: Map<String, Value> = published_alone
        .map(|(group, values)| {
            let named = FITTED.iter().zip(values).map(|((name, _), x)| ((*name).into(), json!(x)));
            ((*group).clone(), Value::Object(named.collect()))
        })
        .collect();
    if bands {
        half = committed["vtrain_half_left_out"].clone();
        kinds = committed["left_out_by_kind"].as_object().cloned().unwrap_or_default();
    }
    if write {
        let baseline = json!({
            "schema": "flopcast.left-out/1",
            "made_by": "cargo run --release --example fit_constants -- --write vtrain_single_node.csv",
            "in_sample": inside,
            "left_out": out,
            "constants_without": constants_without,
            "left_out_coverage90": coverage,
            "vtrain_half_left_out": half,
            "left_out_by_kind": kinds,
        });
        let text = serde_json::to_string_pretty(&baseline).map_err(|e| flopcast::Error::failed(e.to_string()))? + "\n";
        std::fs::write("data/validation/left_out.json", text).map_err(|e| flopcast::Error::failed(e.to_string()))?;
        if apart < 1e-9 {
            write_baseline(&catalog)?;
        } else {
            println!("the constants have changed: run once more for `data/validation/baseline.json`");
        }
    }
    Ok(())
}

/// What `flopcast validate --no-rows --format json` prints, once the constants are built in.
fn write_baseline(catalog: &Catalog) -> flopcast::Result<()> {
    let failed = |e: String| flopcast::Error::failed(e);
    let figures = validate(catalog, built_in_table()?.into_iter().map(Ok), |_| Ok(()))?;
    let text = serde_json::to_string_pretty(&figures).map_err(|e| failed(e.to_string()))?;
    let text = format!("{{\n\"schema\": \"{SCHEMA}\",\n{}\n", text.trim_start_matches("{\n"));
    std::fs::write("data/validation/baseline.json", text).map_err(|e| failed(e.to_string()))
}

/// Puts the fitted values, in the units of the file, into `data/constants.toml`.
fn write_constants(catalog: &Catalog, places: &[usize], fitted: &[f64]) -> flopcast::Result<()> {
    const FILE: &str = "data/constants.toml";
    let failed = |e: std::io::Error| flopcast::Error::failed(format!("`{FILE}`: {e}"));
    let entries = catalog.constants.entries();
    let mut table = String::new();
    let text = std::fs::read_to_string(FILE).map_err(failed)?;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            if let Some(name) = line.strip_prefix("[constants.") {
                table = name.trim_end_matches(']').into();
            }
            let found = places.iter().zip(fitted).find(|(place, _)| entries[**place].name == table);
            match (line.starts_with("value = "), found) {
                (true, Some((place, x))) => {
                    let written = x * entries[*place].written / entries[*place].median;
                    format!("value = {}", format!("{written:.3e}").parse().unwrap_or(written))
                }
                _ => line.into(),
            }
        })
        .collect();
    std::fs::write(FILE, lines.join("\n") + "\n").map_err(failed)
}

/// A constant as it is committed.
fn entry(catalog: &Catalog, place: usize) -> f64 {
    catalog.constants.entries()[place].median
}

fn error(row: &Row, constants: &Constants) -> f64 {
    row.known.error(constants)
}

fn with(base: &Constants, places: &[usize], values: &[f64]) -> Constants {
    let mut constants = *base;
    for (place, value) in places.iter().zip(values) {
        constants.set(*place, *value);
    }
    constants
}

fn loss(rows: &[&Row], base: &Constants, places: &[usize], start: &[f64], x: &[f64]) -> f64 {
    let values: Vec<f64> = start.iter().zip(x).map(|(s, x)| s * x.exp()).collect();
    // Shares stay shares.
    let shares = ["fp8", "attention", "efficiency", "exposed", "overlap", "training_gemm", "sustained", "deepspeed"];
    let share = |name: &str| name != "fabric_efficiency" && shares.iter().any(|part| name.contains(part));
    if FITTED.iter().zip(&values).any(|((name, _), v)| share(name) && *v > 1.05) || x.iter().any(|x| x.abs() > 1.8) {
        return 1e9;
    }
    let constants = with(base, places, &values);
    if constants.expert_rate > 1.1 {
        return 1e9;
    }
    let total: f64 = rows
        .iter()
        .map(|row| {
            let e = error(row, &constants).abs();
            row.weight * if e < 0.15 { e * e } else { 0.3 * e - 0.0225 }
        })
        .sum();
    let weights: f64 = rows.iter().map(|r| r.weight).sum();
    total / weights + RIDGE * x.iter().map(|x| x * x).sum::<f64>()
}

/// Pattern search on the logarithms: each constant up and down, the step halved where nothing helps.
fn fit(rows: &[&Row], base: &Constants, places: &[usize], start: &[f64]) -> Vec<f64> {
    let mut x = vec![0.0; start.len()];
    let mut steps = vec![0.2; start.len()];
    let mut best = loss(rows, base, places, start, &x);
    for _ in 0..60 {
        let before = best;
        for i in 0..x.len() {
            let mut moved = false;
            for direction in [1.0, -1.0] {
                let mut next = x.clone();
                next[i] += direction * steps[i];
                let value = loss(rows, base, places, start, &next);
                if value < best {
                    (best, x, moved) = (value, next, true);
                    break;
                }
            }
            steps[i] *= if moved { 1.3 } else { 0.6 };
        }
        if before - best < 1e-9 && steps.iter().all(|s| *s < 1e-3) {
            break;
        }
    }
    start.iter().zip(&x).map(|(s, x)| s * x.exp()).collect()
}

fn report(what: &str, rows: &[&Row], constants: &Constants) {
    println!("\n{what}:");
    summary("all", rows.iter().map(|r| error(r, constants)).collect());
    let mut groups: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for row in rows {
        groups.entry(&row.known.group).or_default().push(error(row, constants));
        if row.known.moe() {
            groups.entry("moe").or_default().push(error(row, constants));
        }
    }
    for (group, errors) in groups {
        summary(group, errors);
    }
}

fn summary(name: &str, errors: Vec<f64>) -> Value {
    let Some(f) = Factors::of(&errors) else { return Value::Null };
    println!(
        "  {name:22} n {:4}  median {:.3}  p90 {:.3}  bias {:.3}  MAPE {:.1} %",
        f.n,
        f.median_factor,
        f.p90_factor,
        f.bias_factor,
        100.0 * f.mape
    );
    json!(f)
}
