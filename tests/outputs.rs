//! Where results go: whole, into the place that is meant, and never over what is read.
#![cfg(all(feature = "cli", feature = "gpu"))]

mod support;

use std::path::Path;
use support::{flopcast, folder, on_adapter, run};

/// What is in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn an_output_that_is_an_input_or_another_output_is_refused_and_the_file_stays() {
    let folder = folder("outputs-apart");
    let text = std::fs::read_to_string(support::record()).unwrap();
    std::fs::write(folder.join("measurements.jsonl"), &text).unwrap();
    std::fs::write(folder.join("mine.wgsl"), include_str!("../examples/naive_16x16.wgsl")).unwrap();
    let r = "measurements.jsonl";
    for (args, part) in [
        (&["report", r, "--out", r][..], "is what is read"),
        (&["report", ".", "--out", "./measurements.jsonl"], "is what is read"),
        (&["calibrate", r, "--out", r], "is what is read"),
        (&["measure", "--replay", r, "--out-metrics", r], "is what is read"),
        (&["measure", "--resume", r, "--out-metrics", r], "is what is read"),
        (&["measure", "--roofline", r, "--out", r], "is what is read"),
        (&["measure", "--wgsl", "mine.wgsl", "--out", "mine.wgsl"], "is what is read"),
        (&["measure", "--out", "new", "--out-metrics", "new"], "is what `--out` writes"),
        (&["compare", r, r, "--out-metrics", r], "is what is read"),
        (&["ab", "mine.wgsl", "naive", "--out", "mine.wgsl"], "is what is read"),
        (&["smoke", "--baseline", r, "--junit", r], "is what is read"),
        (&["smoke", "--junit", "new", "--out-metrics", "new"], "is what `--junit` writes"),
    ] {
        run(flopcast(args).current_dir(&folder)).refused(2, part);
        assert_eq!(std::fs::read_to_string(folder.join(r)).unwrap(), text, "{args:?}");
    }
    assert_eq!(names(&folder), ["measurements.jsonl", "mine.wgsl"]);
}

#[test]
fn what_is_kept_of_an_older_record_destroys_nothing_else() {
    let folder = folder("outputs-previous");
    let text = std::fs::read_to_string(support::record()).unwrap();
    let (r, previous) = ("r.jsonl", "r.jsonl.previous");
    std::fs::write(folder.join(r), &text).unwrap();
    std::fs::write(folder.join(previous), "older still\n").unwrap();
    for args in [
        &["measure", "--out", r, "--roofline", previous][..],
        &["measure", "--out", "./r.jsonl", "--out-metrics", previous],
    ] {
        run(flopcast(args).current_dir(&folder)).refused(2, "`r.jsonl.previous` is what ");
        assert_eq!(std::fs::read_to_string(folder.join(previous)).unwrap(), "older still\n", "{args:?}");
    }
    // A folder of that name is found before anything is measured, and before an adapter is looked for.
    std::fs::remove_file(folder.join(previous)).unwrap();
    std::fs::create_dir(folder.join(previous)).unwrap();
    for args in [&["measure", "--out", r][..], &["ab", "naive", "naive", "--out", r]] {
        let ended = run(flopcast(args).current_dir(&folder).env("WGPU_BACKEND", "metal"));
        ended.refused(2, "r.jsonl.previous` cannot be written");
    }
    assert_eq!(names(&folder), [r, previous]);
    assert_eq!(std::fs::read_to_string(folder.join(r)).unwrap(), text);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_a_pipe_a_pipe_and_a_device_a_device() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = folder("outputs-special");
    let record = support::record().display().to_string();
    std::fs::write(folder.join("real.html"), "old").unwrap();
    symlink("real.html", folder.join("link.html")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let metrics = ["measure", "--replay", &record, "--quiet", "--out-metrics"];
    let ended = run(flopcast(&["report", &record, "--out", "link.html"]).current_dir(&folder));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(folder.join("link.html").is_symlink());
    assert!(
        std::fs::read_to_string(folder.join("real.html")).unwrap().trim_end().ends_with("</html>"),
        "what it leads to is new"
    );
    let pipe = folder.join("pipe");
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    let ended = run(flopcast(&metrics).arg(&pipe));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(reader.join().unwrap().ends_with("# EOF\n"));
    assert!(pipe.metadata().unwrap().file_type().is_fifo());
    assert_eq!(run(flopcast(&metrics).arg("/dev/null")).code, Some(0));
    assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    assert_eq!(names(&folder), ["link.html", "pipe", "real.html"], "nothing is left beside them");
}

#[cfg(unix)]
#[test]
fn what_comes_by_a_pipe_is_read_whole_and_once() {
    use std::process::Stdio;
    let piped = |args: &[&str], file: &Path| {
        let mut source = std::process::Command::new("cat").arg(file).stdout(Stdio::piped()).spawn().unwrap();
        let ended = run(flopcast(args).stdin(source.stdout.take().unwrap()));
        source.wait().unwrap();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended.stdout
    };
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/validation/runs.csv");
    let of_file = run(flopcast(&["validate", "--no-rows", "--format", "json", "--data"]).arg(&runs));
    assert!(of_file.json()["summary"]["n"].as_u64().is_some_and(|n| n > 100), "{of_file:#?}");
    assert_eq!(piped(&["validate", "--no-rows", "--format", "json", "--data", "/dev/stdin"], &runs), of_file.stdout);
    let folder = folder("outputs-piped");
    let (report, record) = (folder.join("report.html").display().to_string(), support::record());
    piped(&["report", "/dev/stdin", "--out", &report], &record);
    let cases = std::fs::read_to_string(&record).unwrap().lines().count();
    assert!(std::fs::read_to_string(&report).unwrap().contains(&format!("{cases} cases: ")));
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_runs_and_nothing_is_begun() {
    let folder = folder("outputs-unwritable");
    std::fs::write(folder.join("old.jsonl"), "the record of before\n").unwrap();
    for (args, part) in [
        (&["smoke", "--junit", "nowhere/x.xml"][..], "`--junit`: `nowhere/x.xml` cannot be written"),
        (&["smoke", "--write-baseline", "nowhere/x.toml"], "`--write-baseline`: `nowhere/x.toml` cannot be written"),
        (&["doctor", "--out-metrics", "nowhere/x.prom"], "`--out-metrics`: `nowhere/x.prom` cannot be written"),
        (&["ab", "naive", "naive", "--out", "nowhere/x.jsonl"], "`nowhere/x.jsonl` cannot be written"),
    ] {
        let ended = run(flopcast(args).current_dir(&folder));
        ended.refused(2, part);
        assert_eq!(ended.stdout, "");
    }
    run(flopcast(&["smoke"]).env("GITHUB_STEP_SUMMARY", folder.join("nowhere/summary")))
        .refused(2, "GITHUB_STEP_SUMMARY");
    // Without an adapter nothing comes of it, and everything is as it was.
    for args in [
        &["smoke", "--junit", "x.xml", "--write-baseline", "x.toml", "--out-metrics", "x.prom"][..],
        &["measure", "--out", "old.jsonl"],
        &["measure", "--out", "new.jsonl", "--out-metrics", "x.prom"],
        &["tune", "--out", "old.jsonl"],
        &["ab", "naive", "naive", "--out", "old.jsonl"],
    ] {
        run(flopcast(args).current_dir(&folder).env("WGPU_BACKEND", "metal")).refused(3, "no usable adapter");
        assert_eq!(names(&folder), ["old.jsonl"], "{args:?}");
    }
    assert_eq!(std::fs::read_to_string(folder.join("old.jsonl")).unwrap(), "the record of before\n");
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_written_takes_no_result_away() {
    on_adapter(|_| {
        let folder = folder("outputs-cache");
        std::fs::write(folder.join("file"), "").unwrap();
        let tune = ["tune", "--time-budget", "3s", "--kernels", "naive", "--shapes", "64x64x64", "--format", "json"];
        for args in [&tune[..], &["doctor", "--format", "json"]] {
            // A folder below a file: nobody can make that, not even root.
            let ended = run(flopcast(args).env("FLOPCAST_CACHE_DIR", folder.join("file/below")));
            assert!(ended.json()["schema"].is_string(), "{ended:#?}");
            let tuned = args[0] == "tune";
            assert!(ended.code == Some(0) || (!tuned && ended.code == Some(1)), "{ended:#?}");
            assert!(
                !tuned || ended.stderr.contains("warning: `") && ended.stderr.contains("FLOPCAST_CACHE_DIR"),
                "{ended:#?}"
            );
        }
    });
}

#[cfg(unix)]
#[test]
fn an_interrupted_main_job_leaves_no_forecast_of_an_older_record_beside_the_new_one() {
    use std::process::{Command, Stdio};
    on_adapter(|_| {
        let folder = folder("outputs-run");
        let of = |name: &str| folder.join(name);
        let others = ["calibration.json", "projection.json", "report.html"];
        for name in others {
            std::fs::write(of(name), "of the older record").unwrap();
        }
        std::fs::write(of("measurements.jsonl"), "the older record\n").unwrap();
        let mut child = flopcast(&["run", "--no-cache", "--no-progress", "--out"])
            .arg(&folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while !of("measurements.jsonl.previous").exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert_eq!(names(&folder), ["measurements.jsonl", "measurements.jsonl.previous"], "{said}");
        assert!(flopcast::measure::wire::read_whole(&of("measurements.jsonl")).is_ok(), "the new one has a record");
        assert_eq!(std::fs::read_to_string(of("measurements.jsonl.previous")).unwrap(), "the older record\n");
        assert!(said.contains("hint: what was measured is in `"), "{said}");
    });
}
