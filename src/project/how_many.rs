//! "How many of mine?": the number of a measured adapter that does the useful work of a scenario's
//! cluster, with nothing lost between them and over a real network, or that no number does.

use super::catalog::Catalog;
use super::plan::Ranged;
use super::scaling::{Bound, MOST, Mode, Range, Scaled, Shares, Sought};
use super::scenario::Forecast;
use super::study::{Output, Study};
use super::transfer::Options;
use crate::calibrate::Calibration;
use crate::error::{Error, Result};
use crate::job::{Run, memory};
use crate::kernel::Precision;
use crate::provenance::Tier;
use crate::sourced::{Spread, Stamp, Value};
use crate::units::Dimension;
use serde::Serialize;
use std::collections::BTreeMap;

/// Schema id of the answer.
const SCHEMA: &str = "flopcast.equivalents/1";
/// What the adapter is called among the accelerators.
const NAME: &str = "this-adapter";
/// Seconds of a year.
const YEAR: f64 = 365.25 * 86_400.0;

/// What stands between many of the adapter, and what each has; what is absent is the cluster's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Around {
    /// Name of a network.
    pub fabric: Option<String>,
    /// Network bandwidth of each and direction, bytes/s.
    pub link: Option<f64>,
    /// Memory of each, bytes.
    pub memory: Option<f64>,
}

/// Over a real network.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Connected {
    /// So many do it; the range is that of the adapter's ceiling, `p95` absent where none does at its low end.
    Count {
        /// At the ceiling's median.
        value: u64,
        /// At the upper end of its 95 % interval.
        p5: Option<u64>,
        /// At the lower end.
        p95: Option<u64>,
        /// Share of their time by bound.
        shares: BTreeMap<Bound, f64>,
    },
    /// No number does.
    Never {
        /// The most that any number does, useful flop/s.
        most_flop_per_s: f64,
        /// The number that does it.
        at: u64,
        /// The bound that wins.
        bound: Bound,
        /// Its arithmetic.
        why: String,
        /// Share of their time by bound.
        shares: BTreeMap<Bound, f64>,
    },
}

/// The answer: `flopcast.equivalents/1`.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct HowMany {
    /// Always `flopcast.equivalents/1`.
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the adapter.
    pub adapter: String,
    /// Arithmetic of its ceiling.
    pub precision: Precision,
    /// Whether it is a software adapter: then this is no statement about hardware.
    pub software: bool,
    /// Ceiling of one, flop/s, with its 95 % interval.
    pub one_flop_per_s: Ranged,
    /// Useful rate of the scenario at the medians, flop/s: model flop/s times goodput.
    pub useful_flop_per_s: f64,
    /// How many at their ceiling with nothing lost between them.
    pub ideal: Ranged,
    /// How many over a network, with all that is lost.
    pub connected: Connected,
    /// Mean watts that one drew while it was measured, of all that its counters are of.
    pub watts: Option<f64>,
    /// The counters, or why there are no watts.
    pub watts_from: String,
    /// Years that one alone needs for the run's useful flop, its memory aside.
    pub years_alone: Ranged,
    /// What stands between them.
    pub fabric: String,
    /// Network bandwidth of each, bytes/s.
    pub link_bytes_per_s: f64,
    /// What was taken rather than known.
    pub assumptions: Vec<String>,
}

/// Answers for the scenario of that name. Errors: those of the projection, an unknown network.
pub fn how_many(catalog: &Catalog, name: &str, calibration: &Calibration, around: &Around) -> Result<HowMany> {
    let target = Study::at_medians_alone(catalog, name, None, &Options::default())?;
    let value = |output: Output| target.at_medians(output).unwrap_or(0.0);
    let useful = value(Output::FlopPerS) * value(Output::Goodput);
    if useful <= 0.0 {
        return Err(Error::usage(format!("`{name}` does nothing useful, so that none of anything matches it")));
    }
    let forecast = Forecast::new(catalog, name)?;
    let flop = forecast.job.step_flop(&forecast.run) * value(Output::Steps);
    let best = calibration.best();
    let rate = best.ceiling.gflop_per_s;
    let one = Ranged { value: rate.median * 1e9, p5: rate.lo * 1e9, p95: rate.hi * 1e9 };
    let inverse = |amount: f64| Ranged { value: amount / one.value, p5: amount / one.p95, p95: amount / one.p5 };
    let many = Many { catalog, name, calibration, around, useful };
    let connected = match many.smallest(one.value)? {
        Ok((value, shares)) => Connected::Count {
            value,
            p5: many.smallest(one.p95)?.ok().map(|(count, _)| count),
            p95: many.smallest(one.p5)?.ok().map(|(count, _)| count),
            shares: shares.iter().collect(),
        },
        Err(never) => never,
    };
    let mut assumptions = vec![
        format!("its {} rate stands for {}", best.precision, forecast.scenario.format),
        "its memory bandwidth per flop is that of the cluster's accelerator; one to a box".to_string(),
    ];
    if around.memory.is_none() {
        assumptions.push(format!("each has the {:.0} GB of the cluster's accelerator", forecast.machine.memory / 1e9));
    }
    if around.link.is_none() {
        assumptions.push(format!(
            "each has the cluster's own network port, {:.0} Gbit/s",
            forecast.node.scale_out.value / 1.25e8
        ));
    }
    if let Some(cap) = &forecast.site.power_cap {
        assumptions.push(format!(
            "power bounds nothing: what one draws with its box is not known, and the cap of {} {} is the cluster's",
            cap.written(),
            cap.unit()
        ));
    }
    Ok(HowMany {
        schema: SCHEMA.into(),
        scenario: name.into(),
        adapter: calibration.adapter.name.clone(),
        precision: best.precision,
        software: calibration.software,
        one_flop_per_s: one,
        useful_flop_per_s: useful,
        ideal: inverse(useful),
        connected,
        watts: calibration.power.as_ref().and_then(|p| p.watts),
        watts_from: calibration.power.as_ref().map_or("the calibration states none".into(), |p| p.source.clone()),
        years_alone: inverse(flop / YEAR),
        fabric: around.fabric.clone().unwrap_or_else(|| forecast.cluster.fabric.clone()),
        link_bytes_per_s: around.link.unwrap_or(forecast.node.scale_out.value),
        assumptions,
    })
}

struct Many<'a> {
    catalog: &'a Catalog,
    name: &'a str,
    calibration: &'a Calibration,
    around: &'a Around,
    useful: f64,
}

impl Many<'_> {
    /// The catalogue with the scenario on a cluster of the adapter, each of `rate` flop/s.
    fn catalog(&self, rate: f64) -> Result<Catalog> {
        let forecast = Forecast::new(self.catalog, self.name)?;
        let (mut chip, mut node) = (forecast.accelerator.clone(), forecast.node.clone());
        let mut cluster = forecast.cluster.clone();
        let (format, before) = (forecast.scenario.format, forecast.machine.peak);
        let stamp = Stamp {
            source: self.calibration.measurements.clone(),
            date: self.calibration.measured_at.chars().take(10).collect(),
            tier: Tier::Measured,
        };
        chip.title = self.calibration.adapter.name.clone();
        (chip.surface, chip.derate, chip.scale_up) = (None, None, None);
        // The watts known are of the cluster's boxes: one adapter would count as a whole one of them.
        (chip.power, node.power, cluster.power) = (None, None, None);
        chip.peak.retain(|f, _| *f == format);
        if let Some(peak) = chip.peak.get_mut(&format) {
            put(peak, rate, &stamp);
            // The ceiling is the best product there is.
            chip.achieved = [(format, peak.clone())].into();
        }
        chip.memory_bandwidth.value *= rate / before;
        if let Some(memory) = self.around.memory {
            chip.memory.value = memory;
        }
        node.title = format!("one {} to a box", chip.title);
        node.accelerators.value = 1.0;
        node.scale_up_domain.value = 1.0;
        if let Some(link) = self.around.link {
            node.scale_out.value = link;
        }
        if let Some(fabric) = &self.around.fabric {
            self.catalog.fabric(fabric)?;
            cluster.fabric = fabric.clone();
        }
        cluster.half.clear();
        (cluster.accelerator, cluster.node) = (NAME.into(), NAME.into());
        let mut scenario = forecast.scenario.clone();
        scenario.cluster = NAME.into();
        scenario.layout = None;
        if let Some(site) = &mut scenario.site {
            site.power_cap = None;
        }
        let mut catalog = self.catalog.clone();
        catalog.sites.values_mut().for_each(|site| site.power_cap = None);
        catalog.accelerators.insert(NAME.into(), chip);
        catalog.nodes.insert(NAME.into(), node);
        catalog.clusters.insert(NAME.into(), cluster);
        catalog.scenarios.insert(self.name.into(), scenario);
        Ok(catalog)
    }

    /// The smallest count of adapters of `rate` flop/s that does the useful work, or why none does.
    fn smallest(&self, rate: f64) -> Result<std::result::Result<(u64, Shares), Connected>> {
        let catalog = self.catalog(rate)?;
        let range = Range { mode: Mode::Strong, from: 1, to: MOST, critical_batch: None };
        let mut scaled = Scaled::new(&catalog, self.name, range)?;
        let (at, seen) = match scaled.sought(1.0 / self.useful, &|seen| 1.0 / seen.useful_flop_per_s)? {
            Sought::Reached(count, seen) => return Ok(Ok((count, seen.shares))),
            Sought::Nearest(Some(nearest)) => nearest,
            Sought::Nearest(None) => {
                return Err(Error::usage(format!("no number of it up to {MOST} holds the job"))
                    .hint("`--memory` says how much each has"));
            }
        };
        let shares = seen.shares;
        let forecast = Forecast::new(&catalog, self.name)?;
        let bound = shares
            .iter()
            .filter(|(b, _)| *b != Bound::Compute)
            .fold((Bound::Compute, 0.0), |best, one| if one.1 > best.1 { one } else { best });
        let (step, l) = (seen.step_s, seen.layout);
        // Weights out and gradients back in 16 bits, but for what a rank has itself: less than that no sharding moves.
        // Experts are spread over ranks of their own, and each of them has fewer copies.
        let (dense, experts) = memory::params(forecast.job, &l);
        let to_others = |params: f64, copies: f64| params * (1.0 - 1.0 / copies.max(1.0));
        let bytes = 4.0 * (to_others(dense, memory::replicas(&l)) + to_others(experts, memory::expert_replicas(&l)));
        let link = forecast.node.scale_out.value;
        let why = match bound.0 {
            Bound::Batch => format!(
                "{} sequences a step, each over at most {} ranks, leave work for {} of them",
                forecast.run.batch,
                u64::from(l.tensor) * u64::from(l.pipeline) * u64::from(l.context),
                l.accelerators()
            ),
            Bound::Network => format!(
                "at least {:.3} GB of weights and gradients cross each {} Gbit/s port every step: {:.3} s of its {step:.3} s",
                bytes / 1e9,
                sig(link / 1.25e8),
                bytes / link
            ),
            Bound::Bubble => {
                let microbatches = l.microbatches(&Run { batch: l.rounded_batch(&forecast.run), ..forecast.run });
                let fill = if microbatches == 1.0 { "microbatch a step fills" } else { "microbatches a step fill" };
                format!("{} stages wait for each other: only {microbatches} {fill} them", l.pipeline)
            }
            Bound::Failures => format!("one of {} fails every {:.3} h", l.accelerators(), seen.failure_h),
            _ => format!("{:.3} s of a step's {step:.3} s", bound.1 * step),
        };
        let most_flop_per_s = seen.useful_flop_per_s;
        Ok(Err(Connected::Never { most_flop_per_s, at, bound: bound.0, why, shares: shares.iter().collect() }))
    }
}

/// Three significant digits.
fn sig(x: f64) -> f64 {
    format!("{x:.2e}").parse().unwrap_or(x)
}

fn put<D: Dimension>(value: &mut Value<D>, to: f64, stamp: &Stamp) {
    value.value = to;
    value.spread = Spread::None;
    value.stamp = stamp.clone();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::software_for_tests;

    const SCENARIO: &str = "xai-12k-h100-redirected";

    fn asked(gflops: f64, around: &Around) -> HowMany {
        of(SCENARIO, gflops, around)
    }

    fn of(scenario: &str, gflops: f64, around: &Around) -> HowMany {
        let mut calibration = software_for_tests();
        for p in &mut calibration.precisions {
            let i = &mut p.ceiling.gflop_per_s;
            (i.median, i.lo, i.hi) = (gflops, 0.9 * gflops, 1.1 * gflops);
        }
        how_many(&Catalog::built_in().unwrap(), scenario, &calibration, around).unwrap()
    }

    #[test]
    fn a_cap_on_the_power_of_the_clusters_boxes_bounds_no_adapter_and_that_is_said() {
        let h = of("colossus-100k-h100", 400_000.0, &Around::default());
        let (Connected::Count { ref shares, .. } | Connected::Never { ref shares, .. }) = h.connected;
        assert_eq!(shares[&Bound::Power], 0.0, "{h:?}");
        assert!(h.assumptions.iter().any(|a| a.contains("the cap of 150 MW")), "{:?}", h.assumptions);
        let uncapped = asked(2e6, &Around::default());
        assert!(!uncapped.assumptions.iter().any(|a| a.contains("cap")), "{:?}", uncapped.assumptions);
    }

    #[test]
    fn an_ideal_number_times_the_ceiling_is_the_useful_rate_and_one_alone_takes_that_many_times_as_long() {
        let h = asked(100_000.0, &Around::default());
        assert!((h.ideal.value * h.one_flop_per_s.value / h.useful_flop_per_s - 1.0).abs() < 1e-12);
        assert!(h.ideal.p5 < h.ideal.value && h.ideal.value < h.ideal.p95);
        assert!(h.software && h.years_alone.p5 < h.years_alone.value);
    }

    #[test]
    fn over_a_network_it_takes_more_than_the_ideal_number_and_the_count_is_the_smallest() {
        let h = asked(2e6, &Around::default());
        let Connected::Count { value, p5, p95, ref shares } = h.connected else { panic!("{h:?}") };
        assert!(value as f64 > h.ideal.value, "{h:?}");
        assert!(p5.unwrap() <= value && p95.is_none_or(|n| n >= value), "{h:?}");
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_slow_adapter_never_matches_and_the_bound_that_wins_says_why() {
        let h = asked(50.0, &Around::default());
        let Connected::Never { most_flop_per_s, bound, ref why, .. } = h.connected else { panic!("{h:?}") };
        assert!(most_flop_per_s < h.useful_flop_per_s && bound != Bound::Compute && !why.is_empty(), "{h:?}");
    }

    #[test]
    fn a_slower_port_does_less_and_the_network_takes_more_of_the_time() {
        let slow = Around { link: Some(1.25e6), ..Around::default() };
        let [own, slow] = [Around::default(), slow].map(|around| match asked(50.0, &around).connected {
            Connected::Never { most_flop_per_s, shares, .. } => (most_flop_per_s, shares[&Bound::Network]),
            other => panic!("{other:?}"),
        });
        assert!(slow.0 < 0.5 * own.0 && slow.1 > own.1, "{slow:?} {own:?}");
    }

    #[test]
    fn what_has_to_cross_a_port_is_no_more_than_the_step_has_time_for() {
        // All parameters over tensor ranks and stages would be half as much again as the second of these has time for.
        for link in [1e4, 1e6] {
            let around = Around { link: Some(link), ..Around::default() };
            let Connected::Never { bound: Bound::Network, why, .. } = asked(27.5, &around).connected else {
                panic!("{link}")
            };
            let seconds: Vec<f64> = why
                .rsplit("every step: ")
                .next()
                .unwrap()
                .split(" s")
                .filter_map(|words| words.rsplit(' ').next()?.parse().ok())
                .collect();
            let [least, step] = seconds[..] else { panic!("{why}") };
            assert!(least > 0.0 && least <= step, "{why}");
        }
    }

    #[test]
    fn an_unknown_network_and_too_little_memory_are_refused() {
        let catalog = Catalog::built_in().unwrap();
        let calibration = software_for_tests();
        for (around, part) in [
            (Around { fabric: Some("string".into()), ..Around::default() }, "unknown fabric `string`"),
            (Around { memory: Some(1e6), ..Around::default() }, "holds the job"),
        ] {
            let error = how_many(&catalog, SCENARIO, &calibration, &around).unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
