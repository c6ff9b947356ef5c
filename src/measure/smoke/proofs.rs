//! Every kernel proved, on two devices of the adapter where there are two.
//!
//! With a driver's cache that is empty, as in CI, a software adapter spends more time on compiling kernels, one after the
//! other in a thread of the device, than on running them: while one device compiles, the other one works.

use super::{Outcome, Test, Watch, name};
use crate::kernel::{DataClass, Kernel, Operands, Settings, Shape, prove};
use crate::measure::record::Missing;
use crate::measure::witness::prove_each;
use crate::measure::{Executor, Step};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A second device of the same adapter.
pub type Beside = Box<dyn Executor + Send>;

/// What came of one kernel.
pub struct Proved {
    /// Its place among those that were asked for.
    pub kernel: usize,
    /// One test a shape.
    pub tests: Vec<Test>,
    /// Whether it was right on all of them.
    pub right: bool,
}

/// What the devices share.
struct Work<'a> {
    kernels: &'a [Kernel],
    shapes: &'a [Shape],
    next: AtomicUsize,
    ended: AtomicBool,
}

impl Work<'_> {
    /// Proves kernels that no other device has begun, as long as there are any and `goes_on` says so, which sees the
    /// next one's number.
    fn share(&self, executor: &mut dyn Executor, mut goes_on: impl FnMut(usize) -> bool) -> Vec<Proved> {
        let mut all = Vec::new();
        loop {
            let kernel = self.next.fetch_add(1, Ordering::Relaxed);
            if kernel >= self.kernels.len() || !goes_on(kernel) {
                return all;
            }
            let (tests, right) = prove_on(executor, &self.kernels[kernel], self.shapes);
            all.push(Proved { kernel, tests, right });
        }
    }
}

/// Proves all of them, in their order; fewer where the user wants the end. The second device is closed then.
pub fn prove_all(
    executor: &mut dyn Executor,
    beside: Option<Beside>,
    kernels: &[Kernel],
    shapes: &[Shape],
    watch: &mut Watch,
) -> Vec<Proved> {
    let work = Work { kernels, shapes, next: AtomicUsize::new(0), ended: AtomicBool::new(false) };
    let mut all = std::thread::scope(|scope| {
        let other = beside.map(|mut device| {
            let work = &work;
            scope.spawn(move || work.share(&mut *device, |_| !work.ended.load(Ordering::Relaxed)))
        });
        let mut all = work.share(executor, |number| {
            // Proofs take about two thirds of the time.
            (watch.observe)(&name(&kernels[number]), 0.67 * number as f64 / kernels.len() as f64);
            let stop = (watch.stop)();
            work.ended.store(stop, Ordering::Relaxed);
            !stop
        });
        if let Some(other) = other {
            all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    });
    all.sort_by_key(|proved| proved.kernel);
    all
}

/// One test a shape; a kernel that the adapter cannot have is one that is skipped. Whether all were right.
fn prove_on(executor: &mut dyn Executor, kernel: &Kernel, shapes: &[Shape]) -> (Vec<Test>, bool) {
    let (mut tests, mut right) = (Vec::new(), true);
    for &shape in shapes {
        let begin = executor.now_ns();
        let outcome = match prove_one(executor, kernel, shape) {
            Ok(None) => Outcome::Passed,
            Ok(Some(why)) => Outcome::Failed(why),
            Err(missing @ Missing::Unsupported { .. }) => Outcome::Skipped(missing.reason().detail),
            Err(missing) => Outcome::Failed(missing.reason().detail),
        };
        let seconds = Duration::from_nanos(executor.now_ns() - begin).as_secs_f64();
        right &= outcome == Outcome::Passed;
        let skipped = matches!(outcome, Outcome::Skipped(_));
        let name = if skipped { name(kernel) } else { format!("{}/{shape}", name(kernel)) };
        tests.push(Test { kind: "proof".into(), name, outcome, seconds });
        if skipped {
            return (tests, false);
        }
    }
    (tests, right)
}

/// Dispatches that are seen one by one.
const SEEN: u32 = 4;

/// What is wrong with a kernel's product, if anything: on exact operands and on normal ones, the output of
/// the second of two dispatches on a poisoned buffer, then each of [`SEEN`] at its work.
fn prove_one(executor: &mut dyn Executor, kernel: &Kernel, shape: Shape) -> Step<Option<String>> {
    let (precision, seed) = (kernel.precision, 5);
    executor.select(0);
    executor.prepare(kernel, shape, Settings::default())?;
    let exact = Operands::exact(shape, precision, seed);
    let normal = Operands::of_class(shape, precision, DataClass::Normal, seed);
    for (data, operands) in [("exact", exact), ("normal", normal)] {
        executor.load(&operands)?;
        executor.poison()?;
        executor.submit(2)?;
        let mut proof = prove(&operands, &executor.read()?, precision, seed);
        if data == "exact" {
            executor.keep_decoy()?;
        } else if proof.passed {
            proof = prove_each(executor, &operands, precision, seed, SEEN, proof)?;
        }
        if !proof.passed {
            let why = proof.failure.unwrap_or_else(|| "the output is no product".into());
            return Ok(Some(format!("on {data} operands: {why}")));
        }
    }
    Ok(None)
}
