//! The same failures, checkpoints and restarts played event by event, as a check of the closed form
//! and for what it cannot say: how far one run's length strays by chance alone.

use super::{Plan, Pool};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Lengths of simulated runs, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// 5 % of the runs are shorter.
    pub p5: f64,
    /// Half of them are.
    pub p50: f64,
    /// 95 % of them are.
    pub p95: f64,
    /// Mean useful share of the time.
    pub goodput: f64,
    /// Failures that stopped the whole job, per run.
    pub failures: f64,
    /// Runs that did not end in the time they were given; they count as that long.
    pub unfinished: u32,
}

/// Seconds after which a run is given up: as many times its useful work.
const GIVE_UP: f64 = 1e4;

/// Exponential waiting time.
fn wait(random: &mut ChaCha8Rng, rate: f64) -> f64 {
    if rate <= 0.0 {
        return f64::INFINITY;
    }
    // 1 − u is in (0, 1].
    -(1.0 - random.random::<f64>()).ln() / rate
}

/// Boxes in repair, by the time at which each is back.
struct Repairs {
    pool: Pool,
    back: Vec<f64>,
}

impl Repairs {
    /// `boxes` fail at `clock`.
    fn take(&mut self, boxes: f64, clock: f64, random: &mut ChaCha8Rng) {
        if self.pool.counted() {
            self.back.extend((0..boxes as u64).map(|_| clock + wait(random, 1.0 / self.pool.repair)));
        }
    }

    /// Boxes that are short at `clock`.
    fn short(&mut self, clock: f64) -> f64 {
        self.back.retain(|back| *back > clock);
        (self.back.len() as f64 - self.pool.spares.floor().max(0.0)).max(0.0)
    }

    /// The time from `clock` on at which no box is short any more.
    fn enough(&mut self, clock: f64) -> f64 {
        let short = self.short(clock) as usize;
        if !self.pool.counted() || short == 0 {
            return clock;
        }
        self.back.sort_unstable_by(f64::total_cmp);
        self.back[short - 1]
    }

    /// When the next box is back.
    fn next(&self) -> f64 {
        self.back.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// One run of `work` useful seconds: its length and its failures.
///
/// Work goes on in segments of the interval and a checkpoint. A failure throws the job back to the last
/// checkpoint; where the pool is empty the job waits, and nothing of it fails; its restart may itself
/// fail, and then is that of what failed last. Planned stops come right after a checkpoint. A replica
/// that drops out alone takes its share of the rate with it until it is back, and everyone's hiccup; it
/// comes back once there is a box for it.
fn one(plan: &Plan, interval: f64, work: f64, random: &mut ChaCha8Rng) -> (f64, u64) {
    let total: f64 = plan.classes.iter().map(|c| c.rate).sum();
    let which = |random: &mut ChaCha8Rng| {
        let mut at = random.random::<f64>() * total;
        for class in &plan.classes {
            at -= class.rate;
            if at < 0.0 {
                return class;
            }
        }
        &plan.classes[plan.classes.len() - 1]
    };
    let segment = interval + plan.checkpoint;
    let mut job = Progress { done: 0.0, open: 0.0, phase: 0.0 };
    let (mut clock, mut failures) = (0.0, 0);
    let mut failure = wait(random, total);
    let (mut planned, mut uptime) = (wait(random, plan.maintenance), 0.0);
    let mut repairs = Repairs { pool: plan.pool, back: Vec::new() };
    // Replicas that restart, by the time at which each is back; those without a box do not yet.
    let (mut away, mut out): (Vec<f64>, f64) = (Vec::new(), 0.0);
    let mut drop_out = wait(random, plan.replica_rate * plan.replicas);
    while clock < GIVE_UP * work {
        // Until the next event the rate of the work is constant; times of events are of the clock.
        let rate = (1.0 - (away.len() as f64 + out) / plan.replicas).max(0.0);
        let back = away.iter().copied().fold(f64::INFINITY, f64::min);
        let repaired = if out > 0.0 { repairs.next() } else { f64::INFINITY };
        let end = clock + (work - job.done - job.open) / (rate * interval / segment);
        let next = failure.min(drop_out).min(back).min(repaired).min(clock + planned - uptime);
        if end <= next {
            clock = end;
            break;
        }
        job.advance(next - clock, rate, interval, segment);
        uptime += next - clock;
        clock = next;
        if next == failure {
            (job.open, job.phase) = (0.0, 0.0);
            loop {
                failures += 1;
                let class = which(random);
                repairs.take(class.boxes, clock, random);
                if !plan.elastic() {
                    clock = repairs.enough(clock);
                }
                let again = wait(random, total);
                if again >= class.restart {
                    clock += class.restart;
                    failure = clock + again - class.restart;
                    break;
                }
                clock += again;
                if clock > GIVE_UP * work {
                    break;
                }
            }
            away.retain(|back| *back > clock);
        } else if next == drop_out {
            repairs.take(1.0, clock, random);
            if repairs.short(clock) <= out {
                away.push(clock + plan.replica_restart);
            }
            // The hiccup shifts what is to come.
            clock += plan.hiccup;
            failure += plan.hiccup;
        } else if next == back {
            away.retain(|b| *b > clock);
        } else if next != repaired {
            job.save();
            clock += plan.maintenance_cost;
            failure += plan.maintenance_cost;
            planned = uptime + wait(random, plan.maintenance);
        }
        if plan.elastic() {
            // Boxes that came back let as many replicas begin to restart.
            let short = repairs.short(clock).min(plan.replicas);
            for _ in 0..(out - short).max(0.0) as u64 {
                away.push(clock + plan.replica_restart);
            }
            out = short;
        }
        // Without memory: drawn anew for however many are there now.
        let there = (plan.replicas - away.len() as f64 - out).max(0.0);
        drop_out = clock + wait(random, plan.replica_rate * there);
    }
    (clock.min(GIVE_UP * work), failures)
}

/// Work of a run, seconds at the full rate.
struct Progress {
    /// In the last checkpoint.
    done: f64,
    /// Since then.
    open: f64,
    /// Time since then.
    phase: f64,
}

impl Progress {
    /// `time` passes; the stalls of checkpoints are spread over the segments.
    fn advance(&mut self, time: f64, rate: f64, interval: f64, segment: f64) {
        let pace = rate * interval / segment;
        let phase = self.phase + time;
        self.phase = phase % segment;
        if phase >= segment {
            self.done += self.open + (time - self.phase) * pace;
            self.open = self.phase * pace;
        } else {
            self.open += time * pace;
        }
    }

    /// A checkpoint outside the usual ones.
    fn save(&mut self) {
        self.done += self.open;
        (self.open, self.phase) = (0.0, 0.0);
    }
}

/// `runs` runs of `work` useful seconds each, from `seed`: run i has a generator of its own, so the
/// result depends on nothing but the arguments. `work` is at the full rate.
pub fn simulate(plan: &Plan, work: f64, runs: u32, seed: u64) -> Spread {
    let interval = plan.outcome().interval;
    let mut lengths = Vec::with_capacity(runs as usize);
    let (mut failures, mut unfinished) = (0, 0);
    for run in 0..runs {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(u64::from(run));
        let (length, count) = one(plan, interval, work, &mut random);
        failures += count;
        unfinished += u32::from(length >= GIVE_UP * work);
        lengths.push(length);
    }
    let mean = lengths.iter().sum::<f64>() / f64::from(runs.max(1));
    lengths.sort_by(f64::total_cmp);
    let at = |q: f64| lengths.get((q * (lengths.len().max(1) - 1) as f64).round() as usize).copied().unwrap_or(0.0);
    Spread {
        p5: at(0.05),
        p50: at(0.5),
        p95: at(0.95),
        goodput: work / mean,
        failures: failures as f64 / f64::from(runs.max(1)),
        unfinished,
    }
}
