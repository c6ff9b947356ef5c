//! Accelerators, nodes, fabrics, collectives and failures. Knows no workload.

pub mod accelerator;
mod all_reduce;
pub mod collective;
pub mod failures;
mod site;

pub use accelerator::{Accelerator, Format, Surface};
pub use all_reduce::AllReduce;
pub use collective::{Fabric, Link};
pub use failures::Operations;
pub use site::{BOX, Cluster, FabricKind, Node};
