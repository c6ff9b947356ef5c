//! The axes of a search: what one layer costs depends on few of them, the rest is put together from it.

use super::rules::{Objective, Rules, Space};
use crate::job::{BATCH_ROUNDING, ContextExchange, Layout, Offload, Recompute, Run, Schedule, Stack, Transformer};
use crate::project::machine::Machine;
use crate::stats::gcd;

/// The axes of a layer: everything else is put together from them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axes {
    pub tensor: u32,
    pub context: u32,
    pub exchange: ContextExchange,
    pub expert: u32,
    pub micro_batch: u32,
    pub sequence_parallel: bool,
}

pub(super) const RECOMPUTE: [Recompute; 3] = [Recompute::None, Recompute::Half, Recompute::Full];

/// Every combination of a layer's axes, in a fixed order.
pub(super) fn axes(rules: &Rules, job: &Transformer, run: &Run, machine: &Machine) -> Vec<Axes> {
    let experts = job.experts.as_ref().map_or(1, |e| e.count);
    let space = rules.space;
    let batch = run.batch as u32;
    let domain = if rules.node_limited { machine.domain.min(machine.node) } else { machine.domain } as u32;
    let mut all = Vec::new();
    for tensor in divisors(job.heads, domain.min(64).min(rules.max_tensor)) {
        if space == Space::Common && !tensor.is_power_of_two() {
            continue;
        }
        for context in [1u32, 2, 4, 8, 16, 32, 64] {
            // Below 2,048 tokens a rank has too little attention to hide a hop behind.
            if context > rules.max_context {
                continue;
            }
            if context > 1 && (run.sequence % f64::from(context) != 0.0 || run.sequence / f64::from(context) < 2_048.0)
            {
                continue;
            }
            let most = if rules.node_limited { domain } else { 1024 };
            for &exchange in exchanges(rules, job, tensor, context) {
                for expert in divisors(experts, most.min(rules.max_expert)) {
                    for micro_batch in (1..=64.min(rules.max_micro_batch)).filter(|b| *b <= batch) {
                        // Sequences are split only once they are not batched any more.
                        let common = micro_batch.is_power_of_two() && micro_batch <= 16;
                        if (context > 1 && micro_batch > 1) || (space == Space::Common && !common) {
                            continue;
                        }
                        for sequence_parallel in [true, false] {
                            // With one rank there is nothing to split.
                            if sequence_parallel || (tensor > 1 && space == Space::Full) {
                                all.push(Axes { tensor, context, exchange, expert, micro_batch, sequence_parallel });
                            }
                        }
                    }
                }
            }
        }
    }
    all
}

fn exchanges(rules: &Rules, job: &Transformer, tensor: u32, context: u32) -> &'static [ContextExchange] {
    let whole_heads = job.heads.is_multiple_of(tensor * context);
    if rules.space == Space::Full && !rules.plain && context > 1 && whole_heads {
        &[ContextExchange::Ring, ContextExchange::AllToAll]
    } else {
        &[ContextExchange::Ring]
    }
}

/// Orders of the microbatches in a pipeline.
pub(super) fn schedules(rules: &Rules, layout: &Layout) -> &'static [Schedule] {
    const ALL: [Schedule; 3] = [Schedule::Alternating, Schedule::ZeroBubble, Schedule::DualPipe];
    if rules.space == Space::Common || rules.no_zero_bubble || layout.pipeline == 1 || layout.virtual_stages > 1 {
        return &ALL[..1];
    }
    // Microbatches from both ends need an even number of stages.
    if layout.pipeline.is_multiple_of(2) { &ALL } else { &ALL[..2] }
}

/// What the host may keep. Where whole layers are recomputed there is next to nothing left to send it.
pub(super) fn offloads(rules: &Rules, recompute: Recompute) -> &'static [Offload] {
    const ALL: [Offload; 4] = [Offload::None, Offload::Optimizer, Offload::Activations, Offload::Both];
    if rules.space == Space::Common || rules.no_offload {
        return &ALL[..1];
    }
    if recompute == Recompute::Full { &ALL[..2] } else { &ALL }
}

/// Replicas that state is sharded over: all (0), and those that share a scale-up domain.
pub(super) fn shards(rules: &Rules, layout: &Layout, domain: f64) -> ([u32; 2], usize) {
    let replicas = u64::from(layout.data) * u64::from(layout.context);
    let most = (domain as u64 / u64::from(layout.tensor)).min(replicas - 1);
    if rules.space == Space::Common || rules.plain {
        return ([0, 0], 1);
    }
    match (2..=most).rev().find(|shard| replicas.is_multiple_of(*shard)) {
        Some(shard) => ([0, shard as u32], 2),
        None => ([0, 0], 1),
    }
}

/// Shares of the replicas that fit which are tried: fewer accelerators fail less often, draw less power
/// and cost less, so that only the step itself is surely best with all of them.
pub(super) fn shares(rules: &Rules) -> &'static [f64] {
    if rules.objective == Objective::Step || rules.use_all { &[1.0] } else { &[1.0, 0.75, 0.5, 0.375, 0.25, 0.125] }
}

/// Most replicas, up to `most`, that divide a batch as it may be rounded, and that the expert ranks
/// divide: so that accelerators stay idle only where using them would be slower.
pub(super) fn replicas(batch: f64, layout: &Layout, most: u64) -> Option<u32> {
    let micro = f64::from(layout.micro_batch);
    let per_replica = u64::from(layout.tensor) * u64::from(layout.context);
    // The expert ranks divide all ranks of a stage only where the replicas are a multiple of this.
    let expert = u64::from(layout.expert) * u64::from(layout.expert_tensor);
    let whole = expert / gcd(expert, per_replica);
    let most = most.min((batch * (1.0 + BATCH_ROUNDING) / micro) as u64);
    // For each number of microbatches the most replicas that leave the batch within its rounding: they
    // waste least, and fewer of them with as many microbatches would only be slower.
    let least = (batch * (1.0 - BATCH_ROUNDING) / micro / most.max(1) as f64).ceil().max(1.0) as u64;
    let several = (least..least + 8).find_map(|microbatches| {
        let each = micro * microbatches as f64;
        let high = ((batch * (1.0 + BATCH_ROUNDING) / each) as u64).min(most);
        let low = (batch * (1.0 - BATCH_ROUNDING) / each).ceil().max(1.0) as u64;
        let data = high / whole * whole;
        (data >= low).then_some(data)
    });
    // Of a batch with few divisors none of these may come out. Then there are few replicas to try: from a fiftieth of
    // the batch down every number has a multiple within the rounding.
    let data = several.or_else(|| {
        let near = |data: &u64| {
            let run = Run { batch, sequence: 1.0, stack: Stack::Fused, causal: 0.5 };
            let rounded = Layout { data: *data as u32, ..*layout }.rounded_batch(&run);
            (rounded / batch - 1.0).abs() <= BATCH_ROUNDING * (1.0 + 1e-9)
        };
        (1..=most / whole).rev().map(|several| several * whole).find(near)
    });
    data.map(|data| data as u32)
}

fn divisors(of: u32, up_to: u32) -> impl Iterator<Item = u32> + Clone {
    (1..=of.min(up_to)).filter(move |d| of.is_multiple_of(*d))
}
