//! The only place where calibration, cluster and job meet: step time, memory fit, goodput, the range
//! of each and what it rests on.

mod catalog;
pub mod comparison;
mod constants;
mod equivalents;
pub mod how_many;
mod linpack;
mod machine;
mod matmul;
mod parts;
mod plan;
mod products;
mod projection;
mod sample;
pub mod scaling;
mod scenario;
pub mod schema;
mod search;
mod step;
pub mod study;
pub mod template;
pub mod validate;
pub mod what_if;

pub use catalog::{Catalog, Published, Source};
pub use constants::{Constants, ConstantsFile};
pub use equivalents::{Equivalent, Equivalents};
pub use linpack::{LinpackRow, Linpacks, linpacks};
pub use machine::Machine;
pub use matmul::{GiantMatmul, giant_matmul, linpack_seconds};
pub use parts::{OnParts, Part};
pub use plan::{Amount, Asked, Choice, Place, Plan, Ranged, Robust, Target, plan};
pub use products::{Slice, products};
pub use projection::{
    Assumption, Options, Projection, Quantity, Samples, Sensitivity, Simulation, SourceRef, Transfer, run, run_sampled,
};
pub use scenario::{Forecast, Scenario};
pub use search::{Candidate, Found, Power, Rules, Space, best_layout, search};
pub use step::{Step, StepModel};
pub use study::{Input, MeasureNext, Narrowed, Node, NodeKind, Output, Study};

/// Schema id of a projection.
pub const SCHEMA: &str = "flopcast.projection/1";

/// Most accelerators that one synchronous training job in public data used (Llama 3 405B).
pub const LARGEST_VALIDATED: f64 = 16_384.0;
