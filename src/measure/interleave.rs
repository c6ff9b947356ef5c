//! Several prepared cases measured side by side: turn by turn in one process, so that whatever the machine
//! does in the meantime touches all of them alike.

use super::clocks::{self, MIN_TICKS};
use super::cutting;
use super::effort::MOST_DISPATCHES;
use super::record::{Reason, Samples, Submission, TimingMethod};
use super::{Executor, Step};
use crate::kernel::Shape;

/// Of the runs before the first sample at least this many, where nothing speaks for fewer: the first one compiles.
const LEAST_WARMUP: u32 = 3;

/// A product that takes as long as this many of the submissions that were asked for: what a submission costs is nothing
/// beside it.
const LONG: f64 = 20.0;

/// One of the cases: the slot it is prepared and loaded in, and what was seen of it so far.
#[derive(Debug, Clone)]
pub struct Contestant {
    slot: usize,
    lengths: [u32; 2],
    each_s: f64,
    least_s: f64,
    /// Raw samples, one round a turn.
    pub samples: Samples,
}

impl Contestant {
    /// Warms a slot up and finds how many dispatches make a submission of `submission_s`. On hardware a
    /// product is cut so that no dispatch comes near a watchdog.
    ///
    /// # Errors
    /// What the executor says.
    pub fn start(executor: &mut dyn Executor, slot: usize, shape: Shape, submission_s: f64) -> Step<Contestant> {
        Contestant::start_after(LEAST_WARMUP, executor, slot, shape, submission_s)
    }

    /// The same after another number of runs at least.
    ///
    /// # Errors
    /// What the executor says.
    pub fn start_after(
        least_warmup: u32,
        executor: &mut dyn Executor,
        slot: usize,
        shape: Shape,
        submission_s: f64,
    ) -> Step<Contestant> {
        executor.select(slot);
        let (mut k, mut warmup) = (1, 0);
        let mut cut = cutting::carefully(executor, shape.flop(), cutting::FIRST_RATE)?;
        if !executor.adapter().software {
            let mut once = |executor: &mut dyn Executor| {
                warmup += 1;
                cutting::lap(executor)
            };
            let took = once(executor)?;
            (cut, _) = cutting::coarsely(executor, cut, took, &mut once)?;
        }
        let tick_ns = executor.tick_ns().unwrap_or(f64::INFINITY).min(executor.host_tick_ns());
        let least_s = submission_s.max(1.1 * MIN_TICKS * tick_ns * 1e-9);
        let each = loop {
            executor.poison()?;
            let lap = executor.submit(k)?;
            let took = lap.host_ns as f64 * 1e-9;
            warmup += 1;
            if took < least_s && k < MOST_DISPATCHES {
                k = (2 * k).min(MOST_DISPATCHES);
            } else if warmup >= least_warmup {
                break took / f64::from(k);
            }
        };
        // Submissions of all contestants are equally long, so that what a submission costs is the same share
        // of each and does not come out as a difference.
        let k = (least_s / each).round().clamp(1.0, f64::from(MOST_DISPATCHES)) as u32;
        let samples = Samples {
            tick_ns: executor.tick_ns(),
            host_tick_ns: executor.host_tick_ns(),
            parts: cut,
            warmup,
            warm: true,
            stopped: "count-used".into(),
            submissions: Vec::new(),
            sentinel: None,
            workers: None,
        };
        // The farther apart the lengths, the better the slope; a single long product is not run thrice.
        let lengths = if k == 1 { [1, 2] } else { [k, 3 * k] };
        Ok(Contestant { slot, lengths, each_s: each, least_s, samples })
    }

    /// Its turn in a round: a submission of each length, the long one first where `long_first` says so.
    ///
    /// # Errors
    /// What the executor says.
    pub fn turn(&mut self, executor: &mut dyn Executor, round: u32, long_first: bool) -> Step<()> {
        let [short, long] = self.lengths;
        let lengths = if long_first { [long, short] } else { [short, long] };
        self.submit(executor, round, &lengths)
    }

    /// The same, but of a long product its short submission alone, once whole turns have shown that its time grows with
    /// the work.
    ///
    /// # Errors
    /// What the executor says.
    pub fn brief_turn(&mut self, executor: &mut dyn Executor, round: u32, long_first: bool) -> Step<()> {
        if self.is_long() && clocks::read(&self.samples).headline.is_some() {
            return self.submit(executor, round, &[self.lengths[0]]);
        }
        self.turn(executor, round, long_first)
    }

    /// Whether a product is so long that what a submission costs is nothing beside it.
    pub fn is_long(&self) -> bool {
        self.each_s > LONG * self.least_s
    }

    fn submit(&mut self, executor: &mut dyn Executor, round: u32, lengths: &[u32]) -> Step<()> {
        executor.select(self.slot);
        for &dispatches in lengths {
            executor.poison()?;
            let lap = executor.submit(dispatches)?;
            self.samples.submissions.push(Submission {
                round,
                dispatches,
                host_ns: lap.host_ns,
                device_ticks: lap.device_ticks,
            });
        }
        Ok(())
    }

    /// Seconds of one product, as the warm-up saw it.
    pub fn each_s(&self) -> f64 {
        self.each_s
    }

    /// Dispatches in its two submissions.
    pub fn lengths(&self) -> [u32; 2] {
        self.lengths
    }
}

/// Seconds per dispatch of every contestant, one a round, all by the same clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Turns {
    /// Which clock.
    pub method: TimingMethod,
    /// One list a contestant, in rounds.
    pub seconds: Vec<Vec<f64>>,
}

/// Each turn's time over its dispatches: by the device clock where that is sound for all, else by the host's.
///
/// Not the slope within a turn: of two submissions that is twice as noisy, and equally long submissions cost
/// the same on every side. What a submission costs draws a ratio towards 1 by its share of the time, and
/// never away from it.
///
/// # Errors
/// Where a contestant's time does not grow with its dispatches on either clock, or has no samples.
pub fn turns(all: &[&Samples]) -> Result<Turns, Reason> {
    let mut method = TimingMethod::DeviceSlope;
    for samples in all {
        match clocks::read(samples).headline {
            Some(clock) if clock.method == TimingMethod::DeviceSlope => {}
            Some(_) => method = TimingMethod::HostSlope,
            None => return Err(Reason::new("no-clock", "neither clock gives a time that grows with the work")),
        }
    }
    Ok(Turns { method, seconds: all.iter().map(|samples| by(samples, method)).collect() })
}

/// Time over dispatches of every round by one clock; what that clock did not see counts as no time.
pub fn by(samples: &Samples, method: TimingMethod) -> Vec<f64> {
    let tick_s = samples.tick_ns.unwrap_or(0.0) * 1e-9;
    let time = |s: &Submission| match (method, s.device_ticks) {
        (TimingMethod::DeviceSlope, Some([begin, end])) => end.saturating_sub(begin) as f64 * tick_s,
        (TimingMethod::DeviceSlope, None) => 0.0,
        (TimingMethod::HostSlope, _) => s.host_ns as f64 * 1e-9,
    };
    let rounds = samples.submissions.chunk_by(|a, b| a.round == b.round);
    let total = |round: &[Submission]| round.iter().map(|s| f64::from(s.dispatches)).sum::<f64>();
    rounds.map(|round| round.iter().map(time).sum::<f64>() / total(round)).collect()
}
