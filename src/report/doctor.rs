//! What the doctor found, for people. Decides no number.

use super::measurement::{adapters, add_adapter, build};
use super::openmetrics::Family;
use super::{Document, Printed, Sheet, Table};
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
fn document(found: &Examination) -> Document {
    let mut table = Table::new(&["*grade", "check", "code", "what was seen"]);
    for check in &found.checks {
        table.row([check.grade.as_str(), check.check, check.code.as_deref().unwrap_or(""), &check.detail]);
    }
    let mut text = Document::new();
    text.table(table);
    let (has, lacks): (Vec<&str>, Vec<&str>) = FEATURES.iter().partition(|&&f| found.features.iter().any(|g| g == f));
    text += &format!("\nfeatures: {}\n", listed(&has));
    text += &format!("lacks:    {}\n", listed(&lacks));
    for name in LIMITS {
        if let Some(limit) = found.limits.get(name) {
            text += &format!("{name}: {limit}\n");
        }
    }
    text += &format!("\n{}\n", verdict(found));
    text
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

impl Printed for Examination {
    const TABLES: &'static [&'static str] = &["checks", "figures"];
    const METERED: bool = true;

    fn document(&self) -> Document {
        document(self)
    }

    fn sheets(&self) -> Vec<Sheet> {
        let figures: Vec<_> = self.checks.iter().flat_map(|c| c.figures.iter().map(move |q| (c.check, q))).collect();
        vec![
            Sheet::of(
                "checks",
                &self.checks,
                &[
                    ("check", |c| c.check.into()),
                    ("grade", |c| c.grade.as_str().into()),
                    ("code", |c| c.code.as_ref().into()),
                    ("detail", |c| (&c.detail).into()),
                ],
            ),
            Sheet::of(
                "figures",
                &figures,
                &[("check", |f| f.0.into()), ("figure", |f| f.1.name.into()), ("value", |f| f.1.value.into())],
            ),
        ]
    }

    fn metrics(&self) -> Vec<Family> {
        let (mut build, mut adapter) = (build(), adapters());
        let method = self.tool.method.to_string();
        let (version, wgpu, naga) = (&self.tool.version, &self.tool.wgpu, &self.tool.naga);
        build.add(&[("version", version), ("wgpu", wgpu), ("naga", naga), ("method", &method)], Some(1.0));
        add_adapter(&mut adapter, &self.adapter);
        let name = self.adapter.name.as_str();
        let mut fit = Family::gauge("doctor_fit", "", "1 where the adapter is fit to measure with.");
        fit.add(&[("adapter", name)], Some(if self.fit() { 1.0 } else { 0.0 }));
        let mut checks = Family::gauge("doctor_check", "", "1 for the grade that a check came out with.");
        let mut figures = Family::gauge("doctor_figure", "", "Figures of the checks; their names end in their units.");
        for check in &self.checks {
            let labels = [("adapter", name), ("check", check.check), ("grade", check.grade.as_str())];
            checks.add(&labels, Some(1.0));
            for figure in &check.figures {
                figures.add(&[("adapter", name), ("check", check.check), ("figure", figure.name)], Some(figure.value));
            }
        }
        vec![build, adapter, fit, checks, figures]
    }
}
