//! How the time of a matrix product depends on its extents, on an accelerator that others measured.

use super::Format;
use crate::sourced::{Stamp, Value};
use crate::units::{Ratio, Time};
use serde::{Deserialize, Serialize};

/// A form fitted to products that others measured, and by how much they differ from it:
/// t = (((flop·waves/rate)³ + (bytes/bandwidth)³)^⅓ + overhead + quantising) · e^residual, see
/// `scripts/derive_surfaces.py`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// Name of the accelerator.
    pub accelerator: String,
    /// Number format of the operands.
    pub format: Format,
    /// Compute units that tiles of 128×256 are dealt to.
    pub units: u32,
    /// Rate of large products over the peak.
    pub rate: Value<Ratio>,
    /// Bandwidth of thin products over that of the memory.
    pub bandwidth: Value<Ratio>,
    /// Time beyond both.
    pub overhead: Value<Time>,
    /// How much of an unfilled last wave is lost: 0 nothing, 1 all.
    pub waves: Value<Ratio>,
    /// Bandwidth over that of the memory at which rows of A are read in 16 bits and written in the format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantising: Option<Value<Ratio>>,
    /// Root mean square of ln(measured/predicted), each product left out in turn.
    pub error: Value<Ratio>,
    /// ln(measured/form) at the nodes of its grid.
    pub residual: Residual,
    /// Source of what has none of its own.
    pub provenance: Stamp,
}

/// The nodes' extents, m, n and k: how many, the first one, and each a factor of [`STEP`] beyond the one before.
const GRID: [(usize, f64); 3] = [(4, 256.0), (3, 1024.0), (3, 1024.0)];
const STEP: f64 = 4.0;

/// ln(measured/form) at 256 to 16,384 rows, a line each, by columns and inner extents of 1,024, 4,096 and 16,384.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Residual([[f32; GRID[1].0 * GRID[2].0]; GRID[0].0]);

impl Residual {
    /// ln(measured/form) of a product, linear in the logarithms between nodes; beyond the outermost ones it
    /// fades to zero within one step, so that the form alone holds where nothing near was measured.
    pub fn at(&self, m: f64, n: f64, k: f64) -> f64 {
        let [(i, a), (j, b), (l, c)] =
            [Place::new(m, 0), Place::new(n, 1), Place::new(k, 2)].map(|p| (p.node, p.shares));
        let mut sum = 0.0;
        for (row, a) in self.0[i..=i + 1].iter().zip(a) {
            for (column, b) in b.iter().enumerate() {
                for (inner, c) in c.iter().enumerate() {
                    sum += a * b * c * f64::from(row[(j + column) * GRID[2].0 + l + inner]);
                }
            }
        }
        sum
    }
}

/// The two nodes around an extent on its axis, and how much of each it takes.
struct Place {
    node: usize,
    shares: [f64; 2],
}

impl Place {
    fn new(extent: f64, axis: usize) -> Self {
        let (nodes, first) = GRID[axis];
        let last = (nodes - 1) as f64;
        let steps = (extent / first).ln() / STEP.ln();
        let edge = steps.clamp(0.0, last);
        // NaN and what is no extent have no neighbours.
        let fade = (1.0 - (steps - edge).abs()).max(0.0);
        let node = (edge as usize).min(nodes - 2);
        let share = edge - node as f64;
        if fade > 0.0 {
            Place { node, shares: [fade * (1.0 - share), fade * share] }
        } else {
            Place { node: 0, shares: [0.0; 2] }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residual() -> Residual {
        let mut all = Residual::default();
        for (i, line) in all.0.iter_mut().enumerate() {
            for (j, x) in line.iter_mut().enumerate() {
                *x = (10 * i + j) as f32;
            }
        }
        all
    }

    #[test]
    fn a_residual_is_that_of_its_nodes_and_linear_in_the_logarithms_between_them() {
        let r = residual();
        for (m, n, k, want) in [
            (256.0, 1024.0, 1024.0, 0.0),
            (16_384.0, 16_384.0, 16_384.0, 38.0),
            (1024.0, 1024.0, 4096.0, 11.0),
            (4096.0, 4096.0, 1024.0, 23.0),
            // Halfway between two nodes along each axis.
            (512.0, 1024.0, 1024.0, 5.0),
            (256.0, 2048.0, 1024.0, 1.5),
            (256.0, 1024.0, 8192.0, 1.5),
            (512.0, 2048.0, 2048.0, 7.0),
        ] {
            let got = r.at(m, n, k);
            assert!((got - want).abs() < 1e-9, "{m} {n} {k}: {got} for {want}");
        }
    }

    #[test]
    fn beyond_what_was_measured_the_form_alone_holds() {
        let r = residual();
        let edge = r.at(16_384.0, 16_384.0, 16_384.0);
        assert!((r.at(32_768.0, 16_384.0, 16_384.0) / edge - 0.5).abs() < 1e-9);
        for (m, n, k) in [(65_536.0, 4096.0, 4096.0), (1024.0, 256.0, 4096.0), (1024.0, 4096.0, 1e9)] {
            assert_eq!(r.at(m, n, k), 0.0, "{m} {n} {k}");
        }
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(r.at(none, 4096.0, 4096.0), 0.0, "{none}");
        }
    }
}
