//! GPU time per family and shape, by the library's own clocks: the device's where the adapter has
//! one, else the host's.

mod support;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flopcast::gpu::GpuExecutor;
use flopcast::kernel::{DataClass, Family, Kernel, Operands, Precision, Settings, Shape, prove};
use flopcast::measure::{Executor, Timed};
use std::time::Duration;

fn matmul(c: &mut Criterion) {
    let Some(selection) = support::adapter() else { return };
    let mut executor = GpuExecutor::open(&selection).expect("the adapter opens");
    let class = executor.class();
    let mut group = c.benchmark_group("matmul");
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    for shape in [Shape::square(256), Shape::square(512)] {
        for family in Family::usual(class, Precision::F32) {
            let tiling = family.default_tiling(class, Precision::F32);
            let kernel = Kernel::compose(family, tiling, Precision::F32).expect("the defaults compose");
            if executor.prepare(&kernel, shape, Settings::default()).is_err() {
                continue;
            }
            let operands = Operands::of_class(shape, Precision::F32, DataClass::Normal, 1);
            executor.load(&operands).expect("the operands load");
            executor.submit(1).expect("the kernel runs");
            let output = executor.read().expect("the output reads back");
            assert!(prove(&operands, &output, Precision::F32, 1).passed, "a wrong kernel is not timed");
            group.throughput(Throughput::Elements(shape.flop() as u64));
            group.bench_function(BenchmarkId::new(family.name(), shape), |b| {
                b.iter_custom(|repeats| support::time(&mut executor, repeats));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, matmul);
criterion_main!(benches);
