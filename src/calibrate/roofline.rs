//! The roofline of one adapter out of its probes, and products placed under it (Williams, Waterman and
//! Patterson 2009). Pure.

use crate::error::{Error, Result};
use crate::kernel::Precision;
use crate::measure::physics::{Bound, Limit};
use crate::measure::probe::levels::{Level, last_cache, levels};
use crate::measure::probe::wire::Lines;
use crate::measure::probe::{Kind, ProbeRecord};
use crate::measure::record::{AdapterIdentity, Interval, Missing, Record, Verdict};
use serde::{Deserialize, Serialize};

/// Schema id of a roofline.
pub const SCHEMA: &str = "flopcast.roofline/1";

/// What one adapter does at best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What it was measured on.
    pub adapter: AdapterIdentity,
    /// When the last probe ended, UTC, RFC 3339.
    pub at: String,
    /// Arithmetic, one per precision and unit, each the best width measured a second time.
    pub arithmetic: Vec<Peak>,
    /// Memory by kind and working set.
    pub memory: Vec<Bandwidth>,
    /// Plateaus of the warm read curve; the last is memory.
    pub levels: Vec<Level>,
    /// Largest working set that still was faster than memory, bytes.
    pub last_cache: Option<u64>,
    /// Workgroup memory, byte/s.
    pub workgroup: Option<Trusted>,
    /// Seconds of one more dispatch in a submission.
    pub launch_s: Option<Trusted>,
    /// Host seconds of a submission beyond its dispatches, as the launch probe saw it.
    pub submission_s: Option<f64>,
    /// Between host and device.
    pub transfers: Vec<Bandwidth>,
    /// What has no figure, and why.
    pub missing: Vec<Lack>,
    /// Products under the roof.
    pub products: Vec<Placed>,
}

/// A figure and how far it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trusted {
    /// Value with its 95 % interval.
    pub value: Interval,
    /// How far it can be trusted.
    pub verdict: Verdict,
}

/// Peak of one arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// Arithmetic.
    pub precision: Precision,
    /// Whether matrix units did it.
    pub matrix: bool,
    /// Independent chains, or sums per subgroup, at which it was best.
    pub chains: u32,
    /// Flop/s (bytes: operations), of the second measurement.
    pub flop_per_s: Trusted,
    /// The highest upper end of an interval over all widths and both measurements, SUSPECT ones left out:
    /// what a figure may be held against. Absent where a width that was skipped, failed or is SUSPECT may be above it.
    pub most: Option<f64>,
}

/// Bandwidth of one way over one working set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// `read`, `write`, `copy`, `triad`, `upload` or `download`.
    pub kind: String,
    /// Bytes of the working set.
    pub working_set: u64,
    /// Whether so many sets were visited in turn that none was cached.
    pub cold: bool,
    /// Bytes/s.
    pub bytes_per_s: Trusted,
}

/// A probe without a figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lack {
    /// Which.
    pub probe: String,
    /// Why.
    pub why: String,
}

/// A product under the roof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// `kernel[tiling]/precision/shape`.
    pub case: String,
    /// Flop per byte, where each of A, B and C is moved once.
    pub intensity: f64,
    /// Flop/s.
    pub flop_per_s: Trusted,
    /// The roof at that intensity, flop/s.
    pub bound: f64,
    /// Rate over bound, as it came out: a product whose operands stay in a cache can be above the roof of
    /// memory.
    pub fraction: f64,
}

impl Roofline {
    /// Out of a record's lines.
    ///
    /// # Errors
    /// Exit code 2: the lines are of more than one adapter.
    pub fn of(lines: &Lines) -> Result<Roofline> {
        let Some(last) = lines.probes.last() else { return Err(Error::usage("no probe")) };
        let adapters = lines.probes.iter().map(|p| &p.adapter).chain(lines.products.iter().map(|p| &p.adapter));
        if let Some(other) = adapters.into_iter().find(|&a| *a != last.adapter) {
            return Err(Error::usage(format!(
                "probes of `{}` and of `{}` in one record",
                last.adapter.name, other.name
            ))
            .hint("a roofline is of one adapter"));
        }
        let of = |wanted: fn(&Kind) -> bool| lines.probes.iter().filter(move |p| wanted(&p.case.kind()));
        let curve: Vec<(u64, f64)> = of(|k| *k == Kind::Read)
            .filter(|p| p.case.sets == 1)
            .filter_map(|p| Some((p.case.working_set(), p.headline()?.median)))
            .collect();
        let levels = levels(&curve);
        let launch = of(|k| *k == Kind::Launch).find(|p| p.figure.is_some());
        let mut roofline = Roofline {
            schema: SCHEMA.into(),
            adapter: last.adapter.clone(),
            at: last.at.clone(),
            arithmetic: lines.probes.iter().filter_map(|p| peak(p, &lines.probes)).collect(),
            memory: of(is_memory).filter_map(bandwidth).collect(),
            last_cache: last_cache(&levels),
            levels,
            workgroup: of(|k| *k == Kind::Workgroup).find_map(trusted),
            launch_s: launch.and_then(|p| Some(Trusted { value: p.figure.as_ref()?.seconds, verdict: p.verdict })),
            submission_s: launch.and_then(|p| p.figure.as_ref()?.submission_s),
            transfers: of(|k| k.is_transfer()).filter_map(bandwidth).collect(),
            missing: lines.probes.iter().filter_map(lack).collect(),
            products: Vec::new(),
        };
        roofline.products = lines.products.iter().filter_map(|product| roofline.placed(product)).collect();
        Ok(roofline)
    }

    /// The peak that bounds a product of this precision, flop/s: the better of vector and matrix units. Sums
    /// of f32 over operands of f16 run on vectors as f32.
    pub fn peak(&self, precision: Precision) -> Option<Trusted> {
        let units = units(precision);
        let runs = |peak: &&Peak| units.contains(&(peak.precision, peak.matrix));
        let peaks = self.arithmetic.iter().filter(runs).map(|peak| peak.flop_per_s);
        peaks.max_by(|a, b| a.value.median.total_cmp(&b.value.median))
    }

    /// Bandwidth of memory, byte/s: the best that was reached where nothing is cached.
    pub fn memory_bandwidth(&self) -> Option<Trusted> {
        let cold = self.memory.iter().filter(|b| b.cold).map(|b| b.bytes_per_s);
        cold.max_by(|a, b| a.value.median.total_cmp(&b.value.median))
    }

    /// Flop per byte above which arithmetic bounds, not memory.
    pub fn ridge(&self, precision: Precision) -> Option<f64> {
        Some(self.peak(precision)?.value.median / self.memory_bandwidth()?.value.median)
    }

    /// What no figure of this adapter should be above, going by the lines that it was made of: arithmetic by precision,
    /// and memory for what is more than twice as large as the last cache.
    ///
    /// SUSPECT figures bound nothing, and neither do sound ones beside a probe that may be above them: a precision with
    /// a width that was skipped or failed, or whose SUSPECT figure is above the sound ones, has no bound.
    pub fn bounds(&self, lines: &Lines) -> Vec<Bound> {
        let source = |what: &str| format!("{what} probed on this adapter, {}", self.at);
        let arithmetic = |precision| {
            let mut rate = None;
            for (of, matrix) in units(precision) {
                let group: Vec<&ProbeRecord> = lines.probes.iter().filter(|p| is_of(p, of, matrix)).collect();
                if !group.iter().all(|p| lacking(p)) {
                    let most = most(&group)?;
                    rate = Some(rate.map_or(most, |rate: f64| rate.max(most)));
                }
            }
            let rate = rate?;
            Some(Bound { limit: Limit::Arithmetic(precision), rate, source: source("arithmetic"), doubtful: false })
        };
        let mut bounds: Vec<Bound> = Precision::ALL.into_iter().filter_map(arithmetic).collect();
        let memory: Vec<&ProbeRecord> = lines.probes.iter().filter(|p| is_memory(&p.case.kind())).collect();
        // Levels come out of the warm curve: with a part of it missing, the last cache may be larger.
        let whole = memory.iter().all(|p| lacking(p) || p.headline().is_some());
        let cold: Vec<&ProbeRecord> = memory.into_iter().filter(|p| p.case.sets > 1).collect();
        if let (true, Some(rate), Some(cache)) = (whole, most(&cold), self.last_cache) {
            let limit = Limit::Memory { from_bytes: 2 * cache };
            bounds.push(Bound { limit, rate, source: source("memory"), doubtful: false });
        }
        bounds
    }

    fn placed(&self, product: &Record) -> Option<Placed> {
        let (case, figure) = (&product.case, product.figure.as_ref()?);
        let [a, b, c] = case.shape.elements().map(|elements| elements as f64);
        let precision = case.precision;
        let bytes = (a + b) * f64::from(precision.operand_bytes()) + c * f64::from(precision.result_bytes());
        let intensity = case.shape.flop() / bytes;
        let bound = self.peak(precision)?.value.median.min(intensity * self.memory_bandwidth()?.value.median);
        let Interval { median, lo, hi } = figure.gflop_per_s;
        let value = Interval { median: median * 1e9, lo: lo * 1e9, hi: hi * 1e9 };
        let flop_per_s = Trusted { value, verdict: product.verdict };
        Some(Placed { case: case.id(), intensity, flop_per_s, bound, fraction: value.median / bound })
    }
}

/// Why a roofline says nothing of later runs, if so: what was not tried may be the best, a product above the probes of
/// the same run shows that they were held down, and so does it where most probes of arithmetic were not steady.
pub fn does_not_bound(lines: &Lines) -> Option<String> {
    let skipped = lines.probes.iter().filter(|p| matches!(p.missing, Some(Missing::Skipped { .. }))).count();
    if skipped > 0 {
        return Some(format!("{skipped} of {} probes were skipped", lines.probes.len()));
    }
    let above =
        |record: &&Record| record.reasons.iter().any(|r| ["above-physics", "bound-doubted"].contains(&&*r.code));
    if let Some(record) = lines.products.iter().find(above) {
        return Some(format!("`{}` of the same run is above it", record.case.id()));
    }
    let arithmetic = || lines.probes.iter().filter(|p| p.case.kind().precision().is_some() && p.figure.is_some());
    let unsteady = arithmetic().filter(|p| p.verdict > Verdict::Software).count();
    let all = arithmetic().count();
    (2 * unsteady > all).then(|| format!("{unsteady} of {all} probes of arithmetic were not steady"))
}

fn trusted(record: &ProbeRecord) -> Option<Trusted> {
    Some(Trusted { value: record.headline()?, verdict: record.verdict })
}

/// The arithmetic that products of a precision run on, with whether matrix units do it: products with operands of f16
/// and sums of f32 run on vectors of f32 too.
fn units(precision: Precision) -> Vec<(Precision, bool)> {
    let mut units = vec![(precision, false), (precision, true)];
    units.extend((precision == Precision::F16AccF32).then_some((Precision::F32, false)));
    units
}

fn is_of(record: &ProbeRecord, precision: Precision, matrix: bool) -> bool {
    let kind = record.case.kind();
    kind.precision() == Some(precision) && matches!(kind, Kind::Matrix { .. }) == matrix
}

fn is_memory(kind: &Kind) -> bool {
    matches!(kind, Kind::Read | Kind::Write | Kind::Copy | Kind::Triad)
}

/// Whether the adapter lacks what a probe needs, so that no product can use it either.
fn lacking(record: &ProbeRecord) -> bool {
    matches!(record.missing, Some(Missing::Unsupported { .. }))
}

/// The highest upper end of the sound figures of a group, unless one without a sound figure may be above it.
fn most(group: &[&ProbeRecord]) -> Option<f64> {
    let sound = |p: &&&ProbeRecord| p.verdict <= Verdict::Software;
    let most = group.iter().filter(sound).filter_map(|p| Some(p.headline()?.hi)).max_by(f64::total_cmp)?;
    let above = |p: &&ProbeRecord| p.headline().is_none_or(|figure| figure.median > most);
    let doubted = group.iter().filter(|p| !lacking(p) && !sound(p)).any(above);
    (!doubted).then_some(most)
}

fn peak(record: &ProbeRecord, all: &[ProbeRecord]) -> Option<Peak> {
    let (precision, matrix, chains) = match record.case.kind() {
        Kind::Arithmetic { precision, chains } => (precision, false, chains),
        Kind::Matrix { precision, chains, .. } => (precision, true, chains),
        _ => return None,
    };
    let flop_per_s = trusted(record).filter(|_| record.again)?;
    let group: Vec<&ProbeRecord> = all.iter().filter(|p| is_of(p, precision, matrix)).collect();
    Some(Peak { precision, matrix, chains, flop_per_s, most: most(&group) })
}

fn bandwidth(record: &ProbeRecord) -> Option<Bandwidth> {
    Some(Bandwidth {
        kind: record.case.kind().name().into(),
        working_set: record.case.working_set(),
        cold: record.case.sets > 1,
        bytes_per_s: trusted(record)?,
    })
}

fn lack(record: &ProbeRecord) -> Option<Lack> {
    let why = record.reasons.first().filter(|_| record.figure.is_none())?;
    Some(Lack { probe: record.case.id(), why: format!("{}: {}", why.code, why.detail) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;
    use crate::measure::probe::scripted::ScriptedProber;
    use crate::measure::probe::suite::{self, Watcher};
    use crate::measure::record::Reason;

    #[test]
    fn a_roofline_is_kept_only_where_it_is_whole_steady_and_above_its_own_products() {
        let mut watcher = Watcher { next: &mut |_| {}, stop: &|| false, done: &mut |_| Ok(()) };
        let probes = suite::run(&mut ScriptedProber::honest(), &suite::effort(), None, &mut watcher).unwrap();
        let good = Lines { probes, products: vec![measured(1.0, 0.0)] };
        assert_eq!(does_not_bound(&good), None);
        let why = |change: &dyn Fn(&mut Lines)| {
            let mut lines = good.clone();
            change(&mut lines);
            does_not_bound(&lines).unwrap_or_default()
        };
        let skipped = |lines: &mut Lines| lines.probes[3].missing = Some(Missing::Skipped { reason: String::new() });
        assert!(why(&skipped).starts_with("1 of "));
        for code in ["above-physics", "bound-doubted"] {
            let above = |lines: &mut Lines| lines.products[0].reasons = vec![Reason::new(code, "")];
            assert!(why(&above).ends_with("of the same run is above it"), "{code}");
        }
        let unsteady = |lines: &mut Lines| lines.probes.iter_mut().for_each(|p| p.verdict = Verdict::Suspect);
        assert!(why(&unsteady).contains("were not steady"));
        // A few that were not leave the others.
        assert_eq!(why(&|lines| lines.probes[0].verdict = Verdict::Suspect), "");
    }

    #[test]
    fn sound_widths_bound_nothing_beside_one_that_may_be_above_them() {
        let mut watcher = Watcher { next: &mut |_| {}, stop: &|| false, done: &mut |_| Ok(()) };
        let probes = suite::run(&mut ScriptedProber::honest(), &suite::effort(), None, &mut watcher).unwrap();
        let good = Lines { probes, products: Vec::new() };
        let limits = |lines: &Lines| -> Vec<String> {
            // The scripted memory is all of one level.
            let roofline = Roofline { last_cache: Some(1 << 20), ..Roofline::of(lines).unwrap() };
            let bounds = roofline.bounds(lines);
            bounds.iter().map(|bound| format!("{:?}", bound.limit)).collect()
        };
        let has = |lines: &Lines, what: &str| limits(lines).iter().any(|limit| limit.contains(what));
        assert!(has(&good, "F32") && has(&good, "Memory"), "{:?}", limits(&good));
        let best = |of: &dyn Fn(&ProbeRecord) -> bool| {
            let rate = |p: &ProbeRecord| p.headline().map_or(0.0, |figure| figure.median);
            let group = good.probes.iter().enumerate().filter(|(_, p)| of(p));
            group.max_by(|a, b| rate(a.1).total_cmp(&rate(b.1))).unwrap().0
        };
        let vectors = |p: &ProbeRecord| is_of(p, Precision::F32, false);
        let cold = |p: &ProbeRecord| is_memory(&p.case.kind()) && p.case.sets > 1;
        for (of, bounded) in [(&vectors as &dyn Fn(&ProbeRecord) -> bool, "F32"), (&cold, "Memory")] {
            let changed = |change: &dyn Fn(&mut ProbeRecord)| {
                let mut lines = good.clone();
                change(&mut lines.probes[best(of)]);
                lines
            };
            // The best one: what is left is a lesser one, or none.
            let doubted = changed(&|p| {
                p.verdict = Verdict::Suspect;
                let figure = p.figure.as_mut().unwrap();
                for rate in [&mut figure.flop_per_s, &mut figure.bytes_per_s].into_iter().flatten() {
                    *rate = Interval { median: 2.0 * rate.median, lo: 2.0 * rate.lo, hi: 2.0 * rate.hi };
                }
            });
            let failed = changed(&|p| {
                (p.verdict, p.figure) = (Verdict::Invalid, None);
                p.missing = Some(Missing::Failed { error: "lost".into() });
            });
            for lines in [doubted, failed] {
                assert!(!has(&lines, bounded), "{bounded}: {:?}", limits(&lines));
            }
            // One that the adapter has not says nothing against the others.
            let lacking = changed(&|p| {
                (p.verdict, p.figure) = (Verdict::Invalid, None);
                p.missing = Some(Missing::Unsupported { needs: "f64".into() });
            });
            assert!(has(&lacking, bounded), "{bounded}: {:?}", limits(&lacking));
        }
        // Matrix units that failed may be above the vectors that products of f16 with sums of f32 can run on.
        let mut matrices = good.clone();
        matrices.probes.iter_mut().filter(|p| is_of(p, Precision::F16AccF32, true)).for_each(|p| {
            (p.verdict, p.figure) = (Verdict::Invalid, None);
            p.missing = Some(Missing::Failed { error: "lost".into() });
        });
        assert!(!has(&matrices, "F16AccF32") && has(&matrices, "F32"), "{:?}", limits(&matrices));
    }
}
