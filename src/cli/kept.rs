//! What the verbs that measure take from the cache: a device that keeps to the doctor's limit, bounds.

use super::cache::folder;
use super::output;
use crate::calibrate::roofline::{Roofline, does_not_bound};
use crate::cluster::Format as NumberFormat;
use crate::error::{Error, Kind, Result};
use crate::gpu::{GpuExecutor, Selection};
use crate::kernel::Precision;
use crate::measure::Executor;
use crate::measure::kept::{self, Bounds, Dispatches, Kept};
use crate::measure::physics::{self, Bound, Limit};
use crate::measure::probe::wire::{self, Lines};
use crate::measure::record::Record;
use crate::project::Catalog;
use std::path::Path;

/// Largest last cache of any accelerator known, bytes: 256 MiB of an AMD MI300X, from memory. A data sheet's bandwidth bounds what is
/// more than twice as large.
const LARGEST_CACHE: u64 = 256 << 20;

/// What is kept of this adapter, if that is wanted; what does not hold is ignored with a warning, and no folder is
/// nothing kept.
fn kept<T: Kept>(executor: &dyn Executor, wanted: bool) -> Option<T> {
    let folder = folder().ok().filter(|_| wanted)?;
    match kept::read(&folder, executor.adapter(), &executor.tool()) {
        Ok(found) => found,
        Err(why) => {
            let path = kept::file::<T>(&folder, executor.adapter());
            output::talk(&format!("warning: `{}` is ignored: {why}", path.display()));
            None
        }
    }
}

/// Opens an adapter, and keeps its dispatches below what `flopcast doctor` found to be safe, if it looked.
pub fn open(selection: &Selection, cache: bool) -> Result<GpuExecutor> {
    let mut executor = GpuExecutor::open(selection)?;
    if let Some(found) = kept::<Dispatches>(&executor, cache) {
        executor.limit_dispatches(found.dispatch_s);
        let seconds = found.dispatch_s;
        output::talk(&format!("dispatches are kept below {seconds:.3} s, as the doctor of {} found", found.at));
    }
    Ok(executor)
}

/// What no figure on this adapter can be above: the roofline in a file, else the one that was measured on it last
/// and is in the cache, and its figures in the catalogue where its name is there.
pub fn bounds(roofline: Option<&Path>, executor: &dyn Executor, cache: bool) -> Result<Vec<Bound>> {
    let mut bounds = match roofline {
        Some(file) => of_file(file, executor)?,
        None => match kept::<Bounds>(executor, cache) {
            Some(found) => {
                let at = &found.at;
                output::talk(&format!("bounds: the roofline of this adapter of {at}; `--no-cache` leaves it out"));
                // Other work on the processors of a CPU-type adapter can have held it down.
                let doubtful = executor.adapter().software;
                found.bounds.into_iter().map(|bound| Bound { doubtful, ..bound }).collect()
            }
            None => Vec::new(),
        },
    };
    let (catalog, adapter) = (Catalog::built_in()?, executor.adapter());
    let names = catalog.accelerators.keys().map(String::as_str);
    if let Some(name) = physics::meant(&adapter.name, names).filter(|_| !adapter.software) {
        let known = catalog.accelerator(name)?;
        for (format, precision) in [(NumberFormat::Fp32, Precision::F32), (NumberFormat::Bf16, Precision::F16AccF32)] {
            if let Some(peak) = known.peak.get(&format) {
                let source = format!("peak of `{name}` in the catalogue, {format}");
                bounds.push(Bound { limit: Limit::Arithmetic(precision), rate: peak.value, source, doubtful: false });
            }
        }
        let source = format!("memory bandwidth of `{name}` in the catalogue");
        let limit = Limit::Memory { from_bytes: 2 * LARGEST_CACHE };
        bounds.push(Bound { limit, rate: known.memory_bandwidth.value, source, doubtful: false });
    }
    Ok(bounds)
}

fn of_file(file: &Path, executor: &dyn Executor) -> Result<Vec<Bound>> {
    let (name, again) = (file.display(), "`flopcast measure --suite roofline --out FILE.jsonl` makes one");
    let lines = wire::read(file)?;
    let roofline = Roofline::of(&lines).map_err(|e| e.context(format!("`{name}`")))?;
    if roofline.adapter != *executor.adapter() {
        let (there, here) = (&roofline.adapter.name, &executor.adapter().name);
        let why = format!("`{name}`: the roofline is of another adapter or driver: `{there}` there, `{here}` here");
        return Err(Error::new(Kind::NotComparable, why).hint(format!("{again} of this adapter")));
    }
    let bounds = roofline.bounds(&lines);
    if bounds.is_empty() {
        return Err(Error::usage(format!("`{name}`: no probe with a figure that can be trusted")).hint(again));
    }
    let named = |bound: Bound| Bound { source: format!("{}, `{name}`", bound.source), ..bound };
    Ok(bounds.into_iter().map(named).collect())
}

/// What was measured stands, whether or not something can be kept for later runs: a cache that fails is a warning.
pub fn stored<T>(outcome: Result<T>) -> Option<T> {
    outcome.inspect_err(output::warning).ok()
}

/// Drops the roofline of an earlier run where a figure of this one speaks against it, and says so.
pub fn drop_doubted(records: &[Record], executor: &dyn Executor) {
    let doubted = |record: &&Record| record.reasons.iter().any(|r| r.code == "bound-doubted");
    let Some(record) = records.iter().find(doubted) else { return };
    let removed = folder().and_then(|folder| kept::remove::<Bounds>(&folder, executor.adapter()));
    if stored(removed) == Some(true) {
        output::talk(&format!("the roofline of this adapter is dropped: `{}` is above it", record.case.id()));
    }
}

/// Keeps what a roofline bounds for the runs to come, unless it does not hold.
pub fn keep_bounds(lines: &Lines, roofline: &Roofline, executor: &dyn Executor) {
    stored(bounds_kept(lines, roofline, executor));
}

fn bounds_kept(lines: &Lines, roofline: &Roofline, executor: &dyn Executor) -> Result<()> {
    if let Some(why) = does_not_bound(lines) {
        output::talk(&format!("the roofline is not kept for later runs: {why}"));
        return Ok(());
    }
    let bounds = roofline.bounds(lines);
    if bounds.is_empty() {
        return Ok(());
    }
    let (adapter, tool, at) = (executor.adapter().clone(), executor.tool(), roofline.at.clone());
    let path = kept::write(&folder()?, &Bounds { schema: Bounds::SCHEMA.into(), adapter, tool, at, bounds })?;
    output::talk(&format!("kept: `{}`; later figures are held against it", path.display()));
    Ok(())
}

/// Keeps the longest dispatch that the doctor allows.
pub fn keep_dispatches(found: &Dispatches) {
    if let Some(path) = stored(folder().and_then(|folder| kept::write(&folder, found))) {
        output::talk(&format!("kept: `{}`; later dispatches stay below {:.3} s", path.display(), found.dispatch_s));
    }
}
