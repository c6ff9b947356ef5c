//! Ctrl-C: where there is a record to keep, the first one asks the work to end after the submission under way
//! and the second ends the process; elsewhere the first one does.

use crate::error::{Context, Result};
use std::sync::Once;
#[cfg(feature = "gpu")]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(feature = "gpu")]
static ASKED: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// Starts listening; again and again is fine.
#[cfg(feature = "gpu")]
pub fn watch() -> Result<()> {
    let mut outcome = Ok(());
    WATCHING.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(130);
            }
            super::output::talk("interrupted: the case under way is dropped; once more to stop at once");
        })
        .or_failed("ctrl-c handler");
    });
    outcome
}

/// For work that leaves nothing half done: Ctrl-C ends the process, with 130.
pub fn at_once() -> Result<()> {
    let mut outcome = Ok(());
    WATCHING.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            super::output::talk("error: interrupted");
            std::process::exit(130);
        })
        .or_failed("ctrl-c handler");
    });
    outcome
}

/// Whether the user asked for the end.
#[cfg(feature = "gpu")]
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst) > 0
}
