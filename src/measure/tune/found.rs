//! What a search found, as programs read it.

use super::best_shape::BestShape;
use super::cache::Choice;
use super::{Best, Dropped, Tuning};
use crate::measure::record::AdapterIdentity;
use crate::measure::row::Row;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Schema id of [`Kernel`].
pub const SCHEMA: &str = "flopcast.tuning/1";
/// Schema id of [`Shape`].
pub const SHAPE_SCHEMA: &str = "flopcast.best-shape/1";

/// What `flopcast tune --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Kernel {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// What it was searched for on.
    pub adapter: AdapterIdentity,
    /// The winner, with its rate in the search.
    pub winner: Choice,
    /// The winner measured again.
    pub measured: Row,
    /// Search rate over measured rate, minus 1; absent where the second measurement has no figure.
    pub regret: Option<f64>,
    /// The best tiling of each family that ran, quickest first.
    pub families: Vec<Choice>,
    /// Candidates that were proved and timed.
    pub tried: usize,
    /// Candidates for which there was no time.
    pub untried: usize,
    /// Candidates that fell out, and why.
    pub dropped: Vec<Dropped>,
    /// Seconds, all in all.
    pub spent_s: f64,
}

impl From<&Tuning> for Kernel {
    fn from(tuning: &Tuning) -> Kernel {
        let winner = Best { candidate: tuning.winner.clone(), gflop_per_s: tuning.search_gflop_per_s };
        let mut families: Vec<Choice> = tuning.families.iter().map(Choice::from).collect();
        families.sort_by(|a, b| b.search_gflop_per_s.total_cmp(&a.search_gflop_per_s));
        Kernel {
            schema: SCHEMA.into(),
            adapter: tuning.record.adapter.clone(),
            winner: Choice::from(&winner),
            measured: Row::from(&tuning.record),
            regret: tuning.regret,
            families,
            tried: tuning.tried,
            untried: tuning.untried,
            dropped: tuning.dropped.clone(),
            spent_s: tuning.spent_s,
        }
    }
}

/// What `flopcast tune --best-shape --format json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Shape {
    /// Always [`SHAPE_SCHEMA`].
    pub schema: Cow<'static, str>,
    /// What it was searched for on.
    pub adapter: AdapterIdentity,
    /// The best one measured again.
    pub measured: Row,
    /// Its rate in the search, 1e9 flop/s.
    pub search_gflop_per_s: f64,
    /// Search rate over measured rate, minus 1.
    pub regret: Option<f64>,
    /// Every shape that was tried.
    pub tried: Vec<Tried>,
    /// What they come to together.
    pub over_all: Overall,
    /// Seconds, all in all.
    pub spent_s: f64,
}

/// One shape of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tried {
    /// m×n×k.
    pub shape: String,
    /// Its rate in the search, 1e9 flop/s.
    pub search_gflop_per_s: f64,
}

/// What the shapes of a search come to together, by their rates in it, 1e9 flop/s: the best one alone says
/// nothing of what others can expect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Overall {
    /// How many.
    pub shapes: usize,
    /// Median of their rates.
    pub median_gflop_per_s: f64,
    /// Geometric mean of their rates.
    pub geometric_mean_gflop_per_s: f64,
}

fn overall(found: &BestShape) -> Overall {
    let rates: Vec<f64> = found.tried.iter().map(|(_, rate)| *rate).collect();
    let logarithms: f64 = rates.iter().map(|rate| rate.ln()).sum();
    Overall {
        shapes: rates.len(),
        median_gflop_per_s: crate::stats::median::median(&rates).unwrap_or(f64::NAN),
        geometric_mean_gflop_per_s: (logarithms / rates.len() as f64).exp(),
    }
}

impl From<&BestShape> for Shape {
    fn from(found: &BestShape) -> Shape {
        let tried =
            |&(shape, rate): &(crate::kernel::Shape, f64)| Tried { shape: shape.to_string(), search_gflop_per_s: rate };
        Shape {
            schema: SHAPE_SCHEMA.into(),
            adapter: found.record.adapter.clone(),
            measured: Row::from(&found.record),
            search_gflop_per_s: found.search_gflop_per_s,
            regret: found.regret,
            tried: found.tried.iter().map(tried).collect(),
            over_all: overall(found),
            spent_s: found.spent_s,
        }
    }
}
