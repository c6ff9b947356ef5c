//! One job from one accelerator to a million: what it takes, and which bound has the most of the time.

mod bound;

pub use bound::{Bound, Shares};

use super::LARGEST_VALIDATED;
use super::catalog::Catalog;
use super::machine::Machine;
use super::plan::Ranged;
use super::projection::{Options, Projection, run};
use super::scenario::Forecast;
use super::study::{Output, Study};
use crate::cluster::Cluster;
use crate::error::{Error, Kind, Result};
use crate::job::Layout;
use crate::provenance::Tier;
use serde::Serialize;
use std::collections::BTreeMap;

/// Schema id of a scaling curve.
const SCHEMA: &str = "flopcast.scaling/1";

/// Largest count that is looked at.
pub const MOST: u64 = 100_000_000;

/// Tokens per accelerator and step below which a dense job starves one (H100, B200).
const STARVED: f64 = 2_500.0;

/// What grows with the accelerators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing: the batch stays.
    Strong,
    /// The batch: each accelerator keeps the tokens per step that the scenario gives it.
    Weak,
}

/// What to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// What grows.
    pub mode: Mode,
    /// Smallest count.
    pub from: u64,
    /// Largest count.
    pub to: u64,
    /// Batch, tokens, above which more of it saves no step: each token is then worth 1/(1 + batch/this).
    pub critical_batch: Option<f64>,
}

/// One count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Accelerators asked for.
    pub count: u64,
    /// Accelerators that the layout uses.
    pub used: u64,
    /// Tokens per step.
    pub batch_tokens: f64,
    /// Tokens per used accelerator and step.
    pub tokens_per_accelerator: f64,
    /// By name, as in a projection, and `useful_flop_per_s`: model flop/s times goodput.
    pub quantities: BTreeMap<String, Ranged>,
    /// Useful rate per accelerator asked for, over that of the first point.
    pub efficiency: f64,
    /// The bound with the largest share.
    pub bound: Bound,
    /// Share of the time of all accelerators by bound.
    pub shares: BTreeMap<Bound, f64>,
    /// The layout.
    pub layout: Layout,
}

/// From this count on (and not at one less) a bound has the largest share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Takeover {
    /// The bound.
    pub bound: Bound,
    /// The count.
    pub from: u64,
    /// What has the largest share at one less.
    pub after: Bound,
}

/// A job over counts: `flopcast.scaling/1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// Always `flopcast.scaling/1`.
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// What grows.
    pub mode: Mode,
    /// Smallest count that holds the job, where counts below do not.
    pub fits_from: Option<u64>,
    /// The counts.
    pub points: Vec<Point>,
    /// Where bounds take over, ascending.
    pub takeovers: Vec<Takeover>,
    /// What to mind.
    pub warnings: Vec<String>,
}

/// What a count does at the medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The layout.
    pub layout: Layout,
    /// Seconds of a step.
    pub step_s: f64,
    /// Model flop/s times goodput.
    pub useful_flop_per_s: f64,
    /// Days that the run takes.
    pub days: f64,
    /// Hours between failures that stop the job.
    pub failure_h: f64,
    /// Where the time goes.
    pub shares: Shares,
}

/// A scenario that can be asked for at any count.
pub struct Scaled {
    catalog: Catalog,
    name: String,
    range: Range,
    /// Sequences per accelerator as the scenario has them.
    density: f64,
    sequences: f64,
}

impl Scaled {
    /// Looks the scenario up. Errors: an unknown one, an empty range.
    pub fn new(catalog: &Catalog, name: &str, range: Range) -> Result<Self> {
        if range.from == 0 || range.from > range.to || range.to > MOST {
            return Err(Error::usage(format!("counts from {} to {}", range.from, range.to))
                .hint(format!("from 1 to {MOST}, ascending")));
        }
        let mut catalog = catalog.clone();
        let (count, sequences) = {
            let forecast = Forecast::new(&catalog, name)?;
            (forecast.asked, forecast.run.batch)
        };
        if let Some(scenario) = catalog.scenarios.get_mut(name) {
            // A stated layout holds at one count alone.
            scenario.layout = None;
        }
        Ok(Scaled { catalog, name: name.into(), range, density: sequences / count, sequences })
    }

    /// Sequences per step at a count. Growing ones are rounded up to a multiple of a power of two of
    /// about a thirty-second of them: primes divide over nothing.
    fn batch(&self, count: u64) -> f64 {
        match self.range.mode {
            Mode::Strong => self.sequences,
            Mode::Weak => {
                let wanted = (self.density * count as f64).max(1.0);
                let grain = (wanted / 32.0).log2().floor().max(0.0).exp2();
                (wanted / grain).ceil() * grain
            }
        }
    }

    fn resize(&mut self, count: u64) -> Result<()> {
        let batch = self.batch(count);
        let Some(scenario) = self.catalog.scenarios.get_mut(&self.name) else { return Ok(()) };
        let Some(cluster) = self.catalog.clusters.get_mut(&scenario.cluster) else { return Ok(()) };
        scenario.accelerators.get_or_insert_with(|| cluster.accelerators.clone()).value = count as f64;
        grow(cluster, count as f64);
        scenario.batch.value = batch * scenario.sequence.value;
        if scenario.batch.value > scenario.tokens.value {
            return Err(Error::usage(format!("at {count} accelerators one step takes more tokens than the whole run")));
        }
        Ok(())
    }

    /// What a count does at the medians; `None` where the job does not fit.
    pub fn at(&mut self, count: u64) -> Result<Option<Seen>> {
        self.resize(count)?;
        let study = match Study::at_medians_alone(&self.catalog, &self.name, None, &Options::default()) {
            Ok(study) => study,
            Err(e) if e.kind() == Kind::Usage && e.message().contains("no layout") => return Ok(None),
            Err(e) => return Err(e),
        };
        let value = |output: Output| study.at_medians(output).unwrap_or(0.0);
        let (model, machine, constants) = study.step_model();
        let goodput = value(Output::Goodput);
        let bubble = value(Output::StepBubble) / value(Output::StepTime);
        // What stands by as a spare is no want of power.
        let (asked, on) = (study.forecast().asked, study.forecast().on);
        let machine = Machine { accelerators: on, ..machine };
        Ok(Some(Seen {
            layout: *study.layout().0,
            step_s: value(Output::StepTime),
            useful_flop_per_s: value(Output::FlopPerS) * goodput,
            days: value(Output::RunDays) * self.penalty(count),
            failure_h: value(Output::Mttf),
            shares: Shares::new(model, &machine, &constants, bubble, goodput, asked),
        }))
    }

    fn largest(&mut self, count: u64) -> Result<Option<Bound>> {
        Ok(self.at(count)?.map(|seen| seen.shares.largest()))
    }

    /// Days that the run takes at a count, at the medians.
    fn days(&mut self, count: u64) -> Result<f64> {
        Ok(self.at(count)?.map_or(f64::INFINITY, |seen| seen.days))
    }

    /// What a batch near or beyond the critical one costs in tokens: 1 + batch/critical.
    fn penalty(&self, count: u64) -> f64 {
        let Some(critical) = self.range.critical_batch else { return 1.0 };
        let sequence = self.catalog.scenarios.get(&self.name).map_or(0.0, |s| s.sequence.value);
        1.0 + self.batch(count) * sequence / critical
    }

    /// The smallest count of the range at which what is seen is so.
    pub fn first(&mut self, so: impl Fn(&Seen) -> bool) -> Result<Option<(u64, Seen)>> {
        let mut last = self.range.from;
        for count in self.grid() {
            if self.at(count)?.is_some_and(|seen| so(&seen)) {
                let from = if last == count {
                    count
                } else {
                    bisect(last, count, |n| Ok(self.at(n)?.is_some_and(|seen| so(&seen))))?
                };
                return Ok(self.at(from)?.map(|seen| (from, seen)));
            }
            last = count;
        }
        Ok(None)
    }

    /// Powers of two, the ends of the range and the scenario's own count.
    pub fn grid(&self) -> Vec<u64> {
        let own = (self.sequences / self.density).round() as u64;
        let mut all: Vec<u64> = (0..=26).map(|power| 1 << power).chain([self.range.from, self.range.to, own]).collect();
        all.retain(|count| (self.range.from..=self.range.to).contains(count));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The whole range: powers of two, its ends and the scenario's own count, and between them the exact
    /// counts at which another bound takes over.
    pub fn scaling(mut self) -> Result<Scaling> {
        let grid = self.grid();
        let mut points: Vec<Point> = Vec::new();
        let mut takeovers = Vec::new();
        let (mut fits_from, mut stuck) = (None, None);
        let mut before: Option<(u64, Option<Bound>)> = None;
        for count in grid {
            let here = self.at(count)?;
            let bound = here.as_ref().map(|seen| seen.shares.largest());
            if let (Some((last, None)), Some(_)) = (before, bound) {
                fits_from = Some(bisect(last, count, |n| Ok(self.largest(n)?.is_some()))?);
            }
            if let (Some((last, Some(after))), Some(now)) = (before, bound) {
                self.between(last, after, count, now, &mut takeovers)?;
            }
            before = Some((count, bound));
            if let Some(seen) = here {
                // Looking for a takeover has left it at another count.
                self.resize(count)?;
                match run(&self.catalog, &self.name, None, &Options::default()) {
                    Ok(projection) => {
                        let first = points.first().map(|p: &Point| (p.count, p.quantities["useful_flop_per_s"].value));
                        points.push(self.point(count, &projection, &seen.shares, first));
                    }
                    Err(e) if e.message().contains("no progress") => stuck = stuck.or(Some(count)),
                    Err(e) => return Err(e),
                }
            }
        }
        if points.is_empty() {
            // The last count's own message has what is lacking.
            self.resize(self.range.to)?;
            run(&self.catalog, &self.name, None, &Options::default())?;
        }
        let forecast = Forecast::new(&self.catalog, &self.name)?;
        let title = forecast.scenario.title.clone();
        let mut warnings = self.warnings(&points);
        if let Some(count) = stuck {
            warnings.push(format!("at {count} there is no progress: it fails before it gets anywhere"));
        }
        Ok(Scaling {
            schema: SCHEMA.into(),
            scenario: self.name,
            title,
            mode: self.range.mode,
            fits_from,
            points,
            takeovers,
            warnings,
        })
    }

    /// Every bound that takes over in (`low`, `high`], from the one at `low` to the one at `high`.
    fn between(&mut self, low: u64, at_low: Bound, high: u64, at_high: Bound, into: &mut Vec<Takeover>) -> Result<()> {
        if at_low == at_high {
            return Ok(());
        }
        let from = bisect(low, high, |n| Ok(self.largest(n)? == Some(at_high)))?;
        let after = self.largest(from - 1)?.unwrap_or(at_low);
        // A third bound may have had its turn in between.
        if from - 1 > low {
            self.between(low, at_low, from - 1, after, into)?;
        }
        into.push(Takeover { bound: at_high, from, after });
        Ok(())
    }

    fn point(&self, count: u64, p: &Projection, shares: &Shares, first: Option<(u64, f64)>) -> Point {
        let penalty = self.penalty(count);
        let mut quantities: BTreeMap<String, Ranged> = p
            .quantities
            .iter()
            .map(|(name, q)| {
                let times = if name == "run_days" { penalty } else { 1.0 };
                (name.clone(), Ranged { value: q.value * times, p5: q.p5 * times, p95: q.p95 * times })
            })
            .collect();
        let (flop, share) = (quantities["cluster_flop_per_s"], quantities["goodput"]);
        let useful = Ranged { value: flop.value * share.value, p5: flop.p5 * share.p5, p95: flop.p95 * share.p95 };
        quantities.insert("useful_flop_per_s".into(), useful);
        let used = p.layout.accelerators();
        let sequence = self.catalog.scenarios.get(&self.name).map_or(0.0, |s| s.sequence.value);
        let batch_tokens = self.batch(count) * sequence;
        let per = |count: u64, rate: f64| rate / count as f64;
        Point {
            count,
            used,
            batch_tokens,
            tokens_per_accelerator: batch_tokens / used as f64,
            efficiency: first.map_or(1.0, |(n, rate)| per(count, useful.value) / per(n, rate)),
            bound: shares.largest(),
            shares: shares.iter().collect(),
            layout: p.layout,
            quantities,
        }
    }

    fn warnings(&self, points: &[Point]) -> Vec<String> {
        let mut all = Vec::new();
        let published = self
            .catalog
            .scenarios
            .values()
            .filter(|s| s.batch.stamp.tier < Tier::Assumed)
            .map(|s| s.batch.value)
            .fold(0.0, f64::max);
        let first = |of: &dyn Fn(&Point) -> bool| points.iter().find(|p| of(p)).map(|p| p.count);
        if let (Some(count), true) = (first(&|p| p.batch_tokens > published), published > 0.0) {
            let known = match self.range.critical_batch {
                Some(critical) => {
                    format!("days count each token 1 + batch/{:.3e} times, as McCandlish et al. have it", critical)
                }
                None => "beyond the critical batch, which is not known of this job, more of it saves fewer steps; \
                         `--critical-batch` counts that"
                    .into(),
            };
            all.push(format!(
                "from {count} on the batch is larger than the largest published one of the catalogue ({:.1} Mtoken): {known}",
                published / 1e6
            ));
        }
        if let Some(count) = first(&|p| p.tokens_per_accelerator < STARVED) {
            all.push(format!(
                "from {count} on an accelerator has fewer than 2,500 tokens a step: the batch limits the speed"
            ));
        }
        if let Some(count) = first(&|p| p.used as f64 > LARGEST_VALIDATED) {
            all.push(format!(
                "from {count} on no published job is as large ({LARGEST_VALIDATED}): the ranges are widened, not validated"
            ));
        }
        all
    }

    /// The smallest count of the range, at the medians, that finishes within `seconds`. Errors where none
    /// does: with the quickest, and the bound that forbids.
    pub fn finish_within(mut self, seconds: f64) -> Result<(u64, f64)> {
        let wanted = seconds / 86_400.0;
        let (mut last, mut best) = (self.range.from, (f64::INFINITY, self.range.from));
        for count in self.grid() {
            let days = self.days(count)?;
            if days <= wanted {
                let count = if last == count { count } else { bisect(last, count, |n| Ok(self.days(n)? <= wanted))? };
                return Ok((count, self.days(count)?));
            }
            if days < best.0 {
                best = (days, count);
            }
            last = count;
        }
        let (from, to) = (self.range.from, self.range.to);
        let Some(Seen { shares, .. }) = self.at(best.1)? else {
            return Err(Error::usage(format!("no count from {from} to {to} holds the job")));
        };
        let mut parts: Vec<(Bound, f64)> = shares.iter().filter(|(_, share)| *share > 0.05).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let told: Vec<_> = parts.iter().map(|(bound, share)| format!("{bound} {:.0} %", 100.0 * share)).collect();
        // Useful arithmetic is no bound as long as there are more accelerators to ask for.
        let forbids = parts.iter().map(|(bound, _)| *bound).find(|b| *b != Bound::Compute).unwrap_or(Bound::Compute);
        Err(Error::usage(format!(
            "no count from {from} to {to} finishes within {wanted:.3} days: the quickest, {}, takes {:.3}, and {forbids} forbids less \
             (of the time there: {})",
            best.1,
            best.0,
            told.join(", ")
        ))
        .hint("fewer tokens, a larger batch, a faster network or a shorter restart would; `project --what-if` says which"))
    }
}

/// Makes a cluster at least as large as `count`, its parts by as much.
pub(super) fn grow(cluster: &mut Cluster, count: f64) {
    let before = cluster.accelerators.value;
    if count <= before {
        return;
    }
    cluster.accelerators.value = count;
    let mut left = count;
    let parts = cluster.half.len();
    for (place, half) in cluster.half.values_mut().enumerate() {
        // Whole accelerators, and the last part has what is left.
        let share = (half.accelerators.value / before * count).round().min(left);
        half.accelerators.value = if place + 1 == parts { left } else { share };
        left -= half.accelerators.value;
    }
}

/// The count in (`low`, `high`] at which `holds` is true and at one less is not; it is at `high`, and not at `low`.
fn bisect(mut low: u64, mut high: u64, mut holds: impl FnMut(u64) -> Result<bool>) -> Result<u64> {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if holds(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// The scaling curve of the scenario of that name.
pub fn scaling(catalog: &Catalog, name: &str, range: Range) -> Result<Scaling> {
    Scaled::new(catalog, name, range)?.scaling()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(mode: Mode, from: u64, to: u64) -> Range {
        Range { mode, from, to, critical_batch: None }
    }

    const NAME: &str = "xai-12k-h100-redirected";

    #[test]
    fn each_bound_takes_over_at_a_count_whose_neighbour_below_has_another() {
        let catalog = Catalog::built_in().unwrap();
        let all = scaling(&catalog, NAME, range(Mode::Strong, 1, 1_000_000)).unwrap();
        assert!(all.takeovers.len() >= 2, "{:?}", all.takeovers);
        let mut scaled = Scaled::new(&catalog, NAME, range(Mode::Strong, 1, 1_000_000)).unwrap();
        for t in &all.takeovers {
            assert_eq!(scaled.largest(t.from).unwrap(), Some(t.bound), "{t:?}");
            assert_eq!(scaled.largest(t.from - 1).unwrap(), Some(t.after), "{t:?}");
            assert_ne!(t.bound, t.after);
        }
        let fits = all.fits_from.unwrap();
        assert!(scaled.largest(fits).unwrap().is_some() && scaled.largest(fits - 1).unwrap().is_none());
        assert_eq!(all.points.last().unwrap().count, 1_000_000);
        for p in &all.points {
            assert!((p.shares.values().sum::<f64>() - 1.0).abs() < 1e-9, "{p:?}");
            assert!(p.shares[&Bound::Other] < 0.02, "the bounds do not explain the step: {p:?}");
            let days = p.quantities["run_days"];
            assert!(days.p5 <= days.value && days.value <= days.p95, "{p:?}");
        }
        assert!(all.warnings.iter().any(|w| w.contains("2,500 tokens")));
    }

    #[test]
    fn a_growing_batch_keeps_the_tokens_of_each_accelerator_and_scales_further() {
        let catalog = Catalog::built_in().unwrap();
        let [strong, weak] =
            [Mode::Strong, Mode::Weak].map(|mode| scaling(&catalog, NAME, range(mode, 12_000, 96_000)).unwrap());
        let density = weak.points[0].batch_tokens / weak.points[0].count as f64;
        for p in &weak.points {
            assert!((p.batch_tokens / p.count as f64 / density - 1.0).abs() < 0.04, "{p:?}");
        }
        assert!(weak.points.last().unwrap().efficiency > strong.points.last().unwrap().efficiency);
    }

    #[test]
    fn what_no_count_can_is_refused_with_the_bound_that_forbids_and_what_one_can_is_found() {
        let catalog = Catalog::built_in().unwrap();
        let asked = |days: f64| {
            Scaled::new(&catalog, NAME, range(Mode::Strong, 1, 100_000)).unwrap().finish_within(days * 86_400.0)
        };
        let error = asked(1.0 / 24.0).unwrap_err();
        assert!(error.message().contains("forbids less"), "{error}");
        let (count, days) = asked(60.0).unwrap();
        let mut scaled = Scaled::new(&catalog, NAME, range(Mode::Strong, 1, 100_000)).unwrap();
        assert!(days <= 60.0 && scaled.days(count - 1).unwrap() > 60.0, "{count}");
    }

    #[test]
    fn a_batch_beyond_the_critical_one_costs_tokens() {
        let catalog = Catalog::built_in().unwrap();
        let with = |critical_batch| {
            scaling(&catalog, NAME, Range { critical_batch, ..range(Mode::Strong, 12_000, 12_000) }).unwrap()
        };
        let days = |s: &Scaling| s.points[0].quantities["run_days"].value;
        assert!((days(&with(Some(24.576e6))) / days(&with(None)) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_range_that_is_none_and_a_job_that_fits_nowhere_are_refused() {
        let catalog = Catalog::built_in().unwrap();
        for (from, to, part) in [
            (0, 10, "counts from 0"),
            (10, 1, "counts from 10 to 1"),
            (1, u64::MAX, "counts from 1"),
            (1, 2, "no layout"),
        ] {
            let error = scaling(&catalog, NAME, range(Mode::Strong, from, to)).unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
