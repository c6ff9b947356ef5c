//! The layout to use where a scenario states none: every one of a small space that fits the memory,
//! costed at the medians.

use super::constants::Constants;
use super::machine::Machine;
use super::step::{Step, StepModel};
use crate::calibrate::Curve;
use crate::error::{Error, Result};
use crate::job::{Layout, Recompute, Run, Transformer, memory};

/// The quickest layout that fits, its step and how many were looked at.
pub fn best_layout(
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
    curve: Option<(&Curve, f64)>,
) -> Result<(Layout, Step, u64)> {
    let mut looked_at = 0u64;
    let mut best: Option<(Layout, Step)> = None;
    let mut smallest = f64::INFINITY;
    for layout in candidates(job, run, machine) {
        looked_at += 1;
        let need = memory::held(job, run, &layout).total() + constants.reserved_memory;
        smallest = smallest.min(need);
        if need > machine.memory {
            continue;
        }
        let step = StepModel::new(job, run, &layout, machine, curve).time(machine, constants, 1.0);
        // A layout that leaves accelerators idle is slower by itself: the batch is fixed.
        if best.as_ref().is_none_or(|(_, s)| step.total < s.total) {
            best = Some((layout, step));
        }
    }
    match best {
        Some((layout, step)) => Ok((layout, step, looked_at)),
        None if looked_at == 0 => Err(Error::usage(format!(
            "no layout: {} sequences per step cannot be spread over {} accelerators",
            run.batch, machine.accelerators
        ))
        .hint("give a larger `batch`, or more `accelerators`")),
        None => Err(Error::usage(format!(
            "no layout fits: the leanest of {looked_at} needs {:.1} GB of the {:.1} GB per accelerator",
            smallest / 1e9,
            machine.memory / 1e9
        ))
        .hint("more accelerators shard the state further; an accelerator with more memory holds it")),
    }
}

fn divisors(of: u32, up_to: u32) -> impl Iterator<Item = u32> + Clone {
    (1..=of.min(up_to)).filter(move |d| of.is_multiple_of(*d))
}

/// Layouts that [`Layout::check`] accepts: tensor ranks inside a scale-up domain, powers of two or
/// divisors of the layers as stages, replicas as many as fit and divide the batch.
fn candidates(job: &Transformer, run: &Run, machine: &Machine) -> Vec<Layout> {
    let count = machine.accelerators as u64;
    let domain = machine.domain as u32;
    let experts = job.experts.as_ref().map_or(1, |e| e.count);
    let batch = run.batch as u64;
    let mut found = Vec::new();
    for tensor in divisors(job.heads, domain.min(16)) {
        for pipeline in (1..=job.layers.min(64)).filter(|p| p.is_power_of_two() || job.layers.is_multiple_of(*p)) {
            let model = u64::from(tensor) * u64::from(pipeline);
            if model > count {
                continue;
            }
            for virtual_stages in [1, 2, 4] {
                let parts = pipeline * virtual_stages;
                if virtual_stages > 1 && (pipeline == 1 || !job.layers.is_multiple_of(parts)) {
                    continue;
                }
                for micro_batch in [1u32, 2, 4, 8] {
                    let most = (count / model).min(batch / u64::from(micro_batch));
                    let Some(data) = largest_divisor(batch / u64::from(micro_batch), most) else { continue };
                    if !batch.is_multiple_of(u64::from(micro_batch)) {
                        continue;
                    }
                    for expert in divisors(experts, 64) {
                        if !(data * u64::from(tensor)).is_multiple_of(u64::from(expert)) {
                            continue;
                        }
                        for recompute in [Recompute::None, Recompute::Full] {
                            for zero in [1, 3] {
                                found.push(Layout {
                                    tensor,
                                    pipeline,
                                    data: data as u32,
                                    context: 1,
                                    expert,
                                    expert_tensor: 1,
                                    virtual_stages,
                                    micro_batch,
                                    recompute,
                                    zero,
                                    sequence_parallel: true,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    found
}

/// The largest divisor of `n` that is at most `most`.
fn largest_divisor(n: u64, most: u64) -> Option<u64> {
    if n == 0 || most == 0 {
        return None;
    }
    // Divisors come in pairs, so the square root is far enough.
    let mut best = 1;
    let mut low = 1;
    while low * low <= n {
        if n.is_multiple_of(low) {
            for d in [low, n / low] {
                if d <= most && d > best {
                    best = d;
                }
            }
        }
        low += 1;
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Catalog;
    use super::super::scenario::Forecast;
    use super::*;

    #[test]
    fn every_candidate_is_a_layout_that_can_run() {
        let catalog = Catalog::built_in().unwrap();
        for name in catalog.scenarios.keys() {
            let f = Forecast::new(&catalog, name).unwrap();
            let all = candidates(f.job, &f.run, &f.machine);
            assert!(all.len() > 100, "{name}: {}", all.len());
            for layout in all {
                layout.check(f.job, &f.run).unwrap();
                assert!(layout.accelerators() as f64 <= f.machine.accelerators);
            }
        }
    }

    #[test]
    fn a_job_that_fits_nowhere_is_refused_with_what_it_lacks() {
        let catalog = Catalog::built_in().unwrap();
        let f = Forecast::new(&catalog, "xai-12k-h100-redirected").unwrap();
        let few = Machine { accelerators: 8.0, ..f.machine };
        let error = best_layout(f.job, &f.run, &few, &catalog.constants.medians(), None).unwrap_err();
        assert!(error.message().contains("needs") && error.hint_text().is_some(), "{error}");
    }

    #[test]
    fn the_largest_divisor_is_found() {
        for (n, most, want) in [(2048, 187, 128), (12, 5, 4), (7, 6, 1), (16_384, 4687, 4096), (1, 9, 1)] {
            assert_eq!(largest_divisor(n, most), Some(want));
        }
        assert_eq!(largest_divisor(0, 1), None);
    }
}
