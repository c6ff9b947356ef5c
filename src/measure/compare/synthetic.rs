//! Synthetic records for tests: figures of a known true time, with known noise within and between runs.

use crate::kernel::{Case, DataClass, Precision, Proof, Settings, Shape};
use crate::measure::record::{
    AdapterIdentity, Capabilities, Figure, Interval, METHOD, Record, SCHEMA, TimingMethod, Tool, Verdict,
};
use crate::stats::interval::median_95;
use crate::stats::synthetic::Noise;
use rand_chacha::ChaCha8Rng;

/// A record of this median time, with a 95 % interval of ± `half_width` (relative).
pub fn measured(seconds: f64, half_width: f64) -> Record {
    let interval = Interval { median: seconds, lo: seconds * (1.0 - half_width), hi: seconds * (1.0 + half_width) };
    of_interval(interval, 40)
}

/// A record of `samples` samples round `seconds`, each with the noise `within`.
pub fn sampled(rng: &mut ChaCha8Rng, seconds: f64, within: Noise, samples: usize) -> Record {
    let trace: Vec<f64> = (0..samples).map(|_| seconds * within.sample(rng)).collect();
    let found = median_95(&trace).expect("samples are finite");
    of_interval(Interval { median: found.median, lo: found.lo, hi: found.hi }, samples as u32)
}

fn of_interval(seconds: Interval, samples: u32) -> Record {
    let shape = Shape::square(512);
    let rate = |seconds: f64| shape.flop() / seconds * 1e-9;
    Record {
        schema: SCHEMA.to_string(),
        tool: Tool { version: "0.1.0".into(), method: METHOD, wgpu: "30.0.1".into(), naga: "30.0.1".into() },
        at: "2026-01-02T03:04:05Z".into(),
        adapter: AdapterIdentity {
            name: "Scripted adapter".into(),
            backend: "scripted".into(),
            device_type: "discrete_gpu".into(),
            driver: "script".into(),
            driver_info: "1.0".into(),
            vendor: 0x10de,
            device: 0x2330,
            software: false,
            capabilities: Capabilities::default(),
        },
        case: Case {
            kernel: "register_tiled".into(),
            tiling: "64x64x16/4x4".into(),
            precision: Precision::F32,
            shape,
            settings: Settings::default(),
            data: DataClass::Normal,
            seed: 1,
            wgsl_sha256: "00ff".into(),
        },
        tuned: None,
        spent: None,
        energy: None,
        missing: None,
        proof: Some(Proof { passed: true, worst: Some(0.1), vectors: 3, rows: 4, dispatches: None, failure: None }),
        samples: None,
        bounds: Vec::new(),
        figure: Some(Figure {
            timing_method: TimingMethod::DeviceSlope,
            seconds,
            gflop_per_s: Interval { median: rate(seconds.median), lo: rate(seconds.hi), hi: rate(seconds.lo) },
            samples,
            submission_s: None,
            clock_disagreement: None,
            burst_gflop_per_s: 0.0,
            sustained_gflop_per_s: None,
            settled_after_s: None,
        }),
        verdict: Verdict::Measured,
        reasons: Vec::new(),
    }
}
