//! What a probe must have left behind, followed on the host by other code than the kernel's.

use super::kind::{Kind, Probe, TILE};
use crate::kernel::Precision;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Factors that make the data of neighbours differ in all bits.
const FACTORS: [u32; 4] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263];

/// What the check of an output saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// Whether it is what the probe must leave behind.
    pub passed: bool,
    /// Values that were compared.
    pub values: u64,
    /// Largest deviation over its tolerance; absent where values must agree to the last bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<f64>,
    /// The first value that was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Checked {
    fn failed(why: String) -> Checked {
        Checked { passed: false, values: 0, worst: None, failure: Some(why) }
    }
}

impl Probe {
    /// Bytes of the input at binding `which` (0: a, 1: b) that the host makes; empty where the probe has none, or fills it on
    /// the device ([`Probe::filling`]).
    pub fn input(&self, which: usize) -> Vec<u8> {
        match (self.kind(), which) {
            (Kind::Upload | Kind::Download, 0) => {
                (0..self.count).flat_map(|at| value(at, self.seed)).flat_map(u32::to_le_bytes).collect()
            }
            (Kind::Matrix { precision, fragment, .. }, 0) => encode(precision, &left(fragment)),
            (Kind::Matrix { precision, fragment, .. }, 1) => {
                let (one, other) = rights(fragment);
                encode(precision, &[one, other].concat())
            }
            _ => Vec::new(),
        }
    }

    /// Bytes of the output at binding 3.
    pub fn output_bytes(&self) -> u64 {
        match self.kind() {
            Kind::Arithmetic { precision: Precision::F64, .. } => u64::from(self.invocations()) * 32,
            Kind::Arithmetic { .. } | Kind::Read | Kind::Workgroup => u64::from(self.invocations()) * 16,
            Kind::Matrix { precision, fragment, chains, .. } => {
                let sums = u64::from(self.groups * self.parts() * chains * fragment * fragment);
                sums * if precision == Precision::F16 { 2 } else { 4 }
            }
            Kind::Write | Kind::Copy | Kind::Triad => self.working_set() * u64::from(self.sets),
            Kind::Launch => 16,
            Kind::Upload | Kind::Download => self.working_set(),
        }
    }

    /// Bytes of the output that a dispatch leaves behind which visits the working set number `set`: what is checked.
    pub fn visited(&self, set: u32) -> Range<u64> {
        match self.kind() {
            Kind::Write | Kind::Copy | Kind::Triad => {
                let begin = u64::from(set) * self.working_set();
                begin..begin + self.working_set()
            }
            _ => 0..self.output_bytes(),
        }
    }

    /// Checks what a submission of `repeats` dispatches left behind, the last of which visited the working set number `set`:
    /// the bytes of [`Probe::visited`].
    pub fn check(&self, output: &[u8], repeats: u32, set: u32) -> Checked {
        let visited = self.visited(set);
        if output.len() as u64 != visited.end - visited.start {
            return Checked::failed(format!("{} bytes instead of {}", output.len(), visited.end - visited.start));
        }
        let base = set * self.count;
        match self.kind() {
            Kind::Arithmetic { precision: Precision::I8AccI32, chains } => {
                let sets: Vec<[u32; 4]> = (0..256).map(|id| self.dot4(id, chains)).collect();
                exact(words(output), (0..self.invocations()).flat_map(|id| sets[(id & 255) as usize]))
            }
            Kind::Arithmetic { precision, chains } => self.recurrence(precision, chains, output),
            Kind::Matrix { precision, fragment, chains, .. } => {
                let sums = self.fragment_sums(fragment);
                let all = (0..self.groups * self.parts() * chains).flat_map(|_| sums.iter().copied());
                exact_numbers(precision.decode(output).into_iter(), all)
            }
            Kind::Read => exact(words(output), (0..self.invocations()).flat_map(|id| self.read_sum(id, base))),
            Kind::Workgroup => {
                let tile: Vec<[u32; 4]> = (0..TILE).map(|at| value(at, self.seed)).collect();
                let sums: Vec<[u32; 4]> = (0..self.workgroup())
                    .map(|local| {
                        sum((0..self.steps).map(|step| {
                            tile[(local.wrapping_add(step.wrapping_mul(self.stride)) & (TILE - 1)) as usize]
                        }))
                    })
                    .collect();
                exact(words(output), (0..self.invocations()).flat_map(|id| sums[(id % self.workgroup()) as usize]))
            }
            Kind::Write | Kind::Copy => {
                exact(words(output), (base..base + self.count).flat_map(|at| value(at, self.seed)))
            }
            Kind::Triad => {
                let sum = |at| {
                    let (a, b) = (operand(at, self.seed, 0), operand(at, self.seed, 1));
                    [0, 1, 2, 3].map(|i| f64::from(a[i]) + 3.0 * f64::from(b[i]))
                };
                exact_numbers(Precision::F32.decode(output).into_iter(), (base..base + self.count).flat_map(sum))
            }
            Kind::Launch => exact(words(&output[..4]), std::iter::once(repeats)),
            Kind::Upload | Kind::Download => exact(words(output), (0..self.count).flat_map(|at| value(at, self.seed))),
        }
    }

    fn read_sum(&self, id: u32, base: u32) -> [u32; 4] {
        let mask = self.count - 1;
        sum((0..self.steps)
            .map(|step| value(base + (id.wrapping_add(step.wrapping_mul(self.stride)) & mask), self.seed)))
    }

    fn dot4(&self, id: u32, chains: u32) -> [u32; 4] {
        let w = id.wrapping_mul(FACTORS[0]) ^ self.seed;
        let dot = |a: u32| {
            let products = a.to_le_bytes().into_iter().zip(w.to_le_bytes());
            products.map(|(a, b)| i32::from(a as i8) * i32::from(b as i8)).sum::<i32>() as u32
        };
        let mut total = [0u32; 4];
        for chain in 0..chains {
            let mut c = [3, 5, 7, 9].map(|factor| w.wrapping_mul(factor).wrapping_add(chain));
            for _ in 0..self.steps {
                for _ in 0..16 {
                    c = c.map(|c| dot(c).wrapping_add(0x5a5a_5a5a));
                }
                (0..4).for_each(|i| total[i] = total[i].wrapping_add(c[i]));
            }
        }
        total
    }

    /// Against the recurrence in f64. Each step rounds a product and a sum of at most 2, and what is off
    /// shrinks by 7/8 a step: 2·8·2·u in all; the totals round once for each of their terms.
    fn recurrence(&self, precision: Precision, chains: u32, output: &[u8]) -> Checked {
        let (got, u, u_total) = match precision {
            Precision::F64 => (Precision::F64.decode(output), 2f64.powi(-53), 2f64.powi(-53)),
            Precision::F32 => (Precision::F32.decode(output), 2f64.powi(-24), 2f64.powi(-24)),
            _ => (Precision::F32.decode(output), 2f64.powi(-11), 2f64.powi(-24)),
        };
        let wanted = self.recurrence_totals(chains);
        let terms = f64::from(chains * self.steps);
        // The host's own f64 rounds as well, which counts only against a probe in f64.
        let tolerance = terms * (32.0 * u + 2.0 * terms * u_total) + terms * terms * 2f64.powi(-52);
        let mut worst = 0.0f64;
        let mut failure = None;
        for (index, value) in got.iter().enumerate() {
            let wanted = wanted[index & 255];
            let off = (value - wanted).abs() / tolerance;
            if failure.is_none() && (off.is_nan() || off > 1.0) {
                failure = Some(format!("value {index} is {value}, the recurrence comes to {wanted}"));
            }
            worst = worst.max(off);
        }
        let passed = failure.is_none() && !got.is_empty();
        Checked { passed, values: got.len() as u64, worst: Some(worst).filter(|w| w.is_finite()), failure }
    }

    /// What each of 256 places comes to; they repeat.
    fn recurrence_totals(&self, chains: u32) -> Vec<f64> {
        let mut wanted = Vec::with_capacity(256);
        for place in 0..256 {
            let b = 0.125 + f64::from(place) * 0.000_488_281_25;
            let mut total = 0.0;
            for chain in 0..chains {
                let mut c = b + f64::from(chain + (self.seed & 7)) * 0.0625;
                for _ in 0..self.steps {
                    for _ in 0..15 {
                        c = c * 0.875 + b;
                    }
                    c = c * -0.5 + b;
                    total += c;
                }
            }
            wanted.push(total);
        }
        wanted
    }

    /// What passes the check: for devices made up for tests.
    #[cfg(test)]
    pub(super) fn answer(&self, repeats: u32, set: u32) -> Vec<u8> {
        let bytes = |values: &mut dyn Iterator<Item = [u32; 4]>| values.flatten().flat_map(u32::to_le_bytes).collect();
        let base = set * self.count;
        match self.kind() {
            Kind::Arithmetic { precision: Precision::I8AccI32, chains } => {
                let sets: Vec<[u32; 4]> = (0..256).map(|id| self.dot4(id, chains)).collect();
                bytes(&mut (0..self.invocations()).map(|id| sets[(id & 255) as usize]))
            }
            Kind::Arithmetic { precision, chains } => {
                let values = if precision == Precision::F64 { Precision::F64 } else { Precision::F32 };
                let totals = self.recurrence_totals(chains);
                let all: Vec<f64> = (0..self.invocations() * 4).map(|at| totals[(at & 255) as usize]).collect();
                values.encode(&all)
            }
            Kind::Read => bytes(&mut (0..self.invocations()).map(|id| self.read_sum(id, base))),
            Kind::Workgroup => {
                let tile: Vec<[u32; 4]> = (0..TILE).map(|at| value(at, self.seed)).collect();
                let step =
                    |id: u32, step: u32| tile[(id % self.workgroup() + step * self.stride) as usize % TILE as usize];
                bytes(&mut (0..self.invocations()).map(|id| sum((0..self.steps).map(|at| step(id, at)))))
            }
            Kind::Write | Kind::Copy => bytes(&mut (base..base + self.count).map(|at| value(at, self.seed))),
            Kind::Triad => {
                let sum = |at| {
                    let (a, b) = (operand(at, self.seed, 0), operand(at, self.seed, 1));
                    [0, 1, 2, 3].map(|i| f64::from(a[i]) + 3.0 * f64::from(b[i]))
                };
                Precision::F32.encode(&(base..base + self.count).flat_map(sum).collect::<Vec<_>>())
            }
            Kind::Launch => [repeats, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect(),
            Kind::Upload | Kind::Download => bytes(&mut (0..self.count).map(|at| value(at, self.seed))),
            Kind::Matrix { .. } => Vec::new(),
        }
    }

    /// Sums of every fragment after all turns: four times A·(B + B′) a turn.
    fn fragment_sums(&self, fragment: u32) -> Vec<f64> {
        let n = fragment as usize;
        let (a, (b, back)) = (left(fragment), rights(fragment));
        let mut sums = vec![0.0; n * n];
        for (row, out) in sums.chunks_exact_mut(n).enumerate() {
            for (column, out) in out.iter_mut().enumerate() {
                let product = |b: &[f64]| (0..n).map(|k| a[row * n + k] * b[k * n + column]).sum::<f64>();
                *out = 4.0 * f64::from(self.steps) * (product(&b) + product(&back));
            }
        }
        sums
    }
}

fn value(at: u32, seed: u32) -> [u32; 4] {
    FACTORS.map(|factor| at.wrapping_mul(factor) ^ seed)
}

/// Whole numbers below 2¹², so that a + 3·b is exact in f32.
fn operand(at: u32, seed: u32, which: u32) -> [f32; 4] {
    value(at.wrapping_add(which << 30), seed).map(|word| (word >> 20) as f32)
}

fn sum(values: impl Iterator<Item = [u32; 4]>) -> [u32; 4] {
    values.fold([0; 4], |sum, value| [0, 1, 2, 3].map(|i: usize| sum[i].wrapping_add(value[i])))
}

/// −1, 0 and 1 in a pattern that is no constant along rows or columns.
fn left(fragment: u32) -> Vec<f64> {
    (0..fragment * fragment).map(|at| f64::from(value(at, 1)[0] >> 16 & 0xffff).rem_euclid(3.0) - 1.0).collect()
}

/// B, and −B but for one element.
fn rights(fragment: u32) -> (Vec<f64>, Vec<f64>) {
    let b: Vec<f64> =
        (0..fragment * fragment).map(|at| f64::from(value(at, 2)[1] >> 16 & 0xffff).rem_euclid(3.0) - 1.0).collect();
    let mut back: Vec<f64> = b.iter().map(|v| -v).collect();
    back[fragment as usize + 1] += 1.0;
    (b, back)
}

fn encode(precision: Precision, values: &[f64]) -> Vec<u8> {
    precision.encode(values)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|&four| u32::from_le_bytes(four))
}

fn exact(got: impl Iterator<Item = u32>, wanted: impl Iterator<Item = u32>) -> Checked {
    equal(got, wanted, |value| format!("{value:#010x}"))
}

fn exact_numbers(got: impl Iterator<Item = f64>, wanted: impl Iterator<Item = f64>) -> Checked {
    equal(got, wanted, |value| format!("{value}"))
}

fn equal<T: PartialEq>(
    got: impl Iterator<Item = T>,
    mut wanted: impl Iterator<Item = T>,
    show: impl Fn(&T) -> String,
) -> Checked {
    let mut values = 0;
    for got in got {
        match wanted.next() {
            Some(wanted) if wanted == got => values += 1,
            Some(wanted) => {
                let why = format!("value {values} is {} instead of {}", show(&got), show(&wanted));
                return Checked { values, ..Checked::failed(why) };
            }
            None => return Checked::failed(format!("more than {values} values")),
        }
    }
    if wanted.next().is_some() || values == 0 {
        return Checked::failed(format!("{values} values only"));
    }
    Checked { passed: true, values, worst: None, failure: None }
}
