//! What the measuring needs of a device, and nothing else: a real one in `gpu`, a scripted one here.

use super::record::{AdapterIdentity, Missing, Tool};
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

/// A device that multiplies matrices. One case at a time: `prepare`, `load`, then any number of
/// `poison`, `submit` and `read`.
pub trait Executor {
    /// What it is.
    fn adapter(&self) -> &AdapterIdentity;

    /// Its class, which decides on default tilings.
    fn class(&self) -> Class {
        Class { software: self.adapter().software, subgroup: None }
    }

    /// What drives it.
    fn tool(&self) -> Tool;

    /// Nanoseconds per device tick; `None` without timestamps.
    fn tick_ns(&self) -> Option<f64>;

    /// Smallest step of the host clock, nanoseconds.
    fn host_tick_ns(&self) -> f64;

    /// The host clock, nanoseconds since any fixed moment. Scripted devices have one of their own.
    fn now_ns(&self) -> u64;

    /// Compiles a kernel and allocates A, B and C for a shape. Refuses as `unsupported`, before
    /// anything is allocated, what the adapter's limits or features do not allow.
    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()>;

    /// Uploads the operands.
    fn load(&mut self, operands: &Operands) -> Step<()>;

    /// Computes the product from now on in this many dispatches, each a part of C, so that a single
    /// one stays below a driver's watchdog. Returns the number that its tiles allow.
    fn split(&mut self, parts: u32) -> Step<u32>;

    /// Overwrites all of C with a pattern that is no product.
    fn poison(&mut self) -> Step<()>;

    /// Submits the whole product `repeats` times in one go and waits until all of it is done.
    fn submit(&mut self, repeats: u32) -> Step<Lap>;

    /// Reads C back.
    fn read(&mut self) -> Step<Matrix>;
}
