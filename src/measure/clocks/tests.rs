//! Both clocks on made-up samples: what each fault is called, and what is let pass.

use super::*;
use crate::measure::figure::timing;
use crate::measure::record::{Interval, METHOD, Sentinel, SentinelLap, Submission};
use crate::stats::interval::median_95;
use crate::stats::synthetic::Noise;

/// Twenty rounds of k, 2k and 3k with k = 4: `each` and `cost` in nanoseconds, on two clocks that count them.
fn samples(each: f64, cost: f64) -> Samples {
    let mut now = 1_000_000.0;
    let submissions = (0..60u32).map(|i| {
        let (round, dispatches) = (i / 3, 4 * ((i + i / 3) % 3 + 1));
        // No two are equal to the nanosecond, lest the clock look coarse.
        let work = f64::from(dispatches) * each + f64::from(i * 7919 % 41);
        let begin = now + 0.5 * cost;
        now += cost + work + f64::from(i * 31 % 17);
        Submission {
            round,
            dispatches,
            host_ns: (cost + work) as u64,
            device_ticks: Some([begin as u64, (begin + work) as u64]),
        }
    });
    Samples {
        tick_ns: Some(1.0),
        host_tick_ns: 1.0,
        parts: 1,
        warmup: 3,
        warm: true,
        stopped: "precise".into(),
        submissions: submissions.collect(),
        sentinel: None,
        workers: None,
    }
}

fn codes(reasons: &[Reason]) -> Vec<&str> {
    reasons.iter().map(|r| r.code.as_str()).collect()
}

/// The samples after a change of each submission.
fn changed(mut all: Samples, change: impl Fn(usize, &mut Submission)) -> Clocks {
    all.submissions.iter_mut().enumerate().for_each(|(i, s)| change(i, s));
    read(&all)
}

#[test]
fn two_sound_clocks_agree_and_the_devices_makes_the_headline() {
    let clocks = read(&samples(1e6, 50e3));
    assert_eq!((codes(&clocks.doubts), codes(&clocks.notes)), (vec![], vec![]));
    let clock = clocks.headline.unwrap();
    assert_eq!(clock.method, TimingMethod::DeviceSlope);
    assert!((median(&clock.slopes).unwrap() / 1e-3 - 1.0).abs() < 1e-4 && clock.nonlinearity.unwrap().abs() < 1e-3);
    assert!((clocks.submission_s.unwrap() - 50e-6).abs() < 1e-6);
}

#[test]
fn what_is_wrong_with_timestamps_is_named_and_the_host_makes_the_figure() {
    type Fault = (&'static str, fn(usize, &mut Submission));
    let faults: [Fault; 5] = [
        ("a timestamp of zero", |i, s| s.device_ticks = s.device_ticks.map(|[b, e]| [if i == 7 { 0 } else { b }, e])),
        ("before it begins", |i, s| s.device_ticks = s.device_ticks.map(|[b, e]| if i == 7 { [e, b] } else { [b, e] })),
        // Ten milliseconds back, for good.
        ("jumped back", |i, s| {
            s.device_ticks = s.device_ticks.map(|t| if i >= 30 { t.map(|x| x - 10_000_000) } else { t });
        }),
        ("no timestamps in round 2", |i, s| s.device_ticks = s.device_ticks.filter(|_| i != 7)),
        ("before it begins", |_, s| s.device_ticks = s.device_ticks.map(|[b, _]| [b, b])),
    ];
    for (part, fault) in faults {
        let clocks = changed(samples(1e6, 50e3), fault);
        assert_eq!(codes(&clocks.notes), ["device-clock-unusable"], "{part}");
        assert!(clocks.notes[0].detail.contains(part), "{part}: {:?}", clocks.notes);
        assert_eq!(clocks.headline.unwrap().method, TimingMethod::HostSlope, "{part}");
        assert_eq!(clocks.doubts, [], "{part}");
    }
    for tick_ns in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let clocks = read(&Samples { tick_ns: Some(tick_ns), ..samples(1e6, 50e3) });
        assert_eq!(codes(&clocks.notes), ["device-clock-unusable"], "a tick of {tick_ns} ns");
        assert_eq!(clocks.headline.unwrap().method, TimingMethod::HostSlope);
    }
}

#[test]
fn clocks_that_differ_by_more_than_a_twentieth_and_more_than_a_tick_are_doubted_either_way() {
    let off = |times: f64, host_tick_ns: f64| {
        let all = Samples { host_tick_ns, ..samples(1e6, 50e3) };
        let clocks = changed(all, |_, s| s.host_ns = (s.host_ns as f64 * times) as u64);
        codes(&clocks.doubts).contains(&"clocks-disagree")
    };
    for (times, doubted) in [(1.0, false), (1.04, false), (0.96, false), (1.07, true), (0.94, true), (2.0, true)] {
        assert_eq!(off(times, 1.0), doubted, "{times}");
    }
    // A host clock in steps of a millisecond cannot say more than that of eight.
    assert!(!off(1.07, 1e6) && off(1.2, 1e6));
}

#[test]
fn a_host_clock_that_does_not_grow_is_doubted_and_neither_clock_growing_is_no_figure() {
    let clocks = changed(samples(1e6, 50e3), |_, s| s.host_ns = 50_000 - u64::from(s.dispatches));
    assert!(codes(&clocks.doubts).contains(&"host-clock-unusable"), "{:?}", clocks.doubts);
    let clocks = changed(samples(1e6, 50e3), |_, s| {
        (s.host_ns, s.device_ticks) = (50_000 - u64::from(s.dispatches), None);
    });
    assert!(clocks.headline.is_none() && codes(&clocks.doubts).contains(&"no-clock"), "{:?}", clocks.doubts);
}

#[test]
fn a_tick_is_the_step_that_moments_and_durations_were_seen_to_move_by() {
    let stepped = |step: u64| {
        // No multiple of any step, lest a greater one be seen.
        let clocks = changed(samples(1_013_377.0, 52_345.0), |_, s| {
            s.device_ticks = s.device_ticks.map(|t| t.map(|x| x / step * step));
        });
        clocks.headline.unwrap()
    };
    for (step, method) in [
        (1, TimingMethod::DeviceSlope),
        (5_000, TimingMethod::DeviceSlope),
        // Coarse: the finer host clock instead.
        (65_536, TimingMethod::HostSlope),
    ] {
        let clock = stepped(step);
        assert_eq!(clock.method, method, "{step}");
        assert!(method == TimingMethod::HostSlope || (clock.tick / (step as f64 * 1e-9) - 1.0).abs() < 1e-9, "{step}");
    }
    // All of a length, as of steady work on a clock of a microsecond: the moments still tell.
    let clocks = changed(samples(1e6, 50e3), |i, s| {
        let begin = 1_000_000 + i as u64 * 20_000_000 + i as u64 * 7_919_000 % 41_000;
        s.device_ticks = Some([begin, begin + u64::from(s.dispatches) * 1_000_000]);
    });
    assert!((clocks.headline.unwrap().tick - 1e-6).abs() < 1e-12);
}

#[test]
fn a_headline_of_fewer_than_100_ticks_is_doubted() {
    for (tick_ns, doubted) in [(39_000.0, false), (42_000.0, true), (70_000.0, true), (1e6, true)] {
        let clocks = read(&Samples { tick_ns: None, host_tick_ns: tick_ns, ..samples(1e6, 10e3) });
        assert_eq!(codes(&clocks.doubts).contains(&"few-ticks"), doubted, "{tick_ns} ns");
    }
}

#[test]
fn time_that_bends_by_more_than_a_fifth_of_its_rise_is_doubted_either_way() {
    for (more, doubted) in [(0.0, false), (0.1, false), (-0.1, false), (0.25, true), (-0.25, true)] {
        let clocks = changed(samples(1e6, 50e3), |_, s| {
            let bend = if s.dispatches == 8 { more * 8e6 } else { 0.0 };
            s.host_ns = (s.host_ns as f64 + bend) as u64;
            s.device_ticks = s.device_ticks.map(|[b, e]| [b, (e as f64 + bend) as u64]);
        });
        // The next begin would lie before this end, so the host's clock is what is looked at.
        assert_eq!(codes(&clocks.doubts).contains(&"does-not-scale"), doubted, "{more}: {:?}", clocks.doubts);
    }
}

#[test]
fn an_outlier_is_a_note_and_stays_behind_the_figure() {
    let mut all = Samples { tick_ns: None, ..samples(1e6, 50e3) };
    all.submissions[31].host_ns *= 10;
    let found = timing(&all, METHOD).unwrap();
    assert_eq!((codes(&found.suspect), codes(&found.notes)), (vec![], vec!["outlier"]));
    assert_eq!(found.samples, 20);
    let slopes = read(&all).headline.unwrap().slopes;
    let whole = median_95(&slopes).unwrap();
    let Interval { median, lo, hi } = found.seconds;
    assert_eq!((slopes.len(), median, lo, hi), (20, whole.median, whole.lo, whole.hi));
}

#[test]
fn a_time_whose_interval_reaches_zero_is_no_figure() {
    let mut seen = 0;
    for seed in 0..50 {
        // A submission costs forty times its longest work, give or take three per cent.
        let mut all = Samples { tick_ns: None, ..samples(25e3, 10e6) };
        for (submission, noise) in all.submissions.iter_mut().zip(Noise::Normal(0.03).trace(seed, 60)) {
            submission.host_ns = (submission.host_ns as f64 * noise) as u64;
        }
        let Some(clock) = read(&all).headline else { continue };
        if clock.work_share >= LEAST_WORK && median_95(&clock.slopes).unwrap().lo <= 0.0 {
            seen += 1;
            assert_eq!(timing(&all, METHOD).unwrap_err()[0].code, "noise", "{seed}");
        }
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn a_sentinel_that_goes_with_the_samples_is_a_doubt_and_one_that_goes_alone_a_note() {
    let found = |samples_by: u64, sentinel_by: u64| {
        let mut all = Samples { tick_ns: None, ..samples(1e6, 50e3) };
        for s in all.submissions.iter_mut().filter(|s| s.round >= 10) {
            s.host_ns = s.host_ns / 100 * samples_by;
        }
        let lap = |round: u64| SentinelLap {
            host_ns: (1_000_000 + round * 7919 % 997) / 100 * if round < 10 { 100 } else { sentinel_by },
            device_ticks: None,
        };
        all.sentinel = Some(Sentinel { dispatches: 3, laps: (0..20).map(lap).collect() });
        timing(&all, METHOD).unwrap()
    };
    let both = found(110, 110);
    assert!(codes(&both.suspect).contains(&"clock-moved") && both.notes.is_empty(), "{both:?}");
    let alone = found(100, 110);
    assert_eq!((codes(&alone.suspect), codes(&alone.notes)), (vec![], vec!["sentinel-moved"]));
    let samples_alone = found(110, 100);
    assert!(codes(&samples_alone.suspect).contains(&"step") && samples_alone.notes.is_empty(), "{samples_alone:?}");
    assert!(!codes(&samples_alone.suspect).contains(&"clock-moved"), "{samples_alone:?}");
}

#[test]
fn two_lengths_are_told_and_so_is_a_time_of_which_hardly_anything_is_work() {
    let mut two = samples(1e6, 50e3);
    assert_eq!(codes(&timing(&two, METHOD).unwrap().notes), Vec::<&str>::new());
    two.submissions.retain(|s| s.dispatches < 12);
    assert_eq!(codes(&timing(&two, METHOD).unwrap().notes), ["two-lengths"]);
    // Records of the methods before derive as they were made.
    assert_eq!(codes(&timing(&two, 4).unwrap().notes), Vec::<&str>::new());
    let idle = timing(&Samples { tick_ns: None, ..samples(1e4, 100e6) }, METHOD).unwrap_err();
    assert_eq!(idle[0].code, "does-not-scale");
    assert!(timing(&Samples { tick_ns: None, ..samples(1e6, 100e6) }, METHOD).is_ok());
}
