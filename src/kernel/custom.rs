//! A kernel from a WGSL file of a user's own: read as it stands, held to the bindings, and asked nothing
//! that the text does not say.

use super::compose::hex_sha256;
use super::{Family, Feed, Kernel, Precision, Tiling};
use crate::error::{Error, Result};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, ArraySize, ImageClass, Module, ScalarKind, StorageAccess, TypeInner, VectorSize};
use std::error::Error as _;

/// What the catalogue knows of a family, read out of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custom {
    /// How it gets A and B.
    pub feed: Feed,
    /// Features by wgpu's names.
    pub features: Vec<&'static str>,
    /// Invocations per workgroup.
    pub workgroup: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
}

const HINT: &str = "entry point `main`; @group(0) bindings 0 dims (uniform, eight u32: m n k lda ldb ldc origin_m origin_n), \
                    1 a and 2 b (storage, read), 3 c (storage, read_write); shaders/README.md shows how";

const BLOCK_HINT: &str =
    "declare `const BLOCK_M = 64u;` and `const BLOCK_N = 64u;` in the file, or write `FILE.wgsl[64x64]`";

impl Kernel {
    /// A kernel out of a whole WGSL text that keeps to the bindings of `shaders/README.md`.
    ///
    /// A workgroup computes a block of C: `block` where it is given, else the text's own constants BLOCK_M and
    /// BLOCK_N. `name` stands in front of errors.
    ///
    /// # Errors
    /// Exit code 2, in one line: the text does not parse or validate (with the line), has no `main`, keeps to
    /// other bindings or element types, or says nothing of its block.
    pub fn from_wgsl(text: &str, name: &str, precision: Precision, block: Option<Tiling>) -> Result<Kernel> {
        let bad = |why: String| Error::usage(why).context(name).hint(HINT);
        let module = naga::front::wgsl::parse_str(text).map_err(|e| {
            let line = e.location(text).map_or(String::new(), |at| place(&at));
            Error::usage(format!("{line}{}", one_line(e.message())))
                .context(name)
                .hint("the file has to be valid WGSL as it stands")
        })?;
        Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).map_err(|e| {
            let line = e.location(text).map_or(String::new(), |at| place(&at));
            let mut why = e.as_inner().to_string();
            let mut inner = e.as_inner().source();
            while let Some(cause) = inner {
                why += &format!(": {cause}");
                inner = cause.source();
            }
            Error::usage(format!("{line}{}", one_line(&why)))
                .context(name)
                .hint("the file has to be valid WGSL as it stands")
        })?;
        let entry = module
            .entry_points
            .iter()
            .find(|e| e.name == "main" && e.stage == naga::ShaderStage::Compute)
            .ok_or_else(|| bad("no compute entry point `main`".into()))?;
        let feed = bindings(&module, precision).map_err(bad)?;
        let declared = declared(&module, text).map_err(|why| bad(why).hint(BLOCK_HINT))?;
        let tiling = match (block, declared) {
            (Some(block), Some(own)) if (block.block_m, block.block_n) != own => {
                return Err(bad(format!(
                    "the file's BLOCK_M and BLOCK_N are {}x{}, asked for is {block}",
                    own.0, own.1
                )));
            }
            (Some(block), _) if block.block_k == 0 && block.thread_m * block.thread_n == 1 => block,
            (Some(block), _) => {
                return Err(bad(format!("`{block}` is no block: of a file only BLOCK_MxBLOCK_N can be said")));
            }
            (None, Some((block_m, block_n))) => {
                Tiling { block_m, block_n, block_k: 0, thread_m: 1, thread_n: 1, fragment: 0 }
            }
            (None, None) => {
                let untyped = ["BLOCK_M", "BLOCK_N"].iter().find_map(|name| untyped(text, name));
                return Err(bad(untyped.unwrap_or("nothing says which block of C a workgroup computes".into()))
                    .hint(BLOCK_HINT));
            }
        };
        if !tiling.is_whole() {
            return Err(bad(format!("a block of {tiling}: each extent is 1 to 1024")));
        }
        let workgroup_memory = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let sizes =
            workgroup_memory.map(|(_, v)| module.types[v.ty].inner.try_size(module.to_ctx()).unwrap_or(u32::MAX));
        let custom = Custom {
            feed,
            features: features(text),
            workgroup: entry.workgroup_size.iter().fold(1, |all: u32, &n| all.saturating_mul(n)),
            workgroup_bytes: sizes.fold(0, u32::saturating_add),
        };
        let (wgsl, sha256) = (text.to_string(), hex_sha256(text));
        Ok(Kernel { family: Family::Custom, tiling, precision, wgsl, sha256, custom: Some(custom) })
    }
}

const RUNTIME: &str = "the shape decides its length, so that it is written without one";

/// Where in the text: line and column, both from 1.
fn place(at: &naga::SourceLocation) -> String {
    format!("line {}, column {}: ", at.line_number, at.line_position)
}

/// naga's messages can run over lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Checks every binding; how A and B come in.
fn bindings(module: &Module, precision: Precision) -> std::result::Result<Feed, String> {
    let mut found = [None; 4];
    for (_, variable) in module.global_variables.iter() {
        let Some(at) = variable.binding else { continue };
        match found.get_mut(at.binding as usize).filter(|_| at.group == 0) {
            Some(place) => *place = Some((variable.space, &module.types[variable.ty].inner)),
            None => return Err(format!("@group({}) @binding({}) is none of the four bindings", at.group, at.binding)),
        }
    }
    let names = ["dims", "a", "b", "c"];
    let get = |i: usize| found[i].ok_or_else(|| format!("no @group(0) @binding({i}) ({})", names[i]));
    let (dims, a, b, c) = (get(0)?, get(1)?, get(2)?, get(3)?);
    let words = |inner: &TypeInner| match inner {
        TypeInner::Struct { members, .. } => {
            let whole = |ty| matches!(module.types[ty].inner, TypeInner::Scalar(s) if s == naga::Scalar::U32);
            members.len() == 8 && members.iter().all(|m| whole(m.ty))
        }
        _ => false,
    };
    if dims.0 != AddressSpace::Uniform || !words(dims.1) {
        return Err("binding 0 (dims) is not var<uniform> of a struct of eight u32".into());
    }
    let read = AddressSpace::Storage { access: StorageAccess::LOAD };
    let feeds = |(space, inner): (AddressSpace, &TypeInner), name: &str| match inner {
        TypeInner::Image {
            class: ImageClass::Storage { format, access },
            dim: naga::ImageDimension::D2,
            arrayed: false,
        } if *format == naga::StorageFormat::Rgba32Float
            && *access == StorageAccess::LOAD
            && precision == Precision::F32 =>
        {
            Ok(Feed::Textures)
        }
        TypeInner::Array { size: ArraySize::Constant(_), .. } => {
            Err(format!("{name} is an array of fixed size; {RUNTIME}"))
        }
        TypeInner::Array { base, .. } if space == read => element(module, *base, operand(precision))
            .map(|()| Feed::Buffers)
            .map_err(|e| format!("{name}: {e} in {precision}")),
        _ => Err(format!(
            "{name} is neither var<storage, read> of an array nor, in f32, texture_storage_2d<rgba32float, read>"
        )),
    };
    let feed = feeds(a, "binding 1 (a)")?;
    if feeds(b, "binding 2 (b)")? != feed {
        return Err("binding 2 (b) comes in another way than binding 1 (a)".into());
    }
    let write = AddressSpace::Storage { access: StorageAccess::LOAD | StorageAccess::STORE };
    match c.1 {
        TypeInner::Array { size: ArraySize::Constant(_), .. } => {
            return Err(format!("binding 3 (c) is an array of fixed size; {RUNTIME}"));
        }
        TypeInner::Array { base, .. } if c.0 == write => {
            element(module, *base, result(precision)).map_err(|e| format!("binding 3 (c): {e} in {precision}"))?;
        }
        _ => return Err("binding 3 (c) is not var<storage, read_write> of an array".into()),
    }
    Ok(feed)
}

/// Kind and bytes of what is in the buffers of A and B: signed bytes come as words of four.
fn operand(precision: Precision) -> (ScalarKind, u8) {
    match precision {
        Precision::F32 => (ScalarKind::Float, 4),
        Precision::F16 | Precision::F16AccF32 => (ScalarKind::Float, 2),
        Precision::I8AccI32 => (ScalarKind::Uint, 4),
        Precision::F64 => (ScalarKind::Float, 8),
    }
}

fn result(precision: Precision) -> (ScalarKind, u8) {
    match precision {
        Precision::F32 | Precision::F16AccF32 => (ScalarKind::Float, 4),
        Precision::F16 => (ScalarKind::Float, 2),
        Precision::I8AccI32 => (ScalarKind::Sint, 4),
        Precision::F64 => (ScalarKind::Float, 8),
    }
}

/// A scalar or a vector of four of the right kind: rows are padded to four elements.
fn element(module: &Module, base: naga::Handle<naga::Type>, want: (ScalarKind, u8)) -> std::result::Result<(), String> {
    let is = match module.types[base].inner {
        TypeInner::Scalar(scalar) | TypeInner::Vector { size: VectorSize::Quad, scalar } => Some(scalar),
        _ => None,
    };
    let word = |(kind, bytes): (ScalarKind, u8)| {
        let letter = match kind {
            ScalarKind::Float => "f",
            ScalarKind::Sint => "i",
            _ => "u",
        };
        format!("{letter}{}", u32::from(bytes) * 8)
    };
    if is.is_some_and(|s| (s.kind, s.width) == want) {
        return Ok(());
    }
    let want = word(want);
    let got = is.map_or("something else".to_string(), |s| word((s.kind, s.width)));
    Err(format!("an array of {got} where {want} or vec4<{want}> is wanted"))
}

/// The text's own BLOCK_M and BLOCK_N.
fn declared(module: &Module, text: &str) -> std::result::Result<Option<(u32, u32)>, String> {
    let value = |name: &str| -> std::result::Result<Option<u32>, String> {
        let Some((_, constant)) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some(name)) else {
            return Ok(None);
        };
        match module.global_expressions[constant.init] {
            naga::Expression::Literal(naga::Literal::U32(value)) => Ok(Some(value)),
            naga::Expression::Literal(naga::Literal::I32(value)) => {
                u32::try_from(value).map(Some).map_err(|_| format!("{name} is {value}"))
            }
            _ => Err(format!("{name} is no whole number")),
        }
    };
    let without = |lacks: &'static str, has: &str| match untyped(text, lacks) {
        Some(why) => why,
        None => format!("{has} is declared without {lacks}"),
    };
    match (value("BLOCK_M")?, value("BLOCK_N")?) {
        (Some(m), Some(n)) => Ok(Some((m, n))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(without("BLOCK_N", "BLOCK_M")),
        (None, Some(_)) => Err(without("BLOCK_M", "BLOCK_N")),
    }
}

/// Says so where the text has the constant and naga does not: of one without a type it keeps nothing.
fn untyped(text: &str, name: &str) -> Option<String> {
    naga::front::wgsl::parse_str(&format!("{text}\nconst flopcast_asks = {name};")).ok()?;
    Some(format!("{name} has no type, so that its value is not read: write it like `16u`"))
}

/// Features that the text uses: those without which it is not valid, to the checks that wgpu itself makes.
fn features(text: &str) -> Vec<&'static str> {
    let valid_without = |capability: Capabilities| {
        let capabilities = Capabilities::all().difference(capability);
        let options = naga::front::wgsl::Options { parse_doc_comments: false, capabilities };
        let module = naga::front::wgsl::Frontend::new_with_options(options).parse(text);
        module.is_ok_and(|module| Validator::new(ValidationFlags::all(), capabilities).validate(&module).is_ok())
    };
    [
        ("SHADER_F16", Capabilities::SHADER_FLOAT16),
        ("SHADER_F64", Capabilities::FLOAT64),
        ("SUBGROUP", Capabilities::SUBGROUP),
        ("SUBGROUP_BARRIER", Capabilities::SUBGROUP_BARRIER),
        ("EXPERIMENTAL_COOPERATIVE_MATRIX", Capabilities::COOPERATIVE_MATRIX),
    ]
    .into_iter()
    .filter_map(|(name, capability)| (!valid_without(capability)).then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::validate;

    /// A kernel of the catalogue is a file that keeps to the bindings.
    fn file(family: Family, tiling: &str, precision: Precision) -> String {
        Kernel::compose(family, tiling.parse().unwrap(), precision).unwrap().wgsl
    }

    #[test]
    fn every_kernel_of_the_catalogue_reads_back_as_a_file() {
        for family in Family::ALL {
            for tiling in family.tilings() {
                for &precision in family.precisions() {
                    let own = Kernel::compose(family, tiling, precision).unwrap();
                    let read = Kernel::from_wgsl(&own.wgsl, "x", precision, None)
                        .unwrap_or_else(|e| panic!("{}[{tiling}] {precision}: {e}", family.name()));
                    assert_eq!(read.sha256, own.sha256);
                    assert_eq!(read.feed(), own.feed());
                    assert_eq!(read.workgroup(), own.workgroup(), "{}[{tiling}] {precision}", family.name());
                    assert_eq!((read.tiling.block_m, read.tiling.block_n), (tiling.block_m, tiling.block_n));
                    let needs = read.needs();
                    assert!(own.needs().features.iter().all(|f| needs.features.contains(f)), "{needs:?}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_does_not_keep_to_the_bindings_is_told_what_is_wrong_in_one_line() {
        let good = file(Family::Naive, "8x8", Precision::F32);
        for (from, to, part) in [
            ("fn main", "fn other", "no compute entry point `main`"),
            ("@binding(3)", "@binding(4)", "@binding(4) is none of the four"),
            ("@group(0) @binding(1)", "@group(1) @binding(1)", "@group(1) @binding(1) is none of the four"),
            ("var<storage, read> a", "var<storage, read_write> a", "binding 1 (a) is neither"),
            ("var<storage, read> b: array<Operand>", "var<storage, read> b: array<u32>", "line "),
            ("origin_n: u32,", "", "line "),
            ("const BLOCK_M = 8u;", "const BLOCK_M = 8u", ", column "),
            (
                "var<storage, read> a: array<Operand>",
                "var<storage, read> a: array<Operand, 64>",
                "a) is an array of fixed size",
            ),
            ("c: array<Result>", "c: array<Result, 64>", "c) is an array of fixed size"),
            ("alias Operand = f32", "alias Operand = nothing", "line "),
        ] {
            assert!(good.contains(from), "{from}");
            let error = Kernel::from_wgsl(&good.replacen(from, to, 1), "`x.wgsl`", Precision::F32, None).unwrap_err();
            assert!(error.message().starts_with("`x.wgsl`: ") && error.message().contains(part), "{from}: {error}");
            assert!(!error.message().contains('\n'), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
        let f16 = Kernel::from_wgsl(&good, "x", Precision::F16, None).unwrap_err();
        assert!(f16.message().contains("an array of f32 where f16 or vec4<f16> is wanted"), "{f16}");
        let other = Kernel::from_wgsl(&good, "x", Precision::F32, Some("16x16".parse().unwrap())).unwrap_err();
        assert!(other.message().contains("BLOCK_N are 8x8, asked for is 16x16"), "{other}");
    }

    #[test]
    fn a_block_comes_from_the_text_or_from_the_caller() {
        let named = file(Family::Naive, "8x8", Precision::F32);
        let unnamed = named.replace("BLOCK_M", "ROWS").replace("BLOCK_N", "COLUMNS");
        validate(&unnamed).unwrap();
        let error = Kernel::from_wgsl(&unnamed, "x", Precision::F32, None).unwrap_err();
        assert!(error.hint_text().unwrap().contains("[64x64]"), "{error:?}");
        let given = Kernel::from_wgsl(&unnamed, "x", Precision::F32, Some("8x8".parse().unwrap())).unwrap();
        assert_eq!(given.tiling.to_string(), "8x8");
    }

    #[test]
    fn a_block_whose_value_cannot_be_taken_is_told_by_what_it_lacks() {
        let good = file(Family::Naive, "8x8", Precision::F32);
        let (m, n) = ("const BLOCK_M = 8u;", "const BLOCK_N = 8u;");
        assert!(good.contains(m) && good.contains(n));
        let lacks = |name| format!("{name} has no type, so that its value is not read: write it like `16u`");
        for (new_m, new_n, part) in [
            ("const BLOCK_M = 8;", n, lacks("BLOCK_M")),
            (m, "const BLOCK_N = 2 * 4;", lacks("BLOCK_N")),
            ("const BLOCK_M = 8;", "const BLOCK_N = 8;", lacks("BLOCK_M")),
            ("const BLOCK_M = 0 - 8;", n, lacks("BLOCK_M")),
            ("const BLOCK_M: i32 = -8;", n, "BLOCK_M is -8".into()),
            (m, "const BLOCK_N = -8i;", "BLOCK_N is -8".into()),
            ("const BLOCK_M = 8f;", n, "BLOCK_M is no whole number".into()),
            (m, "", "BLOCK_M is declared without BLOCK_N".into()),
            ("", n, "BLOCK_N is declared without BLOCK_M".into()),
            ("// const BLOCK_M = 8;", n, "BLOCK_N is declared without BLOCK_M".into()),
            ("", "", "nothing says which block".into()),
        ] {
            // What the body calls them is another name, of the right type.
            let rest = good.replace(m, "").replace(n, "").replace("BLOCK_M", "ROWS").replace("BLOCK_N", "COLUMNS");
            let text = format!("{new_m}\n{new_n}\nconst ROWS = 8u;\nconst COLUMNS = 8u;\n{rest}");
            validate(&text).unwrap();
            let error = Kernel::from_wgsl(&text, "x", Precision::F32, None).unwrap_err();
            assert!(error.message().contains(&part), "{new_m} {new_n}: {error}");
            assert!(error.exit_code() == 2 && error.hint_text().unwrap().contains("`const BLOCK_M = 64u;`"));
        }
        // Who says the block himself need not have typed them.
        let both = good.replace(m, "const BLOCK_M = 8;").replace(n, "const BLOCK_N = 8;");
        Kernel::from_wgsl(&both, "x", Precision::F32, Some("8x8".parse().unwrap())).unwrap();
    }

    #[test]
    fn a_file_needs_the_features_that_it_uses_and_none_that_it_only_speaks_of() {
        let good = file(Family::Naive, "8x8", Precision::F32);
        let needs = |more: &str| {
            let text = format!("{more}\n{good}");
            let kernel = Kernel::from_wgsl(&text, "x", Precision::F32, None);
            kernel.unwrap_or_else(|e| panic!("{more}: {e}")).needs().features
        };
        let spoken = [
            "/* faster than coop_mat and than subgroup kernels */",
            "/* nested /* coop_mat8x8 */ subgroupAdd(x) */ // quadBroadcast, f16",
            "fn aside(no_subgroup: f32) -> f32 { let coop_mat = no_subgroup; return coop_mat; }",
        ];
        for more in spoken {
            assert_eq!(needs(more), [""; 0], "{more}");
        }
        let aside = |body: &str| format!("fn aside(x: f32) -> f32 {{ {body} }}");
        assert_eq!(needs(&aside("return quadBroadcast(x, 0u);")), ["SUBGROUP"]);
        assert_eq!(needs(&aside("return quadSwapX(x);")), ["SUBGROUP"]);
        assert_eq!(needs(&aside("return subgroupAdd(x);")), ["SUBGROUP"]);
        assert_eq!(needs(&aside("subgroupBarrier(); return x;")), ["SUBGROUP", "SUBGROUP_BARRIER"]);
        assert_eq!(needs(&format!("enable f16;\n{}", aside("return f32(f16(x));"))), ["SHADER_F16"]);
        assert_eq!(needs(&aside("return f32(f64(x));")), ["SHADER_F64"]);
    }
}
