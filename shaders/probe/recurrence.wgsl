// Arithmetic peak: CHAINS independent chains of vectors, c ← a·c + b with |a| < 1. Fifteen steps go by one
// coefficient and the sixteenth by another, so that the chains follow a cycle that is known, instead of
// standing still at a limit; all of them are summed once a turn, so that the total tells the turns. Nothing
// is loaded inside, nothing overflows, and coefficients differ from invocation to invocation.

@group(0) @binding(3) var<storage, read_write> out: array<vec4<Total>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // 64 sets of coefficients: few enough to follow each on the host.
    let place = vec4<u32>(id.x & 63u) * 4u + vec4<u32>(0u, 1u, 2u, 3u);
    let a = vec4<Scalar>(Scalar(0.875));
    let h = vec4<Scalar>(Scalar(-0.5));
    let b = vec4<Scalar>(Scalar(0.125)) + vec4<Scalar>(place) * vec4<Scalar>(Scalar(0.00048828125));
    var c: array<vec4<Scalar>, CHAINS>;
    for (var i = 0u; i < CHAINS; i++) {
        c[i] = b + vec4<Scalar>(Scalar(i + (params.seed & 7u))) * vec4<Scalar>(Scalar(0.0625));
    }
    var total = vec4<Total>();
    for (var turn = 0u; turn < params.steps; turn += 1u) {
        for (var step = 0u; step < 15u; step++) {
            for (var i = 0u; i < CHAINS; i++) {
                c[i] = c[i] * a + b;
            }
        }
        for (var i = 0u; i < CHAINS; i++) {
            c[i] = c[i] * h + b;
        }
        for (var i = 0u; i < CHAINS; i++) {
            total += vec4<Total>(c[i]);
        }
    }
    out[id.x] = total;
}
