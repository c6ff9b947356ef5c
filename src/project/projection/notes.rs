//! What a projection says beside its numbers: assumptions, documents, warnings.

use super::{Assumption, Draw, Projection, SourceRef, TRANSFER_SD_LOG, Transfer};
use crate::calibrate::Calibration;
use crate::project::catalog::Catalog;
use crate::project::scenario::Forecast;
use crate::provenance::Tier;

/// Every input that nobody measured.
pub(super) fn assumptions(forecast: &Forecast) -> Vec<Assumption> {
    let f = forecast;
    let mut all: Vec<Assumption> = f
        .constants
        .entries()
        .iter()
        .filter(|e| e.assumed())
        .map(|e| Assumption {
            name: e.name.into(),
            value: e.written,
            unit: e.unit.into(),
            tier: e.stamp.tier,
            source: e.stamp.source.clone(),
            note: e.note.unwrap_or_default().into(),
        })
        .collect();
    macro_rules! stated {
        ($($name:literal: $value:expr),+ $(,)?) => {
            $(if $value.stamp.tier >= Tier::Assumed {
                all.push(Assumption {
                    name: $name.into(),
                    value: $value.written(),
                    unit: $value.unit().into(),
                    tier: $value.stamp.tier,
                    source: $value.stamp.source.clone(),
                    note: $value.note.clone().unwrap_or_default(),
                });
            })+
        };
    }
    stated!(
        "tokens": f.scenario.tokens,
        "sequence": f.scenario.sequence,
        "batch": f.scenario.batch,
        "checkpoint": f.scenario.checkpoint,
        "restart": f.scenario.restart,
        "fabric.efficiency": f.fabric.efficiency,
        "fabric.latency": f.fabric.latency,
        "accelerators": f.cluster.accelerators,
        "scale_out": f.node.scale_out,
    );
    all
}

/// The documents that the quantities rest on.
pub(super) fn sources(catalog: &Catalog, projection: &Projection) -> Vec<SourceRef> {
    let ids: std::collections::BTreeSet<&String> = projection.quantities.values().flat_map(|q| &q.sources).collect();
    ids.into_iter()
        .map(|id| match catalog.sources.get(id) {
            Some(s) => SourceRef { id: id.clone(), title: s.title.clone(), locator: s.locator.clone() },
            // The only source that is no document of the catalogue is the measurement itself.
            None => SourceRef { id: id.clone(), title: "measurement made by this tool".into(), locator: id.clone() },
        })
        .collect()
}

/// What to mind.
pub(super) fn warnings(
    p: &Projection,
    forecast: &Forecast,
    central: &Draw,
    calibration: Option<&Calibration>,
) -> Vec<String> {
    let mut all = Vec::new();
    let used = p.layout.accelerators();
    match calibration {
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
    if used > p.largest_validated {
        all.push(format!(
            "{used} accelerators in one job: the largest that was ever published used {}; the band is widened beyond it",
            p.largest_validated
        ));
    }
    if p.kind == "scenario" {
        all.push(format!(
            "{:.0} % of the variance is from assumptions: a scenario, not an estimate",
            100.0 * p.assumed_share
        ));
    }
    if p.idle_accelerators > 0 {
        all.push(format!(
            "{} accelerators stay idle: the batch does not spread over all, they serve as spares",
            p.idle_accelerators
        ));
    }
    let memory = central.memory / forecast.machine.memory;
    if memory > 1.0 {
        all.push(format!(
            "the layout needs {:.0} GB of the {:.0} GB per accelerator: it does not fit",
            central.memory / 1e9,
            forecast.machine.memory / 1e9
        ));
    }
    let tokens = forecast.run.batch * forecast.run.sequence / used as f64;
    if tokens < 2_500.0 {
        all.push(format!(
            "{tokens:.0} tokens per accelerator and step: below about 2,500 the batch is what limits the speed"
        ));
    }
    if central.goodput < 0.05 {
        all.push(format!(
            "no progress: a failure every {:.0} s against a restart of {:.0} s",
            central.mttf, forecast.scenario.restart.value
        ));
    }
    all
}
