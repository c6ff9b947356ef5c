//! Measure the GPU you have, forecast the cluster you don't.
//!
//! The layers point one way: [`kernel`] and [`measure`] know no cluster, [`cluster`] knows no
//! workload, [`job`] knows no hardware, [`project`] alone joins calibration, cluster and job.
//! `gpu` (feature `gpu`) is the only user of wgpu, `cli` (feature `cli`) the only one that prints.
//!
//! The path from an adapter to a forecast, here on a scripted device, which needs no GPU. With a real one `executor` is
//! `gpu::GpuExecutor::open(&gpu::choose(None)?)?` and nothing else changes; `examples/` has that, short and whole.
//!
//! ```
//! use flopcast::calibrate::Calibration;
//! use flopcast::kernel::{Family, Kernel, Precision, Shape};
//! use flopcast::measure::effort::Effort;
//! use flopcast::measure::scripted::{Script, ScriptedExecutor};
//! use flopcast::measure::suite::Request;
//! use flopcast::measure::{Executor, sweep};
//! use flopcast::project::{Catalog, Options, run};
//!
//! # fn main() -> flopcast::Result<()> {
//! let mut executor = ScriptedExecutor::new(Script::honest());
//!
//! // C (m×n) = A (m×k) · B (k×n): which kernel, which shapes.
//! let tiling = Family::Naive.default_tiling(executor.class(), Precision::F32);
//! let kernel = Kernel::compose(Family::Naive, tiling, Precision::F32)?;
//! let requests = [32, 48, 64].map(|n| Request::plain(kernel.clone(), Shape::square(n)));
//!
//! // Proved, timed, judged: a record each, a case that went wrong included. Seconds and flop/s in SI units.
//! let records = sweep(&mut executor, &requests, &Effort::smoke(), &mut |_, _| {}, &|| false, &mut |_| Ok(()))?;
//! assert!(records.iter().all(|record| record.proof.as_ref().is_some_and(|proof| proof.passed)));
//!
//! // Ceilings and efficiency over shape; then a training run on a cluster of the catalogue.
//! let calibration = Calibration::from_records(&records, "records")?;
//! let forecast = run(&Catalog::built_in()?, "xai-12k-h100-redirected", Some(&calibration), &Options::default())?;
//! let days = &forecast.quantities["run_days"];
//! assert!(days.p5 <= days.p50 && days.p50 <= days.p95 && days.unit == "day");
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

pub mod calibrate;
pub mod cluster;
pub mod error;
pub mod files;
pub mod job;
pub mod kernel;
pub mod measure;
pub mod project;
pub mod provenance;
pub mod report;
pub mod sourced;
pub mod stats;
mod typed;
pub mod units;

pub use error::{Error, Result};

#[cfg(feature = "gpu")]
pub mod gpu;

#[cfg(feature = "cli")]
pub mod cli;
