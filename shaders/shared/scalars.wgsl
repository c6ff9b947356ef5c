// Operands and result as arrays of single elements.

@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> c: array<Result>;

fn a_at(row: u32, col: u32) -> Operand {
    return a[row * dims.lda + col];
}

fn b_at(row: u32, col: u32) -> Operand {
    return b[row * dims.ldb + col];
}

// Zero outside of A, so that a partial tile adds nothing. The index is clamped first: with bounds
// checks off an address beyond the buffer would be undefined even where the value is not used.
fn load_a(row: u32, col: u32) -> Operand {
    let value = a_at(min(row, dims.m - 1u), min(col, dims.k - 1u));
    return select(Operand(0), value, row < dims.m && col < dims.k);
}

fn load_b(row: u32, col: u32) -> Operand {
    let value = b_at(min(row, dims.k - 1u), min(col, dims.n - 1u));
    return select(Operand(0), value, row < dims.k && col < dims.n);
}

fn store_c(row: u32, col: u32, value: Sum) {
    if row < dims.m && col < dims.n {
        c[row * dims.ldc + col] = Result(value);
    }
}
