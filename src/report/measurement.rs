//! The table of measured cases.

use super::openmetrics::Family;
use super::{Document, Printed, Sheet, Table};
use crate::measure::against::Against;
use crate::measure::record::{AdapterIdentity, Interval, Reason, TimingMethod};
use crate::measure::row::{Measurements, Row};
use crate::measure::setups::Pooled;
use crate::measure::suite::DEFAULT_SEED;

/// One line per case: what, how fast with which interval and clock, how far to trust it, why not further.
pub fn table(rows: &[Row]) -> Table {
    let mut table =
        Table::new(&["kernel", "precision", ">m×n×k", ">GFLOP/s", ">95 %", ">time", "clock", "*verdict", "why"]);
    for row in rows {
        table.row([
            one_of(row),
            row.precision.clone(),
            shape(row),
            row.gflop_per_s.map_or("–".into(), |r| significant(r.median)),
            row.gflop_per_s.map_or(String::new(), range),
            row.seconds.map_or("–".into(), |s| duration(s.median)),
            row.timing_method.map_or("", clock).to_string(),
            row.missing.as_deref().map_or_else(|| row.verdict.as_str().to_string(), str::to_string),
            why(row),
        ]);
    }
    table
}

/// Kernel, tiling, settings, data and seed where they are not the default, and whether it was tuned.
pub fn kernel(row: &Row) -> String {
    let seed = if row.seed == DEFAULT_SEED { String::new() } else { format!("seed {}", row.seed) };
    let (marks, tuned) = (row.marks(), row.tuned.as_ref().map_or("", |_| "tuned"));
    let parts = [row.kernel.as_str(), &row.tiling, &marks, &seed, tuned];
    parts.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The same, and which of several set-ups it is.
pub fn one_of(row: &Row) -> String {
    let again = if row.setup > 1 { format!(" set-up {}", row.setup) } else { String::new() };
    kernel(row) + &again
}

/// One line per case over its set-ups: the rate with the interval over them, and what it is made of.
fn setups(pooled: &[Pooled]) -> Table {
    let headings = ["over set-ups", ">GFLOP/s", ">95 %", ">set-ups", ">left out", ">sd between", ">± within one"];
    let mut table = Table::new(&headings);
    for case in pooled {
        table.row([
            case.case.clone(),
            significant(case.gflop_per_s.median),
            range(case.gflop_per_s),
            case.setups.to_string(),
            case.left_out.to_string(),
            format!("{:.1} %", 100.0 * case.between),
            format!("{:.1} %", 100.0 * case.within),
        ]);
    }
    table
}

/// Rows of measurements for programs.
pub fn sheet(name: &'static str, rows: &[Row]) -> Sheet {
    Sheet::of(
        name,
        rows,
        &[
            ("case", |r| (&r.case).into()),
            ("kernel", |r| (&r.kernel).into()),
            ("tiling", |r| (&r.tiling).into()),
            ("precision", |r| (&r.precision).into()),
            ("m", |r| r.m.into()),
            ("n", |r| r.n.into()),
            ("k", |r| r.k.into()),
            ("batch", |r| r.batch.into()),
            ("bounds_checks", |r| r.bounds_checks.into()),
            ("zero_fill", |r| r.zero_fill.into()),
            ("data", |r| r.data.as_str().into()),
            ("seed", |r| r.seed.into()),
            ("setup", |r| r.setup.into()),
            ("tuned", |r| r.tuned.as_ref().into()),
            ("missing", |r| r.missing.as_deref().into()),
            ("verdict", |r| r.verdict.as_str().into()),
            ("timing_method", |r| r.timing_method.map(TimingMethod::as_str).into()),
            ("median_s", |r| r.seconds.map(|s| s.median).into()),
            ("lo_s", |r| r.seconds.map(|s| s.lo).into()),
            ("hi_s", |r| r.seconds.map(|s| s.hi).into()),
            ("rate_flop_per_s", |r| r.gflop_per_s.map(|g| 1e9 * g.median).into()),
            ("rate_lo_flop_per_s", |r| r.gflop_per_s.map(|g| 1e9 * g.lo).into()),
            ("rate_hi_flop_per_s", |r| r.gflop_per_s.map(|g| 1e9 * g.hi).into()),
            ("samples", |r| r.seconds.map(|_| r.samples).into()),
            ("submission_s", |r| r.submission_s.into()),
            ("clock_disagreement", |r| r.clock_disagreement.into()),
            ("reason", |r| r.reasons.first().map(|reason| &reason.code).into()),
            ("detail", |r| r.reasons.first().map(|reason| &reason.detail).into()),
            ("adapter", |r| (&r.adapter).into()),
            ("backend", |r| (&r.backend).into()),
            ("at", |r| (&r.at).into()),
        ],
    )
}

impl Printed for Measurements {
    const TABLES: &'static [&'static str] = &["cases", "setups", "against"];
    const METERED: bool = true;

    fn document(&self) -> Document {
        let mut out = Document::new();
        out.table(table(&self.rows));
        out.table(setups(&self.over_setups));
        if let Some(file) = &self.wgsl {
            out.extend(against(file, &self.against_built_in));
        }
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        let setups = Sheet::of(
            "setups",
            &self.over_setups,
            &[
                ("case", |p| (&p.case).into()),
                ("rate_flop_per_s", |p| (1e9 * p.gflop_per_s.median).into()),
                ("rate_lo_flop_per_s", |p| (1e9 * p.gflop_per_s.lo).into()),
                ("rate_hi_flop_per_s", |p| (1e9 * p.gflop_per_s.hi).into()),
                ("setups", |p| p.setups.into()),
                ("left_out", |p| p.left_out.into()),
                ("between_sd_log", |p| p.between.into()),
                ("within_half_log", |p| p.within.into()),
            ],
        );
        let against = Sheet::of(
            "against",
            &self.against_built_in,
            &[
                ("shape", |a| a.shape.to_string().into()),
                ("best_built_in", |a| (&a.best).into()),
                ("rate_ratio", |a| a.ratio.median.into()),
                ("rate_ratio_lo", |a| a.ratio.lo.into()),
                ("rate_ratio_hi", |a| a.ratio.hi.into()),
                ("sound", |a| a.sound.into()),
            ],
        );
        vec![sheet("cases", &self.rows), setups, against]
    }

    fn metrics(&self) -> Vec<Family> {
        let mut build = build();
        if let Some(tool) = &self.tool {
            let method = tool.method.to_string();
            let labels =
                [("version", tool.version.as_str()), ("wgpu", &tool.wgpu), ("naga", &tool.naga), ("method", &method)];
            build.add(&labels, Some(1.0));
        }
        let mut there = adapters();
        self.adapters.iter().for_each(|adapter| add_adapter(&mut there, adapter));
        let mut families = vec![
            Family::gauge("matmul_flops_per_second", "", "Useful floating point operations per second, median."),
            Family::gauge("matmul_flops_per_second_lower", "", "Lower end of the 95 % interval of the median rate."),
            Family::gauge("matmul_flops_per_second_upper", "", "Upper end of the 95 % interval of the median rate."),
            Family::gauge("matmul", "seconds", "Time of one product, median."),
            Family::gauge("matmul_samples", "", "Samples behind the median."),
            Family::gauge("matmul_measured_timestamp", "seconds", "When the case was measured, since the epoch."),
            Family::gauge(
                "matmul_missing",
                "",
                "1 for a case without a figure: unsupported, failed, skipped or INVALID.",
            ),
        ];
        let mut verdicts = Family::info("matmul_verdict", "What each figure is worth, or why there is none.");
        // A later set-up or repeat of a case takes the place of the one before: a series is one case.
        let all: Vec<_> = self.rows.iter().map(labels).collect();
        for (row, labels) in self.rows.iter().zip(&all) {
            let rate = row.gflop_per_s.map(|rate| [rate.median, rate.lo, rate.hi].map(|giga| 1e9 * giga));
            let at = humantime::parse_rfc3339(&row.at).ok();
            let since = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            let values = [
                rate.map(|r| r[0]),
                rate.map(|r| r[1]),
                rate.map(|r| r[2]),
                row.seconds.map(|s| s.median),
                row.seconds.map(|_| f64::from(row.samples)),
                since.map(|since| since.as_secs_f64()),
                Some(if row.gflop_per_s.is_some() { 0.0 } else { 1.0 }),
            ];
            families.iter_mut().zip(values).for_each(|(family, value)| family.add(labels, value));
        }
        // Only the verdict of the row that stands: with it in the labels, the same case would be two series.
        for (place, row) in self.rows.iter().enumerate().filter(|(place, _)| !all[place + 1..].contains(&all[*place])) {
            let verdict = ("verdict", row.missing.as_deref().unwrap_or(row.verdict.as_str()).to_string());
            verdicts.add(&[all[place].as_slice(), &[verdict]].concat(), Some(1.0));
        }
        let mut over = vec![
            Family::gauge("matmul_over_setups_flops_per_second", "", "Rate over the set-ups, their geometric mean."),
            Family::gauge("matmul_over_setups_flops_per_second_lower", "", "Lower end of its 95 % interval."),
            Family::gauge("matmul_over_setups_flops_per_second_upper", "", "Upper end of its 95 % interval."),
            Family::gauge("matmul_over_setups", "", "Set-ups behind the rate over them."),
        ];
        for pooled in &self.over_setups {
            let Some(labels) = all.get(pooled.row) else { continue };
            let rate = pooled.gflop_per_s;
            let values = [1e9 * rate.median, 1e9 * rate.lo, 1e9 * rate.hi, pooled.setups as f64];
            over.iter_mut().zip(values).for_each(|(family, value)| family.add(labels, Some(value)));
        }
        [vec![build, there], families, vec![verdicts], over].concat()
    }
}

/// What tells a case from every other: everything in it that a user can choose but the seed.
fn labels(row: &Row) -> Vec<(&'static str, String)> {
    vec![
        ("adapter", row.adapter.clone()),
        ("backend", row.backend.clone()),
        ("kernel", row.kernel.clone()),
        ("tiling", row.tiling.clone()),
        ("precision", row.precision.clone()),
        ("m", row.m.to_string()),
        ("n", row.n.to_string()),
        ("k", row.k.to_string()),
        ("batch", row.batch.to_string()),
        ("bounds_checks", row.bounds_checks.to_string()),
        ("zero_fill", row.zero_fill.to_string()),
        ("data", row.data.as_str().to_string()),
    ]
}

/// What made the figures: version of the program and of what times and compiles.
pub(super) fn build() -> Family {
    Family::info("build", "What made the figures.")
}

/// What they were measured on.
pub(super) fn adapters() -> Family {
    Family::info("adapter", "What the figures were measured on.")
}

/// Adds an adapter with what decides whether two figures compare.
pub(super) fn add_adapter(family: &mut Family, adapter: &AdapterIdentity) {
    let software = if adapter.software { "true" } else { "false" };
    let labels = [
        ("adapter", adapter.name.as_str()),
        ("backend", &adapter.backend),
        ("driver", &adapter.driver),
        ("driver_info", &adapter.driver_info),
        ("software", software),
    ];
    family.add(&labels, Some(1.0));
}

/// A case in a line: what, how fast, how steady, how far to trust it.
pub fn line(row: &Row) -> String {
    let what = format!("{}{} {}", row.kernel, row.marks(), shape(row));
    match row.gflop_per_s {
        Some(rate) => format!(
            "{what}: {} GFLOP/s (± {:.1} %) {}",
            significant(rate.median),
            50.0 * (rate.hi - rate.lo) / rate.median,
            row.verdict.as_str()
        ),
        None => {
            let why = row.reasons.first().map_or(String::new(), |r| match repeats(row, r) {
                true => format!(": {}", r.detail),
                false => format!(": {}", r.code),
            });
            format!("{what}: {}{why}", row.missing.as_deref().unwrap_or(row.verdict.as_str()))
        }
    }
}

/// A line a shape: how fast a file's kernel is against the best built-in one.
fn against(file: &str, all: &[Against]) -> Document {
    if all.is_empty() {
        return Document::from(format!("\n{file}: no shape where both it and a built-in kernel have a figure\n"));
    }
    let mut out = Document::from(format!(
        "\n{file} over the best built-in kernel, rate over rate (`flopcast ab` decides small differences):\n"
    ));
    let mut table = Table::new(&[">m×n×k", ">ratio", ">95 %", "best built-in", "*"]);
    for one in all {
        let doubt = if one.sound { "" } else { "SUSPECT" };
        let ratio = significant(one.ratio.median);
        table.row([one.shape.to_string().replace('x', "×").as_str(), &ratio, &range(one.ratio), &one.best, doubt]);
    }
    out.table(table);
    out
}

/// `m×n×k`, a batch with its number of products.
pub fn shape(row: &Row) -> String {
    let batch = if row.batch == 1 { String::new() } else { format!("@{}", row.batch) };
    format!("{}×{}×{}{batch}", row.m, row.n, row.k)
}

/// The clock that made a figure, in a word.
pub fn clock(method: TimingMethod) -> &'static str {
    match method {
        TimingMethod::DeviceSlope => "device",
        TimingMethod::HostSlope => "host",
    }
}

/// `lo–hi`.
pub fn range(interval: Interval) -> String {
    format!("{}–{}", significant(interval.lo), significant(interval.hi))
}

/// Three significant digits, never in exponent form below a million.
pub fn significant(value: f64) -> String {
    let magnitude = value.abs();
    match () {
        () if !value.is_finite() => "–".into(),
        () if magnitude >= 1e6 => format!("{value:.2e}"),
        () if magnitude >= 100.0 => format!("{value:.0}"),
        () if magnitude >= 10.0 => format!("{value:.1}"),
        () if magnitude >= 1.0 => format!("{value:.2}"),
        () if magnitude >= 0.001 || magnitude == 0.0 => format!("{value:.3}"),
        () => format!("{value:.1e}"),
    }
}

/// Seconds in the unit that suits them.
pub fn duration(seconds: f64) -> String {
    match () {
        () if seconds >= 1.0 => format!("{} s", significant(seconds)),
        () if seconds >= 1e-3 => format!("{} ms", significant(seconds * 1e3)),
        () => format!("{} µs", significant(seconds * 1e6)),
    }
}

/// Whether a reason's code says what the column of verdicts says already.
fn repeats(row: &Row, reason: &Reason) -> bool {
    row.missing.as_deref() == Some(reason.code.as_str())
}

/// The worst reason, unless it only repeats the verdict.
fn why(row: &Row) -> String {
    match row.reasons.first() {
        Some(reason) if repeats(row, reason) => reason.detail.clone(),
        Some(reason) if reason.code != "software-adapter" => format!("{}: {}", reason.code, reason.detail),
        _ => String::new(),
    }
}

/// Which adapter, driver and backend, in a line.
pub fn headline(adapter: &AdapterIdentity) -> String {
    let software = if adapter.software { " · SOFTWARE" } else { "" };
    let driver = format!("{} {}", adapter.driver, adapter.driver_info);
    format!("{} · {} · {}{software}", adapter.name, adapter.backend, driver.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;
    use crate::measure::record::Missing;
    use crate::report::openmetrics;

    fn example() -> Measurements {
        let mut failed = measured(1e-3, 0.001);
        failed.adapter.name = "a \"quoted\"\nname".into();
        failed.missing = Some(Missing::Failed { error: "lost".into() });
        failed.figure = None;
        let good = measured(1e-3, 0.001);
        Measurements::of(&[good.clone(), failed, good], Vec::new())
    }

    #[test]
    fn metrics_hold_to_the_grammar_with_a_series_each_and_no_zero_for_what_is_missing() {
        let text = openmetrics::text(&example().metrics());
        openmetrics::tests::check(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        let series = |name: &str| text.lines().filter(|l| l.starts_with(name) && l.contains(['{'])).count();
        assert_eq!(series("flopcast_matmul_flops_per_second{"), 1, "{text}");
        assert_eq!(series("flopcast_matmul_missing{"), 2, "{text}");
        assert_eq!((series("flopcast_build_info{"), series("flopcast_adapter_info{")), (1, 2), "{text}");
    }

    #[test]
    fn why_a_row_has_no_figure_does_not_say_its_verdict_again() {
        let row = |missing: Option<Missing>, code: &str| {
            let mut record = measured(1e-3, 0.001);
            record.figure = None;
            record.reasons = missing.as_ref().map_or_else(|| vec![Reason::new(code, "off by 1")], |m| vec![m.reason()]);
            record.missing = missing;
            Row::from(&record)
        };
        let skipped = row(Some(Missing::Skipped { reason: "it takes about 2 s".into() }), "");
        assert_eq!(why(&skipped), "it takes about 2 s");
        assert!(line(&skipped).ends_with(": skipped: it takes about 2 s"), "{}", line(&skipped));
        let wrong = row(None, "proof-failed");
        assert_eq!(why(&wrong), "proof-failed: off by 1");
        assert!(line(&wrong).ends_with(": proof-failed"), "{}", line(&wrong));
    }

    #[test]
    fn a_sheet_has_seconds_and_flop_per_second_and_leaves_empty_what_is_missing() {
        let sheets = example().sheets();
        let csv = sheets[0].csv().unwrap();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let at = |name: &str| sheets[0].columns().iter().position(|c| c == name).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
        let number = |row: usize, name: &str| rows[row][at(name)].parse::<f64>().unwrap();
        assert!((number(0, "median_s") - 1e-3).abs() < 1e-5, "{csv}");
        let flop = 2.0 * number(0, "m") * number(0, "n") * number(0, "k");
        assert!((number(0, "rate_flop_per_s") * number(0, "median_s") / flop - 1.0).abs() < 1e-3, "{csv}");
        assert_eq!((&rows[1][at("median_s")], &rows[1][at("samples")], &rows[1][at("missing")]), ("", "", "failed"));
    }
}
