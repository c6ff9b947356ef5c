//! A list of cases, each written down as soon as it is done.

use super::Executor;
use super::effort::Effort;
use super::engine::{Pace, left_out, measure};
use super::record::{Missing, Record};
use super::suite::Request;
use super::timing::Stage;
use crate::error::Result;
use crate::units::duration;
use std::ops::ControlFlow;

/// Measures the requests in order. `done` sees each record as soon as there is one; an error from it
/// ends the sweep, a case that fails does not. `stop` is asked before each submission: the case under way
/// then is dropped.
pub fn sweep(
    executor: &mut dyn Executor,
    requests: &[Request],
    effort: &Effort,
    observe: &mut dyn FnMut(usize, Stage),
    stop: &dyn Fn() -> bool,
    done: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    sweep_within(executor, requests, effort, None, observe, stop, done)
}

/// Least time for a case's warm-up and rounds: a warm-up that can be judged at all, and six rounds of the
/// shortest submissions.
const LEAST_CASE_S: f64 = 0.05;

/// What a case gets that comes first, where few of many fit and what setting up takes is known: twenty rounds of
/// submissions of a millisecond and more, so that it is not doubted for its shortness.
const SOUND_CASE_S: f64 = 0.2;

/// How often a case's turn comes within a budget: by its share; then out of what the others left; and once more where its
/// second turn showed it slower than the shapes before it had told.
const TURNS: usize = 3;

/// [`sweep`] within so many seconds of the executor's clock, compiling and proving included.
///
/// Each case gets an equal share of what is left, less what setting up and proving will take going by the
/// cases before it; what a case does not need goes to those after it. A case whose share is too small to time it is
/// taken up again behind all others, the quickest of them first and with more than the effort's time where it takes
/// that; where what is left by then is too little as well it is a `skipped` row with the reason. `done` sees records in
/// the order in which they were made, the list that comes back has them in that of the requests.
pub fn sweep_within(
    executor: &mut dyn Executor,
    requests: &[Request],
    effort: &Effort,
    seconds: Option<f64>,
    observe: &mut dyn FnMut(usize, Stage),
    stop: &dyn Fn() -> bool,
    done: &mut dyn FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let begin = executor.now_ns();
    let mut pace = Pace::of(executor.adapter());
    let mut records = Vec::with_capacity(requests.len());
    let mut to_do: Vec<usize> = (0..requests.len()).collect();
    'all: for turn in 0..TURNS {
        let mut put_off = Vec::new();
        // What is left goes round furthest by the quickest first.
        to_do.sort_by(|&a, &b| least(&pace, &requests[a], effort).total_cmp(&least(&pace, &requests[b], effort)));
        for (at, &index) in to_do.iter().enumerate() {
            let request = &requests[index];
            let mut allotted = Ok(*effort);
            if let Some(seconds) = seconds {
                let left_s = seconds - executor.now_ns().saturating_sub(begin) as f64 * 1e-9;
                let left = Left { seconds, left_s, cases: to_do.len() - at, first: index == 0 };
                allotted = allot(&pace, request, effort, left, executor.adapter().software);
                if turn > 0 {
                    allotted = stretch(&pace, request, effort, left, allotted);
                }
            }
            if turn == 0 && seconds.is_some() && !allotted.as_ref().is_ok_and(|effort| fits(&pace, request, effort)) {
                put_off.push(index);
                continue;
            }
            let tried = allotted.is_ok();
            let record = match allotted {
                Err(_) if stop() => break 'all,
                Err(reason) => left_out(executor, request, reason),
                Ok(effort) => {
                    let mut watch = |stage| {
                        observe(index, stage);
                        if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    };
                    let Some(record) = measure(executor, request, &effort, &mut pace, &mut watch) else { break 'all };
                    record
                }
            };
            // Tried, and too slow for the time it had: from now on it is known how slow.
            let once_more = turn + 1 < TURNS && seconds.is_some();
            if once_more && tried && matches!(record.missing, Some(Missing::Skipped { .. })) {
                put_off.push(index);
                continue;
            }
            done(&record)?;
            records.push((index, record));
        }
        to_do = put_off;
    }
    records.sort_by_key(|(index, _)| *index);
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

/// What there is of a budget when a case's turn comes.
#[derive(Clone, Copy)]
struct Left {
    /// The whole budget.
    seconds: f64,
    /// Seconds of it that are left.
    left_s: f64,
    /// Cases they are for, this one included.
    cases: usize,
    /// Whether nothing came before it.
    first: bool,
}

/// The effort for a case within its share; the reason where that is too little for any.
fn allot(
    pace: &Pace,
    request: &Request,
    effort: &Effort,
    Left { seconds, left_s: left, cases, first }: Left,
    software: bool,
) -> std::result::Result<Effort, String> {
    let wanted_s = effort.case_s;
    let mut effort = *effort;
    let cases = cases as f64;
    // Two products before the first sample, the proof's and the one that the time is learned from, and
    // two at least that are looked at after the last.
    let name = request.kernel.family.name();
    let predicted = pace.predict(name, request.shape);
    // By tiny shapes alone a large one of a CPU-type adapter could take the whole budget many times over. On
    // hardware those are all launch and no work, and would only refuse what takes milliseconds.
    let guessed = || pace.guess(name, request.shape).filter(|_| software);
    let product = predicted.or_else(guessed).unwrap_or(0.0);
    let overhead = pace.overhead(request) + 4.0 * product;
    let share = (left / cases).min(left - overhead);
    effort.case_s = effort.case_s.min(if cases > 1.0 { share - overhead } else { share });
    effort.overrun = 1.0;
    // Where few of many fit, or a guess of what setting up takes is all there is, what comes first is
    // measured, for as long as its set-up takes: better than a whole budget without a figure.
    if effort.case_s < LEAST_CASE_S && left - overhead >= LEAST_CASE_S {
        // What the first one takes is a guess, and the others may fit after all.
        let least_s = if first { LEAST_CASE_S } else { SOUND_CASE_S };
        effort.case_s = wanted_s.min(left - overhead).min(overhead.max(least_s));
    }
    if effort.case_s < LEAST_CASE_S {
        let cases = if cases > 1.0 { format!("{cases:.0} cases") } else { "the last case".into() };
        return Err(format!(
            "the time budget of {} has {} left for {cases}; setting this one up and proving it takes about {}",
            duration(seconds),
            duration(left.max(0.0)),
            duration(overhead)
        ));
    }
    Ok(effort.within(effort.case_s))
}

/// The effort for a case that its share did not time, out of all that the others left: twice what its fewest rounds
/// take, since six of them are a figure and twelve one that is not doubted for their number.
fn stretch(
    pace: &Pace,
    request: &Request,
    effort: &Effort,
    Left { seconds, left_s: left, .. }: Left,
    allotted: std::result::Result<Effort, String>,
) -> std::result::Result<Effort, String> {
    if allotted.as_ref().is_ok_and(|effort| fits(pace, request, effort)) {
        return allotted;
    }
    let Some(each) = pace.predict(request.kernel.family.name(), request.shape) else { return allotted };
    let least = effort.least(each);
    let case_s = (left - pace.overhead(request) - 4.0 * each).min(2.0 * least);
    // A tenth to spare: the time of a product is one that was seen once, or that of another shape.
    if case_s < 1.1 * least {
        let (least, seconds, left) = (duration(least), duration(seconds), duration(left.max(0.0)));
        return Err(format!("about {least} at the rate seen; the time budget of {seconds} has {left} left"));
    }
    Ok(Effort { case_s, overrun: 1.0, ..*effort }.within(case_s))
}

/// Whether a case is through its fewest rounds in time, as far as is known.
fn fits(pace: &Pace, request: &Request, effort: &Effort) -> bool {
    let each = pace.predict(request.kernel.family.name(), request.shape);
    each.is_none_or(|each| effort.fits(each).is_ok())
}

/// Seconds that the fewest rounds of a case take; none where nothing is known of it.
fn least(pace: &Pace, request: &Request, effort: &Effort) -> f64 {
    pace.predict(request.kernel.family.name(), request.shape).map_or(0.0, |each| effort.least(each))
}

#[cfg(test)]
mod tests {
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

    /// Eight cases on a device where compiling takes `setup_s` of its own clock.
    fn within(seconds: f64, setup_s: f64, flop_per_s: f64) -> (f64, Vec<Record>) {
        let mut executor = ScriptedExecutor::new(Script { setup_s, flop_per_s, ..Script::honest() });
        let requests = requests(&executor, &[48, 64], 4);
        let begin = executor.now_ns();
        let effort = Effort::quick();
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(seconds), &mut |_, _| {}, &|| false, &mut |_| Ok(()))
                .unwrap();
        ((executor.now_ns() - begin) as f64 * 1e-9, records)
    }

    fn figures(records: &[Record]) -> usize {
        records.iter().filter(|r| r.figure.is_some()).count()
    }

    #[test]
    fn a_time_budget_is_kept_within_a_tenth_with_compiling_included() {
        for (seconds, setup_s, flop_per_s) in [
            (1.0, 0.0, 1e12),
            (3.0, 0.1, 1e12),
            (10.0, 0.5, 1e12),
            (4.0, 0.3, 1e9),
            (8.0, 0.05, 1e8),
            (60.0, 0.5, 1e12),
        ] {
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
        let mut executor = ScriptedExecutor::new(Script::honest());
        let requests = requests(&executor, &[256, 264], 4);
        let begin = executor.now_ns();
        let effort = Effort::smoke();
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(0.6), &mut |_, _| {}, &|| false, &mut |_| Ok(()))
                .unwrap();
        assert_eq!(figures(&records), 8, "{records:#?}");
        assert!((executor.now_ns() - begin) as f64 * 1e-9 <= 0.66);
    }

    #[test]
    fn a_large_shape_of_a_slow_kernel_of_which_only_tiny_ones_were_seen_does_not_break_the_budget() {
        // A CPU-type adapter of 100,000 flop/s: a product of 96³ takes 18 s, and none of 4³ is within reach of it.
        let naive = |kernel: &Kernel, _, _: &Operands| if kernel.family == Family::Naive { 1.0 } else { 1e-5 };
        let script = Script { flop_per_s: 1e5, cost: Box::new(naive), software: true, ..Script::honest() };
        let mut executor = ScriptedExecutor::new(script);
        let requests = requests(&executor, &[4, 96], 3);
        let begin = executor.now_ns();
        let effort = Effort::quick();
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(4.0), &mut |_, _| {}, &|| false, &mut |_| Ok(()))
                .unwrap();
        let took = (executor.now_ns() - begin) as f64 * 1e-9;
        assert!(took <= 4.4 && figures(&records) > 2, "{took} s: {records:#?}");
    }

    #[test]
    fn tiny_shapes_that_are_all_launch_do_not_refuse_a_large_one_on_hardware() {
        // 4 µs for whatever is small: by its rate a product of 96³ would take minutes.
        let launch = |_: &Kernel, _: Settings, operands: &Operands| {
            let flop = 2.0 * (operands.a.rows * operands.a.cols * operands.b.cols) as f64;
            1.0 + 4e-6 * 1e12 / flop
        };
        let mut executor = ScriptedExecutor::new(Script { cost: Box::new(launch), ..Script::honest() });
        let requests = requests(&executor, &[1, 96], 3);
        let effort = Effort::smoke();
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(4.0), &mut |_, _| {}, &|| false, &mut |_| Ok(()))
                .unwrap();
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
        let mut executor = ScriptedExecutor::new(script);
        let requests = requests(&executor, &[48, 96], 4);
        let begin = executor.now_ns();
        let effort = Effort { case_s: 1.0, max_rounds: 6, ..Effort::quick() };
        let mut made = Vec::new();
        let mut done = |record: &Record| {
            made.push(record.case.id());
            Ok(())
        };
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(2.0), &mut |_, _| {}, &|| false, &mut done).unwrap();
        assert!((executor.now_ns() - begin) as f64 * 1e-9 <= 2.2);
        assert_eq!(figures(&records), 8, "{records:#?}");
        let ids = |records: &[Record]| records.iter().map(|r| r.case.id()).collect::<Vec<_>>();
        let wanted: Vec<_> = requests.iter().map(|r| r.case().id()).collect();
        assert_eq!(ids(&records), wanted, "in the order of the requests");
        assert_eq!(made.last(), Some(&wanted[4]), "made behind the others: {made:?}");
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
        let run = |seconds| {
            let mut executor = ScriptedExecutor::new(script());
            let requests = requests(&executor, &[64, 128], 4);
            let begin = executor.now_ns();
            let records =
                sweep_within(&mut executor, &requests, &effort, seconds, &mut |_, _| {}, &|| false, &mut |_| Ok(()))
                    .unwrap();
            ((executor.now_ns() - begin) as f64 * 1e-9, records)
        };
        let (_, records) = run(None);
        assert!(records[0].figure.is_none(), "without a budget a case has its time and no more: {records:#?}");
        for (seconds, slow_ones) in [(2.0, 0), (5.0, 1), (40.0, 2)] {
            let (took, records) = run(Some(seconds));
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
        let mut executor = ScriptedExecutor::new(script);
        let requests = requests(&executor, &[64, 96], 1);
        let begin = executor.now_ns();
        let effort = Effort { case_s: 1.0, max_rounds: 6, ..Effort::quick() };
        let mut made = Vec::new();
        let mut done = |record: &Record| {
            made.push(record.figure.is_some());
            Ok(())
        };
        let records =
            sweep_within(&mut executor, &requests, &effort, Some(12.0), &mut |_, _| {}, &|| false, &mut done).unwrap();
        assert_eq!(figures(&records), 2, "{records:#?}");
        assert_eq!(made, [true, true], "a row is told once");
        assert!((executor.now_ns() - begin) as f64 * 1e-9 <= 13.2);
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
}
