//! Counterfactuals: a scenario forecast again with one thing changed, draw by draw, so that the noise
//! of the draws cancels and the interval is that of the change.

mod change;

pub use change::{Change, Key, WhatIf};

use super::catalog::Catalog;
use super::plan::Ranged;
use super::projection::{Projection, Samples, run_sampled, sampled};
use super::sample::quantile;
use super::scenario::Forecast;
use super::study::Study;
use super::transfer::Options;
use crate::calibrate::Calibration;
use crate::error::Result;
use crate::job::Layout;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema id of a set of counterfactuals.
pub const SCHEMA: &str = "flopcast.what-if/1";

/// One quantity under a change, beside what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// What it becomes.
    pub becomes: Ranged,
    /// What it becomes over what it was, draw by draw: 1 is no change.
    pub ratio: Ranged,
    /// Unit of `becomes`.
    pub unit: String,
}

/// A scenario under a change, with one layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The layout.
    pub layout: Layout,
    /// Accelerators that it uses.
    pub accelerators: u64,
    /// By name; what the scenario's projection has and is not zero.
    pub quantities: BTreeMap<String, Shift>,
}

/// One change and what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Counterfactual {
    /// The change, as it was asked for.
    pub change: String,
    /// With the layout searched for again.
    pub best: Outcome,
    /// With the layout that the unchanged scenario has; its replicas as many as find work.
    pub kept: Option<Outcome>,
    /// Why the layout cannot be kept.
    pub not_kept: Option<String>,
}

/// A scenario and what it becomes under each change: `flopcast.what-if/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WhatIfs {
    /// Always `flopcast.what-if/1`.
    pub schema: String,
    /// The scenario as it is.
    pub base: Projection,
    /// One per change, in the order asked for.
    pub changes: Vec<Counterfactual>,
}

/// Forecasts the scenario of that name as it is and under each change. Errors: those of the
/// projection, and a change that cannot be.
pub fn what_if(
    catalog: &Catalog,
    name: &str,
    calibration: Option<&Calibration>,
    options: &Options,
    changes: &[WhatIf],
) -> Result<WhatIfs> {
    what_if_watched(catalog, name, calibration, options, changes, &mut || {})
}

/// [`what_if`]; `done` is told after each change.
///
/// # Errors
/// Those of [`what_if`].
pub fn what_if_watched(
    catalog: &Catalog,
    name: &str,
    calibration: Option<&Calibration>,
    options: &Options,
    changes: &[WhatIf],
    done: &mut dyn FnMut(),
) -> Result<WhatIfs> {
    let study = Study::new(catalog, name, calibration, options)?;
    let (base, samples) = sampled(catalog, &study, calibration);
    let base = base.with_fewer(catalog, &study, calibration, options);
    let changes = changes
        .iter()
        .map(|change| {
            let mut changed = change.applied(catalog, name)?;
            // A layout that the scenario states is kept by name below, and searched for beside that.
            if let Some(scenario) = changed.scenarios.get_mut(name) {
                scenario.layout = None;
            }
            let outcome = |layout: Option<Layout>| -> Result<(Projection, Outcome)> {
                let options = Options { layout, ..options.clone() };
                let (projection, draws) = run_sampled(&changed, name, calibration, &options)
                    .map_err(|e| e.context(format!("what-if `{change}`")))?;
                let outcome = outcome(&base, &samples, &projection, &draws);
                Ok((projection, outcome))
            };
            let kept = kept(study.forecast(), &changed, &base.layout).and_then(|layout| {
                let (projection, kept) = outcome(Some(layout)).map_err(|e| e.message().to_string())?;
                match projection.warnings.iter().find(|w| w.ends_with("it does not fit")) {
                    Some(warning) => Err(warning.clone()),
                    None => Ok(kept),
                }
            });
            let (_, mut best) = outcome(None)?;
            // The search takes the best at the medians of the common layouts; the kept one may be none of these.
            let days = |o: &Outcome| o.quantities.get("run_days").map_or(f64::INFINITY, |q| q.becomes.value);
            if let Ok(kept) = &kept
                && days(kept) < days(&best)
            {
                best = kept.clone();
            }
            let (kept, not_kept) = match kept {
                Ok(kept) => (Some(kept), None),
                Err(why) => (None, Some(why)),
            };
            done();
            Ok(Counterfactual { change: change.to_string(), best, kept, not_kept })
        })
        .collect::<Result<_>>()?;
    Ok(WhatIfs { schema: SCHEMA.into(), base, changes })
}

/// The layout of the unchanged scenario, or why it cannot run in the changed one.
fn kept(base: &Forecast, changed: &Catalog, layout: &Layout) -> std::result::Result<Layout, String> {
    let forecast = Forecast::new(changed, &base.name).map_err(|e| e.message().to_string())?;
    // Not by which key was changed: a power cap and PUE change the accelerators that work too.
    let alike = forecast.machine.accelerators == base.machine.accelerators;
    if alike && forecast.scenario.batch.value == base.scenario.batch.value {
        return Ok(*layout);
    }
    let one = layout.accelerators() / u64::from(layout.data);
    let most = forecast.machine.accelerators as u64 / one;
    let batches = forecast.run.batch / f64::from(layout.micro_batch);
    (1..=most.min(batches as u64))
        .rev()
        .map(|data| Layout { data: data as u32, ..*layout })
        .find(|l| l.check(forecast.job, &forecast.run).is_ok())
        .ok_or_else(|| format!("`{layout}` finds no count of replicas that divides the batch"))
}

fn outcome(base: &Projection, samples: &Samples, changed: &Projection, draws: &Samples) -> Outcome {
    let quantities = changed
        .quantities
        .iter()
        .filter_map(|(name, q)| {
            let (before, was, now) = (base.quantities.get(name)?, samples.get(name)?, draws.get(name)?);
            if before.value == 0.0 {
                return None;
            }
            let mut ratios: Vec<f64> = now.iter().zip(was).map(|(now, was)| now / was).collect();
            ratios.sort_by(f64::total_cmp);
            let shift = Shift {
                becomes: Ranged { value: q.value, p5: q.p5, p95: q.p95 },
                ratio: Ranged {
                    value: q.value / before.value,
                    p5: quantile(&ratios, 0.05),
                    p95: quantile(&ratios, 0.95),
                },
                unit: q.unit.clone(),
            };
            // Where nothing is useful in a draw, a ratio is none; JSON has no word for that.
            [shift.ratio.value, shift.ratio.p5, shift.ratio.p95]
                .iter()
                .all(|x| x.is_finite())
                .then(|| (name.clone(), shift))
        })
        .collect();
    Outcome { layout: changed.layout, accelerators: changed.layout.accelerators(), quantities }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(texts: &[&str]) -> Vec<Counterfactual> {
        let catalog = Catalog::built_in().unwrap();
        let changes: Vec<WhatIf> = texts.iter().map(|t| t.parse().unwrap()).collect();
        what_if(&catalog, "xai-12k-h100-redirected", None, &Options::default(), &changes).unwrap().changes
    }

    fn days(outcome: &Outcome) -> &Ranged {
        &outcome.quantities["run_days"].ratio
    }

    #[test]
    fn a_change_to_what_it_is_changes_no_value_and_no_range() {
        for c in asked(&["nic=400Gbit/s", "failures=1x", "domain=8", "precision=bf16", "batch=24.576Mtoken"]) {
            for outcome in [Some(&c.best), c.kept.as_ref()].into_iter().flatten() {
                for (name, shift) in &outcome.quantities {
                    let r = shift.ratio;
                    assert!(
                        [r.value, r.p5, r.p95].iter().all(|x| (x - 1.0).abs() < 1e-12),
                        "{} {name}: {r:?}",
                        c.change
                    );
                }
            }
        }
    }

    #[test]
    fn a_faster_part_is_not_slower_at_the_95th_percentile_with_the_layout_kept() {
        for c in asked(&["nic=2x", "memory_bandwidth=2x", "failures=0.5x", "restart=0.5x", "checkpoint=0.5x"]) {
            let kept = days(c.kept.as_ref().unwrap());
            assert!(kept.p95 <= 1.0 + 1e-12 && kept.p5 < 1.0, "{}: {kept:?}", c.change);
            assert!(days(&c.best).value <= kept.value + 1e-12, "{}", c.change);
        }
    }

    #[test]
    fn paired_draws_are_far_narrower_than_the_forecast_itself() {
        let catalog = Catalog::built_in().unwrap();
        let base = crate::project::run(&catalog, "xai-12k-h100-redirected", None, &Options::default()).unwrap();
        let q = &base.quantities["run_days"];
        let wide = (q.p95 / q.p5).ln();
        let all = asked(&["nic=2x", "failures=0.5x"]);
        for c in &all {
            let r = days(c.kept.as_ref().unwrap());
            assert!((r.p95 / r.p5).ln() < 0.3 * wide, "{}: {r:?} of {wide}", c.change);
        }
    }

    #[test]
    fn changes_joined_by_a_comma_hold_together() {
        let all = asked(&["nic=2x", "failures=0.5x", "nic=2x,failures=0.5x"]);
        let kept: Vec<f64> = all.iter().map(|c| days(c.kept.as_ref().unwrap()).value).collect();
        // Step time and goodput are factors of the days, and each change touches one of them.
        assert!((kept[0] * kept[1] / kept[2] - 1.0).abs() < 1e-12, "{kept:?}");
    }

    #[test]
    fn a_layout_that_cannot_be_kept_says_why() {
        let all = asked(&["memory=40GB", "accelerators=2x", "accelerators=0.5x"]);
        assert!(all[0].not_kept.as_ref().unwrap().contains("does not fit"), "{:?}", all[0].not_kept);
        assert!(all[0].best.layout != all[1].best.layout);
        let used = |c: &Counterfactual| c.kept.as_ref().unwrap().accelerators;
        assert!(used(&all[1]) > used(&all[2]));
    }

    #[test]
    fn a_power_cap_takes_replicas_from_the_layout_that_is_kept_and_a_better_pue_gives_them_back() {
        let all = asked(&["cap=10MW", "cap=10MW,pue=1.05", "pue=1.05"]);
        let used = |c: &Counterfactual| c.kept.as_ref().unwrap_or_else(|| panic!("{:?}", c.not_kept)).accelerators;
        assert!(used(&all[0]) < used(&all[1]) && used(&all[1]) < used(&all[2]), "{all:?}");
        let shape = |c: &Counterfactual| Layout { data: 0, ..c.kept.as_ref().unwrap().layout };
        assert!(shape(&all[0]) == shape(&all[2]) && shape(&all[1]) == shape(&all[2]));
    }

    #[test]
    fn what_is_no_change_is_refused_with_the_keys() {
        for (text, part) in [
            ("nic", "`KEY=VALUE`"),
            ("nics=2x", "unknown change `nics`"),
            ("nic=fast", "neither a factor nor a number"),
            ("nic=0x", "not from 0.001 to 1000"),
            ("nic=-2x", "not from 0.001 to 1000"),
            ("precision=fp5", "unknown number format `fp5`"),
            ("nic=2x,nic=3x", "changed twice"),
        ] {
            let error = text.parse::<WhatIf>().unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!("nics=2x".parse::<WhatIf>().unwrap_err().hint_text().unwrap().contains("memory_bandwidth"));
        let catalog = Catalog::built_in().unwrap();
        for (text, part) in [
            ("nic=800", "unit `` is not a bandwidth"),
            ("nic=800GB", "`GB` is not a bandwidth"),
            ("restart=-1s", "negative"),
            ("domain=0", "zero is impossible"),
            ("domain=1.5", "no whole number"),
            ("batch=1Mtoken", "no whole number of sequences"),
            ("precision=fp4", "no fp4 peak"),
            ("accelerators=8", "no layout fits"),
        ] {
            let changes = [text.parse().unwrap()];
            let error = what_if(&catalog, "xai-12k-h100-redirected", None, &Options::default(), &changes).unwrap_err();
            assert!(error.message().starts_with(&format!("what-if `{text}`: ")), "{error}");
            assert!(error.message().contains(part), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
