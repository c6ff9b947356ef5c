//! What is asked of an adapter beyond the core of WebGPU.

use wgpu::Features;

/// Features that some kernel or clock uses, taken where the adapter has them.
pub(super) fn wanted() -> Features {
    Features::TIMESTAMP_QUERY
        | Features::SHADER_F16
        | Features::SHADER_F64
        | Features::SUBGROUP
        | Features::SUBGROUP_BARRIER
        | Features::EXPERIMENTAL_COOPERATIVE_MATRIX
}
