// A and B as textures of four elements a texel: texel (x, y) of A holds A[y][4x..4x+4], zero beyond the
// last column. Behind the m rows of A may be more, which are never read; B has k rows and then rows of
// zeros, at least up to a multiple of four. Where its texture is FOLD columns wide (and a gap that nothing
// fills), the columns behind them lie below, and so on: `fold` in src/gpu/windows.rs says when and why.

@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Result>>;

// Where a column of B begins: texel along a row, row.
alias ColumnB = vec2<u32>;

// Rows of A and columns of B outside of the matrix repeat its last ones: what is made of them is never stored.
// Apart from the loads, so that they stand in front of a loop: in it a CPU-type adapter would read the extents
// again for each lane, each time.
fn row_a(row: u32) -> u32 {
    return min(row, dims.m - 1u);
}

fn column_b(col4: u32) -> ColumnB {
    let column = min(col4, (dims.n + 3u) / 4u - 1u);
    let place = select(0u, column / (FOLD / 4u), textureDimensions(b).x == FOLD / 4u + TEXTURE_GAP);
    return vec2(column - place * (FOLD / 4u), place * ((dims.k + 3u) / 4u * 4u));
}

// `row` is one that `row_a` gave.
fn load_a4(row: u32, col4: u32) -> vec4<Operand> {
    return textureLoad(a, vec2(col4, row));
}

fn load_b4(row: u32, column: ColumnB) -> vec4<Operand> {
    return textureLoad(b, vec2(column.x, column.y + row));
}

// Touches the cache line of a vector that is stored later, so that a CPU owns it by then: else all that a subgroup
// stores in the end waits for its lines one after another.
fn claim_c4(row: u32, col4: u32) {
    if row < dims.m && col4 < (dims.n + 3u) / 4u {
        c[row * (dims.ldc / 4u) + col4].x = Result();
    }
}

// Writes the padding of a row of C along with its last elements. A row of C can be longer than n: a kernel
// may have been given a panel of it.
fn store_c4(row: u32, col4: u32, value: vec4<Sum>) {
    if row < dims.m && col4 < (dims.n + 3u) / 4u {
        c[row * (dims.ldc / 4u) + col4] = vec4<Result>(value);
    }
}
