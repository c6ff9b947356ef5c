//! The host's own product, for what a software adapter's figures are worth: `matrixmultiply` on all cores,
//! proved and timed by the engine as any kernel is, on the host's clock. It is no adapter.

use super::effort::Effort;
use super::engine::{Pace, measure};
use super::record::{AdapterIdentity, Capabilities, METHOD, Missing, Record, Tool};
use super::suite::Request;
use super::timing::Watch;
use super::witness::{self, Fill, Watched};
use super::workers::{Threads, own_threads};
use super::{Executor, Lap, Slots, Step, Timed};
use crate::kernel::{Case, DataClass, Family, GLIMPSE, Kernel, Matrix, Operands, Precision, Settings, Shape};
use rayon::prelude::*;
use std::time::Instant;

/// What stands where an adapter and a kernel have their names.
pub const HOST: &str = "host";

/// The crate that multiplies.
const LIBRARY: &str = "matrixmultiply";

/// Multiplies on the host.
pub struct HostExecutor {
    identity: AdapterIdentity,
    opened: Instant,
    threads: usize,
    jobs: Slots<Job>,
}

struct Job {
    shape: Shape,
    /// A, B and C in the precision's own type.
    buffers: Buffers,
    /// C of other operands, once one was kept.
    decoy: Option<Matrix>,
}

enum Buffers {
    F32([Vec<f32>; 3]),
    F64([Vec<f64>; 3]),
}

impl Default for HostExecutor {
    fn default() -> Self {
        let threads = rayon::current_num_threads();
        let identity = AdapterIdentity {
            name: HOST.into(),
            backend: HOST.into(),
            device_type: "cpu".into(),
            driver: LIBRARY.into(),
            driver_info: format!("{threads} threads"),
            vendor: 0,
            device: 0,
            software: true,
            // No adapter, so no limits or features of one.
            capabilities: Capabilities::default(),
        };
        HostExecutor { identity, opened: Instant::now(), threads, jobs: Slots::default() }
    }
}

/// What the record says of the host's product: it has no tiling and no text.
pub fn host_case((shape, precision): (Shape, Precision), (data, seed): (DataClass, u64)) -> Case {
    Case {
        kernel: HOST.into(),
        tiling: String::new(),
        precision,
        shape,
        settings: Settings::default(),
        data,
        seed,
        wgsl_sha256: String::new(),
    }
}

/// Measures the host on one shape. The record's adapter and kernel are called `host`.
pub fn measure_host(
    executor: &mut HostExecutor,
    (shape, precision): (Shape, Precision),
    (data, seed): (DataClass, u64),
    effort: &Effort,
    watch: &mut Watch,
) -> crate::error::Result<Option<Record>> {
    // The engine wants a kernel; the host multiplies in its own way, and the record says so.
    let kernel = Kernel::compose(Family::Naive, Family::Naive.tilings()[0], precision)?;
    let request = Request { data, seed, ..Request::plain(kernel, shape) };
    let record = measure(executor, &request, effort, &mut Pace::default(), watch);
    Ok(record.map(|record| Record { case: host_case((shape, precision), (data, seed)), ..record }))
}

impl Timed for HostExecutor {
    fn tick_ns(&self) -> Option<f64> {
        None
    }

    fn host_tick_ns(&self) -> f64 {
        1.0
    }

    fn now_ns(&self) -> u64 {
        self.opened.elapsed().as_nanos() as u64
    }

    fn poison(&mut self) -> Step<()> {
        match &mut self.jobs.get_mut()?.buffers {
            Buffers::F32([_, _, c]) => c.fill(f32::NAN),
            Buffers::F64([_, _, c]) => c.fill(f64::NAN),
        }
        Ok(())
    }

    fn submit(&mut self, repeats: u32) -> Step<Lap> {
        let threads = self.threads;
        let job = self.jobs.get_mut()?;
        let begin = Instant::now();
        for _ in 0..repeats {
            match &mut job.buffers {
                Buffers::F32([a, b, c]) => multiply(job.shape, threads, a, b, c, matrixmultiply::sgemm),
                Buffers::F64([a, b, c]) => multiply(job.shape, threads, a, b, c, matrixmultiply::dgemm),
            }
        }
        Ok(Lap { host_ns: begin.elapsed().as_nanos() as u64, device_ticks: None })
    }

    fn threads(&self) -> Option<Threads> {
        own_threads()
    }
}

impl Executor for HostExecutor {
    fn adapter(&self) -> &AdapterIdentity {
        &self.identity
    }

    fn tool(&self) -> Tool {
        Tool { version: env!("CARGO_PKG_VERSION").into(), method: METHOD, wgpu: "none".into(), naga: "none".into() }
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

    fn prepare(&mut self, kernel: &Kernel, shape: Shape, _settings: Settings) -> Step<()> {
        self.jobs.clear();
        let buffers = match kernel.precision {
            Precision::F32 => Buffers::F32(zeroed(shape)?),
            Precision::F64 => Buffers::F64(zeroed(shape)?),
            other => return Err(Missing::Unsupported { needs: format!("f32 or f64; {LIBRARY} has no {other}") }),
        };
        self.jobs.fill(Job { shape, buffers, decoy: None });
        Ok(())
    }

    fn load(&mut self, operands: &Operands) -> Step<()> {
        let job = self.jobs.get_mut()?;
        let flat = |matrix: &Matrix| (0..matrix.rows).flat_map(|row| matrix.row(row).to_vec()).collect::<Vec<f64>>();
        let (a, b) = (flat(&operands.a), flat(&operands.b));
        match &mut job.buffers {
            Buffers::F32(buffers) => {
                buffers[0] = a.into_iter().map(|v| v as f32).collect();
                buffers[1] = b.into_iter().map(|v| v as f32).collect();
            }
            Buffers::F64(buffers) => (buffers[0], buffers[1]) = (a, b),
        }
        Ok(())
    }

    fn split(&mut self, _parts: u32) -> Step<u32> {
        Ok(1)
    }

    fn keep_decoy(&mut self) -> Step<()> {
        let c = self.read()?;
        self.jobs.get_mut()?.decoy = Some(c);
        Ok(())
    }

    fn witness(&mut self, plan: &[witness::Watch], keep: usize) -> Step<Watched> {
        let begin = Instant::now();
        let mut watched = Watched { host_ns: 0, kept: Matrix::zeros(0, 0), glimpses: Vec::new() };
        for (number, watch) in plan.iter().enumerate() {
            self.poison()?;
            if watch.before == Fill::Decoy {
                self.jobs.get_mut()?.lay_decoy();
            }
            if watch.works {
                self.submit(1)?;
            }
            let job = self.jobs.get()?;
            watched.glimpses.push(watch.places.map(|place| job.glimpse(place)));
            if number == keep {
                watched.kept = self.read()?;
            }
        }
        watched.host_ns = begin.elapsed().as_nanos() as u64;
        Ok(watched)
    }

    fn read(&mut self) -> Step<Matrix> {
        let job = self.jobs.get()?;
        let Shape { m, n, batch, .. } = job.shape;
        let mut c = Matrix::zeros(m as usize * batch as usize, n as usize);
        let values: Vec<f64> = match &job.buffers {
            Buffers::F32([_, _, c]) => c.iter().map(|&v| f64::from(v)).collect(),
            Buffers::F64([_, _, c]) => c.clone(),
        };
        for (row, got) in c.values.chunks_exact_mut(c.stride).zip(values.chunks_exact(n as usize)) {
            row[..n as usize].copy_from_slice(got);
        }
        Ok(c)
    }
}

/// A, B and C, or what the memory lacks.
fn zeroed<T: Clone + Default>(shape: Shape) -> Step<[Vec<T>; 3]> {
    let [a, b, c] = shape.elements();
    let bytes = [a, b, c].iter().map(|&n| n as f64).sum::<f64>() * size_of::<T>() as f64;
    let lacking = || Missing::Unsupported { needs: format!("{:.1} GiB of memory", bytes / 2f64.powi(30)) };
    let mut buffers = [Vec::new(), Vec::new(), Vec::new()];
    for (buffer, elements) in buffers.iter_mut().zip([a, b, c]) {
        let elements = usize::try_from(elements).map_err(|_| lacking())?;
        buffer.try_reserve_exact(elements).map_err(|_| lacking())?;
        buffer.resize(elements, T::default());
    }
    Ok(buffers)
}

impl Job {
    /// Overwrites C with the decoy, if there is one.
    fn lay_decoy(&mut self) {
        let Some(decoy) = &self.decoy else { return };
        let values = (0..decoy.rows).flat_map(|row| decoy.row(row));
        match &mut self.buffers {
            Buffers::F32([_, _, c]) => c.iter_mut().zip(values).for_each(|(c, &v)| *c = v as f32),
            Buffers::F64([_, _, c]) => c.iter_mut().zip(values).for_each(|(c, &v)| *c = v),
        }
    }

    /// The elements of C at a place; zeros beyond the end of a row.
    fn glimpse(&self, place: witness::Place) -> [f64; GLIMPSE] {
        let n = self.shape.n as usize;
        let first = place.row as usize * n;
        std::array::from_fn(|i| match (place.column as usize + i, &self.buffers) {
            (column, _) if column >= n => 0.0,
            (column, Buffers::F32([_, _, c])) => f64::from(c[first + column]),
            (column, Buffers::F64([_, _, c])) => c[first + column],
        })
    }
}

/// A general matrix product over raw parts, as `matrixmultiply` has it for each type.
type Gemm<T> =
    unsafe fn(usize, usize, usize, T, *const T, isize, isize, *const T, isize, isize, T, *mut T, isize, isize);

/// C = A·B, rows of C spread over the threads: the crate's own threads stop at four.
fn multiply<T: Copy + Send + Sync + From<u8>>(
    shape: Shape,
    threads: usize,
    a: &[T],
    b: &[T],
    c: &mut [T],
    gemm: Gemm<T>,
) {
    let [m, n, k] = [shape.m, shape.n, shape.k].map(|e| e as usize);
    let rows = m.div_ceil(threads);
    for ((a, b), c) in a.chunks_exact(m * k).zip(b.chunks_exact(k * n)).zip(c.chunks_exact_mut(m * n)) {
        a.par_chunks(rows * k).zip(c.par_chunks_mut(rows * n)).for_each(|(a, c)| {
            let rows = a.len() / k;
            let (zero, one) = (T::from(0), T::from(1));
            // SAFETY: the slices hold rows×k, k×n and rows×n elements, row-major, as the strides say.
            unsafe {
                gemm(
                    rows,
                    k,
                    n,
                    one,
                    a.as_ptr(),
                    k as isize,
                    1,
                    b.as_ptr(),
                    n as isize,
                    1,
                    zero,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::timing::unwatched;

    #[test]
    fn the_host_is_proved_and_timed_as_a_kernel_is_and_is_called_host() {
        let mut host = HostExecutor::default();
        for (shape, precision) in
            [("65x33x17", Precision::F32), ("1x40x9", Precision::F64), ("7x9x11@3", Precision::F32)]
        {
            let what = (shape.parse().unwrap(), precision);
            let data = (DataClass::Normal, 1);
            let record = measure_host(&mut host, what, data, &Effort::smoke(), &mut unwatched).unwrap().unwrap();
            assert!(record.proof.as_ref().unwrap().passed, "{shape}: {record:?}");
            assert_eq!((record.adapter.backend.as_str(), record.case.kernel.as_str()), (HOST, HOST));
            assert!(record.figure.is_some(), "{shape}: {:?}", record.reasons);
        }
        let what = (Shape::square(8), Precision::F16);
        let none = measure_host(&mut host, what, (DataClass::Normal, 1), &Effort::smoke(), &mut unwatched);
        assert_eq!(none.unwrap().unwrap().missing.unwrap().status(), "unsupported");
    }
}
