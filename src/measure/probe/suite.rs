//! The whole roofline in one run: each probe depends on what the ones before it found.

use super::engine::{Prober, measure};
use super::kind::{Kind, Probe, Scale};
use super::levels::{Level, last_cache, levels};
use super::record::ProbeRecord;
use crate::error::Result;
use crate::kernel::{Cooperative, Fragments, Precision};
use crate::measure::effort::Effort;
use crate::measure::timing::Stage;
use std::ops::ControlFlow;

/// Widths that are tried: independent chains of vectors of four.
const CHAINS: [u32; 5] = [1, 2, 4, 8, 16];

/// Sums per subgroup that are tried on matrix units.
const FRAGMENTS: [u32; 3] = [2, 4, 8];

/// Arithmetic that is probed outside of matrix units; f16 operands with f32 sums have no instruction of
/// their own there.
const PRECISIONS: [Precision; 4] = [Precision::F32, Precision::F16, Precision::I8AccI32, Precision::F64];

/// A cold working set belongs to sets of more than twice the last cache together.
const COLD_OVER_CACHE: f64 = 2.5;

/// What the suite gives each probe.
pub fn effort() -> Effort {
    Effort { case_s: 1.0, submission_s: 2e-3, precision: 0.02, max_rounds: 40, ..Effort::quick() }
}

/// Who watches a run.
pub struct Watcher<'a> {
    /// Told what comes next.
    pub next: &'a mut dyn FnMut(&Probe),
    /// Asked before every submission.
    pub stop: &'a dyn Fn() -> bool,
    /// Sees each record as soon as there is one; an error ends the run.
    pub done: &'a mut dyn FnMut(&ProbeRecord) -> Result<()>,
}

/// Runs every probe. What was measured before a stop is returned.
///
/// # Errors
/// Those of `done`.
pub fn run(device: &mut dyn Prober, effort: &Effort, watcher: &mut Watcher) -> Result<Vec<ProbeRecord>> {
    let software = device.adapter().software;
    let scale = Scale::of(software);
    let mut run = Run { device, effort, watcher, records: Vec::new() };
    let _ = run.all(scale, software)?;
    Ok(run.records)
}

struct Run<'a, 'w> {
    device: &'a mut dyn Prober,
    effort: &'a Effort,
    watcher: &'a mut Watcher<'w>,
    records: Vec<ProbeRecord>,
}

/// `None` once someone wants to stop.
type Going<T> = Result<Option<T>>;

impl Run<'_, '_> {
    fn all(&mut self, scale: Scale, software: bool) -> Going<()> {
        let single = |kind| Probe::compute(kind, scale);
        for precision in PRECISIONS {
            let widths = CHAINS.map(|chains| single(Kind::Arithmetic { precision, chains }));
            if self.best(&widths)?.is_none() {
                return Ok(None);
            }
        }
        let subgroup = self.device.adapter().capabilities.subgroup;
        for (precision, fragment) in matrices(self.device.matrices()) {
            let widths = FRAGMENTS.map(|chains| single(Kind::Matrix { precision, fragment, chains, subgroup }));
            if self.best(&widths)?.is_none() {
                return Ok(None);
            }
        }
        let mut curve = Vec::new();
        for bytes in working_sets(software, self.device.most_bytes()) {
            let probe = Probe::warm(Kind::Read, bytes, scale);
            let Some(record) = self.one(&probe, false)? else { return Ok(None) };
            curve.extend(record.headline().map(|rate| (probe.working_set(), rate.median)));
        }
        let mut rest = Vec::new();
        let (small, set) = if software { (16 << 10, 4 << 20) } else { (1 << 20, 64 << 20) };
        let sets = cold_sets(&levels(&curve), set, software, self.device.most_bytes());
        for kind in [Kind::Read, Kind::Write, Kind::Copy, Kind::Triad] {
            let warm = [small, 8 * small, set].map(|bytes| Probe::warm(kind, bytes, scale));
            // The curve has those of reading already.
            rest.extend(warm.into_iter().filter(|_| kind != Kind::Read));
            rest.push(Probe::cold(kind, set, sets, scale));
        }
        rest.extend([single(Kind::Workgroup), single(Kind::Launch)]);
        for kind in [Kind::Upload, Kind::Download] {
            rest.extend([4 << 10, 1 << 20, 16 << 20].map(|bytes| Probe::transfer(kind, bytes)));
        }
        for probe in rest {
            if self.one(&probe, false)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Tries each, then measures the best of them again: the best of several is too good.
    fn best(&mut self, probes: &[Probe]) -> Going<()> {
        let mut best: Option<(Probe, f64)> = None;
        for probe in probes {
            let Some(record) = self.one(probe, false)? else { return Ok(None) };
            if let Some(rate) = record.headline()
                && best.is_none_or(|(_, least)| rate.median > least)
            {
                best = Some((*probe, rate.median));
            }
            // What the adapter lacks it lacks at every width.
            if record.missing.as_ref().is_some_and(|m| m.status() == "unsupported") {
                return Ok(Some(()));
            }
        }
        match best {
            Some((probe, _)) => Ok(self.one(&probe, true)?.map(|_| ())),
            None => Ok(Some(())),
        }
    }

    fn one(&mut self, probe: &Probe, again: bool) -> Going<ProbeRecord> {
        (self.watcher.next)(probe);
        let stop = self.watcher.stop;
        let mut watch = |_: Stage| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let Some(record) = measure(self.device, probe, again, self.effort, &mut watch) else { return Ok(None) };
        (self.watcher.done)(&record)?;
        self.records.push(record.clone());
        Ok(Some(record))
    }
}

/// The fragments that an adapter reports; for a precision without any a usual one, so that the lack becomes a
/// row.
fn matrices(configurations: &[Cooperative]) -> Vec<(Precision, u32)> {
    let reported = Fragments::reported(configurations);
    let of = |precision: Precision| {
        let mut extents: Vec<u32> = reported.of(precision).collect();
        if extents.is_empty() {
            extents.push(if precision == Precision::F32 { 8 } else { 16 });
        }
        extents.into_iter().map(move |extent| (precision, extent))
    };
    Fragments::PRECISIONS.into_iter().flat_map(of).collect()
}

/// Working sets of the curve, bytes: powers of two from 16 KiB to well beyond every cache.
fn working_sets(software: bool, most: u64) -> Vec<u64> {
    let largest: u64 = if software { 128 << 20 } else { 1 << 30 };
    (14..=30).map(|power| 1u64 << power).filter(|&bytes| bytes <= largest.min(most)).collect()
}

/// Sets of `set` bytes to be visited in turn: more than twice the last cache that the curve shows, and never
/// less than a usual last cache's double where it shows none.
fn cold_sets(levels: &[Level], set: u64, software: bool, most: u64) -> u32 {
    let least: u64 = if software { 96 << 20 } else { 256 << 20 };
    let wanted = last_cache(levels).map_or(0, |cache| (cache as f64 * COLD_OVER_CACHE) as u64).max(least);
    (wanted.div_ceil(set)).clamp(2, (most / set).max(2)) as u32
}

/// One of each kind, width and temperature: what a test or a bench goes through.
pub fn every_kind(scale: Scale) -> Vec<Probe> {
    let mut all = Vec::new();
    for precision in PRECISIONS {
        all.extend(CHAINS.map(|chains| Probe::compute(Kind::Arithmetic { precision, chains }, scale)));
    }
    for precision in [Precision::F16, Precision::F16AccF32, Precision::F32] {
        for (fragment, subgroup) in [(8, [4, 64]), (16, [32, 32])] {
            all.push(Probe::compute(Kind::Matrix { precision, fragment, chains: 4, subgroup }, scale));
        }
    }
    for kind in [Kind::Read, Kind::Write, Kind::Copy, Kind::Triad] {
        all.extend([Probe::warm(kind, 1 << 16, scale), Probe::cold(kind, 1 << 20, 3, scale)]);
    }
    all.extend([Kind::Workgroup, Kind::Launch].map(|kind| Probe::compute(kind, scale)));
    all.extend([Kind::Upload, Kind::Download].map(|kind| Probe::transfer(kind, 1 << 16)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reported_configuration_is_probed_and_every_lack_becomes_a_row() {
        use Precision::{F16, F16AccF32, F32};
        let reported = |texts: &[&str]| matrices(&texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>());
        assert_eq!(reported(&[]), [(F16AccF32, 16), (F16, 16), (F32, 8)]);
        let many = ["16x16x16 f16 -> f32", "8x8x8 f16 -> f32", "16x8x16 f16 -> f16", "16x16x16 f32 -> f32"];
        assert_eq!(reported(&many), [(F16AccF32, 16), (F16AccF32, 8), (F16, 16), (F32, 16)]);
    }

    #[test]
    fn a_matrix_probe_has_work_for_every_size_of_subgroup_in_the_range() {
        for (subgroup, parts) in [([32, 32], 1), ([4, 64], 16), ([32, 64], 2), ([8, 8], 1)] {
            let kind = Kind::Matrix { precision: Precision::F16AccF32, fragment: 16, chains: 2, subgroup };
            let probe = Probe::compute(kind, Scale { groups: 64, bytes: 0, turns: 1 });
            assert_eq!((probe.parts(), probe.workgroup(), probe.groups), (parts, subgroup[1], 64 / parts));
            // 64 subgroups, two sums, eight products a turn, sixteen turns.
            assert_eq!(probe.flop(), 64.0 * 2.0 * 8.0 * 16.0 * 2.0 * 4096.0);
        }
    }
}
