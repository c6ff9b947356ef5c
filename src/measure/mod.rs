//! From a case to a figure that cannot be fooled.
//!
//! [`suite`] says what to measure, [`engine`] proves and times one case on an [`Executor`], [`timing`] is
//! the warm-up and the rounds of anything that can be repeated,
//! [`clocks`] and [`figure`] turn the raw samples into a figure with a verdict, [`record`] is the wire
//! format, [`replay`](replay()) derives a record again, [`row`] what a user sees of a record, [`sweep`](sweep()) does a list of cases.

pub mod ab;
pub mod adapters;
pub mod against;
mod bound;
pub mod clocks;
pub mod compare;
mod cutting;
pub mod doctor;
pub mod effort;
pub mod energy;
pub mod engine;
mod executor;
pub mod figure;
pub mod host;
pub mod interleave;
pub mod kept;
pub mod log;
pub mod mutants;
mod overhead;
pub mod physics;
pub mod portability;
#[cfg(test)]
mod power_tests;
pub mod probe;
pub mod record;
mod replay;
pub mod row;
pub mod scripted;
pub mod self_test;
pub mod sentinel;
pub mod setups;
pub mod smoke;
pub mod sound;
pub mod steadiness;
pub mod stopping;
pub mod suite;
mod sweep;
pub mod timing;
pub mod tune;
pub mod wire;
pub mod witness;
pub mod workers;

pub use executor::{Executor, Lap, Slots, Step, Timed};
pub use log::Log;
pub use replay::replay;
pub use sweep::{sweep, sweep_within};
