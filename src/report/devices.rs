//! The list of adapters.

use super::Table;
use crate::gpu::AdapterReport;

/// A table of adapters, best known by their index.
pub fn text(reports: &[AdapterReport]) -> String {
    let mut table = Table::new(&[">index", "name", "backend", "type", "driver", "precisions", "timestamps"]);
    for report in reports {
        let adapter = &report.identity;
        let has = |feature: &str| report.features.iter().any(|f| f == feature);
        let mut precisions = vec!["f32"];
        precisions.extend(has("SHADER_F16").then_some("f16"));
        precisions.extend(has("SHADER_F64").then_some("f64"));
        let kind =
            if adapter.software { format!("{} SOFTWARE", adapter.device_type) } else { adapter.device_type.clone() };
        table.row([
            report.index.to_string(),
            adapter.name.clone(),
            adapter.backend.clone(),
            kind,
            format!("{} {}", adapter.driver, adapter.driver_info).trim().to_string(),
            precisions.join(" "),
            if has("TIMESTAMP_QUERY") { "yes" } else { "no" }.to_string(),
        ]);
    }
    table.text()
}
