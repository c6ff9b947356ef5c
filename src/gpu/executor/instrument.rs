//! What the doctor asks of a real device: its features and limits, and plain transfers.

use super::GpuExecutor;
use crate::measure::Step;
use crate::measure::doctor::Instrument;
use std::collections::BTreeMap;
use std::time::Instant;
use wgpu::BufferUsages as U;

impl Instrument for GpuExecutor {
    fn features(&self) -> Vec<String> {
        self.report.features.clone()
    }

    fn limits(&self) -> BTreeMap<String, u64> {
        self.report.limits.clone()
    }

    fn upload(&mut self, bytes: u64) -> Step<u64> {
        let there = self.gpu.buffer("upload", bytes, U::STORAGE | U::COPY_DST)?;
        // Of high entropy enough not to be compressed on the way.
        let here: Vec<u8> = (0..bytes).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        let begin = Instant::now();
        self.gpu.queue.write_buffer(&there, 0, &here);
        self.gpu.run(self.encoder().finish(), "upload")?;
        Ok(begin.elapsed().as_nanos() as u64)
    }

    fn download(&mut self, bytes: u64) -> Step<u64> {
        let there = self.gpu.buffer("download", bytes, U::STORAGE | U::COPY_SRC | U::COPY_DST)?;
        let readable = self.gpu.buffer("download", bytes, U::COPY_DST | U::MAP_READ)?;
        // Written once, untimed, so that the pages of both are there: clearing them is no transfer.
        let mut encoder = self.encoder();
        encoder.clear_buffer(&there, 0, None);
        encoder.copy_buffer_to_buffer(&there, 0, &readable, 0, bytes);
        self.gpu.run(encoder.finish(), "download")?;
        let begin = Instant::now();
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(&there, 0, &readable, 0, bytes);
        self.gpu.run(encoder.finish(), "download")?;
        self.gpu.map(&readable, "download")?;
        Ok(begin.elapsed().as_nanos() as u64)
    }
}
