//! Projections, the catalogue and a calibration as text.

use super::Table;
use crate::calibrate::Calibration;
use crate::cluster::{Accelerator, Format};
use crate::job::Transformer;
use crate::project::{Catalog, Equivalents, MeasureNext, Projection, Simulation, Transfer};
use crate::sourced::{Fact, Spread, Value};
use crate::units::Dimension;
use serde::Serialize;

/// The mark of everything that a software adapter had a part in.
pub fn mark(software: bool) -> &'static str {
    if software { " SOFTWARE" } else { "" }
}

/// A number with `digits` significant digits, and a power of ten only where it is long.
pub fn number(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&exponent) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - exponent).max(0.0) as usize;
    format!("{value:.decimals$}")
}

/// A rate of arithmetic in the unit that suits it.
pub fn rate(flop_per_s: f64) -> String {
    let (size, unit) = [(1e18, "Eflop/s"), (1e15, "Pflop/s"), (1e12, "Tflop/s")]
        .into_iter()
        .find(|(size, _)| flop_per_s >= *size)
        .unwrap_or((1e9, "Gflop/s"));
    format!("{} {unit}", number(flop_per_s / size, 3))
}

/// A value of the quantity of that name with its unit, with the digits that an extrapolation can carry.
pub fn cell(name: &str, unit: &str, value: f64) -> String {
    match (name, unit) {
        // Two digits are what an extrapolation can carry.
        ("mfu", _) => format!("{} %", number(100.0 * value, 2)),
        ("goodput" | "slower_part_cost", _) => format!("{} %", number(100.0 * value, 3)),
        (_, "flop/s") => rate(value),
        (_, "1") => number(value, 3),
        (_, unit) => format!("{} {unit}", number(value, 3)),
    }
}

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
pub fn screen(p: &Projection) -> String {
    let mut out = format!("{} ({}){}\n", p.title, p.kind, mark(p.software));
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
    out += &table.text();
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
pub fn summary(projections: &[Projection]) -> String {
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
    table.text()
}

/// [`cell`] without its unit, for the ends of a range.
pub fn bare(name: &str, value: f64) -> String {
    match name {
        "mfu" => number(100.0 * value, 2),
        "goodput" => number(100.0 * value, 3),
        _ => number(value, 3),
    }
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
pub fn calibration(c: &Calibration) -> String {
    let left: Vec<_> = c.rows_left_out.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    let left = if left.is_empty() { String::new() } else { format!(", left out: {}", left.join(", ")) };
    let out =
        format!("{} · {}{}\n{} rows used{left}\n\n", c.adapter.name, c.adapter.backend, mark(c.software), c.rows_used);
    let mut table =
        Table::new(&["precision", ">ceiling", ">95 %", "case", "clock", ">shapes", ">leave-one-out sd", "verdict"]);
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
    out + &table.text()
}

fn value<D: Dimension>(v: &Value<D>) -> String {
    format!("{} {}", v.written(), v.unit())
}

fn peak(a: &Accelerator, format: Format) -> String {
    a.peak.get(&format).map_or("–".into(), value)
}

/// The accelerators in a table.
pub fn accelerators(catalog: &Catalog) -> String {
    let mut table = Table::new(&[
        "name",
        "vendor",
        ">bf16 peak",
        ">best bf16",
        ">fp8 peak",
        ">memory",
        ">bandwidth",
        ">link",
        "node",
        "rests on",
        "source",
    ]);
    for (name, a) in &catalog.accelerators {
        table.row([
            name.clone(),
            a.vendor.clone(),
            peak(a, Format::Bf16),
            a.achieved.get(&Format::Bf16).map_or("–".into(), value),
            peak(a, Format::Fp8),
            value(&a.memory),
            value(&a.memory_bandwidth),
            a.scale_up.as_ref().map_or("–".into(), value),
            a.node.clone().unwrap_or_default(),
            a.memory.stamp.tier.max(a.memory_bandwidth.stamp.tier).to_string(),
            a.provenance.source.clone(),
        ]);
    }
    table.text()
}

/// The clusters in a table.
pub fn clusters(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", ">accelerators", "of", "node", "fabric", "rests on", "source", "date"]);
    for (name, c) in &catalog.clusters {
        let stamp = &c.accelerators.stamp;
        table.row([
            name.clone(),
            c.accelerators.written().to_string(),
            c.accelerator.clone(),
            c.node.clone(),
            c.fabric.clone(),
            stamp.tier.to_string(),
            stamp.source.clone(),
            stamp.date.clone(),
        ]);
    }
    table.text()
}

/// Linpack as published.
pub fn linpacks(catalog: &Catalog) -> String {
    let mut table =
        Table::new(&["name", "of", ">accelerators", ">Rmax", ">Rpeak", "fabric", "rests on", "source", "date"]);
    for (name, l) in &catalog.linpacks {
        table.row([
            name.clone(),
            l.accelerator.clone(),
            l.accelerators.written().to_string(),
            value(&l.rmax),
            value(&l.rpeak),
            l.fabric.clone(),
            l.rmax.stamp.tier.max(l.accelerators.stamp.tier).to_string(),
            l.rmax.stamp.source.clone(),
            l.rmax.stamp.date.clone(),
        ]);
    }
    table.text()
}

/// The jobs in a table.
pub fn jobs(catalog: &Catalog) -> String {
    let mut table = Table::new(&[
        "name",
        ">parameters",
        ">active",
        ">layers",
        ">hidden",
        ">heads",
        ">experts",
        ">vocabulary",
        "source",
    ]);
    for (name, j) in &catalog.jobs {
        table.row([
            name.clone(),
            format!("{} B", number(j.params() / 1e9, 3)),
            format!("{} B", number(j.active_params() / 1e9, 3)),
            j.layers.to_string(),
            j.hidden.to_string(),
            heads(j),
            j.experts.as_ref().map_or("–".into(), |e| format!("{} of {}", e.active, e.count)),
            j.vocab.to_string(),
            j.provenance.source.clone(),
        ]);
    }
    table.text()
}

fn heads(j: &Transformer) -> String {
    if j.heads == j.kv_heads { j.heads.to_string() } else { format!("{}/{}", j.heads, j.kv_heads) }
}

/// The scenarios in a table.
pub fn scenarios(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", "job", "cluster", "format", ">tokens", ">batch", "rests on"]);
    for (name, s) in &catalog.scenarios {
        table.row([
            name.clone(),
            s.job.clone(),
            s.cluster.clone(),
            s.format.to_string(),
            value(&s.tokens),
            value(&s.batch),
            s.tokens.stamp.tier.to_string(),
        ]);
    }
    table.text()
}

/// The comparisons in a table.
pub fn comparisons(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", "title", "scenarios", ">money"]);
    for (name, c) in &catalog.comparisons {
        table.row([name.clone(), c.title.clone(), c.scenarios.join(", "), c.money.as_ref().map_or("–".into(), value)]);
    }
    table.text()
}

/// The boxes in a table.
pub fn nodes(catalog: &Catalog) -> String {
    let mut table =
        Table::new(&["name", ">accelerators", ">scale-up domain", ">scale-out", "fabric", "rests on", "source"]);
    for (name, n) in &catalog.nodes {
        table.row([
            name.clone(),
            n.accelerators.written().to_string(),
            n.scale_up_domain.written().to_string(),
            value(&n.scale_out),
            n.fabric.clone().unwrap_or_default(),
            n.scale_out.stamp.tier.to_string(),
            n.scale_out.stamp.source.clone(),
        ]);
    }
    table.text()
}

/// The networks in a table.
pub fn fabrics(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", ">efficiency", ">latency", ">oversubscription", "rests on", "source"]);
    for (name, f) in &catalog.fabrics {
        table.row([
            name.clone(),
            value(&f.efficiency),
            value(&f.latency),
            value(&f.oversubscription),
            f.efficiency.stamp.tier.to_string(),
            f.efficiency.stamp.source.clone(),
        ]);
    }
    table.text()
}

/// The measured all-reduces in a table: what they take for 1 GB, and how well they are known.
pub fn all_reduces(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", ">ranks", ">1 MB", ">1 GB", "rests on", "source", "note"]);
    for (name, a) in &catalog.all_reduces {
        for ranks in if a.between_boxes { [64.0, 1024.0, 8192.0] } else { [2.0, 4.0, 8.0] } {
            table.row([
                name.clone(),
                ranks.to_string(),
                format!("{} us", number(a.seconds(ranks, 1e6) * 1e6, 3)),
                format!("{} ms", number(a.seconds(ranks, 1e9) * 1e3, 3)),
                a.wide.bandwidth.stamp.tier.to_string(),
                a.wide.bandwidth.stamp.source.clone(),
                a.note.clone(),
            ]);
        }
    }
    table.text()
}

/// Tables of optional values: how a cluster is run, sites, prices.
pub fn knobs<'a>(entries: impl Iterator<Item = (&'a String, &'static [&'static str], Vec<Option<Fact>>)>) -> String {
    let mut table = Table::new(&["name", "field", ">value", "unit", "spread", "rests on", "source", "note"]);
    for (name, fields, facts) in entries {
        for (field, fact) in fields.iter().zip(facts) {
            let Some(f) = fact else { continue };
            let size = if f.written == 0.0 { 1.0 } else { f.value / f.written };
            table.row([
                name.clone(),
                (*field).to_string(),
                number(f.written, 3),
                f.unit.to_string(),
                spread(f.spread, size),
                f.stamp.tier.to_string(),
                f.stamp.source.clone(),
                f.note.unwrap_or_default(),
            ]);
        }
    }
    table.text()
}

fn spread(spread: Spread, size: f64) -> String {
    match spread {
        Spread::None => String::new(),
        Spread::Log(sd) => format!("± {} %", number(100.0 * sd, 2)),
        Spread::Range { low, high } => format!("{} to {}", number(low / size, 3), number(high / size, 3)),
    }
}

/// The constants of the model in a table.
pub fn constants(catalog: &Catalog) -> String {
    let mut table = Table::new(&["name", ">value", "unit", "spread", "rests on", "source", "note"]);
    for e in catalog.constants.entries() {
        let spread = spread(e.spread, e.median / e.written);
        table.row([
            e.name,
            &number(e.written, 3),
            e.unit,
            &spread,
            e.stamp.tier.as_str(),
            &e.stamp.source,
            e.note.unwrap_or_default(),
        ]);
    }
    table.text()
}

/// The documents in a table.
pub fn sources(catalog: &Catalog) -> String {
    let mut table = Table::new(&["id", "title", "where"]);
    for (id, s) in &catalog.sources {
        table.row([id, &s.title, &s.locator]);
    }
    table.text()
}

/// One entry in the form of its file, so that it can be copied and changed.
pub fn entry<T: Serialize>(kind: &str, name: &str, entry: &T) -> String {
    match toml::to_string(entry) {
        Ok(text) => text
            .lines()
            .map(|line| match line.strip_prefix('[') {
                // Sub-tables of the entry are named from the top of the file.
                Some(rest) => format!("[{kind}.{name}.{rest}\n"),
                None => format!("{line}\n"),
            })
            .fold(format!("[{kind}.{name}]\n"), |all, line| all + &line),
        Err(e) => format!("{e}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Options, run};

    #[test]
    fn numbers_keep_their_digits_and_no_more() {
        for (value, digits, text) in
            [(34.56, 2, "35"), (0.01234, 2, "0.012"), (1234.5, 3, "1234"), (1e9, 3, "1.00e9"), (0.0, 2, "0")]
        {
            assert_eq!(number(value, digits), text);
        }
        assert_eq!(rate(2.5e18), "2.50 Eflop/s");
    }

    #[test]
    fn the_screen_names_the_largest_validated_count_and_what_the_figures_rest_on() {
        let catalog = Catalog::built_in().unwrap();
        let p = run(&catalog, "xai-300k-b200", None, &Options::default()).unwrap();
        let text = screen(&p);
        for part in ["16384", "MFU", "assumed", "published figures alone", "transfer none", "sources: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("SOFTWARE"), "{text}");
    }

    #[test]
    fn a_printed_entry_reads_back_as_the_same_entry() {
        let catalog = Catalog::built_in().unwrap();
        let mut again = Catalog::built_in().unwrap();
        for (name, e) in &catalog.accelerators {
            again.accelerators.remove(name);
            again.add_text(&entry("accelerator", name, e), name).unwrap();
        }
        for (name, e) in &catalog.clusters {
            again.clusters.remove(name);
            again.add_text(&entry("cluster", name, e), name).unwrap();
        }
        for (name, e) in &catalog.nodes {
            again.nodes.remove(name);
            again.add_text(&entry("node", name, e), name).unwrap();
        }
        for (name, e) in &catalog.fabrics {
            again.fabrics.remove(name);
            again.add_text(&entry("fabric", name, e), name).unwrap();
        }
        for (name, e) in &catalog.linpacks {
            again.linpacks.remove(name);
            again.add_text(&entry("linpack", name, e), name).unwrap();
        }
        for (name, e) in &catalog.jobs {
            again.jobs.remove(name);
            again.add_text(&entry("job", name, e), name).unwrap();
        }
        for (name, e) in &catalog.scenarios {
            again.scenarios.remove(name);
            again.add_text(&entry("scenario", name, e), name).unwrap();
        }
        assert_eq!(catalog, again);
    }
}
