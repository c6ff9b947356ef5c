// Workgroup memory: a tile is filled once, then read again and again at places that move, into a sum per
// invocation.

@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

const TILE = 512u;
var<workgroup> tile: array<vec4<u32>, TILE>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let factors = vec4<u32>(2654435761u, 2246822519u, 3266489917u, 668265263u);
    for (var at = local; at < TILE; at += WORKGROUP) {
        tile[at] = (vec4<u32>(at) * factors) ^ vec4<u32>(params.seed);
    }
    workgroupBarrier();
    var sum = vec4<u32>();
    for (var step = 0u; step < params.steps; step += 8u) {
        for (var i = 0u; i < 8u; i++) {
            sum += tile[(local + (step + i) * params.stride) & (TILE - 1u)];
        }
    }
    out[id.x] = sum;
}
