//! What a row says of its layout, and every layout that agrees with it.

use super::hardware::plain;
use super::table::Line;
use crate::job::{ContextExchange, Layout, Offload, Recompute, Run, Schedule, Stack, Transformer};
use crate::project::machine::Machine;

/// Accelerators by the product of the axes, where the row states that of the replicas.
pub(super) fn product(line: &Line) -> Result<Option<u32>, String> {
    let Some(data) = line.whole("dp")? else { return Ok(None) };
    let mut all = u64::from(data);
    for axis in ["tp", "pp", "cp"] {
        all = all.saturating_mul(u64::from(line.whole(axis)?.unwrap_or(1)));
    }
    Ok(u32::try_from(all).ok())
}

fn has(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

/// Stage of state sharding, and the replicas it is done among (0 all).
fn sharding(line: &Line, stack: Stack, machine: &Machine) -> (u8, u32) {
    let text = plain(line.text("zero_fsdp").unwrap_or_default());
    let box_of = (machine.node as u32).max(1);
    match () {
        () if has(&text, &["hsdp", "hybridshard"]) => {
            // `HSDP (shard 64 x replicate 4)`: the first number is the group; a box where none is said.
            let digits = text.split(|c: char| !c.is_ascii_digit()).find_map(|d| d.parse().ok());
            (3, digits.filter(|d| *d > 1).unwrap_or(box_of))
        }
        () if has(&text, &["zero2", "gradop", "stage2", "shardgrad"]) => (2, 0),
        () if has(&text, &["zero3", "fsdp", "fullshard", "stage3", "fullysharded"]) => (3, 0),
        () if has(&text, &["zero0", "stage0", "ddp"]) || matches!(text.as_str(), "none" | "no") => (0, 0),
        () if has(&text, &["zero", "distributedopt", "distopt", "stage1", "optimizerstate"]) => (1, 0),
        // Before 2023 a blank cell is plain data parallelism.
        () if stack.early() => (0, 0),
        () => (1, 0),
    }
}

/// What is computed again; `None` where the row does not say.
fn recompute(line: &Line, stack: Stack) -> (Option<Recompute>, Offload) {
    let written = line.text("recompute").unwrap_or_default().to_lowercase();
    let text = plain(&written);
    let offload = if has(&text, &["offload"]) && !has(&text, &["nooffload"]) {
        if has(&text, &["optim"]) { Offload::Optimizer } else { Offload::Activations }
    } else {
        Offload::None
    };
    // An eager stack that recomputes selectively does so for every other layer or product.
    let some = if matches!(stack, Stack::Eager | Stack::Compiled) { Recompute::Half } else { Recompute::Selective };
    let what = match () {
        () if text.is_empty() => None,
        () if matches!(text.as_str(), "none" | "no" | "off" | "false" | "disabled" | "0") => Some(Recompute::None),
        () if has(&text, &["half", "everyother", "every2"]) => Some(Recompute::Half),
        // Selected before full: `selective (not full)`.
        () if has(&text, &["selective", "partial", "core", "attn", "norm", "moeact", "mlaup", "minimal"]) => Some(some),
        // XLA keeps the projections that it names and computes the rest again.
        () if has(&text, &["proj"]) => Some(Recompute::Full),
        () if has(&text, &["full", "all", "yes", "true", "uniform", "block", "layer", "checkpointing", "on"]) => {
            Some(Recompute::Full)
        }
        () => Some(Recompute::None),
    };
    (what, offload)
}

/// The order of the pipeline, and whether it is said to be interleaved or not.
fn schedule(line: &Line) -> (Schedule, Option<bool>) {
    let said = format!("{} {}", line.text("schedule").unwrap_or_default(), line.text("flags").unwrap_or_default());
    let said = said.to_lowercase();
    match () {
        () if has(&said, &["dualpipe", "dual pipe"]) => (Schedule::DualPipe, Some(false)),
        () if has(&said, &["zero-bubble", "zero bubble", "zb1p", "zb-h1", "zbh1"]) => {
            (Schedule::ZeroBubble, Some(false))
        }
        () if said.contains("interleav") && !said.contains("interleave not") => (Schedule::Alternating, Some(true)),
        () if has(&said, &["1f1b", "gpipe", "non-interleaved"]) => (Schedule::Alternating, Some(false)),
        () => (Schedule::Alternating, None),
    }
}

fn divisors(n: u32, most: u32) -> Vec<u32> {
    (1..=n.min(most)).filter(|d| n.is_multiple_of(*d)).collect()
}

/// Every layout that agrees with what the row states.
pub(super) fn layouts(line: &Line, job: &Transformer, run: &Run, machine: &Machine) -> Result<Vec<Layout>, String> {
    let count = machine.accelerators as u32;
    let stated = |column| line.whole(column);
    let (zero, shard) = sharding(line, run.stack, machine);
    let (again, offload) = recompute(line, run.stack);
    let (schedule, interleaved) = schedule(line);
    let flags = plain(line.text("flags").unwrap_or_default());
    let context_exchange = if has(&flags, &["ulysses", "a2acontext", "cpcommtypea2a"]) {
        ContextExchange::AllToAll
    } else {
        ContextExchange::Ring
    };
    let one_of = |value: Option<u32>, choices: Vec<u32>| value.map_or(choices, |v| vec![v]);
    let (tp, pp, cp, dp) = (stated("tp")?, stated("pp")?, stated("cp")?, stated("dp")?);
    let wide = (machine.domain as u32).clamp(1, 16);
    let said = (u64::from(tp.unwrap_or(1)) * u64::from(pp.unwrap_or(1))).saturating_mul(u64::from(cp.unwrap_or(1)));
    // Fully sharded ranks are replicas too; some tables count only what lies outside.
    let open = (tp.is_none() && pp.is_none() && dp.is_none() && zero != 3)
        || dp.is_some_and(|dp| zero != 3 && u64::from(dp).saturating_mul(said) < u64::from(count));
    let (tensors, pipelines) = if open {
        (one_of(tp, divisors(job.heads, wide)), one_of(pp, divisors(job.layers, 64)))
    } else {
        (vec![tp.unwrap_or(1)], vec![pp.unwrap_or(1)])
    };
    let context = cp.unwrap_or(1);
    let torus = stated("micro_batch")?.is_some() && plain(line.text("accelerator").unwrap_or_default()).contains("tpu");
    let etp = stated("etp")?.unwrap_or(1);
    let sequence_parallel = match line.text("sequence_parallel").map(plain).as_deref() {
        Some("no" | "false" | "0" | "off") => false,
        Some(_) => true,
        None => !run.stack.early(),
    };
    let mut all = Vec::new();
    let mut why = String::from("no layout agrees with what is stated");
    for &tensor in &tensors {
        for &pipeline in &pipelines {
            let model = (u64::from(tensor) * u64::from(pipeline)).saturating_mul(u64::from(context));
            if model == 0 || !u64::from(count).is_multiple_of(model) {
                why = format!("tp · pp · cp = {model} does not divide `n_accel` {count}");
                continue;
            }
            let data = (u64::from(count) / model) as u32;
            if let Some(dp) = dp
                && !agrees(dp, data, context, stated("ep")?.unwrap_or(1), zero)
            {
                why = format!("tp · pp · dp · cp = {} is not `n_accel` {count}", model.saturating_mul(u64::from(dp)));
                continue;
            }
            let per_replica = run.batch / f64::from(data);
            let micro = one_of(stated("micro_batch")?, vec![1, 2, 4, 8, 16]);
            let virtual_stages = stages(stated("vpp")?, interleaved, pipeline, job, schedule);
            let ranks = u64::from(data) * u64::from(context) * u64::from(tensor);
            let experts = match (stated("ep")?, &job.experts) {
                // Experts whose ranks are not said stand as far apart as a box, or not at all.
                (None, Some(e)) => [machine.domain.min(8.0) as u32, 1]
                    .into_iter()
                    .filter(|ep| *ep > 0 && e.count.is_multiple_of(*ep) && ranks.is_multiple_of(u64::from(*ep)))
                    .take(1)
                    .collect(),
                (None, None) => vec![1],
                (Some(ep), Some(e)) => vec![shared_out(ep, e.count, ranks, etp)],
                // A dense job has none, whatever is stated.
                (Some(_), None) => vec![1],
            };
            let shard = if u64::from(data) * u64::from(context) > u64::from(shard) { shard } else { 0 };
            for &micro_batch in &micro {
                // On a torus the batch is stated per chip, and a replica runs all of its own at once.
                let micro_batch = if torus {
                    micro_batch.saturating_mul(tensor.saturating_mul(context)).min(per_replica as u32).max(1)
                } else {
                    micro_batch
                };
                for &virtual_stages in &virtual_stages {
                    for &expert in &experts {
                        let layout = Layout {
                            tensor,
                            pipeline,
                            data,
                            context,
                            expert,
                            expert_tensor: if job.experts.is_some() { etp } else { 1 },
                            virtual_stages,
                            micro_batch,
                            recompute: again.unwrap_or(Recompute::None),
                            zero,
                            sequence_parallel,
                            schedule: if pipeline > 1 { schedule } else { Schedule::Alternating },
                            context_exchange,
                            offload,
                            shard: if (data * context).is_multiple_of(shard.max(1)) { shard } else { 0 },
                            lighter_ends: 0,
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
    if all.is_empty() { Err(why) } else { Ok(all) }
}

/// Whether a stated number of replicas is what is left of the accelerators: counted with the context
/// ranks, without the expert ranks, or without those that share the state, as tables do.
fn agrees(dp: u32, data: u32, context: u32, expert: u32, zero: u8) -> bool {
    dp == data
        || u64::from(dp) == u64::from(data) * u64::from(context)
        || u64::from(dp) * u64::from(expert) == u64::from(data)
        || (zero == 3 && data.is_multiple_of(dp))
}

/// Interleaved parts per stage: as stated where the layers suffice; else the likely ones.
fn stages(
    stated: Option<u32>,
    interleaved: Option<bool>,
    pipeline: u32,
    job: &Transformer,
    schedule: Schedule,
) -> Vec<u32> {
    if pipeline <= 1 || schedule != Schedule::Alternating {
        return vec![1];
    }
    let most = (job.layers / pipeline).max(1);
    let parts = |from: u32| (from..=most.clamp(1, 8)).filter(|v| most.is_multiple_of(*v)).collect::<Vec<_>>();
    match (stated, interleaved) {
        (Some(v), _) => vec![v.min(most)],
        (None, Some(false)) => vec![1],
        (None, Some(true)) if most > 1 => parts(2),
        // Interleaving is the default of the frameworks that have it.
        _ => parts(1),
    }
}

/// The largest number of expert ranks up to the stated one that the experts and the ranks allow.
fn shared_out(stated: u32, experts: u32, ranks: u64, etp: u32) -> u32 {
    let fits = |ep: u32| experts.is_multiple_of(ep) && ranks.is_multiple_of(u64::from(ep) * u64::from(etp.max(1)));
    (1..=stated.min(experts)).rev().find(|ep| fits(*ep)).unwrap_or(stated)
}

/// [`Layout::check`], but for a batch that does not come out even: published runs round.
fn check(layout: &Layout, job: &Transformer, run: &Run) -> Result<(), String> {
    let per_step = f64::from(layout.data) * f64::from(layout.micro_batch);
    let even = Run { batch: per_step * (run.batch / per_step).ceil().max(1.0), ..*run };
    if run.batch < f64::from(layout.data) {
        return Err(format!("`global_batch`: {} sequences for {} replicas", run.batch, layout.data));
    }
    layout.check(job, &even).map_err(|e| e.message().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::Case;
    use super::super::table::read_table_text;
    use super::*;
    use crate::project::catalog::Catalog;

    fn of(head: &str, row: &str) -> Result<Vec<Layout>, String> {
        let text = format!(
            "accelerator,accel_per_node,n_accel,seq_len,global_batch,layers,hidden,heads,year,{head}\n\
             H100,8,64,4096,256,32,4096,32,2024,{row}\n"
        );
        let line = read_table_text(&text, "t").unwrap().remove(0);
        Case::new(&Catalog::built_in().unwrap(), &line).map(|case| case.layouts)
    }

    fn one(head: &str, row: &str) -> Layout {
        of(head, row).unwrap()[0]
    }

    #[test]
    fn sharding_is_read_from_what_people_write() {
        for (written, zero, shard) in [
            ("FSDP full shard (zero3)", 3, 0),
            ("HSDP", 3, 8),
            ("HSDP (shard 16 x replicate 4)", 3, 16),
            ("hybrid_shard", 3, 8),
            ("DeepSpeed ZeRO-2", 2, 0),
            ("ZeRO stage 1", 1, 0),
            ("distributed optimizer", 1, 0),
            ("DDP", 0, 0),
            ("", 1, 0),
        ] {
            let layout = one("zero_fsdp,micro_batch", &format!("{written},1"));
            assert_eq!((layout.zero, layout.shard), (zero, shard), "{written}");
        }
    }

    #[test]
    fn recomputation_is_read_from_what_people_write() {
        for (written, what, offload) in [
            ("none", Recompute::None, Offload::None),
            ("full (uniform; 1 layer)", Recompute::Full, Offload::None),
            ("selective: core_attn", Recompute::Selective, Offload::None),
            ("qkv_proj_offloaded", Recompute::Full, Offload::Activations),
            ("activation checkpointing", Recompute::Full, Offload::None),
            ("optimizer offload", Recompute::None, Offload::Optimizer),
        ] {
            let layout = one("recompute,micro_batch", &format!("{written},1"));
            assert_eq!((layout.recompute, layout.offload), (what, offload), "{written}");
        }
    }

    #[test]
    fn schedules_are_read_from_the_flags() {
        let at = |flags: &str| of("pp,tp,micro_batch,flags", &format!("4,1,1,{flags}")).unwrap();
        assert!(at("schedule 1f1b").iter().all(|l| l.virtual_stages == 1));
        assert!(at("schedule interleaved").iter().all(|l| l.virtual_stages > 1));
        assert!(at("DualPipe").iter().all(|l| l.schedule == Schedule::DualPipe && l.virtual_stages == 1));
        assert!(at("ZB1P").iter().all(|l| l.schedule == Schedule::ZeroBubble));
    }

    #[test]
    fn replicas_are_counted_as_tables_count_them() {
        // Context ranks inside the replicas, an axis left blank that the others imply.
        assert_eq!(one("tp,pp,dp,cp", "2,1,32,2").data, 16);
        assert!(of("tp,pp,dp,cp", "2,,8,1").unwrap().iter().all(|l| l.pipeline == 4));
        assert!(of("tp,pp,dp,cp", "2,1,24,1").unwrap_err().contains("is not `n_accel` 64"));
    }

    #[test]
    fn more_parts_than_layers_become_as_many_as_there_are() {
        assert_eq!(one("tp,pp,vpp,micro_batch", "1,8,12,1").virtual_stages, 4);
    }
}
