//! A list of cases, each written down as soon as it is done.

use super::Executor;
use super::effort::Effort;
use super::engine::{Pace, left_out, measure};
use super::record::{Missing, Record, Verdict};
use super::steadiness::Code;
use super::suite::Request;
use super::timing::Stage;
use crate::error::Result;
use crate::units::duration;
use std::cmp::Ordering;
use std::collections::BTreeMap;
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
/// second turn showed it slower than the shapes before it had told, or was too short in its turn.
const TURNS: usize = 3;

/// [`sweep`] within so many seconds of the executor's clock, compiling and proving included.
///
/// Each case gets an equal share of what is left, less what setting up and proving will take going by the
/// cases before it; what a case does not need goes to those after it. Two kinds are taken up again behind all others, those
/// of the quickest kernel first and with more than the effort's time where it takes that: a case whose share is too small to
/// time it, which is a `skipped` row with the reason where what is left is too little as well; and one whose trace was too
/// short to be believed, of which nothing is told before its second trace has taken the place of the first, or no time is
/// left for one. `done` sees records in the order in which they were made, the list that comes back has them in that of the
/// requests.
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
    let mut short = BTreeMap::new();
    let mut to_do: Vec<usize> = (0..requests.len()).collect();
    'all: for turn in 0..TURNS {
        let mut put_off = Vec::new();
        // What is left goes to the quickest kernels first, whose figures are the adapter's, and to small shapes.
        to_do.sort_by(|&a, &b| order(&pace, &requests[a], &requests[b]));
        for (at, &index) in to_do.iter().enumerate() {
            let request = &requests[index];
            let mut allotted = Ok(*effort);
            if let Some(seconds) = seconds {
                let left_s = seconds - executor.now_ns().saturating_sub(begin) as f64 * 1e-9;
                let left = Left { seconds, left_s, cases: to_do.len() - at, first: index == 0 };
                let share = allot(&pace, request, effort, left, executor.adapter().software);
                allotted = if short.contains_key(&index) {
                    longer(&pace, request, effort, left)
                } else if share.as_ref().is_ok_and(|share| fits(&pace, request, share)) {
                    share
                } else if turn == 0 {
                    put_off.push(index);
                    continue;
                } else {
                    stretch(&pace, request, effort, left, share)
                };
            }
            let mut record = match &allotted {
                Err(_) if stop() => break 'all,
                Err(reason) => left_out(executor, request, reason.clone()),
                Ok(effort) => {
                    let mut watch = |stage| {
                        observe(index, stage);
                        if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    };
                    let Some(record) = measure(executor, request, effort, &mut pace, &mut watch) else { break 'all };
                    record
                }
            };
            let skipped = matches!(record.missing, Some(Missing::Skipped { .. }));
            let once_more = seconds.is_some() && turn + 1 < TURNS;
            if let Some(before) = short.remove(&index) {
                if skipped {
                    record = before;
                }
            } else if once_more && is_short(&record) {
                short.insert(index, record);
                put_off.push(index);
                continue;
            } else if once_more && skipped && allotted.is_ok() {
                // Too slow for the time it had: from now on it is known how slow.
                put_off.push(index);
                continue;
            }
            done(&record)?;
            records.push((index, record));
        }
        to_do = put_off;
    }
    for (index, record) in short {
        done(&record)?;
        records.push((index, record));
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
    let predicted = predicted(pace, request);
    // By tiny shapes alone a large one of a CPU-type adapter could take the whole budget many times over. On
    // hardware those are all launch and no work, and would only refuse what takes milliseconds.
    let guessed = || pace.guess(request.kernel.family.name(), request.shape).filter(|_| software);
    let product = predicted.or_else(guessed).unwrap_or(0.0);
    let overhead = pace.overhead(request) + 4.0 * product;
    let share = (left / cases).min(left - overhead);
    effort.case_s = effort.case_s.min(if cases > 1.0 { share - overhead } else { share });
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
    Ok(effort.punctual().within(effort.case_s))
}

/// The effort for a case that its share does not time, out of all that the others left: twice what its fewest rounds
/// take, since six of them are a figure and twelve one that is not doubted for their number.
fn stretch(
    pace: &Pace,
    request: &Request,
    effort: &Effort,
    left: Left,
    share: std::result::Result<Effort, String>,
) -> std::result::Result<Effort, String> {
    let Some(each) = predicted(pace, request) else { return share };
    let least = effort.least(each);
    // A tenth to spare: the time of a product is one that was seen once, or that of another shape.
    beyond(pace, request, effort, left, each, [1.1 * least, 2.0 * least])
}

/// The effort for a case whose trace was short: what twenty rounds take, at least twelve of them.
fn longer(pace: &Pace, request: &Request, effort: &Effort, left: Left) -> std::result::Result<Effort, String> {
    let each = predicted(pace, request).unwrap_or(0.0);
    let sound = effort.sound(each);
    beyond(pace, request, effort, left, each, [0.6 * sound, 1.1 * sound])
}

/// The effort for a case of so many seconds, least and most, whatever the suite has for one, where as much is left.
fn beyond(
    pace: &Pace,
    request: &Request,
    effort: &Effort,
    Left { seconds, left_s, .. }: Left,
    each: f64,
    [least_s, most_s]: [f64; 2],
) -> std::result::Result<Effort, String> {
    let case_s = (left_s - pace.overhead(request) - 4.0 * each).min(most_s);
    if case_s < least_s {
        let (needs, seconds, left) = (duration(effort.least(each)), duration(seconds), duration(left_s.max(0.0)));
        return Err(format!("about {needs} at the rate seen; the time budget of {seconds} has {left} left"));
    }
    Ok(Effort { case_s, ..effort.punctual() }.within(case_s))
}

/// Whether a figure is doubted for the number of its samples: what more time can mend.
fn is_short(record: &Record) -> bool {
    record.verdict == Verdict::Suspect && record.reasons.iter().any(|reason| reason.code == Code::ShortTrace.as_str())
}

/// Whether a case is through its fewest rounds in time, as far as is known.
fn fits(pace: &Pace, request: &Request, effort: &Effort) -> bool {
    predicted(pace, request).is_none_or(|each| effort.fits(each).is_ok())
}

/// By the best rate of their kernels, then by what a product takes; what nothing is known of comes first.
fn order(pace: &Pace, a: &Request, b: &Request) -> Ordering {
    let by = |of: &dyn Fn(&Request) -> Option<f64>| of(a).unwrap_or(0.0).total_cmp(&of(b).unwrap_or(0.0));
    by(&|r| pace.best(r.kernel.family.name())).then_with(|| by(&|r| predicted(pace, r)))
}

/// Seconds that one product of a case will take, where it can be told.
fn predicted(pace: &Pace, request: &Request) -> Option<f64> {
    pace.predict(request.kernel.family.name(), request.shape)
}

#[cfg(test)]
mod tests;
