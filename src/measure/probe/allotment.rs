//! A time budget, shared among probes as they come.

use super::kind::{Kind, Probe};
use crate::kernel::Precision;
use crate::measure::overhead::Overheads;
use crate::units::duration;

/// Least time for a probe's warm-up and rounds: a warm-up that can be judged at all, and six rounds of short
/// submissions.
const LEAST_S: f64 = 0.05;

/// Seconds per byte that filling and checking take before any was seen.
const BYTE_S: f64 = 2e-9;

/// Probes that take alike beside their timing, and what it grows with: arithmetic of a precision with its flop, what
/// moves bytes with those that the host fills, reads back and follows.
fn alike(probe: &Probe) -> (&'static str, Option<Precision>, f64, f64) {
    match probe.kind() {
        Kind::Arithmetic { precision, .. } => ("arithmetic", Some(precision), probe.flop(), 0.0),
        Kind::Matrix { precision, .. } => ("matrix", Some(precision), probe.flop(), 0.0),
        kind @ (Kind::Launch | Kind::Workgroup) => (kind.name(), None, 1.0, 0.0),
        _ => ("memory", None, probe.filled_bytes() + 2.0 * probe.checked_bytes(), BYTE_S),
    }
}

/// Name and precision.
type Class = (&'static str, Option<Precision>);

/// What is left for a run of probes, and for the cases after them.
///
/// Probes come in groups. A group gets a share of what is left by its count, each probe in it a share of what the
/// group has left; what one does not need goes to those after it. Times are seconds of the device's clock.
#[derive(Debug, Clone)]
pub struct Allotment {
    seconds: f64,
    end_s: f64,
    /// Probes and other cases after the group under way.
    after: usize,
    /// Probes of the group that are not begun.
    group: usize,
    until_s: f64,
    overheads: Vec<(Class, Overheads)>,
}

impl Allotment {
    /// `seconds` from `now_s` on for so many probes and cases after them.
    pub fn new(now_s: f64, seconds: f64, probes: usize, cases: usize) -> Allotment {
        let end_s = now_s + seconds;
        Allotment { seconds, end_s, after: probes + cases, group: 0, until_s: end_s, overheads: Vec::new() }
    }

    /// Begins a group of so many.
    pub fn group(&mut self, now_s: f64, probes: usize) {
        let share = probes as f64 / self.after.max(probes).max(1) as f64;
        self.until_s = now_s + (self.end_s - now_s).max(0.0) * share;
        self.after = self.after.saturating_sub(probes);
        self.group = probes;
    }

    /// Seconds for the timing of the next probe of the group, or why there are none.
    /// `keep_one` leaves time for one more like it.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn next(&mut self, now_s: f64, probe: &Probe, wanted_s: f64, keep_one: bool) -> Result<f64, String> {
        let left = self.until_s - now_s;
        let overhead = self.overhead(probe);
        let share = left / self.group.max(1) as f64 - overhead;
        self.group = self.group.saturating_sub(1);
        if share >= LEAST_S {
            return Ok(wanted_s.min(share));
        }
        // Where not all fit, what comes first is measured, for as long as its set-up takes: better than a whole
        // budget without a figure.
        let kept = if keep_one { overhead + LEAST_S } else { 0.0 };
        let spare = left - overhead - kept;
        if spare >= LEAST_S {
            return Ok(wanted_s.min(spare).min(overhead.max(LEAST_S)));
        }
        Err(format!(
            "the time budget of {} has {} left for this and {} like it; setting it up and proving it takes about {}",
            duration(self.seconds),
            duration(left.max(0.0)),
            self.group,
            duration(overhead),
        ))
    }

    /// What a probe took beside its timing.
    pub fn note(&mut self, probe: &Probe, seconds: f64) {
        let (name, precision, size, _) = alike(probe);
        let at = self.overheads.iter().position(|(class, _)| *class == (name, precision)).unwrap_or_else(|| {
            self.overheads.push(((name, precision), Overheads::default()));
            self.overheads.len() - 1
        });
        self.overheads[at].1.note(size, seconds);
    }

    /// What it will take, going by those that are like it; by what it fills and checks where none was.
    fn overhead(&self, probe: &Probe) -> f64 {
        let (name, precision, size, each_s) = alike(probe);
        let seen = self.overheads.iter().find(|(class, _)| *class == (name, precision));
        seen.map_or(each_s * size, |(_, overheads)| overheads.predict(size, each_s))
    }
}
