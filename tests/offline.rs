//! What needs no adapter: bad input, missing drivers, files.
#![cfg(all(feature = "cli", feature = "gpu"))]

mod support;

use support::{flopcast, folder, run};

/// The binary on a machine without any driver.
fn without_adapter(args: &[&str]) -> support::Ended {
    run(flopcast(args)
        .env("WGPU_BACKEND", "vulkan")
        .env("VK_DRIVER_FILES", "/nonexistent.json")
        .env("VK_ICD_FILENAMES", "/nonexistent.json"))
}

#[test]
fn no_adapter_is_exit_3_with_the_package_to_install() {
    for args in [&["devices"][..], &["devices", "--format", "json"], &["measure"]] {
        without_adapter(args).refused(3, "mesa-vulkan-drivers");
    }
}

#[test]
fn without_an_adapter_no_verb_touches_what_stands_where_it_would_write() {
    let folder = folder("no-adapter");
    let older = folder.join("older.jsonl");
    std::fs::write(&older, "what was there\n").unwrap();
    let newer = folder.join("newer.jsonl");
    for args in [
        &["measure", "--suite", "smoke", "--out"][..],
        &["measure", "--suite", "roofline", "--out"],
        &["tune", "--out"],
        &["ab", "naive", "register_tiled", "--out"],
        &["smoke", "--junit"],
        &["doctor", "--out-metrics"],
    ] {
        for file in [&older, &newer] {
            without_adapter(&[args, &[file.to_str().unwrap()]].concat()).refused(3, "mesa-vulkan-drivers");
        }
        let there: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(there, ["older.jsonl"], "{args:?}");
        assert_eq!(std::fs::read_to_string(&older).unwrap(), "what was there\n", "{args:?}");
    }
    let out = folder.join("out");
    without_adapter(&["run", "--out", out.to_str().unwrap()]).refused(3, "mesa-vulkan-drivers");
    assert!(!out.exists());
}

#[test]
fn a_file_without_a_record_in_it_is_not_replayed() {
    let file = folder("replay-empty").join("empty.jsonl");
    for text in ["", "\n\n"] {
        std::fs::write(&file, text).unwrap();
        run(flopcast(&["measure", "--replay"]).arg(&file)).refused(12, "holds no record");
    }
}

#[test]
fn unusable_arguments_are_exit_2_and_say_what_would_do() {
    for (args, part) in [
        (&["measure", "--shapes", "0x1x1"][..], "m is 0"),
        (&["measure", "--shapes", "1000000000x1x1"], "m is 1000000000"),
        (&["measure", "--shapes", "12"], "1 extents instead of three"),
        (&["measure", "--kernels", "fastest"], "register_tiled"),
        (&["measure", "--suite", "huge"], "smoke, quick, full"),
        (&["measure", "--precision", "f33"], "f16_acc_f32"),
        (&["measure", "--tiling", "7"], "64x64x16/4x4"),
        (&["measure", "--nonsense"], "--nonsense"),
        (&["measure", "--replay", "x", "--suite", "full"], "--suite"),
        (&["measure", "--replay", "x", "--host"], "--host"),
        (&["measure", "--replay", "x", "--job", "grok-1"], "--job"),
        (&["measure", "--replay", "x", "--tiling", "16x16"], "--tiling"),
        (&["measure", "--replay", "x", "--roofline", "y"], "--roofline"),
        (&["measure", "--replay", "x", "--data", "zeros"], "--data"),
        (&["smoke", "--baseline", "/not/there.toml"], "--write-baseline"),
        (&["ab", "--replay", "/not/there"], "--out FILE.jsonl"),
        (&["frobnicate"], "frobnicate"),
    ] {
        without_adapter(args).refused(2, part);
    }
}

#[test]
fn the_manifest_is_whole_with_what_the_image_makes_up_of_it() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let dockerfile = std::fs::read_to_string(root.join("Dockerfile")).unwrap();
    let joined = dockerfile.replace("\\\n", " ");
    let made = joined.lines().find(|line| line.starts_with("RUN ") && line.contains("src/main.rs")).expect("the layer");
    let (made, _) = made.trim_start_matches("RUN ").split_once("&& cargo build").expect("it builds");
    let folder = folder("image");
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        std::fs::copy(root.join(file), folder.join(file)).unwrap();
    }
    let cargo = || {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(&folder);
        cargo.output().unwrap()
    };
    assert!(!cargo().status.success(), "without the files that it names it is none");
    if cfg!(unix) {
        let shell = std::process::Command::new("sh").args(["-ec", made]).current_dir(&folder).output().unwrap();
        assert!(shell.status.success(), "{shell:?}");
        let found = cargo();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    }
}

#[test]
fn a_record_that_cannot_be_written_is_found_before_anything_runs() {
    let folder = folder("unwritable");
    let inside = folder.join("not there").join("record.jsonl");
    let ended = run(flopcast(&["measure", "--out"]).arg(&inside));
    ended.refused(2, "cannot be written");
    let ended = run(flopcast(&["measure", "--out"]).arg(&folder));
    ended.refused(2, "cannot be written");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    use std::process::Stdio;
    for (args, least) in [(&["--help"][..], 1), (&["catalog", "accelerators", "--format", "json"], 65_536)] {
        assert!(run(&mut flopcast(args)).stdout.len() > least, "{args:?}: more than a pipe holds");
        let mut child = flopcast(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_what_is_printed_is_told() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = flopcast(&["catalog", "jobs"]).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: ") && !said.contains(support::CRASH), "{said}");
}

#[test]
fn a_record_cut_in_the_middle_is_refused_with_file_and_line() {
    let folder = folder("cut");
    let file = folder.join("record.jsonl");
    std::fs::write(&file, "{\"schema\":\"flopcast.measurement/1\",\"tool\":{\"ver").unwrap();
    run(flopcast(&["calibrate"]).arg(&file)).refused(2, "record.jsonl`:1: the line is cut off");
    std::fs::write(&file, "{\"schema\":\"flopcast.measurement/99\"}\n").unwrap();
    run(flopcast(&["calibrate"]).arg(&file)).refused(2, "flopcast.measurement/99");
    std::fs::write(&file, "").unwrap();
    run(flopcast(&["calibrate"]).arg(&file)).refused(2, "holds no record");
    run(&mut flopcast(&["calibrate", "/not/there.jsonl"])).refused(2, "/not/there.jsonl");
}

#[test]
fn a_calibration_of_another_schema_is_refused() {
    let file = folder("schema").join("calibration.json");
    std::fs::write(&file, "{\"schema\":\"flopcast.calibration/99\"}").unwrap();
    run(flopcast(&["project", "--calibration"]).arg(&file)).refused(2, "flopcast.calibration/99");
    std::fs::write(&file, "{\"schema\":\"flopcast.cal").unwrap();
    run(flopcast(&["project", "--calibration"]).arg(&file)).refused(2, "cut off");
}

#[test]
fn a_forecast_needs_no_adapter_and_says_that_it_rests_on_published_figures() {
    for scenario in ["xai-300k-b200", "tesla-85k-h100", "xai-12k-h100-redirected"] {
        let ended = without_adapter(&["project", "--scenario", scenario, "--format", "json"]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let projection = ended.json();
        for name in ["step_time", "mfu", "tokens_per_s", "run_days", "cluster_flop_per_s", "goodput"] {
            let q = &projection["quantities"][name];
            let [p5, p50, p95] = ["p5", "p50", "p95"].map(|p| q[p].as_f64().unwrap_or(f64::NAN));
            assert!(0.0 < p5 && p5 <= p50 && p50 <= p95, "{scenario} {name}: {q}");
            assert_eq!(q["software"], false);
            assert!(q["tier"].is_string() && q["unit"].is_string());
        }
        assert!(projection["warnings"].to_string().contains("published figures alone"), "{projection}");
    }
}

#[test]
fn a_scenario_that_is_none_is_refused_with_file_field_and_reason() {
    run(&mut flopcast(&["project", "--scenario", "xai-300k-b20"])).refused(2, "xai-300k-b200");
    let file = folder("scenario").join("mine.toml");
    let own = run(&mut flopcast(&["catalog", "scenarios", "tesla-85k-h100"]));
    assert_eq!(own.code, Some(0), "{own:#?}");
    std::fs::write(&file, &own.stdout).unwrap();
    let ended = run(flopcast(&["project", "--scenario"]).arg(&file));
    assert_eq!(ended.code, Some(0), "a built-in scenario printed is a file that is taken: {ended:#?}");
    std::fs::write(&file, own.stdout.replace("Ttoken", "GB/s")).unwrap();
    run(flopcast(&["project", "--scenario"]).arg(&file)).refused(2, "tokens");
    std::fs::write(&file, format!("{}\nspeed_of_light = 3\n", own.stdout)).unwrap();
    run(flopcast(&["project", "--scenario"]).arg(&file)).refused(2, "speed_of_light");
}

#[test]
fn every_shelf_of_the_catalogue_prints_as_text_and_json() {
    for shelf in ["accelerators", "clusters", "jobs", "scenarios"] {
        let text = run(&mut flopcast(&["catalog", shelf]));
        assert_eq!(text.code, Some(0), "{text:#?}");
        assert!(text.stdout.lines().count() > 3);
        let json = run(&mut flopcast(&["catalog", shelf, "--format", "json"]));
        assert!(json.json()["schema"].as_str().is_some_and(|s| s.starts_with("flopcast.")), "{json:#?}");
    }
    run(&mut flopcast(&["catalog", "jobs", "grok-2"])).refused(2, "grok-1");
}

#[test]
fn every_lie_of_the_self_test_is_caught() {
    let ended = run(&mut flopcast(&["self-test", "--format", "json"]));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.json()["outcomes"].as_array().unwrap().iter().all(|o| o["caught"] == true));
}

#[test]
fn a_roofline_record_that_cannot_be_used_is_refused_in_one_line() {
    let folder = folder("roofline");
    let cases = [
        ("empty", "", "no probe in it"),
        ("cut", "{\"schema\":\"flopcast.pro", "the last line is cut off"),
        ("foreign", "{\"schema\":\"other/1\"}\n", "schema `other/1`"),
        ("method", "{\"schema\":\"flopcast.probe/1\",\"tool\":{\"method\":70}}\n", "another method"),
    ];
    for (name, text, part) in cases {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        run(flopcast(&["roofline"]).arg(&file)).refused(2, part);
    }
    run(&mut flopcast(&["roofline", "/no/such/file"])).refused(2, "/no/such/file");
}

#[test]
fn a_forecast_is_the_same_to_the_bit_however_many_threads_there_are() {
    let on = |threads: &str| {
        let args = ["project", "--scenario", "xai-300k-b200", "--simulate", "20", "--format", "json"];
        let ended = run(flopcast(&args).env("RAYON_NUM_THREADS", threads));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended.stdout
    };
    let one = on("1");
    for threads in ["2", "7"] {
        assert_eq!(one, on(threads), "{threads} threads");
    }
}
