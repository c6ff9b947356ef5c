//! One case from request to record: prove it, warm it up, time it, prove what was timed.

use super::cutting;
use super::effort::Effort;
use super::energy::{Energy, Meter};
use super::figure::derive;
use super::overhead::ByKernel;
use super::record::{AdapterIdentity, Missing, Record, SCHEMA, Samples, Spent};
use super::sentinel::{CASE_SLOT, Guarded, Ready};
use super::suite::Request;
use super::timing::{Halt, Stage, Timer, Watch, ask};
use super::witness::prove_each;
use super::{Executor, Step};
use crate::kernel::{Operands, Proof, Shape, prove};
use crate::units::duration;

/// Speeds seen so far in a run, to tell before a case how long it will take.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    /// Whether it is of a CPU-type adapter.
    software: bool,
    seen: Vec<Seen>,
    /// By elements of A, B and C.
    overheads: ByKernel,
}

#[derive(Debug, Clone)]
struct Seen {
    kernel: String,
    shape: Shape,
    seconds: f64,
}

impl Seen {
    /// Seconds per flop.
    fn pace(&self) -> f64 {
        self.seconds / self.shape.flop()
    }
}

/// A shape tells the time of one with at most this many times its work: a tiny one is all overhead.
const REACH: f64 = 100.0;

/// The same on a CPU-type adapter for a shape of at least so many flop: of the quickest kernel on lavapipe they take 0.1 ms, and a
/// launch 0.05 (`record/2026-11-27-lavapipe`), so that the guess is too long by half at most.
const REACH_SOFTWARE: f64 = 1e4;
const MOSTLY_WORK: f64 = 1e7;

/// Seconds per element of A, B and C that making operands and proving take before any was seen: a few
/// times what a desktop takes, so that the first large case does not overrun a budget.
const PROOF_S: f64 = 5e-7;

impl Pace {
    /// Of an adapter of which nothing was seen yet.
    pub fn of(adapter: &AdapterIdentity) -> Pace {
        Pace { software: adapter.software, ..Pace::default() }
    }

    fn note(&mut self, kernel: &str, shape: Shape, seconds: f64) {
        self.seen.push(Seen { kernel: kernel.to_string(), shape, seconds });
    }

    fn note_overhead(&mut self, request: &Request, seconds: f64) {
        self.overheads.note(&request.kernel.sha256, elements(request.shape), seconds);
    }

    /// Seconds that one product will take: what it last took, else by the best rate seen of that kernel on a shape
    /// within reach; `None` where there is none.
    pub fn predict(&self, kernel: &str, shape: Shape) -> Option<f64> {
        let own = || self.seen.iter().filter(|s| s.kernel == kernel);
        if let Some(same) = own().rfind(|s| s.shape == shape) {
            return Some(same.seconds);
        }
        let reach = |s: &Seen| if self.software && s.shape.flop() >= MOSTLY_WORK { REACH_SOFTWARE } else { REACH };
        let near = own().filter(|s| s.shape.flop() * reach(s) >= shape.flop());
        near.map(|s| shape.flop() * s.pace()).min_by(f64::total_cmp)
    }

    /// Seconds per flop of that kernel at its best; `None` where nothing of it was seen.
    pub fn best(&self, kernel: &str) -> Option<f64> {
        self.seen.iter().filter(|s| s.kernel == kernel).map(Seen::pace).min_by(f64::total_cmp)
    }

    /// The same as [`Pace::predict`] where nothing of that kernel within reach was seen: by its largest shape, else by the
    /// slowest rate that any kernel had on any shape. Far too long rather than too short: a small shape is slow for its work.
    pub fn guess(&self, kernel: &str, shape: Shape) -> Option<f64> {
        let flop = |s: &&Seen| s.shape.flop();
        let own = self.seen.iter().filter(|s| s.kernel == kernel).max_by(|a, b| flop(a).total_cmp(&flop(b)));
        let slowest = || self.seen.iter().max_by(|a, b| a.pace().total_cmp(&b.pace()));
        own.or_else(slowest).map(|seen| shape.flop() * seen.pace())
    }

    /// Seconds that compiling, making operands and proving a case will take beside its timing.
    pub fn overhead(&self, request: &Request) -> f64 {
        self.overheads.predict(&request.kernel.sha256, elements(request.shape), PROOF_S)
    }
}

fn elements(shape: Shape) -> f64 {
    shape.elements().iter().map(|&n| n as f64).sum()
}

/// Measures one case. Never fails as a whole: what went wrong is in the record. `None` where `watch` ended
/// it before it was done.
pub fn measure(
    executor: &mut dyn Executor,
    request: &Request,
    effort: &Effort,
    pace: &mut Pace,
    watch: &mut Watch,
) -> Option<Record> {
    let kernel = &request.kernel;
    let mut run = Run { executor, request, effort, pace, watch, spent: Spent::default(), energy: None };
    let outcome = run.attempt();
    let (spent, energy) = (run.spent, run.energy);
    let mut record = blank(executor, request);
    (record.spent, record.energy) = (Some(spent), energy);
    match outcome {
        Ok((proof, samples)) => {
            (record.proof, record.samples) = (Some(proof), samples);
            let derived = derive(&record);
            if let Some(figure) = &derived.figure {
                pace.note(kernel.family.name(), request.shape, figure.seconds.median);
            }
            pace.note_overhead(request, spent.setup_s + spent.proof_s);
            (record.figure, record.verdict, record.reasons) = (derived.figure, derived.verdict, derived.reasons);
        }
        Err(Halt::Stopped) => return None,
        Err(Halt::Missing(missing)) => {
            record.reasons.push(missing.reason());
            record.missing = Some(missing);
        }
    }
    Some(record)
}

/// The row of a case that there was no time for.
pub fn left_out(executor: &dyn Executor, request: &Request, reason: String) -> Record {
    let missing = Missing::Skipped { reason };
    Record { reasons: vec![missing.reason()], missing: Some(missing), ..blank(executor, request) }
}

/// A record of nothing yet.
fn blank(executor: &dyn Executor, request: &Request) -> Record {
    Record {
        schema: SCHEMA.into(),
        tool: executor.tool(),
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        adapter: executor.adapter().clone(),
        case: request.case(),
        tuned: request.tuned.clone(),
        spent: None,
        energy: None,
        missing: None,
        proof: None,
        samples: None,
        bounds: request.bounds.clone(),
        figure: None,
        verdict: super::record::Verdict::Invalid,
        reasons: Vec::new(),
    }
}

struct Run<'a, 'w> {
    executor: &'a mut dyn Executor,
    request: &'a Request,
    effort: &'a Effort,
    pace: &'a mut Pace,
    watch: &'a mut Watch<'w>,
    spent: Spent,
    energy: Option<Energy>,
}

impl Run<'_, '_> {
    fn attempt(&mut self) -> Result<(Proof, Option<Samples>), Halt> {
        let shape = self.request.shape;
        ask(self.watch, Stage::Proving)?;
        let begin = self.seconds();
        self.executor.select(CASE_SLOT);
        self.executor.prepare(&self.request.kernel, shape, self.request.settings)?;
        self.spent.setup_s = self.seconds() - begin;
        if let Some(each) = self.pace.predict(self.request.kernel.family.name(), shape)
            && let Err(least) = self.effort.fits(each)
        {
            let reason =
                format!("about {} at the rate seen; the case has {}", duration(least), duration(self.effort.case_s));
            return Err(Missing::Skipped { reason }.into());
        }
        // What the sentinel lacks is told only after the case's own proof, which says more.
        let sentinel = Ready::on(self.executor, self.effort.submission_s);
        let mut cut = 1;
        if let Ok(sentinel) = &sentinel {
            // The slowest kernel there is on a small shape: the first dispatch stays below what is allowed.
            cut = cutting::carefully(self.executor, shape.flop(), sentinel.flop_per_s())?;
        }

        // Truth first, on operands whose product is exact: a wrong kernel is never timed.
        let begin = self.seconds();
        let proof = self.prove_exact()?;
        ask(self.watch, Stage::Proving)?;
        self.spent.proof_s = self.seconds() - begin;
        if !proof.passed {
            return Ok((proof, None));
        }
        let begin = self.seconds();
        self.executor.keep_decoy()?;
        let operands = Operands::of_class(shape, self.request.kernel.precision, self.request.data, self.request.seed);
        self.executor.load(&operands)?;
        self.spent.proof_s += self.seconds() - begin;

        let begin = self.seconds();
        let mut device = Guarded { executor: self.executor, ready: sentinel? };
        let mut timer = Timer::start(&device, self.effort);
        let first = timer.lap(&mut device, 1)?;
        // Now that its own time is known: as few parts as stay below the watchdog.
        let lap = &mut |executor: &mut dyn Executor| timer.lap(executor, 1);
        let (cut, first) = cutting::coarsely(device.executor, cut, first, lap)?;
        let first = timer.again(&mut device, first)?;
        // Known from now on, whether or not the rounds fit: the next shape of this kernel is not tried blind.
        self.pace.note(self.request.kernel.family.name(), shape, first);
        timer.fits(first)?;
        let (started, from) = (device.executor.meter().map(Meter::start), device.executor.now_ns());
        let samples = timer.run(&mut device, first, cut, self.watch)?;
        let seconds = (device.executor.now_ns() - from) as f64 * 1e-9;
        self.energy = device.executor.meter().zip(started).map(|(meter, started)| meter.since(started, seconds));
        self.spent.timing_s = self.seconds() - begin;

        // The last timed submission began on a poisoned buffer: what is in it now is its work.
        let begin = self.seconds();
        let output = self.executor.read()?;
        let mut proof = prove(&operands, &output, self.request.kernel.precision, self.request.seed);
        if proof.passed {
            // Any of its dispatches could have left that: now each is seen at its work.
            let longest = samples.submissions.iter().map(|s| s.dispatches).max().unwrap_or(1);
            let (precision, seed) = (self.request.kernel.precision, self.request.seed);
            proof = prove_each(self.executor, &operands, precision, seed, longest, proof)?;
        }
        self.spent.proof_s += self.seconds() - begin;
        Ok((proof, Some(samples)))
    }

    fn prove_exact(&mut self) -> Step<Proof> {
        let Request { kernel, shape, seed, .. } = self.request;
        let operands = Operands::exact(*shape, kernel.precision, *seed);
        self.executor.load(&operands)?;
        self.executor.poison()?;
        self.executor.submit(1)?;
        let output = self.executor.read()?;
        Ok(prove(&operands, &output, kernel.precision, *seed))
    }

    fn seconds(&self) -> f64 {
        self.executor.now_ns() as f64 * 1e-9
    }
}

#[cfg(test)]
mod tests;
