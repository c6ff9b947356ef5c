//! One published run: what it states, and what it measured.

use super::table::Line;
use crate::cluster::Format;
use crate::job::{Experts, Layout, Recompute, Run, Stack, Transformer};
use crate::project::catalog::Catalog;
use crate::project::constants::Constants;
use crate::project::machine::Machine;
use crate::provenance::Tier;
use crate::sourced::Stamp;
use serde::Serialize;

/// What a row states, ready to be predicted. Made without a look at the measured columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The transformer.
    pub job: Transformer,
    /// What is trained at once.
    pub run: Run,
    /// The hardware.
    pub machine: Machine,
    /// Whether the tokens were spread over the experts by force, as published tables of experts mostly are.
    pub balanced: bool,
    /// Every layout that agrees with what is stated.
    pub layouts: Vec<Layout>,
}

/// A prediction beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its id in the table.
    pub id: String,
    /// Who published it.
    pub source_group: String,
    /// `dense` or `moe`.
    pub arch: String,
    /// The accelerator, as the table calls it.
    pub accelerator: String,
    /// How many.
    pub n_accel: Option<f64>,
    /// Predicted seconds per step.
    pub predicted_s: Option<f64>,
    /// 5 % of the draws are below.
    pub p5_s: Option<f64>,
    /// 95 % of the draws are below.
    pub p95_s: Option<f64>,
    /// Measured seconds per step.
    pub measured_s: Option<f64>,
    /// Why there is no prediction or nothing to compare it with.
    pub refused: Option<String>,
}

impl Row {
    /// The row of a line; `predicted` is seconds, 5 % and 95 %.
    pub(super) fn new(line: &Line, predicted: Result<(f64, f64, f64), String>, measured: Result<f64, String>) -> Self {
        let text = |column: &str| line.text(column).unwrap_or_default().to_string();
        let mut row = Row {
            id: line.id(),
            source_group: text("source_group"),
            arch: text("arch"),
            accelerator: text("accelerator"),
            n_accel: line.number("n_accel").ok().flatten(),
            predicted_s: None,
            p5_s: None,
            p95_s: None,
            measured_s: measured.as_ref().ok().copied(),
            refused: measured.err(),
        };
        match predicted {
            Ok((seconds, p5, p95)) => {
                (row.predicted_s, row.p5_s, row.p95_s) = (Some(seconds), Some(p5), Some(p95));
            }
            Err(why) => row.refused = Some(why),
        }
        row
    }
}

/// Reads the measured columns.
pub struct Measured;

impl Measured {
    /// Seconds per step: stated, else from tokens per second, else from flop/s with the convention
    /// that the row states.
    pub fn of(line: &Line) -> Result<f64, String> {
        if let Some(ms) = line.number("step_time_ms")? {
            return Ok(ms / 1000.0);
        }
        if let Some(seconds) = line.number("step_time_s")? {
            return if seconds > 0.0 { Ok(seconds) } else { Err("`step_time_s`: 0".into()) };
        }
        let need = |column: &str| line.number(column)?.ok_or(format!("`{column}` is blank"));
        let (batch, sequence, count) = (need("global_batch")?, need("seq_len")?, need("n_accel")?);
        if let Some(rate) = line.number("tokens_per_s_per_accel")? {
            return Ok(batch * sequence / (rate * count));
        }
        let Some(tflops) = line.number("tflops_per_accel")? else {
            return Err("no `step_time_s`, `tokens_per_s_per_accel` or `tflops_per_accel`".into());
        };
        let params = need("params_total_b")? * 1e9;
        let definition = line.text("flop_definition").unwrap_or_default();
        // 6N per token, 8N where recomputation is counted; attention where the shape is known.
        let hardware = definition.contains("hardware") || definition.contains("incl. full recompute");
        let per_param = if hardware { 8.0 } else { 6.0 };
        let attention = match (line.number("layers")?, line.number("hidden")?) {
            (Some(l), Some(h)) => 2.0 * per_param * l * h * sequence,
            _ => 0.0,
        };
        Ok(batch * sequence * (per_param * params + attention) / (tflops * 1e12 * count))
    }
}

impl Case {
    /// The case of a line, or why it cannot be predicted.
    pub fn new(catalog: &Catalog, line: &Line) -> Result<Self, String> {
        if line.text("flags").is_some_and(|f| f.contains("PROXY")) {
            return Err("`flags`: a proxy with fewer layers than it names".into());
        }
        let need = |column: &str| line.whole(column)?.ok_or(format!("`{column}` is blank"));
        let (count, sequence, batch) = (need("n_accel")?, need("seq_len")?, need("global_batch")?);
        let job = transformer(catalog, line)?;
        job.check(line.text("model").unwrap_or("row")).map_err(|e| e.message().to_string())?;
        let year = line.number("year")?.unwrap_or(2024.0);
        let run = Run { sequence: f64::from(sequence), batch: f64::from(batch), stack: stack(line, year), causal: 0.5 };
        let machine = machine(catalog, line, f64::from(count))?;
        let layouts = layouts(line, &job, &run, &machine)?;
        let balanced = !line.text("flags").is_some_and(|f| f.contains("learned routing"));
        Ok(Case { job, run, machine, balanced, layouts })
    }

    /// The constants as they hold for this case.
    pub fn constants(&self, constants: &Constants) -> Constants {
        let expert_imbalance = if self.balanced { 1.0 } else { constants.expert_imbalance };
        Constants { expert_imbalance, ..*constants }
    }

    /// Accelerators.
    pub fn n_accel(&self) -> f64 {
        self.machine.accelerators
    }
}

/// The software: by the year, and by whose sharding it is.
fn stack(line: &Line, year: f64) -> Stack {
    let sharding = line.text("zero_fsdp").unwrap_or_default().to_lowercase();
    let xla = line.text("accelerator").is_some_and(|a| a.to_lowercase().contains("tpu"));
    match () {
        () if year < 2023.0 => Stack::Early,
        () if sharding.contains("fsdp") && !sharding.contains("megatron") && !xla => Stack::Eager,
        () => Stack::Fused,
    }
}

fn transformer(catalog: &Catalog, line: &Line) -> Result<Transformer, String> {
    let whole = |column| line.whole(column);
    let stamp = Stamp { source: "row".into(), date: "2024".into(), tier: Tier::Published };
    let sequence = whole("seq_len")?.unwrap_or(2048);
    let (Some(layers), Some(hidden)) = (whole("layers")?, whole("hidden")?) else {
        return generic(line, sequence, stamp);
    };
    let experts = whole("n_experts")?;
    let heads = whole("heads")?.unwrap_or((hidden / 128).max(1));
    // A built-in job of the same shape knows what the table has no column for.
    if let Some(known) = catalog.jobs.values().find(|j| {
        j.layers == layers
            && j.hidden == hidden
            && j.heads == heads
            && line.whole("kv_heads").ok().flatten().is_none_or(|kv| kv == j.kv_heads)
            && j.experts.as_ref().map(|e| e.count) == experts
            && line
                .whole("ffn_hidden")
                .ok()
                .flatten()
                .is_none_or(|f| f == j.ffn || j.experts.as_ref().is_some_and(|e| e.width == f))
    }) {
        let vocab = whole("vocab")?.unwrap_or(known.vocab);
        return Ok(Transformer { sequence, vocab, ..known.clone() });
    }
    let width = whole("ffn_hidden")?.unwrap_or(4 * hidden);
    let mut job = Transformer {
        title: line.text("model").unwrap_or("row").into(),
        layers,
        hidden,
        heads,
        kv_heads: whole("kv_heads")?.unwrap_or(heads),
        head_dim: (!hidden.is_multiple_of(heads)).then(|| (hidden / heads).max(1)),
        ffn: width,
        gated: false,
        vocab: whole("vocab")?.unwrap_or(51_200),
        tied: true,
        sequence,
        experts: None,
        latent: None,
        note: None,
        provenance: stamp,
    };
    if let Some(count) = experts {
        let active = whole("top_k")?.ok_or("`top_k` is blank")?;
        job.experts = Some(Experts { count, active, width, shared_width: 0, dense_layers: 0 });
        job.ffn = 0;
        job.gated = true;
    }
    // Whether there is a gate is not stated; the parameter count tells.
    if let Some(total) = line.number("params_total_b")? {
        let off = |gated: bool| (Transformer { gated, ..job.clone() }.params() / (total * 1e9)).ln().abs();
        job.gated = off(true) < off(false);
    }
    Ok(job)
}

/// A plain transformer of the stated size where no shape is given: 128 hidden per layer, as the
/// published ones have about.
fn generic(line: &Line, sequence: u32, stamp: Stamp) -> Result<Transformer, String> {
    let stated = line.number("params_total_b")?.filter(|p| *p > 0.0);
    let Some(billions) = stated.or_else(|| billions_in(line.text("model").unwrap_or_default())) else {
        return Err("neither `layers` and `hidden` nor `params_total_b`".into());
    };
    let active = line.number("params_active_b")?.unwrap_or(billions);
    if line.text("arch") == Some("moe") || active < 0.95 * billions {
        return Err("`layers` and `hidden` are blank in a mixture of experts".into());
    }
    let hidden = ((billions * 1e9 * 128.0 / 12.0).cbrt() / 256.0).round().max(1.0) * 256.0;
    let layers = (billions * 1e9 / (12.0 * hidden * hidden)).round().max(1.0);
    let heads = (hidden / 128.0) as u32;
    Ok(Transformer {
        title: line.text("model").unwrap_or("row").into(),
        layers: layers as u32,
        hidden: hidden as u32,
        heads,
        kv_heads: heads,
        head_dim: None,
        ffn: 4 * hidden as u32,
        gated: false,
        vocab: 32_000,
        tied: true,
        sequence,
        experts: None,
        latent: None,
        note: None,
        provenance: stamp,
    })
}

/// The size that a name ends in: `GPT3-20B` is 20.
fn billions_in(name: &str) -> Option<f64> {
    let number = name.trim_end().strip_suffix(['B', 'b'])?;
    let start = number.rfind(|c: char| !(c.is_ascii_digit() || c == '.'))? + 1;
    number[start..].parse().ok().filter(|b: &f64| *b > 0.0 && *b < 1e6)
}

fn format(line: &Line) -> Format {
    let text = line.text("precision").unwrap_or("bf16").to_lowercase();
    match () {
        () if text.contains("nvfp4") || text.contains("fp4") => Format::Fp4,
        () if text.contains("fp8") || text.contains("float8") => Format::Fp8,
        () => Format::Bf16,
    }
}

fn machine(catalog: &Catalog, line: &Line, count: f64) -> Result<Machine, String> {
    let name = line.text("accelerator").ok_or("`accelerator` is blank")?;
    let (own, accelerator) = catalog.accelerator_called(name).map_err(|e| e.message().to_string())?;
    let own = if own.is_empty() { name } else { own };
    // The fabric's own share is the constants' business; the row states the nominal rates.
    let node = catalog.node("hgx-h100").map_err(|e| e.message().to_string())?;
    let fabric = catalog.fabric("infiniband-ndr").map_err(|e| e.message().to_string())?;
    let format = format(line);
    let mut machine = Machine::new(accelerator, catalog.surface(own), node, fabric, format, count)
        .ok_or_else(|| format!("`precision`: no {format} peak is known of `{own}`"))?;
    let per_node = line.number("accel_per_node")?.filter(|n| *n >= 1.0).unwrap_or(8.0);
    machine.node = per_node;
    let title = name.to_lowercase();
    machine.domain = match () {
        () if title.contains("nvl72") || title.contains("nvl") => 72.0,
        // A slice of the torus is one scale-up domain.
        () if title.contains("tpu v5e") || title.contains("tpu v6e") => 256.0,
        () if title.contains("tpu v4") => 4096.0,
        () if title.contains("tpu v5p") => 8960.0,
        () if title.contains("tpu") => 256.0,
        () => per_node,
    }
    .min(count.max(1.0));
    if let Some(up) = line.number("intra_gbytes_s_per_dir")?.filter(|x| *x > 0.0) {
        machine.scale_up = up * 1e9;
    } else if accelerator.scale_up.is_none() {
        // One direction of a ring over a torus axis, both ways: two links of 45 GB/s.
        machine.scale_up = 90e9;
    }
    machine.scale_out = match line.number("inter_gbit_s_per_accel")?.filter(|x| *x > 0.0) {
        Some(gbit) => gbit * 0.125e9,
        None if title.contains("tpu") => 6.25e9,
        None if title.contains("a100") => 25e9,
        None => 50e9,
    };
    Ok(machine)
}

fn layouts(line: &Line, job: &Transformer, run: &Run, machine: &Machine) -> Result<Vec<Layout>, String> {
    let count = machine.accelerators as u32;
    let stated = |column| line.whole(column);
    let zero = match line.text("zero_fsdp").unwrap_or_default().to_lowercase() {
        z if z.contains("zero2") || z.contains("grad op") => 2,
        z if z.contains("zero3") || z.contains("fsdp") => 3,
        z if z.contains("zero") || z.contains("distributed optimizer") => 1,
        // Before 2023 a blank cell is plain data parallelism.
        _ if run.stack == Stack::Early => 0,
        _ => 1,
    };
    let recompute = match line.text("recompute").unwrap_or_default() {
        // The frameworks' default; the tables that leave it blank are of tuned recipes.
        "" | "none" => Recompute::None,
        r if r.contains("offload") => Recompute::None,
        r if r.contains("full") => Recompute::Full,
        // An eager stack that recomputes selectively does so for every other layer or product.
        r if r.contains("selective") && run.stack == Stack::Eager => Recompute::Half,
        r if r.contains("selective") => Recompute::Selective,
        _ => Recompute::None,
    };
    let one_of = |value: Option<u32>, choices: Vec<u32>| value.map_or(choices, |v| vec![v]);
    let no_layout = line.text("tp").is_none() && line.text("pp").is_none() && line.text("dp").is_none();
    let divisors = |n: u32, most: u32| (1..=n.min(most)).filter(|d| n.is_multiple_of(*d)).collect::<Vec<_>>();
    let (tensors, pipelines, contexts) = if no_layout && zero != 3 {
        let tensors = divisors(job.heads, (machine.domain as u32).min(16));
        (tensors, divisors(job.layers, 64), vec![1])
    } else {
        (one_of(stated("tp")?, vec![1]), one_of(stated("pp")?, vec![1]), one_of(stated("cp")?, vec![1]))
    };
    let experts = one_of(stated("ep")?, vec![1]);
    let etp = stated("etp")?.unwrap_or(1);
    let sequence_parallel = match line.text("sequence_parallel") {
        Some("no") => false,
        Some(_) => true,
        None => run.stack != Stack::Early,
    };
    let mut all = Vec::new();
    let mut why = String::from("no layout agrees with what is stated");
    for &tensor in &tensors {
        for &pipeline in &pipelines {
            for &context in &contexts {
                let model = (u64::from(tensor) * u64::from(pipeline)).saturating_mul(u64::from(context));
                if model == 0 || !u64::from(count).is_multiple_of(model) {
                    why = format!("tp · pp · cp = {model} does not divide `n_accel` {count}");
                    continue;
                }
                let data = (u64::from(count) / model) as u32;
                // Fully sharded ranks are replicas too; some tables count only what lies outside.
                let sharded = |dp: u32| zero == 3 && data.is_multiple_of(dp);
                if let Some(dp) = stated("dp")?
                    && dp != data
                    && !sharded(dp)
                {
                    why =
                        format!("tp · pp · dp · cp = {} is not `n_accel` {count}", model.saturating_mul(u64::from(dp)));
                    continue;
                }
                let per_replica = run.batch / f64::from(data);
                let micro = one_of(stated("micro_batch")?, vec![1, 2, 4, 8, 16]);
                let virtual_stages = match stated("vpp")? {
                    Some(v) => vec![v],
                    None if pipeline > 1 => {
                        let per_stage = job.layers / pipeline.max(1);
                        // Interleaving is the default of the frameworks that have it.
                        (1..=per_stage.clamp(1, 8)).filter(|v| per_stage.is_multiple_of(*v)).collect()
                    }
                    None => vec![1],
                };
                for &micro_batch in &micro {
                    for &virtual_stages in &virtual_stages {
                        {
                            for &expert in &experts {
                                let layout = Layout {
                                    tensor,
                                    pipeline,
                                    data,
                                    context,
                                    expert,
                                    expert_tensor: etp,
                                    virtual_stages: if pipeline > 1 { virtual_stages } else { 1 },
                                    micro_batch,
                                    recompute,
                                    zero,
                                    sequence_parallel,
                                };
                                // A stated microbatch that leaves a rest runs a last, smaller one.
                                let fits = per_replica >= f64::from(micro_batch) || stated("micro_batch")?.is_some();
                                match check(&layout, job, run) {
                                    Ok(()) if fits => all.push(layout),
                                    Ok(()) => {}
                                    Err(e) => why = e,
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    if all.is_empty() { Err(why) } else { Ok(all) }
}

/// [`Layout::check`], but for a batch that does not come out even: published runs round.
fn check(layout: &Layout, job: &Transformer, run: &Run) -> Result<(), String> {
    let per_step = f64::from(layout.data) * f64::from(layout.micro_batch);
    let even = Run { batch: per_step * (run.batch / per_step).ceil().max(1.0), ..*run };
    if run.batch < f64::from(layout.data) {
        return Err(format!("`global_batch`: {} sequences for {} replicas", run.batch, layout.data));
    }
    let result = layout.check(job, &even).map_err(|e| e.message().to_string());
    // Stages that the layers do not fill evenly were run all the same.
    if result.is_err()
        && layout.pipeline.saturating_mul(layout.virtual_stages) > job.layers
        && layout.pipeline <= job.layers
    {
        return Layout { virtual_stages: 1, ..*layout }.check(job, &even).map_err(|e| e.message().to_string());
    }
    result
}
