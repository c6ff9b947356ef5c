//! A device that leaves dispatches of a submission out, as a driver could that knows that nobody looks at them:
//! the real device does the rest, and the time grows with the work as if all of it were done.

use crate::kernel::{Class, Kernel, Matrix, Operands, Settings, Shape};
use crate::measure::record::{AdapterIdentity, Tool};
use crate::measure::witness::{Watch, Watched};
use crate::measure::workers::Threads;
use crate::measure::{Executor, Lap, Step, Timed};

/// Which dispatches are left out, counted from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// Every second one, never the last.
    EveryOther,
    /// All but the last.
    AllButLast,
}

pub(super) const WAYS: [(&str, Skip); 2] =
    [("does every other dispatch only", Skip::EveryOther), ("does only the last dispatch", Skip::AllButLast)];

/// Another device that skips.
pub(super) struct Skipping<'a> {
    pub inner: &'a mut dyn Executor,
    pub skip: Skip,
}

impl Skip {
    fn works(self, from_last: usize) -> bool {
        match self {
            Skip::EveryOther => from_last.is_multiple_of(2),
            Skip::AllButLast => from_last == 0,
        }
    }
}

impl Timed for Skipping<'_> {
    // The clock of the device would show at once that nothing was done.
    fn tick_ns(&self) -> Option<f64> {
        None
    }

    fn host_tick_ns(&self) -> f64 {
        self.inner.host_tick_ns()
    }

    fn now_ns(&self) -> u64 {
        self.inner.now_ns()
    }

    fn poison(&mut self) -> Step<()> {
        self.inner.poison()
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        let done = (0..repeats).filter(|&i| self.skip.works(i as usize)).count() as u32;
        let lap = self.inner.submit(done)?;
        let host_ns = match self.skip {
            Skip::EveryOther => lap.host_ns,
            Skip::AllButLast => lap.host_ns * u64::from(repeats),
        };
        Ok(Lap { host_ns, device_ticks: None })
    }

    fn threads(&self) -> Option<Threads> {
        self.inner.threads()
    }
}

impl Executor for Skipping<'_> {
    fn adapter(&self) -> &AdapterIdentity {
        self.inner.adapter()
    }

    fn class(&self) -> Class {
        self.inner.class()
    }

    fn dispatch_s(&self) -> f64 {
        self.inner.dispatch_s()
    }

    fn tool(&self) -> Tool {
        self.inner.tool()
    }

    fn select(&mut self, slot: usize) {
        self.inner.select(slot);
    }

    fn holds(&self) -> bool {
        self.inner.holds()
    }

    fn vacate(&mut self) {
        self.inner.vacate();
    }

    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()> {
        self.inner.prepare(kernel, shape, settings)
    }

    fn load(&mut self, operands: &Operands) -> Step<()> {
        self.inner.load(operands)
    }

    fn split(&mut self, parts: u32) -> Step<u32> {
        self.inner.split(parts)
    }

    fn keep_decoy(&mut self) -> Step<()> {
        self.inner.keep_decoy()
    }

    fn witness(&mut self, plan: &[Watch], keep: usize) -> Step<Watched> {
        let mut plan = plan.to_vec();
        let count = plan.len();
        for (number, watch) in plan.iter_mut().enumerate() {
            watch.works = self.skip.works(count - 1 - number);
        }
        self.inner.witness(&plan, keep)
    }

    fn read(&mut self) -> Step<Matrix> {
        self.inner.read()
    }
}
