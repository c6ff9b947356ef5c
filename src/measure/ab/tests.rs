//! Trials on scripted devices: what is equal is called so, what is slower is caught, what is wrong has no ratio.

use super::*;
use crate::kernel::{Family, Kernel, Operands, Precision, Settings, Shape};
use crate::measure::interleave::Contestant;
use crate::measure::record::{Samples, Submission};
use crate::measure::scripted::{DeviceClock, HostClock, KernelFault, Script, ScriptedExecutor};
use crate::stats::synthetic::{Noise, autoregressive, rng};

fn entry(spec: &str) -> Entry {
    let parsed: Spec = spec.parse().unwrap();
    let kernel = parsed.kernel(Default::default(), Precision::F32).unwrap();
    Entry { spec: spec.into(), kernel, settings: parsed.settings, data: parsed.data }
}

fn threshold() -> Threshold {
    Threshold::new(0.02).unwrap()
}

const SHAPE: Shape = Shape { m: 24, n: 20, k: 16, batch: 1 };

fn tried(script: Script, sides: [&str; 2]) -> (Trial, Vec<Line>) {
    let mut lines = Vec::new();
    let trial = run(
        &mut ScriptedExecutor::new(script),
        &sides.map(entry),
        (SHAPE, Precision::F32, 7),
        Budget { seconds: 10.0, threshold: threshold() },
        &|| false,
        &mut |_, _| {},
        &mut |line| {
            lines.push(line.clone());
            Ok(())
        },
    );
    (trial.unwrap(), lines)
}

/// B takes this much longer; noise of this size on every submission; a drift that both share.
fn noisy(slower: f64, noise: f64, seed: u64) -> Script {
    let mut rng = rng(seed);
    Script {
        flop_per_s: 1e9,
        pace: Box::new(move |_, s| Noise::Lognormal(noise).sample(&mut rng) * (1.0 + 0.02 * s)),
        cost: Box::new(
            move |kernel: &Kernel, _: Settings, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { slower },
        ),
        ..Script::honest()
    }
}

#[test]
fn what_is_equal_is_called_so_and_what_is_slower_or_faster_is_caught() {
    for (slower, call, code) in [
        (1.0, Call::NoDifference, 0),
        (1.05, Call::Slower, 10),
        (1.0 / 1.05, Call::Faster, 0),
        (10.0, Call::Slower, 10),
    ] {
        let (trial, _) = tried(noisy(slower, 0.01, 3), ["naive", "register_tiled"]);
        let view = view(&trial, threshold()).unwrap();
        assert_eq!((view.verdict.call, view.verdict.call.exit_code()), (call, code), "{slower}: {:#?}", view.verdict);
        assert_eq!(trial.end.as_ref().unwrap().stopped, "decided");
        let ratio = view.verdict.ratio.unwrap();
        assert!((ratio / slower - 1.0).abs() < 0.01, "{slower}: {ratio}");
    }
}

#[test]
fn an_order_is_drawn_anew_for_every_pair_and_is_the_same_for_the_same_seed() {
    let (trial, _) = tried(noisy(1.02, 0.02, 3), ["naive", "register_tiled"]);
    let first = trial.pairs.iter().filter(|pair| pair.b_first).count();
    assert!(first * 4 > trial.pairs.len() && first * 4 < 3 * trial.pairs.len(), "{first} of {}", trial.pairs.len());
    let (again, _) = tried(noisy(1.02, 0.02, 3), ["naive", "register_tiled"]);
    assert_eq!(again.pairs, trial.pairs);
}

/// Pairs made up: the noise of a submission, and a slowdown.
fn simulated(seed: u64, noise: Noise, slower: f64, pairs: u32) -> [Samples; 2] {
    let mut rng = rng(seed);
    let mut now = 1_000_000.0;
    let side = || Samples {
        tick_ns: Some(1.0),
        host_tick_ns: 1.0,
        parts: 1,
        warmup: 3,
        warm: true,
        stopped: String::new(),
        sentinel: None,
        workers: None,
        submissions: Vec::new(),
    };
    let mut both = [side(), side()];
    for round in 0..pairs {
        for (side, slower) in [(0, 1.0), (1, slower)] {
            for dispatches in [10, 30] {
                let ns = f64::from(dispatches) * 4e5 * slower * noise.sample(&mut rng);
                let ticks = [now as u64, (now + ns) as u64];
                now += ns + 1e5;
                both[side].submissions.push(Submission {
                    round,
                    dispatches,
                    host_ns: ns as u64 + 50_000,
                    device_ticks: Some(ticks),
                });
            }
        }
    }
    both
}

/// A whole gate: every look, as the trial has them.
fn gate(seed: u64, noise: Noise, slower: f64) -> Call {
    let [a, b] = simulated(seed, noise, slower, 256);
    for look in [16, 32, 64, 128, 256] {
        let upto =
            |samples: &Samples| Samples { submissions: samples.submissions[..2 * look].to_vec(), ..samples.clone() };
        let call = judge(&upto(&a), &upto(&b), threshold()).call;
        if call != Call::Inconclusive {
            return call;
        }
    }
    Call::Inconclusive
}

#[test]
fn two_equal_sides_are_called_different_in_at_most_1_per_cent_of_1000_gates() {
    for noise in [Noise::Normal(0.01), Noise::Lognormal(0.05), Noise::Skewed(0.1)] {
        let calls: Vec<Call> = (0..1000).map(|seed| gate(seed, noise, 1.0)).collect();
        let wrong = calls.iter().filter(|c| matches!(c, Call::Faster | Call::Slower)).count();
        assert!(wrong <= 10, "{noise:?}: {wrong} of 1,000");
        if noise == Noise::Normal(0.01) {
            let same = calls.iter().filter(|&&c| c == Call::NoDifference).count();
            assert!(same >= 950, "{same} of 1,000 called equal");
        }
    }
}

#[test]
fn a_slowdown_of_5_per_cent_is_caught_or_called_inconclusive() {
    for (noise, caught_at_least) in [(Noise::Normal(0.01), 950), (Noise::Lognormal(0.05), 950), (Noise::Skewed(0.1), 0)]
    {
        let calls: Vec<Call> = (0..1000).map(|seed| gate(seed, noise, 1.05)).collect();
        let caught = calls.iter().filter(|&&c| c == Call::Slower).count();
        let missed = calls.iter().filter(|&&c| c == Call::NoDifference || c == Call::Faster).count();
        assert!(missed <= 50, "{noise:?}: {missed} of 1,000 missed");
        assert!(caught >= caught_at_least, "{noise:?}: {caught} of 1,000 caught");
    }
}

#[test]
fn a_difference_below_the_threshold_is_none_however_sure_it_is() {
    for slower in [1.01, 1.0 / 1.01] {
        for seed in 0..100 {
            assert_eq!(gate(seed, Noise::Normal(0.002), slower), Call::NoDifference, "{slower}, {seed}");
        }
    }
}

#[test]
fn a_difference_as_large_as_the_threshold_is_hardly_ever_called_none() {
    for noise in [Noise::Normal(0.01), Noise::Lognormal(0.05)] {
        let slower = 1.0 + threshold().share();
        let none = (0..400).filter(|&seed| gate(seed, noise, slower) == Call::NoDifference).count();
        assert!(none <= 10, "{noise:?}: {none} of 400");
    }
}

/// The trial as the host alone saw it.
fn by_host(samples: &mut Samples) {
    samples.tick_ns = None;
    samples.submissions.iter_mut().for_each(|s| s.device_ticks = None);
}

#[test]
fn the_interval_is_wider_where_neighbouring_pairs_resemble_each_other() {
    let covered = (0..300).filter(|&seed| {
        let [mut a, mut b] = simulated(seed, Noise::Normal(0.005), 1.0, 60);
        by_host(&mut a);
        by_host(&mut b);
        let wander = autoregressive(seed + 1000, 60, 0.5, 0.03);
        for s in &mut b.submissions {
            s.host_ns = (s.host_ns as f64 * wander[s.round as usize]) as u64;
        }
        let [lo, hi] = judge(&a, &b, threshold()).interval.unwrap();
        lo <= 1.0 && 1.0 <= hi
    });
    // Three of four without it.
    let covered = covered.count();
    assert!(covered >= 255, "{covered} of 300");
}

#[test]
fn a_trial_that_breaks_a_rule_of_the_clocks_decides_nothing() {
    let [mut a, mut b] = simulated(1, Noise::Normal(0.01), 1.1, 64);
    assert_eq!(judge(&a, &b, threshold()).call, Call::Slower);
    // The device's clock of B says that it is as quick as A: which is right cannot be told.
    let lying = Samples {
        submissions: b
            .submissions
            .iter()
            .map(|s| Submission {
                device_ticks: s.device_ticks.map(|[begin, end]| [begin, begin + (end - begin) * 10 / 11]),
                ..*s
            })
            .collect(),
        ..b.clone()
    };
    let told = judge(&a, &lying, threshold());
    assert_eq!((told.call, told.reasons[0].code.as_str()), (Call::Inconclusive, "clocks-disagree"), "{told:?}");
    by_host(&mut a);
    by_host(&mut b);
    assert_eq!(judge(&a, &b, threshold()).call, Call::Slower);
    // Four ticks in the shortest submission.
    for side in [&mut a, &mut b] {
        side.host_tick_ns = 1e6;
    }
    let told = judge(&a, &b, threshold());
    assert_eq!((told.call, told.reasons[0].code.as_str()), (Call::Inconclusive, "few-ticks"), "{told:?}");
}

#[test]
fn as_many_pairs_as_it_asks_for_do_decide() {
    // The ratio seen is not the true one, so not every trial; the true number is met on the whole.
    let (mut asked, mut decided) = (0, 0);
    for seed in 0..200 {
        let [a, b] = simulated(seed, Noise::Lognormal(0.05), 1.05, 16);
        let verdict = judge(&a, &b, threshold());
        let Some(pairs) = verdict.pairs_needed.filter(|p| (17..2000).contains(p)) else { continue };
        asked += 1;
        // Twice as many: a ratio that is estimated from 16 pairs is good to a third of what it is.
        let [a, b] = simulated(seed + 10_000, Noise::Lognormal(0.05), verdict.ratio.unwrap(), 2 * pairs as u32);
        decided += usize::from(judge(&a, &b, threshold()).call != Call::Inconclusive);
    }
    assert!(asked > 100 && decided * 100 >= 90 * asked, "{decided} of {asked}");
}

#[test]
fn a_side_that_is_wrong_has_no_ratio() {
    for kernel in [
        KernelFault::Nothing,
        KernelFault::HalfK,
        KernelFault::HalfGrid,
        KernelFault::WritesNan,
        KernelFault::RightOnce,
        KernelFault::EveryOther,
        KernelFault::OnlyLast,
        KernelFault::Marks,
        KernelFault::AnswerThere,
        KernelFault::StopsWriting,
        KernelFault::OffByAHair,
    ] {
        // Slow enough for a trial of a second: one of them is right for the first 0.6 s.
        let (trial, _) = tried(Script { kernel, flop_per_s: 1e9, ..Script::honest() }, ["naive", "register_tiled"]);
        let error = view(&trial, threshold()).unwrap_err();
        assert_eq!(error.exit_code(), 1, "{kernel:?}");
        assert!(error.message().starts_with("A `naive` is wrong"), "{kernel:?}: {error}");
        // Nothing is timed that is wrong before.
        assert_eq!(trial.pairs.is_empty(), error.message().contains("before it was timed"), "{kernel:?}: {error}");
    }
}

#[test]
fn a_lying_clock_ends_in_the_right_ratio_or_in_nothing() {
    for device_clock in [
        DeviceClock::Missing,
        DeviceClock::Zero,
        DeviceClock::Reversed,
        DeviceClock::Reset,
        DeviceClock::Quantised(65_536),
        DeviceClock::Off(2.0),
    ] {
        let script = Script { device_clock, ..noisy(1.05, 0.005, 5) };
        let (trial, _) = tried(script, ["naive", "register_tiled"]);
        let verdict = view(&trial, threshold()).unwrap().verdict;
        assert!(matches!(verdict.call, Call::Slower | Call::Inconclusive), "{device_clock:?}: {verdict:#?}");
    }
    let script =
        Script { host_clock: HostClock::ReturnsEarly, device_clock: DeviceClock::Missing, ..noisy(1.05, 0.005, 5) };
    let (trial, _) = tried(script, ["naive", "register_tiled"]);
    assert_eq!(view(&trial, threshold()).unwrap().verdict.call, Call::Inconclusive);
}

#[test]
fn a_trial_reads_back_as_it_was_and_a_cut_one_has_no_ratio() {
    let (trial, lines) = tried(noisy(1.05, 0.01, 3), ["naive", "register_tiled"]);
    let text: String = lines.iter().map(|line| line.text().unwrap()).collect();
    let read = Trial::parse(&text, "x").unwrap();
    assert_eq!(read, trial);
    assert_eq!(view(&read, threshold()).unwrap(), view(&trial, threshold()).unwrap());
    let cut = Trial::parse(&text[..text.len() - 40], "x").unwrap();
    assert_eq!(view(&cut, threshold()).unwrap_err().exit_code(), 1);
    for (bad, part) in [
        (String::new(), "`x`:1: holds no trial"),
        (text.replacen(SCHEMA, "other/1", 1), "schema is `other/1`"),
        (text.replacen("\"pair\":3", "\"pair\":4", 1), "out of order"),
        (text.replacen("\"host_ns\":", "\"host_ns\":-", 1), "no line of a trial"),
        (text.replacen("\"b_first\"", "\"more\":1,\"b_first\"", 1), "unknown field `more`"),
    ] {
        let error = Trial::parse(&bad, "`x`").unwrap_err();
        assert!(error.message().contains(part), "{part}: {error}");
        assert_eq!(error.exit_code(), 12);
    }
}

#[test]
fn few_pairs_decide_nothing_and_a_budget_is_kept() {
    // Each product takes half a second: some pairs fit into ten, sixteen do not.
    let script = Script { flop_per_s: SHAPE.flop() / 0.3, ..Script::honest() };
    let mut executor = ScriptedExecutor::new(script);
    let sides = ["naive", "register_tiled"].map(entry);
    let begin = crate::measure::Timed::now_ns(&executor);
    let budget = Budget { seconds: 10.0, threshold: threshold() };
    let trial =
        run(&mut executor, &sides, (SHAPE, Precision::F32, 7), budget, &|| false, &mut |_, _| {}, &mut |_| Ok(()));
    let took = (crate::measure::Timed::now_ns(&executor) - begin) as f64 * 1e-9;
    assert!(took <= 11.0, "{took}");
    let verdict = view(&trial.unwrap(), threshold()).unwrap().verdict;
    assert_eq!((verdict.call, verdict.pairs_needed), (Call::Inconclusive, Some(FIRST_LOOK)));
}

#[test]
fn submissions_of_both_sides_are_equally_long() {
    let script = Script {
        cost: Box::new(|kernel: &Kernel, _, _| if kernel.family == Family::Naive { 1.0 } else { 7.3 }),
        ..Script::honest()
    };
    let mut executor = ScriptedExecutor::new(script);
    let mut lasts = Vec::new();
    for (slot, spec) in ["naive", "register_tiled"].into_iter().enumerate() {
        let entry = entry(spec);
        let executor: &mut dyn crate::measure::Executor = &mut executor;
        executor.select(slot);
        executor.prepare(&entry.kernel, Shape::square(64), entry.settings).unwrap();
        executor.load(&Operands::exact(Shape::square(64), Precision::F32, 1)).unwrap();
        let one = Contestant::start(executor, slot, Shape::square(64), 1e-3).unwrap();
        lasts.push(executor.submit(one.lengths()[0]).unwrap().host_ns as f64);
    }
    assert!((lasts[0] / lasts[1] - 1.0).abs() < 0.02, "{lasts:?}");
}
