//! A projection: the closed form at the medians, its range, and what it rests on.

mod notes;

use crate::calibrate::Calibration;
use crate::error::Result;
use crate::job::Layout;
use crate::project::catalog::Catalog;
use crate::project::equivalents::Equivalents;
use crate::project::fewer::Fewer;
use crate::project::sample::quantile;
use crate::project::study::{MeasureNext, Output, Sensitivity, Study};
use crate::project::transfer::{Options, Transfer};
use crate::project::{LARGEST_VALIDATED, SCHEMA};
use crate::provenance::Tier;
use notes::{assumptions, sources, warnings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number with its range and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantity {
    /// At the medians of everything uncertain.
    pub value: f64,
    /// 5 % of the draws are below.
    pub p5: f64,
    /// Median of the draws.
    pub p50: f64,
    /// 95 % of the draws are below.
    pub p95: f64,
    /// Unit.
    pub unit: String,
    /// The worst tier it rests on.
    pub tier: Tier,
    /// Whether a software adapter had a part in it.
    pub software: bool,
    /// Ids of its sources.
    pub sources: Vec<String>,
}

/// Every draw of every quantity, by name, in the order of the draws: the same index of two projections
/// is the same Sobol point, so that their difference is free of sampling noise.
pub type Samples = BTreeMap<String, Vec<f64>>;

/// Something that was taken rather than known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// Which input.
    pub name: String,
    /// Its median, in `unit`.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// On what it rests.
    pub tier: Tier,
    /// Id of its source.
    pub source: String,
    /// What there is to say.
    pub note: String,
}

/// A document, as the report lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRef {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Where it is found.
    pub locator: String,
}

impl SourceRef {
    /// The document of that id; what is no document of the catalogue is a measurement itself.
    pub fn of(catalog: &Catalog, id: &str) -> Self {
        let (title, locator) = match catalog.sources.get(id) {
            Some(s) => (s.title.clone(), s.locator.clone()),
            None if catalog.fabric_tables.keys().any(|file| id.contains(file.as_str())) => {
                ("times of collectives measured on the fabric itself".into(), id.into())
            }
            None => ("measurement made by this tool".into(), id.into()),
        };
        SourceRef { id: id.into(), title, locator }
    }
}

/// Runs played event by event at the medians: how far one run strays by chance alone, and how well the
/// closed form holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// Runs played.
    pub runs: u32,
    /// Seed.
    pub seed: u64,
    /// Useful share of the time, the mean over the runs.
    pub goodput: f64,
    /// The same less that of the closed form.
    pub over_closed_form: f64,
    /// Days of a run: 5 % of the runs are shorter.
    pub run_days_p5: f64,
    /// Median.
    pub run_days_p50: f64,
    /// 95 % of the runs are shorter.
    pub run_days_p95: f64,
    /// Failures that stop the job, per run.
    pub failures: f64,
    /// Runs given up.
    pub unfinished: u32,
}

impl Simulation {
    /// Plays `runs` runs of a forecast.
    pub fn new(study: &Study, runs: u32, seed: u64) -> Self {
        let s = study.simulate(runs, seed);
        let days = |seconds: f64| seconds / 86_400.0;
        Simulation {
            runs,
            seed,
            goodput: s.goodput,
            over_closed_form: s.goodput - study.at_medians(Output::Goodput).unwrap_or(f64::NAN),
            run_days_p5: days(s.p5),
            run_days_p50: days(s.p50),
            run_days_p95: days(s.p95),
            failures: s.failures,
            unfinished: s.unfinished,
        }
    }
}

/// A forecast with its ranges: `flopcast.projection/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Title of the scenario.
    pub title: String,
    /// `scenario` where more than half of the variance is from assumptions, where nobody measured the
    /// accelerator, or where a software adapter had a part in it; else `estimate`.
    pub kind: String,
    /// Whether anybody published a measured product of the accelerator (of each, where they differ).
    pub accelerator_measured: bool,
    /// Number format of the products.
    pub format: String,
    /// Whether a software adapter had a part in it.
    pub software: bool,
    /// What of a calibration carried over.
    pub transfer: Transfer,
    /// The layout.
    pub layout: Layout,
    /// Whether the scenario stated it; else it is the best of `layouts_searched`.
    pub layout_stated: bool,
    /// Layouts that were looked at.
    pub layouts_searched: u64,
    /// Accelerators that the layout leaves idle.
    pub idle_accelerators: u64,
    /// Fewer accelerators that would finish as soon, where it was looked for and there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewer: Option<Fewer>,
    /// By name.
    pub quantities: BTreeMap<String, Quantity>,
    /// Where the step's time goes at the medians, seconds.
    pub step_parts: BTreeMap<String, f64>,
    /// Share of the variance of `run_days` (its logarithm) from assumptions.
    pub assumed_share: f64,
    /// What the variance is made of, largest first.
    pub sensitivities: Vec<Sensitivity>,
    /// What measuring the largest few of them would narrow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measure_next: Vec<MeasureNext>,
    /// Runs played event by event, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
    /// Largest accelerator count of a training job that was ever published.
    pub largest_validated: u64,
    /// How the flop of MFU are counted.
    pub flop_convention: String,
    /// "N of this adapter", with a calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivalents: Option<Equivalents>,
    /// What was taken rather than known.
    pub assumptions: Vec<Assumption>,
    /// The documents.
    pub sources: Vec<SourceRef>,
    /// What to mind.
    pub warnings: Vec<String>,
}

/// Forecasts the scenario of that name.
///
/// Without a calibration the result rests on published figures alone and says so. With one, what
/// carries over is the shape of its efficiency curve (see [`Transfer`]), never its rate. Errors: an
/// unknown name, an impossible scenario, no layout that fits the memory, no progress.
pub fn run(catalog: &Catalog, name: &str, calibration: Option<&Calibration>, options: &Options) -> Result<Projection> {
    Ok(Projection::new(catalog, &Study::new(catalog, name, calibration, options)?, calibration))
}

/// [`run`], with every draw.
pub fn run_sampled(
    catalog: &Catalog,
    name: &str,
    calibration: Option<&Calibration>,
    options: &Options,
) -> Result<(Projection, Samples)> {
    let study = Study::new(catalog, name, calibration, options)?;
    Ok(sampled(catalog, &study, calibration))
}

/// The projection of a study, with every draw.
pub fn sampled(catalog: &Catalog, study: &Study, calibration: Option<&Calibration>) -> (Projection, Samples) {
    let projection = Projection::new(catalog, study, calibration);
    let samples = listed(study).map(|output| (output.name().to_string(), study.draws(output))).collect();
    (projection, samples)
}

/// The quantities that a projection of a study lists.
pub(super) fn listed<'a>(study: &'a Study) -> impl Iterator<Item = Output> + 'a {
    Output::ALL.iter().copied().filter(|o| !o.part_of_step() && study.at_medians(*o).is_some())
}

impl Projection {
    /// The forecast of a study; `calibration` is what it was given, carried over or not.
    pub fn new(catalog: &Catalog, study: &Study, calibration: Option<&Calibration>) -> Self {
        let forecast = study.forecast();
        let (sensitivities, assumed_share, measure_next) = study.sensitivities();
        let quantities: BTreeMap<String, Quantity> =
            listed(study).map(|output| (output.name().to_string(), quantity(study, output))).collect();
        let equivalents =
            calibration.map(|c| Equivalents::new(c, quantities.get("cluster_flop_per_s").map(|q| q.value)));
        let (layout, searched) = study.layout();
        let mut projection = Projection {
            schema: SCHEMA.into(),
            scenario: forecast.name.clone(),
            title: forecast.scenario.title.clone(),
            kind: String::new(),
            accelerator_measured: forecast.unmeasured().is_empty(),
            format: forecast.scenario.format.to_string(),
            software: quantities.values().any(|q| q.software),
            transfer: study.transfer(),
            layout: *layout,
            layout_stated: searched == 0,
            layouts_searched: searched,
            idle_accelerators: forecast.machine.accelerators as u64 - layout.accelerators(),
            fewer: None,
            quantities,
            step_parts: Output::ALL
                .iter()
                .filter_map(|o| Some((o.name().strip_prefix("step.")?.to_string(), study.at_medians(*o)?)))
                .collect(),
            assumed_share,
            sensitivities,
            measure_next,
            simulation: None,
            largest_validated: LARGEST_VALIDATED as u64,
            flop_convention: "multiply-add = 2, causal attention counts half, no recomputation".into(),
            equivalents,
            assumptions: assumptions(study),
            sources: vec![],
            warnings: vec![],
        };
        let unsure = assumed_share > 0.5 || !projection.accelerator_measured || projection.software;
        projection.kind = if unsure { "scenario" } else { "estimate" }.into();
        projection.sources = sources(catalog, &projection);
        projection.warnings = warnings(&projection, study, calibration);
        projection
    }

    /// The same with what fewer accelerators would do; `study` and the rest are what it was made of.
    #[must_use]
    pub fn with_fewer(
        mut self,
        catalog: &Catalog,
        study: &Study,
        calibration: Option<&Calibration>,
        options: &Options,
    ) -> Self {
        self.fewer = Fewer::than(study, catalog, calibration, options);
        if let Some(fewer) = &self.fewer {
            self.warnings.insert(1.min(self.warnings.len()), notes::fewer(fewer, self.layout.accelerators()));
        }
        self
    }
}

/// Value, 5 %, median and 95 % of a quantity.
pub(super) fn spread(study: &Study, output: Output) -> [f64; 4] {
    let mut values = study.draws(output);
    values.sort_unstable_by(f64::total_cmp);
    // Two digits of MFU are what an extrapolation can carry.
    let tidy = |x: f64| if output == Output::Mfu { two_digits(x) } else { x };
    let [p5, p50, p95] = [0.05, 0.5, 0.95].map(|q| tidy(quantile(&values, q)));
    [tidy(study.told(output, &values)), p5, p50, p95]
}

fn quantity(study: &Study, output: Output) -> Quantity {
    let [value, p5, p50, p95] = spread(study, output);
    let provenance = study.provenance(output);
    Quantity {
        value,
        p5,
        p50,
        p95,
        unit: output.unit().into(),
        tier: provenance.as_ref().map_or(Tier::Assumed, |p| p.tier),
        software: provenance.as_ref().is_some_and(|p| p.software),
        sources: provenance.into_iter().flat_map(|p| p.sources).collect(),
    }
}

/// `x` to two significant digits.
fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests;
