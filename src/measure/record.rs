//! The wire format: one JSON line per case, whole in itself.
//!
//! A line carries what made the figure (tool, adapter, case), the raw samples as they came, and the
//! figures derived from them. Aggregates are views: everything in [`Figure`], `verdict` and `reasons`
//! can be derived again from the rest of the line.

use super::bound::Bound;
use super::energy::Energy;
use crate::kernel::{Case, Proof};
use serde::{Deserialize, Serialize};

/// Schema id of a measurement line, as written.
pub const SCHEMA: &str = "flopcast.measurement/2";

/// The schema before it, still read: the same but for batches, which it does not know.
const SCHEMA_1: &str = "flopcast.measurement/1";

/// The schema that a line of this id is read as; `None` for a foreign one.
pub fn read_as(schema: &str) -> Option<&'static str> {
    [SCHEMA, SCHEMA_1].contains(&schema).then_some(SCHEMA)
}

/// Version of the measuring method: raised whenever the same raw samples would give another figure,
/// or the same adapter other samples. Part of the comparison key.
pub const METHOD: u32 = 5;

/// The oldest method whose records are still derived as they were then.
const OLDEST_METHOD: u32 = 2;

/// Whether records of this method are derived here as they were when they were made.
pub fn derives(method: u32) -> bool {
    (OLDEST_METHOD..=METHOD).contains(&method)
}

/// One case, measured, unsupported or failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`SCHEMA`], or one that [`read_as`] takes for it.
    pub schema: String,
    /// What measured it.
    pub tool: Tool,
    /// When the case ended, UTC, RFC 3339.
    pub at: String,
    /// What it ran on.
    pub adapter: AdapterIdentity,
    /// What was asked for.
    pub case: Case,
    /// When the tiling and settings were tuned on this adapter, where they come from the cache of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned: Option<String>,
    /// Host seconds of the case: `setup` (compile and allocate), `proof` and `timing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// Energy of the timed part, or why it was not read; absent where nothing draws any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy: Option<Energy>,
    /// Why there is no figure at all, if there is none: `unsupported` or `failed` and the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// What the proof of work saw on the buffer that the last timed dispatch wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Raw samples of both clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
    /// What no figure of this case can be above, as known when it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Bound>,
    /// The figure; absent unless the verdict allows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Figure>,
    /// How far the figure can be trusted.
    pub verdict: Verdict,
    /// Why the verdict is not better, machine-readable, worst first.
    pub reasons: Vec<Reason>,
}

/// Where the host's time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Compiling the kernel and allocating, seconds.
    pub setup_s: f64,
    /// Making operands, proving outputs, seconds.
    pub proof_s: f64,
    /// Warm-up and timed submissions, seconds.
    pub timing_s: f64,
}

/// The program and the libraries that decide what a kernel becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// flopcast's version.
    pub version: String,
    /// [`METHOD`] at the time.
    pub method: u32,
    /// wgpu's version, `none` for a scripted device.
    pub wgpu: String,
    /// naga's version.
    pub naga: String,
}

/// What makes an adapter the same one as another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdapterIdentity {
    /// Name as the driver gives it.
    pub name: String,
    /// `vulkan`, `gl`, `metal`, `dx12`, or `scripted`.
    pub backend: String,
    /// `discrete_gpu`, `integrated_gpu`, `virtual_gpu`, `cpu` or `other`.
    pub device_type: String,
    /// Driver name.
    pub driver: String,
    /// Driver version text.
    pub driver_info: String,
    /// PCI vendor id.
    pub vendor: u32,
    /// PCI device id.
    pub device: u32,
    /// A CPU-type adapter: figures are SOFTWARE.
    pub software: bool,
    /// Limits and features that decide what a kernel becomes on it.
    #[serde(default)]
    pub capabilities: Capabilities,
}

impl AdapterIdentity {
    /// Mesa's software rasterizer, through Vulkan (lavapipe) or GL.
    pub fn is_llvmpipe(&self) -> bool {
        [&self.name, &self.driver].iter().any(|name| name.to_lowercase().contains("llvmpipe"))
    }
}

/// Limits and features of the opened device that a kernel or its proof depends on: another driver setting
/// that changes one of them makes another adapter of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capabilities {
    /// Smallest and largest subgroup, invocations.
    pub subgroup: [u32; 2],
    /// Most invocations of a workgroup.
    pub workgroup_invocations: u32,
    /// Most bytes of workgroup memory.
    pub workgroup_bytes: u32,
    /// Most bytes of a storage binding.
    pub binding_bytes: u64,
    /// Most bytes of a buffer.
    pub buffer_bytes: u64,
    /// wgpu's names of the features that are turned on, in alphabetical order.
    pub features: Vec<String>,
}

/// How far a figure can be trusted, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Proved, steady, both clocks agree.
    Measured,
    /// All of that, on a CPU-type adapter: right for correctness and relative figures only.
    Software,
    /// Measured, but a rule is broken: the reasons say which.
    Suspect,
    /// No figure.
    Invalid,
}

impl Verdict {
    /// The word as printed and as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Measured => "MEASURED",
            Verdict::Software => "SOFTWARE",
            Verdict::Suspect => "SUSPECT",
            Verdict::Invalid => "INVALID",
        }
    }
}

/// One reason: a stable code for machines, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable, kebab-case, listed in METHODOLOGY.md.
    pub code: String,
    /// What was seen, with numbers.
    pub detail: String,
}

impl Reason {
    /// A reason.
    pub fn new(code: &str, detail: impl Into<String>) -> Reason {
        Reason { code: code.into(), detail: detail.into() }
    }
}

/// Why a case has no figure though nothing was measured wrongly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case", deny_unknown_fields)]
pub enum Missing {
    /// The adapter lacks what the case needs; `needs` names it.
    Unsupported {
        /// What is lacking, by wgpu's names.
        needs: String,
    },
    /// It would not fit the time there is; `reason` says how long it would take.
    Skipped {
        /// Seconds that it would take, and those that there are.
        reason: String,
    },
    /// It was tried and did not come to an end.
    Failed {
        /// What the device or the proof said.
        error: String,
    },
}

impl Missing {
    /// The same as a reason.
    pub fn reason(&self) -> Reason {
        match self {
            Missing::Unsupported { needs } => Reason::new("unsupported", format!("needs {needs}")),
            Missing::Skipped { reason } => Reason::new("skipped", reason.clone()),
            Missing::Failed { error } => Reason::new("failed", error.clone()),
        }
    }

    /// `unsupported`, `skipped` or `failed`.
    pub fn status(&self) -> &'static str {
        match self {
            Missing::Unsupported { .. } => "unsupported",
            Missing::Skipped { .. } => "skipped",
            Missing::Failed { .. } => "failed",
        }
    }
}

/// Raw samples as they came, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    /// Nanoseconds per device tick; absent where the adapter has no timestamps.
    pub tick_ns: Option<f64>,
    /// Smallest step seen on the host clock, nanoseconds.
    pub host_tick_ns: f64,
    /// Dispatches that one product is cut into, to stay below the driver's watchdog.
    pub parts: u32,
    /// Untimed warm-up submissions before the first sample.
    pub warmup: u32,
    /// Whether the warm-up ended because the times were steady, not because its time was up.
    pub warm: bool,
    /// Why there were enough samples: `precise`, `noise-known`, `time-used` or `count-used`.
    pub stopped: String,
    /// The submissions, in the order they were made.
    pub submissions: Vec<Submission>,
    /// The sentinel beside them, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Sentinel>,
    /// What its threads got of the processors over all rounds, where the work is done by threads of this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<Workers>,
}

/// The scheduler's account of the threads that did the work, from the first round to the end of the last
/// ([`super::workers`]). Threads count that ran or wanted to for seven tenths of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// Nanoseconds of all rounds.
    pub wall_ns: u64,
    /// Threads that worked.
    pub threads: u32,
    /// Nanoseconds on a processor, of all of them together.
    pub ran_ns: u64,
    /// Nanoseconds that one of them stood ready without a processor, the one that waited longest.
    pub waited_ns: u64,
}

/// The small product of a fixed size that was timed once beside every round ([`super::sentinel`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// Dispatches of a lap.
    pub dispatches: u32,
    /// One lap per round, in order, after the round's submissions.
    pub laps: Vec<SentinelLap>,
}

/// Both clocks of one lap of the sentinel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelLap {
    /// Host clock from before the submit to after its completion, nanoseconds.
    pub host_ns: u64,
    /// Device ticks at the begin and the end of the pass.
    pub device_ticks: Option<[u64; 2]>,
}

/// One timed submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// Round it belongs to: one round holds one submission of each length.
    pub round: u32,
    /// Dispatches in it.
    pub dispatches: u32,
    /// Host clock from before the submit to after its completion, nanoseconds.
    pub host_ns: u64,
    /// Device ticks at the begin and the end of the pass.
    pub device_ticks: Option<[u64; 2]>,
}

/// Which clock made the headline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimingMethod {
    /// Slope of device timestamps over dispatches per submission.
    DeviceSlope,
    /// Slope of the host clock over dispatches per submission.
    HostSlope,
}

impl TimingMethod {
    /// The word as printed and as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            TimingMethod::DeviceSlope => "device_slope",
            TimingMethod::HostSlope => "host_slope",
        }
    }
}

/// A median with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Median of the samples.
    pub median: f64,
    /// Lower end of the 95 % interval of the median.
    pub lo: f64,
    /// Upper end of the 95 % interval of the median.
    pub hi: f64,
}

/// What the raw samples say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Which clock.
    pub timing_method: TimingMethod,
    /// Seconds per dispatch.
    pub seconds: Interval,
    /// Useful flop per second, 1e9: the case's flop count over `seconds`.
    pub gflop_per_s: Interval,
    /// Rounds behind it.
    pub samples: u32,
    /// Host seconds that a submission costs beyond its dispatches (the intercept of the host clock).
    pub submission_s: Option<f64>,
    /// Device slope over host slope, minus 1, where both clocks are there.
    pub clock_disagreement: Option<f64>,
    /// Rate of the first rounds: cold silicon, never the headline.
    pub burst_gflop_per_s: f64,
    /// Rate from where it settled to the end; absent where it never did.
    pub sustained_gflop_per_s: Option<f64>,
    /// Seconds of work before it settled, after the warm-up; 0 where it was settled from the first round.
    pub settled_after_s: Option<f64>,
}
