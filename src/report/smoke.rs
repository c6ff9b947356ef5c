//! The smoke gate as text, JUnit and markdown. Decides no number.

use super::look::escaped as cell;
use super::measurement::{adapters, add_adapter};
use super::openmetrics::Family;
use super::{Document, Printed, Sheet, Table};
use crate::error::{Context, Result};
use crate::measure::smoke::{Outcome, Smoke, Test};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// Relative figures, then what did not pass, then `N passed, N failed, N skipped` alone on the last line.
fn document(smoke: &Smoke) -> Document {
    let mut text = Document::new();
    if !smoke.relative.is_empty() {
        let mut table = Table::new(&["kernel", ">time / reference", ">baseline", ">slowdown", ">fails from"]);
        let two = |value: Option<f64>| value.map_or("–".to_string(), |v| format!("{v:.2}"));
        for one in &smoke.relative {
            let ratio = format!("{:.3}", one.ratio);
            let baseline = one.baseline.map_or("–".to_string(), |b| format!("{b:.3}"));
            table.row([one.kernel.clone(), ratio, baseline, two(one.slowdown), two(one.limit)]);
        }
        text.table(table);
        text += "\n";
    }
    let mut table = Table::new(&["*outcome", "test", "name", "why"]);
    let mut rows = 0;
    for test in &smoke.tests {
        if let Some((word, why)) = said(test) {
            table.row([word, &test.kind, &test.name, why]);
            rows += 1;
        }
    }
    if rows > 0 {
        text.table(table);
        text += "\n";
    }
    text += &format!("{}\n", closing(smoke));
    text
}

/// The closing line: `N passed, N failed, N skipped`.
pub fn closing(smoke: &Smoke) -> String {
    let [passed, failed, skipped] = smoke.counts();
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// What did not pass, in a word and with its reason.
pub fn said(test: &Test) -> Option<(&'static str, &str)> {
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

impl Printed for Smoke {
    const TABLES: &'static [&'static str] = &["tests", "relative"];
    const METERED: bool = true;

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![
            Sheet::of(
                "tests",
                &self.tests,
                &[
                    ("kind", |t| t.kind.as_ref().into()),
                    ("name", |t| (&t.name).into()),
                    ("outcome", |t| said(t).map_or("passed", |(word, _)| word).into()),
                    ("time_s", |t| t.seconds.into()),
                    ("why", |t| said(t).map(|(_, why)| why).into()),
                ],
            ),
            Sheet::of(
                "relative",
                &self.relative,
                &[
                    ("kernel", |r| (&r.kernel).into()),
                    ("time_over_reference", |r| r.ratio.into()),
                    ("baseline", |r| r.baseline.into()),
                    ("slowdown", |r| r.slowdown.into()),
                    ("limit", |r| r.limit.into()),
                ],
            ),
        ]
    }

    fn metrics(&self) -> Vec<Family> {
        let mut adapter = adapters();
        add_adapter(&mut adapter, &self.adapter);
        let name = self.adapter.name.as_str();
        let mut tests = Family::gauge("smoke_tests", "", "Tests by outcome.");
        for (outcome, count) in ["passed", "failed", "skipped"].into_iter().zip(self.counts()) {
            tests.add(&[("adapter", name), ("outcome", outcome)], Some(count as f64));
        }
        let mut slowdown =
            Family::gauge("smoke_slowdown", "ratio", "Time against the other kernels, over that of the baseline.");
        for one in &self.relative {
            slowdown.add(&[("adapter", name), ("kernel", &one.kernel)], one.slowdown);
        }
        vec![adapter, tests, slowdown]
    }
}
