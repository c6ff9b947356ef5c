// A and B as textures of four elements a texel: texel (x, y) of A holds A[y][4x..4x+4], zero beyond the
// last column. Behind the m rows of A may be more, which are never read; B has k rows and then rows of
// zeros, at least up to a multiple of four.

@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Result>>;

// Rows of A and columns of B outside of the matrix repeat its last ones: what is made of them is never stored.
// Apart from the loads, so that they stand in front of a loop: in it a CPU-type adapter would read the extents
// again for each lane, each time.
fn row_a(row: u32) -> u32 {
    return min(row, dims.m - 1u);
}

fn column_b(col4: u32) -> u32 {
    return min(col4, (dims.n + 3u) / 4u - 1u);
}

// `row` is one that `row_a` gave.
fn load_a4(row: u32, col4: u32) -> vec4<Operand> {
    return textureLoad(a, vec2(col4, row));
}

// `col4` is one that `column_b` gave.
fn load_b4(row: u32, col4: u32) -> vec4<Operand> {
    return textureLoad(b, vec2(col4, row));
}

// Writes the padding of a row of C along with its last elements. A row of C can be longer than n: a kernel
// may have been given a panel of it.
fn store_c4(row: u32, col4: u32, value: vec4<Sum>) {
    if row < dims.m && col4 < (dims.n + 3u) / 4u {
        c[row * (dims.ldc / 4u) + col4] = vec4<Result>(value);
    }
}
