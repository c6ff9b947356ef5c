//! Measures one kernel on one shape on the best adapter there is: proved, timed, with a verdict.
//!
//! `cargo run --example measure_one`, on 2026-11-24, two cores of a machine without a GPU:
//!
//! ```text
//! llvmpipe (LLVM 15.0.6, 256 bits) · vulkan · llvmpipe Mesa 22.3.6 (LLVM 15.0.6) · SOFTWARE
//! register_direct[64x64/8x8]/f32/256x256x256
//! proved: 6 rows and 4 check vectors, worst 0.016 of the tolerance
//! 13.4 GFLOP/s (95 %: 13.3–13.8), 2.50 ms a product, 14 samples, device clock
//! SOFTWARE: software-adapter, outlier, sentinel-moved, warm-up-cut
//! ```

use flopcast::gpu::{self, GpuExecutor};
use flopcast::kernel::{Family, Kernel, Precision};
use flopcast::measure::Executor;
use flopcast::measure::effort::Effort;
use flopcast::measure::engine::{Pace, measure};
use flopcast::measure::suite::Request;
use flopcast::measure::timing::unwatched;
use flopcast::report::measurement::{clock, duration, headline, range, significant};
use flopcast::{Error, Result};

pub fn report() -> Result<String> {
    let selection = gpu::choose(None)?;
    let mut executor = GpuExecutor::open(&selection)?;

    // A kernel is a family with a tiling and a precision; its WGSL is composed, and its hash is in the record.
    let family = Family::RegisterDirect;
    let tiling = family.default_tiling(executor.class(), Precision::F32);
    let kernel = Kernel::compose(family, tiling, Precision::F32)?;
    let request = Request::plain(kernel, "256x256x256".parse()?);

    // Nothing is thrown: what went wrong is in the record, and `unwatched` never asks it to stop.
    let record = measure(&mut executor, &request, &Effort::smoke(), &mut Pace::default(), &mut unwatched)
        .ok_or_else(|| Error::failed("stopped"))?;

    let mut text = format!("{}\n{}\n", headline(executor.adapter()), record.case.id());
    if let Some(proof) = &record.proof {
        let (rows, vectors, worst) = (proof.rows, proof.vectors, proof.worst.map_or("–".into(), significant));
        text += &format!("proved: {rows} rows and {vectors} check vectors, worst {worst} of the tolerance\n");
    }
    if let Some(figure) = &record.figure {
        let (rate, seconds) = (figure.gflop_per_s, duration(figure.seconds.median));
        text += &format!(
            "{} GFLOP/s (95 %: {}), {seconds} a product, {} samples, {} clock\n",
            significant(rate.median),
            range(rate),
            figure.samples,
            clock(figure.timing_method)
        );
    }
    let reasons: Vec<&str> = record.reasons.iter().map(|reason| reason.code.as_str()).collect();
    text += &format!("{}: {}\n", record.verdict.as_str(), reasons.join(", "));
    Ok(text)
}

#[allow(dead_code)]
fn main() -> Result<()> {
    print!("{}", report()?);
    Ok(())
}
