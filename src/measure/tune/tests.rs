use super::cache::{self, Found};
use super::*;
use crate::kernel::{Class, Matrix, Operands, Tiling};
use crate::measure::record::{Missing, Tool};
use crate::measure::scripted::{Script, ScriptedExecutor};
use crate::measure::witness::{Watch, Watched};
use crate::measure::{Lap, Timed};
use crate::units;
use std::path::PathBuf;

/// A scripted device on which kernels differ: by a rate that hangs on the tiling, and some do not compile.
struct Uneven {
    inner: ScriptedExecutor,
    /// Flop/s of a kernel; `None` where it does not compile.
    rate: fn(&Kernel, Settings) -> Option<f64>,
    /// The rate of what each slot holds.
    slots: [f64; 16],
    selected: usize,
}

impl Uneven {
    fn new(rate: fn(&Kernel, Settings) -> Option<f64>) -> Uneven {
        Uneven { inner: ScriptedExecutor::new(Script::honest()), rate, slots: [0.0; 16], selected: 0 }
    }
}

impl Timed for Uneven {
    fn tick_ns(&self) -> Option<f64> {
        self.inner.tick_ns()
    }
    fn host_tick_ns(&self) -> f64 {
        self.inner.host_tick_ns()
    }
    fn now_ns(&self) -> u64 {
        self.inner.now_ns()
    }
    fn poison(&mut self) -> Step<()> {
        self.inner.poison()
    }
    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        self.inner.submit(repeats)
    }
}

impl Executor for Uneven {
    fn holds(&self) -> bool {
        self.inner.holds()
    }

    fn vacate(&mut self) {
        self.inner.vacate();
    }

    fn adapter(&self) -> &AdapterIdentity {
        self.inner.adapter()
    }
    fn class(&self) -> Class {
        self.inner.class()
    }
    fn tool(&self) -> Tool {
        self.inner.tool()
    }
    fn select(&mut self, slot: usize) {
        self.selected = slot;
        self.inner.set_rate(self.slots[slot]);
        self.inner.select(slot);
    }
    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()> {
        let rate = (self.rate)(kernel, settings).ok_or(Missing::Failed { error: "compile: no".into() })?;
        self.slots[self.selected] = rate;
        self.inner.set_rate(rate);
        self.inner.prepare(kernel, shape, settings)
    }
    fn load(&mut self, operands: &Operands) -> Step<()> {
        self.inner.load(operands)
    }
    fn split(&mut self, parts: u32) -> Step<u32> {
        self.inner.split(parts)
    }
    fn keep_decoy(&mut self) -> Step<()> {
        self.inner.keep_decoy()
    }
    fn witness(&mut self, plan: &[Watch], keep: usize) -> Step<Watched> {
        self.inner.witness(plan, keep)
    }
    fn read(&mut self) -> Step<Matrix> {
        self.inner.read()
    }
}

/// The second tiling of register_tiled is best; the second of register_direct does not compile.
fn rate(kernel: &Kernel, settings: Settings) -> Option<f64> {
    let tilings = kernel.family.tilings();
    let place = tilings.iter().position(|t| *t == kernel.tiling).unwrap();
    let slow = if settings == Settings::default() { 1.0 } else { 0.8 };
    match (kernel.family, place) {
        (Family::RegisterDirect, 1) => None,
        (Family::RegisterTiled, 1) => Some(9e9 * slow),
        (Family::Naive, _) => Some(1e9 * slow),
        _ => Some(4e9 / (1.0 + place as f64) * slow),
    }
}

fn wish(budget_s: f64) -> Wish {
    Wish {
        precision: Precision::F32,
        families: vec![Family::Naive, Family::RegisterTiled, Family::RegisterDirect],
        shapes: vec![Shape::square(64), Shape::square(32)],
        budget_s,
        seed: 1,
    }
}

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_fastest_candidate_wins_and_what_fails_is_dropped_and_counted() {
    let mut executor = Uneven::new(rate);
    let tuning = tune(&mut executor, &wish(10.0), &mut go_on).unwrap();
    assert_eq!(tuning.winner.kernel.family, Family::RegisterTiled);
    assert_eq!(tuning.winner.kernel.tiling, Family::RegisterTiled.tilings()[1]);
    assert_eq!(tuning.winner.settings, Settings::default());
    assert_eq!(tuning.dropped.len(), 1, "{:?}", tuning.dropped);
    assert_eq!((tuning.dropped[0].status.as_ref(), tuning.untried), ("failed", 0));
    assert_eq!(tuning.families.len(), 3);
    // The figure is of a measurement of its own, on other operands, with a proof.
    assert_eq!(tuning.record.case.seed, 2);
    assert!(tuning.record.proof.as_ref().unwrap().passed);
    assert!(tuning.regret.unwrap().abs() < 0.05, "{:?}", tuning.regret);
    assert!(tuning.spent_s <= 11.0, "{}", tuning.spent_s);
}

#[test]
fn what_is_used_without_a_choice_is_in_the_final_and_wins_unless_another_is_clearly_quicker() {
    fn default() -> Tiling {
        Family::RegisterTiled.default_tiling(Class::default(), Precision::F32)
    }
    let winner = |rate: fn(&Kernel, Settings) -> Option<f64>| {
        let only = Wish { families: vec![Family::RegisterTiled], ..wish(10.0) };
        tune(&mut Uneven::new(rate), &only, &mut go_on).unwrap().winner.kernel.tiling
    };
    // A hair slower than every other, so that no rung passes it on.
    assert_eq!(winner(|k, _| Some(if k.tiling == default() { 0.995 * 5e9 } else { 5e9 })), default());
    assert_ne!(winner(|k, _| Some(if k.tiling == default() { 0.9 * 5e9 } else { 5e9 })), default());
}

#[test]
fn a_search_keeps_its_budget_even_when_it_cannot_try_everything() {
    for budget_s in [2.0, 5.0] {
        // So slow that the candidates alone would take longer: 0.1 s and more each, twice what the sentinel takes.
        let mut executor = Uneven::new(|k, s| rate(k, s).map(|r| r * 1e-2));
        let shapes = vec![Shape::square(128), Shape::square(64)];
        let tuning = tune(&mut executor, &Wish { shapes, ..wish(budget_s) }, &mut go_on).unwrap();
        assert!(tuning.untried > 0, "there was time for all of them");
        assert!(tuning.spent_s <= 1.1 * budget_s, "{} of {budget_s}", tuning.spent_s);
    }
}

#[test]
fn where_time_is_short_the_tilings_of_the_quickest_family_come_first() {
    // 66 ms a product of 32³ by the slow ones: three of their tilings would use up the first rung's 0.39 s.
    let uneven = |kernel: &Kernel, _| {
        let last = kernel.family.tilings().last() == Some(&kernel.tiling);
        let quick = kernel.family == Family::RegisterTiled;
        Some(if quick { 1e9 * if last { 2.0 } else { 1.0 } } else { 1e6 })
    };
    let families = vec![Family::Naive, Family::WorkgroupTiled, Family::RegisterTiled];
    let mut executor = Uneven::new(uneven);
    let tuning = tune(&mut executor, &Wish { families, ..wish(1.2) }, &mut go_on).unwrap();
    assert!(tuning.untried > 0, "there was time for all of them");
    assert_eq!(Some(&tuning.winner.kernel.tiling), Family::RegisterTiled.tilings().last());
}

#[test]
fn a_budget_too_small_for_one_measurement_is_one_clear_error() {
    let mut executor = Uneven::new(|k, s| rate(k, s).map(|r| r * 1e-4));
    let error = tune(&mut executor, &wish(0.05), &mut go_on).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.message().contains("too small for one measurement"), "{error}");
}

#[test]
fn whatever_the_budget_a_search_ends_in_a_figure_or_says_how_much_more_it_takes() {
    let mut ends = [0, 0];
    for twentieths in 1..=60 {
        // 7 ms a product of 32³ by the fastest kernel, 58 ms of 64³.
        let mut executor = Uneven::new(|k, s| rate(k, s).map(|r| r * 1e-3));
        let budget_s = 0.05 * f64::from(twentieths);
        match tune(&mut executor, &wish(budget_s), &mut go_on) {
            Ok(tuning) => {
                assert!(tuning.search_gflop_per_s > 0.0 && tuning.record.samples.is_some(), "{budget_s} s");
                ends[0] += 1;
            }
            Err(error) => {
                assert_eq!(error.exit_code(), 2);
                let (_, more) = error.message().split_once("takes about ").unwrap();
                let more_s = units::parse::<units::Time>(more.trim_end_matches(" more")).unwrap();
                assert!(more_s > 0.0 && more_s < 10.0, "{budget_s} s: {error}");
                ends[1] += 1;
            }
        }
    }
    assert!(ends[0] > 5 && ends[1] > 5, "{ends:?}");
}

#[test]
fn a_slow_winner_is_measured_again_in_the_time_that_the_search_left() {
    // 0.25 s a product of 64³ by the fastest kernel: its fewest rounds take longer than a case of the quick suite may.
    let mut executor = Uneven::new(|k, s| rate(k, s).map(|r| r * 2.3e-4));
    let tuning = tune(&mut executor, &wish(60.0), &mut go_on).unwrap();
    assert_eq!(tuning.record.case.shape, Shape::square(64));
    assert!(tuning.record.figure.is_some(), "{:?}", tuning.record.missing);
    assert!(tuning.spent_s <= 60.0, "{}", tuning.spent_s);
    // And 0.25 s a product of the smallest square that a shape search tries.
    let mut executor = Uneven::new(|_, _| Some(1.7e7));
    let found = best_shape::best_shape(&mut executor, &tuning.winner, 60.0, 1, &mut go_on).unwrap();
    assert!(found.record.figure.is_some(), "{:?}", found.record.missing);
    assert!(found.spent_s <= 60.0, "{}", found.spent_s);
}

#[test]
fn a_kernel_that_is_wrong_never_wins() {
    let mut executor =
        ScriptedExecutor::new(Script { kernel: crate::measure::scripted::KernelFault::HalfK, ..Script::honest() });
    let error = tune(&mut executor, &wish(1.0), &mut go_on).unwrap_err();
    assert!(error.message().contains("wrong"), "{error}");
    assert_eq!(error.exit_code(), 1);
}

#[test]
fn whoever_watches_can_end_a_search() {
    let mut executor = Uneven::new(rate);
    let mut asked = 0;
    let mut stop = |_| {
        asked += 1;
        if asked > 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let error = tune(&mut executor, &wish(10.0), &mut stop).unwrap_err();
    assert_eq!((error.exit_code(), error.hint_text()), (130, None), "nothing was seen yet");
    let mut stop = |progress: Progress| match progress.doing.starts_with("final") {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    let error = tune(&mut Uneven::new(rate), &wish(10.0), &mut stop).unwrap_err();
    let hint = error.hint_text().unwrap();
    assert!(hint.starts_with("best so far: register_tiled[") && hint.contains("not measured again"), "{hint}");
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("flopcast-tune-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

#[test]
fn what_was_stored_is_found_again_and_only_where_it_holds() {
    let folder = folder("cache");
    let mut executor = Uneven::new(rate);
    let tuning = tune(&mut executor, &wish(5.0), &mut go_on).unwrap();
    let (adapter, tool) = (executor.adapter().clone(), executor.tool());
    assert_eq!(cache::find(&folder, &adapter, &tool, Precision::F32), Found::Nothing);
    let path = cache::store(&folder, &tuning, 5.0).unwrap();
    let Found::Tuned(tuned) = cache::find(&folder, &adapter, &tool, Precision::F32) else { panic!("not found") };
    assert_eq!(tuned.winner, Family::RegisterTiled);
    let best: Tiling = Family::RegisterTiled.tilings()[1];
    assert_eq!(tuned.of(Family::RegisterTiled), Some((best, Settings::default())));
    assert_eq!(cache::find(&folder, &adapter, &tool, Precision::F64), Found::Nothing);

    let ignored = |adapter: &AdapterIdentity, tool: &Tool, part: &str| match cache::find(
        &folder,
        adapter,
        tool,
        Precision::F32,
    ) {
        Found::Ignored(why) => assert!(why.contains(part), "{why}"),
        other => panic!("{part}: {other:?}"),
    };
    ignored(&adapter, &Tool { version: "9.9.9".into(), ..tool.clone() }, "made with flopcast");
    ignored(&AdapterIdentity { driver_info: "new".into(), ..adapter.clone() }, &tool, "made with driver");
    let text = std::fs::read_to_string(&path).unwrap();
    let sha = &tuning.winner.kernel.sha256;
    for (edited, part) in [
        (text[..text.len() / 2].to_string(), "cut off"),
        (text.replace("flopcast.tune/1", "flopcast.tune/7"), "flopcast.tune/7"),
        (text.replace(sha.as_str(), &"0".repeat(64)), "has changed since"),
        ("{}".into(), "missing"),
        ("nonsense".into(), "damaged"),
    ] {
        std::fs::write(&path, edited).unwrap();
        ignored(&adapter, &tool, part);
    }
    // A search builds it again, whatever was there.
    cache::store(&folder, &tuning, 5.0).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    assert_eq!(crate::measure::kept::files::<cache::Cache>(&folder), [path]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_shape_search_measures_its_winner_again() {
    let mut executor = Uneven::new(rate);
    let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
    let candidate = Candidate { kernel, settings: Settings::default() };
    let found = best_shape::best_shape(&mut executor, &candidate, 4.0, 1, &mut go_on).unwrap();
    assert!(found.tried.len() >= 3, "{:?}", found.tried);
    assert!(found.record.figure.is_some() && found.record.case.seed == 2);
    assert!(found.regret.unwrap().abs() < 0.1, "{:?}", found.regret);
    assert!(found.spent_s <= 4.4, "{}", found.spent_s);
}

#[test]
fn a_budget_that_a_shape_search_can_do_with_is_kept_and_so_is_every_larger_one() {
    let kernel = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
    let candidate = Candidate { kernel, settings: Settings::default() };
    let mut enough = None;
    for tenths in 1..=60 {
        // 21 ms for the smallest square, and so 608 ms for what a measurement makes at least.
        let mut executor = Uneven::new(|_, _| Some(2e8));
        let budget_s = 0.1 * f64::from(tenths);
        match best_shape::best_shape(&mut executor, &candidate, budget_s, 1, &mut go_on) {
            Ok(found) => {
                assert!(found.record.samples.is_some() && found.spent_s <= 1.1 * budget_s, "{budget_s} s: {found:?}");
                enough = enough.or(Some(budget_s));
            }
            Err(error) => {
                assert_eq!(enough, None, "{budget_s} s: {error}");
                assert!(error.exit_code() == 2 && error.message().contains("it takes about 608 ms more"), "{error}");
            }
        }
    }
    assert!(enough.is_some_and(|s| s < 1.5), "{enough:?}");
}
