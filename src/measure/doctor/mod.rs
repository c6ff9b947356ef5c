//! `flopcast doctor`: is this instrument fit to measure, and from which size on?
//!
//! Every check ends in a [`Grade`] with a stable code and the figures behind it. What is graded is the
//! instrument as `measure` would use it: a device clock that is missing or broken is a warning as long as
//! the host clock is sound, since the host clock then makes the figures; two clocks that disagree make
//! every figure SUSPECT, and that is unfit.

mod clock;
mod contention;
mod data;
mod floors;
mod instrument;
#[cfg(test)]
mod tests;
mod watchdog;

pub use contention::{Cpu, CpuTimes, Machine};
pub use instrument::Instrument;

use super::Step;
use super::kept::{Dispatches, Kept};
use super::record::{AdapterIdentity, Tool};
use crate::kernel::{Family, Kernel, Operands, Precision, Settings, Shape, prove};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Schema id of a doctor's report.
pub const SCHEMA: &str = "flopcast.doctor/1";

/// How a check came out, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Ok,
    /// It could not be told here, or has no meaning here: the detail says why.
    NotKnown,
    /// Usable, with the restriction that the detail names.
    Warn,
    /// Figures made with this would be wrong, SUSPECT or INVALID.
    Unfit,
}

impl Grade {
    /// The word as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Ok => "ok",
            Grade::NotKnown => "not known",
            Grade::Warn => "warn",
            Grade::Unfit => "UNFIT",
        }
    }
}

/// A figure of a check.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Quantity {
    /// Stable, snake case, ending in its unit where it has one.
    pub name: &'static str,
    /// Seconds, bytes per second, or a plain ratio, as the name says.
    pub value: f64,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Check {
    /// What was looked at: stable, kebab-case.
    pub check: &'static str,
    /// How it came out.
    pub grade: Grade,
    /// Why not better: stable, kebab-case; `null` where it is ok.
    pub code: Option<String>,
    /// What was seen, in a sentence.
    pub detail: String,
    /// The figures behind it.
    pub figures: Vec<Quantity>,
}

impl Check {
    /// A check that found nothing wrong.
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Check {
        Check { check, grade: Grade::Ok, code: None, detail: detail.into(), figures: Vec::new() }
    }

    /// A check that found something.
    pub(crate) fn of(check: &'static str, grade: Grade, code: &str, detail: impl Into<String>) -> Check {
        Check { grade, code: Some(code.to_string()), ..Check::ok(check, detail) }
    }

    /// Adds a figure.
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Check {
        self.figures.push(Quantity { name, value });
        self
    }

    /// The figure of that name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|q| q.name == name).map(|q| q.value)
    }
}

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Examination {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// When, UTC, RFC 3339.
    pub at: String,
    /// What examined it.
    pub tool: Tool,
    /// What was examined.
    pub adapter: AdapterIdentity,
    /// The worst grade of any check; a thing not known does not lower it.
    pub grade: Grade,
    /// The checks, in a fixed order.
    pub checks: Vec<Check>,
    /// Features by wgpu's names.
    pub features: Vec<String>,
    /// Limits by WebGPU's names.
    pub limits: BTreeMap<String, u64>,
}

impl Examination {
    /// The check of that name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|c| c.check == name)
    }

    /// The longest dispatch to make from now on, seconds, for [`kept`](super::kept); `None` where the watchdog was
    /// not looked for.
    pub fn dispatches(&self) -> Option<Dispatches> {
        let dispatch_s = self.check("watchdog")?.figure("split_at_s")?;
        let (adapter, tool, at) = (self.adapter.clone(), self.tool.clone(), self.at.clone());
        Some(Dispatches { schema: Dispatches::SCHEMA.into(), adapter, tool, at, dispatch_s })
    }

    /// Whether figures made here can be trusted at all.
    pub fn fit(&self) -> bool {
        self.grade != Grade::Unfit
    }
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The product that zeros and constants are compared on.
    pub data_shape: Shape,
}

impl Plan {
    /// What suits an adapter: large enough to load all of it, small enough for ten seconds.
    pub fn of(adapter: &AdapterIdentity) -> Plan {
        Plan { data_shape: Shape::square(if adapter.software { 256 } else { 2048 }) }
    }
}

/// What the examination is at, and which part of its time is over by then, about: as it was on lavapipe, 4.4 s in all.
/// `Break` ends it there.
pub type Observe<'a> = &'a mut dyn FnMut(&'static str, f64) -> ControlFlow<()>;

/// Examines an instrument. `cpu` tells how busy the machine is, where that can be known. A step that fails
/// is a check that is unfit, and what depends on it is left out: nothing is guessed. One that `observe` ended has a
/// check `examination` that says where.
pub fn examine(instrument: &mut dyn Instrument, cpu: &mut dyn Cpu, plan: &Plan, observe: Observe) -> Examination {
    let mut checks = vec![nature(instrument.adapter())];
    if let ControlFlow::Break(next) = steps(instrument, cpu, plan, observe, &mut checks) {
        let detail = format!("ended before the step `{next}`: nothing is known of it and of what follows");
        checks.push(Check::of("examination", Grade::NotKnown, "interrupted", detail));
    }
    let grade = checks.iter().map(|c| c.grade).filter(|g| *g != Grade::NotKnown).max().unwrap_or(Grade::Unfit);
    Examination {
        schema: SCHEMA,
        at: humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
        tool: instrument.tool(),
        adapter: instrument.adapter().clone(),
        grade,
        checks,
        features: instrument.features(),
        limits: instrument.limits(),
    }
}

/// Every step in its order; `Break` with the name of the one that was not begun.
fn steps(
    instrument: &mut dyn Instrument,
    cpu: &mut dyn Cpu,
    plan: &Plan,
    observe: Observe,
    checks: &mut Vec<Check>,
) -> ControlFlow<&'static str> {
    let before = cpu.times();
    let software = instrument.adapter().software;
    let mut next = |name: &'static str, part: f64| observe(name, part).map_break(|()| name);
    next("proof", 0.0)?;
    let proof = works(instrument);
    let fit = proof.grade == Grade::Ok;
    checks.push(proof);
    if fit {
        next("clocks", 0.01)?;
        let ruler = attempt(checks, "clocks", || clock::look(instrument));
        if let Some(looked) = &ruler {
            checks.extend(looked.checks.iter().cloned());
        }
        next("floors", 0.3)?;
        if let Some(found) = attempt(checks, "floors", || floors::look(instrument)) {
            checks.extend(found.checks);
            if let Some(looked) = &ruler {
                checks.push(floors::shortest(looked, found.submission_s));
            }
        }
        next("contention", 0.6)?;
        if let Some(found) = attempt(checks, "contention", || contention::look(instrument, cpu)) {
            checks.extend(found);
        }
        next("data", 0.75)?;
        if let Some(found) = attempt(checks, "data", || data::look(instrument, plan.data_shape)) {
            checks.extend(found);
        }
    }
    checks.push(contention::others(before.zip(cpu.times())));
    // Last, since a device that is lost here is of no use to what would come after it.
    if fit {
        next("watchdog", 0.98)?;
        checks.push(if software { watchdog::none() } else { watchdog::look(instrument) });
    }
    ControlFlow::Continue(())
}

/// Does a step; a failure becomes a check that is unfit.
fn attempt<T>(checks: &mut Vec<Check>, name: &'static str, step: impl FnOnce() -> Step<T>) -> Option<T> {
    match step() {
        Ok(found) => Some(found),
        Err(missing) => {
            let reason = missing.reason();
            checks.push(Check::of(name, Grade::Unfit, &reason.code, reason.detail));
            None
        }
    }
}

fn nature(adapter: &AdapterIdentity) -> Check {
    if adapter.software {
        let detail = "a CPU-type adapter: fit for correctness and relative figures, no statement about hardware";
        return Check::of("adapter", Grade::Warn, "software-adapter", detail);
    }
    Check::ok("adapter", adapter.device_type.replace('_', " "))
}

/// Every adapter takes this kernel: nothing in it is beyond the core of WGSL.
pub(super) fn plain(tiling: &str) -> Kernel {
    let tiling = tiling.parse().expect("a tiling of the catalogue");
    Kernel::compose(Family::Naive, tiling, Precision::F32).expect("a kernel of the catalogue; a test composes it")
}

/// A product that is no multiple of anything has to come out right, and poison has to be seen as none.
fn works(instrument: &mut dyn Instrument) -> Check {
    let shape = Shape { m: 37, n: 29, k: 41, batch: 1 };
    let mut attempt = || -> Step<Result<(), String>> {
        instrument.prepare(&plain("8x8"), shape, Settings::default())?;
        let operands = Operands::exact(shape, Precision::F32, 1);
        instrument.load(&operands)?;
        instrument.poison()?;
        if prove(&operands, &instrument.read()?, Precision::F32, 1).passed {
            return Ok(Err("poison is still taken for a product: what is read back is stale".into()));
        }
        instrument.submit(1)?;
        let proof = prove(&operands, &instrument.read()?, Precision::F32, 1);
        Ok(if proof.passed { Ok(()) } else { Err(proof.failure.unwrap_or_else(|| "no product".into())) })
    };
    match attempt() {
        Ok(Ok(())) => Check::ok("proof", format!("a product of {shape} is right to the last bit")),
        Ok(Err(why)) => Check::of("proof", Grade::Unfit, "proof-failed", why),
        Err(missing) => {
            let reason = missing.reason();
            Check::of("proof", Grade::Unfit, &reason.code, reason.detail)
        }
    }
}
