// Each subgroup sums THREAD_M rows × LANES·THREAD_N columns of C. A lane keeps the columns of its own
// vectors of B; it also holds those of A for the rows of its number, and broadcasts them to the others.
// No workgroup memory, no barrier. The body of two families, by where load_a4 and load_b4 read from:
// `subgroup` from buffers, `texture_fed` from textures.
//
// `texture_fed` is for CPU-type adapters, where an invocation is a lane of a vector register. What it
// rests on, seen in Mesa 22.3's machine code: a load from a buffer or from workgroup memory in a loop is
// done lane by lane, with a branch for each; a load from a storage texture is a 16-byte load for each
// lane and a transposition, without branches (a sampled texture adds a level of detail for each lane,
// which doubles the cost); a broadcast from a constant lane is one or two shuffles.

const LANES = BLOCK_N / THREAD_N;
const VECTORS = THREAD_N / 4u;
// Vectors of A that a lane holds, one for each group of LANES rows.
const GROUPS_A = (THREAD_M + LANES - 1u) / LANES;

var<private> sum: array<array<vec4<Sum>, VECTORS>, THREAD_M>;
var<private> rows_a: array<vec4<Sum>, GROUPS_A>;
var<private> rows_b: array<array<vec4<Sum>, VECTORS>, 4>;

// Four products for one row of C. `x` and `y` are constants wherever this is called.
fn add(y: u32, x: vec4<Sum>) {
    for (var t = 0u; t < VECTORS; t++) {
        sum[y][t] += x.x * rows_b[0][t] + x.y * rows_b[1][t] + x.z * rows_b[2][t] + x.w * rows_b[3][t];
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row0 = dims.origin_m + group.y * BLOCK_M + (local / LANES) * THREAD_M;
    let vector0 = (dims.origin_n + group.x * BLOCK_N) / 4u + lane;
    if row0 >= dims.m {
        return;
    }
    let vectors_k = (dims.k + 3u) / 4u;
    for (var k4 = 0u; k4 < vectors_k; k4++) {
        for (var i = 0u; i < GROUPS_A; i++) {
            rows_a[i] = vec4<Sum>(load_a4(row0 + i * LANES + lane, k4));
        }
        for (var q = 0u; q < 4u; q++) {
            for (var t = 0u; t < VECTORS; t++) {
                rows_b[q][t] = vec4<Sum>(load_b4(k4 * 4u + q, vector0 + t * LANES));
            }
        }
        // WGSL wants the lane of a broadcast as a constant, so the rows are written out.
        add(0u, subgroupBroadcast(rows_a[0u / LANES], 0u % LANES));
        add(1u, subgroupBroadcast(rows_a[1u / LANES], 1u % LANES));
        add(2u, subgroupBroadcast(rows_a[2u / LANES], 2u % LANES));
        add(3u, subgroupBroadcast(rows_a[3u / LANES], 3u % LANES));
        add(4u, subgroupBroadcast(rows_a[4u / LANES], 4u % LANES));
        add(5u, subgroupBroadcast(rows_a[5u / LANES], 5u % LANES));
        add(6u, subgroupBroadcast(rows_a[6u / LANES], 6u % LANES));
        add(7u, subgroupBroadcast(rows_a[7u / LANES], 7u % LANES));
        add(8u, subgroupBroadcast(rows_a[8u / LANES], 8u % LANES));
        add(9u, subgroupBroadcast(rows_a[9u / LANES], 9u % LANES));
        add(10u, subgroupBroadcast(rows_a[10u / LANES], 10u % LANES));
        add(11u, subgroupBroadcast(rows_a[11u / LANES], 11u % LANES));
        add(12u, subgroupBroadcast(rows_a[12u / LANES], 12u % LANES));
        add(13u, subgroupBroadcast(rows_a[13u / LANES], 13u % LANES));
        add(14u, subgroupBroadcast(rows_a[14u / LANES], 14u % LANES));
        add(15u, subgroupBroadcast(rows_a[15u / LANES], 15u % LANES));
    }
    for (var y = 0u; y < THREAD_M; y++) {
        for (var t = 0u; t < VECTORS; t++) {
            store_c4(row0 + y, vector0 + t * LANES, sum[y][t]);
        }
    }
}
