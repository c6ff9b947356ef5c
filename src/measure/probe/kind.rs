//! What a probe does, on how much, and the WGSL that does it.

use crate::error::Result;
use crate::kernel::{Cooperative, Precision, cooperative_types, unrolled};
use serde::{Deserialize, Serialize};

/// Bytes of a `vec4<u32>`, the element of every memory probe.
pub const ELEMENT: u64 = 16;

/// Invocations per workgroup where the kind does not want another number.
const WORKGROUP: u32 = 64;

/// Elements of the tile in `workgroup.wgsl`.
pub(super) const TILE: u32 = 512;

/// What is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// Arithmetic of one precision in `chains` independent chains of vectors of four.
    Arithmetic {
        /// Of the vectors.
        precision: Precision,
        /// Independent chains per invocation.
        chains: u32,
    },
    /// Matrix units, fragments of `fragment`² elements, `chains` sums per subgroup.
    Matrix {
        /// Of the fragments, and of the sums where it names two.
        precision: Precision,
        /// Extent of a fragment in each direction, elements.
        fragment: u32,
        /// Independent sums per subgroup.
        chains: u32,
        /// Smallest and largest subgroup of the adapter: a workgroup is one of the largest, and has work for
        /// as many of the smallest as that could be.
        #[serde(default = "usual_subgroup")]
        subgroup: [u32; 2],
    },
    /// Memory read.
    Read,
    /// Memory write.
    Write,
    /// Memory copy; bytes read and written both count.
    Copy,
    /// a + 3·b; bytes read and written all count.
    Triad,
    /// Reads of workgroup memory.
    Workgroup,
    /// One more dispatch in a submission; what a submission costs is the intercept.
    Launch,
    /// From the host to the device.
    Upload,
    /// From the device to the host.
    Download,
}

fn usual_subgroup() -> [u32; 2] {
    [32; 2]
}

impl Kind {
    /// The name as printed and in files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Arithmetic { .. } => "arithmetic",
            Kind::Matrix { .. } => "matrix",
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Copy => "copy",
            Kind::Triad => "triad",
            Kind::Workgroup => "workgroup",
            Kind::Launch => "launch",
            Kind::Upload => "upload",
            Kind::Download => "download",
        }
    }

    /// Whether the host's clock alone can see it: timestamps lie inside a queue.
    pub fn is_transfer(self) -> bool {
        matches!(self, Kind::Upload | Kind::Download)
    }

    /// Arithmetic precision, where it is about one.
    pub fn precision(self) -> Option<Precision> {
        match self {
            Kind::Arithmetic { precision, .. } | Kind::Matrix { precision, .. } => Some(precision),
            _ => None,
        }
    }
}

/// One probe, sized for a class of adapter. Everything in it is part of its identity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// What.
    pub probe: Kind,
    /// Workgroups of a dispatch.
    pub groups: u32,
    /// Elements of the working set, a power of two; 0 where there is none.
    pub count: u32,
    /// Turns of a recurrence, or steps over memory, of each invocation.
    pub steps: u32,
    /// Elements from step to step.
    pub stride: u32,
    /// Working sets that are visited in turn: 1 is warm, more is cold.
    pub sets: u32,
    /// Seed of data and coefficients.
    pub seed: u32,
}

/// How large a dispatch has to be: a GPU wants a million invocations, a CPU has none to hide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Workgroups that fill the adapter.
    pub groups: u32,
    /// Bytes that a dispatch should move, at least.
    pub bytes: u64,
    /// Turns of a recurrence.
    pub turns: u32,
}

impl Scale {
    /// By class of adapter. On hardware a recurrence is 2.2 Gflop at eight chains, of bytes 8.7: 0.2 s at 40 Gflop/s. What is
    /// quicker gets more turns ([`super::suite`]).
    pub fn of(software: bool) -> Scale {
        if software {
            Scale { groups: 64, bytes: 8 << 20, turns: 16 }
        } else {
            Scale { groups: 8192, bytes: 256 << 20, turns: 4 }
        }
    }
}

impl Probe {
    fn new(kind: Kind, groups: u32, count: u32, steps: u32, stride: u32) -> Probe {
        Probe { probe: kind, groups, count, steps, stride, sets: 1, seed: 0x5eed_f00d }
    }

    /// Arithmetic, launches and workgroup memory.
    pub fn compute(kind: Kind, scale: Scale) -> Probe {
        match kind {
            Kind::Launch => Probe::new(kind, 1, 0, 0, 0),
            Kind::Workgroup => Probe::new(kind, scale.groups, 0, 64 * scale.turns, WORKGROUP + 8),
            Kind::Matrix { .. } => {
                let probe = Probe::new(kind, scale.groups, 0, 16 * scale.turns, 0);
                Probe { groups: (scale.groups / probe.parts()).max(1), ..probe }
            }
            _ => Probe::new(kind, scale.groups, 0, scale.turns, 0),
        }
    }

    /// Memory of a working set of `bytes` (taken down to a power of two, 16 KiB at least), visited as often
    /// as it takes to move enough.
    pub fn warm(kind: Kind, bytes: u64, scale: Scale) -> Probe {
        let count = power_of_two_below((bytes / ELEMENT).max(1024));
        let all = scale.groups * WORKGROUP;
        // Of a small set a large device has more invocations than it has elements: several may read one, none may write
        // what another does.
        let invocations = if kind == Kind::Read { all } else { all.min(count) };
        let each = (count / invocations).max(1);
        // The loops take four steps at a time.
        let covered = u64::from(invocations) * u64::from(each) * ELEMENT;
        let passes = (scale.bytes.div_ceil(covered) as u32).max(1);
        let passes = if each.is_multiple_of(4) { passes } else { passes.next_multiple_of(4) };
        // Where each step covers the whole set the next one is moved on, so that no invocation sees the same
        // element twice in a row.
        let stride = if each == 1 { invocations + 64 } else { invocations };
        Probe::new(kind, invocations / WORKGROUP, count, each * passes, stride)
    }

    /// Memory of `sets` working sets in turn, each visited once: together more than any cache holds.
    pub fn cold(kind: Kind, bytes: u64, sets: u32, scale: Scale) -> Probe {
        let warm = Probe::warm(kind, bytes, Scale { bytes: 0, ..scale });
        Probe { sets: sets.max(1), ..warm }
    }

    /// A transfer of `bytes`.
    pub fn transfer(kind: Kind, bytes: u64) -> Probe {
        Probe::new(kind, 0, (bytes / ELEMENT) as u32, 0, 0)
    }

    /// What is probed.
    pub fn kind(&self) -> Kind {
        self.probe
    }

    /// Invocations of a workgroup.
    pub fn workgroup(&self) -> u32 {
        match self.kind() {
            Kind::Launch => 1,
            Kind::Matrix { subgroup, .. } => subgroup[1],
            _ => WORKGROUP,
        }
    }

    /// Subgroups that a workgroup has work for; 1 where it does not matter.
    pub fn parts(&self) -> u32 {
        match self.kind() {
            Kind::Matrix { subgroup: [least, most], .. } => (most / least.max(1)).max(1),
            _ => 1,
        }
    }

    /// Invocations of a dispatch.
    pub fn invocations(&self) -> u32 {
        self.groups * self.workgroup()
    }

    /// Bytes of one working set.
    pub fn working_set(&self) -> u64 {
        u64::from(self.count) * ELEMENT
    }

    /// Flop (for bytes: operations) of a dispatch: a multiply and an add are two. The conversions of f16
    /// into sums of f32, and all index arithmetic, are not counted.
    pub fn flop(&self) -> f64 {
        let invocations = f64::from(self.invocations());
        let turns = f64::from(self.steps);
        match self.kind() {
            // Sixteen steps of four elements, 4 products and 4 sums each.
            Kind::Arithmetic { precision: Precision::I8AccI32, chains } => {
                invocations * turns * f64::from(chains) * 16.0 * 4.0 * 8.0
            }
            // Sixteen multiply-adds and one sum of four elements.
            Kind::Arithmetic { chains, .. } => invocations * turns * f64::from(chains) * 4.0 * 33.0,
            Kind::Matrix { fragment, chains, .. } => {
                let subgroups = f64::from(self.groups) * f64::from(self.parts());
                subgroups * turns * f64::from(chains) * 8.0 * 2.0 * f64::from(fragment).powi(3)
            }
            Kind::Triad => 2.0 * 4.0 * invocations * turns,
            _ => 0.0,
        }
    }

    /// Bytes that a dispatch moves: reads and writes that the kernel asks for. What a cache fetches in order
    /// to write is not in it.
    pub fn bytes(&self) -> f64 {
        let visits = f64::from(self.invocations()) * f64::from(self.steps) * ELEMENT as f64;
        match self.kind() {
            Kind::Read | Kind::Write | Kind::Workgroup => visits,
            Kind::Copy => 2.0 * visits,
            Kind::Triad => 3.0 * visits,
            Kind::Upload | Kind::Download => self.working_set() as f64,
            Kind::Arithmetic { .. } | Kind::Matrix { .. } | Kind::Launch => 0.0,
        }
    }

    /// Bytes that are filled on the host before the timing: what that takes grows with it. Others are filled on the device.
    pub fn filled_bytes(&self) -> f64 {
        if self.kind().is_transfer() { self.working_set() as f64 } else { 0.0 }
    }

    /// Bytes that are read back and followed in each of the two checks.
    pub fn checked_bytes(&self) -> f64 {
        // The sums of a read are followed visit by visit.
        let visited = self.visited(0);
        (visited.end - visited.start) as f64 + if self.kind() == Kind::Read { self.bytes() } else { 0.0 }
    }

    /// A name that is unique within a suite: `read/65536/warm`, `arithmetic/f32/8`.
    pub fn id(&self) -> String {
        let name = self.kind().name();
        match self.kind() {
            Kind::Arithmetic { precision, chains } => format!("{name}/{precision}/{chains}"),
            Kind::Matrix { precision, fragment, chains, .. } => {
                format!("{name}/{precision}/{fragment}x{fragment}/{chains}")
            }
            Kind::Workgroup | Kind::Launch => name.into(),
            Kind::Upload | Kind::Download => format!("{name}/{}", self.working_set()),
            _ => {
                let temperature = if self.sets > 1 { "cold" } else { "warm" };
                format!("{name}/{}/{temperature}", self.working_set())
            }
        }
    }

    /// The WGSL that fills the input at binding `which` (0: a, 1: b), of all sets, and the probe that runs it, whose working set
    /// is all of that input; `None` where the probe reads nothing, or what the host makes ([`Probe::input`]).
    ///
    /// # Errors
    /// Where the text does not parse: a fault of the body.
    pub fn filling(&self, which: usize) -> Result<Option<(String, Probe)>> {
        let numbers = match (self.kind(), which) {
            (Kind::Read | Kind::Copy, 0) => false,
            (Kind::Triad, 0 | 1) => true,
            _ => return Ok(None),
        };
        let header = format!("const NUMBERS = {numbers};\nconst FIRST = {}u;\n", (which as u32) << 30);
        let params = include_str!("../../../shaders/probe/params.wgsl");
        let body = include_str!("../../../shaders/probe/fill.wgsl");
        let text = format!("const WORKGROUP = {WORKGROUP}u;\n{header}{params}\n{body}");
        let count = self.count * self.sets;
        // As many as a dispatch may have on every adapter, at most.
        let groups = count.div_ceil(WORKGROUP).min(8192);
        let stride = groups * WORKGROUP;
        let filler = Probe { groups, count, steps: count.div_ceil(stride), stride, sets: 1, ..*self };
        Ok(Some((unrolled(&text)?, filler)))
    }

    /// The WGSL; empty for transfers.
    ///
    /// # Errors
    /// Where the text does not parse: a fault of the body.
    pub fn compose(&self) -> Result<String> {
        let body = match self.kind() {
            Kind::Arithmetic { precision: Precision::I8AccI32, .. } => include_str!("../../../shaders/probe/dot4.wgsl"),
            Kind::Arithmetic { .. } => include_str!("../../../shaders/probe/recurrence.wgsl"),
            Kind::Matrix { .. } => include_str!("../../../shaders/probe/matrix.wgsl"),
            Kind::Read => include_str!("../../../shaders/probe/read.wgsl"),
            Kind::Write => include_str!("../../../shaders/probe/write.wgsl"),
            Kind::Copy => include_str!("../../../shaders/probe/copy.wgsl"),
            Kind::Triad => include_str!("../../../shaders/probe/triad.wgsl"),
            Kind::Workgroup => include_str!("../../../shaders/probe/workgroup.wgsl"),
            Kind::Launch => include_str!("../../../shaders/probe/launch.wgsl"),
            Kind::Upload | Kind::Download => return Ok(String::new()),
        };
        let params = include_str!("../../../shaders/probe/params.wgsl");
        unrolled(&format!("{}\n{params}\n{body}", self.header()))
    }

    fn header(&self) -> String {
        let workgroup = format!("const WORKGROUP = {}u;\n", self.workgroup());
        match self.kind() {
            Kind::Arithmetic { precision, chains } => {
                let (enable, scalar, total) = match precision {
                    Precision::F16 | Precision::F16AccF32 => ("enable f16;\n", "f16", "f32"),
                    Precision::F64 => ("", "f64", "f64"),
                    _ => ("", "f32", "f32"),
                };
                format!(
                    "{enable}alias Scalar = {scalar};\nalias Total = {total};\nconst CHAINS = {chains}u;\n{workgroup}"
                )
            }
            Kind::Matrix { precision, fragment, chains, .. } => {
                let (operand, sum) = cooperative_types(precision).unwrap_or(("f32", "f32"));
                let parts = self.parts();
                let half = if operand == "f16" { "enable f16;\n" } else { "" };
                let fragments: String = [("A", operand), ("B", operand), ("C", sum)]
                    .map(|(role, scalar)| {
                        format!("alias Fragment{role} = coop_mat{fragment}x{fragment}<{scalar}, {role}>;\n")
                    })
                    .concat();
                format!(
                    "enable wgpu_cooperative_matrix;\n{half}alias Operand = {operand};\nalias Sum = {sum};\n{fragments}\
                     const FRAGMENT = {fragment}u;\nconst CHAINS = {chains}u;\nconst PARTS = {parts}u;\n{workgroup}"
                )
            }
            _ => workgroup,
        }
    }

    /// Features by wgpu's names, and a configuration of cooperative matrices.
    pub fn needs(&self) -> (Vec<&'static str>, Option<Cooperative>) {
        let scalar = match self.kind().precision() {
            Some(Precision::F16 | Precision::F16AccF32) => Some("SHADER_F16"),
            Some(Precision::F64) => Some("SHADER_F64"),
            _ => None,
        };
        let mut features: Vec<&'static str> = scalar.into_iter().collect();
        let Kind::Matrix { precision, fragment, .. } = self.kind() else { return (features, None) };
        features.extend(["SUBGROUP", "EXPERIMENTAL_COOPERATIVE_MATRIX"]);
        (features, Cooperative::of(precision, fragment))
    }
}

pub(super) fn power_of_two_below(value: u64) -> u32 {
    1 << value.max(1).ilog2().min(30)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::validate;
    use crate::measure::probe::suite;

    #[test]
    fn every_probe_is_valid_wgsl() {
        let mut seen = 0;
        for software in [false, true] {
            for probe in suite::every_kind(Scale::of(software)) {
                let wgsl = probe.compose().unwrap_or_else(|e| panic!("{}: {e}", probe.id()));
                if !probe.kind().is_transfer() {
                    validate(&wgsl).unwrap_or_else(|e| panic!("{}: {e}\n{wgsl}", probe.id()));
                    seen += 1;
                }
            }
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn every_element_is_visited_equally_often() {
        for software in [false, true] {
            for bytes in [1u64 << 14, 1 << 16, 1 << 20, 3 << 20] {
                let scale = Scale { bytes: 1 << 21, ..Scale::of(software) };
                assert!(Probe::warm(Kind::Read, bytes, scale).groups == scale.groups, "as many as fill the adapter");
                assert!(
                    Probe::warm(Kind::Write, bytes, scale).invocations()
                        <= Probe::warm(Kind::Write, bytes, scale).count
                );
                for probe in [Probe::warm(Kind::Read, bytes, scale), Probe::cold(Kind::Read, bytes, 3, scale)] {
                    let mut visits = vec![0u32; probe.count as usize];
                    assert_eq!(probe.steps % 4, 0, "{probe:?}");
                    for id in 0..probe.invocations() {
                        for step in 0..probe.steps {
                            visits[(id.wrapping_add(step.wrapping_mul(probe.stride)) & (probe.count - 1)) as usize] +=
                                1;
                        }
                    }
                    assert!(visits[0] > 0 && visits.iter().all(|&v| v == visits[0]), "{probe:?}");
                    assert_eq!(probe.bytes(), f64::from(visits[0]) * probe.working_set() as f64);
                }
            }
        }
    }
}
