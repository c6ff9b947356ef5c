//! The power model against boxes that others measured (data/validation/power.csv).

use super::{Options, Shape};
use crate::calibrate::MeasuredPower;
use crate::cluster::Format;
use crate::cluster::power::{Phases, Supply};
use crate::job::{Layout, Recompute, Run, Stack};
use crate::project::catalog::Catalog;
use crate::project::machine::Machine;
use crate::project::projection::Projection;
use crate::project::scenario::medians;
use crate::project::study::{Output, Study};
use crate::provenance::Tier;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Row {
    system: String,
    what: String,
    watts: f64,
    rated_watts: f64,
    phases: String,
}

fn rows() -> Vec<Row> {
    let text = include_str!("../../../data/validation/power.csv");
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

/// Phases of GPT-3 on 512 H100 as MLPerf Training v3.0 ran it, by the step model.
fn gpt_3(catalog: &Catalog) -> Phases {
    let run = Run { sequence: 2048.0, batch: 2048.0, stack: Stack::Fused, causal: 0.5 };
    let layout = Layout {
        tensor: 4,
        pipeline: 8,
        data: 16,
        context: 1,
        expert: 1,
        expert_tensor: 1,
        virtual_stages: 12,
        micro_batch: 1,
        recompute: Recompute::None,
        zero: 1,
        sequence_parallel: true,
        ..Layout::default()
    };
    let machine = Machine::new(
        catalog.accelerator("h100").unwrap(),
        catalog.published("h100").unwrap(),
        catalog.node("hgx-h100").unwrap(),
        catalog.fabric("infiniband-ndr").unwrap(),
        Format::Fp8,
        512.0,
    )
    .unwrap();
    let c = catalog.constants.medians();
    let shape = Shape::new(catalog.job("gpt-3-175b").unwrap(), &run, &layout, &machine, &c, None);
    let step = shape.model.time(&machine, &c, 1.0);
    let memory_bound = (step.compute * shape.memory_share + step.optimizer) / step.total;
    let computing = step.compute * (1.0 - shape.memory_share) / step.total;
    Phases { computing, memory_bound, waiting: 1.0 - computing - memory_bound }
}

/// Phases of a row; `None` where they are not known.
fn phases(row: &Row, gpt_3: &Phases) -> Option<Phases> {
    match row.phases.as_str() {
        "gpt-3-512" => Some(*gpt_3),
        // The same work without a network to wait for.
        "box" => {
            let busy = gpt_3.computing + gpt_3.memory_bound;
            let (computing, memory_bound) = (gpt_3.computing / busy, gpt_3.memory_bound / busy);
            Some(Phases { computing, memory_bound, waiting: 0.0 })
        }
        _ => None,
    }
}

/// The share of the rated power while computing that the rows ask for, the others as they are listed.
fn fitted(rows: &[(&Row, Phases)], site: &Supply) -> f64 {
    let asked = rows.iter().map(|(row, p)| {
        let rest = p.memory_bound * site.memory_bound + p.waiting * site.waiting;
        ((row.watts / row.rated_watts - rest) / p.computing).ln()
    });
    (asked.sum::<f64>() / rows.len() as f64).exp()
}

#[test]
fn measured_boxes_draw_what_the_others_of_them_say_within_12_percent() {
    let catalog = Catalog::built_in().unwrap();
    let site = Supply::from_row(&medians(catalog.site("usual").unwrap().facts()));
    let (rows, gpt_3) = (rows(), gpt_3(&catalog));
    assert!(gpt_3.waiting > 0.02 && gpt_3.waiting < 0.4, "{gpt_3:?}");
    let known: Vec<(&Row, Phases)> = rows.iter().filter_map(|r| Some((r, phases(r, &gpt_3)?))).collect();
    assert_eq!((rows.len(), known.len()), (6, 4));
    let all = fitted(&known, &site);
    assert!((all - site.computing).abs() < 0.01, "fitted {all}, listed {}", site.computing);
    for (left_out, (row, p)) in known.iter().enumerate() {
        let others: Vec<_> = known.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, r)| *r).collect();
        let site = Supply { computing: fitted(&others, &site), ..site };
        let off = site.training(p) * row.rated_watts / row.watts - 1.0;
        println!(
            "{} {}: {:+.1} %, by its rating {:+.0} %",
            row.system,
            row.what,
            100.0 * off,
            100.0 * (row.rated_watts / row.watts - 1.0)
        );
        assert!(off.abs() < 0.12, "{} {}: {off}", row.system, row.what);
        assert!(row.rated_watts / row.watts - 1.0 > 0.27, "the rating would have done: {}", row.system);
    }
    // A job spread too thin draws less than one that computes, and not less than one that waits.
    for row in rows.iter().filter(|r| phases(r, &gpt_3).is_none()) {
        let share = row.watts / row.rated_watts;
        assert!(site.waiting < share && share < site.computing, "{} {}: {share}", row.system, row.what);
    }
}

#[test]
fn power_measured_here_stands_for_the_share_while_computing_of_the_same_accelerator_alone() {
    let catalog = Catalog::built_in().unwrap();
    let of = |adapter: &str, software: bool, watts: Option<f64>| {
        let mut c = crate::calibrate::software_for_tests();
        (c.software, c.adapter.name) = (software, adapter.into());
        c.power = Some(MeasuredPower {
            watts,
            joule_per_flop: None,
            case: "naive".into(),
            source: "`energy_uj`: is not there".into(),
        });
        let study = Study::new(&catalog, "colossus-100k-h100", Some(&c), &Options::default()).unwrap();
        let input = study.inputs().iter().find(|i| i.name == "site.computing").unwrap().clone();
        let warnings = Projection::new(&catalog, &study, Some(&c)).warnings.join("\n");
        (input, study.at_medians(Output::NodePower).unwrap(), warnings)
    };
    let rating = catalog.accelerator("h100").unwrap().power.as_ref().unwrap().value;
    let h100 = "NVIDIA H100 80GB HBM3";
    let (input, watts, told) = of(h100, false, Some(0.6 * rating));
    assert!((input.median - 0.6).abs() < 1e-12 && input.provenance.unwrap().tier == Tier::Measured);
    assert!(told.contains("60 % of the accelerator's rating"), "{told}");
    let (input, usual, told) = of(h100, false, None);
    assert!(input.provenance.unwrap().tier != Tier::Measured && watts < 0.95 * usual, "{watts} {usual}");
    assert!(told.contains("not measured here (`energy_uj`: is not there)"), "{told}");
    assert_eq!(of(h100, true, Some(0.6 * rating)).1, usual);
    let (_, other, told) = of("AMD Instinct MI300X", false, Some(600.0));
    assert!(other == usual && told.contains("is not the cluster's accelerator"), "{told}");
}

#[test]
fn energy_is_power_times_time_and_cost_follows_it() {
    let catalog = Catalog::built_in().unwrap();
    let study = Study::new(&catalog, "colossus-100k-h100", None, &Options::default()).unwrap();
    let at = |output| study.at_medians(output).unwrap();
    let hours = at(Output::RunDays) * 24.0;
    let energy = at(Output::FacilityPower) * hours / 1e3;
    assert!((at(Output::Energy) / energy - 1.0).abs() < 1e-12);
    let site = Supply::from_row(&medians(study.forecast().site.facts()));
    assert!((at(Output::Carbon) / (energy * 1e3 * site.carbon) - 1.0).abs() < 1e-12);
    let tokens = study.forecast().scenario.tokens.value;
    assert!((at(Output::EnergyToken) / (energy * 3.6e12 / tokens) - 1.0).abs() < 1e-12);
    let rent = study.forecast().price.rent.as_ref().unwrap().value;
    assert!((at(Output::Rent) / (100_000.0 * hours * rent / 1e6) - 1.0).abs() < 1e-12);
    // Colossus' 100,000 H100 are quoted at about 150 MW, all in: what the site is laid out for.
    let laid_out = at(Output::FacilityPeak);
    println!("{laid_out} MW");
    assert!((laid_out / 150.0 - 1.0).abs() < 0.15, "{laid_out}");
}
