//! A comparison as text, markdown or JUnit. Decides no number.

use super::look::escaped;
use super::openmetrics::Family;
use super::{Document, Printed, Sheet, Table};
use crate::error::{Context, Result};
use crate::measure::compare::{Comparison, Outcome};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new(&["*outcome", "case", "why"]);
    for case in &comparison.cases {
        table.row([case.outcome.as_str(), &case.case, &case.detail]);
    }
    table
}

impl Printed for Comparison {
    const TABLES: &'static [&'static str] = &["cases"];
    const METERED: bool = true;

    /// One line a case, then the summary.
    fn document(&self) -> Document {
        let mut out = Document::new();
        out.table(table(self));
        for problem in &self.problems {
            out += &format!("{problem}\n");
        }
        out += &format!("{}\n", summary(self));
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "cases",
            &self.cases,
            &[
                ("case", |c| (&c.case).into()),
                ("outcome", |c| c.outcome.as_str().into()),
                ("time_ratio", |c| c.slowdown.map(|s| s.ratio).into()),
                ("time_ratio_lo", |c| c.slowdown.map(|s| s.lo).into()),
                ("time_ratio_hi", |c| c.slowdown.map(|s| s.hi).into()),
                ("between_runs", |c| c.slowdown.map(|s| s.between_runs).into()),
                ("between_runs_measured", |c| c.slowdown.map(|s| s.between_runs_measured).into()),
                ("timing_method", |c| c.clock.map(|m| m.as_str()).into()),
                ("samples_needed_per_run", |c| c.needed.and_then(|n| n.samples_per_run).into()),
                ("runs_needed_per_side", |c| c.needed.and_then(|n| n.runs_per_side).into()),
                ("base_records", |c| c.base.records.into()),
                ("base_samples", |c| c.base.samples.into()),
                ("new_records", |c| c.new.records.into()),
                ("new_samples", |c| c.new.samples.into()),
                ("detail", |c| (&c.detail).into()),
            ],
        )]
    }

    fn metrics(&self) -> Vec<Family> {
        let mut outcome = Family::gauge("compare_case", "", "1 for the outcome that a case came out with.");
        let mut ratio = Family::gauge("compare_time", "ratio", "Time of the new record over that of the base.");
        for case in &self.cases {
            outcome.add(&[("case", case.case.as_str()), ("outcome", case.outcome.as_str())], Some(1.0));
            ratio.add(&[("case", &case.case)], case.slowdown.map(|s| s.ratio));
        }
        let mut passed = Family::gauge("compare_passed", "", "1 where nothing is slower by the threshold.");
        passed.add(&[("outcome", self.outcome.as_str())], Some(if self.outcome == Outcome::Ok { 1.0 } else { 0.0 }));
        let mut threshold = Family::gauge("compare_threshold", "ratio", "Smallest slowdown that matters.");
        threshold.add::<&str>(&[], Some(self.threshold.share()));
        vec![passed, threshold, outcome, ratio]
    }
}

/// For a CI summary: the summary first, then problems and cases.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("**{}**\n\n", summary(comparison));
    for problem in &comparison.problems {
        text += &format!("- {}\n", escaped(problem));
    }
    let table = table(comparison);
    text + &if table.is_empty() { String::new() } else { table.escaped() }
}

/// JUnit: a regression is a failure, what is not comparable an error; so is what is inconclusive, since
/// it did not pass. A case without a figure on either side is skipped.
///
/// # Errors
/// Exit code 1 where the XML cannot be written.
pub fn junit(comparison: &Comparison) -> Result<String> {
    let mut suite = TestSuite::new("flopcast compare");
    for case in &comparison.cases {
        let status = match case.outcome {
            Outcome::Ok => TestCaseStatus::success(),
            Outcome::NoFigure => TestCaseStatus::skipped(),
            Outcome::Regressed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Inconclusive | Outcome::NotComparable => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        suite.add_test_case(said(&case.case, status, case.outcome, &case.detail));
    }
    for problem in &comparison.problems {
        let status = TestCaseStatus::non_success(NonSuccessKind::Error);
        suite.add_test_case(said("records", status, Outcome::NotComparable, problem));
    }
    let mut report = Report::new("flopcast");
    report.add_test_suite(suite);
    report.to_string().or_failed("junit")
}

fn said(name: &str, mut status: TestCaseStatus, outcome: Outcome, detail: &str) -> TestCase {
    let passed = matches!(outcome, Outcome::Ok);
    if !passed {
        status.set_type(outcome.as_str()).set_message(detail);
    }
    let mut case = TestCase::new(name, status);
    case.set_classname("flopcast.compare");
    if passed {
        case.set_system_out(detail);
    }
    case
}

/// How it came out and how many cases came out so: `ok: 12 ok, 1 no figure (threshold 5 %)`.
pub fn summary(comparison: &Comparison) -> String {
    let all = [Outcome::Regressed, Outcome::NotComparable, Outcome::Inconclusive, Outcome::Ok, Outcome::NoFigure];
    let counts: Vec<String> = all
        .into_iter()
        .map(|outcome| (comparison.count(outcome), outcome.as_str()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let counts = if counts.is_empty() { "no case".to_string() } else { counts.join(", ") };
    // 7 % is 0.07, and 100 times that is 7.000000000000001.
    let threshold = (comparison.threshold.share() * 1e6).round() / 1e4;
    let soft = if comparison.software { ", SOFTWARE" } else { "" };
    format!("{}: {counts} (threshold {threshold} %{soft})", comparison.outcome.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::compare::synthetic::measured;
    use crate::measure::compare::{Threshold, compare};

    fn example() -> Comparison {
        let named = |name: &str, seconds| {
            let mut record = measured(seconds, 0.001);
            record.case.kernel = name.into();
            record
        };
        let base = [named("same", 1e-3), named("slow", 1e-3), named("gone|<b>", 1e-3)];
        let new = [named("same", 1e-3), named("slow", 2e-3)];
        compare(&base, &new, Threshold::new(0.05).unwrap())
    }

    #[test]
    fn text_has_a_line_a_case_and_the_counts() {
        let text = example().document().plain();
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.contains("+100.0 %") && text.contains("the new file does not have this case"), "{text}");
        assert!(text.ends_with("regressed: 1 regressed, 1 not comparable, 1 ok (threshold 5 %)\n"), "{text}");
    }

    #[test]
    fn markdown_is_one_table_that_foreign_text_does_not_break() {
        let text = markdown(&example());
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|row| row.replace("\\|", "").matches('|').count() == 4), "{text}");
        assert!(text.contains("gone\\|&lt;b>"), "{text}");
    }

    #[test]
    fn junit_counts_a_regression_as_failure_and_what_is_not_comparable_as_error() {
        let xml = junit(&example()).unwrap();
        for part in ["tests=\"3\"", "failures=\"1\"", "errors=\"1\"", "type=\"regressed\"", "gone|&lt;b"] {
            assert!(xml.contains(part), "{part} is not in {xml}");
        }
        let empty = compare(&[], &[], "7%".parse().unwrap());
        assert!(summary(&empty).ends_with("(threshold 7 %)"), "{}", summary(&empty));
        assert!(junit(&empty).unwrap().contains("errors=\"2\""));
        assert!(empty.document().plain().contains("the base file holds no record"));
    }
}
