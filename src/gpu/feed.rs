//! Where A, B and C lie on the device: buffers always, and textures beside them for kernels that want
//! their operands as texels.

use super::device::Device;
use crate::kernel::{Feed, Kernel, Matrix, Precision, Shape, padded};
use crate::measure::Step;
use crate::measure::record::Missing;
use wgpu::{BufferUsages, TextureUsages};

/// Four elements a texel.
pub(super) const TEXEL: wgpu::TextureFormat = wgpu::TextureFormat::Rgba32Float;

/// Texels between the end of a texture's row and the next: a cache line, so that the texels of one column
/// do not all fall on the same few cache sets where rows are a power of two long.
const ROW_GAP: u32 = 4;

/// Elements per texel.
const TEXEL_ELEMENTS: u32 = 4;

/// How rows lie in the buffers of A, B and C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strides {
    pub lda: u32,
    pub ldb: u32,
    pub ldc: u32,
}

impl Strides {
    /// Elements from one row to the next. Copies into textures want rows of whole 256 bytes.
    pub fn of(kernel: &Kernel, shape: Shape) -> Strides {
        let operand = |cols: u32| match kernel.feed() {
            Feed::Buffers => padded(cols as usize) as u32,
            Feed::Textures => {
                cols.next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT / kernel.precision.operand_bytes())
            }
        };
        Strides { lda: operand(shape.k), ldb: operand(shape.n), ldc: padded(shape.n as usize) as u32 }
    }

    /// Bytes of A, B and C.
    pub fn bytes(self, kernel: &Kernel, shape: Shape) -> [u64; 3] {
        let (operand, result) =
            (u64::from(kernel.precision.operand_bytes()), u64::from(kernel.precision.result_bytes()));
        let area = |rows: u32, stride: u32, bytes: u64| u64::from(rows) * u64::from(stride) * bytes;
        [area(shape.m, self.lda, operand), area(shape.k, self.ldb, operand), area(shape.m, self.ldc, result)]
    }
}

/// Refuses matrices that the adapter cannot hold, naming the number.
pub(super) fn fits(limits: &wgpu::Limits, kernel: &Kernel, shape: Shape) -> Step<()> {
    let lacks = |needs: String| Err(Missing::Unsupported { needs });
    let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let textures = kernel.feed() == Feed::Textures;
    let sizes = Strides::of(kernel, shape).bytes(kernel, shape);
    for (name, size) in ["a", "b", "c"].into_iter().zip(sizes) {
        let bound = !textures || name == "c";
        let most = if bound { binding } else { limits.max_buffer_size };
        if size > most {
            let what = if bound { "a storage binding" } else { "a buffer" };
            return lacks(format!("{what} of {size} bytes for {name}; the adapter allows {most}"));
        }
    }
    if textures {
        let most = limits.max_texture_dimension_2d;
        for (name, [width, height]) in ["a", "b"].into_iter().zip(texture_sizes(Strides::of(kernel, shape), shape)) {
            if width > most || height > most {
                return lacks(format!("a texture of {width}x{height} texels for {name}; the adapter allows {most}"));
            }
        }
    }
    Ok(())
}

/// Width and height of the textures of A and B. B ends in rows of zeros, so that a kernel can take four
/// rows at a time: wgpu clears what no copy has written.
fn texture_sizes(strides: Strides, shape: Shape) -> [[u32; 2]; 2] {
    let width = |stride: u32| stride / TEXEL_ELEMENTS + ROW_GAP;
    [[width(strides.lda), shape.m], [width(strides.ldb), shape.k.next_multiple_of(TEXEL_ELEMENTS)]]
}

/// A and B as a kernel takes them.
pub(super) struct Operand {
    buffer: wgpu::Buffer,
    stride: u32,
    rows: u32,
    precision: Precision,
    texture: Option<(wgpu::Texture, wgpu::TextureView)>,
}

impl Operand {
    /// Allocates A and B.
    pub fn pair(gpu: &Device, kernel: &Kernel, shape: Shape) -> Step<[Operand; 2]> {
        let strides = Strides::of(kernel, shape);
        let sizes = strides.bytes(kernel, shape);
        let textures = (kernel.feed() == Feed::Textures).then(|| texture_sizes(strides, shape));
        let operand = |index: usize, label, stride, rows| -> Step<Operand> {
            let usage = match textures {
                None => BufferUsages::STORAGE | BufferUsages::COPY_DST,
                Some(_) => BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
            };
            let buffer = gpu.buffer(label, sizes[index], usage)?;
            let texture = textures.map(|sizes| texture(gpu, label, sizes[index])).transpose()?;
            Ok(Operand { buffer, stride, rows, precision: kernel.precision, texture })
        };
        Ok([operand(0, "a", strides.lda, shape.m)?, operand(1, "b", strides.ldb, shape.k)?])
    }

    /// Writes a matrix into the buffer, row by row where the strides differ.
    pub fn upload(&self, gpu: &Device, matrix: &Matrix) {
        let (from, to) = (matrix.stride, self.stride as usize);
        if from == to {
            gpu.queue.write_buffer(&self.buffer, 0, &self.precision.encode(&matrix.values));
            return;
        }
        let mut values = vec![0f64; self.rows as usize * to];
        for (row, wide) in matrix.values.chunks_exact(from).zip(values.chunks_exact_mut(to)) {
            wide[..from].copy_from_slice(row);
        }
        gpu.queue.write_buffer(&self.buffer, 0, &self.precision.encode(&values));
    }

    /// What is bound.
    pub fn resource(&self) -> wgpu::BindingResource<'_> {
        match &self.texture {
            None => self.buffer.as_entire_binding(),
            Some((_, view)) => wgpu::BindingResource::TextureView(view),
        }
    }

    /// Copies the buffer into the texture; nothing where there is none.
    pub fn encode_copy(&self, encoder: &mut wgpu::CommandEncoder) {
        let Some((texture, _)) = &self.texture else { return };
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(self.stride / TEXEL_ELEMENTS * TEXEL.block_copy_size(None).unwrap_or(16)),
            rows_per_image: None,
        };
        encoder.copy_buffer_to_texture(
            wgpu::TexelCopyBufferInfo { buffer: &self.buffer, layout },
            texture.as_image_copy(),
            wgpu::Extent3d { width: self.stride / TEXEL_ELEMENTS, height: self.rows, depth_or_array_layers: 1 },
        );
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
