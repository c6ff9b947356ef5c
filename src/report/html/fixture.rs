//! One of each kind of result that is more than a record and a forecast, made by scripted devices and the catalogue, read
//! back from its JSON as a report reads it.

use super::{Report, Shown};
use crate::kernel::{Family, Kernel, Operands, Precision, Settings, Shape};
use crate::measure::ab::{self, Budget, Entry};
use crate::measure::compare::synthetic::measured;
use crate::measure::compare::{self, compare};
use crate::measure::doctor::{Cpu, CpuTimes};
use crate::measure::portability::{self, Costs};
use crate::measure::record::Record;
use crate::measure::scripted::{Script, ScriptedExecutor};
use crate::measure::smoke::{self, Baseline, Host, Watch};
use crate::measure::tune::{self, Candidate, Wish, best_shape::best_shape, found};
use crate::project::comparison;
use crate::project::study::{EXPLAIN_SCHEMA, Explanation};
use crate::project::validate::{self, Validation};
use crate::project::{Catalog, Options, Output, Place, Rules, Space, Study, Target, USUAL_LOSSES, plan};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::ControlFlow;

const SHAPE: Shape = Shape { m: 24, n: 20, k: 16, batch: 1 };

/// Written and read again.
fn again<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

fn device() -> ScriptedExecutor {
    let cost = |kernel: &Kernel, _: Settings, _: &Operands| if kernel.family == Family::Naive { 3.0 } else { 1.0 };
    ScriptedExecutor::new(Script { flop_per_s: 1e9, cost: Box::new(cost), ..Script::honest() })
}

struct Idle(u64);

impl Cpu for Idle {
    fn times(&mut self) -> Option<CpuTimes> {
        self.0 += 100;
        Some(CpuTimes { total: self.0, busy: 0, own: 0, stolen: 0 })
    }

    fn spin(&mut self, steps: u64) -> u64 {
        steps
    }
}

fn trial() -> ab::View {
    let side = |spec: &str| {
        let parsed: ab::Spec = spec.parse().unwrap();
        let kernel = parsed.kernel(Default::default(), Precision::F32).unwrap();
        Entry { spec: spec.into(), kernel, settings: parsed.settings, data: parsed.data }
    };
    let threshold: compare::Threshold = "2%".parse().unwrap();
    let budget = Budget { seconds: 10.0, threshold };
    let sides = [side("naive"), side("register_tiled")];
    let what = (SHAPE, Precision::F32, 7);
    let trial = ab::run(&mut device(), &sides, what, budget, &|| false, &mut |_, _| {}, &mut |_| Ok(())).unwrap();
    ab::view(&trial, threshold).unwrap()
}

fn smoked() -> smoke::Smoke {
    let host = Host { threads: 2 };
    let run = |baseline: Option<&Baseline>| {
        let mut watch = Watch { cpu: &mut Idle(0), observe: &mut |_, _| {}, stop: &|| false };
        smoke::run(&mut device(), None, baseline.map(std::slice::from_ref).unwrap_or_default(), &host, &mut watch)
            .unwrap()
    };
    let first = run(None);
    let mut baseline = Baseline::new(&first.adapter, &host, String::new());
    let ratios: Vec<_> = first.relative.iter().map(|r| (r.kernel.clone(), r.ratio)).collect();
    (0..5).for_each(|_| baseline.add(&ratios, "2026-01-02T03:04:05Z".into()));
    run(Some(&baseline))
}

fn tuned() -> (found::Kernel, found::Shape) {
    let wish = Wish {
        precision: Precision::F32,
        families: vec![Family::Naive, Family::RegisterTiled],
        shapes: vec![Shape::square(64), Shape::square(32)],
        budget_s: 5.0,
        seed: 1,
    };
    let tuning = tune::tune(&mut device(), &wish, &mut |_| ControlFlow::Continue(())).unwrap();
    let family = Family::RegisterTiled;
    let kernel = Kernel::compose(family, family.tilings()[0], Precision::F32).unwrap();
    let candidate = Candidate { kernel, settings: Settings::default() };
    let shape = best_shape(&mut device(), &candidate, 5.0, 1, &mut |_| ControlFlow::Continue(())).unwrap();
    (found::Kernel::from(&tuning), found::Shape::from(&shape))
}

fn costs() -> Costs {
    let mut device = device();
    let pairs = portability::pairs(Default::default()).unwrap();
    let time = portability::Time { seconds: 0.5, most: None, stop: &|| false };
    let costs = pairs.iter().map(|pair| portability::cost(&mut device, pair, SHAPE, &time, 1)).collect();
    Costs { schema: portability::SCHEMA.into(), adapter: trial().adapter, costs }
}

/// All of them, of a device that is called as it likes.
pub fn others(name: &str, software: bool, catalog: &Catalog) -> Report {
    let file = |file: &str| format!("{file} {name}");
    let side = |slow: f64| -> Vec<Record> {
        let of = |(what, seconds): (&str, f64)| {
            let mut record = measured(seconds, 0.001);
            record.case.kernel = format!("{what} {name}");
            record.adapter.software = software;
            record
        };
        [("same", 1e-3), ("slow", slow)].map(of).into()
    };
    let gate = compare(&side(1e-3), &side(2e-3), "5%".parse().unwrap());
    let (mut kernel, mut shape) = tuned();
    let (mut trial, mut smoke, mut costs) = (trial(), smoked(), costs());
    for adapter in [&mut kernel.adapter, &mut shape.adapter, &mut trial.adapter, &mut smoke.adapter, &mut costs.adapter]
    {
        adapter.name = name.into();
        adapter.software = software;
    }
    trial.software = software;
    trial.sides[0].spec = name.into();
    smoke.tests[0].name = name.into();
    smoke.tests[0].outcome = smoke::Outcome::Skipped(format!("{name} and `--flag`"));
    let study = Study::new(catalog, "xai-12k-h100-redirected", None, &Options::default()).unwrap();
    let tree = study.explain(catalog, Output::RunDays).unwrap();
    let explanation = Explanation { schema: EXPLAIN_SCHEMA.into(), scenario: name.into(), tree };
    let target = Target {
        place: Place::Count("a100".into(), 16),
        job: "llama-3-8b".into(),
        format: crate::cluster::Format::Bf16,
        sequence: None,
        rules: Rules::free(Space::Common),
        batch: Some(64),
        fabric: None,
        checkpoint: USUAL_LOSSES.0,
        restart: USUAL_LOSSES.1,
    };
    let mut search = plan(catalog, &target).unwrap();
    search.warnings.push(name.into());
    let mut compared = comparison::compare(catalog, "rubin").unwrap();
    compared.comparison.note = name.into();
    let mut rows = Vec::new();
    let lines = validate::built_in_table().unwrap().into_iter().step_by(17).map(Ok);
    let figures = validate::validate(catalog, lines, |row| {
        rows.push(row.clone());
        Ok(())
    });
    rows[0].id = name.into();
    rows[1].refused = Some(name.into());
    let validation = Validation { schema: validate::SCHEMA.into(), rows: Some(rows), figures: figures.unwrap() };
    Report {
        tunings: vec![Shown { file: file("tuning.json"), is: again(&kernel) }],
        best_shapes: vec![Shown { file: file("shape.json"), is: again(&shape) }],
        portability: vec![Shown { file: file("costs.json"), is: again(&costs) }],
        trials: vec![Shown { file: file("trial.json"), is: again(&trial) }],
        gates: vec![Shown { file: file("gate.json"), is: again(&gate) }],
        smokes: vec![Shown { file: file("smoke.json"), is: again(&smoke) }],
        comparisons: vec![Shown { file: file("comparison.json"), is: again(&compared) }],
        searches: vec![Shown { file: file("search.json"), is: again(&search) }],
        explanations: vec![Shown { file: file("explanation.json"), is: again(&explanation) }],
        validations: vec![Shown { file: file("validation.json"), is: again(&validation) }],
        ..Report::default()
    }
}
