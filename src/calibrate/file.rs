//! A calibration: what an adapter reached, per precision, and how that falls off with the shape.

use super::curve::{Curve, Point};
use crate::error::{Context, Error, Result};
use crate::kernel::{DataClass, Precision, Shape};
use crate::measure::energy::Energy;
use crate::measure::host::HOST;
use crate::measure::record::{AdapterIdentity, Figure, Interval, Missing, Record, TimingMethod, Tool, Verdict};
use crate::typed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Schema id of a calibration. A reader refuses any other.
pub const SCHEMA: &str = "flopcast.calibration/1";

/// The best verified rate of one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Rate with its 95 % interval, 1e9 flop/s.
    pub gflop_per_s: Interval,
    /// The case that reached it.
    pub case: String,
    /// Its shape.
    pub shape: Shape,
    /// The clock behind it.
    pub timing_method: TimingMethod,
    /// Its verdict.
    pub verdict: Verdict,
    /// The quickest SUSPECT row, where it is clearly quicker: the ceiling is then a lower bound of what the adapter can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quicker_suspect: Option<Doubted>,
}

/// A row that is no ceiling because a rule is broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Doubted {
    /// Rate with its 95 % interval, 1e9 flop/s.
    pub gflop_per_s: Interval,
    /// The case.
    pub case: String,
}

/// Ceiling and curve of one precision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrecisionCurve {
    /// The arithmetic.
    pub precision: Precision,
    /// The best rate.
    pub ceiling: Ceiling,
    /// How the rate falls off with the shape: the best kernel at each.
    pub curve: Curve,
}

/// What measurements of one adapter say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What measured it.
    pub tool: Tool,
    /// What it ran on.
    pub adapter: AdapterIdentity,
    /// A CPU-type adapter: everything made of this is SOFTWARE.
    pub software: bool,
    /// When the last case ended, UTC.
    pub measured_at: String,
    /// Where the measurements lie, as named when it was made.
    pub measurements: String,
    /// Rows that went in.
    pub rows_used: usize,
    /// Rows left out, by verdict.
    pub rows_left_out: BTreeMap<String, usize>,
    /// What it drew where it was quickest, or why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<MeasuredPower>,
    /// One per precision that has a usable row, in [`Precision::ALL`]'s order.
    pub precisions: Vec<PrecisionCurve>,
}

/// Power of the quickest case of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasuredPower {
    /// Mean watts while it was timed, of all that its counters are of; absent where it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watts: Option<f64>,
    /// Joules per flop of that case: watts over its rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joule_per_flop: Option<f64>,
    /// The case.
    pub case: String,
    /// The counters, or why they were not read.
    pub source: String,
}

impl MeasuredPower {
    fn of(record: &Record, figure: &Figure) -> Option<Self> {
        let energy = record.energy.as_ref()?;
        let watts = energy.watts();
        Some(MeasuredPower {
            watts,
            joule_per_flop: watts.map(|w| w / (figure.gflop_per_s.median * 1e9)),
            case: record.case.id(),
            source: match energy {
                Energy::Read { source, .. } => source.clone(),
                Energy::Missing { reason } => reason.clone(),
            },
        })
    }
}

/// How to come by one.
const HINT: &str = "`flopcast calibrate FILE.jsonl --out calibration.json` makes one";

impl Calibration {
    /// Calibrates from measurement records; `name` is where they came from.
    ///
    /// Only rows with verdict MEASURED or SOFTWARE and with data that an adapter has to work on go in, and of these only
    /// shapes at which no SUSPECT row is clearly quicker: what is known there is of a kernel that is not the best. The
    /// ceiling's own shape stays, as the best that is known. Errors: rows of several adapters, or no usable row.
    pub fn from_records(records: &[Record], name: &str) -> Result<Self> {
        // The host beside an adapter is none, and calibrates nothing.
        let adapters: Vec<&Record> = records.iter().filter(|r| r.adapter.backend != HOST).collect();
        let Some(&first) = adapters.first() else {
            return Err(Error::usage(format!("`{name}`: no measurement in it")));
        };
        if let Some(other) = adapters.iter().find(|r| r.adapter != first.adapter) {
            return Err(Error::usage(format!(
                "`{name}`: measurements of two adapters, `{}` ({}) and `{}` ({})",
                first.adapter.name, first.adapter.backend, other.adapter.name, other.adapter.backend
            ))
            .hint("a calibration is of one adapter: measure each into a file of its own"));
        }
        let mut rows_left_out = BTreeMap::new();
        let mut used: Vec<(&Record, &Figure)> = Vec::new();
        let mut doubted: Vec<(&Record, &Figure)> = Vec::new();
        for record in adapters {
            match (record.verdict, &record.figure) {
                // A curve is over the extents of one product.
                (_, Some(_)) if record.case.shape.batch > 1 => *rows_left_out.entry("batched".into()).or_insert(0) += 1,
                // Where power limits the clock, an adapter is quicker on these than on anything that is of use.
                (_, Some(_)) if matches!(record.case.data, DataClass::Zeros | DataClass::Constant) => {
                    *rows_left_out.entry(format!("data {}", record.case.data.as_str())).or_insert(0) += 1;
                }
                (Verdict::Measured | Verdict::Software, Some(figure)) => used.push((record, figure)),
                (verdict @ Verdict::Suspect, Some(figure)) => {
                    doubted.push((record, figure));
                    *rows_left_out.entry(verdict.as_str().to_string()).or_insert(0) += 1;
                }
                (verdict, _) => {
                    let why = record.missing.as_ref().map_or(verdict.as_str(), Missing::status);
                    *rows_left_out.entry(why.to_string()).or_insert(0) += 1;
                }
            }
        }
        if used.is_empty() {
            let counts: Vec<_> = rows_left_out.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
            return Err(Error::usage(format!("`{name}`: no usable row ({})", counts.join(", "))).hint(
                "only rows with verdict MEASURED or SOFTWARE calibrate; their `reasons` say what to mend before measuring again",
            ));
        }
        let quickest = used.iter().max_by(|a, b| a.1.gflop_per_s.median.total_cmp(&b.1.gflop_per_s.median));
        let power = quickest.and_then(|(record, figure)| MeasuredPower::of(record, figure));
        let precisions =
            Precision::ALL.into_iter().filter_map(|precision| precision_curve(precision, &used, &doubted)).collect();
        Ok(Calibration {
            schema: SCHEMA.into(),
            tool: first.tool.clone(),
            adapter: first.adapter.clone(),
            software: used.iter().any(|(r, _)| r.adapter.software || r.verdict == Verdict::Software),
            // RFC 3339 in UTC sorts as text.
            measured_at: used.iter().map(|(r, _)| r.at.clone()).max().unwrap_or_default(),
            measurements: name.into(),
            rows_used: used.len(),
            rows_left_out,
            power,
            precisions,
        })
    }

    /// Reads a calibration file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).or_usage(format!("`{name}`")).map_err(|e| e.hint(HINT))?;
        Self::from_json(&text, &name)
    }

    /// Reads a calibration; another schema, a cut file or an impossible figure is refused.
    pub fn from_json(text: &str, name: &str) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
            Error::usage(format!("`{name}`: {}", if e.is_eof() { "cut off".into() } else { e.to_string() })).hint(HINT)
        })?;
        match value.get("schema").and_then(|s| s.as_str()) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(Error::usage(format!("`{name}`: schema `{other}` instead of `{SCHEMA}`")).hint(HINT));
            }
            None => return Err(Error::usage(format!("`{name}`: no `schema`")).hint(HINT)),
        }
        let calibration: Calibration =
            typed::read(&value).map_err(|e| Error::usage(format!("`{name}`: {e}")).hint(HINT))?;
        calibration.check().map_err(|why| Error::usage(format!("`{name}`: {why}")).hint(HINT))?;
        Ok(calibration)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if let Some(watts) = self.power.as_ref().and_then(|p| p.watts).filter(|w| !(1e-3..1e5).contains(w)) {
            return Err(format!("`power`: {watts} W is impossible"));
        }
        if self.precisions.is_empty() {
            return Err("`precisions` is empty".into());
        }
        for p in &self.precisions {
            let i = p.ceiling.gflop_per_s;
            if !(0.0 < i.lo && i.lo <= i.median && i.median <= i.hi && i.hi < 1e15) {
                return Err(format!("`{}`: ceiling {} ≤ {} ≤ {} is impossible", p.precision, i.lo, i.median, i.hi));
            }
            let sane = |x: f64| x.is_finite() && x > 0.0;
            if p.curve.points.is_empty() {
                return Err(format!("`{}`: no point", p.precision));
            }
            if let Some(bad) =
                p.curve.points.iter().find(|q| !(sane(q.m) && sane(q.n) && sane(q.k) && sane(q.efficiency)))
            {
                return Err(format!("`{}`: an impossible point at {}x{}x{}", p.precision, bad.m, bad.n, bad.k));
            }
            if p.curve.leave_one_out_sd_log.is_some_and(|sd| !(0.0..10.0).contains(&sd)) {
                return Err(format!("`{}`: an impossible leave-one-out error", p.precision));
            }
        }
        Ok(())
    }

    /// The precision with the highest ceiling: what the shape of a curve is taken from, and what
    /// "N of this adapter" counts in.
    pub fn best(&self) -> &PrecisionCurve {
        // `check` and `from_records` leave no calibration without a precision.
        self.precisions
            .iter()
            .max_by(|a, b| a.ceiling.gflop_per_s.median.total_cmp(&b.ceiling.gflop_per_s.median))
            .unwrap_or(&self.precisions[0])
    }
}

fn precision_curve(
    precision: Precision,
    used: &[(&Record, &Figure)],
    doubted: &[(&Record, &Figure)],
) -> Option<PrecisionCurve> {
    let mut best_at: BTreeMap<Shape, (&Record, &Figure)> = BTreeMap::new();
    for &(record, figure) in used.iter().filter(|(r, _)| r.case.precision == precision) {
        let best = best_at.entry(record.case.shape).or_insert((record, figure));
        if figure.gflop_per_s.median > best.1.gflop_per_s.median {
            *best = (record, figure);
        }
    }
    let (record, figure) =
        *best_at.values().max_by(|a, b| a.1.gflop_per_s.median.total_cmp(&b.1.gflop_per_s.median))?;
    let ceiling = figure.gflop_per_s.median;
    let of_precision = || doubted.iter().filter(|(r, _)| r.case.precision == precision);
    let quicker = of_precision().filter(|(_, f)| f.gflop_per_s.lo > figure.gflop_per_s.hi);
    let quickest = quicker.max_by(|a, b| a.1.gflop_per_s.median.total_cmp(&b.1.gflop_per_s.median));
    let overtaken = |shape: &Shape, best: &Figure| {
        of_precision().filter(|(r, _)| r.case.shape == *shape).any(|(_, f)| f.gflop_per_s.lo > best.gflop_per_s.hi)
    };
    let points = best_at
        .iter()
        .filter(|(shape, (best, figure))| best.case.id() == record.case.id() || !overtaken(shape, figure))
        .map(|(shape, (_, f))| Point {
            m: f64::from(shape.m),
            n: f64::from(shape.n),
            k: f64::from(shape.k),
            efficiency: f.gflop_per_s.median / ceiling,
        })
        .collect();
    Some(PrecisionCurve {
        precision,
        ceiling: Ceiling {
            gflop_per_s: figure.gflop_per_s,
            case: record.case.id(),
            shape: record.case.shape,
            timing_method: figure.timing_method,
            verdict: record.verdict,
            quicker_suspect: quickest.map(|(r, f)| Doubted { gflop_per_s: f.gflop_per_s, case: r.case.id() }),
        },
        curve: Curve::new(points),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kernel::{Case, DataClass, Settings};
    use crate::measure::record::{METHOD, SCHEMA as MEASUREMENT, TimingMethod};

    pub(crate) fn record(shape: &str, kernel: &str, gflops: f64, verdict: Verdict) -> Record {
        let shape: Shape = shape.parse().unwrap();
        let seconds = shape.flop() / gflops / 1e9;
        let software = verdict == Verdict::Software;
        let around = |x: f64| Interval { median: x, lo: 0.98 * x, hi: 1.02 * x };
        Record {
            schema: MEASUREMENT.into(),
            tool: Tool { version: "0.1.0".into(), method: METHOD, wgpu: "none".into(), naga: "30".into() },
            at: "2026-01-01T00:00:00Z".into(),
            adapter: AdapterIdentity {
                name: "Scripted".into(),
                backend: "scripted".into(),
                device_type: if software { "cpu" } else { "other" }.into(),
                driver: String::new(),
                driver_info: String::new(),
                vendor: 0,
                device: 0,
                software,
                capabilities: Default::default(),
            },
            case: Case {
                kernel: kernel.into(),
                tiling: String::new(),
                precision: Precision::F32,
                shape,
                settings: Settings::default(),
                data: DataClass::Normal,
                seed: 1,
                wgsl_sha256: String::new(),
            },
            missing: None,
            tuned: None,
            spent: None,
            energy: None,
            proof: None,
            samples: None,
            bounds: vec![],
            figure: (verdict != Verdict::Invalid).then(|| Figure {
                timing_method: TimingMethod::HostSlope,
                seconds: around(seconds),
                gflop_per_s: around(gflops),
                samples: 20,
                submission_s: None,
                clock_disagreement: None,
                burst_gflop_per_s: 1.0,
                sustained_gflop_per_s: None,
                settled_after_s: None,
            }),
            verdict,
            reasons: vec![],
        }
    }

    pub(crate) fn software_for_tests() -> Calibration {
        let v = Verdict::Software;
        let records = [
            record("64x64x64", "naive", 2.0, v),
            record("256x256x256", "register_tiled", 12.0, v),
            record("512x512x512", "naive", 3.0, v),
            record("512x512x512", "register_tiled", 20.0, v),
        ];
        Calibration::from_records(&records, "m.jsonl").unwrap()
    }

    #[test]
    fn the_ceiling_is_the_best_usable_row_and_the_curve_the_best_kernel_at_each_shape() {
        let calibration = software_for_tests();
        let f32 = calibration.best();
        assert_eq!(f32.ceiling.gflop_per_s.median, 20.0);
        assert_eq!(f32.ceiling.case, "register_tiled/f32/512x512x512");
        assert_eq!(f32.curve.points.len(), 3);
        assert!(calibration.software);
        assert!(f32.curve.leave_one_out_sd_log.unwrap() > 0.0);
    }

    #[test]
    fn a_suspect_row_is_left_out_and_counted() {
        let records = [
            record("64x64x64", "naive", 2.0, Verdict::Measured),
            record("512x512x512", "naive", 900.0, Verdict::Suspect),
            record("128x128x128", "naive", 1.0, Verdict::Invalid),
        ];
        let calibration = Calibration::from_records(&records, "m").unwrap();
        assert_eq!(calibration.best().ceiling.gflop_per_s.median, 2.0);
        assert_eq!(calibration.rows_left_out["SUSPECT"], 1);
        assert_eq!(calibration.rows_left_out["INVALID"], 1);
        assert!(!calibration.software);
    }

    #[test]
    fn rows_of_zeros_or_of_a_constant_calibrate_nothing() {
        let mut records = [
            record("64x64x64", "naive", 2.0, Verdict::Measured),
            record("512x512x512", "naive", 900.0, Verdict::Measured),
            record("512x512x512", "register_tiled", 800.0, Verdict::Measured),
        ];
        (records[1].case.data, records[2].case.data) = (DataClass::Zeros, DataClass::Constant);
        let calibration = Calibration::from_records(&records, "m").unwrap();
        assert_eq!(calibration.best().ceiling.gflop_per_s.median, 2.0);
        assert_eq!((calibration.rows_left_out["data zeros"], calibration.rows_left_out["data constant"]), (1, 1));
        assert!(Calibration::from_records(&records[1..], "m").is_err());
    }

    #[test]
    fn a_shape_at_which_a_suspect_row_is_quicker_is_no_point_of_the_curve() {
        let row = |shape: &str, kernel: &str, gflops: f64, verdict| record(shape, kernel, gflops, verdict);
        let records = [
            row("64x64x64", "naive", 2.0, Verdict::Measured),
            row("64x64x64", "register_tiled", 40.0, Verdict::Suspect),
            row("128x128x128", "naive", 3.0, Verdict::Measured),
            row("128x128x128", "register_tiled", 3.05, Verdict::Suspect),
            row("512x512x512", "register_tiled", 50.0, Verdict::Measured),
            row("512x512x512", "texture_fed", 90.0, Verdict::Suspect),
        ];
        let calibration = Calibration::from_records(&records, "m").unwrap();
        let points: Vec<f64> = calibration.best().curve.points.iter().map(|p| p.m).collect();
        // 2 of 40 would be no efficiency of this adapter; intervals that touch say nothing; the ceiling stays.
        assert_eq!(points, [128.0, 512.0]);
        assert_eq!(calibration.best().ceiling.gflop_per_s.median, 50.0);
        let quicker = calibration.best().ceiling.quicker_suspect.clone().unwrap();
        assert_eq!((quicker.case.as_str(), quicker.gflop_per_s.median), ("texture_fed/f32/512x512x512", 90.0));
        assert_eq!(calibration.rows_left_out["SUSPECT"], 3);
        // One whose interval touches the ceiling's is not quicker.
        let close = row("512x512x512", "texture_fed", 51.0, Verdict::Suspect);
        let calibration = Calibration::from_records(&[records[4].clone(), close], "m").unwrap();
        assert_eq!(calibration.best().ceiling.quicker_suspect, None);
    }

    #[test]
    fn no_usable_row_is_an_error_with_the_counts_and_a_way_out() {
        let doubted = record("8x8x8", "naive", 1.0, Verdict::Suspect);
        let missing = Some(Missing::Skipped { reason: "no time".into() });
        let skipped = Record { missing, figure: None, verdict: Verdict::Invalid, ..doubted.clone() };
        let error = Calibration::from_records(&[doubted, skipped], "m").unwrap_err();
        assert!(error.message().contains("no usable row (1 SUSPECT, 1 skipped)"), "{error}");
        assert!(error.hint_text().is_some());
    }

    #[test]
    fn two_adapters_in_one_file_are_refused() {
        let mut other = record("8x8x8", "naive", 1.0, Verdict::Measured);
        other.adapter.name = "Other".into();
        let error =
            Calibration::from_records(&[record("8x8x8", "naive", 1.0, Verdict::Measured), other], "m").unwrap_err();
        assert!(error.message().contains("two adapters"), "{error}");
    }

    #[test]
    fn the_power_of_the_quickest_case_and_its_energy_per_flop_are_kept_or_why_they_are_not_known() {
        let with = |energy: Energy| {
            let mut quick = record("512x512x512", "naive", 20.0, Verdict::Measured);
            quick.energy = Some(energy);
            let slow = record("64x64x64", "naive", 2.0, Verdict::Measured);
            Calibration::from_records(&[slow, quick], "m").unwrap().power.unwrap()
        };
        let read = with(Energy::Read { joules: 100.0, seconds: 4.0, source: "a counter".into() });
        assert_eq!((read.watts, read.joule_per_flop), (Some(25.0), Some(25.0 / 20e9)));
        assert_eq!(read.case, "naive/f32/512x512x512");
        let missing = with(Energy::Missing { reason: "is not there".into() });
        assert_eq!((missing.watts, missing.source.as_str()), (None, "is not there"));
        assert_eq!(software_for_tests().power, None);
    }

    #[test]
    fn a_calibration_reads_back_as_it_was_written() {
        let calibration = software_for_tests();
        let text = serde_json::to_string(&calibration).unwrap();
        assert_eq!(Calibration::from_json(&text, "c").unwrap(), calibration);
    }

    #[test]
    fn a_calibration_that_is_none_is_refused_with_the_reason() {
        let good = serde_json::to_string(&software_for_tests()).unwrap();
        for (text, part) in [
            (good[..good.len() / 2].to_string(), "cut off"),
            (good.replace("flopcast.calibration/1", "flopcast.calibration/9"), "schema `flopcast.calibration/9`"),
            ("{}".into(), "no `schema`"),
            (good.replace("\"rows_used\"", "\"rows\""), "unknown field"),
            (good.replace("\"median\":20.0", "\"median\":-20.0"), "impossible"),
        ] {
            let error = Calibration::from_json(&text, "c.json").unwrap_err();
            assert!(error.message().starts_with("`c.json`: ") && error.message().contains(part), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
