//! A trial of A against B, for people. Decides no number.

use super::measurement::{clock, duration, significant};
use super::{Document, Printed, Sheet, Table};
use crate::measure::ab::{Call, View};

/// A line a side, the ratio with its interval, what else there is to know, and the verdict on the last line.
fn document(view: &View) -> Document {
    let mut table = Table::new(&["side", "kernel", ">time", ">GFLOP/s", "spec"]);
    for (name, side) in ["A", "B"].into_iter().zip(&view.sides) {
        let time = side.seconds.map_or("–".into(), duration);
        let rate = side.gflop_per_s.map_or("–".into(), significant);
        table.row([name, &side.case, &time, &rate, &side.spec]);
    }
    let mut text = Document::new();
    text.table(table);
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
    text += &format!("\n{}\n", sentence(view));
    text
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

impl Printed for View {
    const TABLES: &'static [&'static str] = &["verdict", "sides"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![
            Sheet::of(
                "verdict",
                [self],
                &[
                    ("verdict", |v| v.verdict.call.as_str().into()),
                    ("a", |v| (&v.sides[0].spec).into()),
                    ("b", |v| (&v.sides[1].spec).into()),
                    ("time_ratio", |v| v.verdict.ratio.into()),
                    ("time_ratio_lo", |v| v.verdict.interval.map(|i| i[0]).into()),
                    ("time_ratio_hi", |v| v.verdict.interval.map(|i| i[1]).into()),
                    ("threshold", |v| v.verdict.threshold.share().into()),
                    ("pairs", |v| v.verdict.pairs.into()),
                    ("pairs_needed", |v| v.verdict.pairs_needed.into()),
                    ("timing_method", |v| v.verdict.timing_method.map(|m| m.as_str()).into()),
                    ("stopped", |v| (&v.stopped).into()),
                    ("software", |v| v.software.into()),
                    ("adapter", |v| (&v.adapter.name).into()),
                ],
            ),
            Sheet::of(
                "sides",
                &self.sides,
                &[
                    ("spec", |s| (&s.spec).into()),
                    ("case", |s| (&s.case).into()),
                    ("median_s", |s| s.seconds.into()),
                    ("rate_flop_per_s", |s| s.gflop_per_s.map(|g| 1e9 * g).into()),
                    ("wgsl_sha256", |s| (&s.wgsl_sha256).into()),
                ],
            ),
        ]
    }
}
