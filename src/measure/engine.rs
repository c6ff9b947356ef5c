//! One case from request to record: prove it, warm it up, time it, prove what was timed.

use super::effort::{Effort, FIRST_DISPATCH_FLOP, WATCHDOG_S};
use super::figure::derive;
use super::record::{Missing, Record, SCHEMA, Samples, Spent};
use super::suite::Request;
use super::timing::{Halt, Stage, Timer, Watch, ask};
use super::{Executor, Step};
use crate::kernel::{Case, Operands, Proof, Shape, prove};

/// Speeds seen so far in a run, to tell before a case how long it will take.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    seen: Vec<Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    kernel: String,
    flop: f64,
    seconds: f64,
}

/// A shape tells the time of one with at most this many times its work: a tiny one is all overhead.
const REACH: f64 = 100.0;

impl Pace {
    fn note(&mut self, kernel: &str, flop: f64, seconds: f64) {
        self.seen.push(Seen { kernel: kernel.to_string(), flop, seconds });
    }

    /// Seconds that one product will take, by the best rate seen of that kernel on a shape within
    /// reach; `None` where there is none.
    fn predict(&self, kernel: &str, shape: Shape) -> Option<f64> {
        let flop = shape.flop();
        let near = self.seen.iter().filter(|s| s.kernel == kernel && s.flop * REACH >= flop);
        near.map(|s| flop * s.seconds / s.flop).min_by(f64::total_cmp)
    }
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
    let case = Case {
        kernel: kernel.family.name().into(),
        tiling: kernel.tiling.to_string(),
        precision: kernel.precision,
        shape: request.shape,
        settings: request.settings,
        data: request.data,
        seed: request.seed,
        wgsl_sha256: kernel.sha256.clone(),
    };
    let mut run = Run { executor, request, effort, pace, watch, spent: Spent::default() };
    let outcome = run.attempt();
    let spent = run.spent;
    let mut record = Record {
        schema: SCHEMA.into(),
        tool: executor.tool(),
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        adapter: executor.adapter().clone(),
        case,
        tuned: request.tuned.clone(),
        spent: Some(spent),
        missing: None,
        proof: None,
        samples: None,
        figure: None,
        verdict: super::record::Verdict::Invalid,
        reasons: Vec::new(),
    };
    match outcome {
        Ok((proof, samples)) => {
            let derived = derive(&record.adapter, request.shape.flop(), &proof, samples.as_ref());
            if let Some(figure) = &derived.figure {
                pace.note(kernel.family.name(), request.shape.flop(), figure.seconds.median);
            }
            (record.proof, record.samples) = (Some(proof), samples);
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

struct Run<'a, 'w> {
    executor: &'a mut dyn Executor,
    request: &'a Request,
    effort: &'a Effort,
    pace: &'a Pace,
    watch: &'a mut Watch<'w>,
    spent: Spent,
}

impl Run<'_, '_> {
    fn attempt(&mut self) -> Result<(Proof, Option<Samples>), Halt> {
        let shape = self.request.shape;
        let software = self.executor.adapter().software;
        ask(self.watch, Stage::Proving)?;
        let begin = self.seconds();
        self.executor.prepare(&self.request.kernel, shape, self.request.settings)?;
        self.spent.setup_s = self.seconds() - begin;
        let least = f64::from(self.effort.min_rounds * 3 + 2);
        if let Some(each) = self.pace.predict(self.request.kernel.family.name(), shape)
            && each * least > self.effort.case_s
        {
            let reason =
                format!("about {:.1} s at the rate seen; the case has {:.1} s", each * least, self.effort.case_s);
            return Err(Missing::Skipped { reason }.into());
        }
        let mut parts = if software { 1 } else { (shape.flop() / FIRST_DISPATCH_FLOP).ceil().max(1.0) as u32 };
        parts = self.executor.split(parts)?;

        // Truth first, on operands whose product is exact: a wrong kernel is never timed.
        let begin = self.seconds();
        let proof = self.prove_exact()?;
        ask(self.watch, Stage::Proving)?;
        self.spent.proof_s = self.seconds() - begin;
        if !proof.passed {
            return Ok((proof, None));
        }
        let begin = self.seconds();
        let operands = Operands::of_class(shape, self.request.kernel.precision, self.request.data, self.request.seed);
        self.executor.load(&operands)?;
        self.spent.proof_s += self.seconds() - begin;

        let begin = self.seconds();
        let mut timer = Timer::start(self.executor, self.effort);
        let first = timer.lap(self.executor, 1)?;
        if !software && first > WATCHDOG_S * f64::from(parts) {
            parts = self.executor.split((first / WATCHDOG_S).ceil() as u32)?;
        }
        timer.fits(first)?;
        let samples = timer.run(self.executor, first, parts, self.watch)?;
        self.spent.timing_s = self.seconds() - begin;

        // The last timed submission began on a poisoned buffer: what is in it now is its work.
        let begin = self.seconds();
        let output = self.executor.read()?;
        let proof = prove(&operands, &output, self.request.kernel.precision, self.request.seed);
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
