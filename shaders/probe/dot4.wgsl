// Arithmetic peak of signed bytes: c ← dot4(c, w) + k on words of four. Whole numbers, so the host follows
// it to the last bit. `k` has all its bytes filled: the sum of the products alone would leave two of the
// four bytes a sign.

@group(0) @binding(3) var<storage, read_write> out: array<vec4<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let w = ((id.x & 255u) * 2654435761u) ^ params.seed;
    var c: array<vec4<u32>, CHAINS>;
    for (var i = 0u; i < CHAINS; i++) {
        c[i] = vec4<u32>(w) * vec4<u32>(3u, 5u, 7u, 9u) + vec4<u32>(i);
    }
    var total = vec4<u32>();
    for (var turn = 0u; turn < params.steps; turn += 1u) {
        for (var step = 0u; step < 16u; step++) {
            for (var i = 0u; i < CHAINS; i++) {
                c[i] = vec4<u32>(
                    u32(dot4I8Packed(c[i].x, w)),
                    u32(dot4I8Packed(c[i].y, w)),
                    u32(dot4I8Packed(c[i].z, w)),
                    u32(dot4I8Packed(c[i].w, w)),
                ) + vec4<u32>(1515870810u);
            }
        }
        for (var i = 0u; i < CHAINS; i++) {
            total += c[i];
        }
    }
    out[id.x] = total;
}
