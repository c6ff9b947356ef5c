//! Elements as they lie in a device's memory: rounding to a precision's operands, bytes and back.

use super::Precision;
use half::f16;

/// Whole numbers to the unit in bytes: four standard deviations of normal data fit.
const BYTE_SCALE: f64 = 32.0;

impl Precision {
    /// The operand nearest to a value. Bytes hold 32nds, up to ±127 of them, as whole numbers.
    pub fn operand(self, value: f64) -> f64 {
        match self {
            Precision::F32 => f64::from(value as f32),
            Precision::F16 | Precision::F16AccF32 => f64::from(f16::from_f64(value)),
            Precision::I8AccI32 => (value * BYTE_SCALE).round().clamp(-127.0, 127.0),
            Precision::F64 => value,
        }
    }

    /// Operands, each exact in the precision, as little-endian bytes.
    pub fn encode(self, values: &[f64]) -> Vec<u8> {
        match self {
            Precision::F32 => values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect(),
            Precision::F16 | Precision::F16AccF32 => {
                values.iter().flat_map(|&v| f16::from_f64(v).to_le_bytes()).collect()
            }
            Precision::I8AccI32 => values.iter().map(|&v| (v as i8).to_le_bytes()[0]).collect(),
            Precision::F64 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// Elements of C out of little-endian bytes; what is left over is ignored.
    pub fn decode(self, bytes: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks().0.iter().map(|&chunk| value(chunk)).collect()
        }
        match self {
            Precision::F32 | Precision::F16AccF32 => each(bytes, |b| f64::from(f32::from_le_bytes(b))),
            Precision::F16 => each(bytes, |b| f64::from(f16::from_le_bytes(b))),
            Precision::I8AccI32 => each(bytes, |b| f64::from(i32::from_le_bytes(b))),
            Precision::F64 => each(bytes, f64::from_le_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_survive_the_way_to_bytes_at_their_own_width() {
        for precision in Precision::ALL {
            let values: Vec<f64> = [0.0, 1.0, -0.5, 0.1, 3.999].map(|v| precision.operand(v)).into();
            let bytes = precision.encode(&values);
            assert_eq!(bytes.len(), values.len() * precision.operand_bytes() as usize, "{precision}");
            assert!(values.iter().all(|&v| precision.operand(v / scale(precision)) == v), "{precision}");
        }
    }

    fn scale(precision: Precision) -> f64 {
        if precision == Precision::I8AccI32 { BYTE_SCALE } else { 1.0 }
    }

    #[test]
    fn results_are_read_at_their_own_width() {
        assert_eq!(Precision::F16.decode(&f16::from_f64(-1.5).to_le_bytes()), [-1.5]);
        assert_eq!(Precision::I8AccI32.decode(&(-70_000i32).to_le_bytes()), [-70_000.0]);
        assert_eq!(Precision::F16AccF32.decode(&0.25f32.to_le_bytes()), [0.25]);
        assert_eq!(Precision::F64.decode(&0.1f64.to_le_bytes()), [0.1]);
    }

    #[test]
    fn bytes_saturate_and_halves_round() {
        assert_eq!(Precision::I8AccI32.operand(9.0), 127.0);
        assert_eq!(Precision::I8AccI32.operand(-9.0), -127.0);
        assert_eq!(Precision::F16.operand(1.0 + 2f64.powi(-12)), 1.0);
    }
}
