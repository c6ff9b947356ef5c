//! Which kernel, tiling and settings are fastest on an adapter, found within a time budget.
//!
//! Successive halving: every candidate is proved and timed a little on the smallest shape, the better ones
//! longer on the next, and the best few, interleaved, on all of them. The figure by which a search picks its
//! winner is the best of many and so too good; the winner is therefore measured again by the
//! [`engine`](super::engine), on other operands, and that figure is the one reported. The difference is said.

pub mod best_shape;
pub mod cache;
pub mod found;
mod trial;

use super::effort::Effort;
use super::engine::{Pace, measure};
use super::record::{AdapterIdentity, Record};
use super::suite::Request;
use super::timing::Stage;
use super::{Executor, Step};
use crate::error::{Error, Kind, Result};
use crate::kernel::{Family, Kernel, Precision, Settings, Shape};
use crate::units::duration;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use trial::{Trial, rate_once};

/// Share of the budget for the search; the rest is for measuring the winner again, and for going over.
const SEARCH: f64 = 0.65;

/// Part of the search that its first rung may take.
const FIRST: f64 = 0.5;

/// Products that the last measurement makes at least: proof, one more where it can be in fewer parts, warm-up, six rounds of one
/// and two.
const AGAIN: f64 = 29.0;

/// What one rung passes on: a third, and never fewer than these.
const KEEP: usize = 3;

/// A candidate below this part of the best rate on one shape is behind on every other.
const BEHIND: f64 = 0.3;

/// What is searched, on which shapes and for how long.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Arithmetic.
    pub precision: Precision,
    /// Families; every tiling of each is a candidate.
    pub families: Vec<Family>,
    /// Shapes, in any order.
    pub shapes: Vec<Shape>,
    /// Seconds, all in all.
    pub budget_s: f64,
    /// Seed of the operands.
    pub seed: u64,
}

/// A kernel of the search with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The kernel.
    pub kernel: Kernel,
    /// Settings of its pipeline.
    pub settings: Settings,
}

impl Candidate {
    /// `kernel[tiling]`, and the settings that are on.
    pub fn name(&self) -> String {
        format!("{}[{}]{}", self.kernel.family.name(), self.kernel.tiling, self.settings.marks())
    }
}

/// A candidate that fell out of the search before it had a rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Dropped {
    /// Its name.
    pub candidate: String,
    /// `unsupported`, `failed` or `wrong`.
    pub status: Cow<'static, str>,
    /// What stood in the way.
    pub why: String,
}

/// The best tiling of one family, by its rate on the smallest shape or a later one.
#[derive(Debug, Clone, PartialEq)]
pub struct Best {
    /// The kernel with its settings.
    pub candidate: Candidate,
    /// Useful flop per second, 1e9, at the last rung that it saw.
    pub gflop_per_s: f64,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// The winner.
    pub winner: Candidate,
    /// Its rate in the search, on the shape that it was then measured on.
    pub search_gflop_per_s: f64,
    /// The winner measured again, independently.
    pub record: Record,
    /// How much better the search saw it than it is: search rate over measured rate, minus 1. Absent where
    /// the second measurement has no figure.
    pub regret: Option<f64>,
    /// The best tiling of each family that ran.
    pub families: Vec<Best>,
    /// Candidates that were proved and timed.
    pub tried: usize,
    /// Candidates for which there was no time.
    pub untried: usize,
    /// Candidates that the adapter lacks something for, that failed, or were wrong.
    pub dropped: Vec<Dropped>,
    /// Seconds, all in all.
    pub spent_s: f64,
}

/// How far a search is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Part of the budget that is used up.
    pub part: f64,
    /// What is being done.
    pub doing: String,
}

/// Told between submissions; `Break` ends the search.
pub type Observe<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Searches, and measures the winner again.
///
/// # Errors
/// Exit code 2 for a budget too small for one measurement; 1 where no candidate runs; 130 where `observe`
/// ended it.
pub fn tune(executor: &mut dyn Executor, wish: &Wish, observe: &mut Observe) -> Result<Tuning> {
    let mut families = Vec::new();
    search(executor, wish, observe, &mut families).map_err(|error| {
        let best = families.iter().max_by(|a: &&Best, b: &&Best| a.gflop_per_s.total_cmp(&b.gflop_per_s));
        match best.filter(|_| error.kind() == Kind::Interrupted) {
            Some(Best { candidate, gflop_per_s }) => {
                let name = candidate.name();
                error.hint(format!("best so far: {name}, {gflop_per_s:.1} GFLOP/s in the search, not measured again"))
            }
            None => error,
        }
    })
}

fn search(executor: &mut dyn Executor, wish: &Wish, observe: &mut Observe, families: &mut Vec<Best>) -> Result<Tuning> {
    let mut search = Search { begin_s: seconds(executor), executor, wish, observe, dropped: Vec::new() };
    let mut shapes = wish.shapes.clone();
    shapes.sort_by(|a, b| a.flop().total_cmp(&b.flop()));
    let candidates = candidates(wish)?;
    let all = candidates.len();

    // Rungs: one per shape, the first for every candidate.
    let mut left: Vec<Trial> = candidates.into_iter().map(Trial::new).collect();
    let (mut tried, mut fell, mut defaults) = (0, 0, Vec::new());
    for (rung, shape) in shapes.clone().into_iter().enumerate() {
        // The first has every candidate to see; what it leaves goes to the others and the final.
        let part = FIRST + (1.0 - FIRST) * rung as f64 / shapes.len() as f64;
        let end_s = wish.budget_s * SEARCH * part;
        // A shape that not even the best so far gets through in time is left out, and all larger ones.
        if rung > 0 && 3.0 * shape.flop() / left[0].rate > end_s - search.spent() {
            shapes.truncate(rung);
            break;
        }
        let mut ran = search.rung(left, shape, end_s)?;
        ran.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        if rung == 0 {
            (tried, fell) = (ran.len(), search.dropped.len());
            let near = |trial: &&Trial| trial.rate > BEHIND * ran[0].rate;
            defaults = ran.iter().filter(|t| search.untuned(&t.candidate)).filter(near).cloned().collect();
        }
        for trial in &ran {
            note(families, trial);
        }
        if ran.is_empty() {
            return Err(search.nothing(rung));
        }
        // The rate on one shape decides who sees the next.
        let keep = ran.len().div_ceil(3).max(KEEP);
        let best = ran[0].rate;
        ran.truncate(keep);
        ran.retain(|trial| trial.rate > BEHIND * best);
        left = ran;
    }

    // The best few against each other on every shape, and the winner's family with its other settings.
    left.truncate(KEEP);
    // What is used without a choice is among them, however a noisy rung saw it: a choice that is no better is none.
    let family = left[0].candidate.kernel.family;
    let absent = |d: &Trial| d.candidate.kernel.family == family && left.iter().all(|t| t.candidate != d.candidate);
    let default = defaults.into_iter().find(absent);
    left.extend(default);
    let end_s = (wish.budget_s * SEARCH).min(wish.budget_s - AGAIN * shapes[0].flop() / left[0].rate);
    let (winner, rates) = search.finals(left, &shapes, end_s)?;
    let (record, shape) = search.again(&winner, &shapes, &rates)?;
    let search_gflop_per_s = rates[shapes.iter().position(|&s| s == shape).unwrap_or(0)] * 1e-9;
    let regret = record.figure.as_ref().map(|f| search_gflop_per_s / f.gflop_per_s.median - 1.0);
    let mut last = Trial::new(winner.clone());
    last.rate = search_gflop_per_s * 1e9;
    note(families, &last);
    let dropped = std::mem::take(&mut search.dropped);
    // Of those that fell out later the first rung had seen a rate.
    let untried = all - tried - fell;
    let spent_s = search.spent();
    let families = std::mem::take(families);
    Ok(Tuning { winner, search_gflop_per_s, record, regret, families, tried, untried, dropped, spent_s })
}

/// Every tiling of every family, the first ones of all families first: a search that runs out of time has
/// then at least seen each family, and knows which of them are worth the rest.
fn candidates(wish: &Wish) -> Result<Vec<Candidate>> {
    let tilings: Vec<_> = wish.families.iter().map(|f| (*f, f.tilings())).collect();
    let most = tilings.iter().map(|(_, t)| t.len()).max().unwrap_or(0);
    let mut all = Vec::new();
    for place in 0..most {
        for (family, tilings) in &tilings {
            if let Some(&tiling) = tilings.get(place) {
                let kernel = Kernel::compose(*family, tiling, wish.precision)?;
                all.push(Candidate { kernel, settings: Settings::default() });
            }
        }
    }
    Ok(all)
}

fn note(families: &mut Vec<Best>, trial: &Trial) {
    let best = Best { candidate: trial.candidate.clone(), gflop_per_s: trial.rate * 1e-9 };
    let family = trial.candidate.kernel.family;
    match families.iter_mut().find(|b| b.candidate.kernel.family == family) {
        None => families.push(best),
        // A later rung knows better than an earlier one, even where it is slower there.
        Some(known) if known.candidate == best.candidate || best.gflop_per_s > known.gflop_per_s => *known = best,
        Some(_) => {}
    }
}

struct Search<'a, 'o> {
    executor: &'a mut dyn Executor,
    wish: &'a Wish,
    observe: &'a mut Observe<'o>,
    begin_s: f64,
    dropped: Vec<Dropped>,
}

impl Search<'_, '_> {
    /// Times each candidate once or a few times on one shape, until `end_s` of the budget; those that there
    /// was no time for are left out.
    fn rung(&mut self, trials: Vec<Trial>, shape: Shape, end_s: f64) -> Result<Vec<Trial>> {
        let mut ran = Vec::new();
        let (count, begin_s) = (trials.len(), self.spent());
        let mut trials = VecDeque::from(trials);
        let mut index = 0;
        while let Some(mut trial) = trials.pop_front() {
            let now = self.spent();
            // At least one runs, whatever the time: a rung that nobody passes says nothing.
            let slow = trial.rate > 0.0 && 2.0 * shape.flop() / trial.rate > end_s - now;
            if (now >= end_s || slow) && !ran.is_empty() {
                break;
            }
            self.tell(&format!("{}/{count} {} {shape}", index + 1, trial.candidate.name()))?;
            let share = (end_s - begin_s) / count as f64;
            match trial.run(self.executor, shape, self.wish.seed, share) {
                Ok(()) => ran.push(trial),
                Err(dropped) => self.dropped.push(dropped),
            }
            index += 1;
            // Where time is short it is to be short for the families that are slow.
            if index == self.wish.families.len() {
                trials.make_contiguous().sort_by(|a, b| promise(&ran, b).total_cmp(&promise(&ran, a)));
            }
        }
        Ok(ran)
    }

    /// Whether it is what its family is run with where nothing was tuned.
    fn untuned(&self, candidate: &Candidate) -> bool {
        let Kernel { family, tiling, precision, .. } = &candidate.kernel;
        *tiling == family.default_tiling(self.executor.class(), *precision) && candidate.settings == Settings::default()
    }

    /// Interleaves the finalists on every shape; the winner, and its rate on each shape.
    fn finals(&mut self, trials: Vec<Trial>, shapes: &[Shape], end_s: f64) -> Result<(Candidate, Vec<f64>)> {
        // The one that the rungs put first, at the rate of the last of them.
        let first = trials[0].clone();
        let mut finalists: Vec<Candidate> = trials.into_iter().map(|t| t.candidate).collect();
        // What checks and zero fill cost can be nothing, or (with another code path) less.
        if let Some(best) = finalists.first().cloned() {
            let zero_fill = best.kernel.workgroup_bytes() > 0;
            let mut settings = vec![Settings { bounds_checks: true, ..best.settings }];
            settings.extend(zero_fill.then_some(Settings { zero_fill: true, ..best.settings }));
            finalists.extend(settings.into_iter().map(|settings| Candidate { settings, ..best.clone() }));
        }
        let mut rates = vec![vec![0.0; shapes.len()]; finalists.len()];
        let begin_s = self.spent();
        for (at, &shape) in shapes.iter().enumerate() {
            let end_s = begin_s + (end_s - begin_s) * (at as f64 + 1.0) / shapes.len() as f64;
            // Proved, and timed once at least.
            if finalists.len() as f64 * 2.5 * shape.flop() / first.rate > end_s - self.spent() {
                continue;
            }
            let laps = self.interleaved(&finalists, shape, end_s)?;
            for (rate, laps) in rates.iter_mut().zip(laps) {
                rate[at] = laps;
            }
        }
        if rates[0].iter().all(|&rate| rate == 0.0) {
            // What the rungs saw of it on each: where the largest no longer fits, a smaller one may.
            let rates = shapes.iter().map(|&shape| first.on(shape)).collect();
            return Ok((first.candidate, rates));
        }
        let score = |index: usize| rates[index].iter().map(|r| r.max(1.0).ln()).sum::<f64>();
        // Within the noise of a few laps: plain settings before others, and what needs no choice before all.
        let top = (0..finalists.len()).map(score).fold(f64::NEG_INFINITY, f64::max);
        let tie = 0.02 * shapes.len() as f64;
        let winner = (0..finalists.len())
            .max_by(|&a, &b| {
                let plain = |i: usize| finalists[i].settings == Settings::default();
                let near = |i: usize| score(i) > top - tie && plain(i);
                let untuned = |i: usize| near(i) && self.untuned(&finalists[i]);
                near(a).cmp(&near(b)).then(untuned(a).cmp(&untuned(b))).then(score(a).total_cmp(&score(b)))
            })
            .unwrap_or(0);
        Ok((finalists[winner].clone(), rates[winner].clone()))
    }

    /// Median rate of each finalist on one shape, flop/s; 0 where it does not run there.
    fn interleaved(&mut self, finalists: &[Candidate], shape: Shape, end_s: f64) -> Result<Vec<f64>> {
        let mut laps: Vec<Vec<f64>> = vec![Vec::new(); finalists.len()];
        let mut ready = Vec::new();
        for (slot, candidate) in finalists.iter().enumerate() {
            self.tell(&format!("final: {} {shape}", candidate.name()))?;
            self.executor.select(slot);
            let mut trial = Trial::new(candidate.clone());
            match trial.run(self.executor, shape, self.wish.seed, 0.0) {
                Ok(()) => ready.push(slot),
                Err(dropped) => self.dropped.push(dropped),
            }
        }
        loop {
            for &slot in &ready {
                self.tell(&format!("final: {} {shape}", finalists[slot].name()))?;
                self.executor.select(slot);
                if let Ok(rate) = rate_once(self.executor, shape) {
                    laps[slot].push(rate);
                }
            }
            if self.spent() >= end_s || laps.iter().any(|l| l.len() >= 30) || ready.is_empty() {
                break;
            }
        }
        self.executor.select(0);
        Ok(laps.into_iter().map(|laps| crate::stats::median::median(&laps).unwrap_or(0.0)).collect())
    }

    /// Measures the winner again, on other operands, on the largest shape that what is left is enough for.
    fn again(&mut self, winner: &Candidate, shapes: &[Shape], rates: &[f64]) -> Result<(Record, Shape)> {
        let left = self.wish.budget_s - self.spent();
        let needs = |at: usize| AGAIN * shapes[at].flop() / rates[at];
        // A shape that the winner was not timed on needs no one knows what.
        let timed = || (0..shapes.len()).filter(|&at| rates[at] > 0.0);
        let least = || timed().map(needs).fold(f64::INFINITY, f64::min);
        let at = timed().rev().find(|&at| needs(at) <= left).ok_or_else(|| self.too_small(least()))?;
        let effort = again(left, needs(at));
        self.tell(&format!("measuring again: {} {}", winner.name(), shapes[at]))?;
        let request = Request {
            settings: winner.settings,
            seed: self.wish.seed + 1,
            ..Request::plain(winner.kernel.clone(), shapes[at])
        };
        let (begin_s, budget_s) = (self.begin_s, self.wish.budget_s);
        let observe = &mut *self.observe;
        let doing = format!("measuring again: {} {}", winner.name(), shapes[at]);
        let begun = seconds(self.executor) - begin_s;
        let mut timed = 0.0;
        let mut watch = |stage| {
            if let Stage::Timing(part) = stage {
                timed = part * effort.case_s;
            }
            observe(Progress { part: (begun + timed) / budget_s, doing: doing.clone() })
        };
        let record = measure(self.executor, &request, &effort, &mut Pace::default(), &mut watch);
        Ok((record.ok_or_else(interrupted)?, shapes[at]))
    }

    fn spent(&self) -> f64 {
        seconds(self.executor) - self.begin_s
    }

    fn tell(&mut self, doing: &str) -> Result<()> {
        let part = self.spent() / self.wish.budget_s;
        match (self.observe)(Progress { part, doing: doing.into() }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(interrupted()),
        }
    }

    fn too_small(&self, needs: f64) -> Error {
        too_small(self.wish.budget_s, self.spent(), Some(needs))
            .hint("give more with `--time-budget 60s`, or smaller shapes with `--shapes`")
    }

    fn nothing(&self, rung: usize) -> Error {
        let why = self.dropped.last().map_or(String::new(), |d| format!(": {} {}: {}", d.candidate, d.status, d.why));
        Error::failed(format!("no kernel runs on shape {} of the search{why}", rung + 1))
            .hint("`flopcast devices --format json` lists what the adapter has and allows")
    }
}

/// What a winner is measured again with, of `left_s` seconds: a slow one takes more than a case of the quick suite has.
fn again(left_s: f64, needs_s: f64) -> Effort {
    let quick = Effort::quick();
    Effort { case_s: quick.case_s.max(needs_s), patience: quick.overrun, ..quick }.within(0.6 * left_s)
}

/// What is to be hoped of a candidate: its own rate, or the best of its family so far; of an unknown one everything.
fn promise(ran: &[Trial], candidate: &Trial) -> f64 {
    if candidate.rate > 0.0 {
        return candidate.rate;
    }
    let family = candidate.candidate.kernel.family;
    let rates = ran.iter().filter(|t| t.candidate.kernel.family == family).map(|t| t.rate);
    rates.reduce(f64::max).unwrap_or(f64::INFINITY)
}

/// `needs_s`: seconds that the cheapest measurement takes, where anything was timed.
fn too_small(budget_s: f64, spent_s: f64, needs_s: Option<f64>) -> Error {
    let more = needs_s.map_or(String::new(), |s| format!(" and it takes about {} more", duration(s)));
    let (budget, spent) = (duration(budget_s), duration(spent_s));
    Error::usage(format!(
        "a time budget of {budget} is too small for one measurement: {spent} went into the search{more}"
    ))
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted: nothing was stored")
}

fn seconds(executor: &dyn Executor) -> f64 {
    executor.now_ns() as f64 * 1e-9
}

/// Shapes that a search runs on where none were asked for: from what is quick to what a rate settles at.
pub fn usual_shapes(adapter: &AdapterIdentity) -> Vec<Shape> {
    let sizes: [u32; 3] = if adapter.software { [256, 512, 1024] } else { [1024, 2048, 4096] };
    sizes.map(Shape::square).to_vec()
}

#[cfg(test)]
mod tests;
