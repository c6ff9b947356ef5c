// Launch: the least that a dispatch can do and still be counted.

@group(0) @binding(3) var<storage, read_write> out: array<atomic<u32>>;

@compute @workgroup_size(1)
fn main() {
    atomicAdd(&out[0], 1u);
}
