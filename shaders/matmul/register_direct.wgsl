// Each invocation sums a THREAD_M×THREAD_N patch of C in registers, with A and B straight from where they
// lie: no workgroup memory, no barrier, no subgroup operations. The body of two families, by where
// load_a4 and load_b4 read from: `register_direct` from buffers, `texture_direct` from textures.
//
// On CPU-type adapters workgroup memory is memory like any other, and barriers cost a change of stack for
// each vector of invocations; what texture loads save there is told in subgroup.wgsl.

const THREADS_N = BLOCK_N / THREAD_N;
const VECTORS = THREAD_N / 4u;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row0 = dims.origin_m + group.y * BLOCK_M + (local / THREADS_N) * THREAD_M;
    // A patch's vectors lie THREADS_N apart: neighbours read and write neighbouring vectors.
    let vector0 = (dims.origin_n + group.x * BLOCK_N) / 4u + local % THREADS_N;
    var sum: array<array<vec4<Sum>, VECTORS>, THREAD_M>;
    // Nothing is summed outside of C; and the extents are read in front of the loop, since a CPU-type adapter would
    // read them again each time in it.
    let inside = row0 < dims.m && vector0 < (dims.n + 3u) / 4u;
    let vectors_k = select(0u, (dims.k + 3u) / 4u, inside);
    var from_a: array<u32, THREAD_M>;
    for (var y = 0u; y < THREAD_M; y++) {
        from_a[y] = row_a(row0 + y);
    }
    var from_b: array<ColumnB, VECTORS>;
    for (var x = 0u; x < VECTORS; x++) {
        from_b[x] = column_b(vector0 + x * THREADS_N);
    }
    for (var k4 = 0u; k4 < vectors_k; k4++) {
        var four_a: array<vec4<Sum>, THREAD_M>;
        for (var y = 0u; y < THREAD_M; y++) {
            four_a[y] = vec4<Sum>(load_a4(from_a[y], k4));
        }
        var four_b: array<array<vec4<Sum>, VECTORS>, 4>;
        for (var q = 0u; q < 4u; q++) {
            for (var x = 0u; x < VECTORS; x++) {
                four_b[q][x] = vec4<Sum>(load_b4(k4 * 4u + q, from_b[x]));
            }
        }
        for (var y = 0u; y < THREAD_M; y++) {
            let fours = four_a[y];
            for (var x = 0u; x < VECTORS; x++) {
                sum[y][x] += fours.x * four_b[0][x] + fours.y * four_b[1][x]
                    + fours.z * four_b[2][x] + fours.w * four_b[3][x];
            }
        }
    }
    for (var y = 0u; y < THREAD_M; y++) {
        for (var x = 0u; x < VECTORS; x++) {
            store_c4(row0 + y, vector0 + x * THREADS_N, sum[y][x]);
        }
    }
}
