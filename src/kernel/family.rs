//! The catalogue of kernel families: what each is called, its WGSL and the tilings it knows.
//!
//! To add a family: a WGSL body in `shaders/matmul/`, a variant here, its name, its tilings.

use super::{Class, Precision, Tiling};
use crate::error::{Error, Result};

/// A way to multiply matrices, named by its mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// One invocation, one element, everything from memory.
    Naive,
    /// Tiles of A and B in workgroup memory.
    WorkgroupTiled,
    /// Tiles in workgroup memory, patches of C in registers.
    RegisterTiled,
    /// A and B from storage textures, A broadcast within subgroups: for CPU-type adapters.
    TextureFed,
}

impl Family {
    /// Every family, simplest first.
    pub const ALL: [Family; 4] = [Family::Naive, Family::WorkgroupTiled, Family::RegisterTiled, Family::TextureFed];

    /// The name as typed, printed and stored.
    pub fn name(self) -> &'static str {
        match self {
            Family::Naive => "naive",
            Family::WorkgroupTiled => "workgroup_tiled",
            Family::RegisterTiled => "register_tiled",
            Family::TextureFed => "texture_fed",
        }
    }

    /// The family of that name; the error lists them all.
    pub fn by_name(name: &str) -> Result<Family> {
        Family::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
            let all: Vec<_> = Family::ALL.iter().map(|f| f.name()).collect();
            Error::usage(format!("unknown kernel `{name}`")).hint(format!("one of {}", all.join(", ")))
        })
    }

    /// The declarations of A, B and C that the body builds on.
    pub(super) fn interface(self) -> &'static str {
        match self {
            Family::TextureFed => include_str!("../../shaders/shared/textures.wgsl"),
            _ => include_str!("../../shaders/shared/scalars.wgsl"),
        }
    }

    /// The untouched WGSL body.
    pub(super) fn body(self) -> &'static str {
        match self {
            Family::Naive => include_str!("../../shaders/matmul/naive.wgsl"),
            Family::WorkgroupTiled => include_str!("../../shaders/matmul/workgroup_tiled.wgsl"),
            Family::RegisterTiled => include_str!("../../shaders/matmul/register_tiled.wgsl"),
            Family::TextureFed => include_str!("../../shaders/matmul/texture_fed.wgsl"),
        }
    }

    /// Whether the body is written for such a tiling.
    pub(super) fn takes(self, tiling: Tiling) -> bool {
        match self {
            Family::Naive => tiling.block_k == 0 && tiling.thread_m * tiling.thread_n == 1,
            Family::WorkgroupTiled => tiling.block_k > 0 && tiling.thread_m * tiling.thread_n == 1,
            Family::RegisterTiled => tiling.block_k > 0,
            // The body writes out sixteen rows; an invocation is one lane of a subgroup of four to 64.
            Family::TextureFed => {
                let lanes = tiling.block_n / tiling.thread_n;
                tiling.block_k == 0
                    && tiling.thread_m == 16
                    && tiling.thread_n.is_multiple_of(4)
                    && (4..=64).contains(&lanes)
                    && lanes.is_power_of_two()
            }
        }
    }

    /// Precisions the family has a kernel for.
    pub fn precisions(self) -> &'static [Precision] {
        &[Precision::F32]
    }

    /// The tiling taken where nothing was tuned: the first that suits the class of adapter.
    pub fn default_tiling(self, class: Class) -> Tiling {
        let tilings = self.tilings();
        match self {
            // A CPU runs the invocations of a workgroup in turn: fewer, larger patches suit it.
            Family::RegisterTiled if class.software => tilings[1],
            Family::TextureFed => {
                let fits = |t: &&Tiling| Some(t.block_n / t.thread_n) == class.subgroup;
                *tilings.iter().find(fits).unwrap_or(&tilings[0])
            }
            _ => tilings[0],
        }
    }

    /// Tilings worth trying, the default for GPUs first.
    pub fn tilings(self) -> Vec<Tiling> {
        let all: &[&str] = match self {
            Family::Naive => &["16x16", "8x8", "1x64", "4x64"],
            Family::WorkgroupTiled => &["16x16x16", "8x8x8"],
            Family::TextureFed => {
                &["64x64/16x8", "128x64/16x8", "128x32/16x4", "64x128/16x16", "64x32/16x8", "64x16/16x4"]
            }
            Family::RegisterTiled => &["64x64x16/4x4", "128x128x16/8x8", "64x64x8/8x8", "32x32x16/2x2"],
        };
        all.iter().map(|text| text.parse().expect("the catalogue's own tilings parse; a test reads them all")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_its_family_and_no_other_does() {
        for family in Family::ALL {
            assert_eq!(Family::by_name(family.name()).unwrap(), family);
            assert!(!family.tilings().is_empty());
        }
        let error = Family::by_name("fast").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.hint_text().unwrap().contains("register_tiled"));
    }
}
