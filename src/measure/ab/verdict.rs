//! Is B slower than A, by the pairs that were seen? Pure: a replay of a trial gives the same, bit by bit.

use crate::measure::compare::Threshold;
use crate::measure::interleave::{Turns, by, turns};
use crate::measure::record::{Reason, Samples, TimingMethod};
use crate::stats::ratio::{Ratio, paired};
use crate::stats::{power, serial};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// Most looks at a trial before its end, at 16, 32, 64 … pairs; the last look is the end itself. Every look has
/// an equal share of the errors below (Bonferroni), so that stopping at the first that decides is no cheat.
pub const LOOKS: u32 = 8;

/// Pairs of the first look, and the fewest that decide anything.
pub const FIRST_LOOK: usize = 16;

/// Probability, over all looks, that a trial of two equal sides is called faster or slower.
const FALSE_CALL: f64 = 0.01;

/// Probability, over all looks, that a difference as large as the threshold is called none.
const MISSED: f64 = 0.025;

/// How a trial came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// B takes less time, surely, and less by the threshold.
    Faster,
    /// B takes more time, surely, and more by the threshold.
    Slower,
    /// Surely within the threshold either way.
    NoDifference,
    /// None of these can be said.
    Inconclusive,
}

impl Call {
    /// The words as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Call::Faster => "faster",
            Call::Slower => "slower",
            Call::NoDifference => "no difference shown",
            Call::Inconclusive => "inconclusive",
        }
    }

    /// The process's exit code, as `compare` has them: slower is a regression.
    pub fn exit_code(self) -> u8 {
        match self {
            Call::Faster | Call::NoDifference => 0,
            Call::Slower => 10,
            Call::Inconclusive => 11,
        }
    }
}

/// What the pairs say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Verdict {
    /// How it came out.
    pub call: Call,
    /// Smallest difference that matters.
    pub threshold: Threshold,
    /// Pairs behind it.
    pub pairs: usize,
    /// Which clock.
    pub timing_method: Option<TimingMethod>,
    /// Time of B over that of A: 1.05 is 5 % slower. The Hodges–Lehmann estimate of the pairs.
    pub ratio: Option<f64>,
    /// Its 95 % interval, widened for correlated neighbours.
    pub interval: Option<[f64; 2]>,
    /// Bounds that faster and slower are called by.
    pub call_bounds: Option<[f64; 2]>,
    /// Pairs that would decide it if the ratio stayed as it is, where it is inconclusive for want of pairs.
    pub pairs_needed: Option<usize>,
    /// Why nothing can be said, or what to know of it.
    pub reasons: Vec<Reason>,
}

/// Judges the pairs of a trial so far.
pub fn judge(a: &Samples, b: &Samples, threshold: Threshold) -> Verdict {
    let mut verdict = Verdict {
        call: Call::Inconclusive,
        threshold,
        pairs: 0,
        timing_method: None,
        ratio: None,
        interval: None,
        call_bounds: None,
        pairs_needed: None,
        reasons: Vec::new(),
    };
    let Turns { method, seconds } = match turns(&[a, b]) {
        Ok(turns) => turns,
        Err(reason) => {
            verdict.reasons.push(reason);
            return verdict;
        }
    };
    let pairs = seconds[0].len().min(seconds[1].len());
    verdict.pairs = pairs;
    verdict.timing_method = Some(method);
    let bounds = match Bounds::of(&seconds[0][..pairs], &seconds[1][..pairs]) {
        Ok(bounds) => bounds,
        Err(why) => {
            verdict.reasons.push(Reason::new("no-samples", why.to_string()));
            return verdict;
        }
    };
    verdict.ratio = Some(bounds.call.ratio);
    verdict.interval = Some([bounds.shown.lo, bounds.shown.hi]);
    verdict.call_bounds = Some([bounds.call.lo, bounds.call.hi]);
    verdict.call = bounds.decide(threshold);
    if pairs < FIRST_LOOK {
        verdict.call = Call::Inconclusive;
        verdict.pairs_needed = Some(FIRST_LOOK);
        verdict.reasons.push(Reason::new("few-pairs", format!("{pairs} pairs; {FIRST_LOOK} are the fewest")));
    } else if verdict.call == Call::Inconclusive {
        verdict.pairs_needed = bounds.needed(pairs, threshold);
    }
    doubts(a, b, method, threshold, &mut verdict);
    verdict
}

/// A rule that either side breaks. Clocks that disagree are no harm while both give the same verdict.
fn doubts(a: &Samples, b: &Samples, method: TimingMethod, threshold: Threshold, verdict: &mut Verdict) {
    for (side, samples) in [("A", a), ("B", b)] {
        for doubt in crate::measure::clocks::read(samples).doubts {
            let harmless =
                doubt.code == "clocks-disagree" && by_the_other(a, b, method, threshold) == Some(verdict.call);
            if !harmless {
                verdict.call = Call::Inconclusive;
                verdict.pairs_needed = None;
            }
            verdict.reasons.push(Reason::new(&doubt.code, format!("{side}: {}", doubt.detail)));
        }
    }
}

fn by_the_other(a: &Samples, b: &Samples, method: TimingMethod, threshold: Threshold) -> Option<Call> {
    let other = match method {
        TimingMethod::DeviceSlope => TimingMethod::HostSlope,
        TimingMethod::HostSlope => TimingMethod::DeviceSlope,
    };
    let (a, b) = (by(a, other), by(b, other));
    let pairs = a.len().min(b.len());
    Bounds::of(&a[..pairs], &b[..pairs]).ok().map(|bounds| bounds.decide(threshold))
}

struct Bounds {
    shown: Ratio,
    call: Ratio,
    same: Ratio,
}

impl Bounds {
    fn of(a: &[f64], b: &[f64]) -> Result<Bounds, crate::stats::Undefined> {
        let shown = paired(a, b, 0.95)?;
        let logs: Vec<f64> = a.iter().zip(b).map(|(a, b)| (b / a).ln()).collect();
        // Pairs that resemble their neighbours are worth fewer: the confidence is raised as for a headline.
        let inflation = serial::median_inflation(&logs).unwrap_or(1.0);
        let widened = |tail: f64| {
            let normal = Normal::standard();
            let quantile = normal.inverse_cdf(1.0 - tail) * inflation.sqrt();
            paired(a, b, 1.0 - 2.0 * normal.sf(quantile))
        };
        let looks = f64::from(LOOKS);
        Ok(Bounds {
            shown: if inflation > 1.0 { widened(0.025)? } else { shown },
            call: widened(0.5 * FALSE_CALL / looks)?,
            same: widened(MISSED / looks)?,
        })
    }

    fn decide(&self, threshold: Threshold) -> Call {
        let most = 1.0 + threshold.share();
        let Ratio { ratio, lo, hi, reached, .. } = self.call;
        match () {
            () if reached && ratio >= most && lo > 1.0 => Call::Slower,
            () if reached && ratio <= 1.0 / most && hi < 1.0 => Call::Faster,
            () if self.same.reached && self.same.lo > 1.0 / most && self.same.hi < most => Call::NoDifference,
            () => Call::Inconclusive,
        }
    }

    /// The bounds come nearer with the root of the pairs.
    fn needed(&self, pairs: usize, threshold: Threshold) -> Option<usize> {
        let limit = threshold.share().ln_1p();
        let middle = self.call.ratio.ln().abs();
        let half = |ratio: &Ratio| 0.5 * (ratio.hi / ratio.lo).ln();
        let (width, room) =
            if middle >= limit { (half(&self.call), middle) } else { (half(&self.same), limit - middle) };
        power::samples_for_half_width(pairs, width, room).map(|n| n.max(pairs + 1))
    }
}
