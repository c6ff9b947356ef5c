//! Layouts that a search offers, against the model itself.

use super::space::replicas;
use super::*;
use crate::job::BATCH_ROUNDING;
use crate::project::catalog::Catalog;
use crate::project::scenario::Forecast;
use crate::project::step::StepModel;

#[test]
fn every_layout_that_is_offered_can_run_and_costs_what_the_model_says() {
    let catalog = Catalog::built_in().unwrap();
    let constants = catalog.constants.medians();
    for name in catalog.scenarios.keys() {
        let f = Forecast::new(&catalog, name).unwrap();
        let found = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &constants, None);
        assert!(found.strategies > 1_000 && found.feasible > 0, "{name}: {found:?}");
        for c in found.quickest.iter().chain(&found.pareto) {
            c.layout.check(f.job, &f.run).unwrap();
            let run = Run { batch: c.layout.rounded_batch(&f.run), ..f.run };
            assert_eq!(run.batch, c.batch as f64);
            assert!((run.batch / f.run.batch - 1.0).abs() <= BATCH_ROUNDING * 1.000_001, "{}", c.layout);
            assert!(c.layout.accelerators() as f64 <= f.machine.accelerators);
            assert!(c.held_bytes <= f.machine.memory);
            let model = StepModel::new(f.job, &run, &c.layout, &f.machine, None);
            let step = model.time(&f.machine, &constants, 1.0).total;
            assert!((step / c.step_s - 1.0).abs() < 1e-12, "{}", c.layout);
            let held = model.held().total() + constants.reserved_memory;
            assert!((held / c.held_bytes - 1.0).abs() < 1e-12, "{}", c.layout);
        }
    }
}

#[test]
fn a_search_for_the_best_alone_finds_the_best_of_all_on_any_number_of_threads() {
    let catalog = Catalog::built_in().unwrap();
    let constants = catalog.constants.medians();
    for name in catalog.scenarios.keys() {
        let f = Forecast::new(&catalog, name).unwrap();
        let all = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &constants, None);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let best = pool.install(|| best_layout(f.job, &f.run, &f.machine, &constants, None)).unwrap();
            let wanted = all.quickest[0];
            assert_eq!(best, (wanted.layout, wanted.step_s, all.strategies), "{name}");
        }
    }
}

#[test]
fn no_layout_of_the_pareto_set_beats_another_and_the_quickest_is_in_it() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let found = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
    assert!(found.pareto.len() > 1);
    for (i, a) in found.pareto.iter().enumerate() {
        for (k, b) in found.pareto.iter().enumerate() {
            assert!(i == k || !a.dominates(b), "{} {}", a.layout, b.layout);
        }
    }
    assert_eq!(found.pareto[0].pace(), found.quickest[0].pace());
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let on = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None)
        })
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn a_job_that_fits_nowhere_is_refused_with_what_it_lacks() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let few = Machine { accelerators: 8.0, ..f.machine };
    let error = best_layout(f.job, &f.run, &few, &catalog.constants.medians(), None).unwrap_err();
    assert!(error.message().contains("GB state"), "{error}");
    assert!(error.hint_text().unwrap().contains("accelerators it fits"), "{:?}", error.hint_text());
}

#[test]
fn replicas_are_as_many_as_a_rounded_batch_lets_be() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let (any, _, _) = best_layout(f.job, &f.run, &f.machine, &catalog.constants.medians(), None).unwrap();
    let layout = Layout { tensor: 8, pipeline: 8, context: 1, expert: 1, expert_tensor: 1, micro_batch: 1, ..any };
    // 4 · 4,687 = 18,748 of 18,750.
    assert_eq!(replicas(18_750.0, &layout, 4_687), Some(4_687));
    // 1,000 replicas of one: 993 and 1,007 are as far as it goes.
    assert_eq!(replicas(1_000.0, &layout, 4_000), Some(1_010));
    assert_eq!(replicas(3.0, &layout, 4_000), Some(3));
    // Seven do not come out within 1 % of 8; four do.
    assert_eq!(replicas(8.0, &layout, 7), Some(4));
    let experts = Layout { tensor: 1, expert: 8, ..layout };
    assert_eq!(replicas(1_024.0, &experts, 1_024), Some(1_024));
    assert_eq!(replicas(1_024.0, &experts, 4_096), Some(1_032));
}

#[test]
fn a_batch_with_few_divisors_loses_no_layout_that_could_run() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let (any, _, _) = best_layout(f.job, &f.run, &f.machine, &catalog.constants.medians(), None).unwrap();
    for (expert, micro_batch) in [(1, 1), (1, 3), (8, 1), (6, 2)] {
        let layout = Layout { tensor: 2, context: 1, expert, expert_tensor: 1, micro_batch, ..any };
        for batch in 1..=211u32 {
            let run = Run { batch: f64::from(batch), ..f.run };
            let runs = |data: u32| {
                let rounded = Layout { data, ..layout }.rounded_batch(&run);
                (rounded / run.batch - 1.0).abs() <= BATCH_ROUNDING * (1.0 + 1e-9) && (2 * data).is_multiple_of(expert)
            };
            for most in 1..=40 {
                let found = replicas(run.batch, &layout, u64::from(most));
                assert_eq!(found.is_some(), (1..=most).any(runs), "{batch} on {most}, {layout}: {found:?}");
                assert!(found.is_none_or(|data| data <= most && runs(data)), "{batch} on {most}, {layout}: {found:?}");
            }
        }
    }
    // 97 is prime, and neither of its neighbours is within 1 %.
    let one = Layout { tensor: 1, context: 1, expert: 1, expert_tensor: 1, micro_batch: 1, ..any };
    assert_eq!(replicas(97.0, &one, 8), Some(1));
}

#[test]
fn rules_are_kept() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let rules = Rules {
        max_tensor: 4,
        max_pipeline: 8,
        max_expert: 4,
        max_micro_batch: 1,
        zero: Some(1),
        recompute: Some(Recompute::Full),
        ..Rules::free(Space::Common)
    };
    let free = search(&Rules::free(Space::Common), f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
    let found = search(&rules, f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
    assert!(found.feasible > 0 && found.strategies < free.strategies);
    for l in found.quickest.iter().map(|c| c.layout) {
        assert!(l.tensor <= 4 && l.pipeline <= 8 && l.expert <= 4 && l.micro_batch == 1, "{l}");
        assert!(l.zero == 1 && l.recompute == Recompute::Full, "{l}");
    }
    let all = Rules { use_all: true, ..Rules::free(Space::Common) };
    let found = search(&all, f.job, &f.run, &f.machine, &catalog.constants.medians(), None);
    assert!(found.quickest.iter().all(|c| c.layout.accelerators() as f64 == f.machine.accelerators));
}

#[test]
fn a_batch_beyond_32_bits_is_the_one_that_its_layout_has() {
    let catalog = Catalog::built_in().unwrap();
    let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
    let run = Run { batch: f64::from(u32::MAX), ..f.run };
    let found = search(&Rules::free(Space::Common), f.job, &run, &f.machine, &catalog.constants.medians(), None);
    assert!(!found.pareto.is_empty());
    for c in found.quickest.iter().chain(&found.pareto) {
        assert_eq!(c.batch as f64, c.layout.rounded_batch(&run), "{}", c.layout);
    }
    assert!(found.quickest.iter().chain(&found.pareto).any(|c| c.batch > u64::from(u32::MAX)));
}
