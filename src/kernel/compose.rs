//! The one composer: a generated header of `const` and `alias` lines in front of a body that is valid WGSL
//! as it stands; then loops over constants are unrolled.

use super::unroll::unroll;
use super::{Custom, Family, Feed, Precision, Tiling};
use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;

/// Texels between the end of a texture's row and the next: a cache line, so that the texels of one column
/// do not all fall on the same few cache sets where rows are a power of two long.
pub const TEXTURE_GAP: u32 = 4;

/// Columns of B side by side in a texture that is folded: a row of them and the gap are a kilobyte and a line.
pub const FOLD: u32 = 256;

/// A kernel ready for any adapter that has what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// How it multiplies.
    pub family: Family,
    /// How it cuts C up.
    pub tiling: Tiling,
    /// Its arithmetic.
    pub precision: Precision,
    /// The whole WGSL text; the entry point is `main`.
    pub wgsl: String,
    /// SHA-256 of the text, hex.
    pub sha256: String,
    /// What was read out of the text of a file; `None` for the catalogue's own.
    pub custom: Option<Custom>,
}

impl Kernel {
    /// Composes a kernel. Fails where the family has no such precision or the tiling does not fit it.
    pub fn compose(family: Family, tiling: Tiling, precision: Precision) -> Result<Kernel> {
        if !family.precisions().contains(&precision) {
            let have: Vec<_> = Family::of(precision).iter().map(|f| f.name()).collect();
            return Err(Error::usage(format!("kernel `{}` has no {precision} form", family.name()))
                .hint(format!("these have: {}", have.join(", "))));
        }
        if !tiling.is_whole() || !family.takes(tiling) {
            let known: Vec<_> = family.tilings().iter().map(Tiling::to_string).collect();
            return Err(Error::usage(format!("kernel `{}` has no tiling {tiling}", family.name()))
                .hint(format!("it takes tilings like {}", known.join(", "))));
        }
        let rolled = format!(
            "{}\n{}\n{}\n{}",
            header(family, tiling, precision),
            include_str!("../../shaders/shared/dims.wgsl"),
            family.interface(precision),
            family.body()
        );
        let wgsl = unrolled(&rolled)?;
        let sha256 = hex_sha256(&wgsl);
        Ok(Kernel { family, tiling, precision, wgsl, sha256, custom: None })
    }

    /// Invocations for each patch of cooperative matrices: a subgroup of NVIDIA's and Apple's GPUs. Where
    /// subgroups are larger each takes several patches, where they are smaller some have none.
    pub(super) const COOPERATIVE_SUBGROUP: u32 = 32;

    /// Invocations per workgroup: one for each patch, or a subgroup.
    pub fn workgroup(&self) -> u32 {
        self.custom.as_ref().map_or_else(|| workgroup(self.family, self.tiling), |custom| custom.workgroup)
    }

    /// Bytes of workgroup memory.
    pub fn workgroup_bytes(&self) -> u32 {
        let Tiling { block_m, block_n, block_k, .. } = self.tiling;
        let operand = self.precision.operand_bytes();
        match self.family {
            Family::Custom => self.custom.as_ref().map_or(0, |custom| custom.workgroup_bytes),
            Family::Naive | Family::RegisterDirect | Family::TextureDirect | Family::Subgroup | Family::TextureFed => 0,
            // Tiles hold bytes as words.
            Family::WorkgroupTiled if operand == 1 => block_k * (block_m + block_n) * 4,
            Family::WorkgroupTiled => block_k * (block_m + block_n) * operand,
            Family::RegisterTiled => 2 * (block_m * (block_k + 4) + block_k * block_n) * operand,
            Family::Dot4Packed => block_m * (block_k + 4) + block_k * block_n,
            Family::CooperativeMatrix => {
                let gap = row_gap(self.precision);
                let scratch = (self.tiling.patches() + 1) * self.tiling.fragment.pow(2) * self.precision.result_bytes();
                // The tiles and the scratch start on whole 16 bytes; the count of subgroups is a word.
                (block_m * (block_k + gap) + block_k * (block_n + gap)) * operand + scratch + 4
            }
        }
    }
}

fn workgroup(family: Family, tiling: Tiling) -> u32 {
    let shared = if family == Family::CooperativeMatrix { Kernel::COOPERATIVE_SUBGROUP } else { 1 };
    tiling.patches() * shared
}

/// Elements in 16 bytes.
fn row_gap(precision: Precision) -> u32 {
    16 / precision.operand_bytes()
}

/// SHA-256 of a text, hex.
pub fn hex_sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn header(family: Family, tiling: Tiling, precision: Precision) -> String {
    let (enable, operand, sum, result) = match precision {
        Precision::F32 => ("", "f32", "f32", "f32"),
        Precision::F16 => ("enable f16;\n", "f16", "f16", "f16"),
        Precision::F16AccF32 => ("enable f16;\n", "f16", "f32", "f32"),
        Precision::I8AccI32 => ("", "i32", "i32", "i32"),
        Precision::F64 => ("", "f64", "f64", "f64"),
    };
    let Tiling { block_m, block_n, block_k, thread_m, thread_n, fragment } = tiling;
    let workgroup = workgroup(family, tiling);
    let mut header = format!(
        "{enable}alias Operand = {operand};\nalias Sum = {sum};\nalias Result = {result};\n\
         const BLOCK_M = {block_m}u;\nconst BLOCK_N = {block_n}u;\nconst BLOCK_K = {block_k}u;\n\
         const THREAD_M = {thread_m}u;\nconst THREAD_N = {thread_n}u;\nconst WORKGROUP = {workgroup}u;\n"
    );
    if family.feed() == Feed::Textures {
        let _ = writeln!(header, "const FOLD = {FOLD}u;\nconst TEXTURE_GAP = {TEXTURE_GAP}u;");
    }
    if family == Family::CooperativeMatrix {
        let gap = row_gap(precision);
        header.insert_str(0, "enable wgpu_cooperative_matrix;\n");
        for (role, scalar) in [("A", operand), ("B", operand), ("C", sum)] {
            let _ = writeln!(header, "alias Fragment{role} = coop_mat{fragment}x{fragment}<{scalar}, {role}>;");
        }
        let _ = writeln!(header, "const FRAGMENT = {fragment}u;\nconst ROW_GAP = {gap}u;");
    }
    header
}

/// The text with its loops over constants unrolled; see [`super::unroll`].
pub(crate) fn unrolled(rolled: &str) -> Result<String> {
    let constants = constants(rolled)?;
    Ok(unroll(rolled, &|name| constants.get(name).copied()))
}

/// The module's whole-number constants by name, evaluated.
fn constants(wgsl: &str) -> Result<HashMap<String, u32>> {
    let module = parse(wgsl)?;
    let value = |constant: &naga::Constant| match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
        _ => None,
    };
    Ok(module.constants.iter().filter_map(|(_, c)| Some((c.name.clone()?, value(c)?))).collect())
}

fn parse(wgsl: &str) -> Result<naga::Module> {
    naga::front::wgsl::parse_str(wgsl).map_err(|e| Error::usage(e.emit_to_string(wgsl)).context("WGSL does not parse"))
}

/// Parses and validates a WGSL text as wgpu would, on no adapter at all.
pub fn validate(wgsl: &str) -> Result<()> {
    use naga::valid::{Capabilities, ValidationFlags, Validator};
    let module = parse(wgsl)?;
    Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(&module)
        .map_err(|e| Error::usage(e.emit_to_string(wgsl)).context("WGSL is not valid"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_of_the_catalogue_is_valid_wgsl() {
        let mut composed = 0;
        for family in Family::ALL {
            for tiling in family.tilings() {
                for &precision in family.precisions() {
                    let kernel = Kernel::compose(family, tiling, precision).unwrap();
                    if let Err(error) = validate(&kernel.wgsl) {
                        panic!("{}[{tiling}] {precision}: {error}", family.name());
                    }
                    composed += 1;
                }
            }
        }
        assert!(composed >= 40);
    }

    /// Every configuration that WGSL can say, as each back end writes it: SPIR-V for Vulkan, and for what Metal
    /// reports (fragments of 8×8) its own language. A type or an extent that a back end has no word for fails.
    #[test]
    fn every_configuration_of_matrix_units_is_written_by_the_back_ends_that_report_it() {
        use naga::valid::{Capabilities, ValidationFlags, Validator};
        for (precision, fragment) in super::super::Fragments::all() {
            let tilings = Family::CooperativeMatrix.tilings();
            for tiling in tilings.into_iter().filter(|t| t.fragment == fragment) {
                let what = format!("[{tiling}] {precision}");
                let kernel = Kernel::compose(Family::CooperativeMatrix, tiling, precision).unwrap();
                let module = parse(&kernel.wgsl).unwrap();
                let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).unwrap();
                let options = naga::back::spv::Options { lang_version: (1, 4), ..Default::default() };
                let words = naga::back::spv::write_vec(&module, &info, &options, None)
                    .unwrap_or_else(|e| panic!("{what}: {e}"));
                // OpTypeCooperativeMatrixKHR 4456, OpCooperativeMatrixMulAddKHR 4459 (SPIR-V 1.6, revision 4).
                let has = |op: u32| words[5..].iter().any(|word| word & 0xffff == op && word >> 16 > 1);
                assert!(has(4456) && has(4459), "{what}");
                if fragment == 8 {
                    let options = naga::back::msl::Options {
                        lang_version: (2, 4),
                        fake_missing_bindings: true,
                        ..Default::default()
                    };
                    let (text, _) = naga::back::msl::write_string(&module, &info, &options, &Default::default())
                        .unwrap_or_else(|e| panic!("{what}: {e}"));
                    assert!(text.contains("simdgroup_multiply_accumulate"), "{what}");
                }
            }
        }
    }

    #[test]
    fn workgroup_memory_is_counted_as_the_text_declares_it() {
        for family in Family::ALL {
            for tiling in family.tilings() {
                for &precision in family.precisions() {
                    let kernel = Kernel::compose(family, tiling, precision).unwrap();
                    let module = parse(&kernel.wgsl).unwrap();
                    let variables = module.global_variables.iter().map(|(_, v)| v);
                    let declared: u32 = variables
                        .filter(|v| v.space == naga::AddressSpace::WorkGroup)
                        .map(|v| module.types[v.ty].inner.size(module.to_ctx()))
                        .sum();
                    assert_eq!(kernel.workgroup_bytes(), declared, "{}[{tiling}] {precision}", family.name());
                }
            }
        }
    }

    #[test]
    fn a_broken_body_does_not_validate() {
        assert!(validate("fn main( {").is_err());
        assert!(validate("@compute @workgroup_size(1) fn main() { let x: u32 = 1.5f; }").is_err());
    }

    #[test]
    fn a_change_of_one_constant_changes_the_hash() {
        let small = Kernel::compose(Family::Naive, "8x8".parse().unwrap(), Precision::F32).unwrap();
        let large = Kernel::compose(Family::Naive, "16x16".parse().unwrap(), Precision::F32).unwrap();
        assert_ne!(small.sha256, large.sha256);
        assert_eq!(small.sha256.len(), 64);
    }
}
