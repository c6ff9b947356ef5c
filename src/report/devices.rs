//! The list of adapters.

use super::{Document, Field, Printed, Sheet, Table};
use crate::measure::adapters::{AdapterReport, Adapters};

fn has(report: &AdapterReport, feature: &str) -> bool {
    report.features.iter().any(|f| f == feature)
}

fn precisions(report: &AdapterReport) -> String {
    let mut precisions = vec!["f32"];
    precisions.extend(has(report, "SHADER_F16").then_some("f16"));
    precisions.extend(has(report, "SHADER_F64").then_some("f64"));
    precisions.join(" ")
}

fn limit(report: &AdapterReport, name: &str) -> Field {
    report.limits.get(name).copied().into()
}

impl Printed for Adapters {
    const TABLES: &'static [&'static str] = &["adapters"];

    /// A table of adapters, best known by their index.
    fn document(&self) -> Document {
        let mut table = Table::new(&[">index", "name", "backend", "type", "driver", "precisions", "timestamps"]);
        for report in &self.adapters {
            let adapter = &report.identity;
            let mark = if adapter.software { " SOFTWARE" } else { "" };
            table.row([
                report.index.to_string(),
                adapter.name.clone(),
                adapter.backend.clone(),
                format!("{}{mark}", adapter.device_type),
                format!("{} {}", adapter.driver, adapter.driver_info).trim().to_string(),
                precisions(report),
                if has(report, "TIMESTAMP_QUERY") { "yes" } else { "no" }.to_string(),
            ]);
        }
        let mut out = Document::new();
        out.table(table);
        out
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![Sheet::of(
            "adapters",
            &self.adapters,
            &[
                ("index", |r| r.index.into()),
                ("name", |r| (&r.identity.name).into()),
                ("backend", |r| (&r.identity.backend).into()),
                ("device_type", |r| (&r.identity.device_type).into()),
                ("software", |r| r.identity.software.into()),
                ("driver", |r| (&r.identity.driver).into()),
                ("driver_info", |r| (&r.identity.driver_info).into()),
                ("vendor_id", |r| r.identity.vendor.into()),
                ("device_id", |r| r.identity.device.into()),
                ("precisions", |r| precisions(r).into()),
                ("timestamps", |r| has(r, "TIMESTAMP_QUERY").into()),
                ("subgroup_min", |r| r.subgroup_size[0].into()),
                ("subgroup_max", |r| r.subgroup_size[1].into()),
                ("max_buffer_bytes", |r| limit(r, "maxBufferSize")),
                ("max_binding_bytes", |r| limit(r, "maxStorageBufferBindingSize")),
                ("workgroup_memory_bytes", |r| limit(r, "maxComputeWorkgroupStorageSize")),
                ("workgroup_invocations", |r| limit(r, "maxComputeInvocationsPerWorkgroup")),
                ("features", |r| r.features.join(" ").into()),
            ],
        )]
    }
}
