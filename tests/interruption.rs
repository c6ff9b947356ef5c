//! Ctrl-C, kill and going on, as a user meets them. Needs an adapter; a software one is enough.
#![cfg(all(feature = "cli", feature = "gpu", unix))]

mod support;

use flopcast::measure::record::{Record, Verdict};
use flopcast::measure::wire;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{Ended, flopcast, folder, on_adapter, run};

/// Six cases, 0.3 s each.
const CASES: [&str; 7] =
    ["measure", "--suite", "smoke", "--shapes", "16x16x16,24x24x24,32x32x32", "--kernels", "naive,register_tiled"];

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

/// Waits until the file holds so many lines; the run itself ends the wait where it never does.
fn until_lines(child: &mut Child, file: &Path, lines: usize) {
    loop {
        let there = std::fs::File::open(file).map_or(0, |f| BufReader::new(f).lines().count());
        if there >= lines || child.try_wait().expect("the child is ours").is_some() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn begun(file: &Path) -> Child {
    let mut command = flopcast(&CASES);
    command.args(["--format", "json", "--out"]).arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the binary starts")
}

fn ids(file: &Path) -> Vec<String> {
    wire::read(file).unwrap().records.iter().map(|r| r.case.id()).collect()
}

/// Every row is there and right. On a busy machine a row of so short a run can be all noise and have no figure, and the
/// exit code says so: 1 for that and for nothing else.
fn ended_as_its_record_says(ended: &Ended, file: &Path) {
    let records = wire::read(file).unwrap().records;
    assert!(records.iter().all(|r| r.missing.is_none() && r.proof.as_ref().is_some_and(|p| p.passed)), "{ended:#?}");
    let noise = |r: &Record| r.verdict == Verdict::Invalid && r.reasons.iter().any(|why| why.code == "noise");
    assert_eq!(ended.code, Some(i32::from(records.iter().any(noise))), "{ended:#?}");
}

/// The same of a run that measured one row, the last.
fn ended_as_its_last_row_says(ended: &Ended, file: &Path) {
    let record = wire::read(file).unwrap().records.pop().unwrap();
    assert!(record.missing.is_none() && record.proof.as_ref().is_some_and(|p| p.passed), "{ended:#?}");
    assert_eq!(ended.code, Some(i32::from(record.verdict == Verdict::Invalid)), "{ended:#?}");
}

#[test]
fn ctrl_c_prints_what_there_is_with_exit_130_and_resume_repeats_nothing() {
    on_adapter(|_| {
        let file = folder("ctrl-c").join("record.jsonl");
        let mut child = begun(&file);
        until_lines(&mut child, &file, 2);
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let before = ids(&file);
        assert!((2..6).contains(&before.len()), "{before:?}");
        assert_eq!(rows["rows"].as_array().unwrap().len(), before.len(), "every row in the file is printed");
        let stood = std::fs::read_to_string(&file).unwrap();

        let ended = run(flopcast(&CASES).args(["--format", "json", "--resume"]).arg(&file));
        ended_as_its_record_says(&ended, &file);
        assert_eq!(ended.json()["rows"].as_array().unwrap().len(), 6);
        let mut after = ids(&file);
        assert_eq!(after[..before.len()], before);
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(&stood), "what stood there stands");
        after.sort();
        after.dedup();
        assert_eq!(after.len(), 6, "nothing twice");
    });
}

#[test]
fn a_kill_loses_at_most_the_case_under_way_and_a_cut_line_is_repaired() {
    on_adapter(|_| {
        let file = folder("kill").join("record.jsonl");
        let mut child = begun(&file);
        until_lines(&mut child, &file, 2);
        signal(&child, "-KILL");
        child.wait().unwrap();
        let before = ids(&file);
        assert!(before.len() >= 2, "{before:?}");
        // The worst moment: in the middle of a line.
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.truncate(bytes.len() - 30);
        std::fs::write(&file, bytes).unwrap();
        let ended = run(flopcast(&CASES).arg("--resume").arg(&file));
        assert_eq!(ids(&file).len(), 6);
        assert!(wire::read(&file).unwrap().cut.is_none());
        ended_as_its_record_says(&ended, &file);
    });
}

/// Begins a verb, sends Ctrl-C once it has said what it runs on, and waits for its end.
fn interrupted_once_it_runs(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = flopcast(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut talk = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    talk.read_line(&mut said).unwrap();
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    talk.read_to_string(&mut said).unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap(), said)
}

#[test]
fn ctrl_c_in_every_verb_that_measures_prints_what_there_is_with_exit_130() {
    on_adapter(|_| {
        for (args, shown) in [
            (&["doctor", "--no-cache"][..], "ended before the step"),
            (&["ab", "naive", "register_tiled", "--shape", "64x64x64"], "inconclusive"),
            (&["smoke"], " passed, "),
            (&["measure", "--suite", "portability", "--shapes", "64x64x64"], "bounds checks on"),
        ] {
            let (code, stdout, said) = interrupted_once_it_runs(args);
            assert_eq!(code, Some(130), "{args:?}: {stdout}{said}");
            // Where it came before the first pair there is nothing, and that is said.
            let none = stdout.is_empty() && said.contains("error: interrupted, with 0 pairs done");
            assert!(stdout.contains(shown) || none, "{args:?}: {stdout}{said}");
            assert!(said.contains("error: interrupted, with "), "{args:?}: {said}");
        }
    });
}

#[test]
fn a_run_that_is_refused_leaves_the_record_that_it_was_to_go_on_with_as_it_was() {
    on_adapter(|_| {
        let folder = folder("resume-refused");
        let file = folder.join("record.jsonl");
        // Rows for want of time, and one that was being written when the process died.
        let skipped = run(flopcast(&CASES).args(["--time-budget", "1ms", "--out"]).arg(&file));
        skipped.refused(1, "no case has a figure");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = format!("{text}{}", &text[..100]);
        std::fs::write(&file, &text).unwrap();
        for (more, code, part) in [
            (&["--adapter", "no such thing"][..], 2, "no such thing"),
            (&["--wgsl", "nowhere.wgsl"], 2, "nowhere.wgsl"),
            (&["--roofline", "nowhere.jsonl"], 2, "nowhere.jsonl"),
            (&["--tiling", "7x7x7/3x3"], 2, "7x7x7/3x3"),
            (&["--kernels", "cooperative_matrix", "--precision", "i8_acc_i32"], 2, "i8_acc_i32"),
        ] {
            run(flopcast(&CASES[..5]).args(more).arg("--resume").arg(&file)).refused(code, part);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "{more:?}");
        }
        run(flopcast(&CASES).arg("--resume").arg(&file).env("WGPU_BACKEND", "metal")).refused(3, "no usable adapter");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        // Of another shape: all that stood there stays, and the line that was cut off makes room.
        let other = ["measure", "--suite", "smoke", "--shapes", "8x8x8", "--kernels", "naive", "--resume"];
        let ended = run(flopcast(&other).arg(&file));
        ended_as_its_last_row_says(&ended, &file);
        let (whole, _) = text.rsplit_once('\n').unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(whole), "{ended:#?}");
        assert_eq!(ids(&file).len(), 7);
        // Of a case of them: that one alone is replaced.
        let one = ["measure", "--suite", "smoke", "--shapes", "16x16x16", "--kernels", "naive", "--resume"];
        let before = ids(&file);
        ended_as_its_last_row_says(&run(flopcast(&one).arg(&file)), &file);
        let after = ids(&file);
        assert_eq!((&after[..6], &after[6]), (&before[1..], &before[0]));
    });
}

#[test]
fn a_record_of_another_driver_or_method_is_not_gone_on_with() {
    on_adapter(|_| {
        let file = folder("resume-foreign").join("record.jsonl");
        let one = ["measure", "--suite", "smoke", "--shapes", "8x8x8", "--kernels", "naive"];
        assert_eq!(run(flopcast(&one).arg("--out").arg(&file)).code, Some(0));
        let text = std::fs::read_to_string(&file).unwrap();
        for (from, to, field) in [
            ("\"driver\":\"", "\"driver\":\"old ", "`adapter.driver`"),
            ("\"method\":", "\"method\":9", "`tool.method`"),
            ("\"binding_bytes\":", "\"binding_bytes\":1", "`adapter.capabilities.binding_bytes`"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            std::fs::write(&file, &other).unwrap();
            run(flopcast(&one).arg("--resume").arg(&file)).refused(12, field);
            assert_eq!(std::fs::read_to_string(&file).unwrap(), other, "left as it was");
        }
        run(flopcast(&one).arg("--resume").arg(file.with_extension("nowhere"))).refused(2, "nowhere");
        run(flopcast(&one).args(["--out", "x", "--resume", "y"])).refused(2, "--resume");
    });
}

#[test]
fn a_record_with_the_hosts_own_product_is_gone_on_with_and_the_host_not_measured_twice() {
    on_adapter(|_| {
        let file = folder("resume-host").join("record.jsonl");
        let of = |shapes, more: &[&str]| {
            let args = ["measure", "--suite", "smoke", "--kernels", "naive", "--shapes", shapes];
            let ended = run(flopcast(&args).args(more).arg(&file));
            assert!(matches!(ended.code, Some(0 | 1)) && !ended.stderr.contains("`adapter."), "{ended:#?}");
            wire::read_whole(&file).unwrap()
        };
        let named = |records: &[Record]| -> Vec<String> {
            records.iter().map(|r| format!("{} {}", r.case.kernel, r.case.shape)).collect()
        };
        let first = of("16x16x16", &["--host", "--out"]);
        assert_eq!(named(&first), ["naive 16x16x16", "host 16x16x16"]);
        assert_eq!(of("16x16x16", &["--host", "--resume"]), first, "nothing was left to do");
        let more = of("16x16x16,24x24x24", &["--host", "--resume"]);
        assert_eq!(more[..2], first);
        assert_eq!(named(&more[2..]), ["naive 24x24x24", "host 24x24x24"]);
        assert_eq!(of("16x16x16,24x24x24", &["--resume"]), more, "whether the host is asked for or not");
        let text = std::fs::read_to_string(&file).unwrap().replace(" threads\"", " threads of another\"");
        std::fs::write(&file, &text).unwrap();
        let args = ["measure", "--suite", "smoke", "--kernels", "naive", "--shapes", "16x16x16", "--resume"];
        run(flopcast(&args).arg(&file)).refused(12, "`adapter.driver_info`");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    });
}

#[test]
fn a_budget_that_fits_nothing_is_rows_and_an_error_and_an_unusable_one_is_exit_2() {
    on_adapter(|_| {
        let ended = run(flopcast(&CASES).args(["--time-budget", "1ms", "--format", "json"]));
        ended.refused(1, "no case has a figure");
        assert!(ended.stderr.contains("--time-budget"), "{ended:#?}");
        let rows = &ended.json()["rows"];
        assert_eq!(rows.as_array().unwrap().len(), 6);
        assert!(rows.as_array().unwrap().iter().all(|row| row["missing"] == "skipped"), "{rows}");
        for (budget, part) in [("0s", "measures nothing"), ("soon", "`soon`"), ("-3s", "-3")] {
            run(flopcast(&CASES).arg(format!("--time-budget={budget}"))).refused(2, part);
        }
    });
}
