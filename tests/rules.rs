//! METHODOLOGY's table of rules names the tests that hold each: every one of them has to be there.

use std::path::Path;

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the package").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// The names in backticks of the last column of the table.
fn named(methodology: &str) -> Vec<String> {
    let (_, rest) = methodology.split_once("### Rules and the tests that hold them").expect("the table's heading");
    let rows = rest.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).skip(2);
    let last = |row: &str| row.trim_end_matches('|').rsplit('|').next().unwrap_or("").to_string();
    rows.flat_map(|row| last(row).split('`').skip(1).step_by(2).map(str::to_string).collect::<Vec<_>>()).collect()
}

#[test]
fn every_test_that_a_rule_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut text);
    }
    let methodology = std::fs::read_to_string(root.join("METHODOLOGY.md")).expect("METHODOLOGY.md");
    let names = named(&methodology);
    assert!(names.len() > 50, "the table is read: {}", names.len());
    let lost: Vec<_> = names
        .iter()
        .filter(|name| {
            !text.contains(&format!("#[test]\nfn {name}()")) && !text.contains(&format!("#[test]\n    fn {name}()"))
        })
        .collect();
    assert!(lost.is_empty(), "METHODOLOGY names tests that are not there: {lost:?}");
}
