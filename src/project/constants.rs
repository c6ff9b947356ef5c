//! The uncertain constants of the model: as they stand in `data/constants.toml`, and as plain numbers
//! for one evaluation.

use crate::provenance::Tier;
use crate::sourced::{Spread, Stamp, Value};
use crate::units::{Bandwidth, Bytes, BytesPerElement, NodeFailureRate, Ratio, Time};
use serde::{Deserialize, Serialize};

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident: $dimension:ty),+ $(,)?) => {
        /// The constants with spread and source.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct ConstantsFile {
            $($(#[$doc])* pub $name: Value<$dimension>,)+
        }

        /// One draw of the constants, in base units.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Constants {
            $($(#[$doc])* pub $name: f64,)+
        }

        impl ConstantsFile {
            /// Each at its median.
            pub fn medians(&self) -> Constants {
                Constants { $($name: self.$name.value,)+ }
            }

            /// Every constant: name, spread, stamp, value as written, unit, note.
            pub fn entries(&self) -> Vec<Entry<'_>> {
                vec![$(Entry {
                    name: stringify!($name),
                    median: self.$name.value,
                    spread: self.$name.spread,
                    stamp: &self.$name.stamp,
                    written: self.$name.written(),
                    unit: self.$name.unit(),
                    note: self.$name.note.as_deref(),
                },)+]
            }
        }

        impl Constants {
            /// From one value each, in the order of [`ConstantsFile::entries`].
            pub fn from_row(row: &[f64]) -> Self {
                let mut values = row.iter().copied();
                Constants { $($name: values.next().unwrap_or(f64::NAN),)+ }
            }

            /// The constant of that place in [`ConstantsFile::entries`].
            pub fn set(&mut self, index: usize, value: f64) {
                let fields: [&mut f64; COUNT] = [$(&mut self.$name,)+];
                if let Some(field) = fields.into_iter().nth(index) {
                    *field = value;
                }
            }
        }

        /// How many constants there are.
        pub const COUNT: usize = [$(stringify!($name),)+].len();
    };
}

constants! {
    /// Rate of a software stack over the median stack: one draw for all that computes.
    stack_quality: Ratio,
    /// Rate of products in training over that of the same product alone.
    training_gemm: Ratio,
    /// Rate of large products over the best one found.
    large_product: Ratio,
    /// Rate of 8-bit products in training, quantising included, over the products alone.
    fp8: Ratio,
    /// Best product over peak where nobody published one.
    unmeasured_gemm: Ratio,
    /// Seconds that a product costs beyond its flop.
    gemm_overhead: Time,
    /// Rate of attention over that of large products.
    attention: Ratio,
    /// The same of an eager stack.
    attention_eager: Ratio,
    /// Rate of 16-bit products and attention in training on accelerators of the H100's kind, over that of the
    /// surface.
    sustained: Ratio,
    /// Rate of what DeepSpeed's engine ran before 2023, over that of Megatron-LM.
    deepspeed_early: Ratio,
    /// Rate of the experts' grouped products over that of plain ones of their extents.
    expert_rate: Ratio,
    /// Seconds that routing costs per layer with experts, forward, beyond its bytes.
    routing: Time,
    /// Bytes that routing reads and writes per element of a routed token, forward.
    routing_bytes: BytesPerElement,
    /// Share of the memory bandwidth that element-wise operations reach.
    memory_efficiency: Ratio,
    /// The same of an eager stack with fused attention.
    memory_efficiency_eager: Ratio,
    /// The same of a stack before 2023.
    memory_efficiency_early: Ratio,
    /// Bytes that are written and read per attention score, forward, where scores are stored.
    score_bytes: BytesPerElement,
    /// Share of the memory bandwidth that the kernels of the scores reach.
    score_efficiency: Ratio,
    /// Host seconds per kernel.
    launch: Time,
    /// The same of an eager stack.
    launch_eager: Time,
    /// The same of a stack before 2023.
    launch_early: Time,
    /// Host time per kernel of a stack before 2023 where the tensor ranks fill a box, over that where not.
    launch_full_box: Ratio,
    /// Seconds that a memory-bound kernel of a stack before 2023 costs beyond its bytes.
    kernel_early: Time,
    /// Bandwidth of collectives in training over that of the same alone.
    collective_rate: Ratio,
    /// Time to start a collective in training over that of the same alone.
    collective_start: Ratio,
    /// Congestion of one network against another of its kind.
    fabric_efficiency: Ratio,
    /// Share of tensor-parallel communication that nothing hides.
    tensor_exposed: Ratio,
    /// Share of the window of a backward pass that reductions over the replicas can use.
    data_overlap: Ratio,
    /// Seconds of a step that no part of the model explains.
    step_fixed: Time,
    /// Share of the exchange with experts that nothing hides.
    expert_exposed: Ratio,
    /// Mutual slowdown of computation and communication that overlap.
    overlap_slowdown: Ratio,
    /// Tokens of the busiest expert rank over the mean.
    expert_imbalance: Ratio,
    /// Cost of a step at scale beyond the closed form.
    scale_factor: Ratio,
    /// What several boxes cost over what the closed form says, whichever way: 1 at the median.
    multi_node: Ratio,
    /// The same per doubling beyond the largest validated count.
    beyond_validated: Ratio,
    /// Bytes that the optimizer reads and writes per parameter.
    optimizer_bytes: BytesPerElement,
    /// Bytes that the framework keeps for itself.
    reserved_memory: Bytes,
    /// Bytes per second and accelerator to the host's memory.
    host_link: Bandwidth,
    /// Bytes per second and accelerator that the host's optimizer reads and writes.
    host_memory: Bandwidth,
    /// Failures per node of eight accelerators and second.
    failure_rate: NodeFailureRate,
}

/// One constant as the sampler and the report see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// Its name in the file.
    pub name: &'static str,
    /// Base units.
    pub median: f64,
    /// Base units.
    pub spread: Spread,
    /// Source, date, tier.
    pub stamp: &'a Stamp,
    /// As written.
    pub written: f64,
    /// Unit as written.
    pub unit: &'static str,
    /// What there is to say.
    pub note: Option<&'a str>,
}

impl Entry<'_> {
    /// Whether nobody measured it.
    pub fn assumed(&self) -> bool {
        self.stamp.tier >= Tier::Assumed
    }
}
