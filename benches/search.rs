//! Host costs: layouts per second of a search, and a whole projection.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flopcast::cluster::Format;
use flopcast::project::{Asked, Catalog, Options, Place, Rules, Space, Study, Target, USUAL_LOSSES, Watch, run};
use std::hint::black_box;

fn search(c: &mut Criterion) {
    let catalog = Catalog::built_in().expect("the built-in catalogue");
    let target = Target {
        place: Place::Count("a100".into(), 4096),
        job: "gpt-3-175b".into(),
        format: Format::Bf16,
        sequence: None,
        batch: Some(2048),
        rules: Rules::free(Space::Full),
        fabric: None,
        checkpoint: USUAL_LOSSES.0,
        restart: USUAL_LOSSES.1,
    };
    let asked = Asked::new(&catalog, &target).expect("a target that can be");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    let watch = Watch { done: &|_, _| {}, go_on: &|| true };
    let strategies = asked.search(&catalog, &watch).strategies;
    let mut group = c.benchmark_group("search");
    group.sample_size(10).throughput(Throughput::Elements(strategies));
    group.bench_function("gpt-3-175b on 4096 a100, one thread", |b| {
        b.iter(|| black_box(pool.install(|| asked.search(&catalog, &watch))));
    });
    group.finish();
}

fn projection(c: &mut Criterion) {
    let catalog = Catalog::built_in().expect("the built-in catalogue");
    let mut group = c.benchmark_group("projection");
    group.sample_size(10);
    group.bench_function("grok-1 on 300,000 b200, search and draws included", |b| {
        b.iter(|| black_box(run(&catalog, "xai-300k-b200", None, &Options::default())));
    });
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    for name in ["xai-300k-b200", "xai-12k-h100-redirected"] {
        let found = Study::new(&catalog, name, None, &Options::default()).expect("a scenario that can be");
        let options = Options { layout: Some(*found.layout().0), ..Options::default() };
        group.bench_function(format!("one strategy of {name}, 4,096 draws with sensitivities, one thread"), |b| {
            b.iter(|| {
                pool.install(|| {
                    let study = Study::new(&catalog, name, None, &options).expect("the same again");
                    black_box(study.sensitivities())
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, search, projection);
criterion_main!(benches);
