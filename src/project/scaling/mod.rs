//! One job from one accelerator to a million: what it takes, and which bound has the most of the time.

mod bound;
mod hunt;
mod scaled;

pub use bound::{Bound, Shares};
pub use hunt::Sought;
pub use scaled::{MOST, Mode, Range, Scaled, Seen, grow};

use super::LARGEST_VALIDATED;
use super::catalog::Catalog;
use super::plan::Ranged;
use super::projection::{listed, run, spread};
use super::sample::{Draws, quantile};
use super::scenario::Forecast;
use super::study::{Output, Study};
use super::transfer::Options;
use crate::error::Result;
use crate::job::Layout;
use scaled::bisect;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Schema id of a scaling curve.
pub const SCHEMA: &str = "flopcast.scaling/1";

/// Tokens per accelerator and step below which a dense job starves one (H100, B200).
const STARVED: f64 = 2_500.0;

/// One count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Takeover {
    /// The bound.
    pub bound: Bound,
    /// The count.
    pub from: u64,
    /// What has the largest share at one less.
    pub after: Bound,
}

/// A job over counts: `flopcast.scaling/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
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
    /// The unit of each quantity of the points, by its name.
    #[serde(default)]
    pub units: BTreeMap<String, String>,
    /// The counts.
    pub points: Vec<Point>,
    /// Where bounds take over, ascending.
    pub takeovers: Vec<Takeover>,
    /// What to mind.
    pub warnings: Vec<String>,
}

/// The rate beside those of a projection.
pub const USEFUL: &str = "useful_flop_per_s";

/// Units of what the points have.
fn units(points: &[Point]) -> BTreeMap<String, String> {
    let names = points.iter().flat_map(|p| p.quantities.keys());
    // The one name that no projection has is `USEFUL`.
    let unit = |name: &String| Output::named(name).unwrap_or(Output::FlopPerS).unit();
    names.map(|name| (name.clone(), unit(name).to_string())).collect()
}

/// Schema id of [`Within`].
pub const WITHIN_SCHEMA: &str = "flopcast.finish-within/1";

/// The smallest count that finishes in time.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Within {
    /// Always [`WITHIN_SCHEMA`].
    pub schema: &'static str,
    /// Name of the scenario.
    pub scenario: String,
    /// The count.
    pub accelerators: u64,
    /// Days that the run takes on it, at the medians.
    pub run_days: f64,
}

impl Scaling {
    /// The bound with the largest share from the first count on that holds the job, until one takes over.
    pub fn first_bound(&self) -> Option<Bound> {
        self.takeovers.first().map(|t| t.after).or_else(|| self.points.first().map(|p| p.bound))
    }
}

/// Whether a quantity is of the whole run, and grows with the tokens that it takes. Rates, what one step is, and
/// energy per flop, which are done all the same, do not.
fn of_the_run(output: Output) -> bool {
    use Output::{Carbon, Energy, EnergyToken, Own, Rent, RunDays, Steps};
    matches!(output, Steps | RunDays | Energy | EnergyToken | Carbon | Rent | Own)
}

impl Scaled {
    /// The whole range: powers of two, its ends and the scenario's own count, and between them the exact
    /// counts at which another bound takes over.
    pub fn scaling(self) -> Result<Scaling> {
        self.scaling_watched(&mut || {})
    }

    /// [`Scaled::scaling`]; `next` is told before each count of [`Scaled::grid`].
    ///
    /// # Errors
    /// Those of [`Scaled::scaling`].
    pub fn scaling_watched(mut self, next: &mut dyn FnMut()) -> Result<Scaling> {
        let grid = self.grid();
        let mut points: Vec<Point> = Vec::new();
        let mut takeovers = Vec::new();
        let (mut fits_from, mut stuck) = (None, None);
        let mut drawn: Option<Draws> = None;
        // The last count before any that holds the job, and the last that holds it with its bound.
        let (mut too_few, mut before): (Option<u64>, Option<(u64, Bound)>) = (None, None);
        for count in grid {
            next();
            let Some(seen) = self.at(count)? else {
                if before.is_none() {
                    too_few = Some(count);
                }
                continue;
            };
            let bound = seen.shares.largest();
            if let (Some(last), None) = (too_few, before) {
                let from = bisect(last, count, |n| Ok(self.largest(n)?.is_some()))?;
                fits_from = Some(from);
                before = self.largest(from)?.map(|bound| (from, bound));
            }
            if let Some((last, after)) = before {
                self.between(last, after, count, bound, &mut takeovers)?;
            }
            before = Some((count, bound));
            // Looking for a takeover has left it at another count.
            self.resize(count)?;
            let options = Options { layout: Some(seen.layout), ..Options::default() };
            match Study::with_draws_alone(&self.catalog, &self.name, None, &options, drawn.as_ref()) {
                Ok(study) => {
                    drawn = Some(study.drawn().clone());
                    let first = points.first().map(|p: &Point| (p.count, p.quantities[USEFUL].value));
                    points.push(self.point(count, &study, &seen.shares, first));
                }
                Err(e) if e.message().contains("no progress") => stuck = stuck.or(Some(count)),
                Err(e) => return Err(e),
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
            units: units(&points),
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

    fn point(&self, count: u64, study: &Study, shares: &Shares, first: Option<(u64, f64)>) -> Point {
        let penalty = self.penalty(count);
        let mut quantities: BTreeMap<String, Ranged> = listed(study)
            .map(|output| {
                let times = if of_the_run(output) { penalty } else { 1.0 };
                let [value, p5, _, p95] = spread(study, output).map(|x| x * times);
                (output.name().to_string(), Ranged { value, p5, p95 })
            })
            .collect();
        let layout = *study.layout().0;
        // Draw by draw: ends of two ranges are not met in one draw.
        let (flop, goodput) = (study.draws(Output::FlopPerS), study.draws(Output::Goodput));
        let mut drawn: Vec<f64> = flop.iter().zip(&goodput).map(|(flop, share)| flop * share).collect();
        drawn.sort_unstable_by(f64::total_cmp);
        let value = quantities["cluster_flop_per_s"].value * quantities["goodput"].value;
        let useful = Ranged { value, p5: quantile(&drawn, 0.05), p95: quantile(&drawn, 0.95) };
        quantities.insert(USEFUL.into(), useful);
        let used = layout.accelerators();
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
            layout,
            quantities,
        }
    }

    fn warnings(&self, points: &[Point]) -> Vec<String> {
        let mut all = Vec::new();
        let published = self.published;
        let first = |of: &dyn Fn(&Point) -> bool| points.iter().find(|p| of(p)).map(|p| p.count);
        if let (Some(count), true) = (first(&|p| p.batch_tokens > published), published > 0.0) {
            let known = match self.range.critical_batch {
                Some(critical) => {
                    format!(
                        "steps, days, energy, carbon and cost count each token 1 + batch/{critical:.3e} times, as McCandlish et \
                         al. have it"
                    )
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
        let days = |p: &Point| p.quantities.get("run_days").map_or(f64::INFINITY, |q| q.value);
        let best = points.iter().min_by(|a, b| days(a).total_cmp(&days(b)));
        if let (Some(best), Some(last)) = (best, points.last())
            && days(last) > 1.01 * days(best)
        {
            let later = 100.0 * (days(last) / days(best) - 1.0);
            all.push(format!(
                "of the counts shown {} finishes soonest; {} takes {later:.1} % longer",
                best.count, last.count
            ));
        }
        if let Some(count) = first(&|p| p.used as f64 > LARGEST_VALIDATED) {
            all.push(format!(
                "from {count} on no published job is as large ({LARGEST_VALIDATED}): the ranges are widened, not validated"
            ));
        }
        all
    }
}

/// The scaling curve of the scenario of that name.
pub fn scaling(catalog: &Catalog, name: &str, range: Range) -> Result<Scaling> {
    Scaled::new(catalog, name, range)?.scaling()
}

#[cfg(test)]
mod tests;
