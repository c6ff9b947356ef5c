//! Drives the shipped binary as a script would.
// Each test binary uses the part of this that it needs.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One test at a time on the adapter: on a software one they would measure each other.
#[cfg(feature = "gpu")]
static ADAPTER: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Runs a test on the best adapter there is. Without any it says so and passes, unless FLOPCAST_REQUIRE_ADAPTER=1.
#[cfg(feature = "gpu")]
pub fn on_adapter(test: impl FnOnce(&flopcast::gpu::Selection)) {
    let _alone = ADAPTER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    match flopcast::gpu::choose(None) {
        Ok(selection) => test(&selection),
        Err(error) if std::env::var_os("FLOPCAST_REQUIRE_ADAPTER").is_some_and(|v| v == "1") => {
            panic!("an adapter is required: {error}")
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}

/// The binary, with nothing of the caller's environment that would choose an adapter for it.
pub fn flopcast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flopcast"));
    command.args(args).env_remove("WGPU_ADAPTER_NAME").env_remove("WGPU_BACKEND");
    // What was tuned on this machine would change what the tests measure.
    command.env("FLOPCAST_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/no-cache"));
    command
}

/// Runs it to its end.
pub fn run(command: &mut Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    Ended {
        code: status.code(),
        stdout: String::from_utf8(stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(stderr).expect("stderr is UTF-8"),
    }
}

/// What a panic's one line says (`src/cli/crash.rs`).
pub const CRASH: &str = "flopcast crashed";

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// stdout as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is JSON: {e}\n{self:#?}"))
    }

    /// Asserts that it was refused with this exit code, in one line that holds `part`, and no panic.
    pub fn refused(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(!self.stderr.contains(CRASH), "{self:#?}");
        let errors: Vec<_> = self.stderr.lines().filter(|l| l.starts_with("error:")).collect();
        assert_eq!(errors.len(), 1, "{self:#?}");
        assert!(self.stderr.contains(part), "`{part}` is not in {self:#?}");
        let hints = self.stderr.lines().filter(|l| l.starts_with("hint:") && l.len() > 10).count();
        assert!(code != 2 || hints >= 1, "what would do is not said: {self:#?}");
    }
}

/// A folder of this test's own, empty, below cargo's.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder below target/tmp");
    path
}

/// A record of this version's method, as measured on a software adapter.
pub fn record() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("record/2026-11-24-lavapipe/measurements.jsonl")
}
