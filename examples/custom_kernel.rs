//! Brings a WGSL file of one's own, gets it proved and timed beside the built-in kernels, and compared with the best of them.
//!
//! `cargo run --example custom_kernel`, on 2026-11-24, two cores of a machine without a GPU:
//!
//! ```text
//! examples/naive_16x16.wgsl: 1.04 GFLOP/s (95 %: 0.902–1.37), SOFTWARE
//! naive: 0.624 GFLOP/s (95 %: 0.574–1.62), SOFTWARE
//! register_direct: 20.7 GFLOP/s (95 %: 20.6–20.9), SOFTWARE
//! at 128×128×128 it reaches 0.050 (95 %: 0.043–0.066) of register_direct[64x64/8x8]
//! ```
//!
//! The file keeps to the bindings that `shaders/README.md` gives. `flopcast measure --wgsl FILE` does the same.

use flopcast::Result;
use flopcast::gpu::{self, GpuExecutor};
use flopcast::kernel::{Family, Kernel, Precision, Settings};
use flopcast::measure::against::against;
use flopcast::measure::effort::Effort;
use flopcast::measure::suite::{Request, with_own};
use flopcast::measure::{Executor, sweep};
use flopcast::report::measurement::{range, significant};

const FILE: &str = "examples/naive_16x16.wgsl";
const TEXT: &str = include_str!("naive_16x16.wgsl");

pub fn report() -> Result<String> {
    let mut executor = GpuExecutor::open(&gpu::choose(None)?)?;

    // What does not parse, keeps to other bindings or has no `main` is told here, with its line; `None`: the file says itself
    // which block of C a workgroup computes.
    let own = Kernel::from_wgsl(TEXT, FILE, Precision::F32, None)?;

    let shape = "128x128x128".parse()?;
    let mut requests = Vec::new();
    for family in [Family::Naive, Family::RegisterDirect] {
        let tiling = family.default_tiling(executor.class(), Precision::F32);
        requests.push(Request::plain(Kernel::compose(family, tiling, Precision::F32)?, shape));
    }
    // WGSL promises bounds checks and zeroed workgroup memory; the built-in kernels are written to do without.
    let requests = with_own(requests, &own, Settings { bounds_checks: true, zero_fill: true });
    let records = sweep(&mut executor, &requests, &Effort::quick(), &mut |_, _| {}, &|| false, &mut |_| Ok(()))?;

    let mut text = String::new();
    for record in &records {
        let name = if record.case.kernel == Family::Custom.name() { FILE } else { &record.case.kernel };
        // A kernel that is wrong, or that the adapter cannot run, has no figure: the reasons say why.
        let rate = record.figure.as_ref().map_or_else(
            || record.reasons.iter().map(|reason| reason.detail.clone()).collect::<Vec<_>>().join("; "),
            |f| format!("{} GFLOP/s (95 %: {})", significant(f.gflop_per_s.median), range(f.gflop_per_s)),
        );
        text += &format!("{name}: {rate}, {}\n", record.verdict.as_str());
    }
    for one in against(&own.sha256, &records) {
        let (ratio, shape) = (significant(one.ratio.median), one.shape.to_string().replace('x', "×"));
        text += &format!("at {shape} it reaches {ratio} (95 %: {}) of {}\n", range(one.ratio), one.best);
    }
    Ok(text)
}

#[allow(dead_code)]
fn main() -> Result<()> {
    print!("{}", report()?);
    Ok(())
}
