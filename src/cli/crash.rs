//! What is seen of a panic, which is a defect of this program, of a library or of a driver: an error like any other.

use super::output;
use crate::error::Error;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread::ThreadId;

/// The last panic of the thread that waits in [`guarded`].
static LAST: Mutex<Option<Error>> = Mutex::new(None);

/// Runs the program; a panic ends it in `error: …`, `hint: …` and exit code 1, with everything dropped on the way, so
/// that the terminal is as it was. With `RUST_BACKTRACE` set the standard library's own words stand before it.
pub fn guarded(run: impl FnOnce() -> ExitCode) -> ExitCode {
    let (usual, waiting) = (take_hook(), std::thread::current().id());
    set_hook(Box::new(move |info| {
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|wanted| wanted != "0") {
            usual(info);
        }
        note(info, waiting);
    }));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let last = LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        let error = last.unwrap_or_else(|| crashed(Error::of_panic(&*panic), ""));
        output::error(&error);
        ExitCode::from(error.exit_code())
    })
}

/// Keeps what the waiting thread says, since it may be caught and mended on its way; what another says stands at once.
fn note(info: &PanicHookInfo, waiting: ThreadId) {
    let place = info.location().map_or(String::new(), |at| format!(" at {}:{}", file(at.file()), at.line()));
    let error = crashed(Error::of_panic(info.payload()), &place);
    match std::thread::current().id() == waiting {
        true => *LAST.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error),
        false => output::error(&error),
    }
}

/// Crate and file, without where somebody's registry lies.
fn file(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    let from = parts.iter().rposition(|part| *part == "src").map_or(0, |at| at.saturating_sub(1));
    parts[from..].join("/")
}

fn crashed(error: Error, place: &str) -> Error {
    let hint = "this is a defect, not something you did wrong: please report it with the command and what \
                `flopcast doctor` says; what was recorded before is in the record";
    error.context(format!("flopcast crashed{place}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_by_crate_and_file() {
        assert_eq!(file("/home/me/.cargo/registry/src/index/wgpu-hal-30.0.1/src/lib.rs"), "wgpu-hal-30.0.1/src/lib.rs");
        assert_eq!(file(r"C:\reg\wgpu-hal-30.0.1\src\vulkan\adapter.rs"), "wgpu-hal-30.0.1/src/vulkan/adapter.rs");
        assert_eq!((file("src/cli/mod.rs").as_str(), file("mod.rs").as_str()), ("src/cli/mod.rs", "mod.rs"));
    }

    #[test]
    fn what_a_panic_said_is_in_the_error_with_a_hint_and_exit_code_1() {
        let caught = |panic: Box<dyn std::any::Any + Send>| crashed(Error::of_panic(&*panic), " at a.rs:1");
        for (payload, words) in [
            (Box::new("lost") as Box<dyn std::any::Any + Send>, "flopcast crashed at a.rs:1: lost"),
            (Box::new("lost".to_string()), "flopcast crashed at a.rs:1: lost"),
            (Box::new(7), "flopcast crashed at a.rs:1: a panic without words"),
        ] {
            let error = caught(payload);
            assert_eq!((error.message(), error.exit_code()), (words, 1));
            assert!(error.hint_text().is_some());
        }
    }
}
