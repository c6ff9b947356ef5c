//! What is asked of a kernel: shape, precision, data and settings.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// C (m×n) = A (m×k) · B (k×n), row-major; or `batch` independent ones of that extent.
///
/// Written `512x512x64`, a batched one `512x512x64@8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Shape {
    /// Rows of A and C.
    pub m: u32,
    /// Columns of B and C.
    pub n: u32,
    /// Columns of A, rows of B.
    pub k: u32,
    /// Independent products, each with an A, a B and a C of its own; 1 and left out of records where
    /// there is one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub batch: u32,
}

fn one() -> u32 {
    1
}

// serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_one(batch: &u32) -> bool {
    *batch == 1
}

/// Largest m, n or k that is taken at all: anything above is a typing error, not a matrix.
const MAX_EXTENT: u32 = 1 << 24;

/// Most products of a batch: heads times sequences stay far below.
const MAX_BATCH: u32 = 1 << 16;

impl Shape {
    /// A shape; each extent is 1 to 2²⁴.
    pub fn new(m: u32, n: u32, k: u32) -> Result<Self> {
        for (name, extent) in [("m", m), ("n", n), ("k", k)] {
            if extent == 0 || extent > MAX_EXTENT {
                return Err(no_extent(&format!("{m}x{n}x{k}"), name, &extent));
            }
        }
        Ok(Shape { m, n, k, batch: 1 })
    }

    /// n × n × n.
    pub fn square(n: u32) -> Self {
        Shape { m: n, n, k: n, batch: 1 }
    }

    /// As many independent products of this extent; 1 to 65,536.
    pub fn batched(self, batch: u32) -> Result<Self> {
        if batch == 0 || batch > MAX_BATCH {
            return Err(no_batch(&self.to_string(), &batch));
        }
        Ok(Shape { batch, ..self })
    }

    /// Useful flop, of the whole batch: a multiply and an add for each of m·n·k.
    pub fn flop(self) -> f64 {
        2.0 * f64::from(self.m) * f64::from(self.n) * f64::from(self.k) * f64::from(self.batch)
    }

    /// Elements of A, B and C, of the whole batch.
    pub fn elements(self) -> [u64; 3] {
        let [m, n, k, batch] = [self.m, self.n, self.k, self.batch].map(u64::from);
        [m * k * batch, k * n * batch, m * n * batch]
    }
}

fn no_extent(shape: &str, name: &str, extent: &dyn fmt::Display) -> Error {
    Error::usage(format!("shape {shape}: {name} is {extent}"))
        .hint(format!("each of m, n and k is a whole number from 1 to {MAX_EXTENT}"))
}

fn no_batch(shape: &str, batch: &dyn fmt::Display) -> Error {
    Error::usage(format!("shape {shape}: a batch of {batch}"))
        .hint(format!("a batch is a whole number from 1 to {MAX_BATCH}"))
}

/// Whether the text is a whole number that is too large for 32 bits, of however many digits.
fn is_beyond(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_err()
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{}x{}x{}", self.m, self.n, self.k);
        if self.batch != 1 {
            text.push_str(&format!("@{}", self.batch));
        }
        f.pad(&text)
    }
}

impl FromStr for Shape {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: String| {
            Error::usage(format!("shape `{text}`: {why}"))
                .hint("a shape is m×n×k, like 1000x37x1300, a batch of eight 1000x37x1300@8")
        };
        let (extents, batch) = match text.trim().split_once('@') {
            None => (text.trim(), 1),
            Some((extents, batch)) => match batch.trim().parse::<u32>() {
                Ok(batch) => (extents, batch),
                Err(_) if is_beyond(batch.trim()) => return Err(no_batch(extents.trim(), &batch.trim())),
                Err(_) => return Err(bad(format!("`{}` is no batch", batch.trim()))),
            },
        };
        let parts: Vec<&str> = extents.split(['x', 'X', '×']).map(str::trim).collect();
        let [m, n, k] = parts[..] else {
            return Err(bad(format!("{} extents instead of three", parts.len())));
        };
        let extent = |name: &str, part: &str| match part.parse::<u32>() {
            Ok(value) => Ok(value),
            // Too large for the type is too large for us: it is the bound that is told, with what was written.
            Err(_) if is_beyond(part) => Err(no_extent(extents.trim(), name, &part)),
            Err(_) => Err(bad(format!("`{part}` is no whole number"))),
        };
        Shape::new(extent("m", m)?, extent("n", n)?, extent("k", k)?)?.batched(batch)
    }
}

/// The arithmetic of a product: what the operands are, and what sums them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32-bit floats throughout.
    F32,
    /// 16-bit floats throughout.
    F16,
    /// 16-bit operands, 32-bit sums and results.
    F16AccF32,
    /// 8-bit signed operands, 32-bit sums and results.
    I8AccI32,
    /// 64-bit floats throughout.
    F64,
}

impl Precision {
    /// Every precision, in the order they are listed.
    pub const ALL: [Precision; 5] =
        [Precision::F32, Precision::F16, Precision::F16AccF32, Precision::I8AccI32, Precision::F64];

    /// The name as it is typed, printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::F16AccF32 => "f16_acc_f32",
            Precision::I8AccI32 => "i8_acc_i32",
            Precision::F64 => "f64",
        }
    }

    /// Bytes of one operand.
    pub fn operand_bytes(self) -> u32 {
        match self {
            Precision::F32 => 4,
            Precision::F16 | Precision::F16AccF32 => 2,
            Precision::I8AccI32 => 1,
            Precision::F64 => 8,
        }
    }

    /// Bytes of one element of C.
    pub fn result_bytes(self) -> u32 {
        match self {
            Precision::F16 => 2,
            Precision::F32 | Precision::F16AccF32 | Precision::I8AccI32 => 4,
            Precision::F64 => 8,
        }
    }

    /// Unit roundoff of the sums: half the distance from 1 to the next number.
    pub fn sum_roundoff(self) -> f64 {
        match self {
            Precision::F16 => 2f64.powi(-11),
            Precision::F32 | Precision::F16AccF32 => 2f64.powi(-24),
            Precision::I8AccI32 => 0.0,
            Precision::F64 => 2f64.powi(-53),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Precision::ALL.into_iter().find(|p| p.as_str() == text).ok_or_else(|| {
            let all: Vec<_> = Precision::ALL.iter().map(|p| p.as_str()).collect();
            Error::usage(format!("unknown precision `{text}`")).hint(format!("one of {}", all.join(", ")))
        })
    }
}

/// What the operands hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Standard normal: high entropy, what a network's tensors look like. The default.
    Normal,
    /// Uniform in [-1, 1).
    Uniform,
    /// All zero: draws less power and flatters; only ever for comparison.
    Zeros,
    /// One constant per operand: compresses in memory; only ever for comparison.
    Constant,
}

impl DataClass {
    /// Every class.
    pub const ALL: [DataClass; 4] = [DataClass::Normal, DataClass::Uniform, DataClass::Zeros, DataClass::Constant];

    /// The name as typed, printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            DataClass::Normal => "normal",
            DataClass::Uniform => "uniform",
            DataClass::Zeros => "zeros",
            DataClass::Constant => "constant",
        }
    }

    /// How a name says so: `@zeros`; nothing for normal data, which is the default.
    pub fn mark(self) -> String {
        if self == DataClass::Normal { String::new() } else { format!("@{}", self.as_str()) }
    }
}

impl FromStr for DataClass {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        DataClass::ALL.into_iter().find(|d| d.as_str() == text).ok_or_else(|| {
            Error::usage(format!("unknown data class `{text}`")).hint("one of normal, uniform, zeros, constant")
        })
    }
}

/// Settings that change what the driver makes of the same WGSL, so they are part of the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// wgpu's runtime bounds checks and loop bounding.
    pub bounds_checks: bool,
    /// Workgroup memory zeroed before each workgroup.
    pub zero_fill: bool,
}

impl Settings {
    /// How a name says so, as `flopcast ab` takes it: `+bounds_checks+zero_fill`; nothing for what is off, which is the
    /// default.
    pub fn marks(self) -> &'static str {
        match (self.bounds_checks, self.zero_fill) {
            (false, false) => "",
            (true, false) => "+bounds_checks",
            (false, true) => "+zero_fill",
            (true, true) => "+bounds_checks+zero_fill",
        }
    }
}

impl Default for Settings {
    /// Both off: what a tuned program ships; the kernels are proved in bounds.
    fn default() -> Self {
        Settings { bounds_checks: false, zero_fill: false }
    }
}

/// One thing to measure. Everything in it is part of the comparison key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Kernel family, named by its mechanism.
    pub kernel: String,
    /// Tiling within the family, as [`crate::kernel`] prints it; empty where there is nothing to choose.
    pub tiling: String,
    /// Arithmetic.
    pub precision: Precision,
    /// Shape.
    pub shape: Shape,
    /// Settings of the shader module and pipeline.
    pub settings: Settings,
    /// What the operands hold.
    pub data: DataClass,
    /// Seed of the operands.
    pub seed: u64,
    /// SHA-256 of the composed WGSL, hex.
    pub wgsl_sha256: String,
}

impl Case {
    /// A name that is unique within a run and stable between runs: `register_tiled/f32/512x512x512`, with settings and
    /// data where they are not the default: `naive[16x16]+zero_fill@zeros/f32/64x64x64`.
    pub fn id(&self) -> String {
        let tiling = if self.tiling.is_empty() { String::new() } else { format!("[{}]", self.tiling) };
        let marks = format!("{}{}", self.settings.marks(), self.data.mark());
        format!("{}{tiling}{marks}/{}/{}", self.kernel, self.precision, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_is_read_as_m_n_k() {
        let shape: Shape = "1000x37x1300".parse().unwrap();
        assert_eq!((shape.m, shape.n, shape.k), (1000, 37, 1300));
        assert_eq!(shape.flop(), 2.0 * 1000.0 * 37.0 * 1300.0);
        assert_eq!(shape.to_string(), "1000x37x1300");
    }

    #[test]
    fn a_batch_multiplies_the_work_and_one_leaves_records_as_they_were() {
        let shape: Shape = "64x32x128@12".parse().unwrap();
        assert_eq!(shape.to_string(), "64x32x128@12");
        let single = Shape { batch: 1, ..shape };
        assert_eq!(shape.flop(), 12.0 * single.flop());
        assert_eq!(shape.elements(), single.elements().map(|e| 12 * e));
        assert_eq!(serde_json::to_string(&single).unwrap(), r#"{"m":64,"n":32,"k":128}"#);
        for shape in [shape, single] {
            assert_eq!(serde_json::from_str::<Shape>(&serde_json::to_string(&shape).unwrap()).unwrap(), shape);
        }
    }

    #[test]
    fn a_shape_that_is_none_is_refused_with_the_reason() {
        for (text, part) in [
            ("8x8x8@0", "a batch of 0"),
            ("8x8x8@70000", "a batch of 70000"),
            ("8x8x8@x", "no batch"),
            ("0x1x1", "m is 0"),
            ("1x1000000000x1", "n is 1000000000"),
            ("1x1x99999999999999", "k is"),
            ("99999999999x1x1", "shape 99999999999x1x1: m is 99999999999"),
            ("1x4294967296x1@2", "shape 1x4294967296x1: n is 4294967296"),
            ("1x1x99999999999999999999999999", "k is 99999999999999999999999999"),
            ("8x8x8@4294967296", "shape 8x8x8: a batch of 4294967296"),
            ("8x8x8@99999999999999999999999999", "a batch of 99999999999999999999999999"),
            ("8x8x8@-1", "`-1` is no batch"),
            ("512", "1 extents"),
            ("ax1x1", "no whole number"),
            ("-1x1x1", "no whole number"),
            ("", "extents"),
        ] {
            let error = text.parse::<Shape>().unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
