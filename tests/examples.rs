//! The examples do what their heads say: each is run, and what it prints held against what stands there.
#![cfg(feature = "gpu")]

mod support;

#[path = "../examples/custom_kernel.rs"]
mod custom_kernel;
#[path = "../examples/measure_one.rs"]
mod measure_one;
#[path = "../examples/project_cluster.rs"]
mod project_cluster;

use support::on_adapter;

/// What stands between the fences of an example's head.
fn promised(source: &str) -> String {
    let (_, rest) = source.split_once("//! ```text\n").expect("the head shows the output");
    let lines = rest.lines().take_while(|line| *line != "//! ```");
    lines.map(|line| line.trim_start_matches("//!").trim_start().to_string() + "\n").collect()
}

/// The text with every number as `#`, units of time and verdicts alike, and without the reasons: what a measurement may change.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for line in text.lines() {
        let line = line.replace("SUSPECT", "SOFTWARE").replace("MEASURED", "SOFTWARE").replace("µs", "ms");
        let line = if line.starts_with("SOFTWARE: ") { "SOFTWARE: …" } else { line.as_str() };
        let mut last = ' ';
        for c in line.chars() {
            let digit = c.is_ascii_digit() || (last == '#' && c == '.');
            if !digit {
                masked.push(c);
            } else if last != '#' {
                masked.push('#');
            }
            last = if digit { '#' } else { c };
        }
        masked.push('\n');
    }
    masked
}

#[test]
fn a_forecast_of_one_s_own_cluster_prints_what_its_example_says() {
    const SOURCE: &str = include_str!("../examples/project_cluster.rs");
    let (said, printed) = (promised(SOURCE), project_cluster::report().unwrap());
    if said != printed && std::env::var_os("FLOPCAST_UPDATE_DOCS").is_some() {
        let head = |text: &str| text.lines().map(|line| format!("//! {line}\n")).collect::<String>();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/project_cluster.rs");
        std::fs::write(path, SOURCE.replacen(&head(&said), &head(&printed), 1)).unwrap();
        return;
    }
    assert_eq!(printed, said, "the head of examples/project_cluster.rs is out of date: `make docs`");
}

#[test]
fn one_measurement_prints_the_lines_that_its_example_shows() {
    on_adapter(|_| {
        let (said, printed) = (promised(include_str!("../examples/measure_one.rs")), measure_one::report().unwrap());
        let headline = printed.lines().next().unwrap();
        if said.starts_with(headline) {
            assert_eq!(masked(&printed), masked(&said));
        } else {
            // Another adapter has another name and perhaps another tiling.
            assert_eq!(printed.lines().count(), said.lines().count(), "{printed}");
        }
        assert!(["SOFTWARE", "MEASURED", "SUSPECT"].iter().any(|v| printed.contains(v)), "{printed}");
    });
}

#[test]
fn a_kernel_of_one_s_own_is_proved_timed_and_compared_by_its_example() {
    on_adapter(|_| {
        let (said, printed) =
            (promised(include_str!("../examples/custom_kernel.rs")), custom_kernel::report().unwrap());
        assert_eq!(printed.lines().count(), said.lines().count(), "{printed}");
        if printed.contains("SOFTWARE") && printed.contains("register_direct[64x64/8x8]") {
            assert_eq!(masked(&printed), masked(&said));
        }
        assert!(!printed.contains("INVALID"), "{printed}");
    });
}
