//! What each part of a projection rests on.

use crate::calibrate::Calibration;
use crate::project::equivalents::Equivalents;
use crate::project::scenario::Forecast;
use crate::provenance::Provenance;

/// What the parts of a projection rest on.
pub(super) struct Rests {
    pub job: Provenance,
    pub memory: Provenance,
    pub step: Provenance,
    pub failures: Provenance,
    pub goodput: Provenance,
    pub peak: Provenance,
    pub tokens: Provenance,
}

impl Rests {
    /// The provenances of a forecast; `calibration` is the one whose curve carries over.
    pub fn new(forecast: &Forecast, calibration: Option<&Calibration>) -> Self {
        let f = forecast;
        let join = |stamps: &[Provenance]| {
            let (head, tail) = stamps.split_at(1);
            tail.iter().fold(head[0].clone(), |all, one| all.join(one))
        };
        let s = f.scenario;
        let job = join(&[f.job.provenance.provenance(), s.batch.provenance(), s.sequence.provenance()]);
        let count = s.accelerators.as_ref().unwrap_or(&f.cluster.accelerators).provenance();
        let peak = f.accelerator.peak.get(&s.format).map_or_else(|| job.clone(), |v| v.provenance()).join(&count);
        let mut step = join(&[
            job.clone(),
            peak.clone(),
            f.accelerator.memory_bandwidth.provenance(),
            f.node.scale_out.provenance(),
            f.node.scale_up_domain.provenance(),
            f.fabric.efficiency.provenance(),
            f.fabric.latency.provenance(),
        ]);
        if let Some(v) = f.surface {
            step = step.join(&v.rate.provenance());
        }
        if let Some(v) = &f.accelerator.derate {
            step = step.join(&v.provenance());
        }
        if let Some(v) = f.accelerator.achieved.get(&s.format) {
            step = step.join(&v.provenance());
        }
        if let Some(v) = &f.accelerator.scale_up {
            step = step.join(&v.provenance());
        }
        let mut rate = None;
        let mut reserved = None;
        for entry in f.constants.entries() {
            match entry.name {
                "failure_rate" => rate = Some(entry.stamp.provenance()),
                "reserved_memory" => reserved = Some(entry.stamp.provenance()),
                _ => step = step.join(&entry.stamp.provenance()),
            }
        }
        if let Some(c) = calibration {
            let e = Equivalents::new(c, None);
            step = step.join(&e.provenance);
        }
        let rate = s.failure_rate.as_ref().map(|v| v.provenance()).or(rate).unwrap_or_else(|| job.clone());
        let failures = join(&[rate, count, f.node.accelerators.provenance()]);
        let goodput = join(&[failures.clone(), s.checkpoint.provenance(), s.restart.provenance()]);
        let memory = join(&[job.clone(), f.accelerator.memory.provenance(), reserved.unwrap_or_else(|| job.clone())]);
        Rests { job, memory, step, failures, goodput, peak, tokens: s.tokens.provenance() }
    }
}
