//! Kernels that cheat, in WGSL on a real adapter: each has to be caught by the path that measures.
//!
//! What WGSL cannot do within one prepared case (be right once only, find the answer already there) is
//! scripted in [`super::self_test`].

use super::Executor;
use super::effort::Effort;
use super::engine::{Pace, measure};
use super::self_test::{Outcome, saw};
use super::suite::Request;
use super::timing::unwatched;
use crate::kernel::{Family, Kernel, Precision, Shape, hex_sha256};

mod skipping;

use skipping::Skipping;

/// A change of the simplest kernel's text: its name, and what is replaced by what.
type Mutation = (&'static str, &'static [(&'static str, &'static str)]);

/// Where the simplest kernel stores an element.
const STORE: &str = "c[row * dims.ldc + col] = Result(sum);";

/// Where it begins to sum.
const BEGIN: &str = "var sum = Sum(0);";

const MUTATIONS: [Mutation; 7] = [
    ("does nothing", &[(STORE, "if dims.m == 0u { c[0] = Result(sum); }")]),
    ("returns early in half of the workgroups", &[("if row >= dims.m", "if group.x % 2u == 1u || row >= dims.m")]),
    ("sums half of k", &[("i < dims.k;", "i < dims.k / 2u;")]),
    ("transposes b", &[("b_at(i, col)", "b_at(col, i)")]),
    ("writes NaN", &[(STORE, "c[row * dims.ldc + col] = Result(sum) * bitcast<f32>(0x7fc00000u | dims.m);")]),
    ("raises a validation error", &[(STORE, "c[row * dims.ldc + col] = 1u + Result(sum);")]),
    // The lowest bit of what it wrote says whether it is its turn: no tolerance sees that, and whole numbers of
    // a few digits have it at zero anyway. Poison is no result.
    (
        "works every other time where it finds a result",
        &[
            (
                BEGIN,
                "let at = row * dims.ldc + col;
    let found = bitcast<u32>(c[at]);
    if found != 0x7ffd7ffdu && (found & 1u) == 0u {
        c[at] = bitcast<f32>(found | 1u);
        return;
    }
    var sum = Sum(0);",
            ),
            (STORE, "c[at] = bitcast<f32>(bitcast<u32>(Result(sum)) & 0xfffffffeu);"),
        ],
    ),
];

/// Measures the simplest kernel as it is, which has to give a figure, and each of its mutants, none of which
/// may.
pub fn on_adapter(executor: &mut dyn Executor) -> Vec<Outcome> {
    let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32)
        .expect("the simplest kernel composes; a test composes them all");
    let mut outcomes = vec![tried(executor, "control: the kernel as it is", kernel.clone(), true)];
    for (name, changes) in MUTATIONS {
        let name = format!("kernel {name}");
        match mutated(&kernel, changes) {
            Ok(mutant) => outcomes.push(tried(executor, &name, mutant, false)),
            Err(from) => {
                outcomes.push(Outcome { mutant: on(&name), caught: false, saw: format!("`{from}` is not in it") })
            }
        }
    }
    for (name, skip) in skipping::WAYS {
        let mut device = Skipping { inner: executor, skip };
        outcomes.push(tried(&mut device, &format!("device {name}"), kernel.clone(), false));
    }
    outcomes
}

/// Most measurements of the kernel as it is.
const TRIES: u32 = 3;

fn on(name: &str) -> String {
    format!("{name}, on the adapter")
}

/// The kernel with all changes made; the text that was to be replaced where it is not there.
fn mutated<'a>(kernel: &Kernel, changes: &[(&'a str, &str)]) -> Result<Kernel, &'a str> {
    let mut wgsl = kernel.wgsl.clone();
    for (from, to) in changes {
        let changed = wgsl.replace(from, to);
        if changed == wgsl {
            return Err(from);
        }
        wgsl = changed;
    }
    Ok(Kernel { sha256: hex_sha256(&wgsl), wgsl, ..kernel.clone() })
}

fn tried(executor: &mut dyn Executor, name: &str, kernel: Kernel, honest: bool) -> Outcome {
    // A square, so that a transposed B is read within its range; more than one workgroup each way.
    let request = Request::plain(kernel, Shape::square(96));
    let mut measured =
        || measure(executor, &request, &Effort::smoke(), &mut Pace::default(), &mut unwatched).expect("nobody ends it");
    let mut record = measured();
    // On a machine that is too busy for a figure an honest kernel is measured again; a refused one stays refused.
    let mut tries = 1;
    while honest && tries < TRIES && record.reasons.iter().any(|reason| reason.code == "noise") {
        record = measured();
        tries += 1;
    }
    Outcome { mutant: on(name), caught: record.figure.is_some() == honest, saw: saw(&record) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutation_still_applies_to_the_kernel_and_only_the_invalid_one_is_invalid() {
        let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], Precision::F32).unwrap();
        for (name, changes) in MUTATIONS {
            let mutant = mutated(&kernel, changes).unwrap_or_else(|from| panic!("{name}: `{from}` is not in it"));
            let valid = naga::front::wgsl::parse_str(&mutant.wgsl).is_ok_and(|module| {
                let flags = naga::valid::ValidationFlags::all();
                naga::valid::Validator::new(flags, naga::valid::Capabilities::all()).validate(&module).is_ok()
            });
            assert_eq!(valid, name != "raises a validation error", "{name}");
        }
    }
}
