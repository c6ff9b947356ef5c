//! Measure the GPU you have, forecast the cluster you don't.
//!
//! The layers point one way: [`kernel`] and [`measure`] know no cluster, [`cluster`] knows no
//! workload, [`job`] knows no hardware, [`project`] alone joins calibration, cluster and job.
//! `gpu` (feature `gpu`) is the only user of wgpu, `cli` (feature `cli`) the only one that prints.

pub mod calibrate;
pub mod cluster;
pub mod error;
pub mod job;
pub mod kernel;
pub mod measure;
pub mod project;
pub mod provenance;
pub mod report;
pub mod sourced;
pub mod stats;
pub mod units;

pub use error::{Error, Result};

#[cfg(feature = "gpu")]
pub mod gpu;

#[cfg(feature = "cli")]
pub mod cli;
