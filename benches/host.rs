//! What the host does beside the device: compose a kernel, encode operands, prove an output, judge samples.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flopcast::kernel::{Class, DataClass, Family, Kernel, Matrix, Operands, Precision, Shape, prove, validate};
use flopcast::measure::steadiness::assess;
use flopcast::project::scaling::{Mode, Range, Scaled, scaling};
use flopcast::project::{Catalog, Options, run};
use flopcast::report::html::{Report, Shown, page};
use flopcast::stats::interval::median_95;
use flopcast::stats::ratio::unpaired;
use std::hint::black_box;

fn compose(c: &mut Criterion) {
    let mut group = c.benchmark_group("compose");
    group.sample_size(10);
    let class = Class { software: false, subgroup: Some(32), ..Default::default() };
    for family in [Family::Naive, Family::RegisterTiled] {
        let tiling = family.default_tiling(class, Precision::F32);
        let kernel = || Kernel::compose(family, tiling, Precision::F32).expect("the defaults compose");
        group.bench_function(BenchmarkId::new("compose", family.name()), |b| b.iter(|| black_box(kernel())));
        let text = kernel().wgsl;
        group.bench_function(BenchmarkId::new("validate", family.name()), |b| b.iter(|| validate(black_box(&text))));
    }
    group.finish();
}

fn operands(c: &mut Criterion) {
    let mut group = c.benchmark_group("operands");
    group.sample_size(10);
    let shape = Shape::square(512);
    let make = || Operands::of_class(shape, Precision::F32, DataClass::Normal, 1);
    group.throughput(Throughput::Elements(2 * 512 * 512));
    group.bench_function("draw 512x512x512", |b| b.iter(|| black_box(make())));
    let made = make();
    group.throughput(Throughput::Elements(512 * 512));
    for precision in [Precision::F32, Precision::F16] {
        group.bench_function(BenchmarkId::new("encode", precision), |b| {
            b.iter(|| black_box(precision.encode(&made.a.values)));
        });
    }
    group.finish();
}

fn proof(c: &mut Criterion) {
    let mut group = c.benchmark_group("proof");
    group.sample_size(10);
    for n in [128u32, 512] {
        let operands = Operands::exact(Shape::square(n), Precision::F32, 1);
        let product = product(&operands, n as usize);
        assert!(prove(&operands, &product, Precision::F32, 1).passed, "the product is right");
        group.throughput(Throughput::Elements(u64::from(n) * u64::from(n)));
        group.bench_function(BenchmarkId::new("prove", n), |b| {
            b.iter(|| black_box(prove(&operands, &product, Precision::F32, 1)));
        });
    }
    group.finish();
}

fn product(operands: &Operands, n: usize) -> Matrix {
    let mut c = Matrix::zeros(n, n);
    for row in 0..n {
        for k in 0..n {
            let a = operands.a.row(row)[k];
            let b = operands.b.row(k);
            c.values[row * n..][..n].iter_mut().zip(b).for_each(|(c, b)| *c += a * b);
        }
    }
    c
}

fn statistics(c: &mut Criterion) {
    let mut group = c.benchmark_group("statistics");
    group.sample_size(10);
    for n in [30usize, 1000] {
        // A clean trace: noise that repeats in no short cycle.
        let trace = |factor: u64| -> Vec<f64> {
            (0..n as u64).map(|i| 1.0 + 0.01 * ((i * factor % 1009) as f64 / 1009.0 - 0.5)).collect()
        };
        let (base, new) = (trace(617), trace(389));
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("interval", n), |b| b.iter(|| black_box(median_95(&base))));
        group.bench_function(BenchmarkId::new("steadiness", n), |b| b.iter(|| black_box(assess(&base))));
        group.bench_function(BenchmarkId::new("ratio", n), |b| b.iter(|| black_box(unpaired(&base, &new, 0.95))));
    }
    group.finish();
}

/// The page of a forecast with its curve: what the main job writes last.
fn report(c: &mut Criterion) {
    let catalog = Catalog::built_in().expect("the catalogue");
    let name = "xai-12k-h100-redirected";
    let range = Range { mode: Mode::Strong, from: 4096, to: 1 << 20, critical_batch: None };
    let shown = |file: &str| file.to_string();
    let report = Report {
        projections: vec![Shown {
            file: shown("p"),
            is: run(&catalog, name, None, &Options::default()).expect("a forecast"),
        }],
        scalings: vec![Shown { file: shown("s"), is: scaling(&catalog, name, range).expect("a curve") }],
        ..Report::default()
    };
    let mut group = c.benchmark_group("report");
    group.sample_size(10);
    group.bench_function("page", |b| b.iter(|| black_box(page(&report))));
    group.bench_function("curve", |b| {
        b.iter(|| black_box(Scaled::new(&catalog, name, range).map(Scaled::sparse).and_then(Scaled::scaling)));
    });
    group.finish();
}

criterion_group!(benches, compose, operands, proof, statistics, report);
criterion_main!(benches);
