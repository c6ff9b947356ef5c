//! The quantities of a forecast: their names, units, and what each is made of.

macro_rules! outputs {
    ($($(#[$doc:meta])* $name:ident: $text:literal, $unit:literal, $formula:literal, [$($of:ident),*];)+) => {
        /// A quantity of a forecast.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Output {
            $($(#[$doc])* $name,)+
        }

        impl Output {
            /// Every quantity, in the order of its place in an outcome.
            pub const ALL: &'static [Output] = &[$(Output::$name,)+];

            /// Its name in a projection.
            pub fn name(self) -> &'static str {
                match self { $(Output::$name => $text,)+ }
            }

            /// Its unit.
            pub fn unit(self) -> &'static str {
                match self { $(Output::$name => $unit,)+ }
            }

            /// How it is made.
            pub fn formula(self) -> &'static str {
                match self { $(Output::$name => $formula,)+ }
            }

            /// The quantities in its formula.
            pub fn of(self) -> &'static [Output] {
                match self { $(Output::$name => &[$(Output::$of),*],)+ }
            }
        }
    };
}

outputs! {
    /// Computation of the busiest stage.
    StepCompute: "step.compute", "s", "products, attention, memory-bound operations and host of the busiest stage", [];
    /// Tensor-parallel communication.
    StepTensor: "step.tensor", "s", "tensor-parallel communication that nothing hides", [];
    /// Exchange with experts.
    StepExpert: "step.expert", "s", "exchange with experts that nothing hides", [];
    /// Pipeline bubble.
    StepBubble: "step.bubble", "s", "stages waiting for each other", [];
    /// Replicas.
    StepData: "step.data", "s", "gradients and parameters over the replicas that nothing hides", [];
    /// Optimizer.
    StepOptimizer: "step.optimizer", "s", "optimizer, and what a step costs once", [];
    /// Scale.
    StepScale: "step.scale", "s", "what the scale costs beyond the closed form", [];
    /// One optimizer step.
    StepTime: "step_time", "s", "the sum of its parts",
        [StepCompute, StepTensor, StepExpert, StepBubble, StepData, StepOptimizer, StepScale];
    /// Peak of what is used.
    Peak: "peak_flop_per_s", "flop/s", "accelerators used × peak", [];
    /// Model flop utilisation.
    Mfu: "mfu", "1", "model flop / (step_time × peak_flop_per_s)", [StepTime, Peak];
    /// Tokens per second.
    TokensPerS: "tokens_per_s", "token/s", "batch / step_time", [StepTime];
    /// Achieved rate.
    FlopPerS: "cluster_flop_per_s", "flop/s", "model flop / step_time", [StepTime];
    /// Mean time to failure; no such thing where nothing fails.
    Mttf: "mean_time_to_failure", "h", "1 / Σ rate × count of what fails", [];
    /// Checkpoint cost.
    Checkpoint: "checkpoint_cost", "s", "stated, or bytes of the state / bandwidth", [];
    /// Checkpoint interval.
    Interval: "checkpoint_interval", "s", "the best: 1 − τ/M = e^−(τ+C)/M", [Mttf, Checkpoint];
    /// Goodput.
    Goodput: "goodput", "1", "τ Σ(λⱼ/Λ) e^(−Rⱼ/M) / (M (e^((τ+C)/M) − 1)), less planned stops and absent replicas",
        [Mttf, Interval, Checkpoint];
    /// Memory.
    Memory: "memory_per_accelerator", "GB", "state + activations + logits + reserve", [];
    /// Steps.
    Steps: "steps", "1", "tokens / batch", [];
    /// Days.
    RunDays: "run_days", "day", "steps × step_time / goodput", [Steps, StepTime, Goodput];
    /// What differing parts cost.
    PartsCost: "slower_part_cost", "1", "step at the slowest part's pace × Σ share of a part / its own step − 1", [];
    /// Accelerators that fit under the cap.
    Powered: "accelerators_powered", "accelerator", "power cap / (rated × highest × network and storage × PUE)", [];
    /// Power of a box.
    NodePower: "node_power", "kW", "rated × Σ share of the step × share of the rated power", [StepTime];
    /// Power of the facility.
    FacilityPower: "facility_power", "MW", "(boxes at work and waiting + idle ones) × (1 + network + storage) × PUE",
        [NodePower, Goodput];
    /// What must be laid out.
    FacilityPeak: "facility_peak_power", "MW", "boxes × rated × highest × (1 + network + storage) × PUE", [];
    /// Energy.
    Energy: "energy", "GWh", "facility_power × run_days", [FacilityPower, RunDays];
    /// Energy per token.
    EnergyToken: "energy_per_token", "J", "energy / tokens", [Energy];
    /// Energy per useful flop.
    EnergyFlop: "energy_per_flop", "pJ", "energy / model flop", [Energy];
    /// Carbon.
    Carbon: "carbon", "t", "energy × carbon intensity", [Energy];
    /// Rented.
    Rent: "cost_rent", "MUSD", "accelerators × run_days × rent", [RunDays];
    /// Owned.
    Own: "cost_own", "MUSD", "accelerators × run_days × (capex / life + upkeep) / utilisation + energy × tariff",
        [RunDays, Energy];
}

impl Output {
    /// How many there are.
    pub const COUNT: usize = Output::ALL.len();

    /// The quantity of that name.
    pub fn named(name: &str) -> Option<Output> {
        Output::ALL.iter().copied().find(|o| o.name() == name)
    }

    /// Whether it is a part of the step, which a projection lists apart.
    pub fn part_of_step(self) -> bool {
        self < Output::StepTime
    }
}

/// All quantities of one draw, by place; NaN where there is no such thing.
pub type Outcome = [f64; Output::COUNT];
