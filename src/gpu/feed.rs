//! Where A, B and C lie on the device: buffers always, and textures beside them for kernels that want
//! their operands as texels.

use super::device::Device;
use super::windows::{Layout, Span, TEXEL_ELEMENTS, pieces};
use crate::kernel::{Kernel, Matrix, Precision};
use crate::measure::Step;
use std::ops::Range;
use wgpu::{BufferUsages, TextureUsages};

/// Four elements a texel.
pub(super) const TEXEL: wgpu::TextureFormat = wgpu::TextureFormat::Rgba32Float;

/// A and B as a kernel takes them.
pub(super) struct Operand {
    buffer: wgpu::Buffer,
    precision: Precision,
    texture: Option<(wgpu::Texture, wgpu::TextureView)>,
}

impl Operand {
    /// Allocates A and B.
    pub fn pair(gpu: &Device, kernel: &Kernel, layout: &Layout) -> Step<[Operand; 2]> {
        let sizes = layout.bytes();
        let textures = layout.textures();
        let operand = |index: usize, label| -> Step<Operand> {
            let usage = match textures {
                None => BufferUsages::STORAGE | BufferUsages::COPY_DST,
                Some(_) => BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            };
            let buffer = gpu.buffer(label, sizes[index], usage)?;
            let texture = textures.map(|sizes| texture(gpu, label, sizes[index])).transpose()?;
            Ok(Operand { buffer, precision: kernel.precision, texture })
        };
        Ok([operand(0, "a")?, operand(1, "b")?])
    }

    /// Writes columns `first..first + columns` of some rows of a matrix to a place in the buffer, `stride`
    /// elements from one row to the next.
    pub fn upload(
        &self,
        gpu: &Device,
        offset: u64,
        matrix: &Matrix,
        rows: Range<usize>,
        (first, columns): (usize, usize),
        stride: usize,
    ) {
        let wide = matrix.stride;
        let values = &matrix.values[rows.start * wide..rows.end * wide];
        if wide == stride {
            gpu.queue.write_buffer(&self.buffer, offset, &self.precision.encode(values));
            return;
        }
        let mut panel = vec![0f64; rows.len() * stride];
        for (row, to) in values.chunks_exact(wide).zip(panel.chunks_exact_mut(stride)) {
            to[..columns].copy_from_slice(&row[first..first + columns]);
        }
        gpu.queue.write_buffer(&self.buffer, offset, &self.precision.encode(&panel));
    }

    /// What is bound for a window.
    pub fn resource(&self, span: Span) -> wgpu::BindingResource<'_> {
        match &self.texture {
            None => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &self.buffer,
                offset: span.offset,
                size: wgpu::BufferSize::new(span.size),
            }),
            Some((_, view)) => wgpu::BindingResource::TextureView(view),
        }
    }

    /// Copies a window of the buffer, rows of `stride` elements, into the texture, `fold` of them side by side and
    /// what follows them below; nothing where there is no texture.
    pub fn encode_copy(&self, encoder: &mut wgpu::CommandEncoder, span: Span, stride: u32, fold: u32) {
        let Some((texture, _)) = &self.texture else { return };
        let element = self.precision.operand_bytes();
        let height = (span.size / u64::from(stride * element)) as u32;
        for (first, columns) in pieces(stride, fold) {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: span.offset + u64::from(first * element),
                bytes_per_row: Some(stride * element),
                rows_per_image: None,
            };
            let mut to = texture.as_image_copy();
            to.origin.y = first / fold * height.next_multiple_of(TEXEL_ELEMENTS);
            let (width, buffer) = (columns / TEXEL_ELEMENTS, &self.buffer);
            encoder.copy_buffer_to_texture(
                wgpu::TexelCopyBufferInfo { buffer, layout },
                to,
                wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            );
        }
    }
}

fn texture(gpu: &Device, label: &str, [width, height]: [u32; 2]) -> Step<(wgpu::Texture, wgpu::TextureView)> {
    let texture = gpu.device.create_texture(&wgpu::TextureDescriptor {
        label: Some(label),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TEXEL,
        usage: TextureUsages::STORAGE_BINDING | TextureUsages::COPY_DST,
        view_formats: &[],
    });
    gpu.check(label)?;
    let view = texture.create_view(&Default::default());
    Ok((texture, view))
}
