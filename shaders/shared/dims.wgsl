// What every matmul kernel sees. C (m×n) = A (m×k) · B (k×n), row-major, rows padded with zeros to
// the strides lda, ldb, ldc (in elements). One dispatch computes the part of C that starts at
// (origin_m, origin_n).

struct Dims {
    m: u32,
    n: u32,
    k: u32,
    lda: u32,
    ldb: u32,
    ldc: u32,
    origin_m: u32,
    origin_n: u32,
}

@group(0) @binding(0) var<uniform> dims: Dims;
