//! From a composed kernel to a pipeline, or to the reason why this adapter cannot have one.

use super::adapter::AdapterReport;
use super::device::Device;
use crate::kernel::{Cooperative, Feed, Kernel, Settings};
use crate::measure::Step;
use crate::measure::record::Missing;
use std::collections::HashMap;

/// Refuses what the adapter lacks or cannot hold, naming it.
pub(super) fn fits(report: &AdapterReport, limits: &wgpu::Limits, kernel: &Kernel) -> Step<()> {
    let lacks = |needs: String| Err(Missing::Unsupported { needs });
    let needs = kernel.needs();
    if needs.software && !report.identity.software {
        return lacks("a CPU-type adapter".into());
    }
    has(report, &needs.features, needs.cooperative_matrix.as_ref())?;
    if let Some(size) = needs.subgroup
        && report.subgroup_size != [size, size]
    {
        let [least, most] = report.subgroup_size;
        return lacks(format!("subgroups of exactly {size} invocations; the adapter has {least} to {most}"));
    }
    let (invocations, most) = (kernel.workgroup(), limits.max_compute_invocations_per_workgroup);
    if invocations > most.min(limits.max_compute_workgroup_size_x) {
        return lacks(format!("{invocations} invocations per workgroup; the adapter allows {most}"));
    }
    let largest = report.subgroup_size[1].max(1);
    if needs.whole_subgroups && !invocations.is_multiple_of(largest) {
        return lacks(format!("whole subgroups; of {invocations} invocations none are with {largest} to a subgroup"));
    }
    let (bytes, most) = (kernel.workgroup_bytes(), limits.max_compute_workgroup_storage_size);
    if bytes > most {
        return lacks(format!("{bytes} bytes of workgroup memory; the adapter allows {most}"));
    }
    Ok(())
}

/// Refuses a feature, or a configuration of cooperative matrices, that the adapter does not report.
pub(super) fn has(report: &AdapterReport, features: &[&str], matrix: Option<&Cooperative>) -> Step<()> {
    let lacks = |needs: String| Err(Missing::Unsupported { needs });
    if let Some(feature) = features.iter().find(|&&name| !report.features.iter().any(|f| f == name)) {
        return lacks(format!("the feature {feature}"));
    }
    let Some(wanted) = matrix.filter(|&wanted| !report.cooperative_matrix.contains(wanted)) else { return Ok(()) };
    let reported = report.cooperative_matrix.iter().map(|has| match has.fragments() {
        Ok(_) => has.to_string(),
        Err(why) => format!("{has} ({why})"),
    });
    let reported: Vec<String> = reported.collect();
    let reported = if reported.is_empty() { "none".into() } else { reported.join(", ") };
    lacks(format!("a cooperative matrix {wanted}; the adapter reports {reported}"))
}

/// Pipelines by what they were made of: a kernel is compiled once in a run, however many shapes it sees.
#[derive(Default)]
pub(super) struct Pipelines {
    made: HashMap<(String, Settings), wgpu::ComputePipeline>,
}

impl Pipelines {
    /// The pipeline, compiled where there is none yet.
    pub fn get(&mut self, gpu: &Device, kernel: &Kernel, settings: Settings) -> Step<wgpu::ComputePipeline> {
        let key = (kernel.sha256.clone(), settings);
        if let Some(made) = self.made.get(&key) {
            return Ok(made.clone());
        }
        let pipeline = compile(gpu, kernel, settings)?;
        self.made.insert(key, pipeline.clone());
        Ok(pipeline)
    }
}

/// Compiles.
fn compile(gpu: &Device, kernel: &Kernel, settings: Settings) -> Step<wgpu::ComputePipeline> {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.family.name()),
        source: wgpu::ShaderSource::Wgsl(kernel.wgsl.as_str().into()),
    };
    let module = if settings.bounds_checks {
        gpu.device.create_shader_module(descriptor)
    } else {
        // SAFETY: the catalogue's kernels clamp or test every index (shaders/shared/*.wgsl and the bodies), and
        // buffers and textures are as large as the strides say. A file of one's own comes here only where its
        // user has turned the checks off by name, and vouches for the same.
        unsafe { gpu.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    };
    gpu.check("compile")?;
    let layout = layout(gpu, kernel.feed());
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(kernel.family.name()),
        layout: Some(&gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        })),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            zero_initialize_workgroup_memory: settings.zero_fill,
            ..Default::default()
        },
        cache: None,
    });
    gpu.check("compile")?;
    Ok(pipeline)
}

/// Bindings 0 dims, 1 a, 2 b, 3 c.
fn layout(gpu: &Device, feed: Feed) -> wgpu::BindGroupLayout {
    let buffer = |ty, has_dynamic_offset| wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None };
    let operand = match feed {
        Feed::Buffers => buffer(wgpu::BufferBindingType::Storage { read_only: true }, false),
        Feed::Textures => wgpu::BindingType::StorageTexture {
            access: wgpu::StorageTextureAccess::ReadOnly,
            format: super::feed::TEXEL,
            view_dimension: wgpu::TextureViewDimension::D2,
        },
    };
    let kinds = [
        buffer(wgpu::BufferBindingType::Uniform, true),
        operand,
        operand,
        buffer(wgpu::BufferBindingType::Storage { read_only: false }, false),
    ];
    let entries: Vec<_> = kinds
        .into_iter()
        .zip(0..)
        .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty,
            count: None,
        })
        .collect();
    gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
}

#[cfg(test)]
mod tests {
    use crate::kernel::{Family, Kernel};

    #[test]
    fn every_feature_that_a_kernel_names_is_one_of_wgpus() {
        let mut names = 0;
        for family in Family::ALL {
            for &precision in family.precisions() {
                let kernel = Kernel::compose(family, family.tilings()[0], precision).unwrap();
                for name in kernel.needs().features {
                    assert!(wgpu::Features::from_name(name).is_some(), "{name}");
                    names += 1;
                }
            }
        }
        assert!(names > 10);
    }
}
