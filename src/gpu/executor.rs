//! The real device behind the measuring.

use super::adapter::Selection;
use super::device::Device;
use crate::error::Result;
use crate::kernel::{Kernel, Matrix, Operands, Settings, Shape, padded};
use crate::measure::record::{AdapterIdentity, METHOD, Missing, Tool};
use crate::measure::{Executor, Lap, Step};
use bytemuck::{Pod, Zeroable};
use std::time::Instant;

/// A quiet NaN with a payload of its own: no product of finite operands, and told apart in a dump.
const POISON: u32 = 0x7fc0_dead;

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

/// Measures on a wgpu device.
pub struct GpuExecutor {
    gpu: Device,
    identity: AdapterIdentity,
    timestamps: Option<Timestamps>,
    opened: Instant,
    host_tick_ns: f64,
    job: Option<Job>,
}

/// Two timestamps and the way back to the host.
struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
    tick_ns: f64,
}

/// One prepared case.
struct Job {
    shape: Shape,
    block: [u32; 2],
    pipeline: wgpu::ComputePipeline,
    a: wgpu::Buffer,
    b: wgpu::Buffer,
    c: wgpu::Buffer,
    poison: wgpu::Buffer,
    readable: wgpu::Buffer,
    parts: Parts,
}

/// How one product is dispatched: each part with its own origin.
struct Parts {
    bind_group: wgpu::BindGroup,
    grids: Vec<[u32; 2]>,
    stride: u32,
}

impl GpuExecutor {
    /// Opens an adapter.
    pub fn open(selection: &Selection) -> Result<GpuExecutor> {
        let gpu = Device::open(selection)?;
        let timestamps = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(|| Timestamps::new(&gpu));
        Ok(GpuExecutor {
            gpu,
            identity: selection.report.identity.clone(),
            timestamps,
            opened: Instant::now(),
            host_tick_ns: host_tick_ns(),
            job: None,
        })
    }

    fn job(&self) -> Step<&Job> {
        self.job.as_ref().ok_or_else(|| Missing::Failed { error: "nothing is prepared".into() })
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&Default::default())
    }
}

impl Timestamps {
    fn new(gpu: &Device) -> Timestamps {
        let buffer = |usage| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: 16,
                usage,
                mapped_at_creation: false,
            })
        };
        Timestamps {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            readable: buffer(wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ),
            tick_ns: f64::from(gpu.queue.get_timestamp_period()),
        }
    }
}

impl Executor for GpuExecutor {
    fn adapter(&self) -> &AdapterIdentity {
        &self.identity
    }

    fn tool(&self) -> Tool {
        Tool {
            version: env!("CARGO_PKG_VERSION").into(),
            method: METHOD,
            wgpu: WGPU_VERSION.into(),
            naga: NAGA_VERSION.into(),
        }
    }

    fn tick_ns(&self) -> Option<f64> {
        self.timestamps.as_ref().map(|t| t.tick_ns)
    }

    fn host_tick_ns(&self) -> f64 {
        self.host_tick_ns
    }

    fn now_ns(&self) -> u64 {
        self.opened.elapsed().as_nanos() as u64
    }

    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()> {
        self.job = None;
        let limits = self.gpu.device.limits();
        fits(&limits, kernel, shape)?;
        let pipeline = pipeline(&self.gpu, kernel, settings)?;
        let sizes = buffer_sizes(shape);
        use wgpu::BufferUsages as U;
        let buffer = |label, size, usage| {
            let buffer = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            });
            self.gpu.check(label).map(|()| buffer)
        };
        let a = buffer("a", sizes[0], U::STORAGE | U::COPY_DST)?;
        let b = buffer("b", sizes[1], U::STORAGE | U::COPY_DST)?;
        let c = buffer("c", sizes[2], U::STORAGE | U::COPY_DST | U::COPY_SRC)?;
        let poison = buffer("poison", sizes[2], U::COPY_DST | U::COPY_SRC)?;
        let readable = buffer("read-back", sizes[2], U::COPY_DST | U::MAP_READ)?;
        let pattern = vec![POISON; sizes[2] as usize / 4];
        self.gpu.queue.write_buffer(&poison, 0, bytemuck::cast_slice(&pattern));
        let block = [kernel.tiling.block_m, kernel.tiling.block_n];
        let parts = split(&self.gpu, &pipeline, shape, block, 1, [&a, &b, &c])?;
        self.gpu.check("prepare")?;
        self.job = Some(Job { shape, block, pipeline, a, b, c, poison, readable, parts });
        Ok(())
    }

    fn load(&mut self, operands: &Operands) -> Step<()> {
        let job = self.job()?;
        self.gpu.queue.write_buffer(&job.a, 0, bytemuck::cast_slice(&operands.a.values));
        self.gpu.queue.write_buffer(&job.b, 0, bytemuck::cast_slice(&operands.b.values));
        self.gpu.run(self.encoder().finish(), "upload")
    }

    fn split(&mut self, parts: u32) -> Step<u32> {
        let job = self.job()?;
        let parts = split(&self.gpu, &job.pipeline, job.shape, job.block, parts, [&job.a, &job.b, &job.c])?;
        let count = parts.grids.len() as u32;
        if let Some(job) = &mut self.job {
            job.parts = parts;
        }
        Ok(count)
    }

    fn poison(&mut self) -> Step<()> {
        let job = self.job()?;
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&job.poison, 0, &job.c, 0, job.c.size());
        self.gpu.run(encoder.finish(), "poison")
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        let job = self.job()?;
        let mut encoder = self.encoder();
        {
            let timestamp_writes = self.timestamps.as_ref().map(|t| wgpu::ComputePassTimestampWrites {
                query_set: &t.queries,
                beginning_of_pass_write_index: Some(0),
                end_of_pass_write_index: Some(1),
            });
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
            pass.set_pipeline(&job.pipeline);
            for _ in 0..repeats {
                for (part, grid) in job.parts.grids.iter().enumerate() {
                    pass.set_bind_group(0, &job.parts.bind_group, &[part as u32 * job.parts.stride]);
                    pass.dispatch_workgroups(grid[1], grid[0], 1);
                }
            }
        }
        if let Some(t) = &self.timestamps {
            encoder.resolve_query_set(&t.queries, 0..2, &t.resolved, 0);
            encoder.copy_buffer_to_buffer(&t.resolved, 0, &t.readable, 0, 16);
        }
        let commands = encoder.finish();
        self.gpu.check("encode")?;
        let begin = Instant::now();
        self.gpu.run(commands, "submit")?;
        let host_ns = begin.elapsed().as_nanos() as u64;
        let device_ticks = match &self.timestamps {
            None => None,
            Some(t) => {
                let bytes = self.gpu.map(&t.readable, "read timestamps")?;
                let ticks: Vec<u64> = bytes
                    .chunks_exact(8)
                    .map(|eight| u64::from_le_bytes(eight.try_into().expect("chunks of eight")))
                    .collect();
                Some([ticks[0], ticks[1]])
            }
        };
        Ok(Lap { host_ns, device_ticks })
    }

    fn read(&mut self) -> Step<Matrix> {
        let job = self.job()?;
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&job.c, 0, &job.readable, 0, job.c.size());
        self.gpu.run(encoder.finish(), "read back")?;
        let bytes = self.gpu.map(&job.readable, "read back")?;
        let mut c = Matrix::zeros(job.shape.m as usize, job.shape.n as usize);
        for (value, four) in c.values.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_le_bytes(four.try_into().expect("chunks of four"));
        }
        Ok(c)
    }
}

/// Smallest step that the host clock makes, seen over a few thousand readings.
fn host_tick_ns() -> f64 {
    let mut least = u128::MAX;
    let mut last = Instant::now();
    for _ in 0..4096 {
        let now = Instant::now();
        let step = now.duration_since(last).as_nanos();
        if step > 0 {
            least = least.min(step);
        }
        last = now;
    }
    least as f64
}

/// Bytes of A, B and C with padded rows.
fn buffer_sizes(shape: Shape) -> [u64; 3] {
    let (m, n, k) = (u64::from(shape.m), padded(shape.n as usize) as u64, padded(shape.k as usize) as u64);
    [m * k * 4, u64::from(shape.k) * n * 4, m * n * 4]
}

/// Refuses what the adapter cannot hold or run, naming the number.
fn fits(limits: &wgpu::Limits, kernel: &Kernel, shape: Shape) -> Step<()> {
    let lacks = |needs: String| Err(Missing::Unsupported { needs });
    let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    for (name, size) in ["a", "b", "c"].into_iter().zip(buffer_sizes(shape)) {
        if size > binding {
            return lacks(format!("a storage binding of {size} bytes for {name}; the adapter allows {binding}"));
        }
    }
    let (invocations, most) = (kernel.tiling.workgroup(), limits.max_compute_invocations_per_workgroup);
    if invocations > most.min(limits.max_compute_workgroup_size_x) {
        return lacks(format!("{invocations} invocations per workgroup; the adapter allows {most}"));
    }
    let (bytes, most) = (kernel.workgroup_bytes(), limits.max_compute_workgroup_storage_size);
    if bytes > most {
        return lacks(format!("{bytes} bytes of workgroup memory; the adapter allows {most}"));
    }
    Ok(())
}

fn pipeline(gpu: &Device, kernel: &Kernel, settings: Settings) -> Step<wgpu::ComputePipeline> {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.family.name()),
        source: wgpu::ShaderSource::Wgsl(kernel.wgsl.as_str().into()),
    };
    let module = if settings.bounds_checks {
        gpu.device.create_shader_module(descriptor)
    } else {
        // SAFETY: the kernels clamp or test every index (shaders/shared/matmul.wgsl), and none is
        // timed before its output is proved; the buffers are as large as the strides say.
        unsafe { gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    };
    gpu.check("compile")?;
    let layout = layout(gpu);
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.family.name()),
        layout: Some(&gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        })),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: settings.zero_fill,
            ..Default::default()
        },
        cache: None,
    });
    gpu.check("compile")?;
    Ok(pipeline)
}

fn layout(gpu: &Device) -> wgpu::BindGroupLayout {
    use wgpu::BufferBindingType::{Storage, Uniform};
    let kinds = [Uniform, Storage { read_only: true }, Storage { read_only: true }, Storage { read_only: false }];
    let entries: Vec<_> = kinds
        .into_iter()
        .enumerate()
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: ty == Uniform, min_binding_size: None },
            count: None,
        })
        .collect();
    gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
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

fn split(
    gpu: &Device,
    pipeline: &wgpu::ComputePipeline,
    shape: Shape,
    block: [u32; 2],
    wanted: u32,
    [a, b, c]: [&wgpu::Buffer; 3],
) -> Step<Parts> {
    let limits = gpu.device.limits();
    let blocks = [shape.m.div_ceil(block[0]), shape.n.div_ceil(block[1])];
    let parts = cut(blocks, wanted, limits.max_compute_workgroups_per_dimension);
    let stride = (size_of::<Dims>() as u32).next_multiple_of(limits.min_uniform_buffer_offset_alignment);
    let mut bytes = vec![0u8; stride as usize * parts.len()];
    for (slot, (origin, _)) in bytes.chunks_exact_mut(stride as usize).zip(&parts) {
        let dims = Dims {
            m: shape.m,
            n: shape.n,
            k: shape.k,
            lda: padded(shape.k as usize) as u32,
            ldb: padded(shape.n as usize) as u32,
            ldc: padded(shape.n as usize) as u32,
            origin_m: origin[0] * block[0],
            origin_n: origin[1] * block[1],
        };
        slot[..size_of::<Dims>()].copy_from_slice(bytemuck::bytes_of(&dims));
    }
    let dims = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some("dims"),
        size: bytes.len() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    gpu.queue.write_buffer(&dims, 0, &bytes);
    let one = wgpu::BufferBinding { buffer: &dims, offset: 0, size: wgpu::BufferSize::new(size_of::<Dims>() as u64) };
    let resources =
        [wgpu::BindingResource::Buffer(one), a.as_entire_binding(), b.as_entire_binding(), c.as_entire_binding()];
    let entries: Vec<_> = resources
        .into_iter()
        .enumerate()
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding: binding as u32, resource })
        .collect();
    let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    gpu.check("bind")?;
    Ok(Parts { bind_group, grids: parts.into_iter().map(|(_, grid)| grid).collect(), stride })
}

/// Versions of the libraries that decide what a kernel becomes, from `Cargo.lock` by way of
/// `build.rs`.
const WGPU_VERSION: &str = env!("FLOPCAST_WGPU_VERSION");
const NAGA_VERSION: &str = env!("FLOPCAST_NAGA_VERSION");

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
