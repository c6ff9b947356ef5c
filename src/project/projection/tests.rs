//! Claims about projections.

use super::*;
use crate::calibrate::software_for_tests;

fn projected(calibration: Option<&Calibration>, transfer: Transfer) -> Projection {
    let catalog = Catalog::built_in().unwrap();
    run(&catalog, "xai-12k-h100-redirected", calibration, &Options { transfer, ..Options::default() }).unwrap()
}

#[test]
fn every_built_in_scenario_gives_ordered_finite_ranges_for_every_quantity() {
    let catalog = Catalog::built_in().unwrap();
    for name in catalog.scenarios.keys() {
        let p = run(&catalog, name, None, &Options::default()).unwrap();
        for wanted in ["step_time", "mfu", "tokens_per_s", "run_days", "cluster_flop_per_s", "goodput"] {
            let q = &p.quantities[wanted];
            assert!(q.p5.is_finite() && q.p5 <= q.p50 && q.p50 <= q.p95 && q.p95.is_finite(), "{name} {wanted}");
            assert!(q.p5 <= q.value && q.value <= q.p95, "{name} {wanted}: {q:?}");
            assert!(!q.sources.is_empty());
        }
        assert!(p.quantities["mfu"].value < 1.0);
        assert!(p.warnings.iter().any(|w| w.contains("published figures alone")));
        for s in &p.sources {
            assert!(catalog.sources.contains_key(&s.id), "{}", s.id);
        }
    }
}

#[test]
fn a_software_calibration_marks_everything_that_is_made_of_it() {
    let p = projected(Some(&software_for_tests()), Transfer::Shape);
    assert!(p.software && p.quantities["step_time"].software && p.quantities["run_days"].software);
    assert!(p.equivalents.as_ref().unwrap().provenance.software);
    assert!(p.warnings.iter().any(|w| w.contains("SOFTWARE")));
    assert!(p.warnings.iter().any(|w| w.contains("transfer=shape")));
    assert!(p.quantities["step_time"].sources.contains(&"m.jsonl".to_string()));
    // The peak and the failures have nothing to do with the measurement.
    assert!(!p.quantities["peak_flop_per_s"].software && !p.quantities["goodput"].software);
}

#[test]
fn a_transferred_curve_widens_the_range_and_none_changes_nothing() {
    let plain = projected(None, Transfer::Shape);
    let shape = projected(Some(&software_for_tests()), Transfer::Shape);
    let none = projected(Some(&software_for_tests()), Transfer::None);
    let width = |p: &Projection| (p.quantities["step_time"].p95 / p.quantities["step_time"].p5).ln();
    assert!(width(&shape) > 1.1 * width(&plain), "{} {}", width(&shape), width(&plain));
    assert_eq!(none.quantities, plain.quantities);
    assert!(!none.software && none.equivalents.is_some());
}

#[test]
fn a_curve_of_one_value_everywhere_moves_no_figure() {
    let mut flat = software_for_tests();
    for p in &mut flat.precisions {
        for point in &mut p.curve.points {
            point.efficiency = 1.0;
        }
    }
    let (a, b) = (projected(None, Transfer::None), projected(Some(&flat), Transfer::Shape));
    assert_eq!(a.layout, b.layout);
    assert!((a.quantities["step_time"].value / b.quantities["step_time"].value - 1.0).abs() < 1e-12);
}

#[test]
fn the_rate_of_the_measured_adapter_never_carries_over() {
    let mut fast = software_for_tests();
    for p in &mut fast.precisions {
        // Ten times the rate with the extents that saturate it grown alike: the same shape.
        for i in [&mut p.ceiling.gflop_per_s.median, &mut p.ceiling.gflop_per_s.lo, &mut p.ceiling.gflop_per_s.hi] {
            *i *= 10.0;
        }
        for point in &mut p.curve.points {
            for extent in [&mut point.m, &mut point.n, &mut point.k] {
                *extent *= 10f64.cbrt();
            }
        }
    }
    let (a, b) = (projected(Some(&software_for_tests()), Transfer::Shape), projected(Some(&fast), Transfer::Shape));
    assert!((a.quantities["step_time"].value / b.quantities["step_time"].value - 1.0).abs() < 1e-6);
    let (a, b) = (a.equivalents.unwrap(), b.equivalents.unwrap());
    assert!((b.one / a.one - 10.0).abs() < 1e-9);
    assert_eq!(a.ideal[0].count, 12_000);
    assert!((a.ideal[0].flop_per_s - 12_000.0 * a.one).abs() < 1.0);
}

#[test]
fn mfu_has_two_digits_and_the_same_input_gives_the_same_bits() {
    let (a, b) = (projected(None, Transfer::None), projected(None, Transfer::None));
    assert_eq!(a, b);
    let q = &a.quantities["mfu"];
    for x in [q.value, q.p5, q.p50, q.p95] {
        assert_eq!(x, two_digits(x));
    }
    let text = serde_json::to_string(&a).unwrap();
    assert_eq!(serde_json::from_str::<Projection>(&text).unwrap(), a);
}

#[test]
fn an_impossible_scenario_is_refused_with_its_field() {
    let entry = |change: &str| {
        format!(
            "[provenance]\nsource='flopcast'\ndate='2026'\ntier='assumed'\n[scenario.x]\ntitle='x'\n\
             cluster='xai-12k-h100'\njob='grok-1'\nformat='bf16'\ntokens={{value=1,unit='Ttoken'}}\n\
             sequence={{value=8192,unit='token'}}\nbatch={{value=24.576,unit='Mtoken'}}\n\
             checkpoint={{value=30,unit='s'}}\nrestart={{value=300,unit='s'}}\n{change}"
        )
    };
    let fails = |text: &str| {
        let mut catalog = Catalog::built_in().unwrap();
        catalog.add_text(text, "x.toml").and_then(|_| run(&catalog, "x", None, &Options::default())).unwrap_err()
    };
    let good = entry("");
    let layout = "layout={tensor=8,pipeline=4,data=375,expert=8,micro_batch=1,recompute='none'}";
    for (text, part) in [
        (good.replace("24.576", "24.5"), "`batch`"),
        (good.replace("value=8192", "value=8192.5"), "`sequence`"),
        (good.replace("value=1,unit='Ttoken'", "value=1,unit='Mtoken'"), "`tokens`: fewer than one batch"),
        (good.replace("'bf16'", "'fp4'"), "no fp4 peak"),
        (good.replace("'grok-1'", "'grok-9'"), "unknown job `grok-9`"),
        (entry("accelerators={value=13000,unit='accelerator'}"), "13000 of a cluster of 12000"),
        (entry(&layout.replace("375", "370")), "does not divide"),
        (entry(&layout.replace("375", "300")), "takes 9600 accelerators, not 12000"),
        (entry(&layout.replace("'none'", "'some'")), "`scenario.x.layout.recompute`"),
        (entry("accelerators={value=8,unit='accelerator'}"), "no layout fits"),
        (entry("layout='tp8 pp4 dp376 ep8 mb1'"), "takes 12032 accelerators, not 12000"),
        (entry("layout='tp8 pp4 dp375 zp8'"), "`scenario.x.layout`: layout `tp8 pp4 dp375 zp8`: `zp8` is no word"),
        (entry("layout=8"), "`scenario.x.layout`"),
    ] {
        let error = fails(&text);
        assert!(error.message().contains(part), "{part}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
    // In words it is the same as in a table, and what a search leaves idle a statement may.
    let stated = |text: &str| {
        let mut catalog = Catalog::built_in().unwrap();
        catalog.add_text(text, "x.toml").unwrap();
        run(&catalog, "x", None, &Options::default()).unwrap()
    };
    let (table, words) = (stated(&entry(layout)), stated(&entry("layout='tp8 pp4 dp375 ep8 mb1'")));
    assert_eq!(table.layout, words.layout);
    assert_eq!(table.quantities["step_time"], words.quantities["step_time"]);
    let most = stated(&entry("layout='tp8 pp4 dp373 ep8 mb1'").replace("24.576", "24.444928"));
    assert!(most.warnings.iter().any(|w| w.contains("64 accelerators stay idle")), "{:?}", most.warnings);
}

#[test]
fn a_calibration_bends_a_surface_that_stands_for_another_and_takes_none_of_its_doubt() {
    let catalog = Catalog::built_in().unwrap();
    let software = software_for_tests();
    for calibration in [None, Some(&software)] {
        let p = run(&catalog, "rubin-100k", calibration, &Options::default()).unwrap();
        assert!(p.warnings.iter().any(|w| w.contains("stand for their shape, widened")), "{:?}", p.warnings);
        let [early, late] = p.sensitivities.iter().find(|s| s.name == "surface.error").unwrap().run_days.unwrap();
        assert!((late / early).ln().abs() > 0.05, "{early} {late}");
    }
}
