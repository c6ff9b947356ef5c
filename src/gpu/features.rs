//! What is asked of an adapter beyond the core of WebGPU, and what it has of it.

use wgpu::Features;

/// Features that some kernel or clock uses, taken where the adapter has them.
pub(super) fn wanted() -> Features {
    Features::TIMESTAMP_QUERY
        | Features::SHADER_F16
        | Features::SHADER_F64
        | Features::SUBGROUP
        | Features::SUBGROUP_BARRIER
        | Features::EXPERIMENTAL_COOPERATIVE_MATRIX
}

/// Features that the adapter has and a device gets.
pub(super) fn of(adapter: &wgpu::Adapter) -> Features {
    let mut features = adapter.features();
    if features.contains(Features::EXPERIMENTAL_COOPERATIVE_MATRIX) && matrices_are_off(adapter) {
        features.remove(Features::EXPERIMENTAL_COOPERATIVE_MATRIX);
    }
    features
}

/// Whether Vulkan lists configurations of cooperative matrices and has the feature off. wgpu 30 goes by the list, and a
/// device that is asked for them then ends in a panic. Seen with Mesa 26's llvmpipe where vectors have 128 bits, as on Arm.
#[cfg(any(target_os = "linux", windows))]
fn matrices_are_off(adapter: &wgpu::Adapter) -> bool {
    use ash::vk::{PhysicalDeviceCooperativeMatrixFeaturesKHR, PhysicalDeviceFeatures2};
    // SAFETY: the handles are used while the guard holds them and nothing is destroyed.
    let Some(vulkan) = (unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }) else { return false };
    let mut matrices = PhysicalDeviceCooperativeMatrixFeaturesKHR::default();
    let mut features = PhysicalDeviceFeatures2::default().push_next(&mut matrices);
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: of Vulkan 1.1, and wgpu lists no configuration without the extension that the structure belongs to, which
    // asks for more than 1.0.
    unsafe { instance.get_physical_device_features2(vulkan.raw_physical_device(), &mut features) };
    matrices.cooperative_matrix == 0
}

/// Without Vulkan wgpu's word is the only one.
#[cfg(not(any(target_os = "linux", windows)))]
fn matrices_are_off(_: &wgpu::Adapter) -> bool {
    false
}
