// Operands and result as arrays of single elements.

@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> c: array<Result>;

// Zero outside of A, so that a partial tile adds nothing. The index is clamped first: with bounds
// checks off an address beyond the buffer would be undefined even where the value is not used.
fn load_a(row: u32, col: u32) -> Operand {
    let value = a[min(row, dims.m - 1u) * dims.lda + min(col, dims.k - 1u)];
    return select(Operand(0), value, row < dims.m && col < dims.k);
}

fn load_b(row: u32, col: u32) -> Operand {
    let value = b[min(row, dims.k - 1u) * dims.ldb + min(col, dims.n - 1u)];
    return select(Operand(0), value, row < dims.k && col < dims.n);
}

fn store_c(row: u32, col: u32, value: Sum) {
    if row < dims.m && col < dims.n {
        c[row * dims.ldc + col] = Result(value);
    }
}
