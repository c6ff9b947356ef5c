//! Claims about what rests on what.

use super::*;
use crate::calibrate::software_for_tests;
use crate::project::Projection;
use crate::project::scaling::{Mode, Range, Scaling, scaling};
use crate::project::what_if::{WhatIfs, what_if};

const MINE: &str = "[provenance]\nsource='flopcast'\ndate='2026'\ntier='assumed'\n[scenario.x]\ntitle='x'\n\
    cluster='xai-12k-h100'\njob='grok-1'\nformat='bf16'\ntokens={value=1,unit='Ttoken'}\n\
    sequence={value=8192,unit='token'}\nbatch={value=24.576,unit='Mtoken'}\n\
    checkpoint={value=30,unit='s'}\nrestart={value=300,unit='s'}\n";

fn mine(change: &str) -> Catalog {
    let mut catalog = Catalog::built_in().unwrap();
    catalog.add_text(&format!("{MINE}{change}"), "x.toml").unwrap();
    catalog
}

fn median(catalog: &Catalog, output: Output) -> f64 {
    Study::new(catalog, "x", None, &Options::default()).unwrap().at_medians(output).unwrap()
}

#[test]
fn the_tree_of_a_quantity_has_every_input_that_moves_it_and_none_that_does_not() {
    let catalog = Catalog::built_in().unwrap();
    let calibration = software_for_tests();
    for (name, calibration) in
        [("xai-300k-b200", None), ("xai-12k-h100-redirected", Some(&calibration)), ("oracle-16k-h100-rented", None)]
    {
        let study = Study::new(&catalog, name, calibration, &Options::default()).unwrap();
        for output in Output::ALL.iter().copied().filter(|o| study.at_medians(*o).is_some()) {
            let tree = study.explain(&catalog, output).unwrap();
            let inputs = tree.inputs();
            // Against the draws themselves: each input replaced by what another draw has in its place.
            for (place, input) in study.inputs().iter().enumerate().filter(|(_, i)| i.uncertain()) {
                let moved = (0..40).any(|i| {
                    let mut row = study.first.row(97 * i).to_vec();
                    let before = study.outcome(&row, &study.drawn, &study.shape)[output as usize];
                    row[place] = study.first.row(97 * i + 1)[place];
                    before.to_bits() != study.outcome(&row, &study.drawn, &study.shape)[output as usize].to_bits()
                });
                assert!(!moved || inputs.contains(&input.name), "{name} {}: {}", output.name(), input.name);
                assert!(
                    moved || study.moves(place, output) || !inputs.contains(&input.name),
                    "{name} {}: {}",
                    output.name(),
                    input.name
                );
            }
            let moving: std::collections::BTreeSet<String> = (0..study.inputs().len())
                .filter(|i| study.moves(*i, output))
                .map(|i| study.inputs()[i].name.clone())
                .collect();
            assert_eq!(inputs, moving.into_iter().collect::<Vec<_>>(), "{name} {}", output.name());
        }
    }
}

#[test]
fn a_tree_ends_in_citations_and_in_the_record_where_there_is_one() {
    let catalog = Catalog::built_in().unwrap();
    let calibration = software_for_tests();
    let study = Study::new(&catalog, "xai-12k-h100-redirected", Some(&calibration), &Options::default()).unwrap();
    let tree = study.explain(&catalog, Output::RunDays).unwrap();
    let names: Vec<_> = tree.children.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["steps", "step_time", "goodput"]);
    fn leaves<'a>(node: &'a Node, into: &mut Vec<&'a Node>) {
        if node.children.is_empty() {
            into.push(node);
        }
        node.children.iter().for_each(|n| leaves(n, into));
    }
    let mut all = Vec::new();
    leaves(&tree, &mut all);
    for leaf in &all {
        assert_ne!(leaf.kind, NodeKind::Quantity, "{}", leaf.name);
        assert!(leaf.sources.iter().all(|s| !s.title.is_empty() && !s.locator.is_empty()), "{leaf:?}");
        assert!(!leaf.sources.is_empty());
    }
    let record = all.iter().find(|n| n.kind == NodeKind::Measurement).unwrap();
    assert_eq!((record.sources[0].id.as_str(), record.software), ("m.jsonl", true));
    for wanted in ["accelerator.peak", "node.scale_out", "fabric.efficiency", "job.grok-1", "failure_rate", "restart"] {
        assert!(all.iter().any(|n| n.name == wanted), "{wanted}");
    }
    assert!(!all.iter().any(|n| n.name == "site.pue" || n.name == "price.rent"));
}

#[test]
fn what_an_input_does_not_touch_is_not_computed_anew_and_the_result_is_the_same() {
    let catalog = Catalog::built_in().unwrap();
    let study = Study::new(&catalog, "xai-300k-b200", None, &Options::default()).unwrap();
    let kept: Vec<_> = (0..DRAWS).map(|i| study.evaluate(study.first.row(i), &study.drawn, &study.shape).1).collect();
    for (place, input) in study.inputs().iter().enumerate().filter(|(_, i)| i.uncertain()) {
        for i in (0..DRAWS).step_by(37) {
            let mut row = study.first.row(i).to_vec();
            row[place] = study.first.row((i + 1) % DRAWS)[place];
            let quick = study.again(&kept[i], &row, study.touched[place]);
            let whole = study.evaluate(&row, &study.drawn, &study.shape).1;
            assert_eq!(quick, (whole.step, whole.lost), "{}", input.name);
        }
    }
}

#[test]
fn measuring_an_input_narrows_the_range_that_it_is_the_width_of() {
    let catalog = Catalog::built_in().unwrap();
    for name in ["xai-300k-b200", "xai-12k-h100-redirected"] {
        let study = Study::new(&catalog, name, None, &Options::default()).unwrap();
        let (all, _, next) = study.sensitivities();
        assert_eq!(next[0].input, all[0].name);
        assert!(all.windows(2).all(|w| w[0].total >= w[1].total));
        let days = &next[0].narrowed[0];
        assert_eq!(days.quantity, "run_days");
        let width = |[low, high]: [f64; 2]| (high / low).ln();
        // The variance that is left is what the input does not have alone.
        let left = width(days.to) / width(days.from);
        assert!(left < (1.0 - all[0].first).sqrt() + 0.05, "{left} {:?}", all[0]);
    }
}

#[test]
fn a_swing_says_which_way_an_input_moves_the_days_and_holds_the_medians_between_its_ends() {
    let catalog = Catalog::built_in().unwrap();
    let study = Study::new(&catalog, "xai-12k-h100-redirected", None, &Options::default()).unwrap();
    let days = study.at_medians(Output::RunDays).unwrap();
    let (all, ..) = study.sensitivities();
    let swing = |name: &str| all.iter().find(|s| s.name == name).unwrap().run_days.unwrap();
    // More failures take longer, a better fabric less long.
    let [few, many] = swing("failure_rate");
    assert!(few < days && days < many, "{few} {days} {many}");
    let [poor, good] = swing("fabric.efficiency");
    assert!(good < days && days < poor, "{poor} {days} {good}");
    for s in &all {
        assert_eq!(s.run_days.is_some(), s.total != 0.0 || s.first != 0.0, "{s:?}");
        // What has a share of the variance moves the days when it alone is moved.
        assert!(s.total < 0.02 || s.run_days.is_some_and(|[a, b]| a != b), "{s:?}");
    }
}

#[test]
fn a_power_cap_decides_how_many_are_switched_on_and_the_job_is_laid_out_on_those() {
    let all = mine("");
    let capped = mine("site={power_cap={value=8,unit='MW'}}\n");
    let study = Study::new(&capped, "x", None, &Options::default()).unwrap();
    // 10.2 kW × 0.82 × 1.065 × 1.25 per box of eight.
    let boxes = (8e6f64 / (10_200.0 * 0.82 * 1.065 * 1.25)).floor();
    assert_eq!(study.forecast().on, 8.0 * boxes);
    assert!(study.layout().0.accelerators() as f64 <= study.forecast().on);
    assert!(study.at_medians(Output::FacilityPeak).unwrap() <= 8.0);
    assert!(median(&capped, Output::RunDays) > median(&all, Output::RunDays));
    let p = Projection::new(&capped, &study, None);
    assert!(p.warnings.iter().any(|w| w.contains("no place to turn them on")), "{:?}", p.warnings);
    assert!(p.quantities.contains_key("accelerators_powered"));
    assert!(
        !Projection::new(&all, &Study::new(&all, "x", None, &Options::default()).unwrap(), None)
            .quantities
            .contains_key("accelerators_powered")
    );
}

#[test]
fn two_halves_run_at_the_slower_ones_pace_and_their_power_adds() {
    let cluster = |pace: f64| {
        format!(
            "cluster='two'\n[cluster.two]\ntitle='t'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\n\
             fabric='infiniband-ndr'\naccelerators={{value=12000,unit='accelerator'}}\n[cluster.two.half.a]\ntitle='a'\n\
             accelerators={{value=6000,unit='accelerator'}}\n[cluster.two.half.b]\ntitle='b'\nnode='hgx-b'\n\
             accelerators={{value=6000,unit='accelerator'}}\npace={{value={pace},unit='1'}}\n[node.hgx-b]\ntitle='b'\n\
             accelerators={{value=8,unit='accelerator'}}\nscale_up_domain={{value=8,unit='accelerator'}}\n\
             scale_out={{value=400,unit='Gbit/s'}}\npower={{value=12.2,unit='kW'}}\n"
        )
    };
    let of = |pace: f64| {
        let mut catalog = Catalog::built_in().unwrap();
        let text = format!("{}{}", MINE.replace("cluster='xai-12k-h100'\n", ""), cluster(pace));
        catalog.add_text(&text, "x.toml").unwrap();
        catalog
    };
    let (even, slow) = (of(1.0), of(0.9));
    let (a, b) = (median(&even, Output::StepTime), median(&slow, Output::StepTime));
    assert!(b > 1.02 * a && b < 1.12 * a, "{a} {b}");
    assert_eq!(median(&even, Output::PartsCost), 0.0);
    let cost = median(&slow, Output::PartsCost);
    assert!(cost > 0.01 && cost < 0.06, "{cost}");
    // Boxes of 10.2 and of 12.2 kW draw what boxes of 11.2 kW would.
    let ratio = median(&even, Output::NodePower) / median(&mine(""), Output::NodePower);
    assert!((ratio - 11.2 / 10.2).abs() < 1e-9, "{ratio}");
    let told = |catalog: &Catalog| {
        let study = Study::new(catalog, "x", None, &Options::default()).unwrap();
        Projection::new(catalog, &study, None).warnings.join("\n")
    };
    assert!(told(&slow).contains("parts of different pace keep step") && told(&slow).contains("as fast as b"));
    assert!(!told(&even).contains("keep step"), "{}", told(&even));
    let mut uneven = of(1.0);
    uneven.clusters.get_mut("two").unwrap().half.remove("b");
    let error = Study::new(&uneven, "x", None, &Options::default()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`half`: parts of 6000 accelerators"), "{error}");
}

#[test]
fn halves_of_different_accelerators_run_at_the_slower_ones_pace_and_say_what_that_costs() {
    let of = |halves: &str| {
        let mut catalog = Catalog::built_in().unwrap();
        let text = format!(
            "{}cluster='two'\n[cluster.two]\ntitle='t'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\n\
             fabric='infiniband-ndr'\naccelerators={{value=12000,unit='accelerator'}}\n{halves}",
            MINE.replace("cluster='xai-12k-h100'\n", "")
        );
        catalog.add_text(&text, "x.toml").unwrap();
        catalog
    };
    let half = |name: &str, chip: &str, node: &str, pace: f64| {
        format!(
            "[cluster.two.half.{name}]\ntitle='{name}'\naccelerator='{chip}'\nnode='{node}'\n\
             accelerators={{value=6000,unit='accelerator'}}\npace={{value={pace},unit='1'}}\n"
        )
    };
    let mixed = |pace| of(&(half("a", "b200", "hgx-b200", pace) + &half("b", "h100", "hgx-h100", 1.0)));
    let (all, both) = (of(""), mixed(1.0));
    let same = |output| median(&both, output) / median(&all, output);
    // As if all of it were the slower one, whichever stands first; the quicker half's peak counts in MFU.
    assert!((same(Output::StepTime) - 1.0).abs() < 0.01, "{}", same(Output::StepTime));
    let peak = 0.5 * (1.0 + 2250.0 / 989.0);
    assert!((same(Output::Peak) / peak - 1.0).abs() < 0.01, "{}", same(Output::Peak));
    assert!((same(Output::Mfu) * peak - 1.0).abs() < 0.02, "{}", same(Output::Mfu));
    assert!((median(&both, Output::Memory) / median(&all, Output::Memory) - 1.0).abs() < 0.01);
    // With work by pace the quicker half, about twice as quick, would have made half as much more.
    let cost = median(&both, Output::PartsCost);
    assert!(cost > 0.2 && cost < 0.6, "{cost}");
    // A little slower the quicker half still waits; far slower it is the one that is waited for.
    assert_eq!(median(&mixed(0.9), Output::StepTime), median(&both, Output::StepTime));
    assert!(median(&mixed(0.3), Output::StepTime) > 1.1 * median(&both, Output::StepTime));
    let study = Study::new(&both, "x", None, &Options::default()).unwrap();
    let p = Projection::new(&both, &study, None);
    assert!(p.warnings.iter().any(|w| w.contains("as fast as b") && w.contains("peak of all")), "{:?}", p.warnings);
    // Both accelerators' documents stand behind the peak.
    let sources = |name: &str| -> Vec<String> {
        both.accelerator(name).unwrap().peak.values().map(|v| v.stamp.source.clone()).collect()
    };
    for id in sources("h100").iter().chain(&sources("b200")) {
        assert!(p.sources.iter().any(|s| s.id == *id), "{id}");
    }
    // Whose pace it is goes by what each sustains, not by its accelerator alone.
    let slow = mixed(0.3);
    let p = Projection::new(&slow, &Study::new(&slow, "x", None, &Options::default()).unwrap(), None);
    assert!(p.warnings.iter().any(|w| w.contains("as fast as a") && w.contains("peak of all")), "{:?}", p.warnings);
    let error = of(&half("a", "b200", "hgx-b200", 1.0).replace("node='hgx-b200'\n", ""));
    let error = Study::new(&error, "x", None, &Options::default()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`half.a.node`: missing"), "{error}");
}

#[test]
fn a_job_that_nothing_stops_has_no_time_to_failure_and_reads_back_as_it_was_written() {
    let safe = mine(
        "failure_rate={value=0,unit='1/(1000 node day)'}\n[scenario.x.operations]\n\
         rack_failures={value=0,unit='1/year'}\nsite_failures={value=0,unit='1/year'}\n",
    );
    let study = Study::new(&safe, "x", None, &Options::default()).unwrap();
    let p = Projection::new(&safe, &study, None);
    assert!(!p.quantities.contains_key("mean_time_to_failure") && p.quantities["goodput"].value > 0.9);
    assert!(study.explain(&safe, Output::RunDays).is_some());
    let text = serde_json::to_string(&p).unwrap();
    assert_eq!(serde_json::from_str::<Projection>(&text).unwrap(), p);
    let range = Range { mode: Mode::Strong, from: 12_000, to: 12_000, critical_batch: None };
    let curve = scaling(&safe, "x", range).unwrap();
    let text = serde_json::to_string(&curve).unwrap();
    assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), curve);
    let changes = ["restart=2x".parse().unwrap()];
    let changed = what_if(&safe, "x", None, &Options::default(), &changes).unwrap();
    let text = serde_json::to_string(&changed).unwrap();
    assert_eq!(serde_json::from_str::<WhatIfs>(&text).unwrap(), changed);
}

#[test]
fn spares_storage_and_elastic_replicas_do_what_they_are_for() {
    let goodput = |change: &str| median(&mine(change), Output::Goodput);
    let plain = goodput("");
    assert!(goodput("operations={spares={value=0,unit='accelerator'}}\n") < 0.2 * plain);
    assert!(goodput("operations={spares={value=800,unit='accelerator'}}\n") > 0.99 * plain);
    let elastic = goodput("operations={elastic=true}\n");
    assert!(elastic > plain && elastic < 1.0, "{elastic} {plain}");
    assert!(goodput("operations={corruption={value=0.01,unit='1/year'}}\n") < plain);
    assert!(goodput("operations={job_failures={value=0.09,unit='1/h'}}\n") < plain);
    assert!(goodput("operations={detection={value=10,unit='min'}}\n") < plain);
    let stored = |more: &str| {
        let text = MINE.replace("checkpoint={value=30,unit='s'}\n", "");
        let mut catalog = Catalog::built_in().unwrap();
        let more = format!("operations={{storage_bandwidth={{value=100,unit='GB/s'}}{more}}}\n");
        catalog.add_text(&format!("{text}{more}"), "x.toml").unwrap();
        (median(&catalog, Output::Checkpoint), median(&catalog, Output::Goodput))
    };
    let (sync, asynchronous) = (stored(""), stored(",asynchronous=true"));
    assert!((sync.0 / (14.0 * 314e9 / 100e9) - 1.0).abs() < 0.01, "{sync:?}");
    assert!(asynchronous.0 < 0.1 && asynchronous.1 > sync.1, "{asynchronous:?}");
}

#[test]
fn contradictions_are_refused_with_their_field() {
    for (change, part) in [
        ("site={power_cap={value=1,unit='kW'}}\n", "`site.power_cap`: 1 kW switch on no box: one needs"),
        ("operations={spares={value=13000,unit='accelerator'}}\n", "`operations.spares`: 13000 of 12000"),
        ("operations={spares={value=12000,unit='accelerator'}}\n", "`operations.spares`"),
        ("operations={storage_bandwidth={value=1,unit='GB/s'}}\n", "`checkpoint`: stated, and"),
        ("operations={asynchronous=true}\n", "`operations.asynchronous`"),
        ("operations={interval={value=0,unit='s'}}\n", "`operations.interval`"),
        ("operations={node_share={value=0.9,unit='1'}}\n", "`operations.accelerator_share`: the shares"),
        ("site={pue={value=0.5,unit='1'}}\n", "`site.pue`: 0.5 is not from 1"),
        ("failure_rate={value=100000,unit='1/(1000 node day)'}\n", "no progress"),
    ] {
        let catalog = mine(change);
        let error = Study::new(&catalog, "x", None, &Options::default()).map(|_| ()).unwrap_err();
        assert!(error.message().contains(part), "{part}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
    let catalog = {
        let mut catalog = Catalog::built_in().unwrap();
        catalog.add_text(&MINE.replace("value=30", "value=30000"), "x.toml").unwrap();
        catalog
    };
    let error = Study::new(&catalog, "x", None, &Options::default()).map(|_| ()).unwrap_err();
    assert!(error.message().contains("`checkpoint`: no progress: it takes 30000 s, and "), "{error}");
}

#[test]
fn the_simulation_of_a_scenario_agrees_with_its_closed_form() {
    let catalog = Catalog::built_in().unwrap();
    for name in ["xai-300k-b200", "oracle-16k-h100-rented"] {
        let study = Study::new(&catalog, name, None, &Options::default()).unwrap();
        // Some 270 failures a run: the mean of a thousand runs is known to 0.2 %.
        let seen = crate::project::Simulation::new(&study, 1_000, 3);
        assert!(seen.over_closed_form.abs() < 0.005, "{name}: {seen:?}");
        assert!(seen.run_days_p5 < seen.run_days_p50 && seen.run_days_p50 < seen.run_days_p95);
        assert_eq!(seen, crate::project::Simulation::new(&study, 1_000, 3));
    }
}

/// [`MINE`] on a cluster of two halves, whose lines are given.
fn halves(one: &str, two: &str) -> Catalog {
    let mut catalog = Catalog::built_in().unwrap();
    let half = |name: &str, more: &str| {
        format!("[cluster.two.half.{name}]\ntitle='{name}'\naccelerators={{value=6000,unit='accelerator'}}\n{more}\n")
    };
    let text = format!(
        "{}cluster='two'\n[cluster.two]\ntitle='t'\nstatus='s'\naccelerator='h100'\nnode='hgx-h100'\n\
         fabric='infiniband-ndr'\naccelerators={{value=12000,unit='accelerator'}}\n{}{}",
        MINE.replace("cluster='xai-12k-h100'\n", ""),
        half("one", one),
        half("two", two)
    );
    catalog.add_text(&text, "x.toml").unwrap();
    catalog
}

#[test]
fn parts_that_are_alike_cost_each_other_nothing_in_any_draw_and_a_tree_tells_what_a_forecast_does() {
    let mut alike = halves("", "");
    // All that can be off is, and none of it is of one part alone.
    let chip = alike.accelerators.get_mut("h100").unwrap();
    chip.memory_bandwidth.spread = Spread::Log(0.2);
    chip.peak.values_mut().for_each(|v| v.spread = Spread::Log(0.1));
    alike.nodes.get_mut("hgx-h100").unwrap().scale_out.spread = Spread::Log(0.3);
    let study = Study::new(&alike, "x", None, &Options::default()).unwrap();
    assert!(study.inputs()[inputs::HARDWARE..STRUCTURE].iter().filter(|i| i.uncertain()).count() > 3);
    let costs = study.draws(Output::PartsCost);
    assert!(costs.len() == DRAWS && costs.iter().all(|c| *c == 0.0), "{:?}", costs.iter().find(|c| **c != 0.0));
    // Where each strays by itself the slower one costs in nearly every draw, and both say so alike.
    let stray = "pace={value=1,unit='1',low=0.9,high=1.1}";
    let apart = halves(stray, stray);
    let study = Study::new(&apart, "x", None, &Options::default()).unwrap();
    let told = Projection::new(&apart, &study, None).quantities[Output::PartsCost.name()].value;
    assert!(told > 0.01, "{told}");
    assert_eq!(study.explain(&apart, Output::PartsCost).unwrap().value, told);
}

#[test]
fn a_figure_of_all_parts_is_told_as_their_mean_and_what_is_lacking_of_one_under_its_name() {
    let mut mixed = halves("", "accelerator='mi300x'\nnode='mine'");
    let (h100, mi300x) = (700.0, 750.0);
    let other = mixed.accelerators["mi300x"].power.as_ref().unwrap();
    assert_eq!((mixed.accelerators["h100"].power.as_ref().unwrap().value, other.value), (h100, mi300x));
    let mut node = mixed.nodes["hgx-h100"].clone();
    node.power = None;
    mixed.nodes.insert("mine".into(), node);
    let study = Study::new(&mixed, "x", None, &Options::default()).unwrap();
    let rated = study.inputs().iter().find(|i| i.name == "power.rated").unwrap();
    assert!((rated.median - 0.5 * (h100 + mi300x)).abs() < 1e-9 && rated.unit == "W", "{rated:?}");
    assert_eq!(rated.written, rated.median);
    assert!(rated.note.starts_with("the mean over the parts of the cluster"), "{rated:?}");
    // Of parts that are alike it is what it is of one.
    let alike = halves("", "");
    let whole = Study::new(&alike, "x", None, &Options::default()).unwrap();
    let one = whole.inputs().iter().find(|i| i.name == "power.rated").unwrap();
    assert!((one.written / rated.median).is_finite() && !one.note.contains("mean over the parts"), "{one:?}");

    // The accelerator that nobody measured is the one that is named, though it is not the cluster's.
    let rubin = halves("", "accelerator='rubin'\nnode='rubin-box'");
    let mut catalog = rubin;
    catalog.nodes.insert("rubin-box".into(), catalog.nodes["hgx-h100"].clone());
    let p = Projection::new(&catalog, &Study::new(&catalog, "x", None, &Options::default()).unwrap(), None);
    let told: Vec<_> = p.warnings.iter().filter(|w| w.starts_with("nobody measured a product of")).collect();
    assert!(told.len() == 1 && told[0].starts_with("nobody measured a product of `rubin`:"), "{told:?}");
}
