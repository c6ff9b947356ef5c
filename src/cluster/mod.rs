//! Accelerators, nodes, fabrics, collectives, failures, power and cost. Knows no workload.

pub mod accelerator;
mod all_reduce;
pub mod collective;
pub mod cost;
pub mod failures;
pub mod power;
mod site;

pub use accelerator::{Accelerator, Format, Surface};
pub use all_reduce::AllReduce;
pub use collective::{Fabric, Link};
pub use cost::Price;
pub use failures::Operations;
pub use power::Site;
pub use site::{BOX, Cluster, FabricKind, Half, Linpack, Node};
