use super::*;
use crate::sourced::Value;

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
fn a_point_is_the_forecast_at_its_count_bit_by_bit() {
    let catalog = Catalog::built_in().unwrap();
    let own = run(&catalog, NAME, None, &Options::default()).unwrap();
    for scaled in [false, true] {
        let curve = Scaled::new(&catalog, NAME, range(Mode::Strong, 4096, 20_000)).unwrap();
        let curve = if scaled { curve.sparse() } else { curve }.scaling().unwrap();
        let point = curve.points.iter().find(|p| p.count == 12_000).expect("the scenario's own count is a point");
        assert_eq!(point.layout, own.layout);
        for (name, q) in &own.quantities {
            let seen = point.quantities[name];
            assert_eq!([seen.value, seen.p5, seen.p95], [q.value, q.p5, q.p95], "{name}");
        }
    }
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
fn all_that_is_of_the_run_grows_with_the_tokens_that_a_large_batch_wastes_and_nothing_else_does() {
    let catalog = Catalog::built_in().unwrap();
    let at = |critical_batch| {
        let range = Range { critical_batch, ..range(Mode::Strong, 12_000, 12_000) };
        scaling(&catalog, NAME, range).unwrap().points.remove(0).quantities
    };
    let (plain, wasted) = (at(None), at(Some(24.576e6)));
    let of_the_run = ["steps", "run_days", "energy", "energy_per_token", "carbon", "cost_rent", "cost_own"];
    for (name, q) in &plain {
        let times = if of_the_run.contains(&name.as_str()) { 2.0 } else { 1.0 };
        let w = wasted[name];
        for (w, q) in [(w.value, q.value), (w.p5, q.p5), (w.p95, q.p95)] {
            assert!((w - times * q).abs() <= 1e-12 * w.abs(), "{name}: {w} for {q}");
        }
    }
    assert!(of_the_run.iter().all(|name| plain.contains_key(*name)));
    // Each is still made of the others.
    let value = |name: &str| wasted[name].value;
    let days = value("steps") * value("step_time") / value("goodput") / 86_400.0;
    assert!((days / value("run_days") - 1.0).abs() < 1e-9);
    let energy = value("facility_power") * value("run_days") * 24.0 / 1e3;
    assert!((energy / value("energy") - 1.0).abs() < 1e-9);
}

#[test]
fn the_bound_at_the_smallest_count_that_holds_the_job_is_the_one_that_is_told() {
    let catalog = Catalog::built_in().unwrap();
    for name in ["xai-300k-b200", NAME] {
        let all = scaling(&catalog, name, range(Mode::Strong, 1, 256)).unwrap();
        let fits = all.fits_from.unwrap();
        let mut scaled = Scaled::new(&catalog, name, range(Mode::Strong, 1, 256)).unwrap();
        assert_eq!(scaled.largest(fits).unwrap(), all.first_bound(), "{name}: {:?}", all.takeovers);
        for t in &all.takeovers {
            assert!(t.from > fits, "{name}: {t:?}");
            assert_eq!(scaled.largest(t.from).unwrap(), Some(t.bound), "{name}: {t:?}");
            assert_eq!(scaled.largest(t.from - 1).unwrap(), Some(t.after), "{name}: {t:?}");
        }
        let last = all.takeovers.last().map_or(all.first_bound(), |t| Some(t.bound));
        assert_eq!(last, all.points.last().map(|p| p.bound), "{name}");
    }
}

#[test]
fn a_batch_beyond_all_published_ones_is_told_though_it_grew_out_of_one() {
    let catalog = Catalog::built_in().unwrap();
    let name = "llama-3-405b-16k-h100";
    assert!(catalog.scenario(name).unwrap().batch.stamp.tier < crate::provenance::Tier::Assumed);
    let warned = |count| {
        let all = scaling(&catalog, name, range(Mode::Weak, count, count)).unwrap();
        all.warnings.iter().any(|w| w.contains("larger than the largest published one"))
    };
    assert!(!warned(16_384) && warned(131_072));
}

#[test]
fn the_band_of_the_useful_rate_is_that_of_its_draws() {
    let catalog = Catalog::built_in().unwrap();
    let all = scaling(&catalog, "xai-300k-b200", range(Mode::Strong, 300_000, 300_000)).unwrap();
    let (useful, days) = (all.points[0].quantities["useful_flop_per_s"], all.points[0].quantities["run_days"]);
    // The flop of a run are certain, so that each draw's rate times its days is the same.
    for (rate, days_then) in [(useful.p5, days.p95), (useful.p95, days.p5)] {
        let ratio = rate * days_then / (useful.value * days.value);
        assert!((ratio - 1.0).abs() < 0.005, "{ratio}");
    }
}

#[test]
fn a_range_that_is_none_and_a_job_that_fits_nowhere_are_refused() {
    let catalog = Catalog::built_in().unwrap();
    for (from, to, part) in
        [(0, 10, "counts from 0"), (10, 1, "counts from 10 to 1"), (1, u64::MAX, "counts from 1"), (1, 2, "no layout")]
    {
        let error = scaling(&catalog, NAME, range(Mode::Strong, from, to)).unwrap_err();
        assert!(error.message().contains(part), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn the_power_of_a_site_bounds_a_job_without_a_stated_cap_and_every_count_agrees_with_the_takeover() {
    let mut catalog = Catalog::built_in().unwrap();
    let cluster = catalog.clusters.get_mut("xai-12k-h100").unwrap();
    cluster.power = Some(Value::exact(0.2, "MW", cluster.provenance.clone()).unwrap());
    assert!(catalog.scenario(NAME).unwrap().site.is_none());
    let (from, to) = (128, 512);
    let all = scaling(&catalog, NAME, range(Mode::Strong, from, to)).unwrap();
    let power: Vec<_> = all.takeovers.iter().filter(|t| t.bound == Bound::Power).collect();
    let [power] = power[..] else { panic!("{:?}", all.takeovers) };
    // Each count by itself.
    let mut scaled = Scaled::new(&catalog, NAME, range(Mode::Strong, from, to)).unwrap();
    let bounds: Vec<Bound> = (from..=to).map(|n| scaled.largest(n).unwrap().unwrap()).collect();
    let at = |n: u64| bounds[(n - from) as usize];
    for t in &all.takeovers {
        assert!(at(t.from) == t.bound && at(t.from - 1) == t.after && t.bound != t.after, "{t:?}");
    }
    for n in from..=to {
        assert_eq!(at(n) == Bound::Power, n >= power.from, "{n}: {:?}, {power:?}", at(n));
    }
    // What is on stays as it is, whatever is asked for.
    let on = |n: u64, scaled: &mut Scaled| scaled.at(n).unwrap().unwrap().layout.accelerators();
    assert_eq!(on(300, &mut scaled), on(500, &mut scaled));
}

#[test]
fn a_curve_says_which_count_finishes_soonest_where_more_finish_later() {
    let mut catalog = Catalog::built_in().unwrap();
    catalog.scenarios.get_mut("xai-300k-b200").unwrap().restart.value *= 2.0;
    let all = scaling(&catalog, "xai-300k-b200", range(Mode::Strong, 65_536, 300_000)).unwrap();
    let days = |p: &Point| p.quantities["run_days"].value;
    let best = all.points.iter().min_by(|a, b| days(a).total_cmp(&days(b))).unwrap();
    assert!(best.count < 300_000);
    let told = format!("{} finishes soonest; 300000 takes", best.count);
    assert!(all.warnings.iter().any(|w| w.contains(&told)), "{:?}", all.warnings);
}

/// A catalogue in which the scenario keeps so many accelerators as spares.
fn with_spares(count: f64) -> Catalog {
    let mut catalog = Catalog::built_in().unwrap();
    let usual = catalog.operations["usual"].clone();
    let scenario = catalog.scenarios.get_mut(NAME).unwrap();
    let spares = Value::exact(count, "accelerator", scenario.provenance.clone()).unwrap();
    let mut operations = scenario.operations.clone().unwrap_or(usual);
    operations.spares = Some(spares);
    scenario.operations = Some(operations);
    catalog
}

#[test]
fn what_a_count_between_two_powers_of_two_reaches_is_found_though_more_accelerators_are_slower() {
    let catalog = Catalog::built_in().unwrap();
    for (name, wanted) in [("xai-300k-b200", 1.65), ("xai-300k-b200", 1.7), (NAME, 9.0)] {
        let new = || Scaled::new(&catalog, name, range(Mode::Strong, 1, 1_000_000)).unwrap();
        let (count, days) = new().finish_within(wanted * 86_400.0).unwrap();
        let mut scaled = new();
        assert!(days <= wanted && scaled.days(count - 1).unwrap() > wanted, "{name} {wanted}: {count} {days}");
        // No power of two below does it, nor anything else that is tried here.
        for few in (1..40).map(|n| (count as f64 * f64::exp(-0.05 * f64::from(n))) as u64) {
            assert!(scaled.days(few).unwrap() > wanted, "{name} {wanted}: {few} does, and {count} is said");
        }
    }
}

#[test]
fn the_quickest_that_a_refusal_names_is_nearly_the_quickest_there_is() {
    let catalog = Catalog::built_in().unwrap();
    for name in ["xai-300k-b200", NAME] {
        let new = || Scaled::new(&catalog, name, range(Mode::Strong, 1024, 1_000_000)).unwrap();
        let Sought::Nearest(Some((count, seen))) = new().sought(1e-3, &|seen| seen.days).unwrap() else {
            panic!("{name} in a minute and a half")
        };
        let mut scaled = new();
        assert_eq!(scaled.days(count).unwrap(), seen.days);
        for other in (0..400).map(|n| (1024.0 * f64::exp(f64::from(n) * f64::ln(976.0) / 400.0)) as u64) {
            let days = scaled.days(other).unwrap();
            assert!(days > 0.998 * seen.days, "{name}: {other} takes {days}, {count} takes {}", seen.days);
        }
        // What is named is reached.
        let (reached, _) = new().finish_within(1.0001 * seen.days * 86_400.0).unwrap();
        assert!(reached <= count, "{name}: {reached} {count}");
    }
}

#[test]
fn a_count_too_small_for_its_spares_does_not_hold_the_job() {
    let catalog = with_spares(512.0);
    let all = scaling(&catalog, NAME, range(Mode::Strong, 1, 16_384)).unwrap();
    let fits = all.fits_from.unwrap();
    let mut scaled = Scaled::new(&catalog, NAME, range(Mode::Strong, 1, 16_384)).unwrap();
    assert!(fits > 512 && scaled.at(fits - 1).unwrap().is_none() && scaled.at(fits).unwrap().is_some(), "{fits}");
    assert_eq!(scaled.at(1).unwrap(), None);
    let (count, days) = scaled.finish_within(60.0 * 86_400.0).unwrap();
    assert!(count > 512 && days <= 60.0, "{count} {days}");
    // Where no count is left its own message says why.
    let error = scaling(&catalog, NAME, range(Mode::Strong, 1, 512)).unwrap_err();
    assert!(error.message().contains("`operations.spares`: 512 of 512"), "{error}");
    // What is wrong at any count stays an error.
    let error = Scaled::new(&with_spares(0.5), NAME, range(Mode::Strong, 1, 64)).map(|_| ()).unwrap_err();
    assert!(error.message().contains("0.5 is no whole number"), "{error}");
}
