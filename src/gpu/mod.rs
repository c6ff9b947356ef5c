//! Real adapters through wgpu. The only user of wgpu.

mod adapter;
mod device;
mod executor;

pub use adapter::{AdapterReport, Selection, adapters, choose, none_found};
pub use executor::GpuExecutor;
