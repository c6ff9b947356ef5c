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
        (&["frobnicate"], "frobnicate"),
    ] {
        without_adapter(args).refused(2, part);
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
    let mut child =
        flopcast(&["--help"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}
