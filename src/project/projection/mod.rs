//! A projection: the closed form at the medians, its range, and what it rests on.

mod notes;
mod rests;

use crate::calibrate::{Calibration, Curve};
use crate::cluster::failures::{best_interval, goodput, mean_time_to_failure};
use crate::error::{Error, Result};
use crate::job::Layout;
use crate::project::catalog::Catalog;
use crate::project::constants::{COUNT, Constants};
use crate::project::equivalents::Equivalents;
use crate::project::machine::Machine;
use crate::project::sample::{DRAWS, Draws, Input, quantile, share};
use crate::project::scenario::Forecast;
use crate::project::search::best_layout;
use crate::project::step::{Step, StepModel};
use crate::project::{LARGEST_VALIDATED, SCHEMA};
use crate::provenance::{Provenance, Tier};
use crate::sourced::{Spread, Stamp};
use notes::{assumptions, sources, warnings};
use rests::Rests;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What of a calibration carries over to another accelerator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// The shape of its efficiency curve, never its rate.
    Shape,
    /// Nothing: published figures alone.
    None,
}

/// What can be asked of a projection beside the scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What of a calibration carries over; without a calibration nothing does.
    pub transfer: Transfer,
    /// The layout to take instead of the scenario's own or the best one; it may leave accelerators idle.
    pub layout: Option<Layout>,
}

impl Default for Options {
    fn default() -> Self {
        Options { transfer: Transfer::Shape, layout: None }
    }
}

/// A number with its range and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRef {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Where it is found.
    pub locator: String,
}

/// What one input does to the width of `run_days`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// Which input.
    pub name: String,
    /// Share of the variance that it has alone (first-order Sobol index).
    pub first: f64,
    /// Share with all that it interacts with (total index).
    pub total: f64,
    /// Whether nobody measured it.
    pub assumed: bool,
}

/// A forecast with its ranges: `flopcast.projection/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Projection {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Title of the scenario.
    pub title: String,
    /// `scenario` where more than half of the variance is from assumptions, else `estimate`.
    pub kind: String,
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
    /// By name.
    pub quantities: BTreeMap<String, Quantity>,
    /// Where the step's time goes at the medians, seconds.
    pub step_parts: BTreeMap<String, f64>,
    /// Share of the variance of `run_days` (its logarithm) from assumptions.
    pub assumed_share: f64,
    /// What the variance is made of, largest first.
    pub sensitivities: Vec<Sensitivity>,
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

/// Standard deviation of the logarithm that moving a curve to another accelerator adds: 24 %, the
/// error that aiconfigurator's profiles show when one accelerator's stands for another's.
const TRANSFER_SD_LOG: f64 = 0.24;

/// Places of the inputs that are no constants.
const FABRIC_EFFICIENCY: usize = COUNT;
const FABRIC_LATENCY: usize = COUNT + 1;
const CHECKPOINT: usize = COUNT + 2;
const RESTART: usize = COUNT + 3;
const TRANSFER: usize = COUNT + 4;

/// All results of one draw.
#[derive(Debug, Clone, Copy)]
struct Draw {
    step: Step,
    mttf: f64,
    interval: f64,
    goodput: f64,
    memory: f64,
}

/// One draw as plain numbers.
fn evaluate(forecast: &Forecast, model: &StepModel, row: &[f64]) -> Draw {
    let mut constants = forecast.constants.medians();
    for (index, value) in row[..COUNT].iter().enumerate() {
        constants.set(index, *value);
    }
    evaluate_with(forecast, model, &constants, &row[COUNT..])
}

fn evaluate_with(forecast: &Forecast, model: &StepModel, constants: &Constants, rest: &[f64]) -> Draw {
    let machine = Machine {
        fabric_efficiency: rest[FABRIC_EFFICIENCY - COUNT],
        fabric_latency: rest[FABRIC_LATENCY - COUNT],
        ..forecast.machine
    };
    let step = model.time(&machine, constants, rest[TRANSFER - COUNT]);
    // Failure rates are published per box of eight; what stays idle does not stop the job.
    let boxes = model.layout().accelerators() as f64 / 8.0;
    let mttf = mean_time_to_failure(boxes, constants.failure_rate, 0.0);
    let checkpoint = rest[CHECKPOINT - COUNT];
    let interval = best_interval(mttf, checkpoint);
    Draw {
        step,
        mttf,
        interval,
        goodput: goodput(mttf, interval, checkpoint, rest[RESTART - COUNT]),
        memory: model.held().total() + constants.reserved_memory,
    }
}

/// Everything uncertain: the constants, the network, the operation and the transferred curve.
fn inputs(forecast: &Forecast, transferred: Option<&Curve>) -> Vec<Input> {
    let input = |name: &str, median: f64, spread: Spread, stamp: &Stamp| Input {
        name: name.into(),
        median,
        spread,
        assumed: stamp.tier >= Tier::Assumed,
    };
    let mut all: Vec<Input> =
        forecast.constants.entries().iter().map(|e| input(e.name, e.median, e.spread, e.stamp)).collect();
    if let Some(rate) = &forecast.scenario.failure_rate {
        for i in all.iter_mut().filter(|i| i.name == "failure_rate") {
            *i = input("failure_rate", rate.value, rate.spread, &rate.stamp);
        }
    }
    let (f, s) = (forecast.fabric, forecast.scenario);
    all.push(input("fabric.efficiency", f.efficiency.value, f.efficiency.spread, &f.efficiency.stamp));
    all.push(input("fabric.latency", f.latency.value, f.latency.spread, &f.latency.stamp));
    all.push(input("checkpoint", s.checkpoint.value, s.checkpoint.spread, &s.checkpoint.stamp));
    all.push(input("restart", s.restart.value, s.restart.spread, &s.restart.stamp));
    let spread = transferred.map_or(Spread::None, |curve| {
        Spread::Log(TRANSFER_SD_LOG.hypot(curve.leave_one_out_sd_log.unwrap_or(TRANSFER_SD_LOG)))
    });
    all.push(Input { name: "transferred_curve".into(), median: 1.0, spread, assumed: transferred.is_some() });
    all
}

/// Forecasts the scenario of that name.
///
/// Without a calibration the result rests on published figures alone and says so. With one, what
/// carries over is the shape of its efficiency curve (see [`Transfer`]), never its rate. Errors: an
/// unknown name, an impossible scenario, no layout that fits the memory.
pub fn run(catalog: &Catalog, name: &str, calibration: Option<&Calibration>, options: &Options) -> Result<Projection> {
    run_sampled(catalog, name, calibration, options).map(|(projection, _)| projection)
}

/// [`run`], with every draw.
pub fn run_sampled(
    catalog: &Catalog,
    name: &str,
    calibration: Option<&Calibration>,
    options: &Options,
) -> Result<(Projection, Samples)> {
    let forecast = Forecast::new(catalog, name)?;
    let transfer = if calibration.is_some() { options.transfer } else { Transfer::None };
    let measured = calibration.filter(|_| transfer == Transfer::Shape).map(Calibration::best);
    let curve = measured.map(|m| (&m.curve, m.ceiling.gflop_per_s.median * 1e9));
    let inputs = inputs(&forecast, curve.map(|(c, _)| c));
    let medians: Vec<f64> = inputs.iter().map(|i| i.median).collect();
    let mut constants = forecast.constants.medians();
    for (index, value) in medians[..COUNT].iter().enumerate() {
        constants.set(index, *value);
    }

    let (layout, searched) = match options.layout.as_ref().or(forecast.scenario.layout.as_ref()) {
        Some(layout) => {
            stands(layout, &forecast)?;
            (*layout, 0)
        }
        None => {
            let (layout, _, searched) = best_layout(forecast.job, &forecast.run, &forecast.machine, &constants, curve)
                .map_err(|e| e.context(format!("scenario `{name}`")))?;
            (layout, searched)
        }
    };
    let model = StepModel::new(forecast.job, &forecast.run, &layout, &forecast.machine, curve);
    let central = evaluate(&forecast, &model, &medians);
    let (first, second) = (Draws::new(&inputs, 0), Draws::new(&inputs, 1));
    let all = |draws: &Draws| (0..DRAWS).map(|i| evaluate(&forecast, &model, draws.row(i))).collect::<Vec<_>>();
    let draws = all(&first);
    let log_days = |d: &Draw| (d.step.total / d.goodput.max(1e-9)).ln();
    let a: Vec<f64> = draws.iter().map(log_days).collect();
    let b: Vec<f64> = all(&second).iter().map(log_days).collect();
    let result = |row: &[f64]| log_days(&evaluate(&forecast, &model, row));
    let assumed_share = share(&first, &second, &a, &b, |c| inputs[c].assumed, result).first.clamp(0.0, 1.0);
    let mut sensitivities: Vec<Sensitivity> = inputs
        .iter()
        .enumerate()
        .filter(|(_, input)| input.spread != Spread::None)
        .map(|(column, input)| {
            let s = share(&first, &second, &a, &b, |c| c == column, result);
            Sensitivity { name: input.name.clone(), first: s.first, total: s.total, assumed: input.assumed }
        })
        .collect();
    sensitivities.sort_by(|x, y| y.total.total_cmp(&x.total));

    let provenance = Rests::new(&forecast, calibration.filter(|_| curve.is_some()));
    let (quantities, samples) = quantities(&forecast, &model, &central, &draws, &provenance);
    let equivalents = calibration.map(|c| Equivalents::new(c, quantities.get("cluster_flop_per_s").map(|q| q.value)));
    let idle = forecast.machine.accelerators as u64 - layout.accelerators();
    let kind = if assumed_share > 0.5 { "scenario" } else { "estimate" };
    let software = quantities.values().any(|q| q.software);
    let mut projection = Projection {
        schema: SCHEMA.into(),
        scenario: name.into(),
        title: forecast.scenario.title.clone(),
        kind: kind.into(),
        format: forecast.scenario.format.to_string(),
        software,
        transfer,
        layout,
        layout_stated: searched == 0,
        layouts_searched: searched,
        idle_accelerators: idle,
        quantities,
        step_parts: parts(&central.step),
        assumed_share,
        sensitivities,
        largest_validated: LARGEST_VALIDATED as u64,
        flop_convention: "multiply-add = 2, causal attention counts half, no recomputation".into(),
        equivalents,
        assumptions: assumptions(&forecast),
        sources: vec![],
        warnings: vec![],
    };
    projection.sources = sources(catalog, &projection);
    projection.warnings = warnings(&projection, &forecast, &central, calibration);
    Ok((projection, samples))
}

/// Refuses a layout that the scenario's job, batch or count cannot run.
fn stands(layout: &Layout, forecast: &Forecast) -> Result<()> {
    layout.check(forecast.job, &forecast.run)?;
    let (used, there) = (layout.accelerators() as f64, forecast.machine.accelerators);
    if used > there {
        return Err(Error::usage(format!("`layout`: `{layout}` takes {used} accelerators of {there}")));
    }
    Ok(())
}

fn parts(step: &Step) -> BTreeMap<String, f64> {
    [
        ("compute", step.compute),
        ("tensor", step.tensor),
        ("expert", step.expert),
        ("bubble", step.bubble),
        ("data", step.data),
        ("optimizer", step.optimizer),
        ("scale", step.scale),
    ]
    .into_iter()
    .map(|(name, seconds)| (name.to_string(), seconds))
    .collect()
}

fn quantities(
    forecast: &Forecast,
    model: &StepModel,
    central: &Draw,
    draws: &[Draw],
    rests: &Rests,
) -> (BTreeMap<String, Quantity>, Samples) {
    let f = forecast;
    let flop = f.job.step_flop(&f.run);
    let tokens = f.run.batch * f.run.sequence;
    let peak = f.machine.peak * model.layout().accelerators() as f64;
    let steps = (f.scenario.tokens.value / tokens).ceil();
    let mut all = BTreeMap::new();
    let mut samples = Samples::new();
    let mut put = |name: &str, unit: &str, rests: &Provenance, of: &dyn Fn(&Draw) -> f64| {
        let mut values: Vec<f64> = draws.iter().map(of).collect();
        samples.insert(name.to_string(), values.clone());
        values.sort_by(f64::total_cmp);
        // Two digits of MFU are what an extrapolation can carry.
        let tidy = |x: f64| if name == "mfu" { two_digits(x) } else { x };
        let at = |q| tidy(quantile(&values, q));
        all.insert(
            name.to_string(),
            Quantity {
                value: tidy(of(central)),
                p5: at(0.05),
                p50: at(0.5),
                p95: at(0.95),
                unit: unit.into(),
                tier: rests.tier,
                software: rests.software,
                sources: rests.sources.iter().cloned().collect(),
            },
        );
    };
    let step = &rests.step;
    let run = step.clone().join(&rests.goodput).join(&rests.tokens);
    // No progress is a run that does not end; JSON has no infinity, so the share is cut at 1e-9.
    let useful = |d: &Draw| d.goodput.max(1e-9);
    put("step_time", "s", step, &|d| d.step.total);
    put("mfu", "1", step, &|d| flop / (d.step.total * peak));
    put("tokens_per_s", "token/s", step, &|d| tokens / d.step.total);
    put("cluster_flop_per_s", "flop/s", step, &|d| flop / d.step.total);
    put("peak_flop_per_s", "flop/s", &rests.peak, &|_| peak);
    put("goodput", "1", &rests.goodput, &|d| d.goodput);
    put("mean_time_to_failure", "h", &rests.failures, &|d| d.mttf / 3600.0);
    put("checkpoint_interval", "s", &rests.goodput, &|d| d.interval);
    put("memory_per_accelerator", "GB", &rests.memory, &|d| d.memory / 1e9);
    put("run_days", "day", &run, &|d| steps * d.step.total / useful(d) / 86_400.0);
    put("steps", "1", &rests.job.clone().join(&rests.tokens), &|_| steps);
    (all, samples)
}

/// `x` to two significant digits.
fn two_digits(x: f64) -> f64 {
    format!("{x:.1e}").parse().unwrap_or(x)
}

#[cfg(test)]
mod tests;
