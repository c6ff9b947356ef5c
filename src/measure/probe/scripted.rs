//! A device for tests that probes on a clock of its own, and leaves behind what the twin wants.

use super::engine::{Output, Prober};
use super::kind::Probe;
use crate::kernel::Cooperative;
use crate::measure::record::{AdapterIdentity, Missing, Tool};
use crate::measure::scripted::{Script, ScriptedExecutor};
use crate::measure::{Executor, Lap, Step, Timed};

/// What it takes, in seconds of its clock.
pub struct ScriptedProber {
    /// Compiling.
    pub set_up_s: f64,
    /// Filling and checking, a byte.
    pub byte_s: f64,
    /// A factor on what each dispatch takes.
    pub slower: f64,
    /// Seconds since the start between which it takes its time and writes nothing.
    pub idle_s: [f64; 2],
    pub(super) adapter: AdapterIdentity,
    pub(super) now_ns: f64,
    /// What is set up, the repeats of the last submission, and all dispatches so far.
    pub(super) probe: Option<(Probe, u32, u32)>,
    pub(super) poisoned: bool,
}

impl ScriptedProber {
    /// A CPU-type adapter of 100 Gflop/s and 20 GB/s on which compiling and filling take no time.
    pub fn honest() -> ScriptedProber {
        let adapter = ScriptedExecutor::new(Script::honest()).adapter().clone();
        ScriptedProber {
            set_up_s: 0.0,
            byte_s: 0.0,
            slower: 1.0,
            idle_s: [0.0, 0.0],
            adapter: AdapterIdentity { software: true, ..adapter },
            now_ns: 1e9,
            probe: None,
            poisoned: false,
        }
    }
}

impl Timed for ScriptedProber {
    fn tick_ns(&self) -> Option<f64> {
        None
    }

    fn host_tick_ns(&self) -> f64 {
        1.0
    }

    fn now_ns(&self) -> u64 {
        self.now_ns as u64
    }

    fn poison(&mut self) -> Step<()> {
        self.poisoned = true;
        Ok(())
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        let Some((probe, done, turns)) = &mut self.probe else {
            return Err(Missing::Failed { error: "nothing is prepared".into() });
        };
        let each = 2e-6 + probe.flop() / 100e9 + probe.bytes() / 20e9;
        // No two submissions cost the same: regular times would look like a coarse clock.
        let host_ns = (f64::from(repeats) * each * self.slower + 50e-6) * 1e9 + f64::from(*turns * 7919 % 64);
        (*done, *turns) = (repeats, turns.wrapping_add(repeats));
        let [from, to] = self.idle_s.map(|s| 1e9 * (1.0 + s));
        self.poisoned &= from <= self.now_ns && self.now_ns < to;
        self.now_ns += host_ns;
        Ok(Lap { host_ns: host_ns as u64, device_ticks: None })
    }
}

impl Prober for ScriptedProber {
    fn adapter(&self) -> &AdapterIdentity {
        &self.adapter
    }

    fn tool(&self) -> Tool {
        ScriptedExecutor::new(Script::honest()).tool()
    }

    fn most_bytes(&self) -> u64 {
        128 << 20
    }

    fn matrices(&self) -> &[Cooperative] {
        &[]
    }

    fn set_up(&mut self, probe: &Probe, _: &str) -> Step<()> {
        if let (_, Some(_)) = probe.needs() {
            return Err(Missing::Unsupported { needs: "matrix units".into() });
        }
        self.now_ns += (self.set_up_s + self.byte_s * probe.filled_bytes()) * 1e9;
        self.probe = Some((*probe, 0, 0));
        Ok(())
    }

    fn output(&mut self) -> Step<Output> {
        let (probe, repeats, turns) = self.probe.as_ref().expect("a probe is set up first");
        let (repeats, set) = (*repeats, (turns + probe.sets - 1) % probe.sets);
        let visited = probe.visited(set);
        let nothing = || vec![0xff; (visited.end - visited.start) as usize];
        let bytes = if self.poisoned { nothing() } else { probe.answer(repeats, set) };
        self.now_ns += self.byte_s * probe.checked_bytes() * 1e9;
        Ok(Output { bytes, repeats, set })
    }
}
