//! What a kernel asks of an adapter beyond the core of WGSL, stated without wgpu.

use super::{Cooperative, Family, Fragments, Kernel, Precision};

/// What decides which tiling is tried first: a CPU runs the invocations of a workgroup in turn, a GPU
/// side by side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Class {
    /// A CPU-type adapter.
    pub software: bool,
    /// Invocations of every subgroup, where that is one number.
    pub subgroup: Option<u32>,
    /// A CPU-type adapter whose CPU has 32 vector registers of 256 bits (AVX-512VL) instead of 16.
    pub many_registers: bool,
    /// A CPU-type adapter on which a broadcast within a subgroup costs more than it saves: llvmpipe with subgroups of
    /// four, vectors of 128 bits, as on Arm (METHODOLOGY, 1).
    pub dear_broadcasts: bool,
    /// Cooperative matrices that it has and WGSL can say.
    pub fragments: Fragments,
}

/// How a kernel gets A and B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// As storage buffers.
    Buffers,
    /// As storage textures of four elements a texel, copied from the buffers as part of each product.
    Textures,
}

/// What has to be there, or the case is `unsupported`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Features by wgpu's names.
    pub features: Vec<&'static str>,
    /// Every subgroup has exactly this many invocations.
    pub subgroup: Option<u32>,
    /// A CPU-type adapter: elsewhere the family's trick costs instead of gaining.
    pub software: bool,
    /// A workgroup is a whole number of subgroups, whichever size the driver gives them.
    pub whole_subgroups: bool,
    /// A configuration of cooperative matrices.
    pub cooperative_matrix: Option<Cooperative>,
}

impl Family {
    /// How A and B come into a kernel of the catalogue.
    pub(super) fn feed(self) -> Feed {
        match self {
            Family::TextureFed | Family::TextureDirect => Feed::Textures,
            _ => Feed::Buffers,
        }
    }
}

impl Kernel {
    /// How the kernel gets A and B.
    pub fn feed(&self) -> Feed {
        self.custom.as_ref().map_or_else(|| self.family.feed(), |custom| custom.feed)
    }

    /// What the adapter has to have.
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        match self.precision {
            Precision::F16 | Precision::F16AccF32 => needs.features.push("SHADER_F16"),
            Precision::F64 => needs.features.push("SHADER_F64"),
            Precision::F32 | Precision::I8AccI32 => {}
        }
        match self.family {
            Family::Custom => {
                let used = self.custom.iter().flat_map(|custom| &custom.features);
                needs.features.extend(used);
                needs.features.sort_unstable();
                needs.features.dedup();
            }
            Family::Subgroup | Family::TextureFed => {
                needs.features.push("SUBGROUP");
                needs.subgroup = Some(self.tiling.lanes());
                needs.software = self.family == Family::TextureFed;
            }
            Family::CooperativeMatrix => {
                needs.features.extend(["SUBGROUP", "EXPERIMENTAL_COOPERATIVE_MATRIX"]);
                needs.whole_subgroups = true;
                needs.cooperative_matrix = Cooperative::of(self.precision, self.tiling.fragment);
            }
            Family::TextureDirect => needs.software = true,
            Family::Naive
            | Family::WorkgroupTiled
            | Family::RegisterTiled
            | Family::RegisterDirect
            | Family::Dot4Packed => {}
        }
        needs
    }
}
