// A and B as textures of four elements a texel: texel (x, y) of A holds A[y][4x..4x+4], zero beyond the
// last column. A has exactly m rows; B has k rows and then rows of zeros up to a multiple of four.

@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<Result>>;
