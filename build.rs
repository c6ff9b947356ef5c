//! Hands the versions of wgpu and naga to the program: they decide what a kernel becomes, so they are
//! part of every record, and neither crate tells its own version.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-changed=build.rs");
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let lock = fs::read_to_string(Path::new(&root).join("Cargo.lock")).unwrap_or_default();
    for (package, variable) in [("wgpu", "FLOPCAST_WGPU_VERSION"), ("naga", "FLOPCAST_NAGA_VERSION")] {
        let version = locked(&lock, package).unwrap_or("unknown");
        println!("cargo::rustc-env={variable}={version}");
    }
}

/// The version that follows `name = "package"` in a lock file.
fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}
