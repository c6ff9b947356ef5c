//! One candidate on one shape: proved, then timed for a while.

use super::{Candidate, Dropped, Executor, Step, seconds};
use crate::kernel::{Operands, Shape, prove};
use crate::measure::cutting;
use crate::measure::record::Missing;

/// A candidate and how fast it was seen.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub candidate: Candidate,
    /// Useful flop per second at the last shape.
    pub rate: f64,
    /// Its rate on every shape so far.
    seen: Vec<(Shape, f64)>,
}

impl Trial {
    pub fn new(candidate: Candidate) -> Trial {
        Trial { candidate, rate: 0.0, seen: Vec::new() }
    }

    /// Its rate on a shape, flop/s; 0 where it was not timed there.
    pub fn on(&self, shape: Shape) -> f64 {
        self.seen.iter().find(|(seen, _)| *seen == shape).map_or(0.0, |(_, rate)| *rate)
    }

    /// Proves it on exact operands and times it for about `share_s`, one submission at least.
    pub fn run(&mut self, executor: &mut dyn Executor, shape: Shape, seed: u64, share_s: f64) -> Result<(), Dropped> {
        let begin = seconds(executor);
        let dropped = |missing: &Missing| Dropped {
            candidate: self.candidate.name(),
            status: missing.status().into(),
            why: missing.reason().detail,
        };
        let proof = proved(executor, &self.candidate, shape, seed).map_err(|m| dropped(&m))?;
        if let Some(why) = proof {
            return Err(Dropped { candidate: self.candidate.name(), status: "wrong".into(), why });
        }
        let mut rates = Vec::new();
        loop {
            rates.push(rate_once(executor, shape).map_err(|m| dropped(&m))?);
            if rates.len() >= 7 || seconds(executor) - begin >= share_s {
                break;
            }
        }
        self.rate = crate::stats::median::median(&rates).unwrap_or(0.0);
        self.seen.push((shape, self.rate));
        Ok(())
    }
}

/// Prepares and proves; what is wrong with the output, if anything is.
fn proved(executor: &mut dyn Executor, candidate: &Candidate, shape: Shape, seed: u64) -> Step<Option<String>> {
    let precision = candidate.kernel.precision;
    executor.prepare(&candidate.kernel, shape, candidate.settings)?;
    let cut = cutting::carefully(executor, shape.flop(), cutting::FIRST_RATE)?;
    let operands = Operands::exact(shape, precision, seed);
    executor.load(&operands)?;
    let took = cutting::lap(executor)?;
    let proof = prove(&operands, &executor.read()?, precision, seed);
    if proof.passed {
        cutting::coarsely(executor, cut, took, &mut cutting::lap)?;
    }
    Ok((!proof.passed).then(|| proof.failure.unwrap_or_else(|| "the output is no product".into())))
}

/// Useful flop per second of one submission, by the device clock where it says anything.
pub(super) fn rate_once(executor: &mut dyn Executor, shape: Shape) -> Step<f64> {
    executor.poison()?;
    let lap = executor.submit(1)?;
    let device = match (lap.device_ticks, executor.tick_ns()) {
        (Some([begin, end]), Some(tick_ns)) if end > begin => Some((end - begin) as f64 * tick_ns),
        _ => None,
    };
    Ok(shape.flop() / (device.unwrap_or(lap.host_ns.max(1) as f64) * 1e-9))
}
