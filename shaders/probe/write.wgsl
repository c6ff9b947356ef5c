// Memory write: values that do not compress, different in every element.

@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let mask = params.count - 1u;
    let factors = vec4<u32>(2654435761u, 2246822519u, 3266489917u, 668265263u);
    for (var step = 0u; step < params.steps; step += 4u) {
        for (var i = 0u; i < 4u; i++) {
            let at = params.base + ((id.x + (step + i) * params.stride) & mask);
            out[at] = (vec4<u32>(at) * factors) ^ vec4<u32>(params.seed);
        }
    }
}
