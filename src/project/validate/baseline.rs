//! Figures held to ones that were committed.

use super::summary::{Figures, Summary};
use crate::error::{Context, Error, Result};
use serde::Serialize;
use std::path::Path;

/// A figure that is worse than the committed one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regression {
    /// Which: `summary.mape`, `by.arch.moe.p90_abs_log` …
    pub figure: String,
    /// What was committed; nothing where there was none.
    pub committed: Option<f64>,
    /// What it is now; nothing where it is gone.
    pub now: Option<f64>,
}

/// What rounding on another machine may move: a logarithm or a share this far from another is the same.
const SAME: f64 = 1e-4;

/// Reads figures as `flopcast validate --no-rows --format json` prints them.
pub fn read_figures(path: &Path) -> Result<Figures> {
    let name = format!("`{}`", path.display());
    let hint = "`flopcast validate --no-rows --format json` prints a baseline; `rows` in it are passed over";
    let text = std::fs::read_to_string(path).or_usage(&name).map_err(|e| e.hint(hint))?;
    serde_json::from_str(&text).map_err(|e| Error::usage(format!("{name}: {e}")).hint(hint))
}

/// Every committed figure that is worse now. Bias is worse when it is farther from zero, coverage when
/// it is farther outside 85 to 95 %; fewer rows compared, or more refused, is worse too.
pub fn regressions(committed: &Figures, now: &Figures) -> Vec<Regression> {
    let mut worse = judge("summary", &committed.summary, Some(&now.summary));
    for (kind, groups) in &committed.by {
        for (name, summary) in groups {
            let found = now.by.get(kind).and_then(|of| of.get(name));
            worse.extend(judge(&format!("by.{kind}.{name}"), summary, found));
        }
    }
    worse
}

fn judge(place: &str, committed: &Summary, now: Option<&Summary>) -> Vec<Regression> {
    let count = |s: &Summary, of: fn(&Summary) -> usize| Some(of(s) as f64);
    type Figure = (&'static str, fn(&Summary) -> Option<f64>, fn(f64) -> f64);
    // How bad a value is: larger is worse.
    let figures: [Figure; 6] = [
        ("mape", |s| s.mape, |x| x),
        ("median_abs_log", |s| s.median_abs_log, |x| x),
        ("p90_abs_log", |s| s.p90_abs_log, |x| x),
        ("bias_log", |s| s.bias_log, f64::abs),
        ("within20", |s| s.within20, |x| -x),
        ("coverage90", |s| s.coverage90, |x| (0.85 - x).max(x - 0.95).max(0.0)),
    ];
    let mut worse = Vec::new();
    let mut note = |name: &str, committed: Option<f64>, now: Option<f64>, is: bool| {
        if is {
            worse.push(Regression { figure: format!("{place}.{name}"), committed, now });
        }
    };
    note("n", count(committed, |s| s.n), now.map(|s| s.n as f64), now.is_none_or(|s| s.n < committed.n));
    let Some(now) = now else { return worse };
    note("refused", count(committed, |s| s.refused), count(now, |s| s.refused), now.refused > committed.refused);
    for (name, of, badness) in figures {
        // Where nothing had been compared there is nothing to hold to; a figure that is gone, or none, is worse.
        let Some(before) = of(committed) else { continue };
        let after = of(now).filter(|x| x.is_finite());
        note(name, Some(before), after, after.is_none_or(|after| badness(after) > badness(before) + SAME));
    }
    worse
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn figures(summary: Summary) -> Figures {
        let of = BTreeMap::from([("moe".to_string(), summary.clone())]);
        Figures { summary, by: BTreeMap::from([("arch".to_string(), of)]) }
    }

    const GOOD: Summary = Summary {
        n: 100,
        refused: 2,
        mape: Some(0.1),
        median_abs_log: Some(0.07),
        p90_abs_log: Some(0.2),
        bias_log: Some(-0.01),
        within20: Some(0.9),
        coverage90: Some(0.9),
    };

    #[test]
    fn the_same_figures_and_better_ones_pass() {
        let better = Summary { mape: Some(0.09), bias_log: Some(0.005), n: 101, refused: 1, ..GOOD };
        for now in [GOOD, better, Summary { coverage90: Some(0.86), ..GOOD }] {
            assert_eq!(regressions(&figures(GOOD), &figures(now)), []);
        }
    }

    #[test]
    fn every_figure_that_gets_worse_is_named_with_its_group() {
        for (name, now) in [
            ("n", Summary { n: 99, ..GOOD }),
            ("refused", Summary { refused: 3, ..GOOD }),
            ("mape", Summary { mape: Some(0.101), ..GOOD }),
            ("median_abs_log", Summary { median_abs_log: Some(0.071), ..GOOD }),
            ("p90_abs_log", Summary { p90_abs_log: Some(0.21), ..GOOD }),
            ("bias_log", Summary { bias_log: Some(0.02), ..GOOD }),
            ("within20", Summary { within20: Some(0.89), ..GOOD }),
            ("coverage90", Summary { coverage90: Some(0.84), ..GOOD }),
            ("coverage90", Summary { coverage90: Some(0.97), ..GOOD }),
            ("mape", Summary { mape: None, ..GOOD }),
            ("bias_log", Summary { bias_log: Some(f64::NEG_INFINITY), ..GOOD }),
            ("within20", Summary { within20: Some(f64::NAN), ..GOOD }),
        ] {
            let found: Vec<_> = regressions(&figures(GOOD), &figures(now)).into_iter().map(|r| r.figure).collect();
            assert_eq!(found, [format!("summary.{name}"), format!("by.arch.moe.{name}")]);
        }
    }

    #[test]
    fn a_group_that_is_gone_is_a_regression() {
        let gone = Figures { summary: GOOD, by: BTreeMap::new() };
        let found = regressions(&figures(GOOD), &gone);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].figure.as_str(), found[0].now), ("by.arch.moe.n", None));
    }
}
