//! Whether a record agrees with itself: what no measurement can have written.

use super::record::{Figure, Interval, Record, TimingMethod, Verdict};

/// The field of a record that cannot be as it is, and why.
pub fn contradiction(record: &Record) -> Option<(&'static str, String)> {
    let Some(figure) = &record.figure else {
        // A verdict that vouches for a figure that is not there.
        let vouched = matches!(record.verdict, Verdict::Measured | Verdict::Software) && record.missing.is_none();
        return vouched.then(|| ("figure", format!("missing under the verdict {}", record.verdict.as_str())));
    };
    if record.verdict == Verdict::Invalid || record.missing.is_some() {
        return Some(("verdict", format!("{} beside a figure", record.verdict.as_str())));
    }
    if record.verdict == Verdict::Measured && record.adapter.software {
        return Some(("verdict", "MEASURED on a software adapter".to_string()));
    }
    if record.proof.as_ref().is_none_or(|proof| !proof.passed) {
        return Some(("proof", "a figure without a passed proof".to_string()));
    }
    let Figure { seconds, gflop_per_s, .. } = figure;
    for (field, interval) in [("figure.seconds", seconds), ("figure.gflop_per_s", gflop_per_s)] {
        if let Some(why) = no_interval(interval) {
            return Some((field, why));
        }
    }
    if figure.samples == 0 {
        return Some(("figure.samples", "0".to_string()));
    }
    if figure.timing_method == TimingMethod::DeviceSlope
        && let Some(samples) = &record.samples
        && samples.submissions.iter().all(|s| s.device_ticks.is_none())
    {
        return Some(("figure.timing_method", "device_slope, and no time of the device is there".to_string()));
    }
    // Time and rate are one figure said twice.
    let flop = gflop_per_s.median * 1e9 * seconds.median;
    if (flop / record.case.shape.flop() - 1.0).abs() > 1e-6 {
        return Some(("figure.gflop_per_s", "is not the case's flop count over the time".to_string()));
    }
    None
}

fn no_interval(interval: &Interval) -> Option<String> {
    let Interval { median, lo, hi } = *interval;
    match () {
        () if [median, lo, hi].iter().any(|x| !x.is_finite()) => Some("not finite".to_string()),
        () if median <= 0.0 || lo <= 0.0 => Some("not above zero".to_string()),
        () if lo > median || median > hi => Some("an interval that does not hold its median".to_string()),
        () => None,
    }
}
