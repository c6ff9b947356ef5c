//! A device made up for tests: it multiplies on the host, on a clock of its own, and lies where told to.
//!
//! Nothing of it is ever a statement about a machine: its adapter is called `scripted`, and so is its
//! backend.

mod instrument;
mod witness;

use super::effort::WATCHDOG_S;
use super::record::{AdapterIdentity, Capabilities, METHOD, Missing, Tool};
use super::witness::{Watch, Watched};
use super::workers::{Account, Threads};
use super::{Executor, Lap, Slots, Step, Timed, sentinel};
use crate::kernel::{Kernel, Matrix, Operands, Settings, Shape};

/// What a scripted kernel does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelFault {
    /// Its work.
    None,
    /// Nothing, in no time.
    Nothing,
    /// Returns early in half of the workgroups.
    HalfGrid,
    /// Sums over half of k.
    HalfK,
    /// Takes B for its transpose.
    TransposesB,
    /// Writes NaN.
    WritesNan,
    /// Never runs: the device reports a validation error.
    ValidationError,
    /// Right on its first dispatch, idle afterwards.
    RightOnce,
    /// Idle, on a buffer that already holds the right answer.
    AnswerThere,
    /// Right, but looks first whether the answer is there: only the first dispatch of a submission works.
    Remembers,
    /// Right for the first 0.6 s of the device's clock and whenever each dispatch is looked at; after that it takes its
    /// time in timed submissions and writes nothing.
    StopsWriting,
    /// Right, but of the dispatches of a submission it does every other one alone, the last among them.
    EveryOther,
    /// Right, but of the dispatches of a submission it does the last one alone, and idles for a tenth of the
    /// others' time so that time still grows with the work.
    OnlyLast,
    /// Off by a ten-millionth in every element: less than rounding on random data, and never right on whole numbers.
    OffByAHair,
    /// Right, but every dispatch of a submission but the last leaves a row of C as it was.
    ForgetsARow,
    /// Right, but where a result is there already it does its work every other time alone: it marks what it
    /// writes.
    Marks,
}

/// How the device clock lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DeviceClock {
    /// It does not.
    Honest,
    /// The adapter has none.
    Missing,
    /// Every timestamp is zero.
    Zero,
    /// The end comes before the begin.
    Reversed,
    /// Starts again from one in mid-run.
    Reset,
    /// Moves in steps of this many nanoseconds.
    Quantised(u64),
    /// Runs at this multiple of the truth.
    Off(f64),
}

/// How the host clock lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum HostClock {
    /// It does not.
    Honest,
    /// The queue says it is done before it is: the host sees the submission, not the work.
    ReturnsEarly,
    /// Moves in steps of this many nanoseconds.
    Quantised(u64),
}

/// Work is followed in pieces of this much, nanoseconds at full speed.
const SLICE_NS: f64 = 250e3;

/// The kernel's speed over time: a factor on its seconds, by submission and by seconds since the start.
pub type Pace = Box<dyn FnMut(u64, f64) -> f64 + Send>;

/// How slow the device is at a moment, seconds since the start: a factor on the time of the work done then.
pub type Course = Box<dyn Fn(f64) -> f64 + Send>;

/// What one kernel costs against another, and one kind of data against another: a factor on the seconds.
pub type Cost = Box<dyn Fn(&Kernel, Settings, &Operands) -> f64 + Send>;

/// What the device is like.
pub struct Script {
    /// What the kernel does.
    pub kernel: KernelFault,
    /// How the device clock lies.
    pub device_clock: DeviceClock,
    /// How the host clock lies.
    pub host_clock: HostClock,
    /// True rate of a working kernel, flop/s.
    pub flop_per_s: f64,
    /// True cost of a submission on the host, seconds.
    pub submission_s: f64,
    /// True cost of compiling a case, seconds.
    pub setup_s: f64,
    /// A factor on the kernel's seconds.
    pub pace: Pace,
    /// The same, but followed within a submission too.
    pub course: Course,
    /// A factor on the seconds of what is prepared and loaded.
    pub cost: Cost,
    /// Whether it is a CPU-type adapter.
    pub software: bool,
    /// A driver's watchdog: a dispatch that takes longer loses the device.
    pub watchdog_s: Option<f64>,
    /// The longest single dispatch that it is to be asked for, seconds.
    pub dispatch_s: f64,
    /// The least that a dispatch takes, seconds: a part of a product that does not fill the device.
    pub part_s: f64,
    /// Its work is done by two threads of this process, each of which waits for a processor for this share of the time.
    pub waits: Option<f64>,
}

impl Script {
    /// An honest device: 1 TFLOP/s, 20 µs per submission, no noise.
    pub fn honest() -> Script {
        Script {
            kernel: KernelFault::None,
            device_clock: DeviceClock::Honest,
            host_clock: HostClock::Honest,
            flop_per_s: 1e12,
            submission_s: 20e-6,
            setup_s: 0.0,
            pace: Box::new(|_, _| 1.0),
            course: Box::new(|_| 1.0),
            cost: Box::new(|_, _, _| 1.0),
            software: false,
            watchdog_s: None,
            dispatch_s: WATCHDOG_S,
            part_s: 0.0,
            waits: None,
        }
    }
}

/// Runs a [`Script`].
pub struct ScriptedExecutor {
    script: Script,
    adapter: AdapterIdentity,
    now_ns: f64,
    submissions: u64,
    longest_dispatch_s: f64,
    /// Submissions of a case, not of the sentinel, that began on an output that was not poisoned.
    bare: u32,
    slot: usize,
    jobs: Slots<Job>,
}

struct Job {
    kernel: Kernel,
    settings: Settings,
    cost: f64,
    shape: Shape,
    answer: Matrix,
    c: Matrix,
    decoy: Option<Matrix>,
    parts: u32,
    worked: bool,
}

impl ScriptedExecutor {
    /// A device that follows the script.
    pub fn new(script: Script) -> ScriptedExecutor {
        let adapter = AdapterIdentity {
            name: "scripted".into(),
            backend: "scripted".into(),
            device_type: "other".into(),
            driver: "scripted".into(),
            driver_info: String::new(),
            vendor: 0,
            device: 0,
            software: script.software,
            capabilities: Capabilities::default(),
        };
        // A device clock that starts at zero would look like a broken one.
        ScriptedExecutor {
            script,
            adapter,
            now_ns: 1e9,
            submissions: 0,
            longest_dispatch_s: 0.0,
            bare: 0,
            slot: 0,
            jobs: Slots::default(),
        }
    }

    /// The longest single dispatch so far, seconds.
    #[cfg(test)]
    pub(super) fn longest_dispatch_s(&self) -> f64 {
        self.longest_dispatch_s
    }

    /// Submissions of a case that began on an output that was not poisoned.
    pub fn bare(&self) -> u32 {
        self.bare
    }

    /// Its true rate from now on, flop/s: kernels that differ, which a script alone cannot say.
    #[cfg(test)]
    pub(super) fn set_rate(&mut self, flop_per_s: f64) {
        self.script.flop_per_s = flop_per_s;
    }

    /// Nanoseconds that work takes from now on, that takes `ns` at full speed.
    fn along(&self, ns: f64) -> f64 {
        let (mut left, mut took) = (ns, 0.0);
        while left > 0.0 {
            let slice = left.min(SLICE_NS);
            took += slice * (self.script.course)((self.now_ns + took) * 1e-9 - 1.0);
            left -= slice;
        }
        took
    }

    /// What the kernel leaves behind, and the dispatches of `repeats` that took time.
    fn work(&mut self, repeats: u32) -> Step<f64> {
        let writes = self.now_ns < 1.6e9;
        let job = self.jobs.get_mut()?;
        let all = f64::from(repeats);
        let done = match self.script.kernel {
            KernelFault::None | KernelFault::ForgetsARow | KernelFault::OffByAHair => {
                job.c.clone_from(&job.answer);
                all
            }
            KernelFault::StopsWriting => {
                if writes {
                    job.c.clone_from(&job.answer);
                }
                all
            }
            KernelFault::Nothing | KernelFault::AnswerThere => all * 1e-3,
            KernelFault::HalfGrid => {
                let half = job.c.values.len() / 2;
                job.c.values[..half].copy_from_slice(&job.answer.values[..half]);
                all * 0.5
            }
            KernelFault::HalfK => {
                job.c.clone_from(&job.answer);
                all * 0.5
            }
            KernelFault::TransposesB => {
                job.c.clone_from(&job.answer);
                all
            }
            KernelFault::WritesNan => {
                job.c.values.fill(f64::NAN);
                all
            }
            KernelFault::ValidationError => {
                return Err(Missing::Failed { error: "submit: validation error".into() });
            }
            KernelFault::RightOnce if job.worked => 0.0,
            KernelFault::RightOnce | KernelFault::Remembers => {
                job.c.clone_from(&job.answer);
                job.worked = true;
                1.0
            }
            KernelFault::EveryOther | KernelFault::Marks => {
                job.c.clone_from(&job.answer);
                (all * 0.5).ceil()
            }
            KernelFault::OnlyLast => {
                job.c.clone_from(&job.answer);
                all * 0.1
            }
        };
        Ok(done)
    }
}

impl Timed for ScriptedExecutor {
    fn tick_ns(&self) -> Option<f64> {
        (self.script.device_clock != DeviceClock::Missing).then_some(1.0)
    }

    fn host_tick_ns(&self) -> f64 {
        match self.script.host_clock {
            HostClock::Quantised(step) => step as f64,
            _ => 1.0,
        }
    }

    fn now_ns(&self) -> u64 {
        self.now_ns as u64
    }

    fn poison(&mut self) -> Step<()> {
        self.jobs.get_mut()?.c.values.fill(f64::NAN);
        Ok(())
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        if self.slot != sentinel::SLOT && self.jobs.get()?.c.values.iter().any(|v| !v.is_nan()) {
            self.bare += 1;
        }
        let done = self.work(repeats)?;
        let Job { shape, cost, parts, .. } = self.jobs.get()?;
        let (flop, parts) = (shape.flop() * cost, f64::from(*parts));
        let pace = (self.script.pace)(self.submissions, self.now_ns * 1e-9 - 1.0);
        let least_s = self.script.part_s * parts * done;
        let kernel_ns = self.along((done * flop / self.script.flop_per_s).max(least_s) * pace * 1e9).max(1.0);
        let dispatch_s = kernel_ns * 1e-9 / (f64::from(repeats.max(1)) * parts);
        self.longest_dispatch_s = self.longest_dispatch_s.max(dispatch_s);
        if self.script.watchdog_s.is_some_and(|most| dispatch_s > most) {
            return Err(Missing::Failed { error: "submit: the device is lost".into() });
        }
        // No two submissions cost the same to the nanosecond; exactly regular times would look like a coarse
        // clock. A hash of the count, so that every run is the same.
        let jitter = (self.submissions.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as f64;
        let cost_ns = self.script.submission_s * 1e9 + jitter;
        let begin = self.now_ns + 0.5 * cost_ns;
        let end = begin + kernel_ns;
        self.now_ns += cost_ns + kernel_ns;
        self.submissions += 1;
        let ticks = |t: f64, step: u64| (t as u64) / step * step;
        let device_ticks = match self.script.device_clock {
            DeviceClock::Missing => None,
            DeviceClock::Honest => Some([begin as u64, end as u64]),
            DeviceClock::Zero => Some([0, 0]),
            DeviceClock::Reversed => Some([end as u64, begin as u64]),
            DeviceClock::Reset => {
                let base = if self.submissions > 12 { begin - 1.0 } else { 0.0 };
                Some([(begin - base) as u64, (end - base) as u64])
            }
            DeviceClock::Quantised(step) => Some([ticks(begin, step), ticks(end, step)]),
            DeviceClock::Off(factor) => Some([(begin * factor) as u64, (end * factor) as u64]),
        };
        let host_ns = match self.script.host_clock {
            HostClock::Honest => (cost_ns + kernel_ns) as u64,
            HostClock::ReturnsEarly => cost_ns as u64,
            HostClock::Quantised(step) => {
                let begin = self.now_ns - cost_ns - kernel_ns;
                ticks(self.now_ns, step) - ticks(begin, step)
            }
        };
        Ok(Lap { host_ns, device_ticks })
    }

    fn threads(&self) -> Option<Threads> {
        let waits = self.script.waits?;
        let account = Account { ran_ns: ((1.0 - waits) * self.now_ns) as u64, waited_ns: (waits * self.now_ns) as u64 };
        Some(Threads::from([(1, account), (2, account)]))
    }
}

impl Executor for ScriptedExecutor {
    fn adapter(&self) -> &AdapterIdentity {
        &self.adapter
    }

    fn dispatch_s(&self) -> f64 {
        self.script.dispatch_s
    }

    fn tool(&self) -> Tool {
        Tool { version: env!("CARGO_PKG_VERSION").into(), method: METHOD, wgpu: "none".into(), naga: "none".into() }
    }

    fn select(&mut self, slot: usize) {
        self.slot = slot;
        self.jobs.select(slot);
    }

    fn holds(&self) -> bool {
        self.jobs.get().is_ok()
    }

    fn vacate(&mut self) {
        self.jobs.clear();
    }

    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()> {
        let empty = Matrix::zeros((shape.batch * shape.m) as usize, shape.n as usize);
        self.now_ns += self.script.setup_s * 1e9;
        self.jobs.fill(Job {
            kernel: kernel.clone(),
            settings,
            cost: 1.0,
            shape,
            answer: empty.clone(),
            c: empty,
            decoy: None,
            parts: 1,
            worked: false,
        });
        Ok(())
    }

    fn load(&mut self, operands: &Operands) -> Step<()> {
        let fault = self.script.kernel;
        let job = self.jobs.get_mut()?;
        job.cost = (self.script.cost)(&job.kernel, job.settings, operands);
        job.answer = product(operands, fault);
        if fault == KernelFault::AnswerThere {
            job.c.clone_from(&job.answer);
        }
        Ok(())
    }

    fn split(&mut self, parts: u32) -> Step<u32> {
        let job = self.jobs.get_mut()?;
        // A row of C at least in each.
        job.parts = parts.clamp(1, job.shape.m * job.shape.batch);
        Ok(job.parts)
    }

    fn keep_decoy(&mut self) -> Step<()> {
        let job = self.jobs.get_mut()?;
        job.decoy = Some(job.c.clone());
        Ok(())
    }

    fn witness(&mut self, plan: &[Watch], keep: usize) -> Step<Watched> {
        self.seen(plan, keep)
    }

    fn read(&mut self) -> Step<Matrix> {
        Ok(self.jobs.get()?.c.clone())
    }
}

/// The product, or what a faulty kernel takes for it.
fn product(operands: &Operands, fault: KernelFault) -> Matrix {
    let (a, b) = (&operands.a, &operands.b);
    let depth = if fault == KernelFault::HalfK { a.cols / 2 } else { a.cols };
    let mut c = Matrix::zeros(a.rows, b.cols);
    for i in 0..a.rows {
        let first = operands.rows_b(i).start;
        for (k, &value) in a.row(i)[..depth].iter().enumerate() {
            for j in 0..b.cols {
                // The transpose of a B that is not square is read out of its own range, as a kernel would.
                let other = match fault {
                    KernelFault::TransposesB => b.row(first + j % a.cols)[k % b.cols],
                    _ => b.row(first + k)[j],
                };
                c.values[i * c.stride + j] += value * other;
            }
        }
    }
    if fault == KernelFault::OffByAHair {
        c.values.iter_mut().for_each(|v| *v *= 1.0 + 1e-7);
    }
    c
}
