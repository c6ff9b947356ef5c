//! The gate on scripted devices and on simulated ratios: what it has to fail, and what it must not.

use super::*;
use crate::measure::doctor::CpuTimes;
use crate::measure::scripted::{Cost, DeviceClock, HostClock, KernelFault, Script, ScriptedExecutor};
use crate::stats::synthetic::rng;
use rand_distr::{Distribution, StandardNormal};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HOST: Host = Host { threads: 2 };

fn smoked(script: Script, baseline: Option<&Baseline>) -> Smoke {
    smoked_beside(script, baseline, 0)
}

/// Processors of which other processes take a share, in per cent.
struct Shared(u64, u64);

impl Cpu for Shared {
    fn times(&mut self) -> Option<CpuTimes> {
        self.1 += 100;
        Some(CpuTimes { total: self.1, busy: self.1 / 100 * self.0, own: 0, stolen: 0 })
    }

    fn spin(&mut self, steps: u64) -> u64 {
        steps
    }
}

fn smoked_beside(script: Script, baseline: Option<&Baseline>, others: u64) -> Smoke {
    let mut watch = Watch { cpu: &mut Shared(others, 0), observe: &mut |_, _| {}, stop: &|| false };
    let baselines = baseline.map(std::slice::from_ref).unwrap_or_default();
    run(&mut ScriptedExecutor::new(script), None, baselines, &HOST, &mut watch).unwrap()
}

/// Naive kernels cost ten times what the others do, and one family may be slower by a factor.
fn cost(slower: Family, factor: f64) -> Cost {
    Box::new(move |kernel, _, _| {
        let own = if kernel.family == slower { factor } else { 1.0 };
        own * if kernel.family == Family::Naive { 10.0 } else { 1.0 }
    })
}

fn made_by(script: Script) -> Baseline {
    let smoke = smoked(script, None);
    let mut baseline = Baseline::new(&smoke.adapter, &HOST, String::new());
    let ratios: Vec<_> = smoke.relative.iter().map(|r| (r.kernel.clone(), r.ratio)).collect();
    (0..5).for_each(|_| baseline.add(&ratios, "2026-01-02T03:04:05Z".into()));
    baseline
}

fn failed(smoke: &Smoke) -> Vec<&str> {
    smoke.tests.iter().filter(|t| matches!(t.outcome, Outcome::Failed(_))).map(|t| t.name.as_str()).collect()
}

#[test]
fn an_honest_device_passes_and_a_missing_baseline_is_said() {
    let smoke = smoked(Script::honest(), None);
    assert!(smoke.passed(), "{:?}", failed(&smoke));
    let said = smoke.tests.iter().find(|t| t.name == "baseline").unwrap();
    assert!(matches!(&said.outcome, Outcome::Skipped(why) if why.contains("no baseline")), "{said:?}");
    let [passed, ..] = smoke.counts();
    let kernels: usize = Family::ALL.iter().map(|f| f.precisions().len()).sum();
    assert_eq!(passed, kernels * SHAPES.len());
}

#[test]
fn every_proof_begins_on_a_poisoned_output() {
    let mut executor = ScriptedExecutor::new(Script::honest());
    let mut watch = Watch { cpu: &mut Shared(0, 0), observe: &mut |_, _| {}, stop: &|| false };
    assert!(run(&mut executor, None, &[], &HOST, &mut watch).unwrap().passed());
    assert_eq!(executor.bare(), 0);
}

/// A run on two devices, of which the first waits with its first proof until the second has begun one.
fn smoked_on_two(first: Script, second: Script) -> Smoke {
    let begun = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&begun);
    let cost: Cost = Box::new(move |_, _, _| {
        told.store(true, Ordering::Relaxed);
        1.0
    });
    let beside = ScriptedExecutor::new(Script { cost, ..second });
    let mut watch = Watch {
        cpu: &mut Shared(0, 0),
        observe: &mut |_, _| {
            while !begun.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        },
        stop: &|| false,
    };
    run(&mut ScriptedExecutor::new(first), Some(Box::new(beside)), &[], &HOST, &mut watch).unwrap()
}

#[test]
fn two_devices_prove_what_one_does_and_what_is_wrong_on_the_second_fails() {
    let told = |smoke: &Smoke| smoke.tests.iter().map(|t| (t.name.clone(), t.outcome.clone())).collect::<Vec<_>>();
    let alone = smoked(Script::honest(), None);
    let shared = smoked_on_two(Script::honest(), Script::honest());
    assert!(shared.passed(), "{:?}", failed(&shared));
    assert_eq!(told(&shared), told(&alone));
    let wrong = smoked_on_two(Script::honest(), Script { kernel: KernelFault::HalfK, ..Script::honest() });
    assert!(!wrong.passed() && !wrong.relative.is_empty());
    for timed in &wrong.relative {
        assert!(failed(&wrong).iter().all(|name| !name.starts_with(&format!("{}/", timed.kernel))), "{}", timed.kernel);
    }
}

#[test]
fn the_end_that_a_user_wants_ends_both_devices() {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    // The second device does not get through its first kernel before the end is asked for.
    let cost: Cost = Box::new(move |_, _, _| {
        while !seen.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        1.0
    });
    let beside = ScriptedExecutor::new(Script { cost, ..Script::honest() });
    for second in [Some(Box::new(beside) as Beside), None] {
        let asked = Cell::new(0);
        let stop = || {
            let stop = asked.replace(asked.get() + 1) >= 2;
            ended.store(stop, Ordering::Relaxed);
            stop
        };
        let mut watch = Watch { cpu: &mut Shared(0, 0), observe: &mut |_, _| {}, stop: &stop };
        let alone = second.is_none();
        let smoke = run(&mut ScriptedExecutor::new(Script::honest()), second, &[], &HOST, &mut watch).unwrap();
        let whole = smoked(Script::honest(), None);
        assert!(smoke.interrupted && !smoke.passed() && smoke.relative.is_empty());
        assert!(smoke.tests.len() < whole.tests.len() && asked.get() <= 3, "{}", asked.get());
        assert!(!alone || smoke.tests.len() == 2 * SHAPES.len());
    }
}

#[test]
fn a_wrong_kernel_fails_and_is_not_timed() {
    for kernel in [
        KernelFault::Nothing,
        KernelFault::HalfGrid,
        KernelFault::HalfK,
        KernelFault::TransposesB,
        KernelFault::WritesNan,
        KernelFault::ValidationError,
        KernelFault::RightOnce,
        KernelFault::EveryOther,
        KernelFault::OnlyLast,
        KernelFault::Marks,
        KernelFault::OffByAHair,
    ] {
        let smoke = smoked(Script { kernel, ..Script::honest() }, None);
        assert!(!smoke.passed(), "{kernel:?}");
        assert!(failed(&smoke).iter().any(|name| name.contains("/f32/")), "{kernel:?}");
        assert!(smoke.relative.is_empty(), "{kernel:?}: {:?}", smoke.relative);
    }
}

#[test]
fn a_kernel_that_is_twice_as_slow_fails_alone_even_where_it_is_the_reference() {
    let baseline = made_by(Script { cost: cost(Family::Naive, 1.0), ..Script::honest() });
    let same = smoked(Script { cost: cost(Family::Naive, 1.0), ..Script::honest() }, Some(&baseline));
    assert!(same.passed(), "{:?}", failed(&same));
    for family in [Family::RegisterTiled, Family::Naive, Family::Dot4Packed] {
        let smoke = smoked(Script { cost: cost(family, 2.0), ..Script::honest() }, Some(&baseline));
        let failed = failed(&smoke);
        assert_eq!(failed.len(), family.precisions().len(), "{family:?}: {failed:?}");
        assert!(failed.iter().all(|name| name.starts_with(family.name())), "{family:?}: {failed:?}");
    }
    // Where others take a third of the machine, that is said instead.
    let script = Script { cost: cost(Family::RegisterTiled, 2.0), ..Script::honest() };
    let busy = smoked_beside(script, Some(&baseline), 33);
    assert!(
        busy.passed() && busy.tests.iter().any(|t| matches!(&t.outcome, Outcome::Skipped(w) if w.contains("33 %")))
    );
    // So where a thread of the adapter stands behind another, which is no other process.
    let script = Script { cost: cost(Family::RegisterTiled, 2.0), waits: Some(0.5), ..Script::honest() };
    let starved = smoked(script, Some(&baseline));
    assert!(
        starved.passed()
            && starved
                .tests
                .iter()
                .any(|t| matches!(&t.outcome, Outcome::Skipped(w) if w.contains("waited for a processor for 50 %")))
    );
    let script = Script { cost: cost(Family::RegisterTiled, 2.0), waits: Some(0.05), ..Script::honest() };
    assert!(!smoked(script, Some(&baseline)).passed());
    // A machine that is half as fast as a whole says nothing of any kernel.
    let slow = Script { flop_per_s: 0.5e12, cost: cost(Family::Naive, 1.0), ..Script::honest() };
    assert!(smoked(slow, Some(&baseline)).passed());
}

#[test]
fn clocks_that_say_nothing_fail_the_gate_unless_others_have_the_processors() {
    let blind = || Script {
        device_clock: DeviceClock::Missing,
        host_clock: HostClock::ReturnsEarly,
        submission_s: 0.0,
        ..Script::honest()
    };
    let alone = smoked(blind(), None);
    assert_eq!(failed(&alone), [TIMING], "{:?}", alone.tests.last());
    let busy = smoked_beside(blind(), None, 33);
    let timing = busy.tests.iter().find(|t| t.name == TIMING).unwrap();
    assert!(matches!(&timing.outcome, Outcome::Skipped(why) if why.contains("33 %")), "{timing:?}");
    assert!(busy.passed());
}

#[test]
fn on_a_slow_machine_the_look_is_shorter_and_judges_the_same() {
    // A tenth of a second a product, a whole one for naive kernels: nine rounds of three products each would take minutes.
    let slow = |family, factor| Script { flop_per_s: 8e7, cost: cost(family, factor), ..Script::honest() };
    let baseline = made_by(slow(Family::Naive, 1.0));
    let spent = |smoke: &Smoke| smoke.tests.iter().filter(|t| t.kind == "relative").map(|t| t.seconds).sum::<f64>();
    let same = smoked(slow(Family::Naive, 1.0), Some(&baseline));
    assert!(same.passed(), "{:?}", failed(&same));
    let products: f64 = same.relative.iter().map(|r| r.ratio / same.relative[0].ratio).sum();
    let whole_s = 9.0 * 3.0 * products * 10.0 * SHAPE.flop() / 8e7;
    assert!(spent(&same) < 0.5 * whole_s, "{} of {whole_s} s", spent(&same));
    for family in [Family::RegisterTiled, Family::Naive] {
        let smoke = smoked(slow(family, 2.0), Some(&baseline));
        let failed = failed(&smoke);
        assert_eq!(failed.len(), family.precisions().len(), "{family:?}: {failed:?}");
        assert!(failed.iter().all(|name| name.starts_with(family.name())), "{family:?}: {failed:?}");
    }
}

#[test]
fn a_baseline_of_another_machine_is_named_and_not_held_against_this_one() {
    let baseline = made_by(Script::honest());
    for (field, other) in [
        ("driver", Baseline { driver: "another".into(), ..baseline.clone() }),
        ("threads", Baseline { threads: 64, ..baseline.clone() }),
        ("adapter", Baseline { adapter: "another".into(), ..baseline.clone() }),
        ("shape", Baseline { shape: "1x1x1".into(), ..baseline.clone() }),
    ] {
        let smoke = smoked(Script::honest(), Some(&other));
        let said = smoke.tests.iter().find(|t| t.name == "baseline").unwrap();
        let named = format!("`{field}`");
        assert!(matches!(&said.outcome, Outcome::Skipped(why) if why.contains(&named)), "{field}: {said:?}");
    }
}

/// Ratios with the noise between runs that was measured on two quiet cores, at its largest.
#[test]
fn quiet_runs_never_fail_and_a_kernel_twice_as_slow_does() {
    const NOISE: f64 = 0.08;
    let mut rng = rng(3);
    let mut drawn = |factor: f64| -> f64 {
        let z: f64 = StandardNormal.sample(&mut rng);
        factor * (NOISE * z).exp()
    };
    let names: Vec<String> = (0..23).map(|i| format!("kernel{i}")).collect();
    let (mut alarms, mut missed) = (0, 0);
    for _ in 0..1000 {
        let runs = names.iter().map(|name| (name.clone(), (0..10).map(|_| drawn(1.0)).collect()));
        let kernels: BTreeMap<String, Vec<f64>> = runs.collect();
        let baseline = Baseline {
            kernels,
            ..Baseline::new(ScriptedExecutor::new(Script::honest()).adapter(), &HOST, String::new())
        };
        // A kernel fails where it is over the limit in both looks.
        let mut over = |slow: &str| {
            let mut look = || -> Vec<bool> {
                let ratio = |name: &String| (name.clone(), drawn(if name == slow { 2.0 } else { 1.0 }));
                let ratios: Vec<_> = names.iter().map(ratio).collect();
                judge(&ratios, &baseline).iter().map(|r| r.slowdown > r.limit && r.limit.is_some()).collect()
            };
            look().into_iter().zip(look()).map(|(first, second)| first && second).collect::<Vec<_>>()
        };
        alarms += over("none").iter().filter(|&&fails| fails).count();
        missed += usize::from(!over("kernel7")[7]);
    }
    assert_eq!(alarms, 0, "of 23,000");
    assert!(missed <= 10, "{missed} of 1,000");
}

#[test]
fn a_baseline_reads_as_it_is_written_and_keeps_the_newest_runs() {
    let mut baseline = made_by(Script::honest());
    for run in 0..30 {
        baseline.add(&[("naive[16x16]/f32".to_string(), 1.0 + f64::from(run))], String::new());
    }
    assert_eq!(baseline.kernels["naive[16x16]/f32"].len(), 20);
    assert_eq!(baseline.kernels["naive[16x16]/f32"][19], 30.0);
    let text = baseline.text().unwrap();
    assert_eq!(Baseline::parse(&text, "x").unwrap(), baseline);
    for (from, to, part) in [
        (BASELINE_SCHEMA, "other/1", "schema is `other/1`"),
        ("threads = 2", "", "threads"),
        ("30.0", "-1.0", "above zero"),
        ("30.0", "nan", "above zero"),
        ("threads", "cores", "cores"),
    ] {
        let error = Baseline::parse(&text.replacen(from, to, 1), "`x`").unwrap_err();
        assert!(error.message().contains(part) && error.message().starts_with("`x`"), "{from}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn the_committed_baselines_are_readable_and_of_the_lavapipe_that_ci_has() {
    let scripted = ScriptedExecutor::new(Script::honest()).adapter().clone();
    assert!(built_in(&scripted, &HOST).unwrap().is_empty(), "there is none for a scripted device");
    let lavapipe = AdapterIdentity {
        name: "llvmpipe (LLVM 15.0.6, 256 bits)".into(),
        backend: "vulkan".into(),
        driver: "llvmpipe".into(),
        driver_info: "Mesa 22.3.6 (LLVM 15.0.6)".into(),
        ..scripted
    };
    let found = built_in(&lavapipe, &HOST).unwrap();
    assert_eq!(found.len(), 3);
    for family in [Family::Naive, Family::RegisterTiled, Family::TextureFed, Family::Subgroup] {
        let holds = |baseline: &Baseline| baseline.kernels.keys().any(|kernel| kernel.starts_with(family.name()));
        assert!(found.iter().all(holds), "{family:?}");
    }
    assert!(built_in(&lavapipe, &Host { threads: 4 }).unwrap().is_empty(), "nor for other processors");
}

#[test]
fn of_two_makes_of_processors_the_one_that_is_alike_as_a_whole_judges() {
    let of = |slower: Family, factor: f64| Script { cost: cost(slower, factor), ..Script::honest() };
    let (old, new) = (made_by(of(Family::Naive, 1.0)), made_by(of(Family::WorkgroupTiled, 1.6)));
    let both = [old.clone(), new.clone()];
    let looked = |script: Script, baselines: &[Baseline]| {
        let mut watch = Watch { cpu: &mut Shared(0, 0), observe: &mut |_, _| {}, stop: &|| false };
        run(&mut ScriptedExecutor::new(script), None, baselines, &HOST, &mut watch).unwrap()
    };
    assert!(!looked(of(Family::WorkgroupTiled, 1.6), &both[..1]).passed());
    for honest in [of(Family::Naive, 1.0), of(Family::WorkgroupTiled, 1.6)] {
        assert!(looked(honest, &both).passed());
    }
    // What is slow on either is slow.
    assert!(!looked(of(Family::RegisterTiled, 2.0), &both).passed());
    let ratios: Vec<_> = new.kernels.iter().map(|(kernel, runs)| (kernel.clone(), runs[0])).collect();
    assert_eq!(nearest(&ratios, &[&old, &new]), Some(&new));
    assert_eq!(nearest(&ratios, &[]), None);
}
