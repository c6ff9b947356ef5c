// What the memory probes read, made on the device: words without a pattern, or (NUMBERS) whole numbers below 2¹² as f32, other
// ones from another FIRST on. The check of a probe follows them on the host by other code.

@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let factors = vec4<u32>(2654435761u, 2246822519u, 3266489917u, 668265263u);
    for (var step = 0u; step < params.steps; step += 1u) {
        let at = id.x + step * params.stride;
        if at < params.count {
            let words = (vec4<u32>(at + FIRST) * factors) ^ vec4<u32>(params.seed);
            out[at] = select(words, bitcast<vec4<u32>>(vec4<f32>(words >> vec4<u32>(20u))), NUMBERS);
        }
    }
}
