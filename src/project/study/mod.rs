//! A forecast under study: one function from all inputs to all quantities, evaluated at the medians, on
//! thousands of draws, and with one input changed at a time, which is how it is known what rests on what.

mod evaluate;
mod explain;
pub(super) mod inputs;
mod output;
mod probe;
mod sensitivity;

pub use explain::{Explanation, Node, NodeKind, SCHEMA as EXPLAIN_SCHEMA};
pub use inputs::Input;
pub use output::{Outcome, Output};
pub use sensitivity::{MeasureNext, Narrowed, Sensitivity};

use crate::calibrate::{Calibration, Curve};
use crate::cluster::failures::{SimulatedSpread, simulate};
use crate::error::{Error, Result};
use crate::job::Layout;
use crate::project::catalog::Catalog;
use crate::project::constants::Constants;
use crate::project::machine::Machine;
use crate::project::sample::{DRAWS, Draws, quantile};
use crate::project::scenario::Forecast;
use crate::project::search::best_layout;
use crate::project::step::StepModel;
use crate::project::transfer::{Options, Transfer};
use crate::provenance::Provenance;
use crate::sourced::Spread;
use evaluate::{Shape, Stages};
use inputs::{HARDWARE, RESTART, STRUCTURE};
use sensitivity::Touched;

/// A forecast with its draws.
pub struct Study<'a> {
    forecast: Forecast<'a>,
    transfer: Transfer,
    layout: Layout,
    searched: u64,
    inputs: Vec<Input>,
    medians: Vec<f64>,
    shape: Shape,
    curve: Option<(&'a Curve, f64)>,
    /// Places of the hardware's numbers that are drawn.
    drawn: Vec<usize>,
    central: Outcome,
    first: Draws,
    outcomes: Vec<Outcome>,
    kept: Vec<Stages>,
    /// By input, which quantities it moves, a bit each.
    moved: Vec<u64>,
    touched: Vec<Touched>,
}

impl<'a> Study<'a> {
    /// Looks the scenario up, finds its layout and draws. Errors: an unknown name, an impossible
    /// scenario, no layout that fits the memory, no progress.
    pub fn new(
        catalog: &'a Catalog,
        name: &str,
        calibration: Option<&'a Calibration>,
        options: &Options,
    ) -> Result<Self> {
        let mut study = Self::with_draws_alone(catalog, name, calibration, options, None)?;
        study.probe();
        Ok(study)
    }

    /// [`Study::new`] without looking what rests on what: ranges, but neither provenance nor sensitivities. Draws of an
    /// earlier study of the same inputs are taken again.
    pub(super) fn with_draws_alone(
        catalog: &'a Catalog,
        name: &str,
        calibration: Option<&'a Calibration>,
        options: &Options,
        earlier: Option<&Draws>,
    ) -> Result<Self> {
        let mut study = Self::at_medians_alone(catalog, name, calibration, options)?;
        study.progresses().map_err(|e| e.context(format!("scenario `{name}`")))?;
        study.first = Draws::again(earlier, &study.spreads(), 0);
        let drawn = (0..DRAWS).map(|i| study.evaluate(study.first.row(i), &study.drawn, &study.shape));
        (study.outcomes, study.kept) = drawn.unzip();
        Ok(study)
    }

    /// [`Study::new`] without draws and provenance, and without a refusal where there is no progress: for
    /// many counts in a row.
    pub fn at_medians_alone(
        catalog: &'a Catalog,
        name: &str,
        calibration: Option<&'a Calibration>,
        options: &Options,
    ) -> Result<Self> {
        let forecast = Forecast::new(catalog, name)?;
        let transfer = if calibration.is_some() { options.transfer } else { Transfer::None };
        let calibration = calibration.filter(|_| transfer == Transfer::Shape);
        let best = calibration.map(Calibration::best);
        let curve = best.map(|m| (&m.curve, m.ceiling.gflop_per_s.median * 1e9));
        let inputs = inputs::inputs(&forecast, curve.map(|(c, _)| c), calibration);
        let medians: Vec<f64> = inputs.iter().map(|i| i.median).collect();
        let constants = inputs::constants(&medians);
        let (layout, searched) = match options.layout.as_ref().or(forecast.scenario.layout.as_ref()) {
            Some(layout) => {
                stands(layout, &forecast)?;
                (*layout, 0)
            }
            None => {
                let (layout, _, searched) =
                    best_layout(forecast.job, &forecast.run, &forecast.machine, &constants, curve)
                        .map_err(|e| e.context(format!("scenario `{name}`")))?;
                (layout, searched)
            }
        };
        let forecast = forecast.rounded_to(&layout);
        let shape = Shape::new(forecast.job, &forecast.run, &layout, &forecast.machine, &constants, curve);
        let drawn = (HARDWARE..STRUCTURE).filter(|place| inputs[*place].uncertain()).collect();
        let mut study = Study {
            forecast,
            transfer,
            layout,
            searched,
            inputs,
            medians,
            shape,
            curve,
            drawn,
            central: [f64::NAN; Output::COUNT],
            first: Draws::new(&[], 0),
            outcomes: Vec::new(),
            kept: Vec::new(),
            moved: Vec::new(),
            touched: Vec::new(),
        };
        study.central = study.outcome(&study.medians, &study.drawn, &study.shape);
        Ok(study)
    }

    /// The scenario, looked up.
    pub fn forecast(&self) -> &Forecast<'a> {
        &self.forecast
    }

    /// The model of its step, its machine and its constants at the medians.
    pub fn step_model(&self) -> (&StepModel, Machine, Constants) {
        let case = self.case(&self.medians, &self.drawn);
        (&self.shape.model, case.machine, case.constants)
    }

    /// What carries over from a calibration.
    pub fn transfer(&self) -> Transfer {
        self.transfer
    }

    /// The layout, and how many were looked at; none where it was stated.
    pub fn layout(&self) -> (&Layout, u64) {
        (&self.layout, self.searched)
    }

    /// Median and spread of every input.
    fn spreads(&self) -> Vec<(f64, Spread)> {
        self.inputs.iter().map(|i| (i.median, i.spread)).collect()
    }

    /// Every input, absent ones included.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// A quantity at the medians; `None` where there is no such thing in this scenario.
    pub fn at_medians(&self, output: Output) -> Option<f64> {
        Some(self.central[output as usize]).filter(|x| !x.is_nan())
    }

    /// The draws of its inputs.
    pub(super) fn drawn(&self) -> &Draws {
        &self.first
    }

    /// What is told of a quantity beside its range; `sorted` are its draws.
    pub(super) fn told(&self, output: Output, sorted: &[f64]) -> f64 {
        match output {
            // At the medians parts that are alike cost each other nothing: an end of the range, not its middle.
            Output::PartsCost => quantile(sorted, 0.5),
            _ => self.central[output as usize],
        }
    }

    /// Every draw of a quantity, in the order of the draws.
    pub fn draws(&self, output: Output) -> Vec<f64> {
        self.outcomes.iter().map(|o| o[output as usize]).collect()
    }

    /// Whether an input moves a quantity: found by changing it, not by a list.
    pub fn moves(&self, input: usize, output: Output) -> bool {
        self.moved[input] >> output as usize & 1 == 1
    }

    /// What a quantity rests on: everything that moves it.
    pub fn provenance(&self, output: Output) -> Option<Provenance> {
        let moving = self.inputs.iter().enumerate().filter(|(i, _)| self.moves(*i, output));
        moving.filter_map(|(_, i)| i.provenance.clone()).reduce(|all, one| all.join(&one))
    }

    /// Plays `runs` runs at the medians event by event: their lengths in seconds stray by chance alone.
    pub fn simulate(&self, runs: u32, seed: u64) -> SimulatedSpread {
        let plan = self.plan(&self.medians, &self.shape, &inputs::constants(&self.medians));
        let work = self.central[Output::Steps as usize] * self.central[Output::StepTime as usize];
        simulate(&plan, work, runs, seed)
    }

    /// Refuses what makes no progress, with the arithmetic.
    fn progresses(&self) -> Result<()> {
        let mttf = self.at_medians(Output::Mttf).map_or(f64::INFINITY, |hours| 3600.0 * hours);
        let c = self.central[Output::Checkpoint as usize];
        let rate = self.inputs.iter().find(|i| i.name == "failure_rate").map_or(f64::NAN, |i| 86_400_000.0 * i.median);
        let arithmetic = format!(
            "{} accelerators in boxes of 8 at {rate:.2} failures per 1,000 box-days, and what else fails, stop the job \
             every {mttf:.0} s",
            self.layout.accelerators()
        );
        if c >= mttf {
            return Err(Error::usage(format!("`checkpoint`: no progress: it takes {c:.0} s, and {arithmetic}"))
                .hint("a shorter checkpoint (asynchronous, more storage bandwidth), fewer accelerators or failures"));
        }
        let goodput = self.central[Output::Goodput as usize];
        if goodput < 1e-3 {
            return Err(Error::usage(format!(
                "`restart`: no progress: {:.2e} of the time is useful; a restart takes {:.0} s or more, and {arithmetic}",
                goodput, self.medians[RESTART]
            ))
            .hint("a quicker restart, spares at hand, elastic replicas, fewer accelerators or failures"));
        }
        Ok(())
    }
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

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;
