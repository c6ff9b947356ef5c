//! The table of measured cases.

use super::Table;
use crate::measure::against::Against;
use crate::measure::record::{AdapterIdentity, Interval, TimingMethod};
use crate::measure::row::Row;
use crate::measure::setups::Pooled;

/// One line per case: what, how fast with which interval and clock, how far to trust it, why not further.
pub fn text(rows: &[Row]) -> String {
    let mut table =
        Table::new(&["kernel", "precision", ">m×n×k", ">GFLOP/s", ">95 %", ">time", "clock", "verdict", "why"]);
    for row in rows {
        let mut kernel = row.kernel.clone();
        for more in [row.tiling.as_str(), row.tuned.as_ref().map_or("", |_| "tuned")] {
            if !more.is_empty() {
                kernel.push(' ');
                kernel.push_str(more);
            }
        }
        table.row([
            kernel,
            row.precision.clone(),
            shape(row),
            row.gflop_per_s.map_or("–".into(), |r| significant(r.median)),
            row.gflop_per_s.map_or(String::new(), range),
            row.seconds.map_or("–".into(), |s| duration(s.median)),
            row.timing_method.map_or("", clock).to_string(),
            row.missing.map_or_else(|| row.verdict.as_str().to_string(), str::to_string),
            why(row),
        ]);
    }
    table.text()
}

/// One line per case over its set-ups: the rate with the interval over them, and what it is made of.
pub fn setups(pooled: &[Pooled]) -> String {
    if pooled.is_empty() {
        return "no case has a figure in two set-ups that is not SUSPECT\n".into();
    }
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
    table.text()
}

/// A line a shape: how fast a file's kernel is against the best built-in one.
pub fn against(file: &str, all: &[Against]) -> String {
    if all.is_empty() {
        return format!("\n{file}: no shape where both it and a built-in kernel have a figure\n");
    }
    let mut text =
        format!("\n{file} over the best built-in kernel, rate over rate (`flopcast ab` decides small differences):\n");
    let mut table = Table::new(&[">m×n×k", ">ratio", ">95 %", "best built-in", ""]);
    for one in all {
        let doubt = if one.sound { "" } else { "SUSPECT" };
        let ratio = significant(one.ratio.median);
        table.row([one.shape.to_string().replace('x', "×").as_str(), &ratio, &range(one.ratio), &one.best, doubt]);
    }
    text += &table.text();
    text
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

/// The worst reason, unless it only repeats the verdict.
fn why(row: &Row) -> String {
    match row.reasons.first() {
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
