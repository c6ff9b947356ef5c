//! Projections and a calibration as text.

use super::number::{bare, cell, mark, number, rate};
use super::{Document, Printed, Sheet, Table};
use crate::calibrate::{Calibration, PrecisionCurve};
use crate::project::{Equivalents, MeasureNext, Projection, Simulation, Transfer};

/// Names in the order a reader asks for them, with what they are called.
pub const ORDER: [(&str, &str); 23] = [
    ("step_time", "step time"),
    ("mfu", "MFU"),
    ("tokens_per_s", "tokens per second"),
    ("run_days", "days for the tokens"),
    ("cluster_flop_per_s", "achieved model flop/s"),
    ("peak_flop_per_s", "peak of the accelerators used"),
    ("goodput", "goodput"),
    ("mean_time_to_failure", "mean time to failure"),
    ("checkpoint_interval", "best checkpoint interval"),
    ("checkpoint_cost", "exposed cost of a checkpoint"),
    ("memory_per_accelerator", "memory per accelerator"),
    ("steps", "steps"),
    ("slower_part_cost", "cost of the slowest part"),
    ("accelerators_powered", "accelerators under the power cap"),
    ("node_power", "power of a box, training"),
    ("facility_power", "power of the facility, mean"),
    ("facility_peak_power", "power to lay out"),
    ("energy", "energy"),
    ("energy_per_token", "energy per token"),
    ("energy_per_flop", "energy per useful flop"),
    ("carbon", "carbon dioxide equivalent"),
    ("cost_rent", "cost, rented"),
    ("cost_own", "cost, owned"),
];

/// The whole of one projection.
fn screen(p: &Projection) -> Document {
    let mut out = Document::from(format!("{} ({}){}\n", p.title, p.kind, mark(p.software)));
    let idle = if p.idle_accelerators > 0 { format!(", {} idle", p.idle_accelerators) } else { String::new() };
    let found = if p.layout_stated { "stated".into() } else { format!("best of {}", p.layouts_searched) };
    out += &format!("layout {} on {} accelerators{idle} ({found}), {}\n", p.layout, p.layout.accelerators(), p.format);
    out += &format!("transfer {}\n\n", transfer(p.transfer));
    let mut table = Table::new(&["", ">value", ">5 %", ">median", ">95 %", "rests on"]);
    for (name, title) in ORDER {
        if let Some(q) = p.quantities.get(name) {
            let at = |value| cell(name, &q.unit, value);
            table.row([
                title.to_string(),
                at(q.value),
                at(q.p5),
                at(q.p50),
                at(q.p95),
                format!("{}{}", q.tier, mark(q.software)),
            ]);
        }
    }
    out.table(table);
    out += &format!("\nMFU counts: {}\n", p.flop_convention);
    let total: f64 = p.step_parts.values().sum();
    let mut parts: Vec<_> = p.step_parts.iter().filter(|(_, s)| **s > 0.0005 * total).collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let parts: Vec<_> = parts.iter().map(|(name, s)| format!("{name} {} %", number(100.0 * **s / total, 2))).collect();
    out += &format!("the step is {}\n", parts.join(", "));
    let wide: Vec<_> = p
        .sensitivities
        .iter()
        .filter(|s| s.total > 0.02)
        .take(6)
        .map(|s| format!("{} {} %", s.name, number(100.0 * s.total, 2)))
        .collect();
    out += &format!("the width of `days` is {}\n", wide.join(", "));
    if let Some(next) = p.measure_next.first() {
        out += &measure_next(next);
    }
    if let Some(s) = &p.simulation {
        out += &simulation(s);
    }
    if let Some(e) = &p.equivalents {
        out += &equivalents(e);
    }
    for warning in &p.warnings {
        out += &format!("! {warning}\n");
    }
    let ids: Vec<_> = p.sources.iter().map(|s| s.id.as_str()).collect();
    out += &format!("sources: {}\n", ids.join(", "));
    out
}

/// What measuring the input of the largest share would do.
pub fn measure_next(next: &MeasureNext) -> String {
    let narrowed: Vec<_> = next
        .narrowed
        .iter()
        .map(|n| {
            let (name, [a, b], [c, d]) = (&n.quantity, n.from, n.to);
            let ends = |x: f64, y: f64| {
                let percent = if n.unit == "1" { 100.0 } else { 1.0 };
                format!("{}–{}", number(percent * x, 2), number(percent * y, 2))
            };
            let unit = if n.unit == "1" { "%" } else { &n.unit };
            format!("{} from {} to {} {unit}", name, ends(a, b), ends(c, d))
        })
        .collect();
    format!(
        "{} % of the width is {}; measuring it would narrow {}\n",
        number(100.0 * next.share, 2),
        next.input,
        narrowed.join(", ")
    )
}

/// Runs that were played event by event.
fn simulation(s: &Simulation) -> String {
    format!(
        "{} runs played event by event (seed {}): {} to {} days by chance alone (median {}), {} failures each; goodput \
         {} %, {:+.2} points from the closed form\n",
        s.runs,
        s.seed,
        number(s.run_days_p5, 3),
        number(s.run_days_p95, 3),
        number(s.run_days_p50, 3),
        number(s.failures, 3),
        number(100.0 * s.goodput, 3),
        100.0 * s.over_closed_form
    )
}

/// Several projections in a table of few columns: for the main screen.
pub fn summary(projections: &[Projection]) -> Table {
    let mut table = Table::new(&["scenario", ">used", ">step time", ">MFU", ">days", ">goodput", "kind", "rests on"]);
    for p in projections {
        let range = |name: &str| {
            p.quantities.get(name).map_or("–".into(), |q| {
                format!("{} ({}–{})", cell(name, &q.unit, q.value), bare(name, q.p5), bare(name, q.p95))
            })
        };
        let rests = p.quantities.get("run_days").map_or(String::new(), |q| format!("{}{}", q.tier, mark(q.software)));
        table.row([
            p.scenario.clone(),
            p.layout.accelerators().to_string(),
            range("step_time"),
            range("mfu"),
            range("run_days"),
            range("goodput"),
            p.kind.clone(),
            rests,
        ]);
    }
    table
}

fn transfer(transfer: Transfer) -> &'static str {
    match transfer {
        Transfer::Shape => "shape: the measured curve's shape carries over, never its rate",
        Transfer::None => "none: published figures alone",
    }
}

/// "N of this adapter".
pub fn equivalents(e: &Equivalents) -> String {
    let soft = mark(e.provenance.software);
    let mut out = format!(
        "\n1 of this adapter ({}), {}: {} at its ceiling ({}{soft})\n",
        e.adapter,
        e.precision,
        rate(e.one),
        e.provenance.tier
    );
    for many in &e.ideal {
        out += &format!(
            "{} of it, ideal (nothing lost between them): {} ({} to {}){soft}\n",
            many.count,
            rate(many.flop_per_s),
            rate(many.lo),
            rate(many.hi)
        );
    }
    if let Some(count) = e.cluster_is {
        out += &format!("the cluster's achieved rate is that of {} of it, ideal{soft}\n", number(count, 3));
    }
    out
}

/// What a calibration found.
fn calibration(c: &Calibration) -> Document {
    let left: Vec<_> = c.rows_left_out.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    let left = if left.is_empty() { String::new() } else { format!(", left out: {}", left.join(", ")) };
    let mut out = Document::from(format!(
        "{} · {}{}\n{} rows used{left}\n\n",
        c.adapter.name,
        c.adapter.backend,
        mark(c.software),
        c.rows_used
    ));
    let mut table =
        Table::new(&["precision", ">ceiling", ">95 %", "case", "clock", ">shapes", ">leave-one-out sd", "*verdict"]);
    for p in &c.precisions {
        let i = p.ceiling.gflop_per_s;
        table.row([
            p.precision.to_string(),
            rate(i.median * 1e9),
            format!("{} to {}", rate(i.lo * 1e9), rate(i.hi * 1e9)),
            p.ceiling.case.clone(),
            p.ceiling.timing_method.as_str().to_string(),
            p.curve.points.len().to_string(),
            p.curve.leave_one_out_sd_log.map_or("–".into(), |sd| format!("{} %", number(100.0 * sd, 2))),
            p.ceiling.verdict.as_str().to_string(),
        ]);
    }
    out.table(table);
    for p in &c.precisions {
        if let Some(told) = lower_bound(p) {
            out += &format!("{told}\n");
        }
    }
    out
}

/// That a ceiling is a lower bound, where a SUSPECT row was clearly quicker.
pub fn lower_bound(p: &PrecisionCurve) -> Option<String> {
    let quicker = p.ceiling.quicker_suspect.as_ref()?;
    Some(format!(
        "{}: the ceiling is a lower bound: {} came to {} ({} to {}), SUSPECT; measure again on a quieter machine",
        p.precision,
        quicker.case,
        rate(1e9 * quicker.gflop_per_s.median),
        rate(1e9 * quicker.gflop_per_s.lo),
        rate(1e9 * quicker.gflop_per_s.hi)
    ))
}

/// Quantities of a forecast for programs; each states its unit.
pub(super) fn quantities<'a>(name: &'static str, all: impl IntoIterator<Item = &'a Projection>) -> Sheet {
    let rows: Vec<_> =
        all.into_iter().flat_map(|p| p.quantities.iter().map(move |(name, q)| (p, name.as_str(), q))).collect();
    Sheet::of(
        name,
        &rows,
        &[
            ("scenario", |(p, _, _)| (&p.scenario).into()),
            ("quantity", |(_, name, _)| (*name).into()),
            ("value", |(_, _, q)| q.value.into()),
            ("p5", |(_, _, q)| q.p5.into()),
            ("p50", |(_, _, q)| q.p50.into()),
            ("p95", |(_, _, q)| q.p95.into()),
            ("unit", |(_, _, q)| (&q.unit).into()),
            ("tier", |(_, _, q)| q.tier.as_str().into()),
            ("software", |(_, _, q)| q.software.into()),
            ("sources", |(_, _, q)| q.sources.join(" ").into()),
            ("kind", |(p, _, _)| (&p.kind).into()),
            ("layout", |(p, _, _)| p.layout.to_string().into()),
            ("accelerators", |(p, _, _)| p.layout.accelerators().into()),
        ],
    )
}

impl Printed for Projection {
    const TABLES: &'static [&'static str] = &["quantities", "step", "sensitivities", "assumptions", "sources"];

    fn document(&self) -> Document {
        screen(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let step: Vec<_> = self.step_parts.iter().collect();
        vec![
            quantities("quantities", [self]),
            Sheet::of("step", &step, &[("part", |p| p.0.into()), ("time_s", |p| (*p.1).into())]),
            Sheet::of(
                "sensitivities",
                &self.sensitivities,
                &[
                    ("input", |s| (&s.name).into()),
                    ("first", |s| s.first.into()),
                    ("total", |s| s.total.into()),
                    ("run_days_at_p5", |s| s.run_days.map(|d| d[0]).into()),
                    ("run_days_at_p95", |s| s.run_days.map(|d| d[1]).into()),
                    ("assumed", |s| s.assumed.into()),
                ],
            ),
            Sheet::of(
                "assumptions",
                &self.assumptions,
                &[
                    ("name", |a| (&a.name).into()),
                    ("value", |a| a.value.into()),
                    ("unit", |a| (&a.unit).into()),
                    ("tier", |a| a.tier.as_str().into()),
                    ("source", |a| (&a.source).into()),
                    ("note", |a| (&a.note).into()),
                ],
            ),
            Sheet::of(
                "sources",
                &self.sources,
                &[("id", |s| (&s.id).into()), ("title", |s| (&s.title).into()), ("locator", |s| (&s.locator).into())],
            ),
        ]
    }
}

impl Printed for Calibration {
    const TABLES: &'static [&'static str] = &["ceilings", "points"];

    fn document(&self) -> Document {
        calibration(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let points: Vec<_> = self.precisions.iter().flat_map(|p| p.curve.points.iter().map(move |q| (p, q))).collect();
        vec![
            Sheet::of(
                "ceilings",
                &self.precisions,
                &[
                    ("precision", |p| p.precision.to_string().into()),
                    ("ceiling_flop_per_s", |p| (1e9 * p.ceiling.gflop_per_s.median).into()),
                    ("ceiling_lo_flop_per_s", |p| (1e9 * p.ceiling.gflop_per_s.lo).into()),
                    ("ceiling_hi_flop_per_s", |p| (1e9 * p.ceiling.gflop_per_s.hi).into()),
                    ("case", |p| (&p.ceiling.case).into()),
                    ("timing_method", |p| p.ceiling.timing_method.as_str().into()),
                    ("shapes", |p| p.curve.points.len().into()),
                    ("leave_one_out_sd_log", |p| p.curve.leave_one_out_sd_log.into()),
                    ("verdict", |p| p.ceiling.verdict.as_str().into()),
                    ("quicker_suspect_flop_per_s", |p| {
                        p.ceiling.quicker_suspect.as_ref().map(|q| 1e9 * q.gflop_per_s.median).into()
                    }),
                ],
            ),
            Sheet::of(
                "points",
                &points,
                &[
                    ("precision", |(p, _)| p.precision.to_string().into()),
                    ("m", |(_, q)| q.m.into()),
                    ("n", |(_, q)| q.n.into()),
                    ("k", |(_, q)| q.k.into()),
                    ("efficiency", |(_, q)| q.efficiency.into()),
                ],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Catalog, Options, run};

    #[test]
    fn the_screen_names_the_largest_validated_count_and_what_the_figures_rest_on() {
        let catalog = Catalog::built_in().unwrap();
        let p = run(&catalog, "xai-300k-b200", None, &Options::default()).unwrap();
        let text = screen(&p).plain();
        for part in ["16384", "MFU", "assumed", "published figures alone", "transfer none", "sources: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("SOFTWARE"), "{text}");
    }
}
