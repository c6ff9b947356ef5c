//! Ctrl-C: the first one asks the work to end after the case under way, the second ends the process.

use crate::error::{Context, Result};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static ASKED: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// Starts listening; again and again is fine.
pub fn watch() -> Result<()> {
    let mut outcome = Ok(());
    WATCHING.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(130);
            }
            super::output::talk("interrupted: ending after this case; once more to stop at once");
        })
        .or_failed("ctrl-c handler");
    });
    outcome
}

/// Whether the user asked for the end.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst) > 0
}
