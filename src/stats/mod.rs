//! Statistics of small, noisy, ordered samples: one file per idea, no clock, no device.
//!
//! Every function is deterministic. Input that carries no answer (empty, too short, NaN or infinite)
//! gives an [`Undefined`] that says why: never a panic, and never a zero that reads like a result.
//!
//! ```
//! use flopcast::stats::interval::median_95;
//!
//! let seconds = [1.02e-3, 1.00e-3, 0.99e-3, 1.01e-3, 1.03e-3, 1.00e-3, 0.98e-3, 1.01e-3, 1.00e-3, 1.02e-3];
//! let found = median_95(&seconds).unwrap();
//! assert!(found.lo <= found.median && found.median <= found.hi);
//! assert!(median_95(&[]).is_err());
//! ```

pub mod interval;
pub mod median;
pub mod power;
pub mod rank;
pub mod ratio;
pub mod runs;
pub mod segments;
pub mod serial;
pub mod shape;
pub mod slope;
#[cfg(test)]
pub(crate) mod synthetic;

use std::fmt;

/// Greatest common divisor: of many durations of one clock it is the clock's real step.
pub fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Why a statistic does not exist for the samples at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// There are no samples.
    Empty,
    /// There are fewer samples than the statistic needs.
    TooFew {
        /// Samples there are.
        have: usize,
        /// Samples it takes.
        need: usize,
    },
    /// A sample is NaN or infinite.
    NotFinite {
        /// Its place in the input, from 0.
        index: usize,
    },
    /// A sample is zero or negative where a logarithm or a ratio is taken.
    NotPositive {
        /// Its place in the input, from 0.
        index: usize,
    },
    /// The samples do not vary in what the statistic divides by.
    NoVariation,
}

impl fmt::Display for Undefined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undefined::Empty => f.write_str("no samples"),
            Undefined::TooFew { have, need } => write!(f, "{have} samples where {need} are needed"),
            Undefined::NotFinite { index } => write!(f, "sample {index} is not finite"),
            Undefined::NotPositive { index } => write!(f, "sample {index} is not above zero"),
            Undefined::NoVariation => f.write_str("the samples do not vary"),
        }
    }
}

impl std::error::Error for Undefined {}

/// Refuses samples that are too few or not finite. `need` of 0 counts as 1.
///
/// # Errors
/// [`Undefined::Empty`], [`Undefined::TooFew`] or [`Undefined::NotFinite`], in that order.
pub fn usable(samples: &[f64], need: usize) -> Result<(), Undefined> {
    if samples.is_empty() {
        return Err(Undefined::Empty);
    }
    if samples.len() < need {
        return Err(Undefined::TooFew { have: samples.len(), need });
    }
    match samples.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(Undefined::NotFinite { index }),
        None => Ok(()),
    }
}

/// Refuses samples whose logarithm does not exist, on top of what [`usable`] refuses.
///
/// # Errors
/// As [`usable`], then [`Undefined::NotPositive`].
pub fn positive(samples: &[f64], need: usize) -> Result<(), Undefined> {
    usable(samples, need)?;
    match samples.iter().position(|&x| x <= 0.0) {
        Some(index) => Err(Undefined::NotPositive { index }),
        None => Ok(()),
    }
}
