//! How a product, or a batch of them, lies in the buffers, and through which windows a kernel sees it.
//!
//! A kernel multiplies one A by one B into one C, each behind one binding. Where a matrix is larger than a
//! binding (or a texture) may be, rows of A and C are cut into windows, and columns of B and C into panels;
//! the products of a batch are windows of their own. Dispatched one after another they are the whole.

use crate::kernel::{FOLD, Feed, Kernel, Shape, TEXTURE_GAP, padded};
use crate::measure::Step;
use crate::measure::record::Missing;

/// Bindings start on multiples of this: WebGPU's default, the largest that an adapter may ask for.
const ALIGNMENT: u64 = 256;

/// Panels have a multiple of this many columns: with at least one byte an element each then starts aligned.
const STEP: u32 = 256;

/// Bytes of B up to which nothing is folded: its pages are few then, and each fold is a copy of its own. Where the
/// one outweighs the other was tried (METHODOLOGY, 1).
const SPREAD: u64 = 2 << 20;

/// Elements per texel.
pub(super) const TEXEL_ELEMENTS: u32 = 4;

/// Bytes of a buffer that are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub offset: u64,
    pub size: u64,
}

/// One C = A·B as a kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Rows of A and C in it, columns of B and C.
    pub m: u32,
    pub n: u32,
    /// Elements from one row of B to the next: a panel has its own.
    pub ldb: u32,
    pub a: Span,
    pub b: Span,
    pub c: Span,
}

/// Where everything lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    shape: Shape,
    /// Columns of a panel of B, but for the last.
    panel: u32,
    /// Rows of a window, but for the last.
    rows: u32,
    /// A row of so many elements takes so many in a buffer.
    step: u32,
    /// Columns of B side by side in its texture; those behind them lie below.
    pub fold: u32,
    pub lda: u32,
    pub ldc: u32,
    operand: u64,
    result: u64,
    /// Width and height in texels of textures that hold any window's A and B, where that is what is read.
    textures: Option<[[u32; 2]; 2]>,
    /// Bytes from one product of the batch to the next, of A, B and C.
    distance: [u64; 3],
}

impl Layout {
    /// Finds windows within the adapter's limits, or names the number that stands in the way.
    pub fn new(limits: &wgpu::Limits, kernel: &Kernel, shape: Shape) -> Step<Layout> {
        let textures = kernel.feed() == Feed::Textures;
        let operand = u64::from(kernel.precision.operand_bytes());
        let result = u64::from(kernel.precision.result_bytes());
        // Copies into textures want rows of whole 256 bytes.
        let step = if textures { wgpu::COPY_BYTES_PER_ROW_ALIGNMENT / operand as u32 } else { 4 };
        let (lda, ldc) = (shape.k.next_multiple_of(step), padded(shape.n as usize) as u32);
        let binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let texture = limits.max_texture_dimension_2d;
        let lacks = |needs: String| Err(Missing::Unsupported { needs });

        // Rows of A and C that fit behind a binding, columns of B likewise.
        let (row_a, row_c) = (u64::from(lda) * operand, u64::from(ldc) * result);
        let most_rows = if textures { u64::from(texture).min(binding / row_c) } else { binding / row_a.max(row_c) };
        let row_step = aligned_rows(row_a).max(aligned_rows(row_c));
        let Some(rows) = windows(shape.m, most_rows, row_step) else {
            let (name, row) = if textures || row_c > row_a { ("c", row_c) } else { ("a", row_a) };
            let size = row * u64::from(row_step.min(shape.m));
            return lacks(format!("a storage binding of {size} bytes for {name}; the adapter allows {binding}"));
        };
        let column = u64::from(shape.k) * operand;
        let most_columns =
            if textures { u64::from((texture - TEXTURE_GAP) * TEXEL_ELEMENTS) } else { binding / column };
        // A panel's last columns are padded: what fits has to fit padded.
        let Some(panel) = windows(shape.n, most_columns / u64::from(step) * u64::from(step), STEP) else {
            let size = column * u64::from(STEP.min(shape.n.next_multiple_of(step)));
            return lacks(format!("a storage binding of {size} bytes for b; the adapter allows {binding}"));
        };
        let ldb = panel.next_multiple_of(step);
        // A text of one's own knows nothing of folds.
        let fold = if kernel.custom.is_none() { fold(ldb, shape.k, operand, texture) } else { ldb };
        let height_b = shape.k.next_multiple_of(TEXEL_ELEMENTS).saturating_mul(ldb.div_ceil(fold));
        let textures = textures.then(|| texture_sizes([lda, fold], [rows, height_b], texture));
        for (name, [width, height]) in ["a", "b"].into_iter().zip(textures.into_iter().flatten()) {
            if width > texture || height > texture {
                let needs = format!("a texture of {width}x{height} texels for {name}; the adapter allows {texture}");
                return lacks(needs);
            }
        }
        let mut layout =
            Layout { shape, panel, rows, step, fold, lda, ldc, operand, result, textures, distance: [0; 3] };
        let b = layout.panels().map(|(_, n)| layout.panel_bytes(n).next_multiple_of(ALIGNMENT)).sum::<u64>();
        let [a, c] = [row_a, row_c].map(|row| (row * u64::from(shape.m)).next_multiple_of(ALIGNMENT));
        layout.distance = [a, b, c];
        for (name, size) in ["a", "b", "c"].into_iter().zip(layout.bytes()) {
            if size > limits.max_buffer_size {
                return lacks(format!(
                    "a buffer of {size} bytes for {name}; the adapter allows {}",
                    limits.max_buffer_size
                ));
            }
        }
        Ok(layout)
    }

    /// Bytes of the buffers of A, B and C, the whole batch in each.
    pub fn bytes(&self) -> [u64; 3] {
        self.distance.map(|distance| distance * u64::from(self.shape.batch))
    }

    /// Width and height in texels of textures that hold any window's A and B.
    pub fn textures(&self) -> Option<[[u32; 2]; 2]> {
        self.textures
    }

    /// First column and columns of each panel.
    fn panels(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        pieces(self.shape.n, self.panel)
    }

    fn ldb(&self, panel: u32) -> u32 {
        panel.next_multiple_of(self.step)
    }

    fn panel_bytes(&self, panel: u32) -> u64 {
        u64::from(self.shape.k) * u64::from(self.ldb(panel)) * self.operand
    }

    /// Byte offset, first column, columns and row length of each panel of one product's B.
    pub fn panels_b(&self, item: u32) -> Vec<(u64, u32, u32, u32)> {
        let mut at = u64::from(item) * self.distance[1];
        let place = |(first, columns)| {
            let offset = at;
            at += self.panel_bytes(columns).next_multiple_of(ALIGNMENT);
            (offset, first, columns, self.ldb(columns))
        };
        self.panels().map(place).collect()
    }

    /// Byte offset of one product's A and C.
    pub fn offsets(&self, item: u32) -> [u64; 2] {
        [0, 2].map(|of| u64::from(item) * self.distance[of])
    }

    /// Every window, product by product, panel by panel.
    pub fn windows(&self) -> Vec<Window> {
        let mut all = Vec::new();
        for item in 0..self.shape.batch {
            let [a, c] = self.offsets(item);
            for (offset, column, n, ldb) in self.panels_b(item) {
                for (row, m) in pieces(self.shape.m, self.rows) {
                    let row_a = u64::from(self.lda) * self.operand;
                    let row_c = u64::from(self.ldc) * self.result;
                    let last_row = padded(n as usize) as u64 * self.result;
                    all.push(Window {
                        m,
                        n,
                        ldb,
                        a: Span { offset: a + u64::from(row) * row_a, size: u64::from(m) * row_a },
                        b: Span { offset, size: self.panel_bytes(n) },
                        c: Span {
                            offset: c + u64::from(row) * row_c + u64::from(column) * self.result,
                            size: u64::from(m - 1) * row_c + last_row,
                        },
                    });
                }
            }
        }
        all
    }
}

/// Size of the pieces in which `extent` is taken `most` at a time: whole, or a multiple of `step`.
fn windows(extent: u32, most: u64, step: u32) -> Option<u32> {
    if u64::from(extent) <= most {
        return Some(extent);
    }
    let steps = (most / u64::from(step)) as u32;
    (steps > 0).then_some(steps * step)
}

/// Rows of so many bytes after which the next one starts aligned: a power of two.
fn aligned_rows(bytes: u64) -> u32 {
    let alignment = ALIGNMENT as u32;
    alignment >> bytes.trailing_zeros().min(alignment.trailing_zeros())
}

/// Start and length of the pieces of an extent.
pub(super) fn pieces(extent: u32, piece: u32) -> impl Iterator<Item = (u32, u32)> + use<> {
    (0..extent).step_by(piece as usize).map(move |start| (start, piece.min(extent - start)))
}

/// Columns of B, whose rows have `ldb` elements of so many bytes, that lie side by side in a texture of at most `most`
/// texels each way: all, unless they are so many that a walk down the rows meets a new page at each of them, whose
/// address a CPU has to look up. Then the next ones lie below the first, and four rows share a page.
fn fold(ldb: u32, k: u32, operand: u64, most: u32) -> u32 {
    let spread = u64::from(k) * u64::from(ldb) * operand;
    let height = u64::from(k.next_multiple_of(TEXEL_ELEMENTS)) * u64::from(ldb.div_ceil(FOLD));
    if spread > SPREAD && height <= u64::from(most) { FOLD } else { ldb }
}

/// Width and height of the textures of A and B, whose rows have so many elements, of an adapter that allows `most`. B
/// ends in rows of zeros, so that a kernel can take four rows at a time: wgpu clears what no copy has written.
///
/// No extent is a power of two if it can be helped (widths never are, by their gap): llvmpipe compiles a kernel anew
/// for each way in which the extents of its textures are powers of two or not, up to four times, a second or two each.
fn texture_sizes(strides: [u32; 2], heights: [u32; 2], most: u32) -> [[u32; 2]; 2] {
    let spare = |rows: u32| match rows {
        // Two rows are a power of two as well.
        1 => 3,
        _ if rows.is_power_of_two() && rows < most => rows + 1,
        _ => rows,
    };
    let [a, b] = strides.map(|stride| stride / TEXEL_ELEMENTS + TEXTURE_GAP);
    [[a, spare(heights[0])], [b, spare(heights[1])]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Family, Precision};

    fn layout(family: Family, shape: &str, binding: u64, texture: u32) -> Step<Layout> {
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: binding,
            max_buffer_size: 1 << 31,
            max_texture_dimension_2d: texture,
            ..Default::default()
        };
        let kernel = Kernel::compose(family, family.tilings()[0], Precision::F32).unwrap();
        Layout::new(&limits, &kernel, shape.parse().unwrap())
    }

    #[test]
    fn windows_cover_c_once_within_every_limit() {
        for (family, shape, binding, texture) in [
            (Family::Naive, "1000x700x300", 1 << 30, 8192),
            (Family::Naive, "1000x700x300@5", 1 << 30, 8192),
            (Family::Naive, "3000x2000x300", 1 << 21, 8192),
            (Family::RegisterTiled, "517x3001x129@2", 1 << 19, 8192),
            (Family::TextureFed, "3000x5000x130", 1 << 23, 1024),
        ] {
            let layout = layout(family, shape, binding, texture).unwrap();
            let shape: Shape = shape.parse().unwrap();
            let [_, _, c] = layout.bytes();
            let mut seen = vec![0u8; c as usize / 4];
            for window in layout.windows() {
                for span in [window.a, window.b, window.c] {
                    assert!(
                        span.offset % 256 == 0 && (span.size <= binding || layout.textures.is_some()),
                        "{window:?}"
                    );
                }
                assert!(window.c.size <= binding);
                for row in 0..u64::from(window.m) {
                    for column in 0..u64::from(window.n) {
                        let at = window.c.offset / 4 + row * u64::from(layout.ldc) + column;
                        assert!(at * 4 + 4 <= window.c.offset + window.c.size);
                        seen[at as usize] += 1;
                    }
                }
            }
            for item in 0..shape.batch {
                let [_, c] = layout.offsets(item);
                for row in 0..u64::from(shape.m) {
                    for column in 0..u64::from(layout.ldc) {
                        let at = c / 4 + row * u64::from(layout.ldc) + column;
                        let times = u8::from(column < u64::from(shape.n));
                        assert_eq!(seen[at as usize], times, "{shape} item {item} row {row} column {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn no_extent_of_a_texture_is_a_power_of_two_but_at_the_adapters_limit() {
        for (shape, heights) in
            [("1x1x1", [3, 5]), ("64x64x60", [65, 60]), ("97x128x126", [97, 129]), ("1024x70000x1023", [1024, 1024])]
        {
            let sizes = layout(Family::TextureFed, shape, 1 << 30, 1024).unwrap().textures().unwrap();
            assert_eq!(sizes.map(|[_, height]| height), heights, "{shape}");
            assert!(sizes.iter().all(|[width, _]| !width.is_power_of_two() && *width <= 1024), "{shape}");
        }
        assert_eq!(layout(Family::Naive, "64x64x64", 1 << 30, 1024).unwrap().textures(), None);
    }

    #[test]
    fn a_large_b_is_folded_where_its_height_allows_and_never_for_a_text_of_ones_own() {
        let of = |shape: &str, texture| layout(Family::TextureFed, shape, 1 << 30, texture).unwrap();
        // Width of B's texture without its gap, in columns, and height.
        for (shape, texture, folded) in [
            ("512x512x512", 16384, [512, 513]),
            ("1024x512x1024", 16384, [512, 1025]),
            ("8x1000x1021", 16384, [256, 4097]),
            ("2048x2048x2048", 16384, [256, 16384]),
            ("2048x2048x2048", 8192, [2048, 2049]),
            ("64x4096x4096", 16384, [4096, 4097]),
            ("64x4096x1000", 16384, [256, 16000]),
        ] {
            let layout = of(shape, texture);
            let [_, [width, height]] = layout.textures().unwrap();
            assert_eq!([(width - TEXTURE_GAP) * TEXEL_ELEMENTS, height], folded, "{shape}");
            assert_eq!(layout.fold, folded[0], "{shape}");
        }
        let plain = Kernel::compose(Family::TextureFed, "64x64/16x8".parse().unwrap(), Precision::F32).unwrap();
        let own = Kernel::from_wgsl(&plain.wgsl, "own.wgsl", Precision::F32, None).unwrap();
        let limits = wgpu::Limits { max_buffer_size: 1 << 31, max_texture_dimension_2d: 16384, ..Default::default() };
        let shape = "64x2048x2048".parse().unwrap();
        assert_eq!(Layout::new(&limits, &plain, shape).unwrap().fold, 256);
        assert_eq!(Layout::new(&limits, &own, shape).unwrap().fold, 2048);
    }

    #[test]
    fn what_no_window_makes_small_enough_is_refused_with_the_number() {
        for (family, shape, part) in [
            (Family::Naive, "256x256x1000000", "binding of 4000000 bytes for a; the adapter allows 1048576"),
            (Family::Naive, "1x256x8192", "binding of 8388608 bytes for b; the adapter allows 1048576"),
            (Family::TextureFed, "64x64x5000", "texture of 1268x65 texels for a; the adapter allows 1024"),
            (Family::Naive, "16777216x256x1", "buffer of 17179869184 bytes for c; the adapter allows 2147483648"),
        ] {
            let missing = layout(family, shape, 1 << 20, 1024).unwrap_err();
            let detail = missing.reason().detail;
            assert!(detail.contains(part), "{shape}: {detail}");
        }
    }
}
