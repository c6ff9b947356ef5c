//! The smallest count that is quick enough, where more accelerators may well be slower.
//!
//! A step does not get longer with more accelerators, and what is lost to failures does not get less. So no count
//! between two takes less than the step of the larger with the losses of the smaller: an interval for which that is
//! too long is passed over, any other is halved. Time falls in leaps, where a replica has a microbatch less to do,
//! and grows between them, so that what only the powers of two show may miss the quickest by far.

use super::scaled::{Scaled, Seen};
use crate::error::Result;
use std::collections::HashMap;

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sought {
    /// The smallest count that is quick enough, and what it does.
    Reached(u64, Seen),
    /// None is: the smallest of those that are as quick as any, and what it does; none where no count holds the job.
    Nearest(Option<(u64, Seen)>),
}

/// What the quickest that is named may be slower than the quickest there is.
const NEAR: f64 = 1e-3;
/// An interval of less than this share of its count is passed over unless its end is quick enough.
const NARROW: f64 = 1e-4;

/// A search with what it saw.
struct Hunt<'a> {
    scaled: &'a mut Scaled,
    /// What is to be small: inversely as the useful share of the time.
    time: &'a dyn Fn(&Seen) -> f64,
    seen: HashMap<u64, Option<Seen>>,
}

impl Scaled {
    /// The smallest count of the range whose `time` is at most `most`: any that is inversely as its goodput.
    pub fn sought(&mut self, most: f64, time: &dyn Fn(&Seen) -> f64) -> Result<Sought> {
        let grid = self.grid();
        let mut hunt = Hunt { scaled: self, time, seen: HashMap::new() };
        if let Some((count, seen)) = hunt.smallest(&grid, most)? {
            return Ok(Sought::Reached(count, seen));
        }
        let mut best = (f64::INFINITY, 0);
        for count in &grid {
            hunt.better(*count, &mut best)?;
        }
        for two in grid.windows(2) {
            hunt.quickest(two[0], two[1], &mut best)?;
        }
        if best.0.is_infinite() {
            return Ok(Sought::Nearest(None));
        }
        // Fewer may be as quick: what is asked for beyond them stays idle.
        let smallest = hunt.smallest(&grid, best.0)?;
        let found = hunt.at(best.1)?.map(|seen| (best.1, seen));
        Ok(Sought::Nearest(smallest.or(found)))
    }
}

impl Hunt<'_> {
    fn at(&mut self, count: u64) -> Result<Option<Seen>> {
        if let Some(seen) = self.seen.get(&count) {
            return Ok(*seen);
        }
        let seen = self.scaled.at(count)?;
        self.seen.insert(count, seen);
        Ok(seen)
    }

    /// Infinite where the job does not fit.
    fn time(&mut self, count: u64) -> Result<f64> {
        Ok(self.at(count)?.map_or(f64::INFINITY, |seen| (self.time)(&seen)))
    }

    /// What no count in (`low`, `high`] takes less than.
    fn least(&mut self, low: u64, high: u64) -> Result<f64> {
        let Some(seen) = self.at(high)? else { return Ok(f64::INFINITY) };
        // Where the job does not fit nothing says what is lost.
        let useful = self.at(low)?.map_or(1.0, |seen| seen.goodput).max(1e-9);
        let wasted = self.scaled.penalty(low) / self.scaled.penalty(high);
        Ok((self.time)(&seen) * (seen.goodput / useful).min(1.0) * wasted)
    }

    fn smallest(&mut self, grid: &[u64], most: f64) -> Result<Option<(u64, Seen)>> {
        let mut found = None;
        for (place, count) in grid.iter().enumerate() {
            found = match place {
                0 => (self.time(*count)? <= most).then_some(*count),
                _ => self.within(grid[place - 1], *count, most)?,
            };
            if found.is_some() {
                break;
            }
        }
        let Some(count) = found else { return Ok(None) };
        Ok(self.at(count)?.map(|seen| (count, seen)))
    }

    /// The smallest count in (`low`, `high`] that takes at most `most`; `low` takes more.
    fn within(&mut self, low: u64, high: u64, most: f64) -> Result<Option<u64>> {
        let holds = self.time(high)? <= most;
        if high - low <= 1 {
            return Ok(holds.then_some(high));
        }
        if !holds && (narrow(low, high) || self.least(low, high)? > most) {
            return Ok(None);
        }
        let middle = between(low, high);
        match self.within(low, middle, most)? {
            Some(count) => Ok(Some(count)),
            None => self.within(middle, high, most),
        }
    }

    fn better(&mut self, count: u64, best: &mut (f64, u64)) -> Result<()> {
        let time = self.time(count)?;
        if time < best.0 {
            *best = (time, count);
        }
        Ok(())
    }

    /// Makes `best` the least time of any count in (`low`, `high`) too, but for [`NEAR`], with its count.
    fn quickest(&mut self, low: u64, high: u64, best: &mut (f64, u64)) -> Result<()> {
        if narrow(low, high) || self.least(low, high)? >= (1.0 - NEAR) * best.0 {
            return Ok(());
        }
        let middle = between(low, high);
        self.better(middle, best)?;
        self.quickest(low, middle, best)?;
        self.quickest(middle, high, best)
    }
}

fn narrow(low: u64, high: u64) -> bool {
    high - low <= 1 || ((high - low) as f64) < NARROW * high as f64
}

/// The geometric middle, apart from both.
fn between(low: u64, high: u64) -> u64 {
    ((low as f64 * high as f64).sqrt() as u64).clamp(low + 1, high - 1)
}
