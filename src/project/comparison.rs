//! Scenarios side by side, on as many accelerators, as much power or as much money: what a generation is
//! worth, what waiting for it is, what a budget buys.

use super::catalog::Catalog;
use super::entries::{Comparison, Equal};
use super::plan::Ranged;
use super::projection::{Projection, Samples, run_sampled};
use super::sample::quantile;
use super::scaling::grow;
use super::scenario::Forecast;
use super::transfer::Options;
use crate::error::{Error, Result};
use crate::sourced::Value;
use crate::units::Money;
use serde::{Deserialize, Serialize};

/// Schema id of a comparison that was made.
pub const SCHEMA: &str = "flopcast.comparison/1";

/// One scenario at one count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Row {
    /// What is the same as for the first.
    pub equal: Equal,
    /// Name of the scenario.
    pub scenario: String,
    /// Accelerators, with the range that a price's gives to what the money buys.
    pub count: Option<Ranged>,
    /// Why there is no count.
    pub missing: Option<String>,
    /// The forecast at the median of the count.
    pub projection: Option<Box<Projection>>,
    /// Days over those of the first scenario, draw by draw.
    pub days_ratio: Option<Ranged>,
    /// Runs that would take the first scenario longer than this are done sooner by waiting, days.
    pub waiting_pays_beyond: Option<Ranged>,
}

/// A comparison that was made: `flopcast.comparison/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Compared {
    /// Always `flopcast.comparison/1`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What was compared.
    pub comparison: Comparison,
    /// The rows, block by block.
    pub rows: Vec<Row>,
}

/// Makes the comparison of that name. Errors: an unknown name or scenario, fewer than two scenarios, money
/// without a price.
pub fn compare(catalog: &Catalog, name: &str) -> Result<Compared> {
    let comparison = catalog.comparison(name)?;
    make(catalog, name, comparison).map_err(|e| e.context(format!("comparison `{name}`")))
}

fn make(catalog: &Catalog, name: &str, comparison: &Comparison) -> Result<Compared> {
    let Some(first) = comparison.scenarios.first().filter(|_| comparison.scenarios.len() > 1) else {
        return Err(Error::usage("`scenarios`: fewer than two"));
    };
    if comparison.equal.is_empty() {
        return Err(Error::usage("`equal`: nothing").hint("one or more of accelerators, power, money"));
    }
    let base = Forecast::new(catalog, first)?;
    let mut rows = Vec::new();
    for &equal in &comparison.equal {
        let mut held: Option<(Projection, Samples)> = None;
        let mut start = Ranged { value: base.asked, p5: base.asked, p95: base.asked };
        for scenario in &comparison.scenarios {
            let count = match (&comparison.money, scenario == first) {
                (Some(money), _) => bought(catalog, scenario, money.value),
                (None, true) => Ok(start),
                (None, false) => counted(catalog, equal, first, start.value, scenario),
            };
            let mut row = Row {
                equal,
                scenario: scenario.clone(),
                count: None,
                missing: None,
                projection: None,
                days_ratio: None,
                waiting_pays_beyond: None,
            };
            match count {
                Err(why) => row.missing = Some(why),
                Ok(count) => {
                    row.count = Some(count);
                    let (projection, samples) = at(catalog, first, scenario, count.value)?;
                    match &held {
                        None => {
                            start = count;
                            held = Some((projection.clone(), samples));
                        }
                        Some((before, was)) => {
                            row.days_ratio = ratio(before, was, &projection, &samples);
                            row.waiting_pays_beyond = comparison.wait.as_ref().zip(row.days_ratio).map(|(wait, r)| {
                                // A longer run of x days: x > wait + ratio · x.
                                let beyond = |ratio: f64| {
                                    if ratio < 1.0 { wait.value / 86_400.0 / (1.0 - ratio) } else { f64::MAX }
                                };
                                Ranged { value: beyond(r.value), p5: beyond(r.p5), p95: beyond(r.p95) }
                            });
                        }
                    }
                    row.projection = Some(Box::new(projection));
                }
            }
            rows.push(row);
        }
    }
    Ok(Compared { schema: SCHEMA.into(), name: name.into(), comparison: comparison.clone(), rows })
}

type Count = std::result::Result<Ranged, String>;

/// What money buys: whole boxes.
fn bought(catalog: &Catalog, scenario: &str, money: f64) -> Count {
    let forecast = Forecast::new(catalog, scenario).map_err(|e| e.message().to_string())?;
    let price = capex(&forecast)?;
    let [low, high] = price.spread.band(price.value);
    let boxes = |price: f64| whole(money / price, &forecast);
    Ok(Ranged { value: boxes(price.value), p5: boxes(high), p95: boxes(low) })
}

/// As many of another scenario's accelerators as come to the same.
fn counted(catalog: &Catalog, equal: Equal, first: &str, count: f64, other: &str) -> Count {
    let text = |e: Error| e.message().to_string();
    let [base, forecast] = [first, other].map(|name| Forecast::new(catalog, name).map_err(text));
    let (base, forecast) = (base?, forecast?);
    let count = match equal {
        Equal::Accelerators => count,
        Equal::Money => count * capex(&base)?.value / capex(&forecast)?.value,
        Equal::Power => {
            let [base, other] = [first, other].map(|name| laid_out(catalog, name));
            count * base? / other?
        }
    };
    let count = whole(count, &forecast);
    Ok(Ranged { value: count, p5: count, p95: count })
}

fn whole(count: f64, forecast: &Forecast) -> f64 {
    let one = forecast.node.accelerators.value;
    (count / one).floor().max(1.0) * one
}

fn capex<'a>(forecast: &'a Forecast) -> std::result::Result<&'a Value<Money>, String> {
    forecast.price.capex.as_ref().ok_or_else(|| format!("no price of `{}` is known", forecast.cluster.accelerator))
}

/// Power to lay out for one accelerator of a scenario, MW.
fn laid_out(catalog: &Catalog, name: &str) -> std::result::Result<f64, String> {
    let options = Options::default();
    let study =
        super::study::Study::at_medians_alone(catalog, name, None, &options).map_err(|e| e.message().to_string())?;
    let forecast = study.forecast();
    study
        .at_medians(super::study::Output::FacilityPeak)
        .map(|power| power / forecast.on)
        .ok_or_else(|| format!("no power of `{}` is known", forecast.cluster.accelerator))
}

/// The scenario on so many accelerators, with the job of the first.
fn at(catalog: &Catalog, first: &str, name: &str, count: f64) -> Result<(Projection, Samples)> {
    let mut catalog = catalog.clone();
    let job = catalog.scenario(first)?.clone();
    catalog.scenario(name)?;
    if let Some(scenario) = catalog.scenarios.get_mut(name)
        && let Some(cluster) = catalog.clusters.get_mut(&scenario.cluster)
    {
        scenario.accelerators.get_or_insert_with(|| cluster.accelerators.clone()).value = count;
        grow(cluster, count);
        (scenario.job, scenario.format, scenario.layout) = (job.job, job.format, None);
        (scenario.tokens, scenario.sequence, scenario.batch) = (job.tokens, job.sequence, job.batch);
    }
    run_sampled(&catalog, name, None, &Options::default())
}

fn ratio(before: &Projection, was: &Samples, now: &Projection, is: &Samples) -> Option<Ranged> {
    let name = "run_days";
    let mut ratios: Vec<f64> = is.get(name)?.iter().zip(was.get(name)?).map(|(is, was)| is / was).collect();
    ratios.sort_by(f64::total_cmp);
    Some(Ranged {
        value: now.quantities.get(name)?.value / before.quantities.get(name)?.value,
        p5: quantile(&ratios, 0.05),
        p95: quantile(&ratios, 0.95),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sourced::Spread;

    #[test]
    fn every_built_in_comparison_has_a_row_per_scenario_and_block_or_says_why_not() {
        let catalog = Catalog::built_in().unwrap();
        assert!(catalog.comparisons.len() >= 3);
        for (name, c) in &catalog.comparisons {
            let made = compare(&catalog, name).unwrap();
            assert_eq!(made.rows.len(), c.scenarios.len() * c.equal.len(), "{name}");
            for row in &made.rows {
                assert_ne!(row.missing.is_some(), row.projection.is_some(), "{name} {row:?}");
                if let (Some(money), Some(count)) = (&c.money, row.count) {
                    let price = Forecast::new(&catalog, &row.scenario).unwrap().price.capex.unwrap().value;
                    assert!(count.value * price <= money.value && (count.value + 8.0) * price > money.value);
                    assert!(count.p5 < count.value && count.value < count.p95);
                }
            }
        }
    }

    #[test]
    fn what_money_buys_has_the_band_of_the_price_whatever_form_its_range_has() {
        let mut catalog = Catalog::built_in().unwrap();
        let name = "xai-12k-h100-redirected";
        let mut price = Forecast::new(&catalog, name).unwrap().price;
        for (spread, [p5, p95]) in [
            (Spread::Log(0.1), [(0.1f64 * 1.644_854).exp().recip(), (0.1f64 * 1.644_854).exp()]),
            (Spread::Range { low: 24_000.0, high: 96_000.0 }, [0.5f64.powf(0.9), 2f64.powf(0.9)]),
        ] {
            let capex = price.capex.as_mut().unwrap();
            (capex.value, capex.spread) = (48_000.0, spread);
            catalog.scenarios.get_mut(name).unwrap().price = Some(price.clone());
            let count = bought(&catalog, name, 4.8e9).unwrap();
            assert_eq!(count.value, 100_000.0);
            // Whole boxes of eight.
            for (count, factor) in [(count.p5, p95), (count.p95, p5)] {
                let all = 100_000.0 / factor;
                assert!(count <= all + 0.01 && all < count + 8.01, "{count} for {all}, {spread:?}");
            }
        }
    }

    #[test]
    fn a_scenario_beside_itself_changes_nothing_whatever_is_equal() {
        let mut catalog = Catalog::built_in().unwrap();
        let mut c = catalog.comparisons["blackwell-vs-hopper"].clone();
        c.scenarios = vec!["xai-12k-h100-redirected".into(); 2];
        catalog.comparisons.insert("same".into(), c);
        for row in compare(&catalog, "same").unwrap().rows.iter().skip(1).step_by(2) {
            let r = row.days_ratio.unwrap();
            assert!([r.value, r.p5, r.p95].iter().all(|x| (x - 1.0).abs() < 1e-9), "{row:?}");
        }
    }

    #[test]
    fn waiting_pays_from_where_the_run_saved_is_as_long_as_the_wait() {
        let catalog = Catalog::built_in().unwrap();
        let made = compare(&catalog, "rubin").unwrap();
        let row = made.rows.iter().find(|r| r.days_ratio.is_some()).unwrap();
        let (ratio, beyond) = (row.days_ratio.unwrap().value, row.waiting_pays_beyond.unwrap().value);
        let wait = made.comparison.wait.as_ref().unwrap().value / 86_400.0;
        assert!(ratio < 1.0 && ((wait + ratio * beyond) / beyond - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_compares_nothing_is_refused() {
        let mut catalog = Catalog::built_in().unwrap();
        let good = catalog.comparisons["rubin"].clone();
        for (change, part) in [
            (Comparison { scenarios: vec!["tesla-85k-h100".into()], ..good.clone() }, "fewer than two"),
            (Comparison { equal: vec![], ..good.clone() }, "`equal`: nothing"),
            (Comparison { scenarios: vec!["x".into(), "y".into()], ..good }, "unknown scenario `x`"),
        ] {
            catalog.comparisons.insert("bad".into(), change);
            let error = compare(&catalog, "bad").unwrap_err();
            assert!(error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        assert!(compare(&catalog, "none").unwrap_err().message().contains("unknown comparison"));
    }
}
