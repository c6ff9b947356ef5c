use super::*;
use crate::kernel::{DataClass, Family, Kernel, Precision};
use crate::measure::record::{Interval, Verdict};
use crate::measure::scripted::{DeviceClock, KernelFault, Script, ScriptedExecutor};
use crate::measure::timing::unwatched;
use crate::stats::synthetic::rng;
use rand::RngExt;

fn request(shape: &str) -> Request {
    Request::plain(
        Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap(),
        shape.parse().unwrap(),
    )
}

fn measured(script: Script, shape: &str) -> Record {
    let mut executor = ScriptedExecutor::new(script);
    measure(&mut executor, &request(shape), &Effort::quick(), &mut Pace::default(), &mut unwatched).unwrap()
}

#[test]
fn twice_the_dispatches_and_twice_k_take_twice_the_time_by_either_clock() {
    for device_clock in [DeviceClock::Honest, DeviceClock::Missing] {
        let of = |shape| measured(Script { device_clock, ..Script::honest() }, shape);
        let (one, two) = (of("64x48x50"), of("64x48x100"));
        let seconds = |record: &Record| record.figure.as_ref().unwrap().seconds.median;
        assert!((seconds(&two) / seconds(&one) - 2.0).abs() < 0.02, "{device_clock:?}");
        // Within one record: the submission's own cost aside, time over dispatches is the same at every length.
        let samples = one.samples.as_ref().unwrap();
        let cost = one.figure.as_ref().unwrap().submission_s.unwrap();
        for submission in &samples.submissions {
            let each = (submission.host_ns as f64 * 1e-9 - cost) / f64::from(submission.dispatches);
            assert!((each / seconds(&one) - 1.0).abs() < 0.02, "{submission:?}");
        }
    }
}

#[test]
fn a_kernel_that_stops_writing_while_it_is_timed_is_caught_by_the_poison_and_the_proof_of_the_timed_output() {
    // Its first output, its warm-up and what is seen dispatch by dispatch are right, and its time never changes.
    let record = measured(Script { kernel: KernelFault::StopsWriting, ..Script::honest() }, "64x48x50");
    assert!(record.samples.is_some() && record.figure.is_none(), "{:?}", record.verdict);
    assert_eq!(record.reasons[0].code, "proof-failed");
    // It is not idle from the first timed submission on: that would be seen without poison.
    let proof = record.proof.unwrap();
    assert!(!proof.passed && proof.dispatches.is_none());
}

#[test]
fn a_kernel_that_is_wrong_on_exact_operands_is_not_timed() {
    let faults = [KernelFault::HalfK, KernelFault::Nothing, KernelFault::WritesNan, KernelFault::OffByAHair];
    for kernel in faults {
        let record = measured(Script { kernel, ..Script::honest() }, "64x48x50");
        assert!(record.samples.is_none() && record.figure.is_none(), "{kernel:?}: {:?}", record.verdict);
        assert_eq!(record.reasons[0].code, "proof-failed");
    }
}

#[test]
fn every_submission_of_a_case_begins_on_a_poisoned_output() {
    let mut executor = ScriptedExecutor::new(Script::honest());
    let record =
        measure(&mut executor, &request("64x48x50"), &Effort::quick(), &mut Pace::default(), &mut unwatched).unwrap();
    assert!(record.figure.is_some() && record.samples.unwrap().submissions.len() > 50);
    assert_eq!(executor.bare(), 0);
}

#[test]
fn every_sample_is_in_the_record_and_behind_the_figure() {
    let record = measured(Script::honest(), "64x48x50");
    let samples = record.samples.as_ref().unwrap();
    let rounds: Vec<usize> = samples.submissions.chunk_by(|a, b| a.round == b.round).map(<[_]>::len).collect();
    assert!(rounds.iter().all(|&submissions| submissions == 3), "{rounds:?}");
    assert_eq!(record.figure.as_ref().unwrap().samples as usize, rounds.len());
    assert_eq!(samples.sentinel.as_ref().unwrap().laps.len(), rounds.len());
}

#[test]
fn the_rate_before_a_throttle_is_never_the_headline() {
    let mut record =
        measured(Script { pace: Box::new(|s, _| 1.0 + 1e-3 * (s % 7) as f64), ..Script::honest() }, "64x48x50");
    let before = record.figure.clone().unwrap();
    let samples = record.samples.as_mut().unwrap();
    let from = samples.submissions.last().unwrap().round / 3;
    for submission in samples.submissions.iter_mut().filter(|s| s.round >= from) {
        // A third slower, on both clocks.
        submission.host_ns += submission.host_ns / 3;
        submission.device_ticks = submission.device_ticks.map(|[begin, end]| [begin, end + (end - begin) / 3]);
    }
    // Later begins move along, or the clock would seem to jump back.
    let mut shift = 0;
    for submission in &mut samples.submissions {
        let [begin, end] = submission.device_ticks.unwrap();
        submission.device_ticks = Some([begin + shift, end + shift]);
        shift += if submission.round >= from { (end - begin) / 4 } else { 0 };
    }
    let derived = derive(&record);
    let figure = derived.figure.unwrap();
    assert_eq!(derived.verdict, Verdict::Suspect, "{:?}", derived.reasons);
    assert!(figure.gflop_per_s.median < 0.8 * before.gflop_per_s.median, "{figure:?}");
    assert!(figure.burst_gflop_per_s > 1.2 * figure.gflop_per_s.median, "the burst is told apart: {figure:?}");
}

#[test]
fn threads_that_share_a_processor_from_beginning_to_end_are_told_though_no_trace_moves() {
    let halved = |waits| measured(Script { course: Box::new(|_| 2.0), waits, ..Script::honest() }, "64x48x50");
    let codes = |record: &Record| record.reasons.iter().map(|r| r.code.clone()).collect::<Vec<_>>();
    // Nothing else sees it.
    assert_eq!((halved(None).verdict, halved(None).samples.unwrap().workers), (Verdict::Measured, None));
    let starved = halved(Some(0.5));
    assert_eq!((starved.verdict, codes(&starved)), (Verdict::Suspect, vec!["workers-starved".to_string()]));
    let workers = starved.samples.as_ref().unwrap().workers.unwrap();
    assert_eq!(workers.threads, 2);
    assert!((workers.waited() - 0.5).abs() < 1e-6, "{workers:?}");
    // From the record alone, as a replay does.
    let line = serde_json::to_string(&starved).unwrap();
    assert_eq!(derive(&serde_json::from_str(&line).unwrap()).reasons, starved.reasons);
    let quiet = halved(Some(0.02));
    assert_eq!((quiet.verdict, codes(&quiet)), (Verdict::Measured, vec![]));
}

#[test]
fn a_figure_has_a_proof_that_saw_each_dispatch() {
    let record = measured(Script::honest(), "64x48x50");
    assert!(record.figure.is_some() && record.proof.unwrap().dispatches.unwrap() >= 2);
}

#[test]
fn a_record_without_a_passed_proof_derives_no_figure() {
    let record = measured(Script::honest(), "64x48x50");
    for proof in [None, record.proof.clone().map(|proof| crate::kernel::Proof { passed: false, ..proof })] {
        let derived = derive(&Record { proof, ..record.clone() });
        assert_eq!((derived.figure, derived.verdict), (None, Verdict::Invalid));
        assert_eq!(derived.reasons[0].code, "proof-failed");
    }
}

#[test]
fn a_wrong_product_says_where_llvmpipe_ends_loops_early_and_k_is_long_enough_for_it() {
    let wrong = measured(Script { kernel: KernelFault::HalfK, ..Script::honest() }, "64x48x50");
    let said = |name: &str, k: u32| {
        let mut record = wrong.clone();
        (record.adapter.name, record.case.shape.k) = (name.into(), k);
        let reason = derive(&record).reasons.remove(0);
        (reason.code == "proof-failed", reason.detail.contains("65535 turns"))
    };
    assert_eq!(said("llvmpipe (LLVM 15.0.6, 256 bits)", 131_072), (true, true));
    assert_eq!(said("llvmpipe (LLVM 15.0.6, 256 bits)", 4096), (true, false));
    assert_eq!(said("NVIDIA H200", 131_072), (true, false));
}

#[test]
fn what_is_timed_is_the_class_of_data_that_was_asked_for() {
    // Whole numbers, zeros and constants are multiplied twice as fast.
    let cost = |_: &Kernel, _, operands: &Operands| {
        let random = !operands.exact && operands.b.row(0)[..2] != [0.0, 0.0] && operands.b.row(0)[..2] != [0.5, 0.5];
        if random { 1.0 } else { 0.5 }
    };
    for (data, times) in [(DataClass::Normal, 1.0), (DataClass::Zeros, 2.0), (DataClass::Constant, 2.0)] {
        let mut executor = ScriptedExecutor::new(Script { cost: Box::new(cost), ..Script::honest() });
        let asked = Request { data, ..request("64x48x50") };
        let record = measure(&mut executor, &asked, &Effort::quick(), &mut Pace::default(), &mut unwatched).unwrap();
        let rate = record.figure.unwrap().gflop_per_s.median;
        assert!((rate / (1e3 * times) - 1.0).abs() < 0.01, "{data:?}: {rate}");
    }
}

#[test]
fn what_was_not_warm_is_measured_for_all_of_its_time_and_says_so() {
    // It gets quicker for as long as the warm-up lasts, and is as steady as can be from then on.
    let pace = |_, t: f64| if t < 0.55 { 1.6 - t } else { 1.0 };
    let record = measured(Script { pace: Box::new(pace), flop_per_s: 1e10, ..Script::honest() }, "64x48x50");
    let samples = record.samples.as_ref().unwrap();
    assert_eq!((samples.warm, samples.stopped.as_str()), (false, "time-used"));
    assert!(record.reasons.iter().any(|reason| reason.code == "warm-up-cut"), "{:?}", record.reasons);
    let steady = measured(Script::honest(), "64x48x50");
    assert_eq!((steady.samples.unwrap().warm, steady.reasons), (true, vec![]));
}

#[test]
fn rounds_are_rotated_as_many_as_bracket_a_median_and_long_enough_for_the_finer_clock() {
    let samples = |script| measured(script, "64x48x50").samples.unwrap();
    let first: Vec<u32> = samples(Script::honest())
        .submissions
        .chunk_by(|a, b| a.round == b.round)
        .map(|round| round[0].dispatches)
        .collect();
    assert!(first[..3] == [first[0], 2 * first[0], 3 * first[0]] && first[3] == first[0], "{first:?}");
    // A tenth of a second a dispatch: the time is used up before the sixth round.
    let shape: crate::kernel::Shape = "64x48x50".parse().unwrap();
    let cost = move |kernel: &Kernel, _, _: &crate::kernel::Operands| match kernel.family {
        Family::Naive => 0.1 * 1e12 / shape.flop(),
        _ => 1.0,
    };
    let slow = samples(Script { cost: Box::new(cost), ..Script::honest() });
    assert_eq!(slow.submissions.last().unwrap().round + 1, Effort::quick().min_rounds);
    let shortest = |script| {
        let samples = samples(Script { flop_per_s: 1e10, ..script });
        samples.submissions.iter().map(|s| s.host_ns).min().unwrap()
    };
    // 4 ms, unless the finer clock of the two moves in steps of more than 36 µs.
    let coarse = Script { device_clock: DeviceClock::Quantised(65_536), ..Script::honest() };
    assert!((3_900_000..4_400_000).contains(&shortest(coarse)));
    let host_clock = crate::measure::scripted::HostClock::Quantised(100_000);
    let both = Script { host_clock, device_clock: DeviceClock::Missing, ..Script::honest() };
    assert!((10_000_000..12_000_000).contains(&shortest(both)));
}

/// Smoke-tested at 9 ms a dispatch, six or seven rounds in its time, where one submission in eight takes eight times as
/// long.
fn stalling(seed: u64, effort: &Effort) -> Record {
    let asked = request("64x48x50");
    let each = 0.009 * 1e12 / asked.shape.flop();
    let cost = move |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { each } else { 1.0 };
    let mut rng = rng(seed);
    let pace = move |_, _| if rng.random_bool(1.0 / 8.0) { 8.0 } else { 1.0 };
    let mut executor = ScriptedExecutor::new(Script { cost: Box::new(cost), pace: Box::new(pace), ..Script::honest() });
    measure(&mut executor, &asked, effort, &mut Pace::default(), &mut unwatched).unwrap()
}

#[test]
fn a_case_whose_interval_reaches_zero_goes_on_within_bounds_for_one_that_does_not() {
    let of = |effort: Effort| -> Vec<Record> { (0..100).map(|seed| stalling(seed, &effort)).collect() };
    let lost = |records: &[Record]| -> Vec<usize> {
        (0..records.len())
            .filter(|&i| records[i].reasons.first().is_some_and(|r| ["noise", "no-clock"].contains(&r.code.as_str())))
            .collect()
    };
    let (patient, punctual) = (of(Effort::smoke()), of(Effort { patience: 0.0, ..Effort::smoke() }));
    let (still, before) = (lost(&patient), lost(&punctual));
    println!("without a figure: {} before, {} still", before.len(), still.len());
    assert!(still.len() <= 10 && before.len() >= 50, "{still:?} {before:?}");
    // Nor does one dispatch that had to wait make a case too long for its time: it has to happen twice.
    let skipped = patient.iter().filter(|r| matches!(r.missing, Some(Missing::Skipped { .. }))).count();
    assert!(skipped <= 4, "{skipped}");
    for (patient, punctual) in patient.iter().zip(&punctual) {
        let rounds = |r: &Record| r.samples.as_ref().map_or(0, |s| s.submissions.last().unwrap().round);
        // What has a figure in its time takes no more, and a case that gets none ends all the same: warm-up, three times
        // its time, and a last round.
        assert!(punctual.figure.is_none() || rounds(patient) == rounds(punctual));
        assert!(patient.spent.unwrap().timing_s < 0.1 + 3.0 * Effort::smoke().case_s + 0.25);
    }
    let figures: Vec<Interval> = patient.iter().filter_map(|r| r.figure.as_ref()).map(|f| f.seconds).collect();
    let cover = figures.iter().filter(|time| time.lo <= 0.00901 && 0.00899 <= time.hi).count();
    assert_eq!(cover, figures.len());
}

#[test]
fn a_cpu_type_adapter_is_never_called_measured_and_a_doubt_goes_before_that() {
    let mut record = measured(Script::honest(), "64x48x50");
    assert_eq!(record.verdict, Verdict::Measured);
    record.adapter.software = true;
    let derived = derive(&record);
    assert_eq!((derived.verdict, derived.reasons[0].code.as_str()), (Verdict::Software, "software-adapter"));
    // Half of its time by the host: the clocks disagree.
    let samples = record.samples.as_mut().unwrap();
    samples.submissions.iter_mut().for_each(|submission| submission.host_ns /= 2);
    let derived = derive(&record);
    assert_eq!((derived.verdict, derived.reasons[0].code.as_str()), (Verdict::Suspect, "clocks-disagree"));
    assert!(derived.figure.is_some());
}

#[test]
fn a_product_tells_the_time_of_one_much_larger_on_a_software_adapter_alone() {
    let predicted = |software, seen, n| {
        let mut pace = Pace { software, ..Pace::default() };
        pace.note("naive", Shape::square(seen), 1e-3);
        pace.predict("naive", Shape::square(n))
    };
    assert_eq!((predicted(true, 256, 1024), predicted(false, 256, 1024)), (Some(0.064), Some(0.064)));
    assert_eq!((predicted(true, 256, 4096), predicted(false, 256, 4096)), (Some(4.096), None));
    // A tiny one is all launch, on any.
    assert_eq!((predicted(true, 64, 512), predicted(true, 64, 128)), (None, Some(8e-3)));
}
