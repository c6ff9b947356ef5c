//! What the verbs that measure take from the cache.

use super::cache::folder;
use super::output;
use crate::kernel::{Family, Precision};
use crate::measure::Executor;
use crate::measure::kept::file;
use crate::measure::tune::cache::{Cache, Found, Tuned, find};

/// What tuning found on this adapter, unless it is not wanted; a cache that does not hold is ignored with a
/// warning. No folder for a cache is no cache.
pub fn look_up(executor: &dyn Executor, precision: Precision, wanted: bool) -> Option<Tuned> {
    let folder = folder().ok().filter(|_| wanted)?;
    match find(&folder, executor.adapter(), &executor.tool(), precision) {
        Found::Tuned(tuned) => Some(tuned),
        Found::Nothing => None,
        Found::Ignored(why) => {
            let path = file::<Cache>(&folder, executor.adapter());
            output::talk(&format!(
                "warning: the tuning in `{}` is ignored: {why}; `flopcast tune` builds it again",
                path.display()
            ));
            None
        }
    }
}

/// The usual families, with the one that won the tuning in the place of the fastest by class.
pub fn usual(tuned: Option<&Tuned>, usual: Vec<Family>) -> Vec<Family> {
    let Some(winner) = tuned.map(|t| t.winner).filter(|w| !usual.contains(w)) else { return usual };
    let mut families = usual;
    // The simplest and the textbook kernel stay, for what a figure is worth beside them.
    let keep = [Family::Naive, Family::RegisterTiled];
    match families.iter().position(|f| !keep.contains(f)) {
        Some(place) => families[place] = winner,
        None => families.push(winner),
    }
    families
}
