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

// Rows written out at a time. A power of two, so that a row keeps its lane from one group to the next.
const ROWS = 16u;
const ROW_GROUPS = THREAD_M / ROWS;

var<private> sum: array<array<vec4<Sum>, VECTORS>, THREAD_M>;
var<private> rows_a: array<vec4<Sum>, GROUPS_A>;
var<private> rows_b: array<array<vec4<Sum>, VECTORS>, 4>;

// Four products for each of two rows of C: `x` for row y, `z` for the next. Two at once, so that a vector
// of B that comes back from the stack serves twice. `y`, `x` and `z` are constants wherever this is called.
fn add(y: u32, x: vec4<Sum>, z: vec4<Sum>) {
    var upper: array<vec4<Sum>, VECTORS>;
    var lower: array<vec4<Sum>, VECTORS>;
    for (var t = 0u; t < VECTORS; t++) {
        upper[t] = x[0] * rows_b[0][t];
    }
    for (var t = 0u; t < VECTORS; t++) {
        lower[t] = z[0] * rows_b[0][t];
    }
    for (var q = 0u; q < 3u; q++) {
        for (var t = 0u; t < VECTORS; t++) {
            upper[t] += x[q + 1u] * rows_b[q + 1u][t];
        }
        for (var t = 0u; t < VECTORS; t++) {
            lower[t] += z[q + 1u] * rows_b[q + 1u][t];
        }
    }
    for (var t = 0u; t < VECTORS; t++) {
        sum[y][t] += upper[t];
        sum[y + 1u][t] += lower[t];
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
        for (var g = 0u; g < ROW_GROUPS; g++) {
            // WGSL wants the lane of a broadcast as a constant, so the rows are written out.
            add(
                g * ROWS + 0u,
                subgroupBroadcast(rows_a[(g * ROWS + 0u) / LANES], 0u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 1u) / LANES], 1u % LANES),
            );
            add(
                g * ROWS + 2u,
                subgroupBroadcast(rows_a[(g * ROWS + 2u) / LANES], 2u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 3u) / LANES], 3u % LANES),
            );
            add(
                g * ROWS + 4u,
                subgroupBroadcast(rows_a[(g * ROWS + 4u) / LANES], 4u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 5u) / LANES], 5u % LANES),
            );
            add(
                g * ROWS + 6u,
                subgroupBroadcast(rows_a[(g * ROWS + 6u) / LANES], 6u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 7u) / LANES], 7u % LANES),
            );
            add(
                g * ROWS + 8u,
                subgroupBroadcast(rows_a[(g * ROWS + 8u) / LANES], 8u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 9u) / LANES], 9u % LANES),
            );
            add(
                g * ROWS + 10u,
                subgroupBroadcast(rows_a[(g * ROWS + 10u) / LANES], 10u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 11u) / LANES], 11u % LANES),
            );
            add(
                g * ROWS + 12u,
                subgroupBroadcast(rows_a[(g * ROWS + 12u) / LANES], 12u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 13u) / LANES], 13u % LANES),
            );
            add(
                g * ROWS + 14u,
                subgroupBroadcast(rows_a[(g * ROWS + 14u) / LANES], 14u % LANES),
                subgroupBroadcast(rows_a[(g * ROWS + 15u) / LANES], 15u % LANES),
            );
        }
    }
    for (var g = 0u; g < ROW_GROUPS; g++) {
        for (var y = 0u; y < ROWS; y++) {
            for (var t = 0u; t < VECTORS; t++) {
                store_c4(row0 + g * ROWS + y, vector0 + t * LANES, sum[g * ROWS + y][t]);
            }
        }
    }
}
