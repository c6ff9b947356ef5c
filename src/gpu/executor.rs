//! The real device behind the measuring.

mod instrument;
mod witness;

use super::adapter::{AdapterReport, Selection};
use super::clock::{self, Timestamps};
use super::device::Device;
use super::feed::Operand;
use super::parts::Parts;
use super::pipeline::{self, Pipelines};
use super::windows::{Layout, Window};
use crate::error::Result;
use crate::kernel::{Class, Feed, Fragments, Kernel, Matrix, Operands, Precision, Settings, Shape};
use crate::measure::effort::WATCHDOG_S;
use crate::measure::energy::{Card, Meter};
use crate::measure::record::{AdapterIdentity, Tool};
use crate::measure::witness::{Watch, Watched};
use crate::measure::workers::{Threads, own_threads};
use crate::measure::{Executor, Lap, Slots, Step, Timed};
use std::path::Path;
use std::time::Instant;

/// A quiet NaN in halves, floats and doubles alike, and as a whole number beyond any sum of bytes: no
/// product of finite operands, and no sum or copy of the probes' data comes to it all over.
pub(super) const POISON: u32 = 0x7ffd_7ffd;

/// Measures on a wgpu device.
pub struct GpuExecutor {
    gpu: Device,
    report: AdapterReport,
    timestamps: Option<Timestamps>,
    opened: Instant,
    host_tick_ns: f64,
    dispatch_s: f64,
    jobs: Slots<Job>,
    pipelines: Pipelines,
    meter: Meter,
}

/// One prepared case.
struct Job {
    shape: Shape,
    layout: Layout,
    windows: Vec<Window>,
    feed: Feed,
    precision: Precision,
    block: [u32; 2],
    pipeline: wgpu::ComputePipeline,
    operands: [Operand; 2],
    c: wgpu::Buffer,
    poison: wgpu::Buffer,
    /// The product of other operands, once one was kept.
    decoy: Option<wgpu::Buffer>,
    readable: wgpu::Buffer,
    parts: Parts,
}

impl GpuExecutor {
    /// Opens an adapter.
    pub fn open(selection: &Selection) -> Result<GpuExecutor> {
        let gpu = Device::open(selection)?;
        let timestamps = Timestamps::of(&gpu);
        let identity = &selection.report.identity;
        let bus = selection.adapter.get_info().device_pci_bus_id;
        let card = Card { vendor: identity.vendor, device: identity.device, bus };
        let meter = Meter::find(Path::new("/sys"), &identity.device_type, &card);
        Ok(GpuExecutor {
            gpu,
            report: selection.report.clone(),
            timestamps,
            opened: Instant::now(),
            host_tick_ns: clock::host_tick_ns(),
            dispatch_s: WATCHDOG_S,
            jobs: Slots::default(),
            pipelines: Pipelines::default(),
            meter,
        })
    }

    /// A second device of an adapter that is open already, to compile and prove on while the first one works; `None` where
    /// it does not open. Nor on GL: there all devices of an adapter take turns in one context, and wgpu-hal 30 panics where
    /// one waits for it for 6 s (1 s on Windows), which another's compiler can take.
    pub fn beside(selection: &Selection) -> Option<GpuExecutor> {
        let alone = selection.report.identity.backend == "gl";
        (!alone).then(|| GpuExecutor::open(selection)).and_then(Result::ok)
    }

    /// Makes no single dispatch longer than this from now on, seconds.
    pub fn limit_dispatches(&mut self, seconds: f64) {
        self.dispatch_s = seconds;
    }

    fn job(&self) -> Step<&Job> {
        self.jobs.get()
    }

    /// A pass that takes the first timestamp, the last one, both or none.
    fn pass<'e>(&self, encoder: &'e mut wgpu::CommandEncoder, first: bool, last: bool) -> wgpu::ComputePass<'e> {
        let timestamp_writes = self.timestamps.as_ref().and_then(|t| t.writes(first, last));
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
    }

    /// The whole work so many times, between two timestamps if it is timed.
    fn encode(&self, encoder: &mut wgpu::CommandEncoder, job: &Job, repeats: u32, timed: bool) {
        match job.feed {
            Feed::Buffers => {
                let mut pass = self.pass(encoder, timed, timed);
                pass.set_pipeline(&job.pipeline);
                for _ in 0..repeats {
                    (0..job.windows.len()).for_each(|window| job.parts.encode(&mut pass, window));
                }
            }
            // The operands of a product lie in buffers: bringing them into textures is part of it, so
            // each repetition copies again. An empty pass in front takes the first timestamp.
            Feed::Textures => {
                drop(self.pass(encoder, timed, false));
                let last = job.windows.len() - 1;
                for repeat in 1..=repeats {
                    let mut there = [None; 2];
                    for (at, window) in job.windows.iter().enumerate() {
                        let Layout { lda, fold, .. } = job.layout;
                        let spans = [(window.a, lda, lda), (window.b, window.ldb, fold)];
                        for ((operand, (span, stride, fold)), there) in job.operands.iter().zip(spans).zip(&mut there) {
                            // Neighbouring windows share an operand.
                            if there.replace(span) != Some(span) {
                                operand.encode_copy(encoder, span, stride, fold);
                            }
                        }
                        let mut pass = self.pass(encoder, false, timed && repeat == repeats && at == last);
                        pass.set_pipeline(&job.pipeline);
                        job.parts.encode(&mut pass, at);
                    }
                }
            }
        }
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&Default::default())
    }
}

impl Timed for GpuExecutor {
    fn tick_ns(&self) -> Option<f64> {
        self.timestamps.as_ref().map(|t| t.tick_ns)
    }

    fn host_tick_ns(&self) -> f64 {
        self.host_tick_ns
    }

    fn now_ns(&self) -> u64 {
        self.opened.elapsed().as_nanos() as u64
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
        self.encode(&mut encoder, job, repeats, true);
        if let Some(t) = &self.timestamps {
            t.resolve(&mut encoder);
        }
        let commands = encoder.finish();
        self.gpu.check("encode")?;
        let begin = Instant::now();
        self.gpu.run(commands, "submit")?;
        let host_ns = begin.elapsed().as_nanos() as u64;
        let device_ticks = self.timestamps.as_ref().map(|t| t.read(&self.gpu)).transpose()?;
        Ok(Lap { host_ns, device_ticks })
    }

    fn threads(&self) -> Option<Threads> {
        self.report.identity.software.then(own_threads).flatten()
    }
}

/// Whether code that is compiled for this CPU has 32 vector registers of 256 bits.
fn many_registers() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Executor for GpuExecutor {
    fn adapter(&self) -> &AdapterIdentity {
        &self.report.identity
    }

    fn class(&self) -> Class {
        let [least, most] = self.report.subgroup_size;
        let has = self.report.features.iter().any(|f| f == "SUBGROUP");
        let software = self.report.identity.software;
        let subgroup = (has && least == most).then_some(least);
        Class {
            software,
            subgroup,
            dear_broadcasts: subgroup == Some(4) && self.report.identity.is_llvmpipe(),
            many_registers: software && many_registers(),
            fragments: Fragments::reported(&self.report.cooperative_matrix),
        }
    }

    fn dispatch_s(&self) -> f64 {
        self.dispatch_s
    }

    fn tool(&self) -> Tool {
        clock::tool()
    }

    fn meter(&self) -> Option<&Meter> {
        Some(&self.meter)
    }

    fn select(&mut self, slot: usize) {
        self.jobs.select(slot);
    }

    fn holds(&self) -> bool {
        self.jobs.get().is_ok()
    }

    fn vacate(&mut self) {
        self.jobs.clear();
    }

    fn prepare(&mut self, kernel: &Kernel, shape: Shape, settings: Settings) -> Step<()> {
        // Freed before anything new is allocated: two large cases need not fit at once.
        self.jobs.clear();
        let limits = self.gpu.device.limits();
        pipeline::fits(&self.report, &limits, kernel)?;
        let layout = Layout::new(&limits, kernel, shape)?;
        let pipeline = self.pipelines.get(&self.gpu, kernel, settings)?;
        let operands = Operand::pair(&self.gpu, kernel, &layout)?;
        let size = layout.bytes()[2];
        use wgpu::BufferUsages as U;
        let c = self.gpu.buffer("c", size, U::STORAGE | U::COPY_DST | U::COPY_SRC)?;
        let poison = self.gpu.buffer("poison", size, U::COPY_DST | U::COPY_SRC)?;
        let readable = self.gpu.buffer("read-back", size, U::COPY_DST | U::MAP_READ)?;
        let pattern = vec![POISON; size.div_ceil(4) as usize];
        self.gpu.queue.write_buffer(&poison, 0, bytemuck::cast_slice(&pattern));
        let block = [kernel.tiling.block_m, kernel.tiling.block_n];
        let parts = Parts::new(&self.gpu, &pipeline, (shape.k, &layout), block, 1, (&operands, &c))?;
        self.gpu.check("prepare")?;
        let (feed, precision) = (kernel.feed(), kernel.precision);
        let windows = layout.windows();
        self.jobs.fill(Job {
            shape,
            layout,
            windows,
            feed,
            precision,
            block,
            pipeline,
            operands,
            c,
            poison,
            decoy: None,
            readable,
            parts,
        });
        Ok(())
    }

    fn load(&mut self, operands: &Operands) -> Step<()> {
        let job = self.job()?;
        let (rows_a, rows_b) = (job.shape.m as usize, job.shape.k as usize);
        for item in 0..job.shape.batch {
            let rows = |each: usize| item as usize * each..(item as usize + 1) * each;
            let [offset, _] = job.layout.offsets(item);
            let lda = job.layout.lda as usize;
            job.operands[0].upload(&self.gpu, offset, &operands.a, rows(rows_a), (0, operands.a.cols), lda);
            for (offset, first, columns, ldb) in job.layout.panels_b(item) {
                let columns = (first as usize, columns as usize);
                job.operands[1].upload(&self.gpu, offset, &operands.b, rows(rows_b), columns, ldb as usize);
            }
        }
        self.gpu.run(self.encoder().finish(), "upload")
    }

    fn split(&mut self, parts: u32) -> Step<u32> {
        let job = self.job()?;
        let parts = Parts::new(
            &self.gpu,
            &job.pipeline,
            (job.shape.k, &job.layout),
            job.block,
            parts,
            (&job.operands, &job.c),
        )?;
        let count = parts.count();
        self.jobs.get_mut()?.parts = parts;
        Ok(count)
    }

    fn keep_decoy(&mut self) -> Step<()> {
        witness::keep_decoy(self)
    }

    fn witness(&mut self, plan: &[Watch], keep: usize) -> Step<Watched> {
        witness::witness(self, plan, keep)
    }

    fn read(&mut self) -> Step<Matrix> {
        let job = self.job()?;
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&job.c, 0, &job.readable, 0, job.c.size());
        self.gpu.run(encoder.finish(), "read back")?;
        self.decoded(job)
    }
}

impl GpuExecutor {
    /// C as it was copied to where it can be read.
    fn decoded(&self, job: &Job) -> Step<Matrix> {
        let bytes = self.gpu.map(&job.readable, "read back")?;
        let (m, batch) = (job.shape.m as usize, job.shape.batch);
        let mut c = Matrix::zeros(batch as usize * m, job.shape.n as usize);
        let of_item = m * c.stride;
        let width = job.precision.result_bytes() as usize;
        for (values, item) in c.values.chunks_exact_mut(of_item).zip(0..batch) {
            let [_, offset] = job.layout.offsets(item);
            // Of this item alone: a large batch would be decoded as often as it has items.
            let own = &bytes[offset as usize..];
            let got = job.precision.decode(&own[..own.len().min(of_item * width)]);
            values.iter_mut().zip(got).for_each(|(value, got)| *value = got);
        }
        Ok(c)
    }
}
