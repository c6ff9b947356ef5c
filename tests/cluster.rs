//! The cluster model through the binary: what cannot be is refused with field and reason, what can be has its shape.
#![cfg(feature = "cli")]

mod support;

use std::fmt::Write as _;
use support::{flopcast, folder, run};

/// A scenario with a line of its own, as a file.
fn scenario(name: &str, change: &str) -> std::path::PathBuf {
    let file = folder(&format!("cluster-{name}")).join("mine.toml");
    let text = format!(
        "[provenance]\nsource='flopcast'\ndate='2026'\ntier='assumed'\n[scenario.x]\ntitle='x'\n\
         cluster='xai-12k-h100'\njob='grok-1'\nformat='bf16'\ntokens={{value=1,unit='Ttoken'}}\n\
         sequence={{value=8192,unit='token'}}\nbatch={{value=24.576,unit='Mtoken'}}\n\
         checkpoint={{value=30,unit='s'}}\nrestart={{value=300,unit='s'}}\n{change}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_layout_that_cannot_run_is_refused_with_its_field() {
    let layout = |tensor: u32, pipeline: u32, data: u32, expert: u32| {
        format!(
            "layout={{tensor={tensor},pipeline={pipeline},data={data},expert={expert},micro_batch=1,recompute='none'}}"
        )
    };
    for (name, change, part) in [
        ("count", layout(8, 4, 300, 8), "takes 9600 accelerators, not 12000"),
        ("heads", layout(5, 8, 300, 4), "`tensor`: 5 does not divide the 48 heads"),
        ("stages", layout(8, 75, 20, 8), "75 stages of 1 parts for 64 layers"),
        ("experts", layout(8, 4, 375, 3), "`expert`: 3 does not divide the 8 experts"),
        ("batch", layout(1, 1, 12_000, 8), "12000 sequences at once, but the batch has 3000"),
        ("nothing", "accelerators={value=0,unit='accelerator'}".into(), "`scenario.x.accelerators`: 0"),
        ("endless", "accelerators={value=1e9,unit='accelerator'}".into(), "beyond"),
        ("nan", "accelerators={value=nan,unit='accelerator'}".into(), "finite"),
        ("few", "accelerators={value=8,unit='accelerator'}".into(), "no layout fits"),
        (
            "negative",
            "[node.n]\ntitle='n'\naccelerators={value=8,unit='accelerator'}\n\
             scale_up_domain={value=8,unit='accelerator'}\nscale_out={value=-50,unit='GB/s'}"
                .into(),
            "`node.n.scale_out`: -50 GB/s is negative",
        ),
    ] {
        run(flopcast(&["project", "--scenario"]).arg(scenario(name, &change))).refused(2, part);
    }
}

#[test]
fn a_search_that_cannot_be_is_refused_and_a_model_that_fits_nowhere_says_what_it_lacks() {
    let search = |args: &[&str]| run(flopcast(&["search"]).args(args));
    search(&["--accelerator", "a100", "--count", "0", "--job", "grok-1"]).refused(2, "`--count` 0");
    search(&["--accelerator", "a100", "--count", "1000000000", "--job", "grok-1"]).refused(2, "`--count` 1000000000");
    search(&["--accelerator", "a100", "--count", "-4", "--job", "grok-1"]).refused(2, "-4");
    search(&["--accelerator", "z80", "--count", "8", "--job", "grok-1"]).refused(2, "unknown accelerator `z80`");
    search(&["--cluster", "eagle", "--job", "grok-1", "--max-tp", "0"]).refused(2, "--max-tp");
    search(&["--cluster", "eagle", "--job", "grok-1", "--batch", "0"]).refused(2, "`--sequence` and `--batch`");
    let nowhere = search(&["--accelerator", "a100", "--count", "8", "--job", "llama-3-405b"]);
    nowhere.refused(2, "GB state");
    assert!(nowhere.stderr.contains("needs") && nowhere.stderr.contains("accelerators it fits"), "{nowhere:#?}");
}

#[test]
fn a_search_has_its_shape_and_counts_what_was_looked_at() {
    let ended = run(&mut flopcast(&[
        "search",
        "--accelerator",
        "h100",
        "--count",
        "64",
        "--job",
        "llama-3-8b",
        "--common",
        "--format",
        "json",
    ]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let found = ended.json();
    for key in ["strategies", "feasible", "skipped_by_bound", "seconds", "threads", "strategies_per_s"] {
        assert!(found[key].is_number(), "{key}: {found}");
    }
    assert!(found["strategies"].as_u64() > found["feasible"].as_u64());
    let (rate, counted) = (found["strategies_per_s"].as_f64().unwrap(), found["strategies"].as_f64().unwrap());
    assert!((rate * found["seconds"].as_f64().unwrap() / counted - 1.0).abs() < 1e-6);
    for choice in [&found["best"], &found["robust"]] {
        assert!(choice["layout"]["tensor"].is_number(), "{choice}");
        for quantity in ["step_time", "mfu", "tokens_per_s", "memory", "memory_slack", "energy"] {
            let q = &choice["quantities"][quantity];
            assert!(q["p5"].as_f64() <= q["value"].as_f64() && q["unit"].is_string(), "{quantity}: {choice}");
        }
    }
    assert!(found["robust"]["regret"].as_f64().unwrap() >= 0.0);
    for one in found["pareto"].as_array().unwrap() {
        assert!(one["slack_bytes"].as_f64().unwrap() >= 0.0 && one["energy_j"].as_f64().unwrap() > 0.0, "{one}");
    }
}

#[test]
fn a_table_of_runs_is_read_however_long_and_a_bad_one_is_refused() {
    let folder = folder("cluster-table");
    let file = folder.join("runs.csv");
    let head = "id,accelerator,n_accel,seq_len,global_batch,layers,hidden,heads,tp,pp,dp,micro_batch,step_time_s\n";
    std::fs::write(&file, head.replace("accelerator,", "")).unwrap();
    run(flopcast(&["validate", "--data"]).arg(&file)).refused(2, "no column `accelerator`");
    run(flopcast(&["validate", "--data"]).arg(&folder)).refused(2, "folder");
    run(&mut flopcast(&["validate", "--data", "/not/there.csv"])).refused(2, "/not/there.csv");
    // Ten thousand rows are five chunks; what holds for them holds for a million. Every fourth is none.
    let mut text = head.to_string();
    for row in 0..10_000 {
        let layers = ["nan", "8", "16", "24"][row % 4];
        writeln!(text, "r{row},H100,8,2048,{},{layers},1024,16,1,1,8,1,0.5", 8 + row % 64 * 8).unwrap();
    }
    std::fs::write(&file, text).unwrap();
    let ended = run(flopcast(&["validate", "--no-rows", "--format", "json", "--data"]).arg(&file));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let figures = ended.json();
    assert_eq!((&figures["summary"]["n"], &figures["summary"]["refused"]), (&7_500.into(), &2_500.into()));
    assert!(figures.get("rows").is_none());
}

#[test]
fn a_figure_that_is_worse_than_the_committed_one_ends_in_10_and_is_named() {
    let file = folder("cluster-baseline").join("baseline.json");
    let own = run(&mut flopcast(&["validate", "--no-rows", "--format", "json"]));
    std::fs::write(&file, &own.stdout).unwrap();
    let same = run(flopcast(&["validate", "--baseline"]).arg(&file));
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    let mut better = own.json();
    better["summary"]["mape"] = 0.001.into();
    std::fs::write(&file, better.to_string()).unwrap();
    let worse = run(flopcast(&["validate", "--baseline"]).arg(&file));
    assert_eq!(worse.code, Some(10), "{}", worse.stderr);
    assert!(worse.stderr.contains("regressed: `summary.mape`"), "{}", worse.stderr);
    std::fs::write(&file, "{}").unwrap();
    run(flopcast(&["validate", "--baseline"]).arg(&file)).refused(2, "missing field `summary`");
}

#[test]
fn linpack_is_held_against_the_published_runs() {
    let ended = run(&mut flopcast(&["matmul", "--top500", "--format", "json"]));
    let rows = ended.json()["rows"].as_array().unwrap().clone();
    assert!(rows.len() >= 10 && rows.iter().all(|r| r["error"].is_number() && r["tier"].is_string()));
    run(&mut flopcast(&["matmul"])).refused(2, "--cluster");
    run(&mut flopcast(&["matmul", "--cluster", "eagl"])).refused(2, "unknown cluster `eagl`");
}

#[test]
fn what_contradicts_itself_is_refused_with_file_field_and_arithmetic() {
    for (name, change, part) in [
        ("cap", "site={power_cap={value=5,unit='kW'}}", "switch on no box: one needs"),
        ("spares", "operations={spares={value=12000,unit='accelerator'}}", "`operations.spares`: 12000 of 12000"),
        ("source", "failure_rate={value=3,unit='1/(1000 node day)',source='hearsay'}", "unknown source `hearsay`"),
        ("tier", "failure_rate={value=3,unit='1/(1000 node day)',tier='guessed'}", "guessed"),
        ("half", "layout=4", "`scenario.x.layout`"),
    ] {
        let file = scenario(&format!("contradiction-{name}"), change);
        let ended = run(flopcast(&["project", "--scenario"]).arg(&file));
        ended.refused(2, part);
    }
    // A checkpoint longer than the time between failures, by the same file with another checkpoint.
    let file = scenario("no-progress", "");
    let text = std::fs::read_to_string(&file).unwrap().replace("checkpoint={value=30", "checkpoint={value=90000");
    std::fs::write(&file, text).unwrap();
    run(flopcast(&["project", "--scenario"]).arg(&file)).refused(2, "no progress: it takes 90000 s");
}

#[test]
fn no_number_of_a_file_ends_in_a_panic_through_the_binary_either() {
    let file = scenario("numbers", "failure_rate={value=3.5,unit='1/(1000 node day)',low=2,high=7}");
    let text = std::fs::read_to_string(&file).unwrap();
    let fields = ["value=1,", "value=8192", "value=24.576", "value=30,", "value=300", "value=3.5", "low=2", "high=7"];
    for field in fields {
        assert!(text.contains(field), "{field}: {text}");
        for number in ["0", "-1", "nan", "1e300"] {
            let name = field.split('=').next().unwrap();
            let end = if field.ends_with(',') { "," } else { "" };
            std::fs::write(&file, text.replacen(field, &format!("{name}={number}{end}"), 1)).unwrap();
            let ended = run(flopcast(&["project", "--format", "json", "--scenario"]).arg(&file));
            // Nothing may happen at once, at no cost: zeros are taken where they can be.
            if ended.code == Some(0) {
                assert_eq!(number, "0", "{field} as {number} was taken");
                continue;
            }
            ended.refused(2, "`");
            assert!(ended.stderr.contains("mine.toml") || ended.stderr.contains("scenario"), "{field} as {number}");
        }
    }
}

#[test]
fn a_measured_fabric_stands_for_the_prior_and_says_where_it_comes_from() {
    let folder = folder("cluster-fabric");
    let file = folder.join("lab.csv");
    let new = run(flopcast(&["new", "fabric", "lab", "--out"]).arg(&file));
    assert_eq!(new.code, Some(0), "{new:#?}");
    run(flopcast(&["new", "fabric", "lab", "--out"]).arg(&file)).refused(2, "cannot be written");
    let step = |with: &[&std::path::Path]| {
        let mut command = flopcast(&["project", "--scenario", "xai-12k-h100-redirected", "--format", "json"]);
        for file in with {
            command.arg("--fabric").arg(file);
        }
        let ended = run(&mut command);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended.json()
    };
    // The same fabric, ten times slower: the forecast follows it, and names it.
    let text = std::fs::read_to_string(&file).unwrap();
    let slow: String = text
        .lines()
        .map(|line| match line.rsplit_once(',') {
            Some((head, seconds)) if seconds.parse::<f64>().is_ok() => {
                format!("{head},{}\n", 10.0 * seconds.parse::<f64>().unwrap())
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let slower = folder.join("slow.csv");
    std::fs::write(&slower, slow).unwrap();
    let (prior, as_is, late) = (step(&[]), step(&[&file]), step(&[&slower]));
    let seconds = |p: &serde_json::Value| p["quantities"]["step_time"]["value"].as_f64().unwrap();
    assert!((seconds(&as_is) / seconds(&prior) - 1.0).abs() < 0.15, "{} {}", seconds(&as_is), seconds(&prior));
    assert!(seconds(&late) > 1.2 * seconds(&as_is), "{} {}", seconds(&late), seconds(&as_is));
    assert!(late["warnings"].to_string().contains("slow.csv"), "{}", late["warnings"]);
    let tree =
        run(flopcast(&["explain", "step_time", "--scenario", "xai-12k-h100-redirected", "--fabric"]).arg(&slower));
    assert!(tree.stdout.contains("fabric.measured") && tree.stdout.contains("slow.csv"), "{}", tree.stdout);
    // As a field of a scenario, beside its file.
    let own = scenario("fabric-own", "measured_fabric=['lab.csv']");
    std::fs::copy(&slower, own.with_file_name("lab.csv")).unwrap();
    let ended = run(flopcast(&["project", "--format", "json", "--scenario"]).arg(&own));
    assert!(ended.json()["warnings"].to_string().contains("lab.csv"), "{ended:#?}");
    run(flopcast(&["project", "--what-if", "nic=2x", "--scenario"]).arg(&own)).refused(2, "the fabric was measured");
    std::fs::remove_file(own.with_file_name("lab.csv")).unwrap();
    run(flopcast(&["project", "--scenario"]).arg(&own)).refused(2, "`scenario.x.measured_fabric`");
    // Rows that cannot be.
    std::fs::write(&file, "op,ranks,bytes,seconds\nall_reduce,8,1e9,-1\n").unwrap();
    for verb in [
        &["project"][..],
        &["scale"],
        &["explain", "mfu"],
        &["search", "--accelerator", "h100", "--count", "64", "--job", "llama-3-8b"],
    ] {
        run(flopcast(verb).arg("--fabric").arg(&file)).refused(2, "lab.csv`:2: `seconds`: -1");
    }
    run(&mut flopcast(&["project", "--fabric", "/not/there.csv"])).refused(2, "/not/there.csv");
}

#[test]
fn rules_come_from_flags_and_a_file_and_what_is_no_rule_is_refused_with_its_line() {
    let file = folder("cluster-rules").join("rules.toml");
    let search = |args: &[&str]| {
        let base = ["search", "--accelerator", "h100", "--count", "64", "--job", "llama-3-8b", "--format", "json"];
        run(flopcast(&base).args(args).arg("--rules").arg(&file))
    };
    std::fs::write(&file, "max-tp = 2\nzero = 3\nrecompute = 'full'\nno-offload = true\n").unwrap();
    let found = search(&["--max-tp", "1"]).json();
    for one in found["pareto"].as_array().unwrap() {
        let l = &one["layout"];
        assert!(l["tensor"] == 1 && l["zero"] == 3 && l["recompute"] == "full" && l["offload"] == "none", "{l}");
    }
    for (text, part) in [
        ("common = true\nmax_tp = 2\n", "rules.toml`:2: unknown field `max_tp`"),
        ("max-tp = 0\n", "`max-tp`: 0"),
        ("zero = 9\n", "`zero`: not from 0 to 3"),
        ("max-tp = -1\n", "rules.toml`:1:"),
        ("recompute = 'some'\n", "unknown variant `some`"),
        ("max-tp = ", "rules.toml`:1:"),
    ] {
        std::fs::write(&file, text).unwrap();
        search(&[]).refused(2, part);
    }
    let base = ["search", "--accelerator", "h100", "--count", "64", "--job", "llama-3-8b"];
    run(flopcast(&base).args(["--rules", "/not/there.toml"])).refused(2, "/not/there.toml");
    run(flopcast(&base).args(["--restart", "0s"])).refused(2, "`--restart`: 0 s");
    run(flopcast(&base).args(["--restart", "5"])).refused(2, "`--restart`");
    run(&mut flopcast(&[
        "search",
        "--accelerator",
        "mi300a",
        "--count",
        "64",
        "--job",
        "llama-3-8b",
        "--objective",
        "cost",
    ]))
    .refused(2, "`--objective cost`: no price is known");
}

#[cfg(unix)]
#[test]
fn a_search_that_is_interrupted_prints_the_best_so_far_and_ends_in_130() {
    use std::process::{Command, Stdio};
    // Minutes of work on one thread of a debug build.
    let args = ["--job", "gpt-oss-120b", "--objective", "days", "--threads", "1", "--format", "json"];
    let mut command = flopcast(&["search", "--cluster", "xai-300k-b200"]);
    let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    std::thread::sleep(std::time::Duration::from_secs(4));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["complete"], false);
    assert!(found["looked_at"].as_f64().unwrap() < 1.0 && found["strategies"].as_u64().unwrap() > 0);
    assert!(found["warnings"].to_string().contains("NOT COMPLETE"), "{}", found["warnings"]);
    assert!(stderr.contains("error: interrupted"), "{stderr}");
}
