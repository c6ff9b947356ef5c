// Memory triad (McCalpin's STREAM): out ← a + 3·b in f32. Operands are whole numbers of which the sum is exact.

@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let mask = params.count - 1u;
    for (var step = 0u; step < params.steps; step += 4u) {
        for (var i = 0u; i < 4u; i++) {
            let at = params.base + ((id.x + (step + i) * params.stride) & mask);
            out[at] = a[at] + 3.0 * b[at];
        }
    }
}
