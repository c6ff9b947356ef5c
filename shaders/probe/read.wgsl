// Memory read: every element of the working set, as often as the others, into a sum per invocation that
// depends on each of them.

@group(0) @binding(1) var<storage, read> a: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let mask = params.count - 1u;
    var sum = vec4<u32>();
    for (var step = 0u; step < params.steps; step += 4u) {
        for (var i = 0u; i < 4u; i++) {
            sum += a[params.base + ((id.x + (step + i) * params.stride) & mask)];
        }
    }
    out[id.x] = sum;
}
