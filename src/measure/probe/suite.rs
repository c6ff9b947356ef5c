//! The whole roofline in one run: each probe depends on what the ones before it found.

use super::allotment::Allotment;
use super::engine::{Prober, left_out, measure};
use super::kind::{Kind, Probe, Scale};
use super::lengths::{LOOKED_AT, cold_set, cold_sets, long_enough};
use super::levels::levels;
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

/// Time for a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// Seconds of the device's clock, compiling, filling and checking included.
    pub seconds: f64,
    /// Cases that come after the probes and get a share of it each: what is kept for them is not used.
    pub cases_after: usize,
}

/// Runs every probe, within what is allowed where that is given; what does not fit is a `skipped` row with the
/// reason. What was measured before a stop is returned.
///
/// # Errors
/// Those of `done`.
pub fn run(
    device: &mut dyn Prober,
    effort: &Effort,
    allowed: Option<Allowed>,
    watcher: &mut Watcher,
) -> Result<Vec<ProbeRecord>> {
    let software = device.adapter().software;
    let scale = Scale::of(software);
    let sets = working_sets(software, device.most_bytes());
    let matrices = matrices(device.matrices());
    let probes = PRECISIONS.len() * (CHAINS.len() + 1) + matrices.len() * (FRAGMENTS.len() + 1) + sets.len() + REST;
    let now_s = device.now_ns() as f64 * 1e-9;
    let time = allowed.map(|a| Allotment::new(now_s, a.seconds, probes, a.cases_after));
    let mut run = Run { device, effort, time, watcher, records: Vec::new() };
    let _ = run.all(scale, software, &matrices, &sets)?;
    Ok(run.records)
}

/// Probes after the curve: three kinds over three warm working sets, four over a cold one, workgroup memory,
/// launches, two directions of three transfers.
const REST: usize = 3 * 3 + 4 + 2 + 2 * 3;

struct Run<'a, 'w> {
    device: &'a mut dyn Prober,
    effort: &'a Effort,
    time: Option<Allotment>,
    watcher: &'a mut Watcher<'w>,
    records: Vec<ProbeRecord>,
}

/// `None` once someone wants to stop.
type Going<T> = Result<Option<T>>;

impl Run<'_, '_> {
    fn all(&mut self, scale: Scale, software: bool, matrices: &[(Precision, u32)], curve_sets: &[u64]) -> Going<()> {
        let single = |kind| Probe::compute(kind, scale);
        for precision in PRECISIONS {
            let kind = |chains| Kind::Arithmetic { precision, chains };
            let long = long_enough(self.device, kind(LOOKED_AT), scale);
            if self.best(&CHAINS.map(|chains| Probe::compute(kind(chains), long)))?.is_none() {
                return Ok(None);
            }
        }
        let mut curve = Vec::new();
        self.group(curve_sets.len());
        for &bytes in curve_sets {
            let probe = Probe::warm(Kind::Read, bytes, scale);
            let Some(record) = self.one(&probe, Place::Plain)? else { return Ok(None) };
            curve.extend(record.headline().map(|rate| (probe.working_set(), rate.median)));
        }
        // Each kind is a group: one that takes long leaves the others their time.
        let mut rest: Vec<Vec<Probe>> = Vec::new();
        let (small, set) = if software { (16 << 10, 4 << 20) } else { (1 << 20, 64 << 20) };
        let (levels, most) = (levels(&curve), self.device.most_bytes());
        let cold = cold_set(&levels, set, software, most);
        let sets = cold_sets(&levels, cold, software, most);
        for kind in [Kind::Read, Kind::Write, Kind::Copy, Kind::Triad] {
            let warm = [small, 8 * small, set].map(|bytes| Probe::warm(kind, bytes, scale));
            // The curve has those of reading already.
            let warm = warm.into_iter().filter(|_| kind != Kind::Read);
            rest.push(warm.chain([Probe::cold(kind, cold, sets, scale)]).collect());
        }
        rest.push(vec![single(Kind::Workgroup), single(Kind::Launch)]);
        let both = [Kind::Upload, Kind::Download];
        let transfers = both.into_iter().flat_map(|k| [4 << 10, 1 << 20, 16 << 20].map(|b| Probe::transfer(k, b)));
        rest.push(transfers.collect());
        debug_assert_eq!(rest.iter().map(Vec::len).sum::<usize>(), REST);
        for probes in rest {
            self.group(probes.len());
            for probe in probes {
                if self.one(&probe, Place::Plain)?.is_none() {
                    return Ok(None);
                }
            }
        }
        // Last, since no part of a driver is less tried: whatever it does to the process, the rest is in the record.
        let subgroup = self.device.adapter().capabilities.subgroup;
        for &(precision, fragment) in matrices {
            let kind = |chains| Kind::Matrix { precision, fragment, chains, subgroup };
            let one = if software { scale } else { Scale { turns: 1, ..scale } };
            let long = long_enough(self.device, kind(LOOKED_AT), one);
            if self.best(&FRAGMENTS.map(|chains| Probe::compute(kind(chains), long)))?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Tries each, then measures the best of them again: the best of several is too good.
    fn best(&mut self, probes: &[Probe]) -> Going<()> {
        self.group(probes.len() + 1);
        let mut best: Option<(Probe, f64)> = None;
        for probe in probes {
            let Some(record) = self.one(probe, Place::OfSeveral)? else { return Ok(None) };
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
            Some((probe, _)) => Ok(self.one(&probe, Place::Again)?.map(|_| ())),
            None => Ok(Some(())),
        }
    }

    fn group(&mut self, probes: usize) {
        let now_s = self.now_s();
        if let Some(time) = &mut self.time {
            time.group(now_s, probes);
        }
    }

    fn one(&mut self, probe: &Probe, place: Place) -> Going<ProbeRecord> {
        (self.watcher.next)(probe);
        let stop = self.watcher.stop;
        let (again, now_s) = (place == Place::Again, self.now_s());
        let mut effort = *self.effort;
        let mut short = None;
        if let Some(time) = &mut self.time {
            effort = effort.punctual();
            match time.next(now_s, probe, effort.case_s, place == Place::OfSeveral) {
                Ok(seconds) => effort = effort.within(seconds),
                Err(why) => short = Some(why),
            }
        }
        let record = match short {
            Some(_) if stop() => return Ok(None),
            Some(why) => left_out(self.device, probe, again, why),
            None => {
                let mut watch = |_: Stage| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                let Some(record) = measure(self.device, probe, again, &effort, &mut watch) else { return Ok(None) };
                record
            }
        };
        // What is lacking or fails takes no time that would tell anything.
        let tells = record.missing.as_ref().is_none_or(|missing| missing.status() == "skipped");
        if let (Some(time), Some(spent), true) = (&mut self.time, record.spent, tells) {
            time.note(probe, spent.setup_s + spent.proof_s);
        }
        (self.watcher.done)(&record)?;
        self.records.push(record.clone());
        Ok(Some(record))
    }

    fn now_s(&self) -> f64 {
        self.device.now_ns() as f64 * 1e-9
    }
}

/// What a probe is to the others of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On its own.
    Plain,
    /// One of several, the best of which is measured again.
    OfSeveral,
    /// That second measurement.
    Again,
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
    use super::super::scripted::ScriptedProber;
    use super::*;
    use crate::measure::Timed;
    use crate::measure::record::Missing;

    /// A run on a device whose clock goes by what it does; seconds taken and records.
    fn within(device: &mut ScriptedProber, seconds: f64) -> (f64, Vec<ProbeRecord>) {
        let begin = device.now_ns();
        let mut seen = 0;
        let mut watcher = Watcher {
            next: &mut |_| {},
            stop: &|| false,
            done: &mut |_| {
                seen += 1;
                Ok(())
            },
        };
        let allowed = Allowed { seconds, cases_after: 0 };
        let records = run(device, &effort(), Some(allowed), &mut watcher).unwrap();
        assert_eq!(seen, records.len());
        ((device.now_ns() - begin) as f64 * 1e-9, records)
    }

    #[test]
    fn a_time_budget_of_a_roofline_is_kept_within_a_tenth_with_compiling_filling_and_slow_probes_included() {
        for (seconds, set_up_s, byte_s, slower) in [
            (5.0, 0.0, 0.0, 1.0),
            (10.0, 0.1, 1e-9, 1.0),
            (17.0, 0.3, 4e-9, 1.0),
            (20.0, 0.05, 2e-8, 1.0),
            (20.0, 0.1, 1e-9, 10.0),
            (40.0, 0.2, 1e-9, 100.0),
            (40.0, 0.0, 1e-9, 1.0),
        ] {
            let mut device = ScriptedProber { set_up_s, byte_s, slower, ..ScriptedProber::honest() };
            let (took, records) = within(&mut device, seconds);
            let figures = records.iter().filter(|r| r.figure.is_some()).count();
            let case = format!("{seconds} s, {set_up_s} s a set-up, {byte_s} s a byte, {slower} times slower");
            assert!(took <= 1.1 * seconds, "{case}: took {took} s");
            assert!(figures > 0, "{case}: no figure");
            assert!(records.iter().all(|r| r.proof.as_ref().is_none_or(|p| p.passed)), "{case}");
        }
    }

    #[test]
    fn a_probe_that_does_not_fit_is_a_skipped_row_with_the_reason_and_each_group_gets_its_share() {
        let mut device = ScriptedProber { set_up_s: 0.5, ..ScriptedProber::honest() };
        let (_, records) = within(&mut device, 20.0);
        let skipped = |r: &ProbeRecord| matches!(r.missing, Some(Missing::Skipped { .. }));
        let reason = &records.iter().find(|r| skipped(r)).unwrap().reasons[0];
        assert!(reason.code == "skipped" && reason.detail.contains("budget of 20 s"), "{reason:?}");
        // Arithmetic comes first and does not take the time of memory and transfers.
        for wanted in ["arithmetic", "read", "write", "upload"] {
            let of = records.iter().filter(|r| r.case.kind().name() == wanted && r.figure.is_some());
            assert!(of.count() > 0, "{wanted}");
        }
        // A best width has its second measurement.
        assert!(records.iter().any(|r| r.again && r.figure.is_some()));
    }

    #[test]
    fn a_wide_budget_and_none_at_all_measure_the_same_probes() {
        let (_, wide) = within(&mut ScriptedProber::honest(), 1e6);
        let mut watcher = Watcher { next: &mut |_| {}, stop: &|| false, done: &mut |_| Ok(()) };
        let free = run(&mut ScriptedProber::honest(), &effort(), None, &mut watcher).unwrap();
        let ids = |records: &[ProbeRecord]| records.iter().map(|r| (r.case.id(), r.again)).collect::<Vec<_>>();
        assert_eq!(ids(&wide), ids(&free));
        let lacking = |r: &ProbeRecord| matches!(r.missing, Some(Missing::Unsupported { .. }));
        assert!(free.iter().all(|r| r.figure.is_some() || lacking(r)), "{free:#?}");
    }

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
