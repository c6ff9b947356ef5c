//! Which adapters there are, and which one is meant.

use super::features::{self, wanted};
use crate::error::{Error, Result};
use crate::kernel::Cooperative;
pub use crate::measure::adapters::AdapterReport;
use crate::measure::record::{AdapterIdentity, Capabilities};
use std::collections::BTreeMap;

/// An adapter together with what is known of it.
pub struct Selection {
    pub(super) adapter: wgpu::Adapter,
    /// What is known of it.
    pub report: AdapterReport,
}

/// Every adapter that wgpu finds, in wgpu's order. `WGPU_BACKEND` narrows the backends down.
pub fn adapters() -> Vec<Selection> {
    let backends = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::PRIMARY | wgpu::Backends::GL);
    // Validation layers and debug output would be measured along.
    let flags = wgpu::InstanceFlags::empty().with_env();
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        flags,
        backend_options: wgpu::BackendOptions::from_env_or_default(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = pollster::block_on(instance.enumerate_adapters(backends));
    found
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| Selection { report: report(index, &adapter), adapter })
        .collect()
}

/// The adapter that is meant: by `wanted` (an index, a part of a name, a backend, or
/// `backend:name`), else by `WGPU_ADAPTER_NAME`, else the best there is.
pub fn choose(wanted: Option<&str>) -> Result<Selection> {
    let env_name = std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty());
    let all = adapters();
    let reports: Vec<&AdapterReport> = all.iter().map(|s| &s.report).collect();
    let index = pick(&reports, wanted, env_name.as_deref())?;
    Ok(all.into_iter().nth(index).expect("pick returns an index of the list"))
}

/// The error for a machine without any adapter.
pub fn none_found() -> Error {
    Error::no_adapter("no usable adapter").hint(
        "install a Vulkan driver; without a GPU, Mesa's software one: `apt-get install mesa-vulkan-drivers libvulkan1`",
    )
}

/// Decides among the adapters there are; index into `all`.
fn pick(all: &[&AdapterReport], wanted: Option<&str>, env_name: Option<&str>) -> Result<usize> {
    if all.is_empty() {
        return Err(none_found());
    }
    let best =
        |matches: &[&AdapterReport]| matches.iter().min_by_key(|a| (rank(&a.identity), a.index)).map(|a| a.index);
    let Some(wanted) = wanted else {
        let matches: Vec<_> = match env_name {
            Some(name) => all.iter().copied().filter(|a| contains(&a.identity.name, name)).collect(),
            None => all.to_vec(),
        };
        return best(&matches).ok_or_else(|| {
            let name = env_name.unwrap_or_default();
            choice_error(all, format!("no adapter is called `{name}` (WGPU_ADAPTER_NAME)"), Kind::Unknown)
        });
    };
    if let Ok(index) = wanted.parse::<usize>() {
        return match all.get(index) {
            Some(_) => Ok(index),
            None => Err(choice_error(all, format!("no adapter has the index {index}"), Kind::Unknown)),
        };
    }
    let (backend, name) = match wanted.split_once(':') {
        Some((backend, name)) if is_backend(backend) => (Some(backend), name),
        _ if is_backend(wanted) => (Some(wanted), ""),
        _ => (None, wanted),
    };
    let matches: Vec<_> = all
        .iter()
        .copied()
        .filter(|a| backend.is_none_or(|b| a.identity.backend == b) && contains(&a.identity.name, name))
        .collect();
    match matches[..] {
        [] => Err(choice_error(all, format!("no adapter matches `{wanted}`"), Kind::Unknown)),
        [only] => Ok(only.index),
        _ => Err(choice_error(&matches, format!("`{wanted}` matches {} adapters", matches.len()), Kind::Ambiguous)),
    }
}

enum Kind {
    Unknown,
    Ambiguous,
}

fn choice_error(choices: &[&AdapterReport], message: String, kind: Kind) -> Error {
    let list: Vec<String> =
        choices.iter().map(|a| format!("{} ({}, {})", a.index, a.identity.name, a.identity.backend)).collect();
    let list = list.join("; ");
    match kind {
        Kind::Unknown => Error::usage(message).hint(format!("there are: {list}")),
        Kind::Ambiguous => Error::usage(message).hint(format!("name one by its index: {list}")),
    }
}

fn contains(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(&part.to_lowercase())
}

fn is_backend(text: &str) -> bool {
    ["vulkan", "gl", "metal", "dx12"].contains(&text)
}

/// Best first: hardware before software, native backends before GL.
fn rank(adapter: &AdapterIdentity) -> (u32, u32) {
    let class = match adapter.device_type.as_str() {
        _ if adapter.software => 4,
        "discrete_gpu" => 0,
        "integrated_gpu" => 1,
        "virtual_gpu" => 2,
        _ => 3,
    };
    // Among software adapters the one that multiplies fastest is Mesa's, on every machine seen.
    let slow = adapter.name.to_lowercase().contains("swiftshader");
    (class * 2 + u32::from(slow), u32::from(adapter.backend == "gl"))
}

fn report(index: usize, adapter: &wgpu::Adapter) -> AdapterReport {
    let info = adapter.get_info();
    let mut limits = BTreeMap::new();
    // Through serde, so that a limit that wgpu adds appears by itself.
    if let Ok(serde_json::Value::Object(map)) = serde_json::to_value(adapter.limits()) {
        limits.extend(map.into_iter().filter_map(|(name, value)| Some((name, value.as_u64()?))));
    }
    let features = features::of(adapter);
    let matrices = match features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
        true => adapter.cooperative_matrix_properties(),
        false => Vec::new(),
    };
    AdapterReport {
        index,
        identity: identity(&info, adapter),
        features: features.iter_names().map(|(name, _)| name.to_string()).collect(),
        limits,
        subgroup_size: [info.subgroup_min_size, info.subgroup_max_size],
        cooperative_matrix: matrices.iter().map(cooperative).collect(),
    }
}

fn cooperative(p: &wgpu::CooperativeMatrixProperties) -> Cooperative {
    let name = |t: wgpu::CooperativeScalarType| format!("{t:?}").to_lowercase();
    Cooperative {
        extents: [p.m_size, p.n_size, p.k_size],
        operand: name(p.ab_type),
        sum: name(p.cr_type),
        saturating: p.saturating_accumulation,
    }
}

fn capabilities(info: &wgpu::AdapterInfo, adapter: &wgpu::Adapter) -> Capabilities {
    let limits = adapter.limits();
    let mut features: Vec<String> =
        (features::of(adapter) & wanted()).iter_names().map(|(name, _)| name.to_string()).collect();
    features.sort_unstable();
    Capabilities {
        subgroup: [info.subgroup_min_size, info.subgroup_max_size],
        workgroup_invocations: limits.max_compute_invocations_per_workgroup,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        binding_bytes: limits.max_storage_buffer_binding_size,
        buffer_bytes: limits.max_buffer_size,
        features,
    }
}

fn identity(info: &wgpu::AdapterInfo, adapter: &wgpu::Adapter) -> AdapterIdentity {
    let device_type = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete_gpu",
        wgpu::DeviceType::IntegratedGpu => "integrated_gpu",
        wgpu::DeviceType::VirtualGpu => "virtual_gpu",
        wgpu::DeviceType::Cpu => "cpu",
        wgpu::DeviceType::Other => "other",
    };
    AdapterIdentity {
        name: info.name.clone(),
        backend: info.backend.to_str().to_string(),
        device_type: device_type.to_string(),
        driver: info.driver.clone(),
        driver_info: info.driver_info.clone(),
        vendor: info.vendor,
        device: info.device,
        software: device_type == "cpu" || is_software_name(&info.name),
        capabilities: capabilities(info, adapter),
    }
}

/// Drivers that run on the CPU without saying so in their type (GL has no such field).
fn is_software_name(name: &str) -> bool {
    ["llvmpipe", "softpipe", "swiftshader", "lavapipe", "microsoft basic render"].iter().any(|s| contains(name, s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, backend: &str, device_type: &str) -> AdapterReport {
        AdapterReport {
            index,
            identity: AdapterIdentity {
                name: name.into(),
                backend: backend.into(),
                device_type: device_type.into(),
                driver: String::new(),
                driver_info: String::new(),
                vendor: 0,
                device: 0,
                software: device_type == "cpu",
                capabilities: Capabilities::default(),
            },
            features: vec![],
            limits: BTreeMap::new(),
            subgroup_size: [0, 0],
            cooperative_matrix: vec![],
        }
    }

    fn bench() -> Vec<AdapterReport> {
        vec![
            adapter(0, "llvmpipe (LLVM 15)", "vulkan", "cpu"),
            adapter(1, "Intel Arc", "vulkan", "integrated_gpu"),
            adapter(2, "NVIDIA H200", "gl", "discrete_gpu"),
            adapter(3, "NVIDIA H200", "vulkan", "discrete_gpu"),
            adapter(4, "llvmpipe (LLVM 15)", "gl", "cpu"),
        ]
    }

    fn picked(wanted: Option<&str>, env: Option<&str>) -> Result<usize> {
        let all = bench();
        pick(&all.iter().collect::<Vec<_>>(), wanted, env)
    }

    #[test]
    fn without_a_wish_the_best_class_on_the_native_backend_is_taken() {
        assert_eq!(picked(None, None).unwrap(), 3);
        assert_eq!(picked(None, Some("llvmpipe")).unwrap(), 0);
    }

    #[test]
    fn a_wish_is_an_index_a_part_of_a_name_or_a_backend() {
        assert_eq!(picked(Some("1"), None).unwrap(), 1);
        assert_eq!(picked(Some("arc"), None).unwrap(), 1);
        assert_eq!(picked(Some("gl:llvm"), None).unwrap(), 4);
    }

    #[test]
    fn an_ambiguous_or_unknown_wish_lists_the_choices() {
        for (wish, listed) in
            [("h200", "3 (NVIDIA H200, vulkan)"), ("vulkan", "1 (Intel Arc"), ("9", "4 ("), ("amd", "0 (")]
        {
            let error = picked(Some(wish), None).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wish}");
            assert!(error.hint_text().unwrap().contains(listed), "{wish}: {error:?}");
        }
        assert_eq!(picked(None, Some("amd")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn no_adapter_at_all_names_the_package() {
        let error = pick(&[], None, None).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.hint_text().unwrap().contains("mesa-vulkan-drivers"));
    }
}
