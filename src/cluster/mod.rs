//! Accelerators, nodes, fabrics, collectives, failures, power and cost. Knows no workload.

pub mod accelerator;
pub mod collective;
pub mod cost;
pub mod failures;
pub mod measured;
pub mod power;
mod site;
mod surface;
mod timing;

pub use accelerator::{Accelerator, Format};
pub use collective::{Exchange, Fabric, Link};
pub use cost::Price;
pub use failures::Operations;
pub use measured::FabricTable;
pub use power::Site;
pub use site::{BOX, Cluster, FabricKind, Half, Linpack, Node};
pub use surface::{Residual, Surface};
pub use timing::{Collectives, Protocol, Protocols, Timing, Way};
