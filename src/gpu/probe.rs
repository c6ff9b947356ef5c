//! Probes on a wgpu device.

use super::adapter::{AdapterReport, Selection};
use super::clock::{self, Timestamps};
use super::device::Device;
use super::executor::POISON;
use super::pipeline;
use crate::error::Result;
use crate::kernel::Cooperative;
use crate::measure::probe::engine::Output;
use crate::measure::probe::{Kind, Probe, Prober};
use crate::measure::record::{AdapterIdentity, Missing, Tool};
use crate::measure::workers::{Threads, own_threads};
use crate::measure::{Lap, Step, Timed};
use bytemuck::{Pod, Zeroable};
use std::collections::HashMap;
use std::time::Instant;
use wgpu::BufferUsages as U;

/// Most of the poison that is kept, a multiple of every element's size.
const POISON_BYTES: u64 = 4 << 20;

/// What the shaders see at binding 0.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    stride: u32,
    steps: u32,
    seed: u32,
    base: u32,
    fill: [u32; 3],
}

/// Probes a wgpu device.
pub struct GpuProber {
    gpu: Device,
    report: AdapterReport,
    timestamps: Option<Timestamps>,
    opened: Instant,
    host_tick_ns: f64,
    /// What fills inputs, by its WGSL.
    fillers: HashMap<String, wgpu::ComputePipeline>,
    job: Option<Job>,
}

/// One probe, ready to run.
struct Job {
    probe: Probe,
    work: Work,
    /// What the probe leaves behind lies here.
    out: wgpu::Buffer,
    readable: wgpu::Buffer,
    /// What is laid over the output, piece by piece.
    poison: wgpu::Buffer,
    repeats: u32,
    /// Dispatches so far: cold ones go on where the last submission ended.
    turns: u32,
}

enum Work {
    Dispatch {
        pipeline: wgpu::ComputePipeline,
        bind_group: wgpu::BindGroup,
        /// Bytes from one set of parameters to the next.
        stride: u32,
    },
    Upload {
        data: Vec<u8>,
    },
    /// The host's copy is what is poisoned and checked.
    Download {
        data: Vec<u8>,
    },
}

impl GpuProber {
    /// Opens an adapter.
    ///
    /// # Errors
    /// No adapter: it does not open.
    pub fn open(selection: &Selection) -> Result<GpuProber> {
        let gpu = Device::open(selection)?;
        let timestamps = Timestamps::of(&gpu);
        let report = selection.report.clone();
        let (opened, host_tick_ns) = (Instant::now(), clock::host_tick_ns());
        Ok(GpuProber { gpu, report, timestamps, opened, host_tick_ns, fillers: HashMap::new(), job: None })
    }

    fn job(&self) -> Step<&Job> {
        self.job.as_ref().ok_or_else(nothing)
    }

    fn job_mut(&mut self) -> Step<&mut Job> {
        self.job.as_mut().ok_or_else(nothing)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&Default::default())
    }

    fn fits(&self, probe: &Probe) -> Step<()> {
        let lacks = |needs: String| Err(Missing::Unsupported { needs });
        let (features, matrix) = probe.needs();
        pipeline::has(&self.report, &features, matrix.as_ref())?;
        let (bytes, most) = (probe.output_bytes().max(probe.working_set() * u64::from(probe.sets)), self.most_bytes());
        if bytes > most {
            return lacks(format!("a storage binding of {bytes} bytes; the adapter allows {most}"));
        }
        Ok(())
    }

    fn pipeline(&self, probe: &Probe, wgsl: &str) -> Step<wgpu::ComputePipeline> {
        let label = Some(probe.kind().name());
        let descriptor = wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(wgsl.into()) };
        // SAFETY: every index is masked to the working set, which the buffers hold, or is an invocation's own.
        let module =
            unsafe { self.gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
        self.gpu.check("compile")?;
        let layout = self.layout();
        let pipeline = self.gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&self.gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            })),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.gpu.check("compile")?;
        Ok(pipeline)
    }

    /// A buffer full of a word, to be laid over an output of `size` bytes as often as it takes.
    fn poison_of(&self, word: u32, size: u64) -> Step<wgpu::Buffer> {
        let bytes = size.min(POISON_BYTES);
        let buffer = self.gpu.buffer("poison", bytes, U::COPY_DST | U::COPY_SRC)?;
        self.gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&vec![word; (bytes / 4) as usize]));
        self.gpu.run(self.encoder().finish(), "upload")?;
        Ok(buffer)
    }

    /// Bindings 0 params, 1 a, 2 b, 3 out, whether a probe reads them or not.
    fn layout(&self) -> wgpu::BindGroupLayout {
        let storage = |read_only| wgpu::BufferBindingType::Storage { read_only };
        let kinds = [(wgpu::BufferBindingType::Uniform, true), (storage(true), false), (storage(true), false)];
        let entries: Vec<_> = kinds
            .into_iter()
            .chain([(storage(false), false)])
            .zip(0..)
            .map(|((ty, has_dynamic_offset), binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
                count: None,
            })
            .collect();
        self.gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
    }

    /// The input at binding `which`: made on the device where that can be, since a host takes seconds for a gigabyte.
    fn input(&mut self, probe: &Probe, which: usize) -> Step<wgpu::Buffer> {
        let label = ["a", "b"][which];
        let filling = probe.filling(which).map_err(|e| Missing::Failed { error: e.message().to_string() })?;
        let Some((wgsl, filler)) = filling else {
            let data = probe.input(which);
            let buffer = self.gpu.buffer(label, (data.len() as u64).max(16), U::STORAGE | U::COPY_DST)?;
            self.gpu.queue.write_buffer(&buffer, 0, &data);
            self.gpu.run(self.encoder().finish(), "upload")?;
            return Ok(buffer);
        };
        let buffer = self.gpu.buffer(label, filler.working_set(), U::STORAGE)?;
        if !self.fillers.contains_key(&wgsl) {
            let pipeline = self.pipeline(&filler, &wgsl)?;
            self.fillers.insert(wgsl.clone(), pipeline);
        }
        let pipeline = self.fillers[&wgsl].clone();
        let unused = [self.gpu.buffer("none", 16, U::STORAGE)?, self.gpu.buffer("none", 16, U::STORAGE)?];
        let (bind_group, stride) = self.bound(&filler, &pipeline, &unused, &buffer)?;
        let mut encoder = self.encoder();
        self.pass(&mut encoder, &filler, &Work::Dispatch { pipeline, bind_group, stride }, None, 0, 1)?;
        self.gpu.run(encoder.finish(), "fill")?;
        Ok(buffer)
    }

    fn dispatch(&mut self, probe: &Probe, wgsl: &str, out: &wgpu::Buffer) -> Step<Work> {
        let pipeline = self.pipeline(probe, wgsl)?;
        let inputs = [self.input(probe, 0)?, self.input(probe, 1)?];
        let (bind_group, stride) = self.bound(probe, &pipeline, &inputs, out)?;
        Ok(Work::Dispatch { pipeline, bind_group, stride })
    }

    /// What a pipeline sees, and the bytes from one set of parameters to the next.
    fn bound(
        &self,
        probe: &Probe,
        pipeline: &wgpu::ComputePipeline,
        [a, b]: &[wgpu::Buffer; 2],
        out: &wgpu::Buffer,
    ) -> Step<(wgpu::BindGroup, u32)> {
        let align = self.gpu.device.limits().min_uniform_buffer_offset_alignment;
        let stride = (size_of::<Params>() as u32).next_multiple_of(align);
        let mut bytes = vec![0u8; (stride * probe.sets) as usize];
        for (slot, set) in bytes.chunks_exact_mut(stride as usize).zip(0..) {
            let Probe { count, stride, steps, seed, .. } = *probe;
            let params = Params { count, stride, steps, seed, base: set * count, fill: [0; 3] };
            slot[..size_of::<Params>()].copy_from_slice(bytemuck::bytes_of(&params));
        }
        let params = self.gpu.buffer("params", bytes.len() as u64, U::UNIFORM | U::COPY_DST)?;
        self.gpu.queue.write_buffer(&params, 0, &bytes);
        let size = wgpu::BufferSize::new(size_of::<Params>() as u64);
        let one = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &params, offset: 0, size });
        let resources = [one, a.as_entire_binding(), b.as_entire_binding(), out.as_entire_binding()];
        let entries: Vec<_> = resources
            .into_iter()
            .zip(0..)
            .map(|(resource, binding)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bind_group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        self.gpu.check("bind")?;
        Ok((bind_group, stride))
    }

    /// Dispatches from turn `first` on, each over its working set.
    fn pass(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        probe: &Probe,
        work: &Work,
        timestamp_writes: Option<wgpu::ComputePassTimestampWrites>,
        first: u32,
        repeats: u32,
    ) -> Step<()> {
        let Work::Dispatch { pipeline, bind_group, stride } = work else { return Err(nothing()) };
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        pass.set_pipeline(pipeline);
        for turn in 0..repeats {
            let set = first.wrapping_add(turn) % probe.sets;
            pass.set_bind_group(0, bind_group, &[set * stride]);
            pass.dispatch_workgroups(probe.groups, 1, 1);
        }
        Ok(())
    }

    /// Submits dispatches under both clocks.
    fn submit_dispatches(&self, job: &Job, repeats: u32) -> Step<Lap> {
        let mut encoder = self.encoder();
        let timestamp_writes = self.timestamps.as_ref().and_then(|t| t.writes(true, true));
        self.pass(&mut encoder, &job.probe, &job.work, timestamp_writes, job.turns, repeats)?;
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
}

fn nothing() -> Missing {
    Missing::Failed { error: "no probe is set up".into() }
}

impl Timed for GpuProber {
    /// Timestamps do not see what the host does.
    fn tick_ns(&self) -> Option<f64> {
        let transfer = self.job.as_ref().is_some_and(|job| job.probe.kind().is_transfer());
        self.timestamps.as_ref().filter(|_| !transfer).map(|t| t.tick_ns)
    }

    fn host_tick_ns(&self) -> f64 {
        self.host_tick_ns
    }

    fn now_ns(&self) -> u64 {
        self.opened.elapsed().as_nanos() as u64
    }

    fn poison(&mut self) -> Step<()> {
        if let Work::Download { data } = &mut self.job_mut()?.work {
            data.fill(0x7d);
            return Ok(());
        }
        // From the device: from the host it would take longer than what is timed.
        let job = self.job()?;
        let (size, piece) = (job.out.size(), job.poison.size());
        let mut encoder = self.encoder();
        for begin in (0..size).step_by(piece as usize) {
            encoder.copy_buffer_to_buffer(&job.poison, 0, &job.out, begin, piece.min(size - begin));
        }
        self.gpu.run(encoder.finish(), "poison")
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        let mut job = self.job.take().ok_or_else(nothing)?;
        let begin = Instant::now();
        let lap = match &mut job.work {
            Work::Dispatch { .. } => self.submit_dispatches(&job, repeats),
            Work::Upload { data } => (|| {
                for _ in 0..repeats {
                    self.gpu.queue.write_buffer(&job.out, 0, data);
                    // Each on its way by itself: several before one submission would be staged together.
                    self.gpu.queue.submit([]);
                }
                self.gpu.wait(None, "upload")?;
                Ok(Lap { host_ns: begin.elapsed().as_nanos() as u64, device_ticks: None })
            })(),
            Work::Download { data } => (|| {
                for _ in 0..repeats {
                    let mut encoder = self.encoder();
                    encoder.copy_buffer_to_buffer(&job.out, 0, &job.readable, 0, job.out.size());
                    self.gpu.run(encoder.finish(), "download")?;
                    data.copy_from_slice(&self.gpu.map(&job.readable, "download")?);
                }
                Ok(Lap { host_ns: begin.elapsed().as_nanos() as u64, device_ticks: None })
            })(),
        };
        (job.repeats, job.turns) = (repeats, job.turns.wrapping_add(repeats) % job.probe.sets);
        self.job = Some(job);
        lap
    }

    fn threads(&self) -> Option<Threads> {
        self.report.identity.software.then(own_threads).flatten()
    }
}

impl Prober for GpuProber {
    fn adapter(&self) -> &AdapterIdentity {
        &self.report.identity
    }

    fn tool(&self) -> Tool {
        clock::tool()
    }

    fn most_bytes(&self) -> u64 {
        let limits = self.gpu.device.limits();
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    fn matrices(&self) -> &[Cooperative] {
        &self.report.cooperative_matrix
    }

    fn set_up(&mut self, probe: &Probe, wgsl: &str) -> Step<()> {
        // Freed before anything new is allocated.
        self.job = None;
        self.fits(probe)?;
        let size = probe.output_bytes();
        let out = self.gpu.buffer("out", size, U::STORAGE | U::COPY_DST | U::COPY_SRC)?;
        let visited = probe.visited(0);
        let readable = self.gpu.buffer("read-back", visited.end - visited.start, U::COPY_DST | U::MAP_READ)?;
        // Dispatches are counted from zero.
        let word = if probe.kind() == Kind::Launch { 0 } else { POISON };
        let poison = self.poison_of(word, size)?;
        let work = match probe.kind() {
            Kind::Upload => Work::Upload { data: probe.input(0) },
            Kind::Download => {
                self.gpu.queue.write_buffer(&out, 0, &probe.input(0));
                self.gpu.run(self.encoder().finish(), "upload")?;
                Work::Download { data: vec![0; size as usize] }
            }
            _ => self.dispatch(probe, wgsl, &out)?,
        };
        self.job = Some(Job { probe: *probe, work, out, readable, poison, repeats: 0, turns: 0 });
        Ok(())
    }

    fn output(&mut self) -> Step<Output> {
        let job = self.job()?;
        let sets = job.probe.sets;
        let (repeats, set) = (job.repeats, (job.turns + sets - 1) % sets);
        if let Work::Download { data } = &job.work {
            return Ok(Output { bytes: data.clone(), repeats, set });
        }
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&job.out, job.probe.visited(set).start, &job.readable, 0, job.readable.size());
        self.gpu.run(encoder.finish(), "read back")?;
        Ok(Output { bytes: self.gpu.map(&job.readable, "read back")?, repeats, set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Precision;

    /// The matrix probe with fragments by other means, for adapters without matrix units: what remains of it is
    /// run as it stands. A fragment of A or B is its place in the buffer; one of C is spread over the lanes of a
    /// subgroup.
    fn without_matrix_units(wgsl: &str, lanes: u32) -> String {
        let text: String = wgsl
            .lines()
            .filter(|line| !line.starts_with("enable wgpu_cooperative_matrix"))
            .map(|line| match line.split_once(" = coop_mat") {
                Some((alias, _)) if alias.ends_with('C') => {
                    format!("{alias} = array<Sum, FRAGMENT * FRAGMENT / {lanes}u>;\n")
                }
                Some((alias, _)) => format!("{alias} = u32;\n"),
                None => format!("{line}\n"),
            })
            .collect();
        let text = text
            .replace("coopLoadT<FragmentA>(&a[0], FRAGMENT)", "0u")
            .replace("coopLoadT<FragmentB>(&b[0], FRAGMENT)", "0u")
            .replace("coopLoadT<FragmentB>(&b[ELEMENTS], FRAGMENT)", "ELEMENTS")
            .replace("coopMultiplyAdd(", "multiply_add(local, ")
            .replace("coopStoreT(", "store(local, ")
            .replace(", &out[", ", (")
            .replace("* ELEMENTS], FRAGMENT)", "* ELEMENTS))");
        assert!(!text.contains("coop"), "{text}");
        let rest = "
            fn multiply_add(local: u32, left: FragmentA, right: FragmentB, c: FragmentC) -> FragmentC {
                var z = c;
                for (var i = 0u; i < ELEMENTS / LANES; i += 1u) {
                    let at = i * LANES + local % LANES;
                    for (var k = 0u; k < FRAGMENT; k += 1u) {
                        z[i] += Sum(a[left + (at / FRAGMENT) * FRAGMENT + k] * b[right + k * FRAGMENT + at % FRAGMENT]);
                    }
                }
                return z;
            }
            fn store(local: u32, c: FragmentC, place: u32) {
                var z = c;
                for (var i = 0u; i < ELEMENTS / LANES; i += 1u) { out[place + i * LANES + local % LANES] = z[i]; }
            }";
        format!("{text}\nconst LANES = {lanes}u;{rest}")
    }

    #[test]
    fn the_matrix_probe_does_what_its_twin_says_but_for_the_fragments() {
        let selection = match crate::gpu::choose(None) {
            Ok(selection) => selection,
            Err(error) if std::env::var_os("FLOPCAST_REQUIRE_ADAPTER").is_some_and(|v| v == "1") => panic!("{error}"),
            Err(error) => return eprintln!("skipped: {error}"),
        };
        let mut prober = GpuProber::open(&selection).unwrap();
        let [least, most] = selection.report.subgroup_size;
        if least != most || most > 16 || !selection.report.features.iter().any(|f| f == "SUBGROUP") {
            return eprintln!("skipped: subgroups of {least} to {most}");
        }
        // One subgroup to a workgroup; and a range of which the adapter's size is in the middle.
        for subgroup in [[most, most], [most / 2, most * 2]] {
            let kind = Kind::Matrix { precision: Precision::F32, fragment: 8, chains: 2, subgroup };
            let scale = crate::measure::probe::kind::Scale { groups: 8, bytes: 0, turns: 1 };
            let probe = Probe { steps: 3, ..Probe::compute(kind, scale) };
            let wgsl = without_matrix_units(&probe.compose().unwrap(), most);
            let size = probe.output_bytes();
            let out = prober.gpu.buffer("out", size, U::STORAGE | U::COPY_DST | U::COPY_SRC).unwrap();
            let readable = prober.gpu.buffer("read-back", size, U::COPY_DST | U::MAP_READ).unwrap();
            let work = prober.dispatch(&probe, &wgsl, &out).unwrap();
            let poison = prober.poison_of(POISON, size).unwrap();
            prober.job = Some(Job { probe, work, out, readable, poison, repeats: 0, turns: 0 });
            prober.poison().unwrap();
            prober.submit(1).unwrap();
            let output = prober.output().unwrap();
            let checked = probe.check(&output.bytes, output.repeats, output.set);
            assert!(checked.passed && checked.values > 0, "{subgroup:?}: {checked:?}");
        }
    }
}
