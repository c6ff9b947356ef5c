use super::*;
use crate::kernel::{DataClass, Family, Kernel, Operands, Precision, Settings, Shape};
use crate::measure::Timed;
use crate::measure::record::Verdict;
use crate::measure::scripted::{Script, ScriptedExecutor};
use crate::measure::suite::Selection;

/// The first so many families on squares of these sizes.
fn requests(executor: &ScriptedExecutor, sizes: &[u32], families: usize) -> Vec<Request> {
    let wanted = Selection {
        shapes: sizes.iter().map(|&n| Shape::square(n)).collect(),
        families: Family::of(Precision::F32)[..families].to_vec(),
        tiling: None,
        precision: Precision::F32,
        settings: None,
        tuned: None,
        data: DataClass::Normal,
        seed: 1,
    };
    wanted.requests(executor.class()).unwrap()
}

/// What came of a sweep.
struct Swept {
    /// Seconds of the device's own clock.
    took: f64,
    /// What was asked for, in its order.
    wanted: Vec<String>,
    /// What was told, in its order.
    made: Vec<Record>,
    records: Vec<Record>,
}

/// The first so many families on these squares within so many seconds.
fn swept(script: Script, (sizes, families): (&[u32], usize), effort: &Effort, seconds: Option<f64>) -> Swept {
    let mut executor = ScriptedExecutor::new(script);
    let requests = requests(&executor, sizes, families);
    let begin = executor.now_ns();
    let mut made = Vec::new();
    let mut done = |record: &Record| {
        made.push(record.clone());
        Ok(())
    };
    let records =
        sweep_within(&mut executor, &requests, effort, seconds, &mut |_, _| {}, &|| false, &mut done).unwrap();
    let wanted = requests.iter().map(|request| request.case().id()).collect();
    Swept { took: (executor.now_ns() - begin) as f64 * 1e-9, wanted, made, records }
}

/// Eight cases on a device where compiling takes `setup_s` of its own clock.
fn within(seconds: f64, setup_s: f64, flop_per_s: f64) -> (f64, Vec<Record>) {
    let script = Script { setup_s, flop_per_s, ..Script::honest() };
    let swept = swept(script, (&[48, 64], 4), &Effort::quick(), Some(seconds));
    (swept.took, swept.records)
}

fn figures(records: &[Record]) -> usize {
    records.iter().filter(|r| r.figure.is_some()).count()
}

#[test]
fn a_time_budget_is_kept_within_a_tenth_with_compiling_included() {
    for (seconds, setup_s, flop_per_s) in
        [(1.0, 0.0, 1e12), (3.0, 0.1, 1e12), (10.0, 0.5, 1e12), (4.0, 0.3, 1e9), (8.0, 0.05, 1e8), (60.0, 0.5, 1e12)]
    {
        let (took, records) = within(seconds, setup_s, flop_per_s);
        assert!(took <= 1.1 * seconds, "{seconds} s, {setup_s} s a set-up, {flop_per_s} flop/s: took {took} s");
        assert_eq!(records.len(), 8, "every case is a row");
        assert!(figures(&records) > 0, "{seconds} s: {records:#?}");
    }
}

#[test]
fn submissions_are_shorter_under_a_budget_so_that_twenty_rounds_of_three_lengths_fit() {
    // Half a second a case: of 4 ms, 8 ms and 12 ms fifteen rounds would fit.
    let (_, records) = within(4.0, 0.0, 1e10);
    for record in &records {
        assert!(record.figure.as_ref().is_some_and(|figure| figure.samples >= 20), "{record:#?}");
        assert!(record.reasons.iter().all(|reason| reason.code != "two-lengths"), "{:?}", record.reasons);
    }
}

#[test]
fn what_does_not_fit_is_a_skipped_row_with_the_reason() {
    // Four set-ups of 1 s do not leave room for eight.
    let (took, records) = within(4.0, 1.0, 1e12);
    assert!(took <= 4.4, "{took}");
    let skipped: Vec<_> = records.iter().filter(|r| matches!(r.missing, Some(Missing::Skipped { .. }))).collect();
    assert!(!skipped.is_empty() && figures(&records) > 0, "{records:#?}");
    for record in skipped {
        assert_eq!(record.verdict, Verdict::Invalid);
        assert!(record.reasons[0].detail.contains("budget of 4.0 s"), "{:?}", record.reasons);
    }
}

#[test]
fn a_guess_of_the_overhead_does_not_leave_a_budget_unused() {
    // Eight cases at a guessed tenth of a second each do not fit; the first one shows that they take nothing.
    let Swept { took, records, .. } = swept(Script::honest(), (&[256, 264], 4), &Effort::smoke(), Some(0.6));
    assert_eq!(figures(&records), 8, "{records:#?}");
    assert!(took <= 0.66, "{took}");
}

#[test]
fn a_large_shape_of_a_slow_kernel_of_which_only_tiny_ones_were_seen_does_not_break_the_budget() {
    // A CPU-type adapter of 100,000 flop/s: a product of 96³ takes 18 s, and none of 4³ is within reach of it.
    let naive = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 1e-5 };
    let script = Script { flop_per_s: 1e5, cost: Box::new(naive), software: true, ..Script::honest() };
    let Swept { took, records, .. } = swept(script, (&[4, 96], 3), &Effort::quick(), Some(4.0));
    assert!(took <= 4.4 && figures(&records) > 2, "{took} s: {records:#?}");
}

#[test]
fn tiny_shapes_that_are_all_launch_do_not_refuse_a_large_one_on_hardware() {
    // 4 µs for whatever is small: by its rate a product of 96³ would take minutes.
    let launch = |_: &Kernel, _: Settings, operands: &Operands| {
        let flop = 2.0 * (operands.a.rows * operands.a.cols * operands.b.cols) as f64;
        1.0 + 4e-6 * 1e12 / flop
    };
    let script = Script { cost: Box::new(launch), ..Script::honest() };
    let Swept { records, .. } = swept(script, (&[1, 96], 3), &Effort::smoke(), Some(4.0));
    assert_eq!(figures(&records), 6, "{records:#?}");
}

#[test]
fn what_was_too_slow_to_be_timed_says_how_slow_the_next_shape_will_be() {
    // A tenth of a second a product: the rounds of the first shape do not fit, and those of the second, of
    // eight times the work, are known not to without a product of it.
    let naive = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 1e-3 };
    let flop_per_s = 10.0 * Shape::square(64).flop();
    let mut executor = ScriptedExecutor::new(Script { flop_per_s, cost: Box::new(naive), ..Script::honest() });
    let requests = requests(&executor, &[64, 128], 1);
    let begin = executor.now_ns();
    let effort = Effort { case_s: 1.0, ..Effort::quick() };
    let records = sweep(&mut executor, &requests, &effort, &mut |_, _| {}, &|| false, &mut |_| Ok(())).unwrap();
    assert!(records.iter().all(|r| matches!(r.missing, Some(Missing::Skipped { .. }))), "{records:#?}");
    assert!(records[1].reasons[0].detail.contains("at the rate seen"), "{:?}", records[1].reasons);
    // Two products of the first, none of the second, of which one alone would take 0.8 s.
    assert!((executor.now_ns() - begin) as f64 * 1e-9 < 0.5);
}

#[test]
fn what_its_share_does_not_time_is_taken_up_again_with_what_the_others_left() {
    // 30 ms a product of 96³ by the slow kernel: 0.6 s for its fewest rounds, of which its share is no half.
    let slow = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 1e-3 };
    let flop_per_s = Shape::square(96).flop() / 0.03;
    let script = Script { flop_per_s, cost: Box::new(slow), software: true, ..Script::honest() };
    let effort = Effort { case_s: 1.0, max_rounds: 6, ..Effort::quick() };
    let Swept { took, wanted, made, records } = swept(script, (&[48, 96], 4), &effort, Some(2.0));
    assert!(took <= 2.2, "{took}");
    assert_eq!(figures(&records), 8, "{records:#?}");
    let ids = |records: &[Record]| records.iter().map(|r| r.case.id()).collect::<Vec<_>>();
    assert_eq!(ids(&records), wanted, "in the order of the requests");
    assert_eq!(ids(&made).last(), Some(&wanted[4]), "made behind the others: {:?}", ids(&made));
}

#[test]
fn a_slow_kernel_gets_more_than_the_time_of_a_case_out_of_what_a_budget_has_left() {
    // 0.1 s a product of 64³ by the slow kernel, 0.8 s of 128³: 1.9 s and 15 s for their fewest rounds, while a case
    // has 1 s. The others need little.
    let slow = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 1e-3 };
    let script = || Script {
        flop_per_s: Shape::square(64).flop() / 0.1,
        cost: Box::new(slow),
        software: true,
        ..Script::honest()
    };
    let effort = Effort { case_s: 1.0, max_rounds: 6, ..Effort::quick() };
    let run = |seconds| swept(script(), (&[64, 128], 4), &effort, seconds);
    let records = run(None).records;
    assert!(records[0].figure.is_none(), "without a budget a case has its time and no more: {records:#?}");
    for (seconds, slow_ones) in [(2.0, 0), (5.0, 1), (40.0, 2)] {
        let Swept { took, records, .. } = run(Some(seconds));
        assert!(took <= 1.1 * seconds, "{seconds} s: took {took} s");
        assert_eq!(figures(&records), 6 + slow_ones, "{seconds} s: {records:#?}");
        assert_eq!(records[0].figure.is_some(), slow_ones > 0, "the quicker of them first: {records:#?}");
        for skipped in records.iter().filter(|r| r.figure.is_none()) {
            assert!(skipped.reasons[0].detail.contains("at the rate seen; the time budget"), "{skipped:#?}");
        }
    }
}

#[test]
fn a_shape_slower_than_another_told_has_one_more_turn() {
    // 30 ms a product of 64³, by which one of 96³ would take 0.1 s: 1.9 s for its fewest rounds. It takes 0.3 s,
    // 5.7 s for them, as its second turn finds, which is given twice the 1.9 s.
    let slower = |_: &Kernel, _: Settings, operands: &Operands| if operands.a.rows == 96 { 0.3 / 0.10125 } else { 1.0 };
    let flop_per_s = Shape::square(64).flop() / 0.03;
    let script = Script { flop_per_s, cost: Box::new(slower), software: true, ..Script::honest() };
    let effort = Effort { case_s: 1.0, max_rounds: 6, ..Effort::quick() };
    let Swept { took, made, records, .. } = swept(script, (&[64, 96], 1), &effort, Some(14.0));
    assert_eq!(figures(&records), 2, "{records:#?}");
    assert_eq!(made, records, "a row is told once");
    assert!(took <= 15.4, "{took}");
}

#[test]
fn a_budget_too_small_for_one_measurement_leaves_rows_and_no_figure() {
    let (took, records) = within(0.01, 0.0, 1e12);
    assert!(took <= 0.011, "{took}");
    assert_eq!((records.len(), figures(&records)), (8, 0));
    assert!(records.iter().all(|r| matches!(r.missing, Some(Missing::Skipped { .. }))));
}

#[test]
fn a_wide_budget_changes_nothing() {
    let (_, records) = within(1e6, 0.0, 1e12);
    assert!(records.iter().all(|r| r.verdict == Verdict::Measured), "{records:#?}");
}

#[test]
fn a_stop_within_a_case_drops_that_case_alone() {
    let mut executor = ScriptedExecutor::new(Script::honest());
    let requests = requests(&executor, &[48], 3);
    let (asked, written) = (std::cell::Cell::new(false), std::cell::Cell::new(0));
    let records = sweep(
        &mut executor,
        &requests,
        &Effort::smoke(),
        &mut |index, stage| asked.set(index == 1 && matches!(stage, Stage::Timing(_))),
        &|| asked.get(),
        &mut |_| {
            written.set(written.get() + 1);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!((records.len(), written.get()), (1, 1));
}

#[test]
fn a_trace_too_short_to_be_believed_is_measured_again_with_what_is_left_and_told_once() {
    // 20 ms a product of 64³, so that few rounds fit the 0.6 s of a case; a budget that does with it, and one that
    // has time for twenty rounds.
    let script = || Script { flop_per_s: Shape::square(64).flop() / 0.02, software: true, ..Script::honest() };
    let effort = Effort { case_s: 0.6, ..Effort::quick() };
    for (seconds, samples) in [(1.5, 4..10), (6.0, 10..40)] {
        let Swept { took, made, records, .. } = swept(script(), (&[64], 1), &effort, Some(seconds));
        assert!(took <= 1.1 * seconds, "{seconds} s: took {took} s");
        assert_eq!(made, records);
        let [record] = &records[..] else { panic!("one row: {records:#?}") };
        let figure = record.figure.as_ref().unwrap();
        assert!(samples.contains(&figure.samples), "{seconds} s: {figure:#?}");
        assert_eq!(is_short(record), samples.end == 10, "{record:#?}");
    }
}

#[test]
fn a_stop_while_a_short_trace_waits_for_its_turn_loses_nothing_of_it() {
    let script = Script { flop_per_s: Shape::square(64).flop() / 0.02, software: true, ..Script::honest() };
    let mut executor = ScriptedExecutor::new(script);
    let requests = requests(&executor, &[64, 48], 1);
    let effort = Effort { case_s: 0.6, ..Effort::quick() };
    let (asked, written) = (std::cell::Cell::new(false), std::cell::Cell::new(0));
    let records = sweep_within(
        &mut executor,
        &requests,
        &effort,
        Some(10.0),
        &mut |index, stage| asked.set(index == 1 && matches!(stage, Stage::Timing(_))),
        &|| asked.get(),
        &mut |_| {
            written.set(written.get() + 1);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!((records.len(), written.get()), (1, 1));
    assert!(is_short(&records[0]), "{records:#?}");
}

#[test]
fn what_is_left_goes_to_the_quickest_kernel_first() {
    // 20 ms a product by the quick kernel, whose trace is short at its first turn, 0.2 s by the slow one, whose fewest
    // rounds take 3.8 s: one of them finds time, whichever comes first.
    let quick = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 0.1 };
    let flop_per_s = Shape::square(64).flop() / 0.2;
    let script = Script { flop_per_s, cost: Box::new(quick), software: true, ..Script::honest() };
    let effort = Effort { case_s: 0.6, ..Effort::quick() };
    let Swept { records, .. } = swept(script, (&[64], 2), &effort, Some(7.5));
    assert!(matches!(records[0].missing, Some(Missing::Skipped { .. })), "{records:#?}");
    assert!(records[1].figure.is_some() && !is_short(&records[1]), "{records:#?}");
}
