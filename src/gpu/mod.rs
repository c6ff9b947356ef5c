//! Real adapters through wgpu. The only user of wgpu.

mod adapter;
mod clock;
mod device;
mod executor;
mod features;
mod feed;
mod parts;
mod pipeline;
mod probe;
mod windows;

pub use adapter::{AdapterReport, Selection, adapters, choose, none_found};
pub use executor::GpuExecutor;
pub use probe::GpuProber;
