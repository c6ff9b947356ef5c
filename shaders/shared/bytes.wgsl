// Operands as signed bytes, four to a word; rows start on whole words.

@group(0) @binding(1) var<storage, read> a: array<u32>;
@group(0) @binding(2) var<storage, read> b: array<u32>;
@group(0) @binding(3) var<storage, read_write> c: array<Result>;

fn byte(word: u32, place: u32) -> i32 {
    return extractBits(bitcast<i32>(word), place * 8u, 8u);
}

fn a_at(row: u32, col: u32) -> Operand {
    return byte(a[row * (dims.lda / 4u) + col / 4u], col % 4u);
}

fn b_at(row: u32, col: u32) -> Operand {
    return byte(b[row * (dims.ldb / 4u) + col / 4u], col % 4u);
}

// Zero outside of A, so that a partial tile adds nothing; the index is clamped first (scalars.wgsl).
fn load_a(row: u32, col: u32) -> Operand {
    let value = a_at(min(row, dims.m - 1u), min(col, dims.k - 1u));
    return select(0, value, row < dims.m && col < dims.k);
}

fn load_b(row: u32, col: u32) -> Operand {
    let value = b_at(min(row, dims.k - 1u), min(col, dims.n - 1u));
    return select(0, value, row < dims.k && col < dims.n);
}

// Four elements of a row of A, or of B, from column 4·col4 on. Rows end in zeros up to a whole word.
fn load_a4(row: u32, col4: u32) -> u32 {
    let words = dims.lda / 4u;
    let value = a[min(row, dims.m - 1u) * words + min(col4, words - 1u)];
    return select(0u, value, row < dims.m && col4 < words);
}

fn load_b4(row: u32, col4: u32) -> u32 {
    let words = dims.ldb / 4u;
    let value = b[min(row, dims.k - 1u) * words + min(col4, words - 1u)];
    return select(0u, value, row < dims.k && col4 < words);
}

fn store_c(row: u32, col: u32, value: Sum) {
    if row < dims.m && col < dims.n {
        c[row * dims.ldc + col] = Result(value);
    }
}
