//! What the measuring needs of a device, and nothing else: a real one in `gpu`, a scripted one here.

use super::effort::WATCHDOG_S;
use super::energy::Meter;
use super::record::{AdapterIdentity, Missing, Tool};
use super::witness::{Watch, Watched};
use super::workers::Threads;
use crate::kernel::{Class, Kernel, Matrix, Operands, Settings, Shape};

/// Result of a step on a device: what stands in the way ends the case, not the sweep.
pub type Step<T> = Result<T, Missing>;

/// Both clocks of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lap {
    /// Host clock from before the submit to after its completion, nanoseconds.
    pub host_ns: u64,
    /// Device ticks at the begin and the end of the pass, where the adapter has timestamps.
    pub device_ticks: Option<[u64; 2]>,
}

/// Work that can be repeated under two clocks: all that [`super::timing`] asks for, be it a product, a
/// copy or an empty dispatch.
pub trait Timed {
    /// Nanoseconds per device tick; `None` without timestamps.
    fn tick_ns(&self) -> Option<f64>;

    /// Smallest step of the host clock, nanoseconds.
    fn host_tick_ns(&self) -> f64;

    /// The host clock, nanoseconds since any fixed moment. Scripted devices have one of their own.
    fn now_ns(&self) -> u64;

    /// Overwrites all of the output with a pattern that no work of its kind leaves behind.
    fn poison(&mut self) -> Step<()>;

    /// Submits the whole work `repeats` times in one go and waits until all of it is done.
    fn submit(&mut self, repeats: u32) -> Step<Lap>;

    /// One lap of the sentinel, the small work of a fixed size that is timed beside every round, and the
    /// dispatches in it; `None` where there is no sentinel.
    fn sentinel(&mut self) -> Step<Option<(u32, Lap)>> {
        Ok(None)
    }

    /// What the scheduler has given the threads that do the work, where those are threads of this process and the
    /// system tells: on a CPU-type adapter and on the host.
    fn threads(&self) -> Option<Threads> {
        None
    }
}

/// A device that multiplies matrices. It holds one prepared case per slot; `prepare`, `load`, `split`,
/// `poison`, `submit` and `read` act on the selected slot, which is 0 at first.
pub trait Executor: Timed {
    /// What it is.
    fn adapter(&self) -> &AdapterIdentity;

    /// Its class, which decides on default tilings.
    fn class(&self) -> Class {
        Class { software: self.adapter().software, ..Default::default() }
    }

    /// The longest single dispatch to make on it, seconds: [`WATCHDOG_S`] unless `flopcast doctor` found another
    /// on this machine. Without a meaning on a CPU-type adapter.
    fn dispatch_s(&self) -> f64 {
        WATCHDOG_S
    }

    /// What drives it.
    fn tool(&self) -> Tool;

    /// Counters of the energy that it draws; `None` where it draws none, as a scripted one.
    fn meter(&self) -> Option<&Meter> {
        None
    }

    /// Chooses the slot that is meant from now on. What the other slots hold stays prepared.
    fn select(&mut self, slot: usize);

    /// Whether the selected slot holds a prepared case.
    fn holds(&self) -> bool;

    /// Frees what the selected slot holds.
    fn vacate(&mut self);

    /// Compiles a kernel and allocates A, B and C for a shape. What the slot held is freed first.
    /// Refuses as `unsupported`, before anything is allocated, what the adapter's limits or features do
    /// not allow.
    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()>;

    /// Uploads the operands.
    fn load(&mut self, operands: &Operands) -> Step<()>;

    /// Computes the product from now on in this many dispatches, each a part of C, so that a single
    /// one stays below a driver's watchdog. Returns the number that its tiles allow.
    fn split(&mut self, parts: u32) -> Step<u32>;

    /// Keeps C as it is now, to lay it under later dispatches (see [`Fill::Decoy`](super::witness::Fill)).
    fn keep_decoy(&mut self) -> Step<()>;

    /// Submits the whole work once for every entry, with what is to be done round each, and returns what was
    /// seen, all of C after dispatch number `keep` among it.
    fn witness(&mut self, plan: &[Watch], keep: usize) -> Step<Watched>;

    /// Reads C back.
    fn read(&mut self) -> Step<Matrix>;
}

/// One prepared thing per slot, one of them selected.
#[derive(Debug)]
pub struct Slots<T> {
    held: Vec<Option<T>>,
    selected: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { held: Vec::new(), selected: 0 }
    }
}

impl<T> Slots<T> {
    /// Chooses the slot that is meant from now on.
    pub fn select(&mut self, slot: usize) {
        self.selected = slot;
    }

    /// Empties the selected slot, so that what it held is freed before anything new is allocated.
    pub fn clear(&mut self) {
        if let Some(slot) = self.held.get_mut(self.selected) {
            *slot = None;
        }
    }

    /// Fills the selected slot.
    pub fn fill(&mut self, value: T) {
        if self.held.len() <= self.selected {
            self.held.resize_with(self.selected + 1, || None);
        }
        self.held[self.selected] = Some(value);
    }

    /// What the selected slot holds.
    ///
    /// # Errors
    /// A failed step where it holds nothing.
    pub fn get(&self) -> Step<&T> {
        self.held.get(self.selected).and_then(Option::as_ref).ok_or_else(nothing)
    }

    /// The same, to be changed.
    ///
    /// # Errors
    /// A failed step where it holds nothing.
    pub fn get_mut(&mut self) -> Step<&mut T> {
        self.held.get_mut(self.selected).and_then(Option::as_mut).ok_or_else(nothing)
    }
}

fn nothing() -> Missing {
    Missing::Failed { error: "nothing is prepared".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_what_it_holds_while_another_is_used() {
        let mut slots = Slots::default();
        assert!(slots.get().is_err());
        slots.fill(1);
        slots.select(3);
        assert!(slots.get().is_err());
        slots.fill(2);
        *slots.get_mut().unwrap() += 5;
        slots.select(0);
        assert_eq!(slots.get(), Ok(&1));
        slots.clear();
        assert!(slots.get_mut().is_err());
        slots.select(3);
        assert_eq!(slots.get(), Ok(&7));
    }
}
