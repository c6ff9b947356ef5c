//! What a whole measurement sees of a device that is not steady, and how often it doubts one that is: simulated
//! runs through warm-up, rounds, sentinel, stopping and verdict.

use super::effort::Effort;
use super::engine::{Pace, measure};
use super::record::{Record, Verdict};
use super::scripted::{Script, ScriptedExecutor};
use super::suite::Request;
use super::timing::unwatched;
use crate::kernel::{Family, Kernel, Precision, Shape};
use crate::stats::synthetic::{Noise, rng};

/// One run of the quick effort on a device with this noise per submission and this slowness over seconds.
fn run(seed: u64, noise: Noise, effort: &Effort, course: impl Fn(f64) -> f64 + Send + 'static) -> Record {
    let shape = Shape::square(16);
    let mut rng = rng(seed);
    let script = Script {
        // 0.2 ms a dispatch.
        flop_per_s: shape.flop() / 2e-4,
        pace: Box::new(move |_, _| noise.sample(&mut rng).max(0.05)),
        course: Box::new(course),
        // A lap of the sentinel of half a millisecond: the 16³ of the case stands for a far larger product.
        cost: Box::new(|kernel, _, _| if kernel.family == Family::Naive { 1.0 } else { 0.01 }),
        ..Script::honest()
    };
    let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap();
    let request = Request::plain(kernel, shape);
    measure(&mut ScriptedExecutor::new(script), &request, effort, &mut Pace::default(), &mut unwatched).unwrap()
}

/// Of so many runs: doubted; not doubted, with the average within 1 % or in the interval; not doubted and wrong.
/// `truth` is the average slowness.
fn doubted(
    runs: u64,
    noise: Noise,
    truth: f64,
    course: impl Fn(f64, f64) -> f64 + Copy + Send + 'static,
) -> [usize; 3] {
    let mut out = [0; 3];
    for seed in 0..runs {
        // The phase is any.
        let phase = seed as f64 * 0.618_034 % 1.0;
        let record = run(seed, noise, &Effort::quick(), move |t| course(t, phase));
        let right = record.figure.as_ref().is_some_and(|f| {
            let true_s = 2e-4 * truth;
            (f.seconds.lo..=f.seconds.hi).contains(&true_s) || (f.seconds.median / true_s - 1.0).abs() < 0.01
        });
        out[if record.verdict != Verdict::Measured {
            0
        } else if right {
            1
        } else {
            2
        }] += 1;
    }
    out
}

fn duty(by: f64, period: f64, share: f64) -> impl Fn(f64, f64) -> f64 + Copy {
    move |t, phase| if (t / period + phase).fract() < share { 1.0 + by } else { 1.0 }
}

#[test]
fn a_steady_device_is_doubted_in_at_most_1_per_cent_of_2000_runs() {
    for noise in [Noise::Normal(0.01), Noise::Normal(0.03), Noise::Lognormal(0.05), Noise::Skewed(0.05)] {
        let mut codes = std::collections::BTreeMap::new();
        let doubted = (0..2000).filter(|&seed| {
            let record = run(seed, noise, &Effort::quick(), |_| 1.0);
            record.reasons.iter().for_each(|r| *codes.entry(r.code.clone()).or_insert(0) += 1);
            record.verdict != Verdict::Measured
        });
        let doubted = doubted.count();
        println!("{noise:?}: {doubted} of 2000 {codes:?}");
        assert!(doubted <= 20, "{noise:?}: {doubted} of 2000 {codes:?}");
    }
}

#[test]
#[ignore = "prints the tables of METHODOLOGY.md; minutes"]
fn power() {
    let runs = 100;
    for noise in [Noise::Normal(0.01), Noise::Normal(0.03), Noise::Lognormal(0.05), Noise::Skewed(0.05)] {
        println!("{noise:?} clean {:?}", doubted(300, noise, 1.0, |_, _| 1.0));
    }
    for noise in [Noise::Normal(0.01), Noise::Normal(0.03)] {
        for by in [0.05, 0.10, 0.15, 0.30] {
            for share in [0.1, 1.0 / 3.0, 0.5] {
                let line: Vec<String> = [0.005, 0.02, 0.05, 0.09, 0.27, 0.5, 1.0, 2.0, 4.0]
                    .iter()
                    .map(|&period| {
                        let [d, r, w] = doubted(runs, noise, 1.0 + by * share, duty(by, period, share));
                        format!("{period}s {d}/{r}/{w}")
                    })
                    .collect();
                println!("{noise:?} by {by} share {share:.2}: {}", line.join("  "));
            }
        }
    }
}
