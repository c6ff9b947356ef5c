//! The fingerprint: everything that has to be equal for two figures to be comparable.

use crate::kernel::{Case, Settings};
use crate::measure::record::{AdapterIdentity, Capabilities, Record, Tool, read_as};
use serde::{Deserialize, Serialize};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Difference {
    /// Its name as in a record, dotted.
    pub field: String,
    /// Its value in the base.
    pub base: String,
    /// Its value in the new record.
    pub new: String,
}

impl Difference {
    /// A difference.
    pub fn new(field: &str, base: impl Into<String>, new: impl Into<String>) -> Self {
        Difference { field: field.to_string(), base: base.into(), new: new.into() }
    }
}

/// Field names with their values, always the same names in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Vec<(&'static str, String)>);

impl Key {
    /// The fingerprint of a record. What made the figure is in it and what it came out as is not; the
    /// clock of the headline, known only where there is a figure, is compared apart.
    pub fn of(record: &Record) -> Key {
        Key::new(&record.schema, &record.tool, &record.adapter, &record.case)
    }

    /// The fingerprint that a record of this case would have.
    pub fn new(schema: &str, tool: &Tool, adapter: &AdapterIdentity, case: &Case) -> Key {
        // Taken apart field by field: a field added to one of these does not compile until it is placed.
        let Tool { version: _, method, wgpu, naga } = tool;
        let AdapterIdentity { name, backend, device_type, driver, driver_info, vendor, device, software, capabilities } =
            adapter;
        let Capabilities { subgroup, workgroup_invocations, workgroup_bytes, binding_bytes, buffer_bytes, features } =
            capabilities;
        let Case { kernel, tiling, precision, shape, settings, data, seed, wgsl_sha256 } = case;
        let Settings { bounds_checks, zero_fill } = settings;
        Key(vec![
            ("case.kernel", kernel.clone()),
            ("case.tiling", tiling.clone()),
            ("case.precision", precision.to_string()),
            ("case.shape", shape.to_string()),
            ("case.settings.bounds_checks", bounds_checks.to_string()),
            ("case.settings.zero_fill", zero_fill.to_string()),
            ("case.data", data.as_str().to_string()),
            ("case.seed", seed.to_string()),
            ("case.wgsl_sha256", wgsl_sha256.clone()),
            ("adapter.software", software.to_string()),
            ("adapter.name", name.clone()),
            ("adapter.backend", backend.clone()),
            ("adapter.device_type", device_type.clone()),
            ("adapter.vendor", format!("{vendor:#06x}")),
            ("adapter.device", format!("{device:#06x}")),
            ("adapter.driver", driver.clone()),
            ("adapter.driver_info", driver_info.clone()),
            ("adapter.capabilities.subgroup", format!("{} to {}", subgroup[0], subgroup[1])),
            ("adapter.capabilities.workgroup_invocations", workgroup_invocations.to_string()),
            ("adapter.capabilities.workgroup_bytes", workgroup_bytes.to_string()),
            ("adapter.capabilities.binding_bytes", binding_bytes.to_string()),
            ("adapter.capabilities.buffer_bytes", buffer_bytes.to_string()),
            ("adapter.capabilities.features", features.join(" ")),
            ("schema", read_as(schema).unwrap_or(schema).to_string()),
            ("tool.method", method.to_string()),
            ("tool.wgpu", wgpu.clone()),
            ("tool.naga", naga.clone()),
        ])
    }

    /// The fields in which the other key differs, in the order above.
    pub fn differences(&self, new: &Key) -> Vec<Difference> {
        let pairs = self.0.iter().zip(&new.0);
        pairs.filter(|(a, b)| a != b).map(|((field, base), (_, new))| Difference::new(field, base, new)).collect()
    }

    /// The same, of what measured alone: adapter, driver, schema, method and versions.
    pub fn other_instrument(&self, new: &Key) -> Vec<Difference> {
        let mut all = self.differences(new);
        all.retain(|difference| !difference.field.starts_with("case."));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{DataClass, Precision, Shape};
    use crate::measure::compare::synthetic::measured;

    type Change = (&'static str, fn(&mut Record));

    #[test]
    fn every_field_that_makes_a_figure_is_in_the_key_by_its_name() {
        let changes: [Change; 27] = [
            ("adapter.capabilities.subgroup", |r| r.adapter.capabilities.subgroup[1] += 1),
            ("adapter.capabilities.workgroup_invocations", |r| r.adapter.capabilities.workgroup_invocations += 1),
            ("adapter.capabilities.workgroup_bytes", |r| r.adapter.capabilities.workgroup_bytes += 1),
            ("adapter.capabilities.binding_bytes", |r| r.adapter.capabilities.binding_bytes += 1),
            ("adapter.capabilities.buffer_bytes", |r| r.adapter.capabilities.buffer_bytes += 1),
            ("adapter.capabilities.features", |r| r.adapter.capabilities.features.push("x".into())),
            ("adapter.name", |r| r.adapter.name.push('x')),
            ("adapter.backend", |r| r.adapter.backend.push('x')),
            ("adapter.device_type", |r| r.adapter.device_type.push('x')),
            ("adapter.driver", |r| r.adapter.driver.push('x')),
            ("adapter.driver_info", |r| r.adapter.driver_info.push('x')),
            ("adapter.vendor", |r| r.adapter.vendor += 1),
            ("adapter.device", |r| r.adapter.device += 1),
            ("adapter.software", |r| r.adapter.software ^= true),
            ("case.kernel", |r| r.case.kernel.push('x')),
            ("case.tiling", |r| r.case.tiling.push('x')),
            ("case.precision", |r| r.case.precision = Precision::F64),
            ("case.shape", |r| r.case.shape = Shape { k: r.case.shape.k + 1, ..r.case.shape }),
            ("case.settings.bounds_checks", |r| r.case.settings.bounds_checks ^= true),
            ("case.settings.zero_fill", |r| r.case.settings.zero_fill ^= true),
            ("case.data", |r| r.case.data = DataClass::Zeros),
            ("case.seed", |r| r.case.seed += 1),
            ("case.wgsl_sha256", |r| r.case.wgsl_sha256.push('0')),
            ("schema", |r| r.schema.push('2')),
            ("tool.method", |r| r.tool.method += 1),
            ("tool.wgpu", |r| r.tool.wgpu.push('1')),
            ("tool.naga", |r| r.tool.naga.push('1')),
        ];
        let base = measured(1e-3, 0.001);
        assert_eq!(Key::of(&base).0.len(), changes.len());
        for (field, change) in changes {
            let mut new = base.clone();
            change(&mut new);
            let found = Key::of(&base).differences(&Key::of(&new));
            assert_eq!(found.iter().map(|d| d.field.as_str()).collect::<Vec<_>>(), [field]);
        }
    }

    #[test]
    fn the_version_of_the_tool_may_differ() {
        let base = measured(1e-3, 0.001);
        let mut new = base.clone();
        new.tool.version.push_str("-next");
        new.at.push('x');
        assert_eq!(Key::of(&base), Key::of(&new));
    }
}
