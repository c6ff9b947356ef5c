//! What the doctor found, for people. Decides no number.

use super::Table;
use crate::measure::doctor::{Examination, Grade};

/// Limits that decide which shapes and kernels fit; all of them are in the JSON.
const LIMITS: [&str; 7] = [
    "maxBufferSize",
    "maxStorageBufferBindingSize",
    "maxComputeWorkgroupStorageSize",
    "maxComputeInvocationsPerWorkgroup",
    "maxComputeWorkgroupSizeX",
    "maxComputeWorkgroupsPerDimension",
    "maxTextureDimension2D",
];

/// Features that kernels and clocks use.
const FEATURES: [&str; 6] =
    ["TIMESTAMP_QUERY", "SHADER_F16", "SHADER_F64", "SUBGROUP", "SUBGROUP_BARRIER", "EXPERIMENTAL_COOPERATIVE_MATRIX"];

/// A line a check, then limits and features, then the verdict alone on the last line.
pub fn text(found: &Examination) -> String {
    let mut table = Table::new(&["grade", "check", "code", "what was seen"]);
    for check in &found.checks {
        table.row([check.grade.as_str(), check.check, check.code.as_deref().unwrap_or(""), &check.detail]);
    }
    let mut text = table.text();
    let (has, lacks): (Vec<&str>, Vec<&str>) = FEATURES.iter().partition(|&&f| found.features.iter().any(|g| g == f));
    text += &format!("\nfeatures: {}\n", listed(&has));
    text += &format!("lacks:    {}\n", listed(&lacks));
    for name in LIMITS {
        if let Some(limit) = found.limits.get(name) {
            text += &format!("{name}: {limit}\n");
        }
    }
    text + "\n" + &verdict(found) + "\n"
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

/// Whether it is fit to measure, in a line.
pub fn verdict(found: &Examination) -> String {
    let of = |grade| found.checks.iter().filter(|c| c.grade == grade).map(|c| c.check).collect::<Vec<_>>();
    match found.grade {
        Grade::Unfit => format!("UNFIT to measure: {}", of(Grade::Unfit).join(", ")),
        Grade::Warn => format!("fit to measure, with warnings: {}", of(Grade::Warn).join(", ")),
        Grade::Ok | Grade::NotKnown => "fit to measure".to_string(),
    }
}
