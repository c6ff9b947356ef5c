//! Training jobs: what a transformer computes, holds and moves under a layout. Knows no hardware.

mod layout;
pub(crate) mod layout_text;
pub mod memory;
mod transformer;
mod work;

pub use layout::{BATCH_ROUNDING, ContextExchange, Layout, Offload, Recompute, Schedule};
pub use transformer::{Experts, Latent, Run, Stack, Transformer};
pub use work::{Gemm, MAX_GEMMS, Pass, Work};

#[cfg(test)]
pub(crate) use layout::tests::LAYOUT;
