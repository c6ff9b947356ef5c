//! How a cluster is run: what fails how often, what stands by, how state is saved.

use super::super::site::BOX;
use super::pool::{Pool, Taking};
use crate::sourced::knobs;
use crate::units::{Accelerators, Bandwidth, BytesPerElement, EventRate, Ratio, Spares, Time};

knobs! {
    /// Failures, spares, checkpoints and maintenance. What a scenario leaves out is taken from
    /// `[operations.usual]`; what that leaves out too does not happen.
    Operations, plain Running {
        /// Of the published failures, those that take out one accelerator (its box is exchanged).
        accelerator_share: Ratio,
        /// Those that take out another part of a box.
        node_share: Ratio,
        /// Those of a switch or cable; what is left of them is software, and takes nothing out.
        switch_share: Ratio,
        /// Accelerators behind one switch.
        switch_span: Accelerators,
        /// Accelerators in one rack.
        rack_size: Accelerators,
        /// Failures of a whole rack, each.
        rack_failures: EventRate,
        /// Failures of the whole site.
        site_failures: EventRate,
        /// How long the site is down then.
        site_outage: Time,
        /// Failures that a job has whatever its size, beyond those of its boxes.
        job_failures: EventRate,
        /// From a failure to its discovery, where `restart` does not hold it.
        detection: Time,
        /// Accelerators that stand by to replace what failed; where it is absent a replacement is
        /// always at hand, as where the restart was observed.
        spares: Spares,
        /// From a box's failure to its return.
        repair: Time,
        /// With elastic replicas: what every failure costs all of them.
        hiccup: Time,
        /// Bytes of a checkpoint per parameter.
        checkpoint_bytes: BytesPerElement,
        /// Bandwidth of the storage for the whole job.
        storage_bandwidth: Bandwidth,
        /// Bandwidth of an accelerator to its host's memory, for asynchronous checkpoints.
        host_bandwidth: Bandwidth,
        /// Useful work between checkpoints; the best where absent.
        interval: Time,
        /// Planned stops of the whole job.
        maintenance: EventRate,
        /// Silent corruptions per accelerator that are noticed later.
        corruption: EventRate,
        /// Work that one of them undoes.
        corruption_rollback: Time,
    }
    flags {
        /// Whether a failed replica drops out while the others continue.
        elastic,
        /// Whether checkpoints are copied to host memory and written behind the training.
        asynchronous,
    }
}

/// What stops a job: a kind of failure with its rate and what each costs beyond the lost work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Which part fails.
    pub name: &'static str,
    /// Failures per second of the whole job.
    pub rate: f64,
    /// Seconds from a failure to the next useful step, once every box of the job has a replacement.
    pub restart: f64,
    /// Boxes that each takes out until they are repaired.
    pub boxes: f64,
}

/// Kinds of failures that are told apart.
pub const CLASSES: usize = 7;

/// What a job is to its failures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposed {
    /// Accelerators at work.
    pub accelerators: f64,
    /// Replicas that could go on without one another.
    pub replicas: f64,
    /// Parameters of the model.
    pub params: f64,
    /// Failures per box of eight and second, as published.
    pub rate: f64,
    /// Stated cost of a checkpoint, seconds; NaN where it follows from the storage.
    pub checkpoint: f64,
    /// Seconds from a noticed failure to the next useful step with a replacement at hand.
    pub restart: f64,
    /// Whether a failed replica drops out while the others continue.
    pub elastic: bool,
    /// Whether checkpoints are written behind the training.
    pub asynchronous: bool,
}

/// `x`, or `other` where it is absent.
fn or(x: f64, other: f64) -> f64 {
    if x.is_nan() { other } else { x }
}

/// Everything about failures and checkpoints that the closed form and the simulation need.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Kinds of failures that stop the whole job.
    pub classes: [Class; CLASSES],
    /// Exposed cost of a checkpoint, seconds.
    pub checkpoint: f64,
    /// Least interval: a checkpoint must be written before the next, seconds.
    pub least_interval: f64,
    /// Stated interval, NaN where the best is taken.
    pub interval: f64,
    /// Planned stops per second.
    pub maintenance: f64,
    /// What each costs, seconds.
    pub maintenance_cost: f64,
    /// Failures per second of one replica that drops out alone; 0 where the job is not elastic.
    pub replica_rate: f64,
    /// Seconds until it is back, once there is a box for it.
    pub replica_restart: f64,
    /// Replicas.
    pub replicas: f64,
    /// What each of its failures costs all of them, seconds.
    pub hiccup: f64,
    /// Boxes that stand by.
    pub pool: Pool,
}

impl Plan {
    /// The plan of a job under a way to run a cluster.
    pub fn new(job: &Exposed, o: &Running) -> Self {
        let n = job.accelerators;
        let published = job.rate * n / BOX;
        let shares = [o.accelerator_share, o.node_share, o.switch_share].map(|s| or(s, 0.0));
        let [accelerator, node, switch] = shares.map(|s| s * published);
        let software = (1.0 - shares.iter().sum::<f64>()).max(0.0) * published + or(o.job_failures, 0.0);
        let rack_size = or(o.rack_size, BOX).max(1.0);
        let rack = or(o.rack_failures, 0.0) * (n / rack_size).ceil();
        let site = or(o.site_failures, 0.0);
        let corruption = or(o.corruption, 0.0) * n;

        let bytes = or(o.checkpoint_bytes, 0.0) * job.params;
        let drain = bytes / o.storage_bandwidth;
        let (checkpoint, least_interval, behind) = match (job.checkpoint.is_nan(), job.asynchronous) {
            (false, _) => (job.checkpoint, 0.0, 0.0),
            (true, false) => (drain, 0.0, 0.0),
            // What fails takes its host's memory with it: the work since the last one written is lost too.
            (true, true) => (bytes / n / o.host_bandwidth, drain, drain),
        };

        let restart = or(o.detection, 0.0) + job.restart;
        let boxes = |accelerators: f64| (accelerators / BOX).ceil().max(1.0);
        let (rack_boxes, switch_boxes) = (boxes(rack_size), boxes(or(o.switch_span, BOX)));
        let class = |name, rate, restart, boxes| Class { name, rate, restart, boxes };
        let one = restart + behind;
        let elastic = job.elastic && job.replicas > 1.0;
        let alone = if elastic { 0.0 } else { 1.0 };
        Plan {
            classes: [
                class("accelerator", alone * accelerator, one, 1.0),
                class("node", alone * node, one, 1.0),
                class("rack", rack, restart + behind, rack_boxes),
                class("switch", switch, restart, switch_boxes),
                class("site", site, restart + or(o.site_outage, 0.0) + behind, 0.0),
                class("software", software, restart, 0.0),
                class("corruption", corruption, restart + or(o.corruption_rollback, 0.0), 0.0),
            ],
            checkpoint,
            least_interval,
            interval: o.interval,
            maintenance: or(o.maintenance, 0.0),
            maintenance_cost: checkpoint + job.restart,
            replica_rate: if elastic { (accelerator + node) / job.replicas } else { 0.0 },
            replica_restart: restart,
            replicas: job.replicas,
            hiccup: or(o.hiccup, 0.0),
            pool: Pool { spares: o.spares / BOX, repair: or(o.repair, 0.0) },
        }
    }

    /// What takes boxes out and stops the whole job; single boxes of elastic replicas are apart.
    pub fn takes(&self) -> [Taking; CLASSES] {
        self.classes.map(|c| Taking { rate: if c.boxes > 0.0 { c.rate } else { 0.0 }, boxes: c.boxes })
    }

    /// Whether replicas drop out one by one.
    pub fn elastic(&self) -> bool {
        self.replica_rate > 0.0
    }

    /// Mean time between failures that stop the whole job, seconds.
    pub fn mean_time(&self) -> f64 {
        1.0 / self.classes.iter().map(|c| c.rate).sum::<f64>()
    }
}
