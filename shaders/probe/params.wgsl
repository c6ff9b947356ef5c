// What every probe sees. `count` elements of the working set (a power of two) from `base` on, visited in
// `steps` steps of `stride` by each invocation.

struct Params {
    count: u32,
    stride: u32,
    steps: u32,
    seed: u32,
    base: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
