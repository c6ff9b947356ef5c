//! `flopcast compare` as a script sees it. The records are made by scripted devices, so no adapter is needed.
#![cfg(feature = "cli")]

mod support;

use flopcast::kernel::{Class, DataClass, Family, Kernel, Operands, Precision, Shape};
use flopcast::measure::effort::Effort;
use flopcast::measure::record::Record;
use flopcast::measure::scripted::{DeviceClock, Script, ScriptedExecutor};
use flopcast::measure::suite::Selection;
use flopcast::measure::{sweep, wire};
use std::path::Path;
use support::{Ended, flopcast, folder, run};

/// Two cases of a kernel of this rate, on a device that gives its own sentinel always the same one. It has one
/// clock, so that no other one can make the headline.
fn records(flop_per_s: f64) -> Vec<Record> {
    let cost =
        move |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::ALL[0] { 1e10 / flop_per_s } else { 1.0 };
    let mut executor = ScriptedExecutor::new(Script {
        flop_per_s: 1e10,
        cost: Box::new(cost),
        device_clock: DeviceClock::Missing,
        ..Script::honest()
    });
    let wanted = Selection {
        shapes: vec![Shape::square(64), Shape { m: 33, n: 65, k: 97, batch: 1 }],
        families: vec![Family::ALL[0]],
        tiling: None,
        precision: Precision::F32,
        settings: None,
        tuned: None,
        data: DataClass::Normal,
        seed: 1,
    };
    let class = Class::default();
    let requests = wanted.requests(class).expect("the selection can be composed");
    sweep(&mut executor, &requests, &Effort::smoke(), &mut |_, _| {}, &|| false, &mut |_| Ok(())).expect("it measures")
}

fn lines(records: &[Record]) -> String {
    records.iter().map(|record| wire::line(record).expect("a record that can be written")).collect()
}

fn compare(folder: &Path, base: &str, new: &str, more: &[&str]) -> Ended {
    std::fs::write(folder.join("base.jsonl"), base).unwrap();
    std::fs::write(folder.join("new.jsonl"), new).unwrap();
    run(flopcast(&["compare", "base.jsonl", "new.jsonl"]).args(more).current_dir(folder))
}

#[test]
fn the_outcome_is_the_exit_code() {
    let folder = folder("compare-outcomes");
    let base = lines(&records(1e10));
    for (new, threshold, code, word) in [
        (lines(&records(1e10)), "5%", 0, "ok: 2 ok"),
        (lines(&records(0.8e10)), "5%", 10, "regressed: 2 regressed"),
        (lines(&records(0.97e10)), "2%", 11, "inconclusive: 2 inconclusive"),
        (lines(&records(1e10)[..1]), "5%", 12, "not comparable: 1 not comparable, 1 ok"),
    ] {
        let ended = compare(&folder, &base, &new, &["--threshold", threshold]);
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        assert!(ended.stdout.contains(word), "{word}: {ended:#?}");
    }
}

#[test]
fn what_differs_is_named_with_exit_12() {
    let folder = folder("compare-fields");
    let base = lines(&records(1e10));
    for (from, to, field) in [
        ("\"software\":false", "\"software\":true", "adapter.software"),
        ("\"driver\":\"scripted\"", "\"driver\":\"other\"", "adapter.driver"),
        ("\"driver_info\":\"\"", "\"driver_info\":\"2\"", "adapter.driver_info"),
        ("\"name\":\"scripted\"", "\"name\":\"other\"", "adapter.name"),
        ("\"backend\":\"scripted\"", "\"backend\":\"vulkan\"", "adapter.backend"),
        ("\"precision\":\"f32\"", "\"precision\":\"f64\"", "case.precision"),
        ("\"bounds_checks\":false", "\"bounds_checks\":true", "case.settings.bounds_checks"),
        ("\"naga\":\"none\"", "\"naga\":\"31\"", "tool.naga"),
        ("\"data\":\"normal\"", "\"data\":\"zeros\"", "case.data"),
        ("\"seed\":1,", "\"seed\":2,", "case.seed"),
        ("\"n\":65", "\"n\":66", "case.shape"),
        ("\"kernel\":\"naive\"", "\"kernel\":\"other\"", "case.kernel"),
        ("\"zero_fill\":false", "\"zero_fill\":true", "case.settings.zero_fill"),
        ("\"wgsl_sha256\":\"", "\"wgsl_sha256\":\"0", "case.wgsl_sha256"),
        ("\"vendor\":0", "\"vendor\":4318", "adapter.vendor"),
        ("\"device_type\":\"other\"", "\"device_type\":\"cpu\"", "adapter.device_type"),
        ("\"binding_bytes\":0", "\"binding_bytes\":1", "adapter.capabilities.binding_bytes"),
        ("\"method\":", "\"method\":9", "tool.method"),
        ("\"wgpu\":\"none\"", "\"wgpu\":\"31\"", "tool.wgpu"),
        ("host_slope", "device_slope", "figure.timing_method"),
    ] {
        let new = base.replace(from, to);
        assert_ne!(new, base, "{from}");
        let ended = compare(&folder, &base, &new, &[]);
        ended.refused(12, "not comparable");
        assert!(ended.stdout.contains(&format!("`{field}`")), "{field}: {ended:#?}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_refused_and_never_passed() {
    let folder = folder("compare-unreadable");
    let base = lines(&records(1e10));
    let cut = &base[..base.len() - 20];
    let foreign = base.replacen("flopcast.measurement/", "other.measurement/", 1);
    let nan = base.replacen("\"median\":", "\"median\":NaN,\"old\":", 1);
    for (bad, part) in [
        ("", "`new.jsonl`: holds no record"),
        (cut, "`new.jsonl`:2: the line is cut off"),
        (&foreign, "`new.jsonl`:1: schema is `other.measurement/"),
        (&nan, "`new.jsonl`:1: `figure.seconds.median`"),
        ("not json\n", "`new.jsonl`:1: "),
    ] {
        compare(&folder, &base, bad, &[]).refused(12, part);
        compare(&folder, bad, &base, &[]).refused(12, &part.replace("new", "base"));
    }
    std::fs::write(folder.join("base.jsonl"), &base).unwrap();
    run(flopcast(&["compare", "base.jsonl", "nowhere.jsonl"]).current_dir(&folder)).refused(2, "`nowhere.jsonl`");
}

#[test]
fn a_record_that_contradicts_itself_is_refused_by_the_field() {
    let folder = folder("compare-contradictions");
    let made = records(1e10);
    let base = lines(&made);
    let count = format!("\"samples\":{}", made[0].figure.as_ref().unwrap().samples);
    for (from, to, field) in [
        ("\"verdict\":\"MEASURED\"", "\"verdict\":\"INVALID\"", "`verdict`"),
        ("\"passed\":true", "\"passed\":false", "`proof`"),
        (count.as_str(), "\"samples\":0", "`figure.samples`"),
        ("\"hi\":", "\"hi\":-", "`figure.seconds`"),
    ] {
        let new = base.replace(from, to);
        assert_ne!(new, base, "{from}");
        let ended = compare(&folder, &base, &new, &[]);
        ended.refused(12, "not comparable");
        assert!(ended.stdout.contains(field), "{field}: {ended:#?}");
    }
    // A software record in the place of a hardware one and the other way round, though nothing else differs.
    let software = base
        .replace("\"software\":false", "\"software\":true")
        .replace("\"verdict\":\"MEASURED\"", "\"verdict\":\"SOFTWARE\"");
    for (one, other) in [(&base, &software), (&software, &base)] {
        let ended = compare(&folder, one, other, &[]);
        ended.refused(12, "not comparable");
        assert!(ended.stdout.contains("`adapter.software`"), "{ended:#?}");
    }
    // What is SUSPECT decides nothing: neither a pass nor a regression.
    let suspect = base.replace("\"verdict\":\"MEASURED\"", "\"verdict\":\"SUSPECT\"");
    let ended = compare(&folder, &base, &suspect, &[]);
    assert_eq!(ended.code, Some(11), "{ended:#?}");
    assert!(ended.stdout.contains("SUSPECT"), "{ended:#?}");
}

#[test]
fn a_count_never_becomes_an_exit_code() {
    // Regressed cases by the hundred: the code stays the one of the outcome, never their number modulo 256.
    let folder = folder("compare-count");
    let (base, new) = (records(1e10), records(0.5e10));
    let many = |records: &[Record]| -> String {
        let of = |seed| {
            records.iter().cloned().map(move |mut r| {
                r.case.seed = seed;
                r
            })
        };
        lines(&(0..128).flat_map(of).collect::<Vec<_>>())
    };
    let ended = compare(&folder, &many(&base), &many(&new), &[]);
    assert_eq!(ended.code, Some(10), "{}", ended.stderr);
    assert!(ended.stdout.contains("256 regressed"), "{}", ended.stdout);
}

#[test]
fn an_unusable_threshold_is_exit_2() {
    let folder = folder("compare-threshold");
    let base = lines(&records(1e10));
    for threshold in ["0%", "0", "-1", "-5%", "101", "101%", "NaN%", "inf%", "0.05", "", "much"] {
        compare(&folder, &base, &base, &["--threshold", threshold]).refused(2, "threshold");
    }
}

#[test]
fn every_format_says_the_same() {
    let folder = folder("compare-formats");
    let (base, new) = (lines(&records(1e10)), lines(&records(0.5e10)));
    let with = |format| compare(&folder, &base, &new, &["--format", format]);
    let json = with("json").json();
    assert_eq!(json["outcome"], "regressed");
    assert!((json["cases"][0]["slowdown"]["ratio"].as_f64().unwrap() - 2.0).abs() < 0.02, "{json}");
    for (format, part) in
        [("text", "+100.0 %"), ("markdown", "| regressed |"), ("junit", "<failure"), ("json", "\"regressed\"")]
    {
        let ended = with(format);
        assert_eq!(ended.code, Some(10), "{format}: {ended:#?}");
        assert!(ended.stdout.contains(part), "{format}: {ended:#?}");
    }
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = run(&mut flopcast(&["compare", "--help"]));
    for part in ["0 ok", "10 regressed", "11 inconclusive", "12 not comparable", "2 an unusable threshold"] {
        assert!(help.stdout.replace('\n', " ").contains(part), "{part}: {}", help.stdout);
    }
}
