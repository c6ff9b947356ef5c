//! Probes by the library's own clocks: one of each kind, each checked before it is timed.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flopcast::gpu::GpuProber;
use flopcast::measure::Timed;
use flopcast::measure::probe::kind::Scale;
use flopcast::measure::probe::{Kind, Prober, suite};
use std::time::Duration;

/// One width of each arithmetic: the others are the suite's business.
const CHAINS: u32 = 8;

fn probes(c: &mut Criterion) {
    let Some(selection) = support::adapter() else { return };
    let mut prober = GpuProber::open(&selection).expect("the adapter opens");
    let scale = Scale::of(prober.adapter().software);
    let mut group = c.benchmark_group("probes");
    group.sample_size(10).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(200));
    for probe in suite::every_kind(scale) {
        if matches!(probe.kind(), Kind::Arithmetic { chains, .. } if chains != CHAINS) {
            continue;
        }
        let wgsl = probe.compose().expect("the probes compose");
        if prober.set_up(&probe, &wgsl).is_err() {
            continue;
        }
        prober.poison().expect("the output can be overwritten");
        prober.submit(1).expect("the probe runs");
        let output = prober.output().expect("the output reads back");
        let checked = probe.check(&output.bytes, output.repeats, output.set);
        assert!(checked.passed, "{}: {checked:?}", probe.id());
        let work = if probe.kind().precision().is_some() { probe.flop() } else { probe.bytes() };
        if work > 0.0 {
            group.throughput(Throughput::Elements(work as u64));
        }
        group.bench_function(probe.id(), |b| {
            b.iter_custom(|repeats| support::time(&mut prober, repeats));
        });
    }
    group.finish();
}

criterion_group!(benches, probes);
criterion_main!(benches);
