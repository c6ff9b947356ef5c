//! Every verb in every format: what is printed is what the format promises.
#![cfg(feature = "cli")]

mod support;

use clap::Command;
use support::{Ended, flopcast, folder, run};

const SMALL: &str = "xai-12k-h100-redirected";

/// Verbs that print data and need no adapter: arguments, name of the schema, tables.
fn offline() -> Vec<(Vec<String>, &'static str, &'static [&'static str])> {
    let record = support::record().display().to_string();
    let calibration = folder("formats-calibration").join("calibration.json").display().to_string();
    let made = run(&mut flopcast(&["calibrate", &record, "--out", &calibration]));
    assert_eq!(made.code, Some(0), "{made:#?}");
    let roofline = record.replace("measurements", "roofline");
    let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let small = |rest: &str| {
        words(
            &rest
                .replace("SMALL", SMALL)
                .replace("RECORD", &record)
                .replace("ROOFLINE", &roofline)
                .replace("CALIBRATION", &calibration),
        )
    };
    vec![
        (small("calibrate RECORD"), "calibration", &["ceilings", "points"]),
        (small("measure --replay RECORD"), "rows", &["cases", "setups", "against"]),
        (small("compare RECORD RECORD"), "compare", &["cases"]),
        (small("roofline ROOFLINE"), "roofline", &["arithmetic", "memory", "products", "other", "missing"]),
        (
            small("project --scenario SMALL"),
            "projection",
            &["quantities", "step", "sensitivities", "assumptions", "sources"],
        ),
        (small("project --scenario SMALL --what-if nic=2x"), "what-if", &["changes", "base"]),
        (small("project --scenario six-billion-dollars"), "comparison", &["scenarios", "quantities"]),
        (small("explain goodput --scenario SMALL"), "explain", &["nodes", "sources"]),
        (small("scale --scenario SMALL --from 8192 --to 16384"), "scaling", &["counts", "takeovers"]),
        (small("scale --scenario SMALL --finish-within 60day"), "finish-within", &["answer"]),
        (
            small("search --accelerator a100 --count 64 --job gpt-3-175b --batch 64 --common"),
            "search",
            &["choices", "pareto"],
        ),
        (small("equivalents --scenario SMALL --calibration CALIBRATION"), "equivalents", &["answer"]),
        (small("matmul --cluster eagle"), "matmul", &["product"]),
        (small("matmul --top500"), "linpack", &["machines"]),
        (small("validate"), "validation", &["groups", "rows"]),
        (small("catalog accelerators"), "catalog", &["facts"]),
        (small("catalog jobs grok-1"), "catalog", &["facts"]),
        (small("cache show"), "cache", &["tuned", "bounds", "dispatches"]),
    ]
}

fn with(args: &[String], more: &[&str]) -> Ended {
    let ended = run(flopcast(&[]).args(args).args(more));
    // Of one record against itself nothing is known but that it is no different: `compare` says so.
    let good: &[i32] = if args[0] == "compare" { &[0, 11, 12] } else { &[0] };
    assert!(ended.code.is_some_and(|code| good.contains(&code)), "{args:?} {more:?}: {ended:#?}");
    ended
}

/// One header, every row as long, a unit or a bare name in each, numbers that are no text.
fn check_csv(text: &str, what: &str) -> usize {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    for name in &header {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(!name.is_empty() && name.chars().all(plain), "{what}: column `{name}`");
    }
    let mut sorted = header.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), header.len(), "{what}: a column twice");
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
        rows += 1;
        for (name, cell) in header.iter().zip(row.iter()) {
            let number = ["_s", "_flop_per_s", "_bytes", "_byte_per_s", "value", "p5", "p95", "_ratio"];
            if number.iter().any(|end| name.ends_with(end)) && !cell.is_empty() {
                assert!(cell.parse::<f64>().is_ok_and(f64::is_finite), "{what}: {name} = `{cell}`");
            }
        }
    }
    rows
}

/// Tables whose rows all have the columns of their header, and no line that is cut.
fn check_markdown(text: &str, what: &str) {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut columns = 0;
    for line in text.lines() {
        match (line.starts_with('|'), columns) {
            (true, 0) => columns = cells(line),
            (true, _) => assert_eq!(cells(line), columns, "{what}: {line}"),
            (false, _) => columns = 0,
        }
    }
    assert!(!text.contains('\u{1b}'), "{what}");
}

#[test]
fn every_verb_without_an_adapter_prints_every_format_and_its_json_is_valid() {
    for (args, schema, tables) in offline() {
        let what = args.join(" ");
        let validator = jsonschema::validator_for(&run(&mut flopcast(&["schema", schema])).json()).unwrap();
        let json = with(&args, &["--format", "json"]).json();
        let wrong: Vec<String> =
            validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).take(3).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
        let id = json["schema"].as_str().unwrap_or_else(|| panic!("{what}: no schema"));
        assert!(id.starts_with("flopcast.") && id.split('/').nth(1).is_some_and(|v| v.parse::<u32>().is_ok()), "{id}");
        let mut cut = json.clone();
        cut.as_object_mut().unwrap().remove("schema");
        assert!(!validator.is_valid(&cut), "{what}: without its schema id it passes");

        check_markdown(&with(&args, &["--format", "markdown"]).stdout, &what);
        let main = with(&args, &["--format", "csv"]).stdout;
        let rows = check_csv(&main, &what);
        assert!(rows > 0 || what == "cache show", "{what}: no row");
        for table in tables {
            let text = with(&args, &["--format", "csv", "--table", table]).stdout;
            check_csv(&text, &format!("{what} {table}"));
            assert!(*table != tables[0] || text == main, "{what}: `{table}` is the main table");
        }
        run(flopcast(&[]).args(&args).args(["--format", "csv", "--table", "no such"]))
            .refused(2, tables.last().unwrap());
        run(flopcast(&[]).args(&args).args(["--table", tables[0]])).refused(2, "--format csv");
    }
}

#[cfg(feature = "gpu")]
#[test]
fn every_verb_on_an_adapter_prints_every_format_and_its_json_is_valid() {
    let case = "--suite smoke --shapes 32x32x32 --kernels naive --no-cache";
    support::on_adapter(|_| {
        for (args, schema, table) in [
            ("devices".to_string(), "devices", "adapters"),
            ("doctor --no-cache".into(), "doctor", "figures"),
            (format!("measure {case}"), "rows", "setups"),
            (format!("measure {case} --setups 2"), "rows", "setups"),
            ("measure --suite portability --shapes 32x32x32 --time-budget 3s".into(), "portability", "pairs"),
            ("ab naive naive+zero_fill --shape 32x32x32 --time-budget 1s".into(), "ab", "sides"),
            ("tune --time-budget 2s --kernels naive --shapes 32x32x32 --no-cache".into(), "tuning", "dropped"),
            ("tune --best-shape --time-budget 4s --kernels register_direct --no-cache".into(), "best-shape", "winner"),
            ("self-test".into(), "self-test", "mutants"),
            (
                format!("run --time-budget 3s --no-cache --out {}/OUT", folder("formats-run").display()),
                "run",
                "quantities",
            ),
        ] {
            let words = |more: &str, out: &str| {
                let args = args.replace("OUT", out);
                run(flopcast(&[]).args(args.split(' ')).args(more.split(' ')))
            };
            // Rounds of a second may decide nothing, or be too few for a figure: it is said in every format alike.
            let json = words("--format json", "json").json();
            let validator = jsonschema::validator_for(&run(&mut flopcast(&["schema", schema])).json()).unwrap();
            let wrong: Vec<String> =
                validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).take(3).collect();
            assert!(wrong.is_empty(), "{args}: {wrong:?}");
            // Beside each other: most of them wait for their budget, and what they print is looked at, not how quick it was.
            let printed = |more: &str, out: &str| {
                let ended = words(more, out);
                // A budget so short can be too short for anything, which is an error and nothing to print.
                let good = matches!(ended.code, Some(0 | 10 | 11)) && !ended.stdout.is_empty();
                assert!(good || ended.code == Some(1) && !ended.stderr.contains(support::CRASH), "{more}: {ended:#?}");
                ended.stdout
            };
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let text = printed("--format csv", "csv");
                    assert!(check_csv(&text, &args) > 0 || text.is_empty(), "{args}: no row");
                });
                scope.spawn(|| check_csv(&printed(&format!("--format csv --table {table}"), "table"), &args));
                check_markdown(&printed("--format markdown", "markdown"), &args);
            });
        }
    });
}

#[cfg(feature = "gpu")]
#[test]
fn the_json_of_the_smoke_gate_is_valid_by_its_schema() {
    support::on_adapter(|_| {
        let json = run(&mut flopcast(&["smoke", "--no-progress", "--format", "json"])).json();
        let validator = jsonschema::validator_for(&run(&mut flopcast(&["schema", "smoke"])).json()).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&json).map(|e| e.to_string()).take(3).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let mut cut = json;
        cut.as_object_mut().unwrap().remove("tests");
        assert!(!validator.is_valid(&cut), "a gate without its tests passes");
    });
}

#[test]
fn a_foreign_name_commands_no_terminal_in_any_format_and_json_loses_nothing_of_it() {
    let file = folder("formats-foreign").join("record.jsonl");
    let text = std::fs::read_to_string(support::record()).unwrap();
    let name = text.split_once("\"adapter\":{\"name\":\"").and_then(|(_, rest)| rest.split('"').next()).unwrap();
    let foreign = format!("\u{202e}{name}\u{9b}2J");
    std::fs::write(&file, text.replace(&format!("\"name\":\"{name}\""), &format!("\"name\":\"{foreign}\""))).unwrap();
    let unseen = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    for format in ["text", "markdown", "csv", "json"] {
        let ended = run(flopcast(&["measure", "--format", format, "--replay"]).arg(&file));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(!ended.stdout.contains(unseen), "{format}: {ended:#?}");
        if format == "json" {
            assert_eq!(ended.json()["adapters"][0]["name"], foreign.as_str(), "{ended:#?}");
        }
    }
}

#[test]
fn metrics_of_a_record_end_in_eof_and_say_what_they_were_measured_on() {
    let record = support::record().display().to_string();
    let text = run(&mut flopcast(&["measure", "--replay", &record, "--format", "openmetrics"])).stdout;
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
    for part in [
        "# TYPE flopcast_matmul_flops_per_second gauge\n",
        "# UNIT flopcast_matmul_seconds seconds\n",
        "# TYPE flopcast_build_info gauge\n",
        "flopcast_build_info{version=\"",
        "backend=\"vulkan\"",
        "bounds_checks=\"false\",zero_fill=\"false\",data=\"normal\"} ",
        "flopcast_adapter_info{adapter=\"",
        "verdict=\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // The textfile collector reads the older text format and refuses a file with a type that is not of it.
    let types: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE ")).collect();
    assert!(types.len() > 8 && types.iter().all(|l| l.ends_with(" gauge")), "{types:?}");
    for args in [&["compare", &record, &record][..], &["measure", "--replay", &record]] {
        let ended = run(flopcast(args).args(["--format", "openmetrics"]));
        assert!(ended.stdout.ends_with("# EOF\n"), "{ended:#?}");
    }
    let folder = folder("metrics");
    let file = folder.join("flopcast.prom");
    std::fs::write(&file, "old").unwrap();
    let ended = run(flopcast(&["measure", "--replay", &record, "--out-metrics"]).arg(&file));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "the same as on stdout");
    run(flopcast(&["measure", "--replay", "/not/there", "--out-metrics"]).arg(&file)).refused(2, "/not/there");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "left as it was");
    run(flopcast(&["compare", &record, &record, "--out-metrics"]).arg(&folder)).refused(2, "name of a file");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    run(&mut flopcast(&["catalog", "jobs", "--format", "openmetrics"])).refused(2, "openmetrics");
}

#[test]
fn colour_follows_flag_then_variables_then_terminal_and_takes_no_word_away() {
    let record = support::record().display().to_string();
    let args = ["measure", "--replay", &record];
    let plain = run(&mut flopcast(&args)).stdout;
    assert!(!plain.contains('\u{1b}'), "stdout is no terminal here");
    let colour = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = flopcast(&args);
        command.args(more).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.iter().copied());
        run(&mut command).stdout
    };
    for (more, variables, wanted) in [
        (&["--color", "always"][..], &[][..], true),
        (&["--color=always"], &[("NO_COLOR", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
        (&["--color", "auto"], &[], false),
    ] {
        let text = colour(more, variables);
        assert_eq!(text.contains('\u{1b}'), wanted, "{more:?} {variables:?}");
        let codes = ["\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1;31m", "\u{1b}[0m"];
        assert_eq!(codes.iter().fold(text, |text, code| text.replace(code, "")), plain);
    }
    let error = run(&mut flopcast(&["--color", "always", "catalog", "nothing"])).stderr;
    assert!(error.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{error:?}");
    let json = colour(&["--color", "always", "--format", "json"], &[]);
    assert!(!json.contains('\u{1b}'), "colour is for people");
}

#[test]
fn flags_for_all_verbs_stand_anywhere_and_those_of_the_main_job_before_no_verb() {
    for args in [&["--quiet", "catalog", "jobs"][..], &["catalog", "jobs", "--quiet"], &["catalog", "-q", "jobs"]] {
        assert_eq!(run(&mut flopcast(args)).code, Some(0), "{args:?}");
    }
    let quiet = run(&mut flopcast(&["cache", "show", "--quiet"]));
    assert_eq!((quiet.code, quiet.stderr.as_str()), (Some(0), ""), "{quiet:#?}");
    assert!(!run(&mut flopcast(&["cache", "show"])).stderr.is_empty());
    run(&mut flopcast(&["--quiet", "catalog", "nothing"])).refused(2, "nothing");
    #[cfg(feature = "gpu")]
    run(&mut flopcast(&["--out", "x", "catalog", "jobs"])).refused(2, "`--out` stands before `catalog`");
    run(&mut flopcast(&["--color", "sometimes", "catalog", "jobs"])).refused(2, "sometimes");
}

/// Verbs that print no table: files, scripts and pages.
const NO_DATA: [&str; 7] = ["cache", "path", "clear", "new", "schema", "completions", "man"];

fn each(command: &Command, path: &str, see: &mut dyn FnMut(&Command, &str)) {
    for verb in command.get_subcommands() {
        let path = format!("{path} {}", verb.get_name());
        see(verb, &path);
        each(verb, &path, see);
    }
}

#[test]
fn every_help_has_its_exit_codes_and_two_examples_and_every_data_verb_its_formats() {
    let mut seen = 0;
    each(&flopcast::cli::command(), "flopcast", &mut |verb, path| {
        seen += 1;
        let help = verb.clone().render_long_help().to_string();
        let joined = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(joined.contains("Exit codes: 0 "), "{path}: {help}");
        let examples = help.split_once("Examples:").map_or("", |(_, after)| after);
        let (name, main_job) = (path.trim_start_matches("flopcast "), path == "flopcast run");
        let count = examples.lines().filter(|line| line.contains(&format!("flopcast {name}"))).count();
        assert!(count >= if main_job { 1 } else { 2 } && examples.lines().count() >= 3, "{path}: {examples}");
        let format = verb.get_arguments().find(|arg| arg.get_id() == "format");
        assert_eq!(format.is_some(), !NO_DATA.contains(&verb.get_name()) && verb.get_name() != "report", "{path}");
        let offered: Vec<String> =
            format.map_or(Vec::new(), |f| f.get_possible_values().iter().map(|v| v.get_name().to_string()).collect());
        for wanted in ["text", "json", "csv", "markdown"] {
            assert!(format.is_none() || offered.iter().any(|o| o == wanted), "{path} has no {wanted}");
        }
    });
    assert!(seen > 20, "{seen} verbs");
}

#[test]
fn completions_and_manual_pages_are_whole() {
    let script = run(&mut flopcast(&["completions", "bash"])).stdout;
    let file = folder("completions").join("flopcast.bash");
    std::fs::write(&file, &script).unwrap();
    // Where there is no bash there is nothing to hold it against.
    if let Ok(checked) = std::process::Command::new("bash").arg("-n").arg(&file).output() {
        assert!(checked.status.success(), "{checked:?}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&mut flopcast(&["completions", shell])).stdout;
        each(&flopcast::cli::command(), "flopcast", &mut |verb, path| {
            assert!(script.contains(verb.get_name()), "{shell} does not know {path}");
        });
    }
    let pages = folder("man");
    assert_eq!(run(flopcast(&["man", "--out"]).arg(&pages)).code, Some(0));
    each(&flopcast::cli::command(), "flopcast", &mut |_, path| {
        let page = pages.join(format!("{}.1", path.replace(' ', "-")));
        let text = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
        assert!(text.contains(".TH ") && text.contains("Exit codes"), "{path}");
    });
    run(&mut flopcast(&["man", "no-such-verb"])).refused(2, "no-such-verb");
    run(&mut flopcast(&["completions", "cmd"])).refused(2, "cmd");
}
