//! One row of inputs as every quantity of the forecast.

use super::inputs::{
    self, ACCELERATORS, CHECKPOINT, FABRIC_EFFICIENCY, FABRIC_LATENCY, HARDWARE, MEASURED_FABRIC, OPERATIONS, PACE,
    PARTS, PRICE, RATED, RESTART, SITE, TOKENS, TRANSFER,
};
use super::{Outcome, Output, Study};
use crate::calibrate::Curve;
use crate::cluster::Fabric;
use crate::cluster::cost::Priced;
use crate::cluster::failures::{Exposed, Outcome as Lost, Plan, Running};
use crate::cluster::power::{Basis, Phases, Supply};
use crate::job::{Layout, Run, Transformer};
use crate::project::constants::Constants;
use crate::project::machine::Machine;
use crate::project::step::{Layer, Step, StepModel};

/// What of the job a draw needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) model: StepModel,
    /// Model flop of a step.
    pub(super) flop: f64,
    /// Tokens of a step.
    pub(super) tokens: f64,
    pub(super) params: f64,
    /// Share of the computation that the memory bounds, at the medians.
    pub(super) memory_share: f64,
}

/// The stages of one draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stages {
    pub(super) fabric: Fabric,
    pub(super) layer: Layer,
    pub(super) step: f64,
    pub(super) lost: f64,
}

/// A row of inputs as what the parts of the model take.
pub(super) struct Case {
    pub(super) machine: Machine,
    pub(super) constants: Constants,
    pub(super) transfer: f64,
}

/// What power, energy and cost take from how the job is run.
pub(super) struct Operated {
    /// Accelerators of the layout.
    pub(super) used: f64,
    /// Accelerators switched on.
    pub(super) on: f64,
    /// Seconds of the whole run.
    pub(super) seconds: f64,
    /// Useful share of them.
    pub(super) goodput: f64,
}

impl Study<'_> {
    pub(super) fn case(&self, row: &[f64], hardware: &[usize]) -> Case {
        let mut machine = Machine {
            fabric_efficiency: row[FABRIC_EFFICIENCY],
            fabric_latency: row[FABRIC_LATENCY],
            ..self.forecast.machine
        };
        for &place in hardware {
            PARTS[place - HARDWARE].1(&mut machine, row[place]);
        }
        machine.derate *= self.pace(row);
        if let Some(measured) = &mut machine.measured {
            measured.slower = row[MEASURED_FABRIC];
        }
        let transfer = if row[TRANSFER].is_nan() { 1.0 } else { row[TRANSFER] };
        Case { machine, constants: inputs::constants(row), transfer }
    }

    /// Rate of each part over its accelerator's as listed; 1 where nothing is stated.
    pub(super) fn pace_of(&self, row: &[f64], part: usize) -> f64 {
        if row[PACE + part].is_nan() { 1.0 } else { row[PACE + part] }
    }

    /// Rate of the slowest part over that of the slowest accelerator as listed.
    pub(super) fn pace(&self, row: &[f64]) -> f64 {
        let parts = self.forecast.on_parts.relative.iter().enumerate();
        parts.map(|(i, relative)| relative * self.pace_of(row, i)).reduce(f64::min).unwrap_or(1.0)
    }

    /// What the slowest part costs: the step over that of parts which each did as much of the work as they
    /// are quick, less 1. Whatever a draw has of the hardware over its median, each part has over its own: what is
    /// off in all of them alike is no cost of the slowest.
    fn parts_cost(&self, row: &[f64], hardware: &[usize], shape: &Shape, case: &Case, step: f64) -> f64 {
        let f = &self.forecast;
        let alone = f.halves.iter().zip(&f.on_parts.each).enumerate().map(|(i, (part, machine))| {
            let mut machine = Machine {
                fabric_efficiency: case.machine.fabric_efficiency,
                fabric_latency: case.machine.fabric_latency,
                measured: case.machine.measured,
                ..*machine
            };
            for &place in hardware {
                let (_, set, get) = PARTS[place - HARDWARE];
                let drawn = get(&machine) * row[place] / self.medians[place];
                // A part may lack what the slowest has, a best product for one.
                if !drawn.is_nan() {
                    set(&mut machine, drawn);
                }
            }
            machine.derate *= self.pace_of(row, i);
            part.share / shape.model.time(&machine, &case.constants, case.transfer).total
        });
        let cost = step * alone.sum::<f64>() - 1.0;
        // Parts that are alike differ by rounding alone.
        if cost < 1e-12 { 0.0 } else { cost }
    }

    pub(super) fn plan(&self, row: &[f64], shape: &Shape, constants: &Constants) -> Plan {
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
    pub(super) fn used(&self, row: &[f64]) -> f64 {
        self.layout.accelerators() as f64 * row[ACCELERATORS] / self.medians[ACCELERATORS]
    }

    /// Everything, from one row of inputs.
    pub(super) fn outcome(&self, row: &[f64], hardware: &[usize], shape: &Shape) -> Outcome {
        self.evaluate(row, hardware, shape).0
    }

    /// Everything, with the stages on the way to it.
    pub(super) fn evaluate(&self, row: &[f64], hardware: &[usize], shape: &Shape) -> (Outcome, Stages) {
        let case = self.case(row, hardware);
        let fabric = case.machine.fabric(&case.constants);
        let layer = shape.model.layer(&case.machine, &fabric, &case.constants, case.transfer);
        let step = shape.model.assemble(&layer, &case.machine, &fabric, &case.constants);
        let lost = self.plan(row, shape, &case.constants).outcome();
        let stages = Stages { fabric, layer, step: step.total, lost: lost.goodput.max(1e-9) };
        (self.assemble(row, hardware, shape, &case, &step, &lost), stages)
    }

    fn assemble(
        &self,
        row: &[f64],
        hardware: &[usize],
        shape: &Shape,
        case: &Case,
        step: &Step,
        lost: &Lost,
    ) -> Outcome {
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
        // Where nothing fails there is no such time; JSON has no infinity either.
        put(Output::Mttf, if lost.mttf.is_finite() { lost.mttf / 3600.0 } else { f64::NAN });
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
            put(Output::PartsCost, self.parts_cost(row, hardware, shape, case, step.total));
        }
        let on = self.forecast.on * row[ACCELERATORS] / self.medians[ACCELERATORS];
        let operated = Operated { used, on, seconds, goodput: lost.goodput };
        self.economy(row, shape, case, step, &operated, &mut out);
        out
    }

    /// Power, energy, carbon, cost.
    pub(super) fn economy(
        &self,
        row: &[f64],
        shape: &Shape,
        case: &Case,
        step: &Step,
        operated: &Operated,
        out: &mut Outcome,
    ) {
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
}

impl Shape {
    pub(super) fn new(
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
