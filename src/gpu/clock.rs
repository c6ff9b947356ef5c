//! Both clocks of a submission, and what drives it: shared by products and probes.

use super::device::Device;
use crate::measure::Step;
use crate::measure::record::{METHOD, Tool};
use std::time::Instant;

/// Two timestamps and the way back to the host.
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
    /// Nanoseconds per tick.
    pub tick_ns: f64,
}

impl Timestamps {
    /// `None` where the adapter has none.
    pub fn of(gpu: &Device) -> Option<Timestamps> {
        if !gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return None;
        }
        let buffer = |usage| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: 16,
                usage,
                mapped_at_creation: false,
            })
        };
        Some(Timestamps {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            }),
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            readable: buffer(wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ),
            tick_ns: f64::from(gpu.queue.get_timestamp_period()),
        })
    }

    /// What a pass has to write: the first timestamp at its begin, the last one at its end, both or none.
    pub fn writes(&self, first: bool, last: bool) -> Option<wgpu::ComputePassTimestampWrites<'_>> {
        (first || last).then(|| wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: first.then_some(0),
            end_of_pass_write_index: last.then_some(1),
        })
    }

    /// Encodes their way to the host, after the last pass.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, 16);
    }

    /// The ticks, once the submission is done.
    pub fn read(&self, gpu: &Device) -> Step<[u64; 2]> {
        let bytes = gpu.map(&self.readable, "read timestamps")?;
        let [first, last] = bytes.as_chunks::<8>().0 else { return Ok([0, 0]) };
        Ok([u64::from_le_bytes(*first), u64::from_le_bytes(*last)])
    }
}

/// Smallest step that the host clock makes, seen over a few thousand readings.
pub(super) fn host_tick_ns() -> f64 {
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

/// This program, and the libraries that decide what a kernel becomes: their versions come from
/// `Cargo.lock` by way of `build.rs`.
pub(super) fn tool() -> Tool {
    Tool {
        version: env!("CARGO_PKG_VERSION").into(),
        method: METHOD,
        wgpu: env!("FLOPCAST_WGPU_VERSION").into(),
        naga: env!("FLOPCAST_NAGA_VERSION").into(),
    }
}
