// The adapter's matrix units: each subgroup holds a THREAD_M×THREAD_N patch of C in fragments that its
// lanes share, and multiplies fragments of A and B from tiles in workgroup memory. Tiles are filled with
// zeros beyond the edges, and results leave through workgroup memory, so that every shape is right.

const THREADS_N = BLOCK_N / THREAD_N;
const SUBGROUPS = (BLOCK_M / THREAD_M) * THREADS_N;
const FRAGMENTS_M = THREAD_M / FRAGMENT;
const FRAGMENTS_N = THREAD_N / FRAGMENT;
// Rows of 16 bytes more than the tile has, so that rows do not fall on the same banks and each still
// starts on a whole 16 bytes.
const ROW_A = BLOCK_K + ROW_GAP;
const ROW_B = BLOCK_N + ROW_GAP;

var<workgroup> tile_a: array<Operand, BLOCK_M * ROW_A>;
var<workgroup> tile_b: array<Operand, BLOCK_K * ROW_B>;
var<workgroup> tile_c: array<Sum, SUBGROUPS * FRAGMENT * FRAGMENT>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let col0 = dims.origin_n + group.x * BLOCK_N;
    let patch_row = (subgroup / THREADS_N) * THREAD_M;
    let patch_col = (subgroup % THREADS_N) * THREAD_N;
    var sum: array<array<FragmentC, FRAGMENTS_N>, FRAGMENTS_M>;
    for (var k0 = 0u; k0 < dims.k; k0 += BLOCK_K) {
        for (var i = local; i < BLOCK_M * BLOCK_K; i += WORKGROUP) {
            tile_a[(i / BLOCK_K) * ROW_A + i % BLOCK_K] = load_a(row0 + i / BLOCK_K, k0 + i % BLOCK_K);
        }
        for (var i = local; i < BLOCK_K * BLOCK_N; i += WORKGROUP) {
            tile_b[(i / BLOCK_N) * ROW_B + i % BLOCK_N] = load_b(k0 + i / BLOCK_N, col0 + i % BLOCK_N);
        }
        workgroupBarrier();
        for (var step = 0u; step < BLOCK_K; step += FRAGMENT) {
            var fragments_b: array<FragmentB, FRAGMENTS_N>;
            for (var x = 0u; x < FRAGMENTS_N; x++) {
                fragments_b[x] = coopLoadT<FragmentB>(&tile_b[step * ROW_B + patch_col + x * FRAGMENT], ROW_B);
            }
            for (var y = 0u; y < FRAGMENTS_M; y++) {
                let fragment_a = coopLoadT<FragmentA>(&tile_a[(patch_row + y * FRAGMENT) * ROW_A + step], ROW_A);
                for (var x = 0u; x < FRAGMENTS_N; x++) {
                    sum[y][x] = coopMultiplyAdd(fragment_a, fragments_b[x], sum[y][x]);
                }
            }
        }
        workgroupBarrier();
    }
    let scratch = subgroup * FRAGMENT * FRAGMENT;
    for (var y = 0u; y < FRAGMENTS_M; y++) {
        for (var x = 0u; x < FRAGMENTS_N; x++) {
            coopStoreT(sum[y][x], &tile_c[scratch], FRAGMENT);
            workgroupBarrier();
            for (var i = lane; i < FRAGMENT * FRAGMENT; i += SUBGROUP) {
                let row = row0 + patch_row + y * FRAGMENT + i / FRAGMENT;
                let col = col0 + patch_col + x * FRAGMENT + i % FRAGMENT;
                store_c(row, col, tile_c[scratch + i]);
            }
            workgroupBarrier();
        }
    }
}
