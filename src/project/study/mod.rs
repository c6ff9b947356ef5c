//! A forecast under study: one function from all inputs to all quantities, evaluated at the medians, on
//! thousands of draws, and with one input changed at a time, which is how it is known what rests on what.

mod explain;
mod inputs;
mod output;
mod sensitivity;

pub use explain::{Node, NodeKind};
pub use inputs::{Input, TRANSFER_SD_LOG};
pub use output::{Outcome, Output};
pub use sensitivity::{MeasureNext, Narrowed};

use crate::calibrate::{Calibration, Curve};
use crate::cluster::cost::Priced;
use crate::cluster::failures::{Exposed, Outcome as Lost, Plan, Running, SimulatedSpread, simulate};
use crate::cluster::power::{Basis, Phases, Supply};
use crate::error::{Error, Result};
use crate::job::{Layout, Run, Transformer};
use crate::project::catalog::Catalog;
use crate::project::constants::Constants;
use crate::project::machine::Machine;
use crate::project::projection::{Options, Transfer};
use crate::project::sample::{DRAWS, Draws, SEED};
use crate::project::scenario::Forecast;
use crate::project::search::best_layout;
use crate::project::step::{Step, StepModel};
use crate::provenance::Provenance;
use inputs::{
    ACCELERATORS, CHECKPOINT, FABRIC_EFFICIENCY, FABRIC_LATENCY, HARDWARE, OPERATIONS, PACE, PARTS, PRICE, RATED,
    RESTART, SITE, STRUCTURE, Structure, TOKENS, TRANSFER,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use sensitivity::{Stages, Touched};

/// What of the job a draw needs.
#[derive(Debug, Clone, Copy)]
struct Shape {
    model: StepModel,
    /// Model flop of a step.
    flop: f64,
    /// Tokens of a step.
    tokens: f64,
    params: f64,
    /// Share of the computation that the memory bounds, at the medians.
    memory_share: f64,
}

/// A row of inputs as what the parts of the model take.
struct Case {
    machine: Machine,
    constants: Constants,
    transfer: f64,
}

/// What power, energy and cost take from how the job is run.
struct Operated {
    /// Accelerators of the layout.
    used: f64,
    /// Accelerators switched on.
    on: f64,
    /// Seconds of the whole run.
    seconds: f64,
    /// Useful share of them.
    goodput: f64,
}

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
        let mut study = Self::at_medians_alone(catalog, name, calibration, options)?;
        study.progresses().map_err(|e| e.context(format!("scenario `{name}`")))?;
        study.first = Draws::new(&study.inputs, 0);
        let drawn = (0..DRAWS).map(|i| study.evaluate(study.first.row(i), &study.drawn, &study.shape));
        (study.outcomes, study.kept) = drawn.unzip();
        study.probe();
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

    /// Every input, absent ones included.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// A quantity at the medians; `None` where there is no such thing in this scenario.
    pub fn at_medians(&self, output: Output) -> Option<f64> {
        Some(self.central[output as usize]).filter(|x| !x.is_nan())
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
        let (mttf, c) = (self.central[Output::Mttf as usize] * 3600.0, self.central[Output::Checkpoint as usize]);
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

    fn case(&self, row: &[f64], hardware: &[usize]) -> Case {
        let mut machine = Machine {
            fabric_efficiency: row[FABRIC_EFFICIENCY],
            fabric_latency: row[FABRIC_LATENCY],
            ..self.forecast.machine
        };
        for &place in hardware {
            PARTS[place - HARDWARE].1(&mut machine, row[place]);
        }
        machine.derate *= self.pace(row);
        let transfer = if row[TRANSFER].is_nan() { 1.0 } else { row[TRANSFER] };
        Case { machine, constants: inputs::constants(row), transfer }
    }

    /// Rate of each part over its accelerator's as listed; 1 where nothing is stated.
    fn pace_of(&self, row: &[f64], part: usize) -> f64 {
        if row[PACE + part].is_nan() { 1.0 } else { row[PACE + part] }
    }

    /// Rate of the slowest part over that of the slowest accelerator as listed.
    fn pace(&self, row: &[f64]) -> f64 {
        let parts = self.forecast.on_parts.relative.iter().enumerate();
        parts.map(|(i, relative)| relative * self.pace_of(row, i)).reduce(f64::min).unwrap_or(1.0)
    }

    /// What the slowest part costs: the step over that of parts which each did as much of the work as they
    /// are quick, less 1.
    fn parts_cost(&self, row: &[f64], shape: &Shape, case: &Case, step: f64) -> f64 {
        let f = &self.forecast;
        let alone = f.halves.iter().zip(&f.on_parts.each).enumerate().map(|(i, (part, machine))| {
            let machine = Machine {
                fabric_efficiency: case.machine.fabric_efficiency,
                fabric_latency: case.machine.fabric_latency,
                derate: machine.derate * self.pace_of(row, i),
                ..*machine
            };
            part.share / shape.model.time(&machine, &case.constants, case.transfer).total
        });
        let cost = step * alone.sum::<f64>() - 1.0;
        // Parts that are alike differ by rounding alone.
        if cost < 1e-12 { 0.0 } else { cost }
    }

    fn plan(&self, row: &[f64], shape: &Shape, constants: &Constants) -> Plan {
        let running = Running::from_row(&row[OPERATIONS..SITE]);
        let o = &self.forecast.operations;
        let job = Exposed {
            accelerators: self.used(row),
            replicas: f64::from(self.layout.data),
            params: shape.params,
            rate: constants.failure_rate,
            checkpoint: row[CHECKPOINT],
            restart: row[RESTART],
            elastic: o.elastic == Some(true),
            asynchronous: o.asynchronous == Some(true),
        };
        Plan::new(&job, &running)
    }

    /// Accelerators of the layout; what is stated of the count carries over to them.
    fn used(&self, row: &[f64]) -> f64 {
        self.layout.accelerators() as f64 * row[ACCELERATORS] / self.medians[ACCELERATORS]
    }

    /// Everything, from one row of inputs.
    fn outcome(&self, row: &[f64], hardware: &[usize], shape: &Shape) -> Outcome {
        self.evaluate(row, hardware, shape).0
    }

    /// Everything, with the stages on the way to it.
    fn evaluate(&self, row: &[f64], hardware: &[usize], shape: &Shape) -> (Outcome, Stages) {
        let case = self.case(row, hardware);
        let fabric = case.machine.fabric(&case.constants);
        let layer = shape.model.layer(&case.machine, &fabric, &case.constants, case.transfer);
        let step = shape.model.assemble(&layer, &case.machine, &fabric, &case.constants);
        let lost = self.plan(row, shape, &case.constants).outcome();
        let stages = Stages { fabric, layer, step: step.total, lost: lost.goodput.max(1e-9) };
        (self.assemble(row, shape, &case, &step, &lost), stages)
    }

    fn assemble(&self, row: &[f64], shape: &Shape, case: &Case, step: &Step, lost: &Lost) -> Outcome {
        let mut out = [f64::NAN; Output::COUNT];
        let mut put = |output: Output, value: f64| out[output as usize] = value;
        put(Output::StepCompute, step.compute);
        put(Output::StepTensor, step.tensor);
        put(Output::StepExpert, step.expert);
        put(Output::StepBubble, step.bubble);
        put(Output::StepData, step.data);
        put(Output::StepOptimizer, step.optimizer);
        put(Output::StepScale, step.scale);
        put(Output::StepTime, step.total);
        let used = self.used(row);
        let peak = case.machine.peak * self.forecast.on_parts.peak * used;
        put(Output::Peak, peak);
        put(Output::Mfu, shape.flop / (step.total * peak));
        put(Output::TokensPerS, shape.tokens / step.total);
        put(Output::FlopPerS, shape.flop / step.total);
        put(Output::Mttf, lost.mttf / 3600.0);
        put(Output::Checkpoint, lost.checkpoint);
        put(Output::Interval, lost.interval);
        put(Output::Goodput, lost.goodput);
        put(Output::Memory, (shape.model.held().total() + case.constants.reserved_memory) / 1e9);
        let steps = (row[TOKENS] / shape.tokens).ceil();
        put(Output::Steps, steps);
        // No progress is a run that does not end; JSON has no infinity, so the share is cut.
        let seconds = steps * step.total / lost.goodput.max(1e-9);
        put(Output::RunDays, seconds / 86_400.0);
        if self.forecast.halves.len() > 1 {
            put(Output::PartsCost, self.parts_cost(row, shape, case, step.total));
        }
        let on = self.forecast.on * row[ACCELERATORS] / self.medians[ACCELERATORS];
        let operated = Operated { used, on, seconds, goodput: lost.goodput };
        self.economy(row, shape, case, step, &operated, &mut out);
        out
    }

    /// Power, energy, carbon, cost.
    fn economy(&self, row: &[f64], shape: &Shape, case: &Case, step: &Step, operated: &Operated, out: &mut Outcome) {
        let &Operated { used, on, seconds, goodput } = operated;
        let mut put = |output: Output, value: f64| out[output as usize] = value;
        let site = Supply::from_row(&row[SITE..PRICE]);
        let price = Priced::from_row(&row[PRICE..HARDWARE]);
        put(Output::Rent, on * seconds / 3600.0 * price.rent / 1e6);
        let Some((_, basis)) = &self.forecast.rated else { return };
        let rated = row[RATED] * if *basis == Basis::Accelerator { site.box_over_accelerators } else { 1.0 };
        let memory_bound = (step.compute * shape.memory_share + step.optimizer) / step.total;
        let computing = step.compute * (1.0 - shape.memory_share) / step.total;
        let phases = Phases { computing, memory_bound, waiting: (1.0 - computing - memory_bound).max(0.0) };
        let training = site.training(&phases);
        put(Output::NodePower, training * rated * case.machine.node / 1e3);
        // Time that is not useful is mostly spent waiting: for a restart, a replacement, a checkpoint.
        let mean = goodput * training + (1.0 - goodput) * site.waiting;
        let watts = (used * mean + (on - used).max(0.0) * site.idle) * rated * site.overhead();
        put(Output::FacilityPower, watts / 1e6);
        put(Output::FacilityPeak, on * site.laid_out(rated) / 1e6);
        put(Output::Powered, site.power_cap / site.laid_out(rated));
        let joules = watts * seconds;
        let kilowatt_hours = joules / 3.6e6;
        put(Output::Energy, kilowatt_hours / 1e6);
        put(Output::EnergyToken, joules / row[TOKENS]);
        put(Output::EnergyFlop, joules / (shape.flop * row[TOKENS] / shape.tokens) * 1e12);
        put(Output::Carbon, kilowatt_hours * site.carbon / 1e3);
        let own = on * seconds / 3600.0 * price.hour(&site) + kilowatt_hours * site.tariff;
        put(Output::Own, own / 1e6);
    }

    /// Changes each input and notes which quantities change, over some draws of all the others.
    fn probe(&mut self) {
        let hardware: Vec<usize> =
            (HARDWARE..STRUCTURE).filter(|place| self.inputs[*place].provenance.is_some()).collect();
        let f = &self.forecast;
        let constants = inputs::constants(&self.medians);
        let structures = Structure::ALL.map(|what| {
            let (mut job, mut run) = (f.job.clone(), f.run);
            match what {
                Structure::Job => job.layers *= 2,
                Structure::Sequence => run.sequence *= 2.0,
                Structure::Batch => run.batch *= 2.0,
            }
            Shape::new(&job, &run, &self.layout, &f.machine, &constants, self.curve)
        });
        // As they are drawn, and with each input at an end of its range: there other terms bound.
        let mut random = ChaCha8Rng::seed_from_u64(u64::from(SEED));
        let rows: Vec<Vec<f64>> = (0..2 * PROBES)
            .map(|i| {
                let drawn = self.first.row(i * DRAWS / (2 * PROBES));
                let mut end = |(input, x): (&Input, &f64)| {
                    if i % 2 == 1 && input.uncertain() { values(input, *x)[random.random_range(0..2usize)] } else { *x }
                };
                self.inputs.iter().zip(drawn).map(&mut end).collect()
            })
            .collect();
        let plain: Vec<_> = rows.iter().map(|row| self.evaluate(row, &hardware, &self.shape)).collect();
        let probed: Vec<(u64, Touched)> = (0..self.inputs.len())
            .into_par_iter()
            .map(|place| {
                let input = &self.inputs[place];
                let (mut moved, mut touched) = (0, Touched::default());
                if input.provenance.is_none() {
                    return (moved, touched);
                }
                for (row, (before, stages)) in rows.iter().zip(&plain) {
                    let mut note = |(after, stages_after): (Outcome, Stages)| {
                        for (bit, (x, y)) in before.iter().zip(&after).enumerate() {
                            moved |= u64::from(x.to_bits() != y.to_bits()) << bit;
                        }
                        touched.note(stages, &stages_after);
                    };
                    if place >= STRUCTURE {
                        note(self.evaluate(row, &hardware, &structures[place - STRUCTURE]));
                        continue;
                    }
                    let mut changed = row.clone();
                    for value in values(input, row[place]) {
                        changed[place] = value;
                        note(self.evaluate(&changed, &hardware, &self.shape));
                    }
                }
                (moved, touched)
            })
            .collect();
        (self.moved, self.touched) = probed.into_iter().unzip();
    }
}

/// Half of the rows on which inputs are changed one at a time.
const PROBES: usize = 24;

/// Values to try an input at: both ends of its range, or half and twice what is certain.
fn values(input: &Input, value: f64) -> [f64; 2] {
    if input.uncertain() {
        return [0.001, 0.999].map(|u| input.spread.at(input.median, u));
    }
    // What is off is tried on: something small of whatever it is.
    if value == 0.0 { [1e-9, 1e-6] } else { [0.5 * value, 2.0 * value] }
}

impl Shape {
    fn new(
        job: &Transformer,
        run: &Run,
        layout: &Layout,
        machine: &Machine,
        c: &Constants,
        curve: Option<(&Curve, f64)>,
    ) -> Self {
        let model = StepModel::new(job, run, layout, machine, curve);
        // What twice the memory bandwidth would save is half of the time that it bounds.
        let wide = Machine { memory_bandwidth: 2.0 * machine.memory_bandwidth, ..*machine };
        let (plain, fast) = (model.time(machine, c, 1.0).compute, model.time(&wide, c, 1.0).compute);
        Shape {
            model,
            flop: job.step_flop(run),
            tokens: run.batch * run.sequence,
            params: job.params(),
            memory_share: (2.0 * (plain - fast) / plain).clamp(0.0, 1.0),
        }
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
