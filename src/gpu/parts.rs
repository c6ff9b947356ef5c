//! How one product is dispatched: in parts of C, each with its own origin.

use super::device::Device;
use super::feed::Operand;
use super::windows::{Layout, Window};
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

/// The dispatches of one product, or of a batch.
pub(super) struct Parts {
    /// Per window what is bound, and its dispatches.
    windows: Vec<(wgpu::BindGroup, Vec<[u32; 2]>)>,
    stride: u32,
}

impl Parts {
    /// About `wanted` parts of what the layout holds, at least one for each window; workgroups compute
    /// `block` of C each.
    pub fn new(
        gpu: &Device,
        pipeline: &wgpu::ComputePipeline,
        (k, layout): (u32, &Layout),
        block: [u32; 2],
        wanted: u32,
        ([a, b], c): (&[Operand; 2], &wgpu::Buffer),
    ) -> Step<Parts> {
        let limits = gpu.device.limits();
        let windows = layout.windows();
        let each = wanted.div_ceil(windows.len() as u32);
        let cuts: Vec<_> = windows
            .iter()
            .map(|w| {
                let blocks = [w.m.div_ceil(block[0]), w.n.div_ceil(block[1])];
                cut(blocks, each, limits.max_compute_workgroups_per_dimension)
            })
            .collect();
        let stride = (size_of::<Dims>() as u32).next_multiple_of(limits.min_uniform_buffer_offset_alignment);
        let parts = windows.iter().zip(&cuts).flat_map(|(w, parts)| parts.iter().map(move |part| (w, part)));
        let mut bytes = vec![0u8; stride as usize * cuts.iter().map(Vec::len).sum::<usize>()];
        for (slot, (window, (origin, _))) in bytes.chunks_exact_mut(stride as usize).zip(parts) {
            let &Window { m, n, ldb, .. } = window;
            let (lda, ldc) = (layout.lda, layout.ldc);
            let [origin_m, origin_n] = [origin[0] * block[0], origin[1] * block[1]];
            let dims = Dims { m, n, k, lda, ldb, ldc, origin_m, origin_n };
            slot[..size_of::<Dims>()].copy_from_slice(bytemuck::bytes_of(&dims));
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let dims = gpu.buffer("dims", bytes.len() as u64, usage)?;
        gpu.queue.write_buffer(&dims, 0, &bytes);
        let bind_group_layout = pipeline.get_bind_group_layout(0);
        let mut first = 0;
        let mut bound = Vec::with_capacity(windows.len());
        for (window, parts) in windows.iter().zip(cuts) {
            let part = |buffer, offset, size| {
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) })
            };
            let resources = [
                part(&dims, u64::from(first * stride), size_of::<Dims>() as u64),
                a.resource(window.a),
                b.resource(window.b),
                part(c, window.c.offset, window.c.size),
            ];
            let entries: Vec<_> = resources
                .into_iter()
                .zip(0..)
                .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
                .collect();
            let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &bind_group_layout,
                entries: &entries,
            });
            first += parts.len() as u32;
            bound.push((bind_group, parts.into_iter().map(|(_, grid)| grid).collect()));
        }
        gpu.check("bind")?;
        Ok(Parts { windows: bound, stride })
    }

    /// Number of parts.
    pub fn count(&self) -> u32 {
        self.windows.iter().map(|(_, grids)| grids.len() as u32).sum()
    }

    /// Dispatches one window.
    pub fn encode(&self, pass: &mut wgpu::ComputePass<'_>, window: usize) {
        let (bind_group, grids) = &self.windows[window];
        for (grid, part) in grids.iter().zip(0..) {
            pass.set_bind_group(0, bind_group, &[part * self.stride]);
            pass.dispatch_workgroups(grid[1], grid[0], 1);
        }
    }
}

/// Cuts the grid of blocks into parts none of which is more than one in `wanted` of it while blocks are whole,
/// smaller ones where a dispatch would have too many workgroups along one axis. Whole block rows stay together
/// while they can.
fn cut(blocks: [u32; 2], wanted: u32, most: u32) -> Vec<([u32; 2], [u32; 2])> {
    // A row of blocks can still be too long for one dispatch.
    let across = blocks[1].div_ceil(most).max(wanted.div_ceil(blocks[0])).min(blocks[1]);
    let columns = blocks[1] / across;
    let rows = (blocks[0] / wanted.div_ceil(across)).clamp(1, most);
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
        for (blocks, wanted, most) in [
            ([1, 1], 1, 65_535),
            ([7, 5], 3, 65_535),
            ([7, 5], 5, 65_535),
            ([10, 9], 4, 65_535),
            ([1, 12], 5, 65_535),
            ([3, 3], 100, 65_535),
            ([100, 3], 200, 65_535),
            ([10, 130], 1, 50),
            ([300, 300], 4, 64),
        ] {
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
            let all = blocks[0] * blocks[1];
            let largest = parts.iter().map(|(_, grid)| grid[0] * grid[1]).max().unwrap();
            assert!(largest * wanted <= all || largest == 1, "{blocks:?} {wanted}: {largest} of {all}");
        }
    }
}
