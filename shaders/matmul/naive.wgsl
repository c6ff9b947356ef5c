// One invocation, one element of C; every operand comes from memory each time it is used.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = dims.origin_m + group.y * BLOCK_M + local / BLOCK_N;
    let col = dims.origin_n + group.x * BLOCK_N + local % BLOCK_N;
    if row >= dims.m || col >= dims.n {
        return;
    }
    var sum = Sum(0);
    for (var i = 0u; i < dims.k; i++) {
        sum += Sum(a_at(row, i)) * Sum(b_at(i, col));
    }
    c[row * dims.ldc + col] = Result(sum);
}
