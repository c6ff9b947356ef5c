// Tiles of A and B in workgroup memory, and each invocation sums a THREAD_M×THREAD_N patch of C in
// registers, so that one element from workgroup memory serves several products. Everything moves as
// vectors of four. The tiles are held twice: while one pair is multiplied the next is on its way from
// memory in registers, and one barrier a step is enough.

const STEPS = BLOCK_K / 4u;
const THREADS_N = BLOCK_N / THREAD_N;
const VECTORS = THREAD_N / 4u;
// One vector more than a row of A has, so that rows do not fall on the same banks.
const ROW_A = STEPS + 1u;
const ROW_B = BLOCK_N / 4u;
const TILE_A = BLOCK_M * ROW_A;
const TILE_B = BLOCK_K * ROW_B;
// Vectors that an invocation brings in for a tile.
const LOADS_A = (BLOCK_M * STEPS + WORKGROUP - 1u) / WORKGROUP;
const LOADS_B = (TILE_B + WORKGROUP - 1u) / WORKGROUP;

var<workgroup> tile_a: array<vec4<Operand>, 2u * TILE_A>;
var<workgroup> tile_b: array<vec4<Operand>, 2u * TILE_B>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let vector0 = (dims.origin_n + group.x * BLOCK_N) / 4u;
    let patch_row = (local / THREADS_N) * THREAD_M;
    // A patch's vectors lie THREADS_N apart: neighbours read neighbouring vectors of B and write
    // neighbouring vectors of C.
    let patch_vector = local % THREADS_N;
    var next_a: array<vec4<Operand>, LOADS_A>;
    var next_b: array<vec4<Operand>, LOADS_B>;
    var sum: array<array<vec4<Sum>, VECTORS>, THREAD_M>;
    let tiles = (dims.k + BLOCK_K - 1u) / BLOCK_K;
    for (var tile = 0u; tile <= tiles; tile++) {
        if tile < tiles {
            for (var i = 0u; i < LOADS_A; i++) {
                let at = local + i * WORKGROUP;
                next_a[i] = load_a4(row0 + at / STEPS, tile * STEPS + at % STEPS);
            }
            for (var i = 0u; i < LOADS_B; i++) {
                let at = local + i * WORKGROUP;
                next_b[i] = load_b4(tile * BLOCK_K + at / ROW_B, vector0 + at % ROW_B);
            }
        }
        if tile > 0u {
            let half_a = ((tile - 1u) % 2u) * TILE_A + patch_row * ROW_A;
            let half_b = ((tile - 1u) % 2u) * TILE_B + patch_vector;
            for (var step = 0u; step < STEPS; step++) {
                var four_a: array<vec4<Sum>, THREAD_M>;
                for (var y = 0u; y < THREAD_M; y++) {
                    four_a[y] = vec4<Sum>(tile_a[half_a + y * ROW_A + step]);
                }
                for (var q = 0u; q < 4u; q++) {
                    for (var x = 0u; x < VECTORS; x++) {
                        let four_b = vec4<Sum>(tile_b[half_b + (step * 4u + q) * ROW_B + x * THREADS_N]);
                        for (var y = 0u; y < THREAD_M; y++) {
                            sum[y][x] += four_a[y][q] * four_b;
                        }
                    }
                }
            }
        }
        if tile < tiles {
            for (var i = 0u; i < LOADS_A; i++) {
                let at = local + i * WORKGROUP;
                if at < BLOCK_M * STEPS {
                    tile_a[(tile % 2u) * TILE_A + (at / STEPS) * ROW_A + at % STEPS] = next_a[i];
                }
            }
            for (var i = 0u; i < LOADS_B; i++) {
                let at = local + i * WORKGROUP;
                if at < TILE_B {
                    tile_b[(tile % 2u) * TILE_B + at] = next_b[i];
                }
            }
        }
        workgroupBarrier();
    }
    for (var y = 0u; y < THREAD_M; y++) {
        for (var x = 0u; x < VECTORS; x++) {
            store_c4(row0 + patch_row + y, vector0 + patch_vector + x * THREADS_N, sum[y][x]);
        }
    }
}
