//! flopcast's own kernels as peers among others: the host's clock round submit and wait, so that all are
//! timed alike. Copies of operands into textures are inside.

use crate::peer::{Peer, Result};
use flopcast::gpu::{GpuExecutor, Selection};
use flopcast::kernel::{Family, Kernel, Matrix, Operands, Precision, Settings, Shape, Tiling};
use flopcast::measure::{Executor, Timed};
use flopcast::measure::record::Missing;

/// One kernel on a device of its own.
pub struct Ours {
    executor: GpuExecutor,
    kernel: Kernel,
}

fn why(missing: Missing) -> String {
    missing.reason().detail
}

impl Ours {
    /// The kernel of a family, with the default tiling of the adapter's class unless one is given.
    pub fn new(selection: &Selection, family: Family, tiling: Option<Tiling>) -> flopcast::Result<Ours> {
        let executor = GpuExecutor::open(selection)?;
        let tiling = tiling.unwrap_or_else(|| family.default_tiling(executor.class(), Precision::F32));
        let kernel = Kernel::compose(family, tiling, Precision::F32)?;
        Ok(Ours { executor, kernel })
    }
}

impl Peer for Ours {
    fn name(&self) -> String {
        format!("{} {}", self.kernel.family.name(), self.kernel.tiling)
    }

    fn prepare(&mut self, operands: &Operands) -> Result<()> {
        let extent = |value: usize| u32::try_from(value).map_err(|e| e.to_string());
        let shape = Shape::new(extent(operands.a.rows)?, extent(operands.b.cols)?, extent(operands.a.cols)?)
            .map_err(|e| e.to_string())?;
        self.executor.prepare(&self.kernel, shape, Settings::default()).map_err(why)?;
        self.executor.load(operands).map_err(why)?;
        self.lap(1).map(|_| ())
    }

    fn poison(&mut self) -> Result<()> {
        self.executor.poison().map_err(why)
    }

    fn lap(&mut self, repeats: u32) -> Result<u64> {
        self.executor.submit(repeats).map(|lap| lap.host_ns).map_err(why)
    }

    fn result(&mut self) -> Result<Matrix> {
        self.executor.read().map_err(why)
    }
}
