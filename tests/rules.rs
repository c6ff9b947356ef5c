//! Documents that name things of the tree, held to it.

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

/// Compiled without optimisation, its generic functions would become those of the unit tests: half as long again.
#[test]
fn the_unit_tests_leave_the_schema_validator_to_these() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut unit_tests, name) = (String::new(), "jsonschema::");
    sources(&root.join("src"), &mut unit_tests);
    assert!(!unit_tests.contains(name), "`{name}` in `src/`: see its profile in Cargo.toml");
    let schemas = std::fs::read_to_string(root.join("tests/schemas.rs")).expect("the tests of the schemas");
    assert!(schemas.contains(name), "what is looked for is how it is used");
}

/// `name` and what follows `description:` and `default:` of each entry of a section of an action's file.
fn entries(action: &str, section: &str) -> Vec<[String; 3]> {
    let (_, rest) = action.split_once(&format!("\n{section}:\n")).expect("the section");
    let mut found: Vec<[String; 3]> = Vec::new();
    for line in rest.lines().take_while(|line| line.is_empty() || line.starts_with(' ')) {
        let value = |key: &str| line.trim().strip_prefix(key).map(|text| text.trim().trim_matches('"').to_string());
        if let Some(name) = line.strip_prefix("  ").filter(|l| !l.starts_with(' ')) {
            found.push([name.trim_end_matches(':').into(), String::new(), String::new()]);
        } else if let (Some(text), Some(last)) = (value("description:"), found.last_mut()) {
            last[1] = text;
        } else if let (Some(text), Some(last)) = (value("default:"), found.last_mut()) {
            last[2] = text;
        }
    }
    found
}

#[test]
fn the_action_s_inputs_and_outputs_are_documented_as_they_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci");
    let action = std::fs::read_to_string(root.join("github/action.yml")).expect("the action");
    let readme = std::fs::read_to_string(root.join("README.md")).expect("its README");
    let (inputs, outputs) = (entries(&action, "inputs"), entries(&action, "outputs"));
    assert!(inputs.len() >= 8 && outputs.len() >= 4, "{inputs:?} {outputs:?}");
    for [name, text, default] in &inputs {
        let default = if default.is_empty() { String::new() } else { format!("{default} ") };
        let row = format!("| `{name}` | {default}| {text} |");
        assert!(readme.lines().any(|line| line == row), "missing: {row}");
    }
    for [name, text, _] in &outputs {
        let row = format!("| `{name}` | {text} |");
        assert!(readme.lines().any(|line| line == row), "missing: {row}");
    }
}

#[test]
fn every_action_is_pinned_to_a_full_commit_with_its_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pinned = 0;
    for file in ["ci/github/action.yml", ".github/workflows/gate.yml"] {
        let text = std::fs::read_to_string(root.join(file)).expect("a file of CI");
        for line in text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            if line.starts_with("./") {
                continue;
            }
            let (_, at) = line.split_once('@').unwrap_or_else(|| panic!("{file}: {line}"));
            let (commit, version) = at.split_once(" # v").unwrap_or_else(|| panic!("{file}: {line}"));
            assert!(commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()), "{file}: {line}");
            assert_eq!(version.split('.').count(), 3, "{file}: {line}");
            pinned += 1;
        }
    }
    assert!(pinned >= 3, "{pinned} actions");
}

#[test]
fn every_direct_dependency_has_a_line_that_says_why_and_no_line_is_left_over() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a file of the package");
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml");
    // Those of all systems, and those of some.
    let of_some = manifest["target"].as_table().expect("a table").values().filter_map(toml::Value::as_table);
    let mut wanted: Vec<&str> = std::iter::once(&manifest)
        .chain(of_some)
        .flat_map(|table| ["dependencies", "dev-dependencies"].iter().filter_map(|kind| table.get(*kind)))
        .flat_map(|all| all.as_table().expect("a table").keys().map(String::as_str))
        .collect();
    let contributing = read("CONTRIBUTING.md");
    let (_, rest) = contributing.split_once("\n## Dependencies\n").expect("the section");
    let mut listed: Vec<&str> = rest.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    for list in [&mut wanted, &mut listed] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(listed, wanted);
}

#[test]
fn the_table_of_reason_codes_and_the_source_name_the_same_codes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    let methodology = std::fs::read_to_string(root.join("METHODOLOGY.md")).expect("METHODOLOGY.md");
    let (_, rest) = methodology.split_once("| code | leads to | when |").expect("the table's head");
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let first = |row: &str| row.split('|').nth(1).unwrap_or("").to_string();
    let listed: Vec<String> =
        rows.flat_map(|row| first(row).split('`').skip(1).step_by(2).map(str::to_string).collect::<Vec<_>>()).collect();
    assert!(listed.len() > 20, "the table is read: {listed:?}");
    let lost: Vec<_> = listed.iter().filter(|code| !text.contains(&format!("\"{code}\""))).collect();
    assert!(lost.is_empty(), "METHODOLOGY lists codes that nothing gives: {lost:?}");
    // A literal, or a constant of one.
    let code = |rest: &str| {
        let first = rest.trim_start();
        let name = first.split([',', ')']).next()?.rsplit("::").next()?.trim();
        let constant = || text.split(&format!("const {name}: &str = \"")).nth(1);
        Some(first.strip_prefix('"').or_else(constant)?.split('"').next()?.to_string())
    };
    let given: Vec<String> = text.split("Reason::new(").skip(1).filter_map(code).collect();
    assert!(["noise", "no-clock"].iter().all(|code| given.iter().any(|g| g == code)), "constants are read: {given:?}");
    let unlisted: Vec<_> =
        given.iter().filter(|code| code.len() > 3 && !methodology.contains(&format!("`{code}`"))).collect();
    assert!(unlisted.is_empty(), "codes that METHODOLOGY does not list: {unlisted:?}");
}
