// Arithmetic peak of the matrix units: each subgroup keeps CHAINS fragments of sums and adds A·B and A·B′ to
// them in turn, where B′ is −B but for one element. So the sums stay small whole numbers, exact in every
// precision, and still grow with every turn.

@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> out: array<Sum>;

const ELEMENTS = FRAGMENT * FRAGMENT;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
    let left = coopLoadT<FragmentA>(&a[0], FRAGMENT);
    let right = coopLoadT<FragmentB>(&b[0], FRAGMENT);
    let back = coopLoadT<FragmentB>(&b[ELEMENTS], FRAGMENT);
    var c: array<FragmentC, CHAINS>;
    for (var turn = 0u; turn < params.steps; turn += 1u) {
        for (var step = 0u; step < 4u; step++) {
            for (var i = 0u; i < CHAINS; i++) {
                c[i] = coopMultiplyAdd(left, right, c[i]);
            }
            for (var i = 0u; i < CHAINS; i++) {
                c[i] = coopMultiplyAdd(left, back, c[i]);
            }
        }
    }
    for (var i = 0u; i < CHAINS; i++) {
        coopStoreT(c[i], &out[(group.x * CHAINS + i) * ELEMENTS], FRAGMENT);
    }
}
