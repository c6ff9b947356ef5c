//! How one product is dispatched: in parts of C, each with its own origin.

use super::device::Device;
use super::feed::{Operand, Strides};
use crate::kernel::Shape;
use crate::measure::Step;
use bytemuck::{Pod, Zeroable};

/// What the kernels see at binding 0.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Dims {
    m: u32,
    n: u32,
    k: u32,
    lda: u32,
    ldb: u32,
    ldc: u32,
    origin_m: u32,
    origin_n: u32,
}

/// The dispatches of one product.
pub(super) struct Parts {
    bind_group: wgpu::BindGroup,
    grids: Vec<[u32; 2]>,
    stride: u32,
}

impl Parts {
    /// About `wanted` parts of a product whose workgroups compute `block` of C each.
    pub fn new(
        gpu: &Device,
        pipeline: &wgpu::ComputePipeline,
        (shape, strides): (Shape, Strides),
        block: [u32; 2],
        wanted: u32,
        ([a, b], c): (&[Operand; 2], &wgpu::Buffer),
    ) -> Step<Parts> {
        let limits = gpu.device.limits();
        let blocks = [shape.m.div_ceil(block[0]), shape.n.div_ceil(block[1])];
        let parts = cut(blocks, wanted, limits.max_compute_workgroups_per_dimension);
        let stride = (size_of::<Dims>() as u32).next_multiple_of(limits.min_uniform_buffer_offset_alignment);
        let mut bytes = vec![0u8; stride as usize * parts.len()];
        for (slot, (origin, _)) in bytes.chunks_exact_mut(stride as usize).zip(&parts) {
            let Shape { m, n, k } = shape;
            let Strides { lda, ldb, ldc } = strides;
            let [origin_m, origin_n] = [origin[0] * block[0], origin[1] * block[1]];
            let dims = Dims { m, n, k, lda, ldb, ldc, origin_m, origin_n };
            slot[..size_of::<Dims>()].copy_from_slice(bytemuck::bytes_of(&dims));
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let dims = gpu.buffer("dims", bytes.len() as u64, usage)?;
        gpu.queue.write_buffer(&dims, 0, &bytes);
        let one =
            wgpu::BufferBinding { buffer: &dims, offset: 0, size: wgpu::BufferSize::new(size_of::<Dims>() as u64) };
        let resources = [wgpu::BindingResource::Buffer(one), a.resource(), b.resource(), c.as_entire_binding()];
        let entries: Vec<_> = resources
            .into_iter()
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        gpu.check("bind")?;
        Ok(Parts { bind_group, grids: parts.into_iter().map(|(_, grid)| grid).collect(), stride })
    }

    /// Number of parts.
    pub fn count(&self) -> u32 {
        self.grids.len() as u32
    }

    /// Dispatches the whole product.
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>) {
        for (grid, part) in self.grids.iter().zip(0..) {
            pass.set_bind_group(0, &self.bind_group, &[part * self.stride]);
            pass.dispatch_workgroups(grid[1], grid[0], 1);
        }
    }
}

/// Cuts the grid of blocks into about `wanted` parts, more where a dispatch would have too many
/// workgroups along one axis. Whole block rows stay together while they can.
fn cut(blocks: [u32; 2], wanted: u32, most: u32) -> Vec<([u32; 2], [u32; 2])> {
    let columns = blocks[1].min(most);
    let across = blocks[1].div_ceil(columns);
    let rows = blocks[0].div_ceil(wanted.div_ceil(across).max(1)).min(most);
    let mut parts = Vec::new();
    for row in (0..blocks[0]).step_by(rows as usize) {
        for column in (0..blocks[1]).step_by(columns as usize) {
            parts.push(([row, column], [rows.min(blocks[0] - row), columns.min(blocks[1] - column)]));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_block_once() {
        for (blocks, wanted, most) in
            [([1, 1], 1, 65_535), ([7, 5], 3, 65_535), ([100, 3], 200, 65_535), ([10, 130], 1, 50), ([300, 300], 4, 64)]
        {
            let mut seen = vec![0; (blocks[0] * blocks[1]) as usize];
            let parts = cut(blocks, wanted, most);
            for (origin, grid) in &parts {
                assert!(grid[0] <= most && grid[1] <= most && grid[0] > 0 && grid[1] > 0);
                for row in origin[0]..origin[0] + grid[0] {
                    for column in origin[1]..origin[1] + grid[1] {
                        seen[(row * blocks[1] + column) as usize] += 1;
                    }
                }
            }
            assert!(seen.iter().all(|&count| count == 1), "{blocks:?} {wanted} {most}");
            assert!(parts.len() as u32 >= wanted.min(blocks[0]), "{blocks:?} {wanted}: {}", parts.len());
        }
    }
}
