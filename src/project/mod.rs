//! The only place where calibration, cluster and job meet: step time, memory fit, goodput, the range
//! of each and what it rests on.
//!
//! ```
//! use flopcast::project::{Catalog, Options, run};
//!
//! # fn main() -> flopcast::Result<()> {
//! let catalog = Catalog::built_in()?;
//! let forecast = run(&catalog, "tesla-85k-h100", None, &Options::default())?;
//! let step = &forecast.quantities["step_time"]; // seconds, with the 5th and 95th percentile of the draws
//! assert!(step.p5 < step.value && step.value < step.p95);
//! assert!(!forecast.sources.is_empty() && !forecast.assumptions.is_empty());
//! # Ok(())
//! # }
//! ```

mod asked;
mod catalog;
pub mod comparison;
mod constants;
mod entries;
mod equivalents;
pub mod everything;
mod fewer;
pub mod how_many;
mod linpack;
pub mod listing;
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
mod sweep;
pub mod template;
mod transfer;
pub mod validate;
pub mod what_if;

pub use asked::{Asked, Place, Target, USUAL_LOSSES};
pub use catalog::{Catalog, Source};
pub use constants::{Constants, ConstantsFile};
pub use entries::{Comparison, Equal, Scenario};
pub use equivalents::{Equivalent, Equivalents};
pub use fewer::Fewer;
pub use linpack::{LinpackRow, Linpacks, linpacks};
pub use machine::{Machine, Published};
pub use matmul::{GiantMatmul, SCHEMA as MATMUL_SCHEMA, giant_matmul, linpack_seconds};
pub use parts::{OnParts, Part};
pub use plan::{Amount, Choice, Plan, Ranged, Robust, SCHEMA as SEARCH_SCHEMA, plan};
pub use products::{Slice, products};
pub use projection::{Assumption, Projection, Quantity, Samples, Simulation, SourceRef, run, run_sampled};
pub use scenario::Forecast;
pub use search::{Candidate, Found, Losses, Objective, Power, Rules, Space, Watch, best_layout, search};
pub use step::{Step, StepModel, WIDENING};
pub use study::{Input, MeasureNext, Narrowed, Node, NodeKind, Output, Sensitivity, Study};
pub use sweep::{Bend, Sweep, Swept};
pub use transfer::{Options, Transfer};

/// Schema id of a projection.
pub const SCHEMA: &str = "flopcast.projection/1";

/// Most accelerators that one synchronous training job in public data used (Llama 3 405B).
pub const LARGEST_VALIDATED: f64 = 16_384.0;
