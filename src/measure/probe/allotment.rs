//! A time budget, shared among probes as they come.

use crate::measure::overhead::Overheads;

/// Least time for a probe's warm-up and rounds: a warm-up that can be judged at all, and six rounds of short
/// submissions.
const LEAST_S: f64 = 0.05;

/// Seconds per byte that filling and checking take before any was seen.
const BYTE_S: f64 = 2e-9;

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
    overheads: Overheads,
}

impl Allotment {
    /// `seconds` from `now_s` on for so many probes and cases after them.
    pub fn new(now_s: f64, seconds: f64, probes: usize, cases: usize) -> Allotment {
        let end_s = now_s + seconds;
        Allotment { seconds, end_s, after: probes + cases, group: 0, until_s: end_s, overheads: Overheads::default() }
    }

    /// Begins a group of so many.
    pub fn group(&mut self, now_s: f64, probes: usize) {
        let share = probes as f64 / self.after.max(probes).max(1) as f64;
        self.until_s = now_s + (self.end_s - now_s).max(0.0) * share;
        self.after = self.after.saturating_sub(probes);
        self.group = probes;
    }

    /// Seconds for the timing of the next probe of the group, of this size in bytes, or why there are none.
    /// `keep_one` leaves time for one more like it.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn next(&mut self, now_s: f64, bytes: f64, wanted_s: f64, keep_one: bool) -> Result<f64, String> {
        let left = self.until_s - now_s;
        let overhead = self.overheads.predict(bytes, BYTE_S);
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
            "the time budget of {:.3} s has {:.3} s left for this and {} like it; setting it up and proving it takes \
             about {overhead:.3} s",
            self.seconds,
            left.max(0.0),
            self.group,
        ))
    }

    /// What a probe of this size took beside its timing.
    pub fn note(&mut self, bytes: f64, seconds: f64) {
        self.overheads.note(bytes, seconds);
    }
}
