//! Warm-up and rounds on anything that can be repeated: the same for a product, a copy and an empty
//! dispatch, so that all figures are of one kind.

use super::clocks::MIN_TICKS;
use super::effort::{Effort, MOST_DISPATCHES, round};
use super::figure;
use super::record::{Missing, Samples, Sentinel, SentinelLap, Submission, Workers};
use super::steadiness::INDEPENDENT_SAMPLES;
use super::steadiness::warmup::{MIN_SECONDS, WarmUp, WarmUpBudget, WarmUpState};
use super::stopping::{Budget, First, StoppingRule};
use super::{Lap, Step, Timed};
use crate::stats::gcd;
use crate::stats::slope::{Point, line};
use crate::units::duration;
use std::ops::ControlFlow;

/// What a case is at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Compiling and proving on exact data.
    Proving,
    /// Warming up.
    WarmUp,
    /// Timing: the part of the case's time that is used up.
    Timing(f64),
    /// A round is over: seconds of a dispatch in it.
    Round(f64),
}

/// Told before every submission what comes next, and of each round how it came out; `Break` ends the case without a
/// record.
pub type Watch<'a> = dyn FnMut(Stage) -> ControlFlow<()> + 'a;

/// Goes on whatever comes.
pub fn unwatched(_: Stage) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Why a case came to no samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// What stands in the way is a row of the record.
    Missing(Missing),
    /// Whoever watches wanted it to end: nothing is known, and nothing is written.
    Stopped,
}

impl From<Missing> for Halt {
    fn from(missing: Missing) -> Halt {
        Halt::Missing(missing)
    }
}

/// Warms up and times `device`, whose work is one dispatch (`parts` of 1).
///
/// # Errors
/// [`Halt`]; `skipped` where its fewest rounds would not fit the effort's time.
pub fn time(device: &mut dyn Timed, effort: &Effort, watch: &mut Watch) -> Result<Samples, Halt> {
    let mut timer = Timer::start(device, effort);
    ask(watch, Stage::WarmUp)?;
    let first = timer.lap(device, 1)?;
    let first = timer.again(device, first)?;
    timer.fits(first)?;
    timer.run(device, first, 1, watch)
}

/// Times one thing. Begun before its first submission; between that and the rest the caller may still
/// change how the work is cut.
pub struct Timer<'a> {
    effort: &'a Effort,
    begin_s: f64,
    /// Greatest common divisor of the device durations so far, ticks.
    device_step: u64,
    /// Where the last submission ended, ticks.
    device_last: Option<u64>,
    /// The same in nanoseconds, once there is one.
    device_step_ns: Option<f64>,
}

impl<'a> Timer<'a> {
    /// The effort's time runs from now on.
    pub fn start(device: &dyn Timed, effort: &'a Effort) -> Timer<'a> {
        Timer { effort, begin_s: seconds(device), device_step: 0, device_last: None, device_step_ns: None }
    }

    /// One untimed submission; host seconds.
    pub fn lap(&mut self, device: &mut dyn Timed, repeats: u32) -> Step<f64> {
        device.poison()?;
        let lap = device.submit(repeats)?;
        if let (Some([begin, end]), Some(tick_ns)) = (lap.device_ticks, device.tick_ns()) {
            self.device_step = gcd(self.device_step, end.abs_diff(begin));
            // The moments move by the clock's step too, and less regularly than what is timed.
            if let Some(last) = self.device_last.replace(end) {
                self.device_step = gcd(self.device_step, begin.abs_diff(last));
            }
            self.device_step_ns = Some(self.device_step as f64 * tick_ns).filter(|&ns| ns > 0.0);
        }
        Ok(lap.host_ns as f64 * 1e-9)
    }

    /// Seconds of one dispatch, untimed, of which `first` is what a first one took. Looked at again where it would not fit its
    /// time by a little: it may have had to wait.
    pub fn again(&mut self, device: &mut dyn Timed, first: f64) -> Step<f64> {
        let again = self.effort.fits(first).is_err() && first <= self.effort.case_s;
        if again { Ok(first.min(self.lap(device, 1)?)) } else { Ok(first) }
    }

    /// Skips what would not fit its time with its fewest rounds, going by the time of one dispatch.
    pub fn fits(&self, each: f64) -> Step<()> {
        self.effort.fits(each).map_err(|least| Missing::Skipped {
            reason: format!("it takes about {}, the case has {}", duration(least), duration(self.effort.case_s)),
        })
    }

    /// Warm-up and rounds. `first` is the time of one dispatch of the whole work, just seen; `parts` the
    /// number that it is cut into.
    ///
    /// # Errors
    /// [`Halt`].
    pub fn run(mut self, device: &mut dyn Timed, first: f64, parts: u32, watch: &mut Watch) -> Result<Samples, Halt> {
        let effort = self.effort;
        let tick_ns = device.tick_ns();
        let mut samples = Samples {
            tick_ns,
            host_tick_ns: device.host_tick_ns(),
            parts,
            warmup: 1,
            warm: false,
            stopped: String::new(),
            submissions: Vec::new(),
            sentinel: None,
            workers: None,
        };
        let each = self.warm_up(device, first, &mut samples, watch)?;
        let left = (effort.case_s - (seconds(device) - self.begin_s)).max(0.0);
        let lengths = lengths(each, self.submission_s(device), left);
        let most = effort.max_rounds as usize;
        // What was not seen to be steady gets all of its time: a short trace would hide what still moves.
        let mut rule: Box<dyn StoppingRule> = match samples.warm {
            true => Box::new(First::usual(effort.precision, left, most)),
            false => Box::new(Budget::new(left, most)),
        };
        let timing = seconds(device);
        let (threads, from_ns) = (device.threads(), device.now_ns());
        for round in 0.. {
            let round_begin = seconds(device);
            for position in 0..lengths.len() {
                ask(watch, Stage::Timing((seconds(device) - self.begin_s) / effort.case_s))?;
                // Rotated, so that no length always comes first after the round's bookkeeping.
                let dispatches = lengths[(position + round as usize) % lengths.len()];
                device.poison()?;
                let lap = device.submit(dispatches)?;
                samples.submissions.push(Submission {
                    round,
                    dispatches,
                    host_ns: lap.host_ns,
                    device_ticks: lap.device_ticks,
                });
            }
            if let Some((dispatches, Lap { host_ns, device_ticks })) = device.sentinel()? {
                let sentinel = samples.sentinel.get_or_insert(Sentinel { dispatches, laps: Vec::new() });
                sentinel.laps.push(SentinelLap { host_ns, device_ticks });
            }
            let now = seconds(device);
            let first_of_round = samples.submissions.len() - lengths.len();
            let slope = round_slope(&samples.submissions[first_of_round..], tick_ns);
            rule.feed(slope, now - round_begin);
            ask(watch, Stage::Round(slope))?;
            let Some(why) = rule.why() else { continue };
            // Rounds enough to bracket a median, and a bracket above zero, are worth going over the time for, within bounds:
            // without them all of it would have been for nothing.
            let used = (now - timing) / effort.case_s;
            let enough = round + 1 >= effort.min_rounds || used >= effort.overrun;
            if enough && (used >= effort.patience || !figure::is_lost_in_noise(&samples)) {
                samples.stopped = why.code().into();
                break;
            }
        }
        let wall_ns = device.now_ns() - from_ns;
        samples.workers = threads.zip(device.threads()).map(|(b, a)| Workers::between(&b, &a, wall_ns));
        Ok(samples)
    }

    /// Runs the work untimed until its time is steady; returns seconds per dispatch of the whole work.
    fn warm_up(
        &mut self,
        device: &mut dyn Timed,
        first: f64,
        samples: &mut Samples,
        watch: &mut Watch,
    ) -> Result<f64, Halt> {
        let most_seconds = self.effort.case_s * self.effort.warmup_share;
        let least_seconds = MIN_SECONDS.min(0.5 * most_seconds);
        let mut warm_up = WarmUp::new(WarmUpBudget { least_seconds, most_seconds, ..WarmUpBudget::default() });
        let (mut each, begin) = (first, seconds(device));
        loop {
            ask(watch, Stage::WarmUp)?;
            let repeats = shortest(each, self.submission_s(device));
            let lap = self.lap(device, repeats)?;
            each = lap / f64::from(repeats);
            samples.warmup += 1;
            match warm_up.push(each, lap) {
                // What lies between the laps, overwriting the output above all, must not take the time of the rounds.
                WarmUpState::Warming if seconds(device) - begin >= 2.0 * most_seconds => return Ok(each),
                WarmUpState::Warming => {}
                WarmUpState::Steady { .. } => {
                    samples.warm = true;
                    return Ok(each);
                }
                WarmUpState::NeverSteady { .. } => return Ok(each),
            }
        }
    }

    /// Length of the shortest submission: enough ticks of the finer clock, and a millisecond or so.
    fn submission_s(&self, device: &dyn Timed) -> f64 {
        let host = device.host_tick_ns();
        let tick_ns = self.device_step_ns.map_or(host, |step| step.min(host));
        // A tenth above the rule, since the time per dispatch is an estimate.
        self.effort.submission_s.max(1.1 * MIN_TICKS * tick_ns * 1e-9)
    }
}

/// Tells the watcher, and ends the case where it wants that.
pub(super) fn ask(watch: &mut Watch, stage: Stage) -> Result<(), Halt> {
    if watch(stage).is_break() { Err(Halt::Stopped) } else { Ok(()) }
}

fn seconds(device: &dyn Timed) -> f64 {
    device.now_ns() as f64 * 1e-9
}

/// Seconds per dispatch of one round, by the device clock where there is one: what the stopping rule sees.
fn round_slope(round: &[Submission], tick_ns: Option<f64>) -> f64 {
    let time = |s: &Submission| match (s.device_ticks, tick_ns) {
        (Some([begin, end]), Some(tick_ns)) => end.saturating_sub(begin) as f64 * tick_ns * 1e-9,
        _ => s.host_ns as f64 * 1e-9,
    };
    let points: Vec<Point> =
        round.iter().map(|s| Point { round: s.round, dispatches: s.dispatches, time: time(s) }).collect();
    line(&points).map_or(f64::NAN, |(slope, _)| slope)
}

/// Dispatches of a submission that is at least `submission_s` long.
fn shortest(each: f64, submission_s: f64) -> u32 {
    (submission_s / each).ceil().clamp(1.0, f64::from(MOST_DISPATCHES)) as u32
}

/// Dispatches of a round's submissions: k, 2k, 3k; k and 2k where one dispatch alone is long, or where
/// as many rounds as tell whether neighbours hang together would not fit the `left` seconds otherwise.
fn lengths(each: f64, submission_s: f64, left: f64) -> Vec<u32> {
    let k = shortest(each, submission_s);
    let rounds = round(6.0 * f64::from(k) * each) * INDEPENDENT_SAMPLES as f64;
    if each >= submission_s * 5.0 || rounds > left { vec![k, 2 * k] } else { vec![k, 2 * k, 3 * k] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_shorter_where_twenty_would_not_fit() {
        assert_eq!(lengths(0.001, 0.004, 1.5), [4, 8, 12]);
        // 20 rounds of 6 · 19 ms take 2.6 s with what lies between them, of 3 · 19 ms 1.3 s.
        assert_eq!(lengths(0.019, 0.004, 1.5), [1, 2]);
        assert_eq!(lengths(0.019, 0.004, 3.0), [1, 2, 3]);
        // One that is long in any case.
        assert_eq!(lengths(0.020, 0.004, 100.0), [1, 2]);
        assert_eq!(lengths(0.001, 0.004, 0.1), [4, 8]);
    }

    #[test]
    fn submissions_are_as_short_as_twenty_rounds_of_three_take_after_the_whole_warm_up() {
        for case_s in [0.25, 0.5, 1.0, 2.0, 20.0] {
            let effort = Effort::quick().within(case_s);
            let left = (1.0 - effort.warmup_share) * effort.case_s;
            // Dispatches that are short, and such that a whole number of them is up to a tenth too long.
            for each in [1e-5, effort.submission_s / 9.1] {
                assert_eq!(lengths(each, effort.submission_s, left).len(), 3, "{case_s} s, {each} s a dispatch");
            }
        }
    }
}
