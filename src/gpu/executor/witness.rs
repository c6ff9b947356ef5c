//! Every dispatch of a submission with copies round it: what lies under it, and what it left.

use super::{GpuExecutor, Job};
use crate::kernel::GLIMPSE;
use crate::measure::Step;
use crate::measure::witness::{Fill, PLACES, Place, Watch, Watched};
use std::time::Instant;
use wgpu::BufferUsages as U;

/// Keeps C as it is now.
pub(super) fn keep_decoy(executor: &mut GpuExecutor) -> Step<()> {
    let job = executor.job()?;
    let decoy = match &job.decoy {
        Some(decoy) => decoy.clone(),
        None => executor.gpu.buffer("decoy", job.c.size(), U::COPY_DST | U::COPY_SRC)?,
    };
    let mut encoder = executor.encoder();
    encoder.copy_buffer_to_buffer(&job.c, 0, &decoy, 0, job.c.size());
    executor.gpu.run(encoder.finish(), "decoy")?;
    executor.jobs.get_mut()?.decoy = Some(decoy);
    Ok(())
}

/// One submission: fill, work, look, for every entry of the plan.
pub(super) fn witness(executor: &GpuExecutor, plan: &[Watch], keep: usize) -> Step<Watched> {
    let job = executor.job()?;
    let four = GLIMPSE as u64 * u64::from(job.precision.result_bytes());
    let seen = executor.gpu.buffer("witness", four * (PLACES * plan.len()) as u64, U::COPY_DST | U::MAP_READ)?;
    let mut encoder = executor.encoder();
    for (number, watch) in plan.iter().enumerate() {
        let fill = match (watch.before, &job.decoy) {
            (Fill::Decoy, Some(decoy)) => decoy,
            _ => &job.poison,
        };
        encoder.copy_buffer_to_buffer(fill, 0, &job.c, 0, job.c.size());
        if watch.works {
            executor.encode(&mut encoder, job, 1, false);
        }
        for (place, slot) in watch.places.iter().zip((number * PLACES) as u64..) {
            encoder.copy_buffer_to_buffer(&job.c, offset(job, *place), &seen, slot * four, four);
        }
        if number == keep {
            encoder.copy_buffer_to_buffer(&job.c, 0, &job.readable, 0, job.c.size());
        }
    }
    let commands = encoder.finish();
    executor.gpu.check("encode")?;
    let begin = Instant::now();
    executor.gpu.run(commands, "witness")?;
    let host_ns = begin.elapsed().as_nanos() as u64;
    let values = job.precision.decode(&executor.gpu.map(&seen, "witness")?);
    let glimpses = values.as_chunks::<GLIMPSE>().0.as_chunks::<PLACES>().0.to_vec();
    Ok(Watched { host_ns, kept: executor.decoded(job)?, glimpses })
}

/// Byte of C where a place begins. Rows of C are padded to whole fours.
fn offset(job: &Job, place: Place) -> u64 {
    let (item, row) = (place.row / job.shape.m, place.row % job.shape.m);
    let [_, first] = job.layout.offsets(item);
    let element = u64::from(row) * u64::from(job.layout.ldc) + u64::from(place.column);
    first + element * u64::from(job.precision.result_bytes())
}
