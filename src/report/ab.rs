//! A trial of A against B, for people. Decides no number.

use super::Table;
use super::measurement::{clock, duration, significant};
use crate::measure::ab::{Call, View};

/// A line a side, the ratio with its interval, what else there is to know, and the verdict on the last line.
pub fn text(view: &View) -> String {
    let mut table = Table::new(&["side", "kernel", ">time", ">GFLOP/s", "spec"]);
    for (name, side) in ["A", "B"].into_iter().zip(&view.sides) {
        let time = side.seconds.map_or("–".into(), duration);
        let rate = side.gflop_per_s.map_or("–".into(), significant);
        table.row([name, &side.case, &time, &rate, &side.spec]);
    }
    let mut text = table.text();
    let verdict = &view.verdict;
    if let (Some(ratio), Some([lo, hi])) = (verdict.ratio, verdict.interval) {
        let by = verdict.timing_method.map_or("", clock);
        text += &format!(
            "\ntime B / A: {ratio:.4} (95 %: {lo:.4} to {hi:.4}), {} pairs in random order, {by} clock, ended: {}\n",
            verdict.pairs, view.stopped
        );
    }
    for reason in &verdict.reasons {
        text += &format!("{}: {}\n", reason.code, reason.detail);
    }
    text + "\n" + &sentence(view) + "\n"
}

/// The verdict in a line.
pub fn sentence(view: &View) -> String {
    let verdict = &view.verdict;
    let threshold = (verdict.threshold.share() * 1e6).round() / 1e4;
    let percent = verdict.ratio.map_or(String::new(), |r| format!(" by {:.1} %", 100.0 * (r - 1.0).abs()));
    let mut text = match verdict.call {
        Call::Faster => {
            format!("B is faster: it takes {:.1} % less time", verdict.ratio.map_or(0.0, |r| 100.0 * (1.0 - r)))
        }
        Call::Slower => format!("B is slower{percent}"),
        Call::NoDifference => format!("no difference shown: within {threshold} % either way"),
        Call::Inconclusive => "inconclusive".to_string(),
    };
    if verdict.call == Call::Inconclusive {
        text += &match verdict.pairs_needed {
            Some(pairs) => format!(": {pairs} pairs would decide (threshold {threshold} %)"),
            None => format!(" (threshold {threshold} %)"),
        };
    }
    if view.software { text + " (SOFTWARE: of this software adapter alone)" } else { text }
}
