// Each subgroup sums THREAD_M rows × LANES·THREAD_N columns of C. A lane keeps the columns of its own
// vectors of B; it also holds those of A for the rows of its number, and broadcasts them to the others.
// No workgroup memory, and a barrier only between panels of k. The body of two families, by where load_a4 and
// load_b4 read from: `subgroup` from buffers, `texture_fed` from textures.
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
const LATER_A = GROUPS_A - 1u;

// A small patch is for a CPU with few vector registers, where its code has to be short (METHODOLOGY, 1).
const SMALL = THREAD_M * THREAD_N <= 64u;

// Vectors of k in a panel. A workgroup's subgroups share the columns of B, and where they are run one after
// another, as on a CPU, the first would stream all of k through the cache before the next begins: of 2,048 rows
// of B little is left for it. So each takes a panel in turn. A small patch takes all of k at once: its columns are
// few, and the barrier behind a panel would keep all sums in memory.
const PANEL = 128u;

// Rows written out at a time. A power of two, so that a row keeps its lane from one group to the next.
const ROWS = 16u;
const ROW_GROUPS = THREAD_M / ROWS;

// Vectors of C in a cache line, and groups of so many rows.
const LINE = 4u;
const CLAIMS = THREAD_M / LINE;

var<private> sum: array<array<vec4<Sum>, VECTORS>, THREAD_M>;
var<private> rows_a: array<vec4<Sum>, GROUPS_A>;
var<private> rows_b: array<vec4<Sum>, 4>;

// Four products for one vector of a row of C, added up beside the sum, so that it is needed late; in a small patch
// straight into it, which needs a register less. `y` and `t` are constants wherever this is called.
fn add(y: u32, t: u32, x: vec4<Sum>) {
    if SMALL {
        for (var q = 0u; q < 4u; q++) {
            sum[y][t] += x[q] * rows_b[q];
        }
    } else {
        var part = x[0] * rows_b[0];
        for (var q = 0u; q < 3u; q++) {
            part += x[q + 1u] * rows_b[q + 1u];
        }
        sum[y][t] += part;
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
    // Nothing is summed outside of C. Not a return, which would leave a mask on all that follows; and the extents
    // are read in front of the loop: in it they would be gathered for each lane, each time.
    let inside = row0 < dims.m && vector0 - lane < (dims.n + 3u) / 4u;
    let vectors_k = (dims.k + 3u) / 4u;
    var from_a: array<u32, GROUPS_A>;
    for (var i = 0u; i < GROUPS_A; i++) {
        from_a[i] = row_a(row0 + i * LANES + lane);
    }
    var from_b: array<ColumnB, VECTORS>;
    for (var t = 0u; t < VECTORS; t++) {
        from_b[t] = column_b(vector0 + t * LANES);
    }
    // Each line of C once, by a lane that writes to it in the end. For a large patch, whose stores are a smaller part of
    // the whole, it gains nothing.
    if SMALL {
        for (var i = 0u; i < CLAIMS; i++) {
            for (var t = 0u; t < VECTORS; t++) {
                claim_c4(row0 + i * LINE + lane % LINE, vector0 + t * LANES);
            }
        }
    }
    let panel = select(PANEL, vectors_k, SMALL);
    var begin = 0u;
    loop {
        let end = select(0u, min(begin + panel, vectors_k), inside);
        for (var k4 = begin; k4 < end; k4++) {
            rows_a[0] = vec4<Sum>(load_a4(from_a[0], k4));
            if SMALL {
                for (var i = 0u; i < LATER_A; i++) {
                    rows_a[i + 1u] = vec4<Sum>(load_a4(from_a[i + 1u], k4));
                }
            }
            // One vector of columns after another: four rows of B then stay in registers for all rows of A.
            for (var t = 0u; t < VECTORS; t++) {
                for (var q = 0u; q < 4u; q++) {
                    rows_b[q] = vec4<Sum>(load_b4(k4 * 4u + q, from_b[t]));
                }
                // Behind the first of B, whose rows lie further apart and are waited for longest.
                if t == 0u && !SMALL {
                    for (var i = 0u; i < LATER_A; i++) {
                        rows_a[i + 1u] = vec4<Sum>(load_a4(from_a[i + 1u], k4));
                    }
                }
                for (var g = 0u; g < ROW_GROUPS; g++) {
                    // WGSL wants the lane of a broadcast as a constant, so the rows are written out.
                    add(g * ROWS + 0u, t, subgroupBroadcast(rows_a[(g * ROWS + 0u) / LANES], 0u % LANES));
                    add(g * ROWS + 1u, t, subgroupBroadcast(rows_a[(g * ROWS + 1u) / LANES], 1u % LANES));
                    add(g * ROWS + 2u, t, subgroupBroadcast(rows_a[(g * ROWS + 2u) / LANES], 2u % LANES));
                    add(g * ROWS + 3u, t, subgroupBroadcast(rows_a[(g * ROWS + 3u) / LANES], 3u % LANES));
                    add(g * ROWS + 4u, t, subgroupBroadcast(rows_a[(g * ROWS + 4u) / LANES], 4u % LANES));
                    add(g * ROWS + 5u, t, subgroupBroadcast(rows_a[(g * ROWS + 5u) / LANES], 5u % LANES));
                    add(g * ROWS + 6u, t, subgroupBroadcast(rows_a[(g * ROWS + 6u) / LANES], 6u % LANES));
                    add(g * ROWS + 7u, t, subgroupBroadcast(rows_a[(g * ROWS + 7u) / LANES], 7u % LANES));
                    add(g * ROWS + 8u, t, subgroupBroadcast(rows_a[(g * ROWS + 8u) / LANES], 8u % LANES));
                    add(g * ROWS + 9u, t, subgroupBroadcast(rows_a[(g * ROWS + 9u) / LANES], 9u % LANES));
                    add(g * ROWS + 10u, t, subgroupBroadcast(rows_a[(g * ROWS + 10u) / LANES], 10u % LANES));
                    add(g * ROWS + 11u, t, subgroupBroadcast(rows_a[(g * ROWS + 11u) / LANES], 11u % LANES));
                    add(g * ROWS + 12u, t, subgroupBroadcast(rows_a[(g * ROWS + 12u) / LANES], 12u % LANES));
                    add(g * ROWS + 13u, t, subgroupBroadcast(rows_a[(g * ROWS + 13u) / LANES], 13u % LANES));
                    add(g * ROWS + 14u, t, subgroupBroadcast(rows_a[(g * ROWS + 14u) / LANES], 14u % LANES));
                    add(g * ROWS + 15u, t, subgroupBroadcast(rows_a[(g * ROWS + 15u) / LANES], 15u % LANES));
                }
            }
        }
        // With four lanes (SwiftShader) a barrier takes a seventh of the time by standing in the text, and is left
        // out: the condition is a constant.
        if LANES > 4u && !SMALL {
            workgroupBarrier();
        }
        // With one panel a break that is always taken: there is no loop then.
        begin += panel;
        if SMALL || begin >= vectors_k {
            break;
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
