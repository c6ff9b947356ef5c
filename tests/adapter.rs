//! What needs an adapter; a software one is enough. Without any the tests say so and pass, unless
//! FLOPCAST_REQUIRE_ADAPTER=1.
#![cfg(all(feature = "cli", feature = "gpu"))]

mod support;

use flopcast::gpu::{GpuExecutor, GpuProber, Selection};
use flopcast::kernel::{DataClass, Family, Kernel, Operands, Precision, Settings, Shape, prove};
use flopcast::measure::record::{Record, Verdict};
use flopcast::measure::witness::prove_each;
use flopcast::measure::{Executor, Timed};
use support::{flopcast, folder, on_adapter, run};

/// Shapes that hurt: no multiple of a tile, one row, one column, prime, thin, longer than a tile's step.
const HOSTILE: [&str; 13] = [
    "1x1x1",
    "1x257x127",
    "257x1x64",
    "2x3x5",
    "16x16x16",
    "64x64x64",
    "65x63x17",
    "97x101x103",
    "128x128x1",
    "33x300x5",
    "130x129x257",
    "5x5x1000",
    "70x70x1030",
];

/// Proves a kernel on hostile shapes; false where the adapter lacks what it needs.
fn proved(executor: &mut GpuExecutor, kernel: &Kernel, settings: Settings, shapes: &[&str]) -> bool {
    for text in shapes {
        let shape: Shape = text.parse().unwrap();
        let precision = kernel.precision;
        let what = format!("{}[{}] {precision} {shape}", kernel.family.name(), kernel.tiling);
        if let Err(missing) = executor.prepare(kernel, shape, settings) {
            assert_eq!(missing.status(), "unsupported", "{what}: {missing:?}");
            return false;
        }
        right(executor, shape, precision, DataClass::Normal, 5, &what);
    }
    true
}

/// Whether the adapter has what a kernel takes, by what it reports and not by what the kernel says it needs: a family that
/// hides itself would pass unseen.
fn is_had(selection: &Selection, executor: &GpuExecutor, kernel: &Kernel) -> bool {
    let class = executor.class();
    let feature = |name: &str| selection.report.features.iter().any(|f| f == name);
    let subgroups = feature("SUBGROUP") && class.subgroup == Some(kernel.tiling.lanes());
    let family = match kernel.family {
        Family::Naive | Family::WorkgroupTiled | Family::RegisterTiled | Family::RegisterDirect => true,
        Family::Dot4Packed => true,
        Family::TextureDirect => class.software,
        Family::TextureFed => class.software && subgroups,
        Family::Subgroup => subgroups,
        // What a driver lists of these is its own affair.
        Family::CooperativeMatrix | Family::Custom => false,
    };
    family
        && match kernel.precision {
            Precision::F32 | Precision::I8AccI32 => true,
            Precision::F16 | Precision::F16AccF32 => feature("SHADER_F16"),
            Precision::F64 => feature("SHADER_F64"),
        }
}

/// [`proved`], on every adapter that has what it takes.
fn proved_where_had(
    selection: &Selection,
    executor: &mut GpuExecutor,
    kernel: &Kernel,
    settings: Settings,
    shapes: &[&str],
) {
    let proved = proved(executor, kernel, settings, shapes);
    let what = format!("{}[{}] {}", kernel.family.name(), kernel.tiling, kernel.precision);
    assert!(proved || !is_had(selection, executor, kernel), "{what} is unsupported");
}

/// Proves what is prepared on exact operands and on a class of data, and every one of a few dispatches.
fn right(executor: &mut GpuExecutor, shape: Shape, precision: Precision, data: DataClass, seed: u64, what: &str) {
    let (exact, other) = (Operands::exact(shape, precision, seed), Operands::of_class(shape, precision, data, seed));
    let mut proof = None;
    for operands in [&exact, &other] {
        executor.load(operands).unwrap();
        executor.poison().unwrap();
        executor.submit(2).unwrap();
        let seen = prove(operands, &executor.read().unwrap(), precision, seed);
        assert!(seen.passed, "{what}, seed {seed}: {seen:?}");
        if proof.replace(seen).is_none() {
            executor.keep_decoy().unwrap();
        }
    }
    let each = prove_each(executor, &other, precision, seed, 3, proof.unwrap()).unwrap();
    assert!(each.passed && each.dispatches == Some(3), "{what}, seed {seed}: {each:?}");
}

#[test]
fn a_right_kernel_raises_no_alarm_over_seeds_precisions_and_data() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let mut proofs = 0;
        for precision in Precision::ALL {
            for family in Family::usual(executor.class(), precision) {
                let tiling = family.default_tiling(executor.class(), precision);
                let kernel = Kernel::compose(family, tiling, precision).unwrap();
                for text in ["1x33x7", "33x1x64", "17x19x23", "9x3x130@2", "48x40x300"] {
                    let shape: Shape = text.parse().unwrap();
                    if executor.prepare(&kernel, shape, Settings::default()).is_err() {
                        continue;
                    }
                    for seed in 100..120 {
                        let data = DataClass::ALL[seed as usize % 4];
                        right(&mut executor, shape, precision, data, seed, &format!("{family:?} {precision} {shape}"));
                        proofs += 1;
                    }
                }
            }
        }
        // f32 is in the core of WGSL: three families, five shapes, twenty seeds.
        assert!(proofs >= 100, "{proofs}");
    });
}

#[test]
fn every_kernel_is_right_on_every_hostile_shape() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        for family in Family::ALL {
            for tiling in family.tilings() {
                let kernel = Kernel::compose(family, tiling, family.precisions()[0]).unwrap();
                let supported = proved(&mut executor, &kernel, Settings::default(), &HOSTILE);
                // These two are in the core of WGSL and within every adapter's limits.
                let plain = [Family::Naive, Family::WorkgroupTiled].contains(&family);
                assert!(supported || !plain, "{}[{tiling}]", family.name());
            }
        }
    });
}

#[test]
fn every_precision_is_right_in_every_family_that_has_it() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        for precision in Precision::ALL {
            for family in Family::of(precision) {
                let tiling = family.default_tiling(executor.class(), precision);
                let kernel = Kernel::compose(family, tiling, precision).unwrap();
                proved_where_had(selection, &mut executor, &kernel, Settings::default(), &HOSTILE);
            }
        }
    });
}

#[test]
fn a_product_whose_b_is_folded_into_its_texture_is_right() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        for family in [Family::TextureFed, Family::TextureDirect] {
            for tiling in family.tilings() {
                let kernel = Kernel::compose(family, tiling, Precision::F32).unwrap();
                // Folds that end within a block of columns and rows that are no whole vectors; a batch; one row only.
                let shapes = ["19x1029x1021", "3x1300x521@2", "1x2500x300"];
                proved_where_had(selection, &mut executor, &kernel, Settings::default(), &shapes);
            }
        }
    });
}

#[test]
fn bounds_checks_and_zero_fill_change_no_product() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        for family in Family::ALL {
            let precision = family.precisions()[0];
            let tiling = family.default_tiling(executor.class(), precision);
            let kernel = Kernel::compose(family, tiling, precision).unwrap();
            for (bounds_checks, zero_fill) in [(true, false), (false, true), (true, true)] {
                let settings = Settings { bounds_checks, zero_fill };
                proved_where_had(selection, &mut executor, &kernel, settings, &["65x63x17", "1x257x127"]);
            }
        }
    });
}

#[test]
fn what_the_adapter_lacks_is_named() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let kernel = Kernel::compose(Family::TextureFed, "1024x12/16x4".parse().unwrap(), Precision::F32);
        assert!(kernel.is_err(), "three lanes are no subgroup");
        let lanes = if executor.class().subgroup == Some(4) { "64x64/16x8" } else { "64x32/16x8" };
        let kernel = Kernel::compose(Family::TextureFed, lanes.parse().unwrap(), Precision::F32).unwrap();
        let missing = executor.prepare(&kernel, Shape::square(64), Settings::default()).unwrap_err();
        let why = missing.reason().detail;
        assert_eq!(missing.status(), "unsupported");
        assert!(["CPU-type", "SUBGROUP", "subgroups of exactly"].iter().any(|part| why.contains(part)), "{why}");
    });
}

#[test]
fn a_product_cut_into_parts_is_the_same_product() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let shape: Shape = "150x90x33".parse().unwrap();
        for family in Family::ALL {
            let (class, precision) = (executor.class(), family.precisions()[0]);
            let kernel = Kernel::compose(family, family.default_tiling(class, precision), precision).unwrap();
            if let Err(missing) = executor.prepare(&kernel, shape, Settings::default()) {
                assert!(!is_had(selection, &executor, &kernel), "{}: {missing:?}", family.name());
                continue;
            }
            let operands = Operands::exact(shape, precision, 9);
            executor.load(&operands).unwrap();
            for wanted in [1, 2, 3, 1000] {
                executor.split(wanted).unwrap();
                executor.poison().unwrap();
                executor.submit(1).unwrap();
                let proof = prove(&operands, &executor.read().unwrap(), precision, 9);
                assert!(proof.passed, "{} in {wanted} parts: {proof:?}", family.name());
            }
        }
    });
}

#[test]
fn poison_alone_is_no_product() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let shape = Shape::square(32);
        let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
        executor.prepare(&kernel, shape, Settings::default()).unwrap();
        let operands = Operands::exact(shape, Precision::F32, 1);
        executor.load(&operands).unwrap();
        executor.submit(1).unwrap();
        assert!(prove(&operands, &executor.read().unwrap(), Precision::F32, 1).passed);
        executor.poison().unwrap();
        assert!(!prove(&operands, &executor.read().unwrap(), Precision::F32, 1).passed);
    });
}

#[test]
fn a_matrix_over_the_adapters_limits_is_unsupported_with_the_number() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
        let shape = Shape::new(1 << 20, 1 << 20, 8).unwrap();
        let missing = executor.prepare(&kernel, shape, Settings::default()).unwrap_err();
        assert_eq!(missing.status(), "unsupported");
        assert!(missing.reason().detail.contains("4398046511104 bytes for c"), "{missing:?}");
    });
}

#[test]
fn devices_lists_what_scripts_rely_on() {
    on_adapter(|_| {
        let ended = run(&mut flopcast(&["devices", "--format", "json"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let list = ended.json()["adapters"].clone();
        for key in [
            "index",
            "name",
            "backend",
            "device_type",
            "driver",
            "driver_info",
            "vendor",
            "device",
            "features",
            "limits",
            "software",
        ] {
            assert!(!list[0][key].is_null(), "{key} is missing in {}", list[0]);
        }
        assert!(list[0]["limits"]["maxBufferSize"].as_u64().unwrap() > 0);
    });
}

#[test]
fn measure_prints_rows_and_writes_a_line_for_each() {
    on_adapter(|selection| {
        let file = folder("measure").join("record.jsonl");
        let ended = run(flopcast(&["measure", "--suite", "smoke", "--shapes", "48x80x33,1x7x300", "--format", "json"])
            .args(["--seed", "7", "--out"])
            .arg(&file));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let rows = ended.json()["rows"].clone();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), 2 * Family::of(Precision::F32).len());
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), rows.len());
        for (line, row) in text.lines().zip(rows) {
            let record: Record = serde_json::from_str(line).unwrap();
            assert_eq!(record.case.id(), row["case"].as_str().unwrap());
            assert_eq!(record.case.seed, 7);
            if record.missing.is_some() {
                continue;
            }
            assert!(record.proof.as_ref().unwrap().passed);
            assert!(record.verdict <= Verdict::Suspect, "{record:?}");
            assert_eq!(record.verdict == Verdict::Measured, row["verdict"] == "MEASURED");
            assert!(!(selection.report.identity.software && record.verdict == Verdict::Measured));
            let rate = row["gflop_per_s"]["median"].as_f64().unwrap();
            let (lo, hi) = (row["gflop_per_s"]["lo"].as_f64().unwrap(), row["gflop_per_s"]["hi"].as_f64().unwrap());
            assert!(0.0 < lo && lo <= rate && rate <= hi, "{row}");
            assert!(row["samples"].as_u64().unwrap() >= 6);
        }
        // Every figure and verdict comes out of the raw samples again, bit by bit.
        let again = run(flopcast(&["measure", "--format", "json", "--replay"]).arg(&file).env("WGPU_BACKEND", "none"));
        assert_eq!(again.code, Some(0), "{again:#?}");
        assert_eq!(again.stdout, ended.stdout);
        let edited = text.replacen("\"samples\":", "\"samples\": ", 1).replacen("\"median\":", "\"median\":1", 1);
        std::fs::write(&file, edited).unwrap();
        run(flopcast(&["measure", "--replay"]).arg(&file)).refused(1, "derives otherwise");
    });
}

#[test]
fn a_case_asked_for_twice_is_no_second_setup() {
    on_adapter(|_| {
        let args = ["measure", "--suite", "smoke", "--shapes", "8x8x8,8x8x8", "--kernels", "naive,naive", "--host"];
        let ended = run(flopcast(&args).args(["--setups", "2", "--format", "json"]));
        let found = ended.json();
        let kernels: Vec<_> = found["rows"].as_array().unwrap().iter().map(|row| row["kernel"].clone()).collect();
        assert_eq!(kernels, ["naive", "naive", "host"], "{ended:#?}");
    });
}

#[test]
fn an_older_record_is_kept_beside_the_new_one() {
    on_adapter(|_| {
        let file = folder("previous").join("record.jsonl");
        std::fs::write(&file, "what was there\n").unwrap();
        let args = ["measure", "--suite", "smoke", "--shapes", "8x8x8", "--kernels", "naive", "--out"];
        let ended = run(flopcast(&args).arg(&file));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert_eq!(std::fs::read_to_string(file.with_extension("jsonl.previous")).unwrap(), "what was there\n");
    });
}

#[test]
fn an_unknown_adapter_lists_the_choices() {
    on_adapter(|selection| {
        let ended = run(&mut flopcast(&["measure", "--adapter", "no such thing"]));
        ended.refused(2, &selection.report.identity.name);
    });
}

#[test]
fn a_matrix_that_cannot_be_held_ends_with_the_number_and_exit_1() {
    on_adapter(|_| {
        let ended = run(&mut flopcast(&["measure", "--shapes", "1000000x1000000x8", "--kernels", "naive"]));
        ended.refused(1, "the adapter allows");
    });
}

#[test]
fn an_output_folder_that_cannot_be_written_is_found_before_anything_runs() {
    on_adapter(|_| {
        let file = folder("main-job").join("a file");
        std::fs::write(&file, "").unwrap();
        let ended = run(flopcast(&["run", "--out"]).arg(file.join("below")));
        ended.refused(2, "cannot be written");
    });
}

#[test]
fn two_prepared_cases_do_not_touch_each_other() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
        let shapes = [Shape::square(24), Shape { m: 9, n: 30, k: 17, batch: 1 }];
        let operands = shapes.map(|shape| Operands::exact(shape, Precision::F32, 3));
        for slot in [0, 1] {
            executor.select(slot);
            executor.prepare(&kernel, shapes[slot], Settings::default()).unwrap();
            executor.load(&operands[slot]).unwrap();
            executor.poison().unwrap();
        }
        executor.submit(1).unwrap();
        executor.select(0);
        assert!(!prove(&operands[0], &executor.read().unwrap(), Precision::F32, 3).passed, "still poisoned");
        executor.submit(1).unwrap();
        for slot in [0, 1] {
            executor.select(slot);
            assert!(prove(&operands[slot], &executor.read().unwrap(), Precision::F32, 3).passed, "slot {slot}");
        }
    });
}

#[test]
fn a_batch_is_each_of_its_products() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let shape: Shape = "33x18x29@5".parse().unwrap();
        for precision in Precision::ALL {
            for family in Family::of(precision) {
                let tiling = family.default_tiling(executor.class(), precision);
                let kernel = Kernel::compose(family, tiling, precision).unwrap();
                proved_where_had(selection, &mut executor, &kernel, Settings::default(), &["33x18x29@5"]);
            }
        }
        // A proof that took another product's B would pass a kernel that does.
        let operands = Operands::exact(shape, Precision::F32, 3);
        let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
        executor.prepare(&kernel, shape, Settings::default()).unwrap();
        executor.load(&operands).unwrap();
        executor.submit(1).unwrap();
        let mut c = executor.read().unwrap();
        assert!(prove(&operands, &c, Precision::F32, 3).passed);
        let (item, all) = (33 * c.stride, c.values.len());
        c.values.copy_within(item..2 * item, all - item);
        assert!(!prove(&operands, &c, Precision::F32, 3).passed);
    });
}

#[test]
fn a_matrix_over_the_largest_binding_is_cut_into_windows_and_proved() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let binding = selection.report.limits["maxStorageBufferBindingSize"];
        if binding > 1 << 28 {
            eprintln!("skipped: a matrix over {binding} bytes is too large for a test");
            return;
        }
        // A and C over the binding by a quarter, then B.
        let long = (binding / 4 / 8 * 5 / 4) as u32;
        for (m, n, k) in [(long, 8, 8), (4, long / 4, 32)] {
            let kernel = Kernel::compose(Family::RegisterDirect, "64x64/8x8".parse().unwrap(), Precision::F32).unwrap();
            let shape = Shape::new(m, n, k).unwrap();
            executor.prepare(&kernel, shape, Settings::default()).unwrap();
            let operands = Operands::exact(shape, Precision::F32, 5);
            executor.load(&operands).unwrap();
            executor.poison().unwrap();
            executor.submit(1).unwrap();
            let proof = prove(&operands, &executor.read().unwrap(), Precision::F32, 5);
            assert!(proof.passed, "{shape}: {proof:?}");
        }
    });
}

#[test]
fn tuning_is_stored_used_by_measure_and_ignored_where_it_does_not_hold() {
    on_adapter(|_| {
        let cache = folder("tune-cache");
        let flopcast = |args: &[&str]| {
            let mut command = flopcast(args);
            command.env("FLOPCAST_CACHE_DIR", &cache);
            run(&mut command)
        };
        let tune = ["tune", "--time-budget", "4s", "--kernels", "naive,register_direct", "--shapes", "64x64x64"];
        let tuned = flopcast(&[&tune[..], &["--format", "json"]].concat());
        assert_eq!(tuned.code, Some(0), "{tuned:#?}");
        let winner = tuned.json()["winner"].clone();
        assert!(tuned.json()["measured"]["gflop_per_s"]["median"].as_f64().unwrap() > 0.0);
        assert!(tuned.json()["regret"].is_number());

        let kernel = winner["kernel"].as_str().unwrap();
        let measure = ["measure", "--suite", "smoke", "--shapes", "33x32x31", "--format", "json", "--kernels", kernel];
        let row = |ended: &support::Ended| ended.json()["rows"][0].clone();
        let used = flopcast(&measure);
        assert_eq!(row(&used)["tiling"], winner["tiling"]);
        assert!(row(&used)["tuned"].as_str().unwrap().starts_with("20"), "{used:#?}");
        assert!(row(&flopcast(&[&measure[..], &["--no-cache"]].concat()))["tuned"].is_null());
        assert!(flopcast(&["cache", "show"]).stdout.contains(kernel));

        // Cut in the middle, and from another version: ignored with a warning, and built again.
        let path = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let older =
            text.replacen(&format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"version\": \"0.0.1\"", 1);
        assert_ne!(older, text);
        for (edited, part) in [(&text[..text.len() / 2], "it is cut off"), (&older, "made with flopcast 0.0.1")] {
            std::fs::write(&path, edited).unwrap();
            let ended = flopcast(&measure);
            assert_eq!(ended.code, Some(0), "{ended:#?}");
            assert!(row(&ended)["tuned"].is_null());
            assert!(ended.stderr.contains("warning: ") && ended.stderr.contains(part), "{ended:#?}");
            assert_eq!(flopcast(&tune).code, Some(0));
            assert!(row(&flopcast(&measure))["tuned"].is_string());
        }
        assert_eq!(flopcast(&["cache", "clear"]).code, Some(0));
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);

        flopcast(&["tune", "--time-budget", "1ms"]).refused(2, "too small for one measurement");
        flopcast(&["tune", "--time-budget", "soon"]).refused(2, "--time-budget");
    });
}

#[test]
fn settings_of_the_command_line_are_part_of_the_identity() {
    on_adapter(|_| {
        let file = folder("settings").join("record.jsonl");
        let args = ["measure", "--suite", "smoke", "--shapes", "32x32x32", "--kernels", "workgroup_tiled"];
        let ended = run(flopcast(&args).args(["--bounds-checks", "on", "--zero-fill", "on", "--out"]).arg(&file));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let record: Record = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(record.case.settings, Settings { bounds_checks: true, zero_fill: true });
        run(&mut flopcast(&["measure", "--bounds-checks", "perhaps"])).refused(2, "--bounds-checks");
    });
}

#[test]
fn portability_is_told_in_ratios_with_intervals_or_what_is_lacking() {
    on_adapter(|_| {
        let ended =
            run(&mut flopcast(&["measure", "--suite", "portability", "--shapes", "64x64x64", "--format", "json"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let costs = ended.json()["costs"].clone();
        let costs = costs.as_array().unwrap();
        assert!(costs.iter().filter(|c| c["ratio"].is_number()).count() >= 3, "{costs:#?}");
        for cost in costs {
            match cost["ratio"].as_f64() {
                Some(ratio) => {
                    let (lo, hi) = (cost["lo"].as_f64().unwrap(), cost["hi"].as_f64().unwrap());
                    assert!(0.0 < lo && lo <= ratio && ratio <= hi, "{cost}");
                }
                None => assert!(cost["missing"] == "unsupported" && cost["why"].is_string(), "{cost}"),
            }
        }
    });
}

#[test]
fn the_host_and_a_jobs_products_are_measured_beside_an_adapter() {
    on_adapter(|_| {
        let file = folder("job").join("record.jsonl");
        let job = ["--job", "qwen3-30b-a3b", "--tp", "32", "--ep", "128", "--sequence", "4"];
        let args = ["measure", "--suite", "smoke", "--kernels", "naive", "--format", "json", "--out"];
        let ended = run(flopcast(&args).arg(&file).args(job));
        let rows = ended.json()["rows"].clone();
        assert!(rows.as_array().unwrap().len() >= 9, "{ended:#?}");
        assert!(rows.as_array().unwrap().iter().any(|r| r["k"] == 4), "weight gradients sum over tokens: {rows}");

        let ended = run(flopcast(&args).arg(&file).args(["--shapes", "48x32x40@3", "--host"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let rows = ended.json()["rows"].clone();
        assert_eq!((&rows[0]["batch"], &rows[1]["kernel"]), (&3.into(), &"host".into()), "{rows}");
        assert!(rows[1]["gflop_per_s"]["median"].as_f64().unwrap() > 0.0);
        // The host is no adapter: it calibrates nothing, and stands in no way.
        let calibrated = run(flopcast(&["calibrate", "--format", "json"]).arg(&file));
        assert!(!calibrated.stdout.contains("\"host\""), "{calibrated:#?}");
        run(&mut flopcast(&["measure", "--job", "grok-1", "--tp", "7"])).refused(2, "does not divide");
        run(&mut flopcast(&["measure", "--job", "no-such"])).refused(2, "no-such");
        run(&mut flopcast(&["measure", "--tp", "8"])).refused(2, "--job");
    });
}

#[test]
fn every_probe_leaves_behind_what_its_twin_says_and_poison_does_not() {
    use flopcast::measure::Timed;
    use flopcast::measure::probe::kind::Scale;
    use flopcast::measure::probe::{Prober, suite};
    on_adapter(|selection| {
        let mut prober = GpuProber::open(selection).unwrap();
        let scale = Scale { groups: 8, bytes: 1 << 17, turns: 3 };
        let mut proved = 0;
        for probe in suite::every_kind(scale) {
            let id = probe.id();
            if let Err(missing) = prober.set_up(&probe, &probe.compose().unwrap()) {
                assert_eq!(missing.status(), "unsupported", "{id}: {missing:?}");
                continue;
            }
            for repeats in [1, 5] {
                prober.poison().unwrap();
                prober.submit(repeats).unwrap();
                let output = prober.output().unwrap();
                let checked = probe.check(&output.bytes, output.repeats, output.set);
                assert!(checked.passed && checked.values > 0, "{id}: {checked:?}");
            }
            prober.poison().unwrap();
            let output = prober.output().unwrap();
            assert!(!probe.check(&output.bytes, output.repeats, output.set).passed, "{id}");
            proved += 1;
        }
        // Arithmetic of f32 and bytes, memory, launches and transfers need no feature.
        assert!(proved >= 22, "{proved}");
    });
}

/// The body of `cooperative_matrix` with fragments by other means, so that an adapter without matrix units runs
/// everything else of it: tiles, edges, rounds of subgroups, what is stored where. A fragment of A or B is its
/// place in the tile; one of C is spread over the `lanes` lanes of a subgroup, element after element.
/// `workgroup` invocations instead of the kernel's own make more, or fewer, subgroups than there are patches.
fn cooperative_without_matrix_units(kernel: &Kernel, workgroup: u32, lanes: u32) -> String {
    let (header, _) = kernel.wgsl.split_once("// What every matmul kernel sees").expect("the composer's header");
    let header: String = header
        .lines()
        .filter(|line| !line.starts_with("enable wgpu_cooperative_matrix"))
        .map(|line| match line.split_once(" = coop_mat") {
            Some((alias, _)) if alias.ends_with('C') => format!("{alias} = array<Sum, FRAGMENT * FRAGMENT / LANES>;\n"),
            Some((alias, _)) => format!("{alias} = vec2<u32>;\n"),
            None if line.starts_with("const WORKGROUP") => format!("const WORKGROUP = {workgroup}u;\n"),
            None => format!("{line}\n"),
        })
        .collect();
    let body = include_str!("../shaders/matmul/cooperative_matrix.wgsl")
        .replace("coopLoadT<FragmentA>(&tile_a[", "FragmentA(")
        .replace("coopLoadT<FragmentB>(&tile_b[", "FragmentB(")
        .replace("], ROW_A)", ", ROW_A)")
        .replace("], ROW_B)", ", ROW_B)")
        .replace("coopMultiplyAdd(", "multiply_add(lane, ")
        .replace("coopStoreT(", "store_fragment(lane, ")
        .replace(", &tile_c[scratch], FRAGMENT)", ", scratch, FRAGMENT)");
    assert!(!body.contains("coop"), "{body}");
    let rest = "fn multiply_add(lane: u32, a: FragmentA, b: FragmentB, c: FragmentC) -> FragmentC {
        var z = c;
        for (var i = 0u; i < FRAGMENT * FRAGMENT / LANES; i += 1u) {
            let at = i * LANES + lane;
            for (var k = 0u; k < FRAGMENT; k += 1u) {
                z[i] += Sum(tile_a[a.x + (at / FRAGMENT) * a.y + k]) * Sum(tile_b[b.x + k * b.y + at % FRAGMENT]);
            }
        }
        return z;
    }
    fn store_fragment(lane: u32, c: FragmentC, place: u32, row: u32) {
        var z = c;
        for (var i = 0u; i < FRAGMENT * FRAGMENT / LANES; i += 1u) {
            let at = i * LANES + lane;
            tile_c[place + (at / FRAGMENT) * row + at % FRAGMENT] = z[i];
        }
    }
    ";
    let (dims, vectors) = (include_str!("../shaders/shared/dims.wgsl"), include_str!("../shaders/shared/vectors.wgsl"));
    format!("{header}const LANES = {lanes}u;\n{dims}{vectors}{rest}{body}")
}

#[test]
fn the_matrix_kernel_is_right_but_for_its_fragments_however_large_subgroups_are() {
    on_adapter(|selection| {
        let mut executor = GpuExecutor::open(selection).unwrap();
        let lanes = match executor.class().subgroup {
            Some(lanes) if lanes <= 32 => lanes,
            other => return eprintln!("skipped: subgroups of {other:?}"),
        };
        let mut proved_all = true;
        // A subgroup for each of the four patches, more of them than patches, and two rounds with fewer.
        for (tiling, precision, workgroups) in [
            ("32x32x16/16x16/16x16", Precision::F16AccF32, &[4][..]),
            ("32x16x16/16x8/8x8", Precision::F32, &[4, 8, 3]),
        ] {
            let kernel = Kernel::compose(Family::CooperativeMatrix, tiling.parse().unwrap(), precision).unwrap();
            for workgroup in workgroups.iter().map(|subgroups| subgroups * lanes) {
                let text = cooperative_without_matrix_units(&kernel, workgroup, lanes);
                let custom = Kernel::from_wgsl(&text, "emulated", precision, None).unwrap();
                let shapes = ["1x1x1", "65x63x17", "5x5x100"];
                proved_all &= proved(&mut executor, &custom, Settings::default(), &shapes);
            }
        }
        assert!(proved_all || !selection.report.features.iter().any(|f| f == "SHADER_F16"));
    });
}

#[test]
fn what_no_adapter_can_do_is_a_row_and_one_line_and_nothing_hangs() {
    on_adapter(|selection| {
        let features = &selection.report.features;
        let lacks = |feature: &str| !features.iter().any(|f| f == feature);
        let measure = |args: &[&str]| run(flopcast(&["measure", "--suite", "smoke", "--no-cache"]).args(args));
        // More invocations, and more workgroup memory, than any adapter gives a workgroup.
        let over = ["--kernels", "register_tiled", "--shapes", "32x32x32", "--tiling"];
        measure(&[&over[..], &["1024x1024x8/4x4"]].concat()).refused(1, "65536 invocations per workgroup; the adapter");
        measure(&[&over[..], &["512x512x512/32x32"]].concat()).refused(1, "bytes of workgroup memory; the adapter");
        // Precisions and units that are lacking are rows with the feature's name.
        for (precision, kernel, feature) in [
            ("f16_acc_f32", "cooperative_matrix", "EXPERIMENTAL_COOPERATIVE_MATRIX"),
            ("f16", "naive", "SHADER_F16"),
            ("f64", "naive", "SHADER_F64"),
        ] {
            let args = ["--shapes", "32x32x32", "--precision", precision, "--kernels", kernel, "--format", "json"];
            let ended = measure(&args);
            let row = &ended.json()["rows"][0];
            if lacks(feature) {
                ended.refused(1, feature);
                assert_eq!(row["missing"], "unsupported", "{row}");
                assert!(row["gflop_per_s"].is_null() && row["reasons"].to_string().contains(feature), "{row}");
            } else if kernel == "naive" {
                assert_eq!(ended.code, Some(0), "{ended:#?}");
            }
        }
        // A budget too small for one measurement, in every way to give one.
        measure(&["--shapes", "32x32x32", "--time-budget", "1us"]).refused(1, "time budget");
        for (args, code, part) in [
            (&["measure", "--suite", "roofline", "--time-budget", "1ms"][..], 1, "no probe has a figure"),
            (&["measure", "--suite", "portability", "--time-budget", "1ms"], 1, "left of the time budget"),
            (&["tune", "--best-shape", "--time-budget", "1us"], 2, "too small for one measurement"),
            (&["measure", "--suite", "portability", "--kernels", "naive"], 2, "`--kernels` does not go with"),
            (&["measure", "--suite", "portability", "--out", "never.jsonl"], 2, "`--out` does not go with"),
            (&["measure", "--suite", "roofline", "--host"], 2, "`--host` does not go with"),
        ] {
            run(&mut flopcast(args)).refused(code, part);
        }
        assert!(!std::path::Path::new("never.jsonl").exists());
    });
}

#[test]
fn the_best_shape_is_measured_again_and_told_beside_what_others_reach() {
    on_adapter(|_| {
        let args = ["tune", "--best-shape", "--time-budget", "3s", "--kernels", "register_direct", "--no-cache"];
        let ended = run(flopcast(&args).args(["--format", "json"]));
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let found = ended.json();
        let tried = found["tried"].as_array().unwrap();
        let rate = |value: &serde_json::Value| value["search_gflop_per_s"].as_f64().unwrap();
        assert!(tried.len() >= 3 && tried.is_sorted_by(|a, b| rate(a) >= rate(b)), "{found}");
        let best = &found["measured"];
        let shape = format!("{}x{}x{}", best["m"], best["n"], best["k"]);
        assert_eq!((shape.as_str(), rate(&tried[0])), (tried[0]["shape"].as_str().unwrap(), rate(&found)), "{found}");
        assert!(best["gflop_per_s"]["median"].as_f64().unwrap() > 0.0 && best["samples"].as_u64().unwrap() > 0);
        let (over, mean) = (&found["over_all"], found["over_all"]["geometric_mean_gflop_per_s"].as_f64().unwrap());
        assert!(rate(tried.last().unwrap()) <= mean && mean <= rate(&tried[0]), "{over}");
        assert_eq!(over["shapes"], tried.len());
    });
}

#[test]
fn the_main_job_shows_the_host_beside_the_adapter_on_the_same_shapes() {
    on_adapter(|selection| {
        let out = folder("main-job-host");
        let ended =
            run(flopcast(&["run", "--time-budget", "15s", "--format", "json", "--no-progress", "--out"]).arg(&out));
        // A fifth of the budget is the host's: of 6 s busy cores had too little left for one shape of five.
        // Few rounds can leave nothing to calibrate from; the rows are there all the same.
        assert!([Some(0), Some(1)].contains(&ended.code), "{ended:#?}");
        let rows = ended.json()["measurements"].clone();
        let rows = rows.as_array().unwrap();
        let shape = |row: &serde_json::Value| format!("{}x{}x{}", row["m"], row["n"], row["k"]);
        let host: Vec<_> = rows.iter().filter(|row| row["kernel"] == "host").collect();
        assert_eq!(host.len(), 5, "{ended:#?}");
        for pair in rows.windows(2).filter(|pair| pair[1]["kernel"] == "host") {
            assert_eq!(shape(&pair[0]), shape(&pair[1]), "the host follows the adapter's rows of its shape");
            assert_ne!(pair[0]["kernel"], "host");
        }
        assert!(host.iter().any(|row| row["gflop_per_s"]["median"].as_f64() > Some(0.0)), "{host:#?}");
        // It is in the record under its own name, and in no ceiling.
        let record = std::fs::read_to_string(out.join("measurements.jsonl")).unwrap();
        assert_eq!(record.matches("\"backend\":\"host\"").count(), 5);
        if let Ok(calibration) = std::fs::read_to_string(out.join("calibration.json")) {
            assert!(calibration.contains(&selection.report.identity.name) && !calibration.contains("\"host\""));
        }
    });
}
