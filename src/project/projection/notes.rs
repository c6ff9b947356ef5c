//! What a projection says beside its numbers: assumptions, documents, warnings.

use super::{Assumption, Projection, SourceRef, Transfer};
use crate::calibrate::Calibration;
use crate::cluster::power::Basis;
use crate::project::catalog::Catalog;
use crate::project::fewer::{Enough, Fewer};
use crate::project::study::inputs::computing;
use crate::project::study::{Output, Study};
use crate::project::sweep::TRANSFER_SD_LOG;
use crate::provenance::Tier;

/// Every input that nobody measured and that moves something.
pub(super) fn assumptions(study: &Study) -> Vec<Assumption> {
    let moving = |place: usize| Output::ALL.iter().any(|o| study.moves(place, *o));
    let assumed = study.inputs().iter().enumerate().filter(|(place, i)| i.assumed() && moving(*place));
    assumed
        .filter_map(|(_, i)| {
            let p = i.provenance.as_ref()?;
            Some(Assumption {
                name: i.name.clone(),
                value: i.written,
                unit: i.unit.clone(),
                tier: p.tier,
                source: p.sources.iter().next().cloned().unwrap_or_default(),
                note: i.note.clone(),
            })
        })
        .collect()
}

/// The documents that the quantities rest on.
pub(super) fn sources(catalog: &Catalog, projection: &Projection) -> Vec<SourceRef> {
    let ids: std::collections::BTreeSet<&String> = projection.quantities.values().flat_map(|q| &q.sources).collect();
    ids.into_iter().map(|id| SourceRef::of(catalog, id)).collect()
}

/// What fewer accelerators would do, where `used` work.
pub(super) fn fewer(f: &Fewer, used: u64) -> String {
    let when = |e: &Enough| match e.later {
        later if later.abs() < 0.0005 => "as soon".to_string(),
        later if later < 0.0 => format!("{:.1} % sooner", -100.0 * later),
        later => format!("{:.1} % later", 100.0 * later),
    };
    let mut told = format!(
        "{used} accelerators are used, and {} would finish {} at the medians: the layout is the quickest of a step, and \
         with more of them more fails",
        f.fewest.accelerators,
        when(&f.fewest)
    );
    if f.soonest.later < -0.005 && f.soonest != f.fewest {
        told += &format!("; soonest are {}, {}", f.soonest.accelerators, when(&f.soonest));
    }
    told
}

/// Names in backticks.
fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

/// What to mind.
pub(super) fn warnings(p: &Projection, study: &Study, calibration: Option<&Calibration>) -> Vec<String> {
    let forecast = study.forecast();
    let central = |output: Output| study.at_medians(output).unwrap_or(f64::NAN);
    let mut all = Vec::new();
    let used = p.layout.accelerators();
    match calibration {
        None if forecast.machine.measured.is_some() => {
            all.push("no calibration: but for the fabric this rests on published figures alone".to_string());
        }
        None => all.push("no calibration: this rests on published figures alone".to_string()),
        Some(c) => {
            if p.transfer == Transfer::Shape {
                let best = c.best();
                all.push(format!(
                    "transfer=shape: the shape of `{}`'s {} curve ({} points) stands for that of `{}`, its rate does not; \
                     the band is widened by {:.0} %",
                    c.adapter.name,
                    best.precision,
                    best.curve.points.len(),
                    forecast.cluster.accelerator,
                    100.0 * TRANSFER_SD_LOG
                ));
            } else {
                all.push("transfer=none: the calibration bends nothing here".to_string());
            }
            if c.software {
                all.push(
                    "SOFTWARE: measured on a CPU-type adapter; right for trying the path, no statement about hardware"
                        .into(),
                );
            }
        }
    }
    if let Some(local) = &forecast.machine.measured {
        let [inside, between] = local.covers();
        let (domain, table) = (local.domain(), local.table());
        let tier = |names: Vec<&str>| if names.is_empty() { "nothing".to_string() } else { names.join(", ") };
        all.push(format!(
            "the fabric was measured here (`{}`): {}; within domains of {domain} it stands for {}, between them for {}; \
             the prior for the rest",
            table.source,
            table.covers(),
            tier(inside),
            tier(between)
        ));
    }
    if used > p.largest_validated {
        all.push(format!(
            "{used} accelerators in one job: the largest that was ever published used {}; the band is widened beyond it",
            p.largest_validated
        ));
    }
    // That of the machine: where parts differ, of the one that the others wait for.
    let part = forecast.halves.get(forecast.on_parts.slowest);
    let own = (forecast.cluster.accelerator.as_str(), forecast.surface);
    let (kind, swept) = part.map_or(own, |part| (part.kind, part.surface));
    if swept.transferred {
        all.push(format!(
            "no {} products of `{}` were published over their extents: those of `{}` in {} stand for their shape, widened \
             by {:.0} %",
            forecast.scenario.format,
            kind,
            swept.surface.accelerator,
            swept.surface.format,
            100.0 * swept.standing_sd_log()
        ));
    }
    if !p.accelerator_measured {
        all.push(format!(
            "nobody measured a product of {}: its figures are announced or of a data sheet, and the share of the peak \
             that it reaches is that of its vendor's others; a scenario, not an estimate",
            quoted(&forecast.unmeasured())
        ));
    }
    if p.assumed_share > 0.5 {
        all.push(format!(
            "{:.0} % of the variance is from assumptions: a scenario, not an estimate",
            100.0 * p.assumed_share
        ));
    }
    if p.idle_accelerators > 0 {
        all.push(format!(
            "{} accelerators stay idle: the batch does not spread over them, or their stages and replicas do not come out",
            p.idle_accelerators
        ));
    }
    let held = 1e9 * central(Output::Memory);
    let memory = held / forecast.machine.memory;
    if memory > 1.0 {
        all.push(format!(
            "the layout needs {:.0} GB of the {:.0} GB per accelerator: it does not fit",
            held / 1e9,
            forecast.machine.memory / 1e9
        ));
    }
    let asked = forecast.scenario.batch.value / forecast.run.sequence;
    if forecast.run.batch != asked {
        all.push(format!(
            "the batch of {asked} sequences is rounded to {}, which the replicas divide",
            forecast.run.batch
        ));
    }
    let tokens = forecast.run.batch * forecast.run.sequence / used as f64;
    if tokens < 2_500.0 {
        all.push(format!(
            "{tokens:.0} tokens per accelerator and step: below about 2,500 the batch is what limits the speed"
        ));
    }
    if central(Output::Goodput) < 0.05 {
        all.push(match study.at_medians(Output::Mttf) {
            Some(hours) => format!(
                "hardly any progress: a failure every {:.0} s against a restart of {:.0} s",
                3600.0 * hours,
                forecast.scenario.restart.value
            ),
            None => format!(
                "hardly any progress, though nothing fails: {:.0} s of checkpoint after {:.0} s of work",
                central(Output::Checkpoint),
                central(Output::Interval)
            ),
        });
    }
    if forecast.on < forecast.asked {
        all.push(format!(
            "no place to turn them on: the power cap of {:.3} MW bears {} of {} accelerators",
            forecast.site.power_cap.as_ref().map_or(f64::NAN, |v| v.value / 1e6),
            forecast.on,
            forecast.asked
        ));
    }
    if forecast.halves.len() > 1 {
        let costs = p.quantities.get(Output::PartsCost.name());
        let names: Vec<_> =
            forecast.halves.iter().map(|h| format!("{} ({:.0})", h.half.title, h.share * forecast.asked)).collect();
        if let Some(slowest) = forecast.on_parts.held_by(&forecast.halves).map(|part| &part.half.title) {
            all.push(if forecast.on_parts.relative.iter().any(|r| *r > 1.0) {
                format!(
                    "parts with different accelerators keep step: each takes as much of the work, so that all run as fast \
                     as {slowest}, and hold as much as the smallest memory; MFU is over the peak of all"
                )
            } else {
                format!("parts of different pace keep step: each takes as much of the work, so that all run as fast as {slowest}")
            });
        }
        all.push(format!(
            "a synchronous job over {} runs at the slowest one's pace: {:.1} % of the step at the median, {:.1} % at the \
             95th percentile",
            names.join(" and "),
            100.0 * costs.map_or(f64::NAN, |q| q.p50),
            100.0 * costs.map_or(f64::NAN, |q| q.p95)
        ));
    }
    let here = calibration.and_then(|c| computing(forecast, c));
    let reason = calibration.map_or(String::new(), |c| match &c.power {
        _ if here.is_some() => String::new(),
        None => " (the calibration states none)".into(),
        Some(p) if p.watts.is_none() => format!(" ({})", p.source),
        Some(_) if c.software => " (what a software adapter draws says nothing of an accelerator)".into(),
        Some(_) => " (the measured adapter is not the cluster's accelerator)".into(),
    });
    match (&forecast.rated, &here) {
        (Some(_), Some(here)) => all.push(format!(
            "power while computing is measured here: {:.0} % of the accelerator's rating; other phases and the rest of the \
             box are not",
            100.0 * here.value
        )),
        (Some((rated, Basis::Box)), None) if rated.stamp.tier >= Tier::Assumed => all.push(format!(
            "no box of this kind was measured, and its rated power is assumed: {}",
            rated.note.as_deref().unwrap_or("no reason is stated")
        )),
        (Some((_, Basis::Box)), None) => all.push(format!("power was not measured here{reason}: it rests on boxes that others measured")),
        (Some((_, Basis::Accelerator)), None) => {
            all.push(
                format!("power was not measured here{reason} and no box of this kind either: it rests on the accelerator's rating"),
            );
        }
        (None, _) => all.push(format!(
            "no power is known of {}: no energy, carbon or cost of owning",
            quoted(&forecast.kinds(|accelerator, _| accelerator.power.is_none()))
        )),
    }
    for (what, price) in [
        ("rent", forecast.price.rent.as_ref().map(|v| (v.stamp.tier, v.note.as_ref()))),
        ("purchase", forecast.price.capex.as_ref().map(|v| (v.stamp.tier, v.note.as_ref()))),
    ] {
        if let (Some((tier, Some(note))), false) = (price, p.accelerator_measured)
            && tier >= Tier::Assumed
        {
            all.push(format!("the price of {what} is assumed: {note}"));
        }
    }
    if forecast.price.rent.is_none() || forecast.price.capex.is_none() {
        let kinds = forecast.kinds(|_, _| true);
        let each = if kinds.len() > 1 { "each of " } else { "" };
        all.push(format!("no price is known of {each}{}: the cost of it is missing", quoted(&kinds)));
    }
    all
}
