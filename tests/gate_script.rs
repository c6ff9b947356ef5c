//! `ci/gate.sh` as CI runs it: the same script, a real adapter, and GitHub's files. Without an adapter the tests say so and
//! pass, unless FLOPCAST_REQUIRE_ADAPTER=1.
#![cfg(all(unix, feature = "cli", feature = "gpu"))]

mod support;

use flopcast::kernel::{Family, Kernel, Operands, Precision, Shape};
use flopcast::measure::effort::Effort;
use flopcast::measure::scripted::{DeviceClock, Script, ScriptedExecutor};
use flopcast::measure::suite::Request;
use flopcast::measure::{Executor, sweep, wire};
use std::path::Path;
use std::process::Command;
use support::{Ended, folder, on_adapter, run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Quick on a software adapter, and enough for a comparison.
const MEASURE: &str = "--suite smoke --kernels naive --shapes 64x64x64";

/// Runs the gate in a folder of its own, with GitHub's two files in it.
fn gate(folder: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(format!("{ROOT}/ci/gate.sh"));
    command.args(["--flopcast", env!("CARGO_BIN_EXE_flopcast"), "--out", "out", "--measure", MEASURE]).args(args);
    command.current_dir(folder).env("FLOPCAST_CACHE_DIR", folder.join("cache")).env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_STEP_SUMMARY", folder.join("step")).env("GITHUB_OUTPUT", folder.join("output"));
    run(command.env_remove("WGPU_ADAPTER_NAME").env_remove("WGPU_BACKEND"))
}

/// What one run appends to GITHUB_OUTPUT.
fn outputs(code: u8, regressed: bool) -> String {
    format!(
        "exit-code={code}\nregressed={regressed}\nfolder=out\nreport=out/report.html\nrecord=out/measurements.jsonl\n"
    )
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A record of one case on a scripted device of this rate: nothing of the machine that tests is in it.
fn scripted(folder: &Path, name: &str, flop_per_s: f64) {
    // The sentinel keeps its pace: this kernel got slower, not the machine.
    let cost =
        move |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1e10 / flop_per_s } else { 1.0 };
    let mut executor = ScriptedExecutor::new(Script {
        flop_per_s: 1e10,
        cost: Box::new(cost),
        device_clock: DeviceClock::Missing,
        ..Script::honest()
    });
    let tiling = Family::Naive.default_tiling(executor.class(), Precision::F32);
    let kernel = Kernel::compose(Family::Naive, tiling, Precision::F32).unwrap();
    let request = Request::plain(kernel, Shape::square(64));
    let effort = Effort::smoke();
    let made =
        sweep(&mut executor, &[request], &effort, &mut |_, _| {}, &|| false, &mut |_| Ok(())).expect("it measures");
    std::fs::write(folder.join(name), wire::line(&made[0]).unwrap()).unwrap();
}

#[test]
fn the_gate_leaves_junit_record_summary_and_outputs_behind() {
    on_adapter(|_| {
        let folder = folder("gate-script");
        let ended = gate(&folder, &["--smoke-baseline", ""]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stdout.contains(" passed, 0 failed, "), "{ended:#?}");
        assert!(read(&folder, "out/smoke.xml").contains("<testcase"));
        assert!(read(&folder, "step").contains("passed"), "the step summary is written");
        assert!(read(&folder, "out/report.html").contains("</html>"), "the report is whole");
        assert_eq!(read(&folder, "output"), outputs(0, false));
    });
}

#[test]
fn the_gate_fails_on_a_regression_and_warns_where_it_cannot_tell() {
    let folder = folder("gate-script-compare");
    scripted(&folder, "base.jsonl", 1e10);
    scripted(&folder, "slow.jsonl", 0.8e10);
    let other = read(&folder, "base.jsonl").replace("\"driver\":\"scripted\"", "\"driver\":\"other\"");
    std::fs::write(folder.join("other.jsonl"), other).unwrap();
    let judged = |base: &str, record: &str, more: &[&str]| {
        gate(&folder, &[&["--no-smoke", "--baseline", base, "--record", record][..], more].concat())
    };

    assert_eq!(judged("base.jsonl", "base.jsonl", &["--strict"]).code, Some(0));

    let ended = judged("base.jsonl", "slow.jsonl", &[]);
    assert_eq!(ended.code, Some(10), "{ended:#?}");
    assert!(ended.stderr.contains("::error::slower than the baseline"), "{ended:#?}");
    assert!(read(&folder, "output").ends_with(&outputs(10, true)), "{}", read(&folder, "output"));
    assert!(read(&folder, "out/compare.xml").contains("<failure"), "JUnit has the regression");
    assert!(read(&folder, "out/report.html").contains("id=\"gate\""), "and the report");
    assert!(read(&folder, "step").contains("regressed"), "{}", read(&folder, "step"));

    // Another driver: a warning, or a failure where that is asked for.
    let ended = judged("other.jsonl", "base.jsonl", &[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stderr.contains("::warning::not comparable"), "{ended:#?}");
    assert_eq!(judged("other.jsonl", "base.jsonl", &["--strict"]).code, Some(12));
    assert!(read(&folder, "output").ends_with(&outputs(12, false)), "{}", read(&folder, "output"));
}

#[test]
fn the_gate_keeps_its_baseline_and_passes_no_unusable_one() {
    let folder = folder("gate-script-baseline");
    scripted(&folder, "base.jsonl", 1e10);
    let text = read(&folder, "base.jsonl");
    std::fs::create_dir_all(folder.join("out")).unwrap();
    for name in ["measurements.jsonl", "smoke.xml"] {
        std::fs::write(folder.join("out").join(name), &text).unwrap();
    }
    std::os::unix::fs::symlink("out/measurements.jsonl", folder.join("link.jsonl")).unwrap();
    for (flag, file) in [
        ("--baseline", "out/measurements.jsonl"),
        ("--baseline", "link.jsonl"),
        ("--record", "out/measurements.jsonl"),
        ("--smoke-baseline", "out/smoke.xml"),
    ] {
        let ended = gate(&folder, &[flag, file]);
        assert_eq!(ended.code, Some(2), "{flag} {file}: {ended:#?}");
        assert!(ended.stderr.contains(&format!("`{flag}` is what `--out` would overwrite")), "{ended:#?}");
        assert_eq!(
            (read(&folder, "out/measurements.jsonl"), read(&folder, "out/smoke.xml")),
            (text.clone(), text.clone())
        );
    }
    for (bad, part) in
        [("", "holds no record"), ("garbage\n", "no record"), (&text[..text.len() - 30], "the line is cut off")]
    {
        std::fs::write(folder.join("bad.jsonl"), bad).unwrap();
        let ended = gate(&folder, &["--no-smoke", "--baseline", "bad.jsonl", "--record", "base.jsonl"]);
        assert_eq!(ended.code, Some(2), "{part}: {ended:#?}");
        assert!(ended.stderr.contains(part) && ended.stderr.contains("::error::the baseline"), "{ended:#?}");
        assert!(!folder.join("out/compare.xml").exists() && !folder.join("out/summary.md").exists(), "{part}");
    }
}

#[test]
fn what_is_measured_may_stand_on_several_lines_and_white_space_is_nothing() {
    let folder = folder("gate-script-lines");
    let ended = gate(&folder, &["--no-smoke", "--measure", " \n\t\n"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("nothing to do"), "{ended:#?}");
    on_adapter(|_| {
        let ended =
            gate(&folder, &["--no-smoke", "--measure", "--suite smoke\n  --kernels naive\n--shapes 24x24x24\n"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let record = read(&folder, "out/measurements.jsonl");
        assert_eq!(record.lines().count(), 1, "one kernel on one shape: {ended:#?}");
        assert!(record.contains("\"m\":24,"), "{record}");
    });
}

#[test]
fn the_gate_refuses_what_it_does_not_know_and_says_when_there_is_no_adapter() {
    let folder = folder("gate-script-refused");
    for (args, part) in [
        (&["--basline", "x"][..], "unknown option `--basline`"),
        (&["--baseline", "not-there.jsonl"], "`not-there.jsonl` is no file"),
        (&["--flopcast", "not-there"], "`not-there` is no program"),
        (&["--threshold"], "its value is missing"),
        (&["--no-smoke", "--measure", ""], "nothing to do"),
    ] {
        let ended = gate(&folder, args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:#?}");
        assert!(ended.stderr.contains(part), "{part}: {ended:#?}");
    }
    let mut blind = Command::new(format!("{ROOT}/ci/gate.sh"));
    blind.args(["--flopcast", env!("CARGO_BIN_EXE_flopcast")]).env("WGPU_BACKEND", "metal").current_dir(&folder);
    let ended = run(&mut blind);
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(!folder.join("flopcast-gate/smoke.xml").exists());
}
