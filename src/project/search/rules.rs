//! What a search may choose from, and what it is to find.

use crate::cluster::failures::{Exposed, Plan, Running};
use crate::job::{Layout, Recompute};

/// Which layouts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Every one that can run: any divisor, any number of stages and interleaved parts, zero-bubble
    /// schedules, offload, rings or all-to-alls over a sequence, state sharded over all replicas or over
    /// those of one scale-up domain.
    Full,
    /// What people run: powers of two as tensor ranks and microbatches, stages that come out even or
    /// are a power of two, nothing or everything recomputed, optimizer or everything sharded. What has
    /// no published timing behind it (zero-bubble, offload, Ulysses, HSDP) is not among them.
    Common,
}

/// What the best layout has the least of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Objective {
    /// Seconds of a step per sequence: rests on no assumption about failures, power or prices.
    #[default]
    Step,
    /// Days per token: the step over the useful share of the time.
    Days,
    /// Joules per token of the accelerators in use, lost time at the power of waiting.
    Energy,
    /// Rent per token of the accelerators in use.
    Cost,
}

impl Objective {
    /// Every objective with its name.
    pub const ALL: [(Objective, &'static str); 4] = [
        (Objective::Step, "step"),
        (Objective::Days, "days"),
        (Objective::Energy, "energy"),
        (Objective::Cost, "cost"),
    ];

    /// The name as typed.
    pub fn as_str(self) -> &'static str {
        Objective::ALL.iter().find(|(o, _)| *o == self).map_or("", |(_, name)| name)
    }
}

/// What a search may choose from, beside what memory and divisibility leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Which layouts are looked at.
    pub space: Space,
    /// What the best has the least of.
    pub objective: Objective,
    /// Most tensor ranks; they stay inside a scale-up domain in any case.
    pub max_tensor: u32,
    /// Most pipeline stages.
    pub max_pipeline: u32,
    /// Most ranks that share a sequence.
    pub max_context: u32,
    /// Most ranks that share the experts of a layer.
    pub max_expert: u32,
    /// Largest microbatch.
    pub max_micro_batch: u32,
    /// The only way to recompute.
    pub recompute: Option<Recompute>,
    /// The only stage of sharding.
    pub zero: Option<u8>,
    /// Whether tensor ranks and experts stay inside a box.
    pub node_limited: bool,
    /// Whether every accelerator has to be used.
    pub use_all: bool,
    /// Whether nothing is kept in the host's memory.
    pub no_offload: bool,
    /// Whether zero-bubble schedules are left out.
    pub no_zero_bubble: bool,
    /// Whether a sequence is shared by a ring alone, and state is sharded over all replicas alone.
    pub plain: bool,
    /// What an accelerator draws.
    pub power: Power,
    /// What stops a job; nothing does where it is not said.
    pub losses: Option<Losses>,
    /// Rent per accelerator and hour.
    pub rent: Option<f64>,
}

impl Rules {
    /// No rule beyond the space.
    pub fn free(space: Space) -> Self {
        Rules {
            space,
            objective: Objective::Step,
            max_tensor: u32::MAX,
            max_pipeline: u32::MAX,
            max_context: u32::MAX,
            max_expert: u32::MAX,
            max_micro_batch: u32::MAX,
            recompute: None,
            zero: None,
            node_limited: false,
            use_all: false,
            no_offload: false,
            no_zero_bubble: false,
            plain: false,
            power: Power::default(),
            losses: None,
            rent: None,
        }
    }
}

/// What an accelerator draws with its share of the box: rated watts, and the shares of them while it
/// computes and while it waits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Rated watts of the box over its accelerators.
    pub rated: f64,
    /// Share of them while products, attention and memory-bound operations run.
    pub computing: f64,
    /// Share of them while it waits for others or the network.
    pub waiting: f64,
}

impl Default for Power {
    /// Shares as boxes of H100 and B200 were measured to draw (MLPerf power logs); rated power 1 W, for
    /// searches in which only the order counts.
    fn default() -> Self {
        Power { rated: 1.0, computing: 0.767, waiting: 0.46 }
    }
}

/// What stops a job, at the medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// How the cluster is run.
    pub running: Running,
    /// Parameters of the job.
    pub params: f64,
    /// Failures per box of eight and second.
    pub rate: f64,
    /// Exposed cost of a checkpoint, seconds.
    pub checkpoint: f64,
    /// From a failure to the next useful step, seconds.
    pub restart: f64,
}

impl Losses {
    /// Useful share of the time of a layout that runs for long.
    pub fn goodput(&self, layout: &Layout) -> f64 {
        let job = Exposed {
            accelerators: layout.accelerators() as f64,
            replicas: f64::from(layout.data),
            params: self.params,
            rate: self.rate,
            checkpoint: self.checkpoint,
            restart: self.restart,
            elastic: false,
            asynchronous: false,
        };
        Plan::new(&job, &self.running).outcome().goodput.max(1e-9)
    }
}
