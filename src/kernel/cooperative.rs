//! Cooperative matrices: the configurations that adapters report, and which of them WGSL can say.
//!
//! An adapter multiplies fragments of fixed extents and types that a subgroup holds together. WGSL has
//! square fragments of 8×8 and 16×16 in f16 and f32 alone (naga 30, `coop_mat8x8` and `coop_mat16x16`), so
//! of what Vulkan and Metal report only that much can be used; the rest is named, not passed over.

use super::Precision;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// C (m×n) += A (m×k) · B (k×n), as an adapter reports it: `16x16x16 f16 -> f32`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cooperative {
    /// m, n and k.
    pub extents: [u32; 3],
    /// Element type of A and B.
    pub operand: String,
    /// Element type of C and of the result.
    pub sum: String,
    /// Whether sums stop at the ends of their type, which whole numbers alone do.
    pub saturating: bool,
}

impl Cooperative {
    /// The one that a kernel of this precision and extent of fragments needs; `None` for a precision that has
    /// none.
    pub fn of(precision: Precision, fragment: u32) -> Option<Cooperative> {
        let (operand, sum) = types(precision)?;
        let [operand, sum] = [operand, sum].map(str::to_string);
        Some(Cooperative { extents: [fragment; 3], operand, sum, saturating: false })
    }

    /// Precision and extent of the fragments.
    ///
    /// # Errors
    /// Why WGSL has no fragments for it.
    pub fn fragments(&self) -> Result<(Precision, u32), String> {
        let [m, n, k] = self.extents;
        let precision = Fragments::PRECISIONS.into_iter().find(|&p| types(p) == Some((&self.operand, &self.sum)));
        match precision {
            _ if m != n || n != k => Err(format!("WGSL has square fragments alone, not {m}x{n}x{k}")),
            _ if !Fragments::EXTENTS.contains(&m) => Err(format!("WGSL has fragments of 8 and 16, not {m}")),
            _ if self.saturating => Err("WGSL has no saturating sums".into()),
            None => Err(format!("WGSL has no fragments of {} -> {}", self.operand, self.sum)),
            Some(precision) => Ok((precision, m)),
        }
    }
}

/// Types of operands and sums by WGSL's names.
pub(crate) fn types(precision: Precision) -> Option<(&'static str, &'static str)> {
    match precision {
        Precision::F32 => Some(("f32", "f32")),
        Precision::F16 => Some(("f16", "f16")),
        Precision::F16AccF32 => Some(("f16", "f32")),
        Precision::I8AccI32 | Precision::F64 => None,
    }
}

impl fmt::Display for Cooperative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [m, n, k] = self.extents;
        let saturating = if self.saturating { ", saturating" } else { "" };
        write!(f, "{m}x{n}x{k} {} -> {}{saturating}", self.operand, self.sum)
    }
}

impl Serialize for Cooperative {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Cooperative {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || {
            crate::error::Error::usage(format!("`{text}` is no cooperative matrix")).hint("one is 16x16x16 f16 -> f32")
        };
        let (plain, saturating) = match text.strip_suffix(", saturating") {
            Some(plain) => (plain, true),
            None => (text, false),
        };
        let (extents, types) = plain.split_once(' ').ok_or_else(bad)?;
        let (operand, sum) = types.split_once(" -> ").ok_or_else(bad)?;
        let numbers: Vec<u32> = extents.split('x').map_while(|e| e.parse().ok()).collect();
        let extents = <[u32; 3]>::try_from(numbers).map_err(|_| bad())?;
        Ok(Cooperative { extents, operand: operand.into(), sum: sum.into(), saturating })
    }
}

/// The fragments that an adapter has and WGSL can say: a set of precisions and extents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fragments {
    /// One bit for each entry of [`Fragments::all`].
    has: u8,
}

impl Fragments {
    /// Precisions that WGSL has fragments for, the most telling first.
    pub const PRECISIONS: [Precision; 3] = [Precision::F16AccF32, Precision::F16, Precision::F32];

    /// Extents that WGSL has fragments of, the larger first: more work for each element that is loaded.
    pub const EXTENTS: [u32; 2] = [16, 8];

    /// Everything that WGSL can say.
    pub fn all() -> impl Iterator<Item = (Precision, u32)> {
        Fragments::PRECISIONS.into_iter().flat_map(|p| Fragments::EXTENTS.map(|extent| (p, extent)))
    }

    /// Out of what an adapter reports; what WGSL cannot say is left out.
    pub fn reported(configurations: &[Cooperative]) -> Fragments {
        let known: Vec<_> = configurations.iter().filter_map(|c| c.fragments().ok()).collect();
        let bits = Fragments::all().enumerate().filter(|(_, what)| known.contains(what)).map(|(at, _)| 1 << at);
        Fragments { has: bits.fold(0, |all, bit: u8| all | bit) }
    }

    /// Those it has, in the order of [`Fragments::all`].
    pub fn iter(self) -> impl Iterator<Item = (Precision, u32)> {
        Fragments::all().enumerate().filter(move |(at, _)| self.has >> at & 1 == 1).map(|(_, what)| what)
    }

    /// Extents of a precision's fragments, the larger first.
    pub fn of(self, precision: Precision) -> impl Iterator<Item = u32> {
        self.iter().filter(move |(p, _)| *p == precision).map(|(_, extent)| extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(texts: &[&str]) -> Vec<Cooperative> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_configuration_reads_as_it_prints() {
        for text in ["16x16x16 f16 -> f32", "8x8x8 f32 -> f32", "16x8x16 f16 -> f16", "16x16x16 i32 -> i32, saturating"]
        {
            assert_eq!(text.parse::<Cooperative>().unwrap().to_string(), text);
        }
        for text in ["", "16x16 f16 -> f32", "16x16x16 f16", "axbxc f16 -> f32", "1x2x3x4 f16 -> f32"] {
            assert!(text.parse::<Cooperative>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_field_reports_becomes_fragments_or_a_reason() {
        // wgpu 30 on Metal; on an NVIDIA GPU of 2022 on through Vulkan, after wgpu's filter; RADV; an Intel
        // GPU; Mesa's llvmpipe since 25.
        let all = |texts: &[&str]| Fragments::reported(&reported(texts)).iter().collect::<Vec<_>>();
        use Precision::{F16, F16AccF32, F32};
        let metal = ["8x8x8 f32 -> f32", "8x8x8 f16 -> f16", "8x8x8 f16 -> f32"];
        assert_eq!(all(&metal), [(F16AccF32, 8), (F16, 8), (F32, 8)]);
        let nvidia = ["16x16x16 f16 -> f16", "16x8x16 f16 -> f16", "16x8x8 f16 -> f32", "16x16x16 f16 -> f32"];
        assert_eq!(all(&nvidia), [(F16AccF32, 16), (F16, 16)]);
        assert_eq!(all(&["8x16x16 f16 -> f32", "8x8x16 f16 -> f32"]), []);
        assert_eq!(all(&["8x8x8 f16 -> f16", "8x8x8 f16 -> f16"]), [(F16, 8)]);
        for (text, part) in [
            ("8x16x16 f16 -> f32", "square fragments alone"),
            ("32x32x32 f16 -> f32", "of 8 and 16, not 32"),
            ("16x16x16 i32 -> i32", "no fragments of i32 -> i32"),
            ("16x16x16 f32 -> f16", "no fragments of f32 -> f16"),
            ("16x16x16 f16 -> f16, saturating", "saturating"),
        ] {
            let why = text.parse::<Cooperative>().unwrap().fragments().unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn what_a_kernel_needs_is_what_an_adapter_reports() {
        for (precision, extent) in Fragments::all() {
            let needed = Cooperative::of(precision, extent).unwrap();
            assert_eq!(needed.fragments(), Ok((precision, extent)));
            assert_eq!(needed.to_string().parse::<Cooperative>().unwrap(), needed);
            let set = Fragments::reported(&[needed]);
            assert_eq!(set.of(precision).collect::<Vec<_>>(), [extent]);
        }
        assert_eq!(Cooperative::of(Precision::F64, 16), None);
        assert_eq!(Fragments::default().iter().count(), 0);
    }
}
