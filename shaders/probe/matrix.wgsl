// Arithmetic peak of the matrix units: CHAINS fragments of sums, to which A·B and A·B′ are added in turn,
// where B′ is −B but for one element. So the sums stay small whole numbers, exact in every precision, and
// still grow with every turn. A workgroup has PARTS of that to do, dealt out to as many subgroups as the
// driver makes of it: what is counted does not depend on their size.

@group(0) @binding(1) var<storage, read> a: array<Operand>;
@group(0) @binding(2) var<storage, read> b: array<Operand>;
@group(0) @binding(3) var<storage, read_write> out: array<Sum>;

const ELEMENTS = FRAGMENT * FRAGMENT;
var<workgroup> subgroups: u32;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_subgroups) subgroup_count: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    if local == 0u {
        subgroups = subgroup_count;
    }
    let together = workgroupUniformLoad(&subgroups);
    let left = coopLoadT<FragmentA>(&a[0], FRAGMENT);
    let right = coopLoadT<FragmentB>(&b[0], FRAGMENT);
    let back = coopLoadT<FragmentB>(&b[ELEMENTS], FRAGMENT);
    let rounds = (PARTS + together - 1u) / together;
    for (var round = 0u; round < rounds; round++) {
        let part = min(round * together + subgroup, PARTS - 1u);
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
            coopStoreT(c[i], &out[((group.x * PARTS + part) * CHAINS + i) * ELEMENTS], FRAGMENT);
        }
    }
}
