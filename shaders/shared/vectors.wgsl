// Operands and result as arrays of four elements: rows end in zeros up to a multiple of four, so that a
// row is a whole number of vectors.

@group(0) @binding(1) var<storage, read> a: array<vec4<Operand>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<Operand>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Result>>;

// Where textures are read from, these keep an index within the matrix, in front of a loop; here the loads do.
fn row_a(row: u32) -> u32 {
    return row;
}

alias ColumnB = u32;

fn column_b(col4: u32) -> ColumnB {
    return col4;
}

// Four elements of a row of A from column 4·col4 on; zero outside of A, so that a partial tile adds
// nothing. The index is clamped first: with bounds checks off an address beyond the buffer would be
// undefined even where the value is not used.
fn load_a4(row: u32, col4: u32) -> vec4<Operand> {
    let vectors = dims.lda / 4u;
    let value = a[min(row, dims.m - 1u) * vectors + min(col4, vectors - 1u)];
    return select(vec4<Operand>(), value, row < dims.m && col4 < vectors);
}

fn load_b4(row: u32, col4: ColumnB) -> vec4<Operand> {
    let vectors = dims.ldb / 4u;
    let value = b[min(row, dims.k - 1u) * vectors + min(col4, vectors - 1u)];
    return select(vec4<Operand>(), value, row < dims.k && col4 < vectors);
}

// Touches what is stored later only where textures are read from, by CPU-type adapters.
fn claim_c4(row: u32, col4: u32) {
}

// Writes the padding of a row of C along with its last elements. A row of C can be longer than n: a kernel
// may have been given a panel of it.
fn store_c4(row: u32, col4: u32, value: vec4<Sum>) {
    if row < dims.m && col4 < (dims.n + 3u) / 4u {
        c[row * (dims.ldc / 4u) + col4] = vec4<Result>(value);
    }
}
