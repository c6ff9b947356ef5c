//! The verbs that ask about a forecast, as a user meets them: bad input, files, and what they print.
#![cfg(feature = "cli")]

mod support;

use support::{flopcast, folder, run};

const SMALL: &str = "xai-12k-h100-redirected";

#[test]
fn unusable_arguments_are_exit_2_and_say_what_would_do() {
    for (args, part) in [
        (&["project", "--what-if", "nics=2x"][..], "memory_bandwidth"),
        (&["project", "--what-if", "nic"], "`KEY=VALUE`"),
        (&["project", "--what-if", "nic=fast"], "neither a factor nor a number"),
        (&["project", "--what-if", "nic=nan"], "neither a factor nor a number"),
        (&["project", "--what-if", "nic=1e300x"], "not from 0.001 to 1000"),
        (&["project", "--what-if", "precision=fp5"], "fp8"),
        (&["project", "--what-if", "restart=-1s"], "negative"),
        (&["project", "--what-if", "cap=1kW"], "switch on no box"),
        (&["project", "--what-if", "cap=2x"], "give a number with a unit"),
        (&["project", "--cluster", "nowhere"], "unknown cluster `nowhere`"),
        (&["project", "--job", "grok-9"], "unknown job `grok-9`"),
        (&["explain", "speed"], "run_days"),
        (&["explain", "slower_part_cost", "--scenario", SMALL], "it has "),
        (&["explain"], "QUANTITY"),
        (&["scale", "--from", "0"], "counts from 0"),
        (&["scale", "--from", "9", "--to", "8"], "ascending"),
        (&["scale", "--to", "1e6"], "1e6"),
        (&["scale", "--weak", "--strong"], "--strong"),
        (&["scale", "--critical-batch", "20"], "`Mtoken`"),
        (&["scale", "--finish-within", "soon"], "no number with a unit"),
        (&["scale", "--finish-within", "0s"], "no time at all"),
        (&["scale", "--scenario", "nothing"], "unknown scenario"),
        (&["new", "planet", "x"], "cluster, job, scenario"),
        (&["new", "job", "a b"], "is no name"),
        (&["new", "projection", "x"], "not by hand"),
        (&["new", "job", "x", "--like", "grok-9"], "grok-9"),
        (&["new", "job", "x", "--force"], "--out"),
        (&["schema", "planet"], "measurement"),
        (&["project", "--what-if", "nic=2x", "--simulate"], "`--simulate` does not go with `--what-if`"),
        (&["project", "--simulate", "9", "--format", "markdown"], "`--simulate` does not go with `--format markdown`"),
        (&["project", "--scenario", "nowhere.toml"], "nowhere.toml"),
        (&["project", "--calibration", "/"], "`/`"),
        (&["equivalents", "--calibration", "/"], "`/`"),
        (&["equivalents", "--calibration", "x", "--link", "fast"], "x"),
        (&["explain", "goodput", "--calibration", "/not/there"], "/not/there"),
        (&["validate", "--data", "/not/there.csv"], "/not/there.csv"),
        (&["validate", "--baseline", "/not/there.json"], "/not/there.json"),
        (&["new", "cluster", "a b"], "is no name"),
        (&["scale", "--finish-within", "0day"], "no time at all"),
        (&["scale", "--critical-batch", "x"], "`--critical-batch`"),
        (&["search", "--cluster", "eagle", "--job", "grok-1", "--threads", "9999"], "beyond 4096"),
        (&["search", "--cluster", "eagle", "--job", "grok-1", "--checkpoint", "5"], "`--checkpoint`"),
        (&["search", "--job", "grok-1"], "--cluster"),
        (&["search", "--cluster", "eagle", "--job", "grok-1", "--rules", "/not/there"], "/not/there"),
        (&["matmul", "--cluster", "nowhere"], "nowhere"),
        (&["matmul", "--cluster", "eagle", "--precision", "fp5"], "fp8"),
        (&["catalog", "nothing"], "nothing"),
        (&["compare", "/not/there", "/nor/there"], "/not/there"),
        (&["calibrate", "/not/there"], "/not/there"),
        (&["roofline", "/not/there"], "/not/there"),
        (&["report", "/not/there"], "/not/there"),
        (&["man", "--out", "/dev/null/x"], "/dev/null/x"),
        (&["completions"], "SHELL"),
        (&["equivalents"], "--calibration"),
        (&["equivalents", "--calibration", "/not/there.json"], "/not/there.json"),
    ] {
        run(&mut flopcast(args)).refused(2, part);
    }
}

#[test]
fn a_deadline_that_no_count_meets_is_refused_with_the_bound_that_forbids() {
    run(&mut flopcast(&["scale", "--scenario", SMALL, "--to", "100000", "--finish-within", "1h"]))
        .refused(2, "forbids less");
    let ended = run(&mut flopcast(&["scale", "--scenario", SMALL, "--finish-within", "60day", "--format", "json"]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.json()["run_days"].as_f64().unwrap() <= 60.0);
}

#[test]
fn a_what_if_prints_a_row_each_and_json_with_the_base() {
    let args = ["project", "--scenario", SMALL, "--what-if", "nic=2x", "--what-if", "failures=0.5x,restart=60s"];
    let text = run(&mut flopcast(&args));
    assert_eq!(text.code, Some(0), "{text:#?}");
    assert!(text.stdout.contains("nic=2x") && text.stdout.contains("failures=0.5x,restart=60s"), "{text:#?}");
    let json = run(flopcast(&args).args(["--format", "json"])).json();
    assert_eq!(json["schema"], "flopcast.what-if/1");
    assert_eq!(json["base"]["scenario"], SMALL);
    assert_eq!(json["changes"].as_array().unwrap().len(), 2);
}

#[test]
fn a_tree_reaches_its_citations() {
    let text = run(&mut flopcast(&["explain", "goodput", "--scenario", SMALL]));
    assert_eq!(text.code, Some(0), "{text:#?}");
    for part in ["goodput = ", "failure_rate = ", "kokolis", "sources:"] {
        assert!(text.stdout.contains(part), "{part}: {text:#?}");
    }
    let json = run(&mut flopcast(&["explain", "goodput", "--scenario", SMALL, "--format", "json"])).json();
    assert_eq!(json["name"], "goodput");
    assert!(!json["children"].as_array().unwrap().is_empty());
}

#[test]
fn a_new_file_runs_as_it_is_and_is_not_overwritten() {
    let folder = folder("new");
    for (kind, flag) in [("scenario", "--scenario"), ("cluster", "--cluster"), ("job", "--job")] {
        let file = folder.join(format!("{kind}.toml"));
        let write = |extra: &[&str]| run(flopcast(&["new", kind, "mine", "--out"]).arg(&file).args(extra));
        assert_eq!(write(&[]).code, Some(0));
        write(&[]).refused(2, "--force");
        assert_eq!(write(&["--force"]).code, Some(0));
        let schema = folder.join(format!("flopcast.{kind}.schema.json"));
        assert!(std::fs::read_to_string(schema).unwrap().contains("$schema"));
        let mut forecast = flopcast(&["project", "--format", "json"]);
        if kind != "scenario" {
            forecast.args(["--scenario", SMALL]);
        }
        let ended = run(forecast.arg(flag).arg(&file));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
    }
    run(flopcast(&["new", "job", "x", "--out"]).arg(folder.join("not there").join("x.toml")))
        .refused(2, "cannot be written");
    run(flopcast(&["project", "--cluster"]).arg(folder.join("job.toml"))).refused(2, "no `[cluster.NAME]`");
}

#[test]
fn a_scaling_curve_has_a_csv_row_per_count_and_a_share_per_bound() {
    let args = ["scale", "--scenario", SMALL, "--from", "8192", "--to", "65536", "--format", "csv"];
    let ended = run(&mut flopcast(&args));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + 5, "powers of two and the scenario's own count: {lines:#?}");
    assert!(lines[0].contains("share_network") && lines[0].contains("run_days_p95"));
}

/// What a column of this unit ends in.
fn ending(unit: &str) -> String {
    match unit {
        "1" => String::new(),
        unit => format!("_{}", unit.replace('/', "_per_").to_lowercase()),
    }
}

#[test]
fn a_column_of_a_scaling_curve_says_its_unit_and_holds_what_the_forecast_has_in_it() {
    let args = ["scale", "--scenario", SMALL, "--from", "11000", "--to", "12000", "--format"];
    let csv = run(flopcast(&args).arg("csv")).stdout;
    let json = run(flopcast(&args).arg("json")).json();
    let forecast = run(&mut flopcast(&["project", "--scenario", SMALL, "--format", "json"])).json();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    let own = rows.iter().find(|row| &row[0] == "12000").expect("the scenario's own count");
    let units = json["units"].as_object().unwrap();
    assert!(units.len() > 15, "{units:?}");
    for (name, unit) in units {
        let unit = unit.as_str().unwrap();
        // Some names are their unit: `run_days`, `tokens_per_s`, `accelerators_powered`.
        let named = ["run_days", "tokens_per_s", "accelerators_powered"].contains(&name.as_str());
        let column = if named || name.ends_with("_flop_per_s") { name.clone() } else { name.clone() + &ending(unit) };
        let place = header.iter().position(|c| *c == column).unwrap_or_else(|| panic!("{name} in {unit}: {header:?}"));
        if name == "useful_flop_per_s" {
            continue;
        }
        let there = &forecast["quantities"][name];
        assert_eq!(there["unit"], unit, "{name}");
        for (offset, end) in ["value", "p5", "p95"].into_iter().enumerate() {
            let (here, there) = (own[place + offset].parse::<f64>().unwrap(), there[end].as_f64().unwrap());
            assert!((here - there).abs() <= 1e-6 * there.abs(), "{column} {end}: {here} against {there} {unit}");
        }
    }
    assert!(header.contains(&"mean_time_to_failure_h".to_string()), "{header:?}");
}

#[test]
fn foreign_text_of_a_scenario_is_text_on_its_page_and_the_command_is_the_one_that_ran() {
    let folder = folder("page");
    let own = run(&mut flopcast(&["catalog", "scenarios", SMALL])).stdout;
    let title = own.lines().find(|line| line.trim_start().starts_with("title = ")).expect("a title");
    let hostile = r#"title = "<img src=x> [y](z) --> *w* _v_ # `u`""#;
    std::fs::write(folder.join("my own.toml"), own.replace(title, hostile)).unwrap();
    let args = ["project", "--scenario", "my own.toml", "--what-if", "nic=2x", "--format", "markdown"];
    let ended = run(flopcast(&args).current_dir(&folder));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let page = ended.stdout;
    assert!(page.starts_with("# &lt;img src=x> \\[y\\](z) --> \\*w\\* \\_v\\_ # `u`"), "{page}");
    assert!(!page.contains("<img"), "{page}");
    let command = "flopcast project --scenario 'my own.toml' --what-if nic=2x --format markdown";
    assert!(page.ends_with(&format!("```\n{command}\n```\n")), "{page}");
    let mut again = std::process::Command::new("sh");
    let line = command.replacen("flopcast", env!("CARGO_BIN_EXE_flopcast"), 1);
    if cfg!(unix) {
        assert_eq!(run(again.args(["-c", &line]).current_dir(&folder)).stdout, page, "it makes the page again");
    }
}

#[test]
fn every_scenario_page_is_what_its_command_prints_today() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenarios");
    let mut pages = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "README" {
            continue;
        }
        pages += 1;
        let ended = run(&mut flopcast(&["project", "--scenario", &name, "--format", "markdown"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let committed = std::fs::read_to_string(&path).unwrap();
        let differs = committed.lines().zip(ended.stdout.lines()).find(|(a, b)| a != b);
        assert!(committed == ended.stdout, "`{name}` is out of date, `make pages` makes it anew: {differs:?}");
    }
    assert!(pages >= 10, "{pages} pages");
}

#[test]
fn a_comparison_is_asked_for_by_its_name_and_takes_no_what_if() {
    let ended = run(&mut flopcast(&["project", "--scenario", "six-billion-dollars", "--format", "json"]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(ended.json()["schema"], "flopcast.comparison/1");
    run(&mut flopcast(&["project", "--scenario", "rubin", "--what-if", "nic=2x"]))
        .refused(2, "comparison of scenarios");
    run(&mut flopcast(&["scale", "--scenario", "rubin"])).refused(2, "unknown scenario");
}
