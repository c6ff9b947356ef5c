//! Probes: what an adapter does at best, apart from any product. Arithmetic, memory, launches, transfers.
//!
//! [`kind`] says what each does and how much, [`twin`] what it must have left behind, [`engine`] proves and
//! times one by the same code as a product, [`record`] is its line in a file, [`levels`] finds caches in a
//! curve, `lengths` says how long a dispatch is, [`suite`] runs them all. WGSL is in `shaders/probe/`.

mod allotment;
pub mod engine;
pub mod kind;
mod lengths;
pub mod levels;
pub mod record;
#[cfg(test)]
pub(crate) mod scripted;
pub mod suite;
pub mod twin;
pub mod wire;

pub use engine::{Prober, measure};
pub use kind::{Kind, Probe};
pub use record::{ProbeRecord, Rate};
