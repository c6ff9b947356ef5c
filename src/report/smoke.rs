//! The smoke gate as text, JUnit and markdown. Decides no number.

use super::Table;
use crate::error::{Context, Result};
use crate::measure::smoke::{Outcome, Smoke, Test};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Relative figures, then what did not pass, then `N passed, N failed, N skipped` alone on the last line.
pub fn text(smoke: &Smoke) -> String {
    let mut text = String::new();
    if !smoke.relative.is_empty() {
        let mut table = Table::new(&["kernel", ">time / reference", ">baseline", ">slowdown", ">fails from"]);
        let two = |value: Option<f64>| value.map_or("–".to_string(), |v| format!("{v:.2}"));
        for one in &smoke.relative {
            let ratio = format!("{:.3}", one.ratio);
            let baseline = one.baseline.map_or("–".to_string(), |b| format!("{b:.3}"));
            table.row([one.kernel.clone(), ratio, baseline, two(one.slowdown), two(one.limit)]);
        }
        text = format!("{}\n", table.text());
    }
    let mut table = Table::new(&["outcome", "test", "name", "why"]);
    let mut rows = 0;
    for test in &smoke.tests {
        if let Some((word, why)) = said(test) {
            table.row([word, test.kind, &test.name, why]);
            rows += 1;
        }
    }
    if rows > 0 {
        text += &format!("{}\n", table.text());
    }
    text + &closing(smoke) + "\n"
}

/// The closing line: `N passed, N failed, N skipped`.
pub fn closing(smoke: &Smoke) -> String {
    let [passed, failed, skipped] = smoke.counts();
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// What did not pass, in a word and with its reason.
fn said(test: &Test) -> Option<(&'static str, &str)> {
    match &test.outcome {
        Outcome::Passed => None,
        Outcome::Failed(why) => Some(("FAILED", why)),
        Outcome::Skipped(why) => Some(("skipped", why)),
    }
}

/// JUnit XML: a suite for the proofs and one for the relative figures.
///
/// # Errors
/// Exit code 1 where the XML cannot be written.
pub fn junit(smoke: &Smoke) -> Result<String> {
    let mut report = Report::new("flopcast smoke");
    for kind in ["proof", "relative"] {
        let mut suite = TestSuite::new(kind);
        for test in smoke.tests.iter().filter(|t| t.kind == kind) {
            let status = match &test.outcome {
                Outcome::Passed => TestCaseStatus::success(),
                Outcome::Failed(why) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(why.as_str());
                    status
                }
                Outcome::Skipped(why) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(why.as_str());
                    status
                }
            };
            let mut case = TestCase::new(test.name.as_str(), status);
            case.set_classname(format!("flopcast.smoke.{kind}"));
            case.set_time(Duration::from_secs_f64(test.seconds.max(0.0)));
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    report.to_string().or_failed("junit")
}

/// A summary for a CI's page.
pub fn markdown(smoke: &Smoke) -> String {
    let verdict = if smoke.passed() { "passed" } else { "**failed**" };
    let mut text = format!("### flopcast smoke: {verdict}\n\n{} on {}\n\n", closing(smoke), cell(&smoke.adapter.name));
    let failed: Vec<&Test> = smoke.tests.iter().filter(|t| matches!(t.outcome, Outcome::Failed(_))).collect();
    let skipped: Vec<&Test> = smoke.tests.iter().filter(|t| matches!(t.outcome, Outcome::Skipped(_))).collect();
    if !failed.is_empty() || !skipped.is_empty() {
        text += "| outcome | test | name | why |\n|---|---|---|---|\n";
    }
    for test in failed.into_iter().chain(skipped) {
        if let Some((word, why)) = said(test) {
            text += &format!("| {word} | {} | {} | {} |\n", test.kind, cell(&test.name), cell(why));
        }
    }
    let judged: Vec<_> = smoke.relative.iter().filter_map(|r| Some((r, r.slowdown?))).collect();
    if !judged.is_empty() {
        text += "\n| kernel | slowdown against the others | fails from |\n|---|---|---|\n";
    }
    for (one, slowdown) in judged {
        let limit = one.limit.map_or("–".into(), |l| format!("{l:.2}"));
        text += &format!("| {} | {slowdown:.2} | {limit} |\n", cell(&one.kernel));
    }
    text + "\n"
}

/// Text that cannot break out of a table's cell.
fn cell(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
