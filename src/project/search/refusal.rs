//! Why nothing was found.

use super::{Found, Rules, fits};
use crate::error::Error;
use crate::job::{Run, Transformer, memory};
use crate::project::constants::Constants;
use crate::project::machine::Machine;

/// Why a search found nothing: what does not fit, by how much, and from which count on it would.
pub fn nothing_fits(
    found: &Found,
    rules: &Rules,
    job: &Transformer,
    run: &Run,
    machine: &Machine,
    constants: &Constants,
) -> Error {
    let Some((bytes, layout)) = found.leanest else {
        return Error::usage(format!(
            "no layout: {} sequences per step cannot be spread over {} accelerators",
            run.batch, machine.accelerators
        ))
        .hint("give a larger batch, or more accelerators")
        .of_too_few();
    };
    let held = memory::held(job, run, &layout);
    let terms = [("state", held.state), ("activations", held.activations), ("logits", held.logits)];
    let largest = terms.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("state", |(name, _)| name);
    let gb = |bytes: f64| format!("{:.1} GB", bytes / 1e9);
    let error = Error::usage(format!(
        "no layout fits: the leanest of {} (`{layout}`) needs {} of the {} per accelerator, {} too many, most of it {} \
         ({} state, {} activations, {} logits, {} reserved)",
        found.strategies,
        gb(bytes),
        gb(machine.memory),
        gb(bytes - machine.memory),
        largest,
        gb(held.state),
        gb(held.activations),
        gb(held.logits),
        gb(constants.reserved_memory)
    ))
    .of_too_few();
    // The count doubled until a layout of the same space fits, then the interval halved.
    let rules = Rules { use_all: false, ..*rules };
    let fits = |count: f64| fits(&rules, job, run, &Machine { accelerators: count, ..*machine }, constants);
    let step = machine.node.max(1.0);
    let mut count = machine.accelerators;
    while count < 1e6 {
        let below = count;
        count *= 2.0;
        if !fits(count) {
            continue;
        }
        let (mut low, mut high) = (below, count);
        while high - low > step {
            let middle = low + ((high - low) / 2.0 / step).ceil() * step;
            if middle >= high {
                break;
            }
            if fits(middle) { high = middle } else { low = middle }
        }
        return error.hint(format!("with {high} accelerators it fits, with {low} it does not"));
    }
    error.hint("no count of this accelerator holds it at this batch; one with more memory may")
}
