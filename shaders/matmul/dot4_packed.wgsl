// Signed bytes, four at a time: a product of two words is four multiplications and three additions, exact
// in 32 bits. Tiles in workgroup memory, patches of C in registers, as register_tiled. A word of A holds
// four elements of a row as it lies in memory; four rows of B are turned so that a word holds four
// elements of a column.

const STEPS = BLOCK_K / 4u;
const THREADS_N = BLOCK_N / THREAD_N;
const QUADS = BLOCK_N / 4u;
// One word more than a row of A has, so that rows do not fall on the same banks.
const ROW_A = STEPS + 1u;

var<workgroup> tile_a: array<u32, BLOCK_M * ROW_A>;
var<workgroup> tile_b: array<u32, STEPS * BLOCK_N>;

// The bytes at `place` of four words as one word.
fn column(rows: array<u32, 4>, place: u32) -> u32 {
    let shift = place * 8u;
    return extractBits(rows[0], shift, 8u) | (extractBits(rows[1], shift, 8u) << 8u)
        | (extractBits(rows[2], shift, 8u) << 16u) | (extractBits(rows[3], shift, 8u) << 24u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let col0 = dims.origin_n + group.x * BLOCK_N;
    let patch_row = (local / THREADS_N) * THREAD_M;
    let patch_col = local % THREADS_N;
    var sum: array<array<i32, THREAD_N>, THREAD_M>;
    for (var k0 = 0u; k0 < dims.k; k0 += BLOCK_K) {
        for (var i = local; i < BLOCK_M * STEPS; i += WORKGROUP) {
            tile_a[(i / STEPS) * ROW_A + i % STEPS] = load_a4(row0 + i / STEPS, k0 / 4u + i % STEPS);
        }
        for (var i = local; i < STEPS * QUADS; i += WORKGROUP) {
            let row = k0 + (i / QUADS) * 4u;
            let quad = i % QUADS;
            var rows: array<u32, 4>;
            for (var q = 0u; q < 4u; q++) {
                rows[q] = load_b4(row + q, col0 / 4u + quad);
            }
            for (var q = 0u; q < 4u; q++) {
                tile_b[(i / QUADS) * BLOCK_N + quad * 4u + q] = column(rows, q);
            }
        }
        workgroupBarrier();
        for (var step = 0u; step < STEPS; step++) {
            var words_b: array<u32, THREAD_N>;
            for (var x = 0u; x < THREAD_N; x++) {
                words_b[x] = tile_b[step * BLOCK_N + patch_col + x * THREADS_N];
            }
            for (var y = 0u; y < THREAD_M; y++) {
                let word_a = tile_a[(patch_row + y) * ROW_A + step];
                for (var x = 0u; x < THREAD_N; x++) {
                    sum[y][x] += dot4I8Packed(word_a, words_b[x]);
                }
            }
        }
        workgroupBarrier();
    }
    for (var y = 0u; y < THREAD_M; y++) {
        for (var x = 0u; x < THREAD_N; x++) {
            store_c(row0 + patch_row + y, col0 + patch_col + x * THREADS_N, sum[y][x]);
        }
    }
}
