// The adapter's matrix units: each subgroup holds a THREAD_M×THREAD_N patch of C in fragments that its
// lanes share, and multiplies fragments of A and B from tiles in workgroup memory. Tiles are filled with
// zeros beyond the edges, and results leave through workgroup memory, so that every shape is right. While
// one pair of tiles is multiplied, the next is on its way from memory in registers, as vectors of four;
// the tiles themselves are of single elements, since fragments are loaded from those alone.
//
// How large subgroups are the driver decides (Metal and RDNA report a range), so nothing here counts on it:
// PATCHES patches are dealt out to as many subgroups as there turn out to be, in rounds. A subgroup that is
// left without one works on the last patch along with its owner, since all that a barrier or a fragment is
// needed for has to be in uniform control flow, and stores nothing.

const THREADS_N = BLOCK_N / THREAD_N;
const PATCHES = (BLOCK_M / THREAD_M) * THREADS_N;
const FRAGMENTS_M = THREAD_M / FRAGMENT;
const FRAGMENTS_N = THREAD_N / FRAGMENT;
// Rows of 16 bytes more than the tile has, so that rows do not fall on the same banks and each still
// starts on a whole 16 bytes.
const ROW_A = BLOCK_K + ROW_GAP;
const ROW_B = BLOCK_N + ROW_GAP;
// Vectors of a tile's row, and how many of a tile's an invocation brings in.
const VECTORS_A = BLOCK_K / 4u;
const VECTORS_B = BLOCK_N / 4u;
const LOADS_A = (BLOCK_M * VECTORS_A + WORKGROUP - 1u) / WORKGROUP;
const LOADS_B = (BLOCK_K * VECTORS_B + WORKGROUP - 1u) / WORKGROUP;
const STEPS = BLOCK_K / FRAGMENT;

var<workgroup> tile_a: array<Operand, BLOCK_M * ROW_A>;
var<workgroup> tile_b: array<Operand, BLOCK_K * ROW_B>;
// One fragment for each subgroup that can have a patch, and one for all others.
var<workgroup> tile_c: array<Sum, (PATCHES + 1u) * FRAGMENT * FRAGMENT>;
var<workgroup> subgroups: u32;

var<private> next_a: array<vec4<Operand>, LOADS_A>;
var<private> next_b: array<vec4<Operand>, LOADS_B>;

// Begins to bring in a pair of tiles; beyond the last one there are zeros.
fn fetch(row0: u32, vector0: u32, tile: u32, local: u32) {
    for (var i = 0u; i < LOADS_A; i++) {
        let at = local + i * WORKGROUP;
        next_a[i] = load_a4(row0 + at / VECTORS_A, tile * VECTORS_A + at % VECTORS_A);
    }
    for (var i = 0u; i < LOADS_B; i++) {
        let at = local + i * WORKGROUP;
        next_b[i] = load_b4(tile * BLOCK_K + at / VECTORS_B, vector0 + at % VECTORS_B);
    }
}

// Puts the pair that was brought in into workgroup memory.
fn put(local: u32) {
    for (var i = 0u; i < LOADS_A; i++) {
        let at = local + i * WORKGROUP;
        if at < BLOCK_M * VECTORS_A {
            let place = (at / VECTORS_A) * ROW_A + (at % VECTORS_A) * 4u;
            for (var q = 0u; q < 4u; q++) {
                tile_a[place + q] = next_a[i][q];
            }
        }
    }
    for (var i = 0u; i < LOADS_B; i++) {
        let at = local + i * WORKGROUP;
        if at < BLOCK_K * VECTORS_B {
            let place = (at / VECTORS_B) * ROW_B + (at % VECTORS_B) * 4u;
            for (var q = 0u; q < 4u; q++) {
                tile_b[place + q] = next_b[i][q];
            }
        }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_subgroups) subgroup_count: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_size) lanes: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    if local == 0u {
        subgroups = subgroup_count;
    }
    let together = workgroupUniformLoad(&subgroups);
    let row0 = dims.origin_m + group.y * BLOCK_M;
    let vector0 = (dims.origin_n + group.x * BLOCK_N) / 4u;
    let scratch = min(subgroup, PATCHES) * FRAGMENT * FRAGMENT;
    let tiles = (dims.k + BLOCK_K - 1u) / BLOCK_K;
    let rounds = (PATCHES + together - 1u) / together;
    for (var round = 0u; round < rounds; round++) {
        let owned = round * together + subgroup;
        let patch_index = min(owned, PATCHES - 1u);
        let patch_row = (patch_index / THREADS_N) * THREAD_M;
        let patch_col = (patch_index % THREADS_N) * THREAD_N;
        var sum: array<array<FragmentC, FRAGMENTS_N>, FRAGMENTS_M>;
        fetch(row0, vector0, 0u, local);
        for (var tile = 0u; tile < tiles; tile++) {
            put(local);
            workgroupBarrier();
            fetch(row0, vector0, tile + 1u, local);
            for (var step = 0u; step < STEPS; step++) {
                let k = step * FRAGMENT;
                var fragments_b: array<FragmentB, FRAGMENTS_N>;
                for (var x = 0u; x < FRAGMENTS_N; x++) {
                    fragments_b[x] = coopLoadT<FragmentB>(&tile_b[k * ROW_B + patch_col + x * FRAGMENT], ROW_B);
                }
                for (var y = 0u; y < FRAGMENTS_M; y++) {
                    let fragment_a = coopLoadT<FragmentA>(&tile_a[(patch_row + y * FRAGMENT) * ROW_A + k], ROW_A);
                    for (var x = 0u; x < FRAGMENTS_N; x++) {
                        sum[y][x] = coopMultiplyAdd(fragment_a, fragments_b[x], sum[y][x]);
                    }
                }
            }
            workgroupBarrier();
        }
        for (var y = 0u; y < FRAGMENTS_M; y++) {
            for (var x = 0u; x < FRAGMENTS_N; x++) {
                coopStoreT(sum[y][x], &tile_c[scratch], FRAGMENT);
                workgroupBarrier();
                for (var i = lane; i < FRAGMENT * FRAGMENT / 4u && owned < PATCHES; i += lanes) {
                    let row = row0 + patch_row + y * FRAGMENT + i / (FRAGMENT / 4u);
                    let vector = vector0 + (patch_col + x * FRAGMENT) / 4u + i % (FRAGMENT / 4u);
                    let four = scratch + i * 4u;
                    store_c4(row, vector, vec4(tile_c[four], tile_c[four + 1u], tile_c[four + 2u], tile_c[four + 3u]));
                }
                workgroupBarrier();
            }
        }
    }
}
