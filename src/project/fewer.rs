//! Whether fewer accelerators would finish as soon: a layout is searched for by its step, and with more
//! accelerators more fails.

use super::catalog::Catalog;
use super::study::{Output, Study};
use super::transfer::Options;
use crate::calibrate::Calibration;
use serde::{Deserialize, Serialize};

/// How much later still counts as as soon.
const SLACK: f64 = 0.01;
/// Counts that are tried per halving.
const PER_HALVING: i32 = 8;

/// A count that would do, at the medians.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Enough {
    /// Accelerators, whole boxes.
    pub accelerators: u64,
    /// Days of the run on them.
    pub run_days: f64,
    /// Days over those on all of them, less 1: below zero where they are sooner.
    pub later: f64,
}

/// Fewer accelerators than were asked for that finish as soon or sooner, the layout searched for again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fewer {
    /// The fewest of the counts tried that finish within 1 % of the time.
    pub fewest: Enough,
    /// The count tried that finishes soonest.
    pub soonest: Enough,
}

impl Fewer {
    /// Tries counts below that of a study, an eighth of a halving apart. `None` where a layout was
    /// stated, or where none of them, down to a sixteenth, would do.
    pub fn than(
        study: &Study,
        catalog: &Catalog,
        calibration: Option<&Calibration>,
        options: &Options,
    ) -> Option<Self> {
        let forecast = study.forecast();
        if study.layout().1 == 0 {
            return None;
        }
        let all = study.at_medians(Output::RunDays)?;
        let (on, boxed) = (forecast.on, forecast.node.accelerators.value);
        let mut catalog = catalog.clone();
        let count = catalog.clusters.get(&forecast.scenario.cluster)?.accelerators.clone();
        let (mut fewest, mut soonest): (Option<Enough>, Option<Enough>) = (None, None);
        let mut failed = 0;
        for step in 1..=4 * PER_HALVING {
            let accelerators = (on * (-f64::from(step) / f64::from(PER_HALVING)).exp2() / boxed).floor() * boxed;
            if accelerators < boxed {
                break;
            }
            let scenario = catalog.scenarios.get_mut(&forecast.name)?;
            scenario.accelerators.get_or_insert_with(|| count.clone()).value = accelerators;
            let days = Study::at_medians_alone(&catalog, &forecast.name, calibration, options)
                .ok()
                .and_then(|s| s.at_medians(Output::RunDays));
            let one = days.map(|run_days| Enough {
                accelerators: accelerators as u64,
                run_days,
                later: run_days / all - 1.0,
            });
            match one.filter(|e| e.later <= SLACK) {
                Some(enough) => {
                    failed = 0;
                    fewest = Some(enough);
                    if soonest.is_none_or(|s| enough.run_days < s.run_days) {
                        soonest = Some(enough);
                    }
                }
                // How batch and stages come out differs from count to count, so one that does not do says
                // little of the next; more than a halving of them does.
                None => failed += 1,
            }
            if failed > PER_HALVING {
                break;
            }
        }
        Some(Fewer { fewest: fewest?, soonest: soonest? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(catalog: &Catalog, name: &str) -> (Option<Fewer>, f64) {
        let options = Options::default();
        let study = Study::at_medians_alone(catalog, name, None, &options).unwrap();
        (Fewer::than(&study, catalog, None, &options), study.at_medians(Output::RunDays).unwrap())
    }

    #[test]
    fn half_of_300_000_accelerators_finish_as_soon_and_a_forecast_of_that_count_says_the_same() {
        let mut catalog = Catalog::built_in().unwrap();
        let (fewer, days) = at(&catalog, "xai-300k-b200");
        let Fewer { fewest, soonest } = fewer.unwrap();
        assert!(fewest.accelerators < 200_000 && fewest.run_days <= 1.01 * days, "{fewest:?} {days}");
        assert!(soonest.run_days <= fewest.run_days && soonest.accelerators >= fewest.accelerators, "{soonest:?}");
        let count = catalog.cluster("xai-300k-b200").unwrap().accelerators.clone();
        let scenario = catalog.scenarios.get_mut("xai-300k-b200").unwrap();
        scenario.accelerators.insert(count).value = fewest.accelerators as f64;
        let (_, again) = at(&catalog, "xai-300k-b200");
        assert_eq!(again, fewest.run_days);
        assert!((again / days - 1.0 - fewest.later).abs() < 1e-12);
    }

    #[test]
    fn where_every_accelerator_helps_nothing_is_said() {
        let catalog = Catalog::built_in().unwrap();
        assert_eq!(at(&catalog, "xai-12k-h100-redirected").0, None);
    }
}
