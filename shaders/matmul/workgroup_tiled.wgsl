// A workgroup shares tiles of A and B in workgroup memory; one invocation sums one element of C.

var<workgroup> tile_a: array<Operand, BLOCK_M * BLOCK_K>;
var<workgroup> tile_b: array<Operand, BLOCK_K * BLOCK_N>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let col0 = dims.origin_n + group.x * BLOCK_N;
    let row = local / BLOCK_N;
    let col = local % BLOCK_N;
    var sum = Sum(0);
    for (var k0 = 0u; k0 < dims.k; k0 += BLOCK_K) {
        for (var i = local; i < BLOCK_M * BLOCK_K; i += WORKGROUP) {
            tile_a[i] = load_a(row0 + i / BLOCK_K, k0 + i % BLOCK_K);
        }
        for (var i = local; i < BLOCK_K * BLOCK_N; i += WORKGROUP) {
            tile_b[i] = load_b(k0 + i / BLOCK_N, col0 + i % BLOCK_N);
        }
        workgroupBarrier();
        for (var i = 0u; i < BLOCK_K; i++) {
            sum += Sum(tile_a[row * BLOCK_K + i]) * Sum(tile_b[i * BLOCK_N + col]);
        }
        workgroupBarrier();
    }
    store_c(row0 + row, col0 + col, sum);
}
