//! flopcast's own kernels as peers among others: the host's clock round submit and wait, so that all are
//! timed alike. Copies of operands into textures are inside.

use crate::peer::{Peer, Result};
use flopcast::gpu::{GpuExecutor, Selection};
use flopcast::kernel::{Family, Kernel, Matrix, Operands, Precision, Settings, Shape};
use flopcast::measure::record::Missing;
use flopcast::measure::{Executor, Timed};

/// One kernel on a device of its own.
pub struct Ours {
    executor: GpuExecutor,
    kernel: Kernel,
    name: String,
}

fn why(missing: Missing) -> String {
    missing.reason().detail
}

impl Ours {
    /// What one word of `--kernels` names: `FAMILY`, with the default tiling of the adapter's class, `FAMILY:TILING`, or a
    /// file `MINE.wgsl`.
    pub fn new(selection: &Selection, word: &str) -> flopcast::Result<Ours> {
        let executor = GpuExecutor::open(selection)?;
        let kernel = if word.ends_with(".wgsl") {
            let text = std::fs::read_to_string(word)
                .map_err(|e| flopcast::Error::usage(e.to_string()).context(format!("`{word}`")))?;
            Kernel::from_wgsl(&text, word, Precision::F32, None)?
        } else {
            let (family, tiling) = word.split_once(':').map_or((word, None), |(family, tiling)| (family, Some(tiling)));
            let family = Family::by_name(family)?;
            let default = || Ok(family.default_tiling(executor.class(), Precision::F32));
            Kernel::compose(family, tiling.map_or_else(default, str::parse)?, Precision::F32)?
        };
        Ok(Ours { executor, kernel, name: word.into() })
    }
}

impl Peer for Ours {
    fn name(&self) -> String {
        match self.kernel.custom {
            Some(_) => self.name.clone(),
            None => format!("{} {}", self.kernel.family.name(), self.kernel.tiling),
        }
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
