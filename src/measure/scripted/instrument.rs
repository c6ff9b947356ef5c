//! What the doctor asks of a scripted device.

use super::ScriptedExecutor;
use crate::measure::Step;
use crate::measure::doctor::Instrument;
use std::collections::BTreeMap;

/// A transfer: 10 µs and 10 GB/s.
const TRANSFER_NS: f64 = 10e3;
const NS_PER_BYTE: f64 = 0.1;

impl Instrument for ScriptedExecutor {
    fn features(&self) -> Vec<String> {
        Vec::new()
    }

    fn limits(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn upload(&mut self, bytes: u64) -> Step<u64> {
        let took = TRANSFER_NS + bytes as f64 * NS_PER_BYTE;
        self.now_ns += took;
        Ok(took as u64)
    }

    fn download(&mut self, bytes: u64) -> Step<u64> {
        self.upload(bytes)
    }
}
