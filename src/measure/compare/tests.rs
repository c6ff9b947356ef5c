use super::synthetic::{measured, sampled};
use super::*;
use crate::kernel::Shape;
use crate::measure::record::Reason;
use crate::stats::synthetic::{Noise, rng};
use rand_distr::{Distribution, StandardNormal};

/// The field that a change breaks, and the change.
type Change = (&'static str, fn(&mut Record));

fn five() -> Threshold {
    Threshold::new(0.05).unwrap()
}

/// A file of `cases` cases, each run `repeats` times: true time 1 ms × `slower`, `between` runs, `within` them.
fn file(seed: u64, cases: u32, repeats: usize, slower: f64, between: f64, within: f64) -> Vec<Record> {
    let mut rng = rng(seed);
    let mut records = Vec::new();
    for case in 0..cases {
        for _ in 0..repeats {
            let run: f64 = StandardNormal.sample(&mut rng);
            let mut record = sampled(&mut rng, 1e-3 * slower * (between * run).exp(), Noise::Normal(within), 30);
            record.case.seed = u64::from(case);
            records.push(record);
        }
    }
    records
}

/// How 1,000 gates come out: (ok, regressed, inconclusive).
fn gates(cases: u32, repeats: usize, slower: f64, between: f64, within: f64, threshold: f64) -> [usize; 3] {
    let mut out = [0; 3];
    for gate in 0..1000 {
        let base = file(2 * gate, cases, repeats, 1.0, between, within);
        let new = file(2 * gate + 1, cases, repeats, slower, between, within);
        match compare(&base, &new, Threshold::new(threshold).unwrap()).outcome {
            Outcome::Ok => out[0] += 1,
            Outcome::Regressed => out[1] += 1,
            Outcome::Inconclusive => out[2] += 1,
            other => panic!("{other:?}"),
        }
    }
    out
}

#[test]
fn the_same_against_the_same_is_called_a_regression_in_at_most_1_per_cent_of_1000_gates() {
    for (cases, repeats, between, within, threshold) in [
        (1, 1, ASSUMED_BETWEEN_RUNS, 0.01, 0.05),
        (12, 1, ASSUMED_BETWEEN_RUNS, 0.03, 0.05),
        (12, 1, ASSUMED_BETWEEN_RUNS, 0.03, 0.01),
        (1, 3, 0.05, 0.01, 0.05),
        (12, 5, 0.05, 0.02, 0.05),
        (12, 10, 0.1, 0.02, 0.01),
        (3, 2, ASSUMED_BETWEEN_RUNS, 0.01, 0.01),
    ] {
        let [_, regressed, _] = gates(cases, repeats, 1.0, between, within, threshold);
        assert!(regressed <= 10, "{cases} {repeats} {between}: {regressed} of 1000");
    }
}

#[test]
fn a_slowdown_of_5_per_cent_is_caught_or_called_inconclusive_in_95_per_cent() {
    for (repeats, between, within, threshold) in [
        (1, ASSUMED_BETWEEN_RUNS, 0.01, 0.05),
        (1, 0.002, 0.01, 0.05),
        (1, ASSUMED_BETWEEN_RUNS, 0.05, 0.02),
        (3, 0.01, 0.02, 0.05),
        (5, 0.03, 0.02, 0.05),
        (10, 0.005, 0.02, 0.05),
    ] {
        let [ok, _, _] = gates(1, repeats, 1.05, between, within, threshold);
        assert!(ok <= 50, "{repeats} {between} {within} {threshold}: passed {ok} of 1000");
    }
}

#[test]
fn a_slowdown_of_5_per_cent_is_caught_outright_with_repeats_and_a_threshold_below_it() {
    for (cases, repeats, between) in [(1, 5, 0.005), (1, 10, 0.01), (12, 10, 0.005)] {
        let [_, regressed, _] = gates(cases, repeats, 1.05, between, 0.02, 0.03);
        assert!(regressed >= 950, "{cases} {repeats} {between}: {regressed} of 1000");
    }
}

#[test]
fn quiet_repeats_of_the_same_are_ok_rather_than_inconclusive() {
    let [ok, _, _] = gates(12, 5, 1.0, 0.005, 0.02, 0.05);
    assert!(ok >= 950, "{ok}");
}

#[test]
fn a_slowdown_below_the_threshold_is_no_regression_however_sure_it_is() {
    let [ok, regressed, _] = gates(1, 6, 1.02, 0.001, 0.005, 0.05);
    assert!(regressed == 0 && ok >= 950, "{ok} {regressed}");
}

#[test]
fn ten_times_slower_is_regressed_and_ten_times_faster_is_ok() {
    let base = [measured(1e-3, 0.005)];
    let slower = compare(&base, &[measured(1e-2, 0.005)], five());
    assert_eq!((slower.outcome, slower.outcome.exit_code()), (Outcome::Regressed, 10));
    assert!((slower.cases[0].slowdown.unwrap().ratio - 10.0).abs() < 1e-9);
    let faster = compare(&base, &[measured(1e-4, 0.005)], five());
    assert_eq!((faster.outcome, faster.outcome.exit_code()), (Outcome::Ok, 0));
}

#[test]
fn two_single_runs_do_not_decide_on_their_own_intervals() {
    // 4 % apart with ±0.1 % each: a hundred times the noise within, and no more than runs differ by.
    let gate = compare(&[measured(1e-3, 0.001)], &[measured(1.04e-3, 0.001)], Threshold::new(0.03).unwrap());
    assert_eq!(gate.outcome, Outcome::Inconclusive);
    let slowdown = gate.cases[0].slowdown.unwrap();
    assert_eq!((slowdown.between_runs, slowdown.between_runs_measured), (ASSUMED_BETWEEN_RUNS, false));
}

#[test]
fn an_inconclusive_case_says_how_many_samples_or_runs_would_decide_it_and_they_do() {
    // Loud within the runs: more samples help, and as many as it says.
    let (base, new) = (measured(1e-3, 0.1), measured(0.97e-3, 0.1));
    let threshold = Threshold::new(0.1).unwrap();
    let gate = compare(std::slice::from_ref(&base), std::slice::from_ref(&new), threshold);
    assert_eq!((gate.outcome, gate.outcome.exit_code()), (Outcome::Inconclusive, 11));
    let needed = gate.cases[0].needed.unwrap();
    let samples = needed.samples_per_run.unwrap();
    assert!(samples > 40, "{samples}");
    let with = |samples: usize| {
        let half_width = 0.1 * (40.0 / samples as f64).sqrt();
        compare(&[measured(1e-3, half_width)], &[measured(0.97e-3, half_width)], threshold).outcome
    };
    assert_eq!(with(samples), Outcome::Ok);
    // There is room for the next estimate to be off; a quarter would not do even if it is not.
    assert_eq!(with(samples / 4), Outcome::Inconclusive);
    // Quiet within, but the term between runs decides: more runs help and more samples do not.
    let gate = compare(&[measured(1e-3, 1e-4)], &[measured(1.03e-3, 1e-4)], five());
    let needed = gate.cases[0].needed.unwrap();
    assert_eq!(needed.samples_per_run, None);
    assert!(needed.runs_per_side.unwrap() > 1);
    assert!(gate.cases[0].detail.contains("runs a side would decide"), "{}", gate.cases[0].detail);
}

/// Of so many inconclusive gates, how many are decided when run anew with as many samples, or as many runs, as each
/// asked for, if the true ratio is the one that it saw: [asked for samples, decided, asked for runs, decided].
fn followed(slower: f64, within: f64, part: f64) -> [usize; 4] {
    let threshold = Threshold::new(0.05).unwrap();
    let mut out = [0; 4];
    let decided = |seed: u64, slower: f64, runs: usize, samples: usize| {
        let mut rng = rng(seed);
        let mut side = |slower: f64| -> Vec<Record> {
            let mut one = || {
                let run: f64 = StandardNormal.sample(&mut rng);
                let seconds = 1e-3 * slower * (ASSUMED_BETWEEN_RUNS * run).exp();
                sampled(&mut rng, seconds, Noise::Normal(within), samples)
            };
            (0..runs).map(|_| one()).collect()
        };
        compare(&side(1.0), &side(slower), threshold).cases.remove(0)
    };
    for seed in 0..400 {
        let first = decided(seed, slower, 1, 30);
        let (Outcome::Inconclusive, Some(needed), Some(seen)) = (first.outcome, first.needed, first.slowdown) else {
            continue;
        };
        let of = |n: usize, least: usize| ((n as f64 * part).round() as usize).max(least);
        // More than this takes too long to simulate.
        if let Some(samples) = needed.samples_per_run.filter(|n| *n < 5_000) {
            out[0] += 1;
            let again = decided(seed + 1000, seen.ratio, 1, of(samples, 6));
            out[1] += usize::from(again.outcome != Outcome::Inconclusive);
        }
        if let Some(runs) = needed.runs_per_side.filter(|n| *n < 100) {
            out[2] += 1;
            let again = decided(seed + 1000, seen.ratio, of(runs, 1), 30);
            out[3] += usize::from(again.outcome != Outcome::Inconclusive);
        }
    }
    out
}

#[test]
fn as_many_samples_or_runs_as_are_asked_for_decide_in_four_of_five_gates_and_a_third_of_them_do_not() {
    for (slower, within) in [(1.0, 0.15), (1.01, 0.1), (1.0, 0.05), (1.12, 0.2)] {
        let [asked, samples, asked_runs, runs] = followed(slower, within, 1.0);
        let [_, fewer, _, fewer_runs] = followed(slower, within, 1.0 / 3.0);
        println!(
            "{slower} {within}: samples {samples} of {asked} ({fewer}), runs {runs} of {asked_runs} ({fewer_runs})"
        );
        assert!(asked_runs > 50 && runs as f64 >= 0.7 * asked_runs as f64, "{slower} {within}");
        assert!(samples as f64 >= 0.7 * asked as f64, "{slower} {within}");
        assert!((fewer_runs as f64) < 0.7 * runs as f64, "{slower} {within}");
    }
}

#[test]
fn repeats_replace_the_assumed_term_by_the_measured_one() {
    let repeats = |times: [f64; 3]| times.map(|t| measured(t, 1e-4));
    let base = repeats([1.000e-3, 1.001e-3, 0.999e-3]);
    let new = repeats([1.040e-3, 1.041e-3, 1.039e-3]);
    let gate = compare(&base, &new, Threshold::new(0.03).unwrap());
    let slowdown = gate.cases[0].slowdown.unwrap();
    assert!(slowdown.between_runs_measured && (slowdown.between_runs - 0.001).abs() < 1e-4);
    assert_eq!(gate.outcome, Outcome::Regressed);
}

#[test]
fn repeats_that_agree_by_luck_are_not_known_better_than_each_of_them() {
    let runs = [Run { seconds: 1e-3, error: 0.05, samples: 20 }; 3];
    let (call, slowdown, _) = judge(&runs, &runs, 0.05, false, 1);
    assert!(slowdown.between_runs_measured && slowdown.hi > 1.05, "{slowdown:?}");
    assert_eq!(call, Call::Inconclusive);
}

#[test]
fn repeats_that_scatter_more_than_is_assumed_count_even_when_there_are_few() {
    let base = [measured(1e-3, 1e-4), measured(1.2e-3, 1e-4)];
    let slowdown = compare(&base, &[measured(1.3e-3, 1e-4)], five()).cases[0].slowdown.unwrap();
    assert!(slowdown.between_runs > 0.1 && !slowdown.between_runs_measured);
}

fn not_comparable(base: &[Record], new: &[Record], field: &str) {
    let gate = compare(base, new, five());
    assert_eq!((gate.outcome, gate.outcome.exit_code()), (Outcome::NotComparable, 12), "{field}: {gate:?}");
    let fields: Vec<_> = gate.cases.iter().flat_map(|c| &c.differences).map(|d| d.field.as_str()).collect();
    assert!(fields.contains(&field), "{field} is not among {fields:?}");
}

#[test]
fn whatever_differs_is_named() {
    let base = measured(1e-3, 0.001);
    let changes: [Change; 8] = [
        ("adapter.name", |r| r.adapter.name = "Another".into()),
        ("adapter.driver_info", |r| r.adapter.driver_info = "2.0".into()),
        ("case.shape", |r| {
            r.case.shape = Shape::square(1024);
            r.figure.as_mut().unwrap().gflop_per_s.median *= 8.0;
        }),
        ("case.precision", |r| r.case.precision = crate::kernel::Precision::F16),
        ("case.data", |r| r.case.data = crate::kernel::DataClass::Zeros),
        ("tool.method", |r| r.tool.method += 1),
        ("case.wgsl_sha256", |r| r.case.wgsl_sha256 = "ff".into()),
        ("figure.timing_method", |r| {
            r.figure.as_mut().unwrap().timing_method = crate::measure::record::TimingMethod::HostSlope;
        }),
    ];
    for (field, change) in changes {
        let mut new = base.clone();
        change(&mut new);
        not_comparable(std::slice::from_ref(&base), &[new], field);
    }
}

#[test]
fn software_against_hardware_is_refused() {
    let hardware = measured(1e-3, 0.001);
    let mut software = hardware.clone();
    software.adapter.software = true;
    software.verdict = Verdict::Software;
    not_comparable(&[hardware], std::slice::from_ref(&software), "adapter.software");
    // The same software twice compares; single runs of it say little.
    let gate = compare(&[software.clone()], &[software.clone()], five());
    assert_eq!(gate.outcome, Outcome::Inconclusive);
    let six: Vec<Record> = vec![software; 6];
    assert_eq!(compare(&six, &six, five()).outcome, Outcome::Ok);
}

#[test]
fn figures_that_cannot_be_are_refused_by_their_field() {
    let good = measured(1e-3, 0.001);
    let changes: [Change; 11] = [
        ("figure.seconds", |r| r.figure.as_mut().unwrap().seconds.median = f64::NAN),
        ("figure.seconds", |r| r.figure.as_mut().unwrap().seconds.hi = f64::INFINITY),
        ("figure.seconds", |r| r.figure.as_mut().unwrap().seconds.median = 0.0),
        ("figure.seconds", |r| r.figure.as_mut().unwrap().seconds.lo = -1.0),
        ("figure.seconds", |r| r.figure.as_mut().unwrap().seconds.lo = 2e-3),
        ("figure.gflop_per_s", |r| r.figure.as_mut().unwrap().gflop_per_s.median *= 1.0005),
        ("figure.samples", |r| r.figure.as_mut().unwrap().samples = 0),
        ("verdict", |r| r.verdict = Verdict::Invalid),
        ("proof", |r| r.proof.as_mut().unwrap().passed = false),
        ("proof", |r| r.proof = None),
        ("figure", |r| r.figure = None),
    ];
    for (field, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        not_comparable(std::slice::from_ref(&good), std::slice::from_ref(&bad), field);
        not_comparable(std::slice::from_ref(&bad), std::slice::from_ref(&good), field);
        not_comparable(std::slice::from_ref(&bad), std::slice::from_ref(&bad), field);
    }
    let mut foreign = good.clone();
    foreign.schema = "flopcast.measurement/0".into();
    not_comparable(std::slice::from_ref(&foreign), std::slice::from_ref(&foreign), "schema");
    let mut claims = good;
    claims.adapter.software = true;
    not_comparable(std::slice::from_ref(&claims), std::slice::from_ref(&claims), "verdict");
}

#[test]
fn a_missing_case_and_an_empty_file_are_refused_on_either_side() {
    let (a, mut b) = (measured(1e-3, 0.001), measured(1e-3, 0.001));
    b.case.kernel = "naive".into();
    not_comparable(&[a.clone(), b.clone()], std::slice::from_ref(&a), "case");
    not_comparable(std::slice::from_ref(&a), &[a.clone(), b], "case");
    for (base, new) in [(vec![], vec![a.clone()]), (vec![a], vec![]), (vec![], vec![])] {
        let gate = compare(&base, &new, five());
        assert_eq!(gate.outcome, Outcome::NotComparable);
        assert!(gate.problems.iter().any(|p| p.contains("holds no record")));
    }
}

fn figureless(missing: Option<Missing>) -> Record {
    let mut record = measured(1e-3, 0.001);
    record.figure = None;
    record.proof = None;
    record.verdict = Verdict::Invalid;
    record.reasons = vec![Reason { code: "proof-failed".into(), detail: "half of K".into() }];
    record.missing = missing;
    record
}

#[test]
fn a_case_that_lost_its_figure_is_not_passed() {
    let good = measured(1e-3, 0.001);
    for missing in [
        None,
        Some(Missing::Failed { error: "device lost".into() }),
        Some(Missing::Unsupported { needs: "shader-f16".into() }),
    ] {
        let bad = figureless(missing);
        not_comparable(std::slice::from_ref(&good), std::slice::from_ref(&bad), "figure");
        not_comparable(std::slice::from_ref(&bad), std::slice::from_ref(&good), "figure");
    }
    let invalid = figureless(None);
    not_comparable(std::slice::from_ref(&invalid), std::slice::from_ref(&invalid), "figure");
}

#[test]
fn what_neither_side_supports_is_passed_over_unless_there_is_nothing_else() {
    let unsupported = figureless(Some(Missing::Unsupported { needs: "shader-f16".into() }));
    let mut good = measured(1e-3, 0.001);
    good.case.kernel = "naive".into();
    let both = [unsupported.clone(), good];
    let gate = compare(&both, &both, Threshold::new(0.1).unwrap());
    assert_eq!(gate.outcome, Outcome::Ok);
    assert_eq!((gate.count(Outcome::NoFigure), gate.count(Outcome::Ok)), (1, 1));
    let alone = [unsupported];
    assert_eq!(compare(&alone, &alone, five()).outcome, Outcome::NotComparable);
}

#[test]
fn a_suspect_figure_decides_nothing() {
    let good = measured(1e-3, 0.001);
    let mut suspect = measured(9e-3, 0.001);
    suspect.verdict = Verdict::Suspect;
    let gate = compare(std::slice::from_ref(&good), std::slice::from_ref(&suspect), five());
    assert_eq!(gate.outcome, Outcome::Inconclusive);
    assert!(gate.cases[0].detail.contains("SUSPECT"));
    // Beside a sound repeat it is counted and left out.
    let gate = compare(std::slice::from_ref(&good), &[suspect, good.clone()], Threshold::new(0.1).unwrap());
    assert_eq!((gate.outcome, gate.cases[0].new.suspect, gate.cases[0].new.records), (Outcome::Ok, 1, 2));
}

#[test]
fn a_figure_of_too_few_samples_decides_nothing() {
    let good = measured(1e-3, 0.001);
    let mut short = measured(9e-3, 0.0);
    short.figure.as_mut().unwrap().samples = 5;
    let gate = compare(&[good], &[short], five());
    assert_eq!(gate.outcome, Outcome::Inconclusive);
    assert_eq!(gate.cases[0].needed.unwrap().samples_per_run, Some(6));
}

#[test]
fn a_count_never_becomes_an_exit_code() {
    let base: Vec<Record> = (0..300)
        .map(|seed| {
            let mut record = measured(1e-3, 0.001);
            record.case.seed = seed;
            record
        })
        .collect();
    let mut new = base.clone();
    for record in &mut new {
        let figure = record.figure.as_mut().unwrap();
        for x in [&mut figure.seconds.median, &mut figure.seconds.lo, &mut figure.seconds.hi] {
            *x *= 2.0;
        }
        for x in [&mut figure.gflop_per_s.median, &mut figure.gflop_per_s.lo, &mut figure.gflop_per_s.hi] {
            *x /= 2.0;
        }
    }
    let gate = compare(&base, &new, five());
    assert_eq!((gate.count(Outcome::Regressed), gate.outcome.exit_code()), (300, 10));
}

#[test]
fn a_found_regression_stands_beside_what_is_not_comparable() {
    let (a, mut b) = (measured(1e-3, 0.001), measured(1e-3, 0.001));
    b.case.kernel = "naive".into();
    let gate = compare(&[a, b], &[measured(2e-3, 0.001)], five());
    assert_eq!(gate.outcome, Outcome::Regressed);
    assert_eq!(gate.count(Outcome::NotComparable), 1);
}

#[test]
fn a_threshold_is_a_percentage_above_0_and_up_to_100() {
    assert_eq!("5%".parse::<Threshold>().unwrap().share(), 0.05);
    assert_eq!(" 100 %".parse::<Threshold>().unwrap().share(), 1.0);
    for (text, part) in [
        ("0%", "above 0"),
        ("-5%", "above 0"),
        ("101%", "above 100%"),
        ("NaN%", "not a number"),
        ("inf%", "above 100%"),
        ("5", "no `%`"),
        ("%", "no number"),
        ("", "no `%`"),
    ] {
        let error = text.parse::<Threshold>().unwrap_err();
        assert!(error.message().contains(part), "{text}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}
