//! Ctrl-C: where there is something to keep, the first one asks the work to end and the second ends the
//! process; elsewhere the first one does.

use crate::error::{Context, Error, Kind, Result};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

static ASKED: AtomicU32 = AtomicU32::new(0);
static WATCHING: Once = Once::new();

/// Starts listening, for measurements; again and again is fine.
#[cfg(feature = "gpu")]
pub fn watch() -> Result<()> {
    gracefully("interrupted: the case under way is dropped; once more to stop at once")
}

/// Starts listening, with what is said at the first Ctrl-C.
pub fn gracefully(said: &'static str) -> Result<()> {
    let mut outcome = Ok(());
    WATCHING.call_once(|| {
        outcome = ctrlc::set_handler(move || {
            if ASKED.fetch_add(1, Ordering::SeqCst) > 0 {
                super::output::clear();
                std::process::exit(130);
            }
            super::output::talk(said);
        })
        .or_failed("ctrl-c handler");
    });
    outcome
}

/// For work that has no output but what it prints: Ctrl-C ends the process, with 130.
pub fn at_once() -> Result<()> {
    let mut outcome = Ok(());
    WATCHING.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            super::output::clear();
            super::output::error(
                &Error::new(Kind::Interrupted, "interrupted").hint("what was printed so far is not all of it"),
            );
            std::process::exit(130);
        })
        .or_failed("ctrl-c handler");
    });
    outcome
}

/// Whether the user asked for the end.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst) > 0
}
