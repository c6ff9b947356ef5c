//! How long a dispatch of a probe is on hardware, where some microseconds lie between one and the next and count as theirs.

use super::engine::Prober;
use super::kind::{Kind, Probe, Scale, power_of_two_below};
use super::levels::{Level, last_cache};
use crate::kernel::Precision;
use crate::measure::Step;

/// A cold working set belongs to sets of more than twice the last cache together.
const COLD_OVER_CACHE: f64 = 2.5;

/// On hardware a cold dispatch visits as much as memory moves in this time: some microseconds lie between two dispatches, and
/// count as theirs.
const COLD_S: f64 = 150e-6;

/// On hardware a dispatch of arithmetic takes about this long in the narrower widths, for the same reason.
const TURNS_S: f64 = 1e-3;

/// The width at which it is looked at.
pub(super) const LOOKED_AT: u32 = 2;

/// The scale with as many turns as make a dispatch of this last long enough on hardware, as one that is not timed shows.
pub(super) fn long_enough(device: &mut dyn Prober, kind: Kind, scale: Scale) -> Scale {
    let most = most_turns(kind);
    if device.adapter().software {
        return scale;
    }
    let probe = Probe::compute(kind, scale);
    // What cannot be set up is a row of its own afterwards.
    let Ok(wgsl) = probe.compose() else { return scale };
    let Ok(took) = device.set_up(&probe, &wgsl).and_then(|()| untimed(device)) else { return scale };
    let turns = f64::from(scale.turns) * TURNS_S / took;
    Scale { turns: power_of_two_below(turns as u64).clamp(scale.turns, most), ..scale }
}

/// Seconds of a dispatch of what is set up, about, by the host's clock: the cost of a submission is left out where it would
/// count.
fn untimed(device: &mut dyn Prober) -> Step<f64> {
    // The first one compiles.
    device.submit(1)?;
    let one = device.submit(1)?.host_ns as f64 * 1e-9;
    if one > TURNS_S {
        return Ok(one);
    }
    let five = device.submit(5)?.host_ns as f64 * 1e-9;
    Ok(if five > one { 0.25 * (five - one) } else { one })
}

/// Most turns of a recurrence for which a missing one still shows in its totals, which are less exact the more they hold; of
/// matrices, as many as keep the sums exact whole numbers in f16, whose steps are sixteen a turn.
fn most_turns(kind: Kind) -> u32 {
    match kind {
        Kind::Matrix { .. } => 16,
        Kind::Arithmetic { precision: Precision::F16 | Precision::F16AccF32, .. } => 32,
        _ => 256,
    }
}

/// Bytes of a cold working set: on hardware as many as take [`COLD_S`] at the rate of memory that the curve shows, two of
/// which are within `most`.
pub(super) fn cold_set(levels: &[Level], warm: u64, software: bool, most: u64) -> u64 {
    let Some(memory) = levels.last().filter(|_| !software) else { return warm };
    let wanted = (memory.bytes_per_s * COLD_S) as u64;
    u64::from(power_of_two_below(wanted.min(most / 2))).max(warm.min(most / 2))
}

/// Sets of `set` bytes to be visited in turn: more than twice the last cache that the curve shows, and never
/// less than a usual last cache's double where it shows none.
pub(super) fn cold_sets(levels: &[Level], set: u64, software: bool, most: u64) -> u32 {
    let least: u64 = if software { 96 << 20 } else { 256 << 20 };
    let wanted = last_cache(levels).map_or(0, |cache| (cache as f64 * COLD_OVER_CACHE) as u64).max(least);
    (wanted.div_ceil(set)).clamp(2, (most / set).max(2)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::scripted::ScriptedProber;
    use super::*;

    #[test]
    fn on_hardware_a_dispatch_of_arithmetic_is_long_enough_however_quick_the_device_is() {
        let turns = |slower: f64, software: bool, kind: Kind| {
            let mut device = ScriptedProber { slower, ..ScriptedProber::honest() };
            device.adapter.software = software;
            long_enough(&mut device, kind, Scale::of(software)).turns
        };
        let of = |precision| Kind::Arithmetic { precision, chains: LOOKED_AT };
        // Four turns of two chains are 0.55 Gflop: 5.5 ms at 100 Gflop/s, 5.5 µs at 100 Tflop/s.
        assert_eq!(turns(1.0, false, of(Precision::F32)), 4);
        assert_eq!(turns(1e-2, false, of(Precision::F32)), 64);
        assert_eq!(turns(1e-4, false, of(Precision::F32)), 256);
        assert_eq!(turns(1e-4, false, of(Precision::F16)), 32);
        assert_eq!(turns(1e-4, true, of(Precision::F32)), 16);
    }

    #[test]
    fn a_cold_dispatch_on_hardware_visits_as_much_as_its_memory_moves_in_150_us() {
        let curve = |memory: f64| {
            let level = |from, to, bytes_per_s| Level { from, to, bytes_per_s };
            [level(1 << 14, 48 << 20, 9.0 * memory), level(128 << 20, 1 << 30, memory)]
        };
        let cold = |memory, software, most: u64| {
            let levels = curve(memory);
            let set = cold_set(&levels, 64 << 20, software, most);
            (set >> 20, cold_sets(&levels, set, software, most))
        };
        assert_eq!(cold(4.2e12, false, (1 << 31) - 1), (512, 2));
        assert_eq!(cold(1e12, false, (1 << 31) - 1), (128, 2));
        assert_eq!(cold(1e11, false, (1 << 31) - 1), (64, 4));
        assert_eq!(cold(4.2e12, false, 128 << 20), (64, 2));
        assert_eq!(cold(4.2e12, true, (1 << 31) - 1), (64, 2));
    }
}
