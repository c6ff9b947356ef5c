// As workgroup_tiled, and each invocation sums a THREAD_M×THREAD_N patch of C in registers, so that
// one element from workgroup memory serves several products.

// A is held k-major: the patch's rows lie next to each other.
var<workgroup> tile_a: array<Operand, BLOCK_K * BLOCK_M>;
var<workgroup> tile_b: array<Operand, BLOCK_K * BLOCK_N>;

const THREADS_N = BLOCK_N / THREAD_N;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let col0 = dims.origin_n + group.x * BLOCK_N;
    let patch_row = (local / THREADS_N) * THREAD_M;
    let patch_col = (local % THREADS_N) * THREAD_N;
    var sum: array<array<Sum, THREAD_N>, THREAD_M>;
    for (var k0 = 0u; k0 < dims.k; k0 += BLOCK_K) {
        for (var i = local; i < BLOCK_M * BLOCK_K; i += WORKGROUP) {
            let row = i / BLOCK_K;
            let col = i % BLOCK_K;
            tile_a[col * BLOCK_M + row] = load_a(row0 + row, k0 + col);
        }
        for (var i = local; i < BLOCK_K * BLOCK_N; i += WORKGROUP) {
            tile_b[i] = load_b(k0 + i / BLOCK_N, col0 + i % BLOCK_N);
        }
        workgroupBarrier();
        for (var i = 0u; i < BLOCK_K; i++) {
            var row_b: array<Sum, THREAD_N>;
            for (var x = 0u; x < THREAD_N; x++) {
                row_b[x] = Sum(tile_b[i * BLOCK_N + patch_col + x]);
            }
            for (var y = 0u; y < THREAD_M; y++) {
                let value = Sum(tile_a[i * BLOCK_M + patch_row + y]);
                for (var x = 0u; x < THREAD_N; x++) {
                    sum[y][x] += value * row_b[x];
                }
            }
        }
        workgroupBarrier();
    }
    for (var y = 0u; y < THREAD_M; y++) {
        for (var x = 0u; x < THREAD_N; x++) {
            store_c(row0 + patch_row + y, col0 + patch_col + x, sum[y][x]);
        }
    }
}
