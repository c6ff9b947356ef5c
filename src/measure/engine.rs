//! One case from request to record: prove it, warm it up, time it, prove what was timed.

use super::clocks::{MIN_TICKS, gcd};
use super::effort::{Effort, FIRST_DISPATCH_FLOP, WATCHDOG_S};
use super::figure::derive;
use super::record::{Missing, Record, SCHEMA, Samples, Spent, Submission};
use super::steadiness::warmup::{MIN_SECONDS, WarmUp, WarmUpBudget, WarmUpState};
use super::stopping::{First, StoppingRule};
use super::suite::Request;
use super::{Executor, Step};
use crate::kernel::{Case, Operands, Proof, Shape, prove};
use crate::stats::slope::{Point, line};

/// What the engine is at; `done` and `of` count rounds, seconds of the case's budget or nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Compiling and proving on exact data.
    Proving,
    /// Warming up.
    WarmUp,
    /// Timing: the part of the case's time that is used up.
    Timing(f64),
}

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

/// Measures one case. Never fails as a whole: what went wrong is in the record.
pub fn measure(
    executor: &mut dyn Executor,
    request: &Request,
    effort: &Effort,
    pace: &mut Pace,
    observe: &mut dyn FnMut(Stage),
) -> Record {
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
    let mut run =
        Run { executor, request, effort, pace, observe, spent: Spent::default(), device_step: 0, device_step_ns: None };
    let outcome = run.attempt();
    let spent = run.spent;
    let mut record = Record {
        schema: SCHEMA.into(),
        tool: executor.tool(),
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        adapter: executor.adapter().clone(),
        case,
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
        Err(missing) => {
            record.reasons.push(missing.reason());
            record.missing = Some(missing);
        }
    }
    record
}

struct Run<'a> {
    executor: &'a mut dyn Executor,
    request: &'a Request,
    effort: &'a Effort,
    pace: &'a Pace,
    observe: &'a mut dyn FnMut(Stage),
    spent: Spent,
    /// Greatest common divisor of the device durations so far, ticks.
    device_step: u64,
    /// The same in nanoseconds, once there is one.
    device_step_ns: Option<f64>,
}

impl Run<'_> {
    fn attempt(&mut self) -> Step<(Proof, Option<Samples>)> {
        let shape = self.request.shape;
        let software = self.executor.adapter().software;
        (self.observe)(Stage::Proving);
        let begin = self.seconds();
        self.executor.prepare(&self.request.kernel, shape, self.request.settings)?;
        self.spent.setup_s = self.seconds() - begin;
        let least = f64::from(self.effort.min_rounds * 3 + 2);
        if let Some(each) = self.pace.predict(self.request.kernel.family.name(), shape)
            && each * least > self.effort.case_s
        {
            let reason =
                format!("about {:.1} s at the rate seen; the case has {:.1} s", each * least, self.effort.case_s);
            return Err(Missing::Skipped { reason });
        }
        let mut parts = if software { 1 } else { (shape.flop() / FIRST_DISPATCH_FLOP).ceil().max(1.0) as u32 };
        parts = self.executor.split(parts)?;

        // Truth first, on operands whose product is exact: a wrong kernel is never timed.
        let begin = self.seconds();
        let proof = self.prove_exact()?;
        self.spent.proof_s = self.seconds() - begin;
        if !proof.passed {
            return Ok((proof, None));
        }
        let begin = self.seconds();
        let operands = Operands::of_class(shape, self.request.kernel.precision, self.request.data, self.request.seed);
        self.executor.load(&operands)?;
        self.spent.proof_s += self.seconds() - begin;

        let begin = self.seconds();
        let first = self.lap(1)?;
        if !software && first > WATCHDOG_S * f64::from(parts) {
            parts = self.executor.split((first / WATCHDOG_S).ceil() as u32)?;
        }
        self.fits(first)?;
        let samples = self.time(begin, first, parts)?;
        self.spent.timing_s = self.seconds() - begin;

        // The last timed submission began on a poisoned buffer: what is in it now is its work.
        let begin = self.seconds();
        let output = self.executor.read()?;
        let proof = prove(&operands, &output, self.request.kernel.precision, self.request.seed);
        self.spent.proof_s += self.seconds() - begin;
        Ok((proof, Some(samples)))
    }

    /// Skips a case whose fewest rounds would not fit its time, going by the time of one product.
    fn fits(&self, each: f64) -> Step<()> {
        // A warm-up submission, and one and two products a round.
        let least = each * f64::from(1 + 3 * self.effort.min_rounds);
        if least <= 1.5 * self.effort.case_s {
            return Ok(());
        }
        let reason = format!("it takes about {least:.1} s, the case has {:.1} s", self.effort.case_s);
        Err(Missing::Skipped { reason })
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

    /// Warm-up and rounds. `first` is the time of one product, just seen.
    fn time(&mut self, begin: f64, first: f64, parts: u32) -> Step<Samples> {
        let effort = self.effort;
        let tick_ns = self.executor.tick_ns();
        let mut samples = Samples {
            tick_ns,
            host_tick_ns: self.executor.host_tick_ns(),
            parts,
            warmup: 1,
            warm: false,
            stopped: String::new(),
            submissions: Vec::new(),
        };
        let each = self.warm_up(first, &mut samples)?;
        let lengths = lengths(each, self.submission_s());
        let left = (effort.case_s - (self.seconds() - begin)).max(0.0);
        let mut rule = First::usual(effort.precision, left, effort.max_rounds as usize);
        let timing = self.seconds();
        for round in 0.. {
            let round_begin = self.seconds();
            for position in 0..lengths.len() {
                // Rotated, so that no length always comes first after the round's bookkeeping.
                let dispatches = lengths[(position + round as usize) % lengths.len()];
                self.executor.poison()?;
                let lap = self.executor.submit(dispatches)?;
                samples.submissions.push(Submission {
                    round,
                    dispatches,
                    host_ns: lap.host_ns,
                    device_ticks: lap.device_ticks,
                });
            }
            let now = self.seconds();
            let first_of_round = samples.submissions.len() - lengths.len();
            let slope = round_slope(&samples.submissions[first_of_round..], tick_ns);
            rule.feed(slope, now - round_begin);
            (self.observe)(Stage::Timing((now - begin) / effort.case_s));
            // Fewer rounds than bracket a median are worth going over the time for, but not twice over.
            let enough = round + 1 >= effort.min_rounds || now - timing >= 2.0 * effort.case_s;
            if enough && let Some(why) = rule.why() {
                samples.stopped = why.code().into();
                break;
            }
        }
        Ok(samples)
    }

    /// Runs the kernel untimed until its time is steady; returns seconds per product.
    fn warm_up(&mut self, first: f64, samples: &mut Samples) -> Step<f64> {
        (self.observe)(Stage::WarmUp);
        let most_seconds = self.effort.case_s * self.effort.warmup_share;
        let least_seconds = MIN_SECONDS.min(0.5 * most_seconds);
        let mut warm_up = WarmUp::new(WarmUpBudget { least_seconds, most_seconds, ..WarmUpBudget::default() });
        let mut each = first;
        loop {
            let repeats = lengths(each, self.submission_s())[0];
            let lap = self.lap(repeats)?;
            each = lap / f64::from(repeats);
            samples.warmup += 1;
            match warm_up.push(each, lap) {
                WarmUpState::Warming => {}
                WarmUpState::Steady { .. } => {
                    samples.warm = true;
                    return Ok(each);
                }
                WarmUpState::NeverSteady { .. } => return Ok(each),
            }
        }
    }

    /// One untimed submission; host seconds.
    fn lap(&mut self, repeats: u32) -> Step<f64> {
        self.executor.poison()?;
        let lap = self.executor.submit(repeats)?;
        if let (Some([begin, end]), Some(tick_ns)) = (lap.device_ticks, self.executor.tick_ns()) {
            self.device_step = gcd(self.device_step, end.abs_diff(begin));
            self.device_step_ns = Some(self.device_step as f64 * tick_ns).filter(|&ns| ns > 0.0);
        }
        Ok(lap.host_ns as f64 * 1e-9)
    }

    /// Length of the shortest submission: enough ticks of the finer clock, and a millisecond or so.
    fn submission_s(&self) -> f64 {
        let host = self.executor.host_tick_ns();
        let tick_ns = self.device_step_ns.map_or(host, |device| device.min(host));
        // A tenth above the rule, since the time per product is an estimate.
        self.effort.submission_s.max(1.1 * MIN_TICKS * tick_ns * 1e-9)
    }

    fn seconds(&self) -> f64 {
        self.executor.now_ns() as f64 * 1e-9
    }
}

/// Seconds per dispatch of one round, by the device clock where there is one: what the stopping rule sees.
fn round_slope(round: &[Submission], tick_ns: Option<f64>) -> f64 {
    let time = |s: &Submission| match (s.device_ticks, tick_ns) {
        (Some([begin, end]), Some(tick_ns)) => end.saturating_sub(begin) as f64 * tick_ns * 1e-9,
        _ => s.host_ns as f64 * 1e-9,
    };
    let points: Vec<Point> =
        round.iter().map(|s| Point { round: s.round, dispatches: s.dispatches, time: time(s) }).collect();
    line(&points).map_or(f64::NAN, |(slope, _)| slope)
}

/// Dispatches of a round's submissions, the shortest at least `submission_s` long: k, 2k, 3k, or 1
/// and 2 where one alone is long.
fn lengths(each: f64, submission_s: f64) -> Vec<u32> {
    if each >= submission_s * 5.0 {
        return vec![1, 2];
    }
    let k = (submission_s / each).ceil().clamp(1.0, 4096.0) as u32;
    vec![k, 2 * k, 3 * k]
}
