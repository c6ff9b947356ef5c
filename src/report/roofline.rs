//! A roofline as text: ceilings, memory, and the roof drawn on logarithmic axes.

use super::measurement::{duration, headline, significant};
use super::{Document, Printed, Sheet, Table};
use crate::calibrate::roofline::{Bandwidth, Roofline, Trusted};
use crate::measure::record::Interval;

/// Columns and rows of the drawing.
const WIDTH: usize = 64;
const HEIGHT: usize = 14;

/// Everything, most telling first.
fn document(r: &Roofline) -> Document {
    let mut out = Document::from(format!("{}\n\n", headline(&r.adapter)));
    out.table(arithmetic(r));
    out += "\n";
    out.table(memory(r));
    out += &levels(r);
    out += &rest(r);
    if !r.products.is_empty() {
        out.table(products(r));
        out += "\n";
    }
    out.drawing(drawing(r));
    for lack in &r.missing {
        out += &format!("{}: {}\n", lack.probe, lack.why);
    }
    out
}

fn arithmetic(r: &Roofline) -> Table {
    let mut table = Table::new(&["arithmetic", "unit", ">chains", ">Gflop/s", ">95 %", ">ridge flop/B", "*verdict"]);
    for peak in &r.arithmetic {
        let ridge = r.memory_bandwidth().map(|m| peak.flop_per_s.value.median / m.value.median);
        let (median, range) = giga(peak.flop_per_s.value);
        table.row([
            peak.precision.to_string(),
            if peak.matrix { "matrix" } else { "vector" }.into(),
            peak.chains.to_string(),
            median,
            range,
            ridge.map_or("–".into(), significant),
            peak.flop_per_s.verdict.as_str().into(),
        ]);
    }
    table
}

fn memory(r: &Roofline) -> Table {
    let mut table = Table::new(&["memory", ">working set", "cache", ">GB/s", ">95 %", "*verdict"]);
    for b in r.memory.iter().chain(&r.transfers) {
        table.row(row(b));
    }
    table
}

fn levels(r: &Roofline) -> String {
    let levels: Vec<String> = r
        .levels
        .iter()
        .map(|l| format!("{} to {}: {} GB/s", size(l.from), size(l.to), significant(l.bytes_per_s * 1e-9)))
        .collect();
    let found = match r.last_cache {
        Some(bytes) => format!("caches end at about {}", size(bytes)),
        None => "no cache shows in the curve".into(),
    };
    format!("\nlevels of the read curve: {}; {found}\n", levels.join(" · "))
}

fn row(b: &Bandwidth) -> [String; 6] {
    let cache = match b.kind.as_str() {
        "upload" => "host to device",
        "download" => "device to host",
        _ if b.cold => "cold",
        _ => "warm",
    };
    let (median, range) = giga(b.bytes_per_s.value);
    let verdict = b.bytes_per_s.verdict.as_str().into();
    [b.kind.clone(), size(b.working_set), cache.into(), median, range, verdict]
}

fn rest(r: &Roofline) -> String {
    let mut out = String::new();
    let trusted = |t: &Trusted, value: String| format!("{value} {}", t.verdict.as_str());
    if let Some(w) = &r.workgroup {
        out += &format!("workgroup memory: {}\n", trusted(w, format!("{} GB/s", giga(w.value).0)));
    }
    if let Some(launch) = &r.launch_s {
        out += &format!("one more dispatch: {}\n", trusted(launch, duration(launch.value.median)));
    }
    if let Some(seconds) = r.submission_s {
        out += &format!("a submission beyond its dispatches: {}\n", duration(seconds));
    }
    out + "\n"
}

fn products(r: &Roofline) -> Table {
    let mut table = Table::new(&["product", ">flop/B", ">Gflop/s", ">roof", ">of the roof", "*verdict"]);
    for p in &r.products {
        table.row([
            p.case.clone(),
            significant(p.intensity),
            giga(p.flop_per_s.value).0,
            significant(p.bound * 1e-9),
            format!("{:.1} %", p.fraction * 100.0),
            p.flop_per_s.verdict.as_str().into(),
        ]);
    }
    table
}

/// The roof of f32 as a line and the products as points, both axes logarithmic; nothing where the roof is
/// not known.
fn drawing(r: &Roofline) -> String {
    use crate::kernel::Precision::F32;
    let (Some(peak), Some(memory)) = (r.peak(F32), r.memory_bandwidth()) else { return String::new() };
    let (peak, memory) = (peak.value.median, memory.value.median);
    let ridge = peak / memory;
    let points: Vec<(f64, f64)> = r
        .products
        .iter()
        .filter(|p| p.case.contains("/f32/"))
        .map(|p| (p.intensity, p.flop_per_s.value.median))
        .collect();
    let xs = || points.iter().map(|p| p.0).chain([ridge]);
    let (left, right) = (xs().fold(f64::INFINITY, f64::min) / 4.0, xs().fold(0.0, f64::max) * 4.0);
    let roof = |x: f64| peak.min(x * memory);
    let bottom = points.iter().map(|p| p.1).chain([roof(left)]).fold(f64::INFINITY, f64::min) / 1.5;
    let top = points.iter().map(|p| p.1).chain([peak]).fold(0.0, f64::max) * 1.5;
    let column = |x: f64| ((x / left).ln() / (right / left).ln() * (WIDTH - 1) as f64).round() as usize;
    let line = |y: f64| {
        let up = (y / bottom).ln() / (top / bottom).ln() * (HEIGHT - 1) as f64;
        HEIGHT - 1 - (up.round().max(0.0) as usize).min(HEIGHT - 1)
    };
    let mut grid = vec![[' '; WIDTH]; HEIGHT];
    let marks = (0..WIDTH).map(|at| {
        let x = left * (right / left).powf(at as f64 / (WIDTH - 1) as f64);
        (line(roof(x)), if x < ridge { '/' } else { '-' })
    });
    for (at, (row, mark)) in marks.enumerate() {
        grid[row][at] = mark;
    }
    for (x, y) in points {
        grid[line(y)][column(x).min(WIDTH - 1)] = '*';
    }
    let mut out = String::new();
    for (index, row) in grid.iter().enumerate() {
        let y = top * (bottom / top).powf(index as f64 / (HEIGHT - 1) as f64);
        out += format!("{:>9} |{}", significant(y * 1e-9), row.iter().collect::<String>()).trim_end();
        out.push('\n');
    }
    out += &format!("  Gflop/s +{}\n", "-".repeat(WIDTH));
    let ends = (significant(left), significant(right));
    out += &format!("{:>11}{}{:>pad$} flop/B\n", "", ends.0, ends.1, pad = WIDTH - ends.0.len());
    out += &format!("f32: roof / and -, ridge at {} flop/B, products *\n", significant(ridge));
    out
}

fn giga(i: Interval) -> (String, String) {
    let g = |value: f64| significant(value * 1e-9);
    (g(i.median), format!("{}–{}", g(i.lo), g(i.hi)))
}

/// Bytes in the binary unit that suits them.
pub fn size(bytes: u64) -> String {
    match bytes {
        b if b >= 1 << 30 => format!("{} GiB", b >> 30),
        b if b >= 1 << 20 => format!("{} MiB", b >> 20),
        b => format!("{} KiB", b >> 10),
    }
}

impl Printed for Roofline {
    const TABLES: &'static [&'static str] = &["arithmetic", "memory", "products", "other", "missing"];

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let memory: Vec<&Bandwidth> = self.memory.iter().chain(&self.transfers).collect();
        let mut other: Vec<(&str, f64, &str, Option<&str>)> = Vec::new();
        if let Some(w) = &self.workgroup {
            other.push(("workgroup_memory", w.value.median, "byte/s", Some(w.verdict.as_str())));
        }
        if let Some(l) = &self.launch_s {
            other.push(("one_more_dispatch", l.value.median, "s", Some(l.verdict.as_str())));
        }
        other.extend(self.submission_s.map(|s| ("submission", s, "s", None)));
        other.extend(self.last_cache.map(|bytes| ("last_cache", bytes as f64, "byte", None)));
        vec![
            Sheet::of(
                "arithmetic",
                &self.arithmetic,
                &[
                    ("precision", |p| p.precision.to_string().into()),
                    ("unit", |p| if p.matrix { "matrix" } else { "vector" }.into()),
                    ("chains", |p| p.chains.into()),
                    ("peak_flop_per_s", |p| p.flop_per_s.value.median.into()),
                    ("peak_lo_flop_per_s", |p| p.flop_per_s.value.lo.into()),
                    ("peak_hi_flop_per_s", |p| p.flop_per_s.value.hi.into()),
                    ("most_flop_per_s", |p| p.most.into()),
                    ("verdict", |p| p.flop_per_s.verdict.as_str().into()),
                ],
            ),
            Sheet::of(
                "memory",
                memory.iter().copied(),
                &[
                    ("kind", |b: &Bandwidth| (&b.kind).into()),
                    ("working_set_bytes", |b| b.working_set.into()),
                    ("cold", |b| b.cold.into()),
                    ("bandwidth_byte_per_s", |b| b.bytes_per_s.value.median.into()),
                    ("bandwidth_lo_byte_per_s", |b| b.bytes_per_s.value.lo.into()),
                    ("bandwidth_hi_byte_per_s", |b| b.bytes_per_s.value.hi.into()),
                    ("verdict", |b| b.bytes_per_s.verdict.as_str().into()),
                ],
            ),
            Sheet::of(
                "products",
                &self.products,
                &[
                    ("case", |p| (&p.case).into()),
                    ("intensity_flop_per_byte", |p| p.intensity.into()),
                    ("rate_flop_per_s", |p| p.flop_per_s.value.median.into()),
                    ("roof_flop_per_s", |p| p.bound.into()),
                    ("fraction_of_roof", |p| p.fraction.into()),
                    ("verdict", |p| p.flop_per_s.verdict.as_str().into()),
                ],
            ),
            Sheet::of(
                "other",
                &other,
                &[
                    ("what", |o| o.0.into()),
                    ("value", |o| o.1.into()),
                    ("unit", |o| o.2.into()),
                    ("verdict", |o| o.3.into()),
                ],
            ),
            Sheet::of("missing", &self.missing, &[("probe", |m| (&m.probe).into()), ("why", |m| (&m.why).into())]),
        ]
    }
}
