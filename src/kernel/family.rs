//! The catalogue of kernel families: what each is called, its WGSL and the tilings it knows.
//!
//! To add a family: a WGSL body in `shaders/matmul/`, a variant here, its name, its tilings, and in
//! [`needs`](super::Needs) what an adapter must have for it.

use super::{Class, Fragments, Precision, Tiling};
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
    /// Patches of C in registers, A and B straight from buffers: no workgroup memory, no subgroups.
    RegisterDirect,
    /// As `RegisterDirect`, A and B from storage textures: for CPU-type adapters without subgroups.
    TextureDirect,
    /// A and B from buffers, A broadcast within subgroups; no workgroup memory.
    Subgroup,
    /// As `Subgroup`, A and B from storage textures: for CPU-type adapters.
    TextureFed,
    /// Fragments of matrices shared by a subgroup: tensor cores, simdgroup matrices.
    CooperativeMatrix,
    /// Signed bytes, four products at a time.
    Dot4Packed,
    /// A WGSL file of a user's own: not of the catalogue, and in none of its lists.
    Custom,
}

impl Family {
    /// Every family, simplest first.
    pub const ALL: [Family; 9] = [
        Family::Naive,
        Family::WorkgroupTiled,
        Family::RegisterTiled,
        Family::RegisterDirect,
        Family::TextureDirect,
        Family::Subgroup,
        Family::TextureFed,
        Family::CooperativeMatrix,
        Family::Dot4Packed,
    ];

    /// The name as typed, printed and stored.
    pub fn name(self) -> &'static str {
        match self {
            Family::Naive => "naive",
            Family::WorkgroupTiled => "workgroup_tiled",
            Family::RegisterTiled => "register_tiled",
            Family::RegisterDirect => "register_direct",
            Family::TextureDirect => "texture_direct",
            Family::Subgroup => "subgroup",
            Family::TextureFed => "texture_fed",
            Family::CooperativeMatrix => "cooperative_matrix",
            Family::Dot4Packed => "dot4_packed",
            Family::Custom => "wgsl",
        }
    }

    /// The family of that name; the error lists them all.
    pub fn by_name(name: &str) -> Result<Family> {
        Family::ALL.into_iter().find(|f| f.name() == name).ok_or_else(|| {
            let all: Vec<_> = Family::ALL.iter().map(|f| f.name()).collect();
            Error::usage(format!("unknown kernel `{name}`")).hint(format!("one of {}", all.join(", ")))
        })
    }

    /// The families that have a kernel of this precision, simplest first.
    pub fn of(precision: Precision) -> Vec<Family> {
        Family::ALL.into_iter().filter(|f| f.precisions().contains(&precision)).collect()
    }

    /// The families that say most in little time: the simplest, the textbook one, and the fastest for the
    /// class of adapter.
    pub fn usual(class: Class, precision: Precision) -> Vec<Family> {
        let fastest = match class {
            Class { software: true, subgroup: Some(_), dear_broadcasts: false, .. } => {
                [Family::TextureFed, Family::Subgroup]
            }
            Class { software: true, .. } => [Family::TextureDirect, Family::RegisterDirect],
            Class { software: false, fragments, .. } if fragments.of(precision).next().is_some() => {
                [Family::CooperativeMatrix, Family::RegisterTiled]
            }
            Class { software: false, .. } => [Family::RegisterTiled, Family::RegisterTiled],
        };
        let has = |family: &Family| family.precisions().contains(&precision);
        let mut families = vec![Family::Naive, Family::RegisterTiled];
        families.extend(fastest.into_iter().find(has));
        families.push(Family::Dot4Packed);
        families.retain(has);
        families.dedup();
        families
    }

    /// The declarations of A, B and C that the body builds on.
    pub(super) fn interface(self, precision: Precision) -> &'static str {
        match self {
            Family::RegisterTiled | Family::RegisterDirect | Family::Subgroup | Family::CooperativeMatrix => {
                include_str!("../../shaders/shared/vectors.wgsl")
            }
            Family::TextureFed | Family::TextureDirect => include_str!("../../shaders/shared/textures.wgsl"),
            _ if precision == Precision::I8AccI32 => include_str!("../../shaders/shared/bytes.wgsl"),
            _ => include_str!("../../shaders/shared/scalars.wgsl"),
        }
    }

    /// The untouched WGSL body.
    pub(super) fn body(self) -> &'static str {
        match self {
            Family::Naive => include_str!("../../shaders/matmul/naive.wgsl"),
            Family::WorkgroupTiled => include_str!("../../shaders/matmul/workgroup_tiled.wgsl"),
            Family::RegisterTiled => include_str!("../../shaders/matmul/register_tiled.wgsl"),
            Family::RegisterDirect | Family::TextureDirect => include_str!("../../shaders/matmul/register_direct.wgsl"),
            Family::Subgroup | Family::TextureFed => include_str!("../../shaders/matmul/subgroup.wgsl"),
            Family::CooperativeMatrix => include_str!("../../shaders/matmul/cooperative_matrix.wgsl"),
            Family::Dot4Packed => include_str!("../../shaders/matmul/dot4_packed.wgsl"),
            // The text is the user's; nothing is composed.
            Family::Custom => "",
        }
    }

    /// Whether the body is written for such a tiling.
    pub fn takes(self, tiling: Tiling) -> bool {
        let Tiling { block_k, thread_m, thread_n, fragment, .. } = tiling;
        if (fragment > 0) != (self == Family::CooperativeMatrix) {
            return false;
        }
        let patch = thread_m * thread_n > 1;
        let fours = |extents: &[u32]| extents.iter().all(|e| *e > 0 && e.is_multiple_of(4));
        match self {
            Family::Naive => block_k == 0 && !patch,
            Family::WorkgroupTiled => block_k > 0 && !patch,
            Family::RegisterTiled => fours(&[block_k, thread_n]),
            Family::RegisterDirect | Family::TextureDirect => block_k == 0 && fours(&[thread_n]),
            Family::Dot4Packed => fours(&[block_k, tiling.block_n]) && patch,
            Family::Custom => false,
            // The body writes rows out sixteen at a time, each of which keeps its lane from one group to the
            // next; an invocation is one lane of a subgroup of four to 64.
            Family::Subgroup | Family::TextureFed => {
                let lanes = tiling.lanes();
                let sizes = (4..=64).contains(&lanes) && lanes.is_power_of_two();
                let rows = thread_m == 16 || (thread_m == 32 && lanes <= 16);
                block_k == 0 && rows && fours(&[thread_n]) && sizes
            }
            Family::CooperativeMatrix => {
                let whole = |extent: &u32| *extent > 0 && extent.is_multiple_of(fragment);
                Fragments::EXTENTS.contains(&fragment) && [block_k, thread_m, thread_n].iter().all(whole)
            }
        }
    }

    /// Precisions the family has a kernel for.
    pub fn precisions(self) -> &'static [Precision] {
        use Precision::{F16, F16AccF32, F32, F64, I8AccI32};
        match self {
            Family::Naive | Family::WorkgroupTiled => &[F32, F16, F16AccF32, I8AccI32, F64],
            Family::RegisterTiled | Family::RegisterDirect => &[F32, F16, F16AccF32, F64],
            // Broadcasts of 16 and 64 bits are an extension of their own that wgpu does not name.
            Family::Subgroup => &[F32, F16AccF32],
            // Texels are 32-bit floats.
            Family::TextureFed | Family::TextureDirect => &[F32],
            Family::CooperativeMatrix => &[F32, F16, F16AccF32],
            Family::Dot4Packed => &[I8AccI32],
            Family::Custom => &[],
        }
    }

    /// The tiling taken where nothing was tuned: the first that suits the class of adapter.
    pub fn default_tiling(self, class: Class, precision: Precision) -> Tiling {
        let tilings = self.tilings();
        let first = |suits: &dyn Fn(&Tiling) -> bool| *tilings.iter().find(|&t| suits(t)).unwrap_or(&tilings[0]);
        match self {
            // A CPU runs the invocations of a workgroup in turn: fewer, larger patches suit it.
            Family::Dot4Packed if class.software => first(&|t| (t.thread_m, t.thread_n) == (8, 8)),
            Family::RegisterTiled if class.software && precision != Precision::F64 => {
                first(&|t| (t.thread_m, t.thread_n) == (8, 8))
            }
            // Tiles of the usual extent, twice as wide, are over the workgroup memory of most adapters.
            Family::RegisterTiled if precision == Precision::F64 => first(&|t| t.block_m * t.block_k <= 512),
            // With 16 vector registers the rows of B come out of memory whatever the patch, and the short code of a small
            // one is quicker, most of all where something else shares the core (METHODOLOGY, 1).
            Family::TextureFed if class.subgroup == Some(8) && !class.many_registers => {
                first(&|t| t.lanes() == 8 && t.thread_m * t.thread_n <= 64 && t.block_m >= 256)
            }
            Family::Subgroup | Family::TextureFed => first(&|t| Some(t.lanes()) == class.subgroup),
            // Of the extents that the adapter reports the larger. Where it reports none of the precision the
            // usual one stands for all that is lacking: 8×8 for f32 (Apple's), 16×16 for f16.
            Family::CooperativeMatrix => {
                let usual = if precision == Precision::F32 { 8 } else { 16 };
                let fragment = class.fragments.of(precision).next().unwrap_or(usual);
                first(&|t| t.fragment == fragment)
            }
            _ => tilings[0],
        }
    }

    /// One default tiling for each configuration that counts as a case of its own: those of the adapter's matrix
    /// units; elsewhere the one default.
    pub fn default_tilings(self, class: Class, precision: Precision) -> Vec<Tiling> {
        if self == Family::CooperativeMatrix {
            let fragments: Vec<u32> = class.fragments.of(precision).collect();
            let tilings = self.tilings();
            let first = |extent: &u32| tilings.iter().find(|t| t.fragment == *extent).copied();
            let reported: Vec<Tiling> = fragments.iter().filter_map(first).collect();
            if !reported.is_empty() {
                return reported;
            }
        }
        vec![self.default_tiling(class, precision)]
    }

    /// Tilings worth trying, the default for GPUs first.
    pub fn tilings(self) -> Vec<Tiling> {
        let all: &[&str] = match self {
            Family::Naive => &["16x16", "8x8", "1x64", "4x64"],
            Family::WorkgroupTiled => &["16x16x16", "8x8x8"],
            Family::RegisterTiled => &[
                "128x128x8/8x8",
                "64x64x16/4x4",
                "64x64x8/4x4",
                "64x64x8/8x8",
                "128x64x16/8x4",
                "128x128x16/8x8",
                "32x32x16/4x4",
            ],
            Family::RegisterDirect | Family::TextureDirect => {
                &["64x64/8x8", "32x128/8x8", "64x32/8x4", "32x32/4x4", "64x64/4x8", "64x64/16x8", "32x64/8x16"]
            }
            Family::Subgroup => {
                &["64x256/16x8", "64x128/16x4", "64x64/16x8", "64x32/16x4", "64x32/16x8", "64x128/16x8", "64x512/16x8"]
            }
            Family::TextureFed => &[
                "128x64/32x8",
                "64x64/32x4",
                "64x64/16x8",
                "128x64/16x8",
                "128x32/32x4",
                "64x128/32x8",
                "64x32/16x8",
                "64x16/16x4",
                "256x64/16x8",
                "256x32/16x4",
            ],
            Family::CooperativeMatrix => &[
                "64x64x32/32x32/16x16",
                "128x128x32/64x32/16x16",
                "128x128x16/64x64/16x16",
                "32x32x16/16x16/16x16",
                "64x64x16/32x32/8x8",
                "64x64x32/32x32/8x8",
                "64x64x8/32x32/8x8",
                "32x32x32/16x16/8x8",
            ],
            Family::Dot4Packed => &["64x64x32/4x4", "128x128x32/8x8", "32x32x32/2x2"],
            Family::Custom => &["16x16"],
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

    #[test]
    fn every_precision_has_families_and_every_family_a_default_for_each_of_its_own() {
        for precision in Precision::ALL {
            assert!(Family::of(precision).len() >= 2, "{precision}");
        }
        for software in [false, true] {
            for subgroup in [None, Some(4), Some(8), Some(32)] {
                for family in Family::ALL {
                    for &precision in family.precisions() {
                        let tiling =
                            family.default_tiling(Class { software, subgroup, ..Default::default() }, precision);
                        assert!(family.takes(tiling), "{}[{tiling}]", family.name());
                    }
                }
            }
        }
    }

    #[test]
    fn the_usual_families_are_few_and_know_the_precision() {
        for software in [false, true] {
            for subgroup in [None, Some(8)] {
                for precision in Precision::ALL {
                    let usual = Family::usual(Class { software, subgroup, ..Default::default() }, precision);
                    assert!((2..=3).contains(&usual.len()), "{usual:?}");
                    assert!(usual.iter().all(|f| f.precisions().contains(&precision)), "{usual:?}");
                }
            }
        }
    }

    #[test]
    fn where_broadcasts_are_dear_the_usual_families_have_none() {
        for precision in Precision::ALL {
            let class = Class { software: true, subgroup: Some(4), ..Default::default() };
            let (cheap, dear) = (class, Class { dear_broadcasts: true, ..class });
            let broadcasts = |class| {
                Family::usual(class, precision).iter().any(|f| [Family::Subgroup, Family::TextureFed].contains(f))
            };
            assert!(!broadcasts(dear), "{precision}");
            assert_eq!(broadcasts(cheap), Family::Subgroup.precisions().contains(&precision), "{precision}");
        }
    }

    #[test]
    fn the_default_of_a_subgroup_family_follows_the_size_of_the_subgroups() {
        for lanes in [4, 8, 16, 32, 64] {
            let class = Class { software: true, subgroup: Some(lanes), ..Default::default() };
            assert_eq!(Family::Subgroup.default_tiling(class, Precision::F32).lanes(), lanes);
            if lanes <= 16 {
                assert_eq!(Family::TextureFed.default_tiling(class, Precision::F32).lanes(), lanes);
            }
        }
    }

    #[test]
    fn few_vector_registers_get_a_small_patch() {
        let sums = |lanes, many_registers| {
            let class = Class { software: true, subgroup: Some(lanes), many_registers, ..Default::default() };
            let tiling = Family::TextureFed.default_tiling(class, Precision::F32);
            tiling.thread_m * tiling.thread_n
        };
        assert_eq!([sums(8, false), sums(8, true)], [64, 256]);
        // Lanes of another width are drivers of their own, where nothing else was measured.
        assert_eq!([sums(4, false), sums(16, false)], [sums(4, true), sums(16, true)]);
    }
}
