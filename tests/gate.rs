//! `doctor`, `smoke` and `ab` as a script sees them; a software adapter is enough. Without any adapter the tests
//! that need one say so and pass, unless FLOPCAST_REQUIRE_ADAPTER=1.
#![cfg(all(feature = "cli", feature = "gpu"))]

mod support;

use flopcast::gpu::GpuExecutor;
use flopcast::kernel::Precision;
use flopcast::measure::Executor;
use flopcast::measure::kept::{self, Bounds, Kept};
use flopcast::measure::physics::{Bound, Limit};
use flopcast::measure::probe::{ProbeRecord, wire as probe_wire};
use std::path::Path;
use std::process::Command;
use support::{flopcast, folder, on_adapter, run};

/// Without any adapter, whatever the machine has.
fn blind(args: &[&str]) -> Command {
    let mut command = flopcast(args);
    command.env("WGPU_BACKEND", "metal");
    command
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

const KERNEL: &str = include_str!("../examples/naive_16x16.wgsl");

#[test]
fn a_machine_without_an_adapter_is_exit_3() {
    for args in [&["doctor"][..], &["smoke"], &["ab", "naive", "register_tiled"]] {
        run(&mut blind(args)).refused(3, "no usable adapter");
    }
}

#[test]
fn the_doctor_grades_every_check_and_lists_limits_and_features() {
    on_adapter(|_| {
        let ended = run(&mut flopcast(&["doctor", "--format", "json"]));
        let found = ended.json();
        assert_eq!(found["schema"], "flopcast.doctor/1");
        let fit = found["grade"] != "unfit";
        assert_eq!(ended.code, Some(if fit { 0 } else { 1 }), "{ended:#?}");
        let checks: Vec<&str> =
            found["checks"].as_array().unwrap().iter().map(|c| c["check"].as_str().unwrap()).collect();
        for check in [
            "proof",
            "host-clock",
            "clocks",
            "submission-floor",
            "dispatch-floor",
            "read-back-floor",
            "upload-rate",
            "shortest-kernel",
            "host-spread",
            "zeros",
            "constants",
            "other-processes",
            "watchdog",
        ] {
            assert!(checks.contains(&check), "{check}: {checks:?}");
        }
        assert!(found["limits"]["maxBufferSize"].as_u64().unwrap() > 0);
        let text = run(&mut flopcast(&["doctor"]));
        let last = text.stdout.trim_end().lines().last().unwrap();
        // Graded anew: the machine may be busier or quieter than a moment ago.
        let words = if text.code == Some(0) { "fit to measure" } else { "UNFIT to measure" };
        assert!(last.starts_with(words), "{text:#?}");
    });
}

#[test]
fn smoke_proves_everything_and_ends_in_the_plain_line() {
    on_adapter(|_| {
        let folder = folder("smoke");
        let ended = run(flopcast(&["smoke", "--junit", "smoke.xml", "--write-baseline", "base.toml", "--no-progress"])
            .current_dir(&folder)
            .env("GITHUB_STEP_SUMMARY", folder.join("summary.md")));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let last = ended.stdout.lines().last().unwrap().to_string();
        let words: Vec<&str> = last.split(' ').collect();
        assert!(matches!(words[..], [_, "passed,", "0", "failed,", _, "skipped"]), "{last}");
        assert!(words[0].parse::<u32>().unwrap() >= 100, "{last}");
        let xml = std::fs::read_to_string(folder.join("smoke.xml")).unwrap();
        assert!(xml.contains("failures=\"0\"") && xml.contains("<testcase"), "{xml}");
        let summary = std::fs::read_to_string(folder.join("summary.md")).unwrap();
        assert!(summary.contains(&last) && summary.starts_with("### flopcast smoke: passed"), "{summary}");
        // What it wrote reads back, and a field it does not know is refused by its name.
        let base = std::fs::read_to_string(folder.join("base.toml")).unwrap();
        assert!(base.contains("flopcast.smoke-baseline/1") && base.contains("naive"), "{base}");
        write(&folder, "bad.toml", &base.replace("threads", "cores"));
        run(flopcast(&["smoke", "--baseline", "bad.toml"]).current_dir(&folder)).refused(2, "cores");
        // Held against a run in which one kernel had a quarter of the time, it fails, or says why it cannot tell.
        let quicker = |line: &str| match line.split_once(" = [") {
            Some((kernel, ratio)) if kernel.starts_with("\"register_tiled") && kernel.ends_with("/f32\"") => {
                format!("{kernel} = [{}]", 0.25 * ratio.trim_end_matches(']').parse::<f64>().unwrap())
            }
            _ => line.to_string(),
        };
        let quick = base.lines().map(quicker).collect::<Vec<_>>().join("\n");
        assert_ne!(quick.trim(), base.trim());
        write(&folder, "quick.toml", &quick);
        let slower = run(flopcast(&["smoke", "--baseline", "quick.toml", "--no-progress"]).current_dir(&folder));
        let failed = |line: &str| line.starts_with("FAILED") && line.contains("relative");
        let tiled = |line: &str| failed(line) && line.contains("register_tiled") && line.contains("/f32");
        let told = slower.stdout.contains("not to be told");
        assert!(slower.stdout.lines().any(tiled) || told, "{slower:#?}");
        assert_eq!(slower.code, Some(i32::from(slower.stdout.lines().any(failed))), "{slower:#?}");
        assert!(slower.code == Some(0) || slower.stderr.contains(" failed; first `"), "{slower:#?}");
    });
}

#[test]
fn ab_judges_records_and_replays() {
    on_adapter(|_| {
        let folder = folder("ab");
        let args = ["ab", "naive", "register_direct", "--shape", "96x96x96", "--time-budget", "4s", "--format", "json"];
        let ended = run(flopcast(&args).args(["--out", "trial.jsonl"]).current_dir(&folder));
        // A machine full of other tests may leave it open; the other way round it is never called.
        assert!(matches!(ended.code, Some(0 | 11)), "{ended:#?}");
        let view = ended.json();
        assert!(view["verdict"]["ratio"].as_f64().unwrap() < 1.0, "{view}");
        assert_ne!(view["verdict"]["call"], "slower");
        let again = run(flopcast(&["ab", "--replay", "trial.jsonl", "--format", "json"])
            .current_dir(&folder)
            .env("WGPU_BACKEND", "metal"));
        assert_eq!((again.code, &again.stdout), (ended.code, &ended.stdout));
        let text = std::fs::read_to_string(folder.join("trial.jsonl")).unwrap();
        write(&folder, "cut.jsonl", &text[..text.len() - 30]);
        run(flopcast(&["ab", "--replay", "cut.jsonl"]).current_dir(&folder)).refused(1, "cut off");
        write(&folder, "foreign.jsonl", &text.replacen("flopcast.ab/", "other.ab/", 1));
        run(flopcast(&["ab", "--replay", "foreign.jsonl"]).current_dir(&folder)).refused(12, "schema is `other.ab/");
    });
}

#[test]
fn a_file_is_proved_like_everything_else() {
    on_adapter(|_| {
        let folder = folder("ab-files");
        write(&folder, "right.wgsl", KERNEL);
        write(&folder, "half.wgsl", &KERNEL.replacen("i < dims.k", "i < dims.k / 2u", 1));
        let with = |b: &str| {
            let args = ["ab", "right.wgsl", b, "--shape", "50x70x40", "--time-budget", "2s"];
            run(flopcast(&args).current_dir(&folder))
        };
        let same = with("naive[16x16]");
        assert!(matches!(same.code, Some(0 | 10 | 11)), "{same:#?}");
        with("half.wgsl").refused(1, "B `half.wgsl` is wrong before it was timed");
    });
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line() {
    let folder = folder("ab-refused");
    write(&folder, "broken.wgsl", "fn main( {");
    write(&folder, "other.wgsl", &KERNEL.replacen("@binding(3)", "@binding(7)", 1));
    write(&folder, "unnamed.wgsl", &KERNEL.replace("BLOCK_M", "ROWS").replace("BLOCK_N", "COLUMNS"));
    let refuse = |args: &[&str], code, part: &str| {
        run(flopcast(&["ab"]).args(args).current_dir(&folder)).refused(code, part);
    };
    refuse(&["naive"], 2, "B");
    refuse(&["naive", "fast"], 2, "unknown kernel `fast`");
    refuse(&["naive", "naive+quick"], 2, "unknown setting `quick`");
    refuse(&["naive", "naive", "--threshold", "0%"], 2, "threshold");
    refuse(&["naive", "naive", "--time-budget", "0s"], 2, "out of range");
    refuse(&["naive", "naive", "--shape", "0x1x1"], 2, "m is 0");
    refuse(&["--replay", "nowhere.jsonl"], 2, "`nowhere.jsonl`");
    refuse(&["naive", "naive", "--out", "nowhere/x.jsonl"], 2, "cannot be written");
    on_adapter(|_| {
        refuse(&["naive", "broken.wgsl"], 2, "`broken.wgsl`: line 1, column ");
        refuse(&["naive", "other.wgsl"], 2, "`other.wgsl`: @group(0) @binding(7) is none of the four");
        refuse(&["naive", "unnamed.wgsl"], 2, "`unnamed.wgsl`: nothing says which block");
        refuse(&["naive", "missing.wgsl"], 2, "`missing.wgsl`");
        refuse(&["naive", "naive[64x64x8/8x8]"], 2, "has no tiling 64x64x8/8x8");
    });
}

/// The probes of the committed record as if of this adapter, with every time this many times as long.
fn roofline(executor: &GpuExecutor, longer: u64) -> String {
    let text = include_str!("../record/2026-11-24-lavapipe/roofline.jsonl");
    let probes = text.lines().filter(|line| line.contains("\"flopcast.probe/"));
    let stretched = |line: &str| {
        let mut probe: ProbeRecord = serde_json::from_str(line).unwrap();
        (probe.adapter, probe.tool) = (executor.adapter().clone(), executor.tool());
        for submission in probe.samples.iter_mut().flat_map(|samples| &mut samples.submissions) {
            submission.host_ns *= longer;
            submission.device_ticks = submission.device_ticks.map(|ticks| ticks.map(|tick| tick * longer));
        }
        probe_wire::line(&probe.derived()).unwrap()
    };
    probes.map(stretched).collect()
}

#[test]
fn a_figure_above_a_roofline_is_invalid_with_the_bound_named_and_the_cache_is_asked_by_default() {
    on_adapter(|selection| {
        let folder = folder("bounds");
        let executor = GpuExecutor::open(selection).unwrap();
        let cache = folder.join("cache");
        let measure = |more: &[&str]| {
            let args =
                ["measure", "--suite", "smoke", "--shapes", "64x64x64", "--kernels", "naive", "--format", "json"];
            run(flopcast(&args).args(more).current_dir(&folder).env("FLOPCAST_CACHE_DIR", &cache))
        };
        let invalid = |ended: &support::Ended, source: &str| {
            ended.refused(1, "times what is possible");
            let (row, rows) = (&ended.json()["rows"][0], &ended.stdout);
            assert!(row["figure"].is_null() && row["gflop_per_s"].is_null() && row["verdict"] == "INVALID", "{rows}");
            assert_eq!(row["reasons"][0]["code"], "above-physics", "{rows}");
            assert!(row["reasons"][0]["detail"].as_str().unwrap().contains(source), "{source}: {rows}");
        };
        // A file of this adapter, far too slow to be true.
        write(&folder, "slow.jsonl", &roofline(&executor, 10_000));
        invalid(&measure(&["--roofline", "slow.jsonl"]), "`slow.jsonl`");
        // One of another driver is refused, and so is one that is none.
        let other = roofline(&executor, 1).replace("\"driver\":\"", "\"driver\":\"old ");
        write(&folder, "other.jsonl", &other);
        measure(&["--roofline", "other.jsonl"]).refused(12, "another adapter or driver");
        write(&folder, "none.jsonl", "{}\n");
        measure(&["--roofline", "none.jsonl"]).refused(2, "none.jsonl");
        measure(&["--roofline", "nowhere.jsonl"]).refused(2, "nowhere.jsonl");
        // What is kept of this adapter holds without being named: on arithmetic, and on memory for what no cache holds.
        let limit = |limit, rate| Bounds {
            schema: Bounds::SCHEMA.into(),
            adapter: executor.adapter().clone(),
            tool: executor.tool(),
            at: "2026-11-24T00:00:00Z".into(),
            bounds: vec![Bound { limit, rate, source: "a test of long ago".into(), doubtful: false }],
        };
        for kind in [Limit::Arithmetic(Precision::F32), Limit::Memory { from_bytes: 4096 }] {
            kept::write(&cache, &limit(kind, 1.0)).unwrap();
            let ended = measure(&[]);
            assert!(ended.stderr.contains("bounds: the roofline of this adapter of 2026-11-24"), "{ended:#?}");
            if selection.report.identity.software {
                // Work beside it can have held that down: the figure stands, and the bound goes.
                let (row, rows) = (&ended.json()["rows"][0], &ended.stdout);
                assert!(ended.code == Some(0) && row["gflop_per_s"].is_object(), "{ended:#?}");
                let reasons = row["reasons"].as_array().unwrap();
                assert!(reasons.iter().any(|r| r["code"] == "bound-doubted"), "{rows}");
                assert!(ended.stderr.contains("the roofline of this adapter is dropped: `naive"), "{ended:#?}");
                assert!(!measure(&[]).stderr.contains("bounds:"));
            } else {
                invalid(&ended, "a test of long ago");
            }
            assert_eq!(measure(&["--no-cache"]).code, Some(0));
        }
        // Too small for the bound on memory; then one of another driver, which is said and not taken.
        kept::write(&cache, &limit(Limit::Memory { from_bytes: 1 << 30 }, 1.0)).unwrap();
        assert_eq!(measure(&[]).code, Some(0));
        let mut old = limit(Limit::Arithmetic(Precision::F32), 1.0);
        old.adapter.driver_info.push_str(" of old");
        kept::write(&cache, &old).unwrap();
        let ended = measure(&[]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stderr.contains("is ignored: it was made with driver"), "{ended:#?}");
        // It is shown, and cleared.
        let shown = run(flopcast(&["cache", "show"]).env("FLOPCAST_CACHE_DIR", &cache));
        assert!(shown.stdout.contains("f32 arithmetic"), "{shown:#?}");
        run(flopcast(&["cache", "clear"]).env("FLOPCAST_CACHE_DIR", &cache));
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
    });
}

#[test]
fn what_is_printed_is_valid_by_the_schemas_that_are_printed() {
    on_adapter(|_| {
        let folder = folder("schemas");
        let ab = ["ab", "naive", "naive[16x16]", "--shape", "64x64x64", "--time-budget", "1s", "--format", "json"];
        for (kind, args) in [("doctor", &["doctor", "--no-cache", "--format", "json"][..]), ("ab", &ab)] {
            let schema = run(&mut flopcast(&["schema", kind])).json();
            let printed = run(flopcast(args).current_dir(&folder)).json();
            let validator = jsonschema::validator_for(&schema).unwrap();
            let wrong: Vec<String> = validator.iter_errors(&printed).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{kind}: {wrong:?}");
            let mut cut = printed;
            cut.as_object_mut().unwrap().remove("adapter");
            assert!(!validator.is_valid(&cut), "{kind}: a report without its adapter passes");
        }
    });
}

#[test]
fn a_file_is_measured_beside_the_built_in_kernels_and_held_against_the_best() {
    on_adapter(|_| {
        let folder = folder("measure-wgsl");
        write(&folder, "mine.wgsl", KERNEL);
        let measure = |file: &str, more: &[&str]| {
            let args = ["measure", "--wgsl", file, "--shapes", "64x64x64", "--suite", "smoke", "--kernels", "naive"];
            run(flopcast(&args).args(more).args(["--no-progress", "--no-cache"]).current_dir(&folder))
        };
        let ended = measure("mine.wgsl", &["--format", "json", "--out", "mine.jsonl"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let found = ended.json();
        let (rows, against) = (found["rows"].as_array().unwrap(), &found["against_built_in"][0]);
        assert_eq!((rows[0]["kernel"].as_str(), rows[1]["kernel"].as_str()), (Some("wgsl"), Some("naive")));
        assert!(against["best"].as_str().unwrap().starts_with("naive["), "{against}");
        let ratio = |end: &str| against["ratio"][end].as_f64().unwrap();
        assert!(ratio("lo") <= ratio("median") && ratio("median") <= ratio("hi") && ratio("lo") > 0.0, "{against}");
        // The record holds the file's kernel by its hash, and derives again like any other.
        assert_eq!(run(flopcast(&["measure", "--replay", "mine.jsonl"]).current_dir(&folder)).code, Some(0));
        assert!(measure("mine.wgsl", &[]).stdout.contains("mine.wgsl over the best built-in kernel"));

        for (from, to, code, part) in [
            ("let row = ", "let row == ", 2, "line 26, column "),
            ("fn main", "fn other", 2, "no compute entry point `main`"),
            ("@binding(3)", "@binding(7)", 2, "@binding(7) is none of the four"),
            ("workgroup_size(256)", "workgroup_size(64, 64)", 1, "needs 4096 invocations per workgroup"),
            ("sum += a", "sum += 2.0 * a", 1, "row 0, column 0: off by"),
        ] {
            assert!(KERNEL.contains(from), "{from}");
            write(&folder, "bad.wgsl", &KERNEL.replacen(from, to, 1));
            measure("bad.wgsl", &[]).refused(code, part);
        }
        measure("nowhere.wgsl", &[]).refused(2, "`nowhere.wgsl`");
        measure("mine.wgsl@zeros", &[]).refused(2, "`--data`");
    });
}
