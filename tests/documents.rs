//! What documents show of the program is what it says today. Between `<!-- begin: COMMAND -->` and `<!-- end -->` stands what
//! COMMAND makes: `flopcast …`, run as it stands, or `table …`, made from the library's own types. `make docs` writes them
//! anew; otherwise a difference fails.
#![cfg(all(feature = "cli", feature = "gpu"))]

mod support;

use flopcast::kernel::{Class, Family, Kernel, Precision};
use flopcast::measure::record::Verdict;
use flopcast::project::scaling::{Mode, Range, scaling};
use flopcast::project::schema::{Kind, schema};
use flopcast::project::{Catalog, Transfer};
use flopcast::provenance::Tier;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use support::{flopcast, folder, run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Every document of the project but the generated scenario pages, which have a test of their own.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["", "docs", "ci", "shaders", "data", "benches/peers"] {
        let entries = std::fs::read_dir(Path::new(ROOT).join(folder)).expect("a folder of the package");
        found.extend(entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "md")));
    }
    found.sort();
    found
}

/// A Markdown table.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.iter().map(ToString::to_string).collect::<Vec<_>>());
    text += &format!("|{}\n", "---|".repeat(head.len()));
    for row in rows {
        text += &line(&row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect::<Vec<_>>());
    }
    text
}

/// The values of an enum and what their docs say, out of its JSON Schema.
fn described<T: schemars::JsonSchema>() -> Vec<Vec<String>> {
    let schema = schemars::schema_for!(T).to_value();
    let each = schema["oneOf"].as_array().expect("a value each").iter();
    each.map(|one| {
        let text = |key: &str| one[key].as_str().unwrap_or_else(|| panic!("{key}: {one}")).to_string();
        vec![format!("`{}`", text("const")), text("description")]
    })
    .collect()
}

fn kernels() -> String {
    let gpu = Class::default();
    let cpu = Class { software: true, subgroup: Some(8), ..Class::default() };
    let rows = Family::ALL.into_iter().map(|family| {
        let first = family.precisions()[0];
        let tiling = |class: Class| format!("`{}`", family.default_tiling(class, first));
        let (few, many) = (tiling(cpu), tiling(Class { many_registers: true, ..cpu }));
        let kernel = Kernel::compose(family, family.default_tiling(gpu, first), first).expect("it composes");
        let needs = kernel.needs();
        let mut lacks: Vec<String> = needs.features.iter().map(|f| format!("`{f}`")).collect();
        lacks.extend(needs.software.then(|| "a CPU-type adapter".to_string()));
        vec![
            format!("`{}`", family.name()),
            family.precisions().iter().map(Precision::to_string).collect::<Vec<_>>().join(" "),
            family.tilings().len().to_string(),
            tiling(gpu),
            if few == many { few } else { format!("{few}, with AVX-512 {many}") },
            if lacks.is_empty() { "–".into() } else { lacks.join(", ") },
        ]
    });
    table(
        &["kernel", "precisions", "tilings", "default, GPU", "default, CPU-type", "needs, in its first precision"],
        rows,
    )
}

fn catalogue() -> String {
    let c = Catalog::built_in().expect("the catalogue");
    let counts = [
        ("accelerators", c.accelerators.len()),
        ("nodes", c.nodes.len()),
        ("fabrics", c.fabrics.len()),
        ("clusters", c.clusters.len()),
        ("jobs", c.jobs.len()),
        ("scenarios", c.scenarios.len()),
        ("comparisons", c.comparisons.len()),
        ("sites", c.sites.len()),
        ("prices", c.prices.len()),
        ("linpacks", c.linpacks.len()),
        ("sources", c.sources.len()),
    ];
    table(&["`flopcast catalog …`", "entries"], counts.map(|(name, n)| vec![format!("`{name}`"), n.to_string()]))
}

fn schemas() -> String {
    let rows = Kind::ALL.map(|(kind, name)| {
        let found = schema(kind);
        let found = serde_json::to_value(&found).expect("a schema is JSON");
        let title = found["title"].as_str().unwrap_or("–").to_string();
        vec![format!("`{name}`"), title, format!("[data/schema](../data/schema/flopcast.{name}.schema.json)")]
    });
    table(&["`flopcast schema …`", "title", "file"], rows)
}

fn validation() -> String {
    let read = |name: &str| -> Value {
        let text =
            std::fs::read_to_string(Path::new(ROOT).join("data/validation").join(name)).expect("it is committed");
        serde_json::from_str(&text).expect("it is JSON")
    };
    let (own, out) = (read("baseline.json"), read("left_out.json"));
    let factor = |log: &Value| format!("{:.3}", log.as_f64().expect("a number").exp());
    let share = |share: &Value| format!("{:.1} %", 100.0 * share.as_f64().expect("a number"));
    let row = |what: &str, s: &Value| {
        vec![
            what.into(),
            s["n"].to_string(),
            factor(&s["median_abs_log"]),
            factor(&s["p90_abs_log"]),
            share(&s["coverage90"]),
        ]
    };
    let mut rows = vec![row("all, in sample", &own["summary"])];
    for (decade, what) in [
        ("1e0", "1 to 9 accelerators, in sample"),
        ("1e1", "10 to 99"),
        ("1e2", "100 to 999"),
        ("1e3", "1,000 to 9,999"),
        ("1e4", "10,000 and more"),
    ] {
        rows.push(row(what, &own["by"]["scale_decade"][decade]));
    }
    let all = &out["left_out"]["all"];
    let held = out["left_out_coverage90"].as_object().expect("by scale");
    let sum = |key: &str| held.values().map(|v| v[key].as_f64().expect("a count")).sum::<f64>();
    let each = |key: &str| format!("{:.3}", all[key].as_f64().expect("a factor"));
    rows.push(vec![
        "all, each source left out of the fit in turn".into(),
        all["n"].to_string(),
        each("median_factor"),
        each("p90_factor"),
        format!("{:.1} %", 100.0 * sum("inside") / sum("rows")),
    ]);
    table(&["published runs", "rows", "median factor off", "90th percentile", "in the 90 % band"], rows)
}

/// Which bound has most of the time from which count on, of the scenario that METHODOLOGY.md takes as its example.
fn takeovers() -> String {
    let range = Range { mode: Mode::Strong, from: 1, to: 1_000_000, critical_batch: None };
    let found = Catalog::built_in().and_then(|c| scaling(&c, "xai-12k-h100-redirected", range)).expect("a curve");
    let first = found.first_bound().zip(found.fits_from).expect("a count that holds the job");
    let first = vec![first.0.to_string(), first.1.to_string(), "does not fit the memory".into()];
    let rows = found.takeovers.iter().map(|t| vec![t.bound.to_string(), t.from.to_string(), t.after.to_string()]);
    table(&["most of the time", "from this count on", "at one less"], std::iter::once(first).chain(rows))
}

/// Help as a verb's author wrote it, without the terminal's line breaks.
fn long(command: &clap::Command) -> String {
    command.get_long_about().or(command.get_about()).map_or(String::new(), ToString::to_string)
}

fn verbs() -> Vec<clap::Command> {
    let mut all: Vec<_> = ::flopcast::cli::command().get_subcommands().filter(|c| !c.is_hide_set()).cloned().collect();
    all.sort_by(|a, b| a.get_name().cmp(b.get_name()));
    all
}

fn exit_codes() -> String {
    let rows = verbs().into_iter().map(|verb| {
        let text = long(&verb).replace('\n', " ");
        let (_, codes) =
            text.split_once("Exit codes: ").unwrap_or_else(|| panic!("{}: no exit codes", verb.get_name()));
        vec![format!("`{}`", verb.get_name()), codes.trim().trim_end_matches('.').to_string()]
    });
    table(&["verb", "exit codes"], rows)
}

/// Those that a verb takes as well as every other are listed once.
fn listed(command: &clap::Command, global: bool) -> Vec<Vec<String>> {
    let ours = command.get_arguments().filter(|a| !a.is_hide_set() && a.get_id() != "help" && a.get_id() != "version");
    ours.filter(|a| a.is_global_set() == global).map(argument).collect()
}

fn reference() -> String {
    let whole = ::flopcast::cli::command();
    let mut text = String::from("### every verb\n\nThese may stand before the verb or behind it.\n\n");
    text += &table(&["argument", "default", "meaning"], listed(&whole, true));
    text.push('\n');
    for verb in verbs() {
        let subs: Vec<_> = verb.get_subcommands().cloned().collect();
        let name = verb.get_name().to_string();
        text += &section(verb, &name);
        for sub in subs {
            let name = format!("{name} {}", sub.get_name());
            text += &section(sub, &name);
        }
    }
    text.trim_end().to_string() + "\n"
}

fn section(mut verb: clap::Command, name: &str) -> String {
    let usage = verb.clone().bin_name(format!("flopcast {name}")).render_usage().to_string();
    let mut text = format!(
        "### flopcast {name}\n\n{}\n\n```text\n{}\n```\n\n",
        escaped(long(&verb).trim()),
        usage.trim_start_matches("Usage: ").trim()
    );
    verb.build();
    let rows = listed(&verb, false);
    if !rows.is_empty() {
        text += &table(&["argument", "default", "meaning"], rows);
        text.push('\n');
    }
    if let Some(examples) = verb.get_after_help() {
        let lines = examples.to_string();
        let lines: Vec<_> = lines.lines().filter(|l| !l.starts_with("Examples:")).map(str::trim).collect();
        text += &format!("```sh\n{}\n```\n\n", lines.join("\n").trim());
    }
    text
}

/// A name in angle brackets would be taken for HTML.
fn escaped(text: &str) -> String {
    text.replace('<', "\\<")
}

fn argument(argument: &clap::Arg) -> Vec<String> {
    let names: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let name = match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => format!("`--{long} {}`", names.join(" ")),
        Some(long) => format!("`--{long}`"),
        None => format!("`{}`", names.join(" ")),
    };
    let default = if argument.get_action().takes_values() {
        argument.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    } else {
        String::new()
    };
    let mut help = argument.get_long_help().or(argument.get_help()).map_or(String::new(), ToString::to_string);
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        write!(help, " ({})", values.join(", ")).unwrap();
    }
    vec![name, default, escaped(&help)]
}

/// What a command makes.
fn made(command: &str) -> String {
    if let Some(what) = command.strip_prefix("table ") {
        return match what {
            "kernels" => kernels(),
            "catalogue" => catalogue(),
            "schemas" => schemas(),
            "validation" => validation(),
            "verdicts" => table(&["verdict", "meaning"], described::<Verdict>()),
            "tiers" => table(&["tier", "meaning"], described::<Tier>()),
            "takeovers" => takeovers(),
            "transfer" => table(&["carried over", "meaning"], described::<Transfer>()),
            "exit codes" => exit_codes(),
            "verbs" => reference(),
            other => panic!("unknown table `{other}`"),
        };
    }
    let (words, lines) = match command.split_once(" | head -") {
        Some((words, lines)) => (words, lines.parse().unwrap_or_else(|_| panic!("`{command}`: how many lines?"))),
        None => (command, usize::MAX),
    };
    let mut args = words.split(' ');
    assert_eq!(args.next(), Some("flopcast"), "`{command}` is neither flopcast nor a table");
    let ended = run(flopcast(&args.collect::<Vec<_>>()).current_dir(folder("documents")));
    assert_eq!(ended.code, Some(0), "`{command}`: {ended:#?}");
    let shown: Vec<_> = ended.stdout.trim_end().lines().take(lines).map(str::trim_end).collect();
    let more = if ended.stdout.trim_end().lines().count() > lines { "\n…" } else { "" };
    format!("```text\n$ {words}\n{}{more}\n```\n", shown.join("\n"))
}

/// The document with every block made anew, and how many there are.
fn renewed(text: &str, name: &str) -> (String, usize) {
    let (mut result, mut rest, mut blocks) = (String::new(), text, 0);
    while let Some((before, after)) = rest.split_once("<!-- begin: ") {
        let (command, after) = after.split_once(" -->\n").unwrap_or_else(|| panic!("{name}: a marker is not closed"));
        let (_, after) = after.split_once("<!-- end -->").unwrap_or_else(|| panic!("{name}: `{command}` has no end"));
        write!(result, "{before}<!-- begin: {command} -->\n{}<!-- end -->", made(command)).unwrap();
        (rest, blocks) = (after, blocks + 1);
    }
    (result + rest, blocks)
}

#[test]
fn what_documents_show_of_the_program_is_what_it_says_today() {
    let (mut blocks, mut stale) = (0, Vec::new());
    for path in documents() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (now, count) = renewed(&text, &name);
        blocks += count;
        if now != text && std::env::var_os("FLOPCAST_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &now).unwrap();
        } else if now != text {
            let differs = text.lines().zip(now.lines()).find(|(a, b)| a != b);
            stale.push(format!("{name}: {differs:?}"));
        }
    }
    assert!(stale.is_empty(), "out of date, `make docs` makes them anew: {stale:#?}");
    assert!(blocks >= 10, "{blocks} blocks are found");
}

/// `scripts/dependencies.sh` with a `cargo` that prints this and ends so.
#[cfg(unix)]
fn counted(name: &str, prints: &str, ends: i32) -> support::Ended {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(name);
    let cargo = folder.join("cargo");
    std::fs::write(folder.join("tree"), prints).unwrap();
    std::fs::write(&cargo, format!("#!/bin/sh\ncat '{}/tree'\nexit {ends}\n", folder.display())).unwrap();
    std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    run(std::process::Command::new(format!("{ROOT}/scripts/dependencies.sh")).env("PATH", path))
}

#[cfg(unix)]
#[test]
fn the_count_of_crates_fails_above_its_ceiling_and_where_there_is_nothing_to_count() {
    let crates = |n: usize| (0..n).map(|i| format!("crate{i} v1.0.0\ncrate{i} v1.0.0 (*)\n")).collect::<String>();
    let good = counted("crates-good", &crates(200), 0);
    assert_eq!(good.code, Some(0), "{good:#?}");
    assert!(good.stdout.starts_with("200 crates"), "{good:#?}");
    for (name, prints, ends, part) in [
        ("crates-many", crates(201), 0, "more crates than the ceiling"),
        ("crates-failed", String::new(), 101, "does not list the crates"),
        ("crates-cut", crates(3), 101, "does not list the crates"),
        ("crates-none", String::new(), 0, "does not list the crates"),
    ] {
        counted(name, &prints, ends).refused(1, part);
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut links = 0;
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|t| !t.contains("://") && !t.starts_with('#') && !t.contains(' ')) {
            let file = target.split('#').next().unwrap();
            assert!(path.parent().unwrap().join(file).exists(), "{}: `{target}`", path.display());
            links += 1;
        }
    }
    assert!(links > 20, "{links} links");
}

/// The commands of the guide's ```sh blocks; a line that ends in a backslash goes on.
fn commands(guide: &str) -> Vec<String> {
    let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_string).collect::<Vec<_>>());
    lines.map(|line| line.trim().to_string()).filter(|line| line.starts_with("flopcast ")).collect()
}

#[test]
fn every_command_of_the_guide_runs_in_its_order_and_ends_as_it_says() {
    support::on_adapter(|_| {
        let folder = folder("guide");
        std::fs::copy(Path::new(ROOT).join("examples/naive_16x16.wgsl"), folder.join("mine.wgsl")).unwrap();
        let guide = std::fs::read_to_string(Path::new(ROOT).join("docs/guide.md")).unwrap();
        let all = commands(&guide);
        assert!(all.len() >= 15, "{all:#?}");
        for line in all {
            // `# 0, 10 or 11` at the end names the exit codes that are right; else it is 0.
            let (line, codes) = line.split_once("  # exit ").unwrap_or((&line, "0"));
            let allowed: Vec<i32> = codes.split([',', ' ']).filter_map(|word| word.parse().ok()).collect();
            let (words, into) = line.split_once(" > ").map_or((line, None), |(words, file)| (words, Some(file)));
            let args: Vec<&str> = words.split_whitespace().skip(1).collect();
            let ended = run(flopcast(&args).current_dir(&folder));
            assert!(ended.code.is_some_and(|code| allowed.contains(&code)), "`{line}`: {ended:#?}");
            if let Some(file) = into {
                std::fs::write(folder.join(file.trim()), &ended.stdout).unwrap();
            }
        }
    });
}
