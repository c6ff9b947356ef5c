//! What the doctor asks of a device beyond multiplying.

use crate::measure::{Executor, Step};
use std::collections::BTreeMap;

/// A device that can be examined.
pub trait Instrument: Executor {
    /// Features by wgpu's names, sorted as the device lists them.
    fn features(&self) -> Vec<String>;

    /// Limits by WebGPU's names.
    fn limits(&self) -> BTreeMap<String, u64>;

    /// Host nanoseconds to bring this many bytes to the device, from the call to the device's having them.
    /// `bytes` is a multiple of four.
    fn upload(&mut self, bytes: u64) -> Step<u64>;

    /// Host nanoseconds to bring this many bytes back, from the call to the host's having them. `bytes` is a
    /// multiple of four.
    fn download(&mut self, bytes: u64) -> Step<u64>;
}
