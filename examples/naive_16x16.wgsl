// A kernel of one's own for `flopcast ab`: whole WGSL with the bindings that every kernel has (shaders/README.md).
// C (m×n) = A (m×k) · B (k×n), row-major, rows padded with zeros to the strides lda, ldb, ldc (in elements).

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

// The block of C that a workgroup computes; a dispatch covers the part of C that starts at the origin.
const BLOCK_M = 16u;
const BLOCK_N = 16u;

@group(0) @binding(0) var<uniform> dims: Dims;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = dims.origin_m + group.y * BLOCK_M + local / BLOCK_N;
    let col = dims.origin_n + group.x * BLOCK_N + local % BLOCK_N;
    if row >= dims.m || col >= dims.n {
        return;
    }
    var sum = 0.0;
    for (var i = 0u; i < dims.k; i++) {
        sum += a[row * dims.lda + i] * b[i * dims.ldb + col];
    }
    c[row * dims.ldc + col] = sum;
}
