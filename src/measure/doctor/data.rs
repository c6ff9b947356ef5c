//! How much faster the adapter is on zeros and on constants: a sign of a power limit, or of compression,
//! that needs no vendor's library.

use super::{Check, Grade, Instrument};
use crate::kernel::{DataClass, Family, Kernel, Operands, Precision, Settings, Shape};
use crate::measure::interleave::{Contestant, turns};
use crate::measure::record::Missing;
use crate::measure::{Executor, Step};
use crate::stats::ratio::{Ratio, paired};

/// Rounds; each holds a turn of every class, in an order that is rotated and turned about.
const ROUNDS: u32 = 20;

/// Length of a submission: on hardware long enough for a power limit to act.
const SUBMISSION_S: f64 = 4e-3;
const SUBMISSION_HARDWARE_S: f64 = 10e-3;

/// A gain of more than this is worth a word.
const GAIN_WARN: f64 = 1.02;

/// The classes, normal data first: the others are held against it.
const CLASSES: [DataClass; 3] = [DataClass::Normal, DataClass::Zeros, DataClass::Constant];

/// Interleaves the classes on the fastest kernel that the adapter takes.
pub fn look(instrument: &mut dyn Instrument, shape: Shape) -> Step<Vec<Check>> {
    let software = instrument.adapter().software;
    let kernel = fastest(instrument, shape)?;
    for (slot, &class) in CLASSES.iter().enumerate() {
        instrument.select(slot);
        instrument.prepare(&kernel, shape, Settings::default())?;
        instrument.load(&Operands::of_class(shape, Precision::F32, class, 1))?;
    }
    let seconds = if software { SUBMISSION_S } else { SUBMISSION_HARDWARE_S };
    let outcome = interleaved(instrument, shape, seconds);
    instrument.select(0);
    let [normal, zeros, constant] = outcome?;
    let name = format!("{}[{}] {shape}", kernel.family.name(), kernel.tiling);
    Ok(vec![gain("zeros", &normal, &zeros, &name), gain("constants", &normal, &constant, &name)])
}

fn interleaved(executor: &mut dyn Instrument, shape: Shape, submission_s: f64) -> Step<[Vec<f64>; 3]> {
    let executor: &mut dyn Executor = executor;
    let mut all = Vec::new();
    for slot in 0..CLASSES.len() {
        all.push(Contestant::start(executor, slot, shape, submission_s)?);
    }
    let count = all.len();
    for round in 0..ROUNDS {
        for turn in 0..count {
            // Every class comes first, in the middle and last equally often, and follows each of the others.
            let turn = if round % 2 == 0 { turn } else { count - 1 - turn };
            all[(turn + round as usize / 2) % count].turn(executor, round, round % 2 == 1)?;
        }
    }
    let samples: Vec<_> = all.iter().map(|one| &one.samples).collect();
    let mut seconds = match turns(&samples) {
        Ok(turns) => turns.seconds.into_iter(),
        Err(reason) => return Err(Missing::Failed { error: reason.detail }),
    };
    Ok(std::array::from_fn(|_| seconds.next().unwrap_or_default()))
}

/// The fastest family that prepares; the plain one always does.
fn fastest(instrument: &mut dyn Instrument, shape: Shape) -> Step<Kernel> {
    instrument.select(0);
    let class = instrument.class();
    let mut families = Family::usual(class, Precision::F32);
    families.reverse();
    let mut why = Missing::Failed { error: "no kernel prepares".into() };
    for family in families {
        let Ok(kernel) = Kernel::compose(family, family.default_tiling(class, Precision::F32), Precision::F32) else {
            continue;
        };
        match instrument.prepare(&kernel, shape, Settings::default()) {
            Ok(()) => return Ok(kernel),
            Err(missing) => why = missing,
        }
    }
    Err(why)
}

/// Time on normal data over time on the class: above 1 the class flatters.
fn gain(check: &'static str, normal: &[f64], class: &[f64], kernel: &str) -> Check {
    let Ratio { ratio, lo, hi, reached, .. } = match paired(class, normal, 0.95) {
        Ok(ratio) => ratio,
        Err(why) => return Check::of(check, Grade::NotKnown, "no-samples", why.to_string()),
    };
    let words = format!("{ratio:.3} times the rate on normal data ({lo:.3} to {hi:.3}), {kernel}");
    let check = match () {
        () if !reached => Check::of(check, Grade::NotKnown, "no-samples", words),
        () if lo > GAIN_WARN => {
            let words = format!("{words}: figures on such data flatter; a power limit, or compression");
            Check::of(check, Grade::Warn, "flatters", words)
        }
        () => Check::ok(check, words),
    };
    check.with("rate_over_normal", ratio).with("lo", lo).with("hi", hi)
}
