//! The matrix products that one accelerator runs for a layer of a job, as shapes to measure.

use crate::error::{Error, Result};
use crate::job::{Layout, Pass, Run, Stack, Transformer, Work};
use crate::kernel::Shape;
use std::collections::BTreeMap;

/// Where a job's products come from: what of a layout changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Ranks that share each matrix.
    pub tensor: u32,
    /// Ranks that share the experts of a layer.
    pub expert: u32,
    /// Sequences per microbatch.
    pub micro_batch: u32,
    /// Tokens per sequence.
    pub sequence: u32,
}

/// The distinct shapes of a layer's products, forward, data and weight gradient, in the order in which a
/// layer runs them, then the output layer's; each with how often a layer (or the output layer) runs it. The
/// experts on a rank are a batch, each with its even share of the tokens.
///
/// # Errors
/// Exit code 2 for a slice that the job cannot be cut into.
pub fn products(name: &str, job: &Transformer, slice: Slice) -> Result<Vec<(Shape, f64)>> {
    if slice.sequence == 0 {
        return Err(Error::usage("a sequence of 0 tokens").hint("give at least 1 with `--sequence`"));
    }
    let layout = Layout {
        tensor: slice.tensor,
        // Replicas enough that the experts' ranks divide them.
        data: slice.expert.max(1),
        expert: slice.expert,
        micro_batch: slice.micro_batch,
        ..Layout::default()
    };
    let run = Run {
        sequence: f64::from(slice.sequence),
        batch: f64::from(slice.micro_batch) * f64::from(layout.data),
        stack: Stack::Fused,
        causal: 0.5,
    };
    layout.check(job, &run).map_err(|e| e.context(format!("job `{name}`")))?;
    let work = Work::new(job, &run, &layout);
    let mut order = Vec::new();
    let mut times: BTreeMap<Shape, f64> = BTreeMap::new();
    for gemm in work.gemms().iter().chain([&work.logits]) {
        for pass in Pass::ALL {
            let gemm = gemm.of(pass);
            let extent = |e: f64| (e.round().max(1.0)).min(f64::from(u32::MAX)) as u32;
            let shape = Shape::new(extent(gemm.m), extent(gemm.n), extent(gemm.k))?.batched(extent(gemm.batch))?;
            if !times.contains_key(&shape) {
                order.push(shape);
            }
            *times.entry(shape).or_insert(0.0) += gemm.times;
        }
    }
    Ok(order.into_iter().map(|shape| (shape, times[&shape])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Catalog;

    const SLICE: Slice = Slice { tensor: 8, expert: 8, micro_batch: 1, sequence: 8192 };

    #[test]
    fn the_products_of_every_job_in_the_catalogue_are_shapes_of_its_layers_work() {
        let catalog = Catalog::built_in().unwrap();
        for name in ["grok-1", "llama-3-405b", "deepseek-v3", "gpt-3-175b"] {
            let job = catalog.job(name).unwrap();
            let slice = Slice { expert: if job.experts.is_some() { 8 } else { 1 }, ..SLICE };
            let products = products(name, job, slice).unwrap();
            assert!(products.len() >= 9, "{name}: {products:?}");
            let flop: f64 = products.iter().map(|(s, times)| s.flop() * times).sum();
            // Three passes, each tensor rank an eighth; attention's core is no product of this list.
            let tokens = f64::from(SLICE.sequence);
            let share = 1.0 / f64::from(job.layers);
            let embedding = f64::from(job.vocab) * f64::from(job.hidden);
            let least = 6.0 * tokens / 8.0 * share * (job.active_params() - 2.0 * embedding);
            assert!(flop > 0.9 * least, "{name}: {flop} of {least}");
        }
    }

    #[test]
    fn experts_are_a_batch_and_gradients_sum_over_tokens() {
        let catalog = Catalog::built_in().unwrap();
        let slice = Slice { expert: 1, ..SLICE };
        let products = products("grok-1", catalog.job("grok-1").unwrap(), slice).unwrap();
        assert!(products.iter().any(|(s, _)| s.batch == 8), "{products:?}");
        assert!(products.iter().any(|(s, _)| s.k == 8192) && products.iter().any(|(s, _)| s.m == 8192));
    }

    #[test]
    fn a_slice_that_the_job_cannot_be_cut_into_is_refused() {
        let catalog = Catalog::built_in().unwrap();
        let job = catalog.job("grok-1").unwrap();
        for slice in [Slice { tensor: 7, ..SLICE }, Slice { sequence: 0, ..SLICE }, Slice { expert: 3, ..SLICE }] {
            assert_eq!(products("grok-1", job, slice).unwrap_err().exit_code(), 2, "{slice:?}");
        }
    }
}
