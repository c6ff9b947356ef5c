//! CPU libraries: the line that any software adapter should be compared with.

use crate::peer::{Peer, Result, dense, matrix};
use flopcast::kernel::{Matrix, Operands};
use std::time::Instant;

/// Row-major C = A·B of dense slices, m, n, k.
type Multiply = fn([usize; 3], &[f32], &[f32], &mut [f32]);

/// A library that multiplies on the host.
pub struct Host {
    name: &'static str,
    multiply: Multiply,
    shape: [usize; 3],
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

/// Every host library that is built in.
pub fn all() -> Vec<Box<dyn Peer>> {
    let libraries: &[(&'static str, Multiply)] = &[
        #[cfg(feature = "openblas")]
        ("openblas", openblas),
        ("gemm", gemm_crate),
        ("matrixmultiply", matrixmultiply_crate),
    ];
    let host = |&(name, multiply): &(&'static str, Multiply)| -> Box<dyn Peer> {
        Box::new(Host { name, multiply, shape: [0; 3], a: vec![], b: vec![], c: vec![] })
    };
    libraries.iter().map(host).collect()
}

/// What OpenBLAS calls its code for processors with AVX2. Each but the last was seen to be quicker than that for Sandybridge, which has
/// AVX alone (0.3.21, 1024³, one machine: METHODOLOGY, 1); the last is of newer versions.
const OPENBLAS_AVX2: [&str; 5] = ["Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"];

/// What tells that OpenBLAS runs its code `core`, which is for older processors than this one, whose AVX2 is there or not: where it
/// does not know the processor it takes the oldest code it has, and is a sixth as quick.
pub fn too_old(core: &str, avx2: bool) -> Option<String> {
    let old = avx2 && !OPENBLAS_AVX2.iter().any(|known| known.eq_ignore_ascii_case(core));
    old.then(|| {
        format!(
            "warning: openblas runs its code for `{core}`, without this processor's AVX2: what is held against it is flattered\n\
             hint: OPENBLAS_CORETYPE=Haswell, or SkylakeX with AVX-512"
        )
    })
}

/// The processor whose code OpenBLAS runs.
#[cfg(feature = "openblas")]
pub fn openblas_core() -> Option<String> {
    #[link(name = "openblas")]
    unsafe extern "C" {
        fn openblas_get_corename() -> *const std::ffi::c_char;
    }
    // SAFETY: a string of the library's own that stays, or null.
    let name = unsafe { openblas_get_corename() };
    // SAFETY: as above, and it ends in a zero.
    (!name.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

/// None where OpenBLAS is not built in.
#[cfg(not(feature = "openblas"))]
pub fn openblas_core() -> Option<String> {
    None
}

/// Whether this processor has AVX2.
pub fn avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Peer for Host {
    fn name(&self) -> String {
        self.name.into()
    }

    fn prepare(&mut self, operands: &Operands) -> Result<()> {
        self.shape = [operands.a.rows, operands.b.cols, operands.a.cols];
        (self.a, self.b) = (dense(&operands.a), dense(&operands.b));
        self.c = vec![f32::NAN; self.shape[0] * self.shape[1]];
        self.lap(1).map(|_| ())
    }

    fn poison(&mut self) -> Result<()> {
        self.c.fill(f32::NAN);
        Ok(())
    }

    fn lap(&mut self, repeats: u32) -> Result<u64> {
        let begin = Instant::now();
        for _ in 0..repeats {
            (self.multiply)(self.shape, &self.a, &self.b, &mut self.c);
        }
        Ok(begin.elapsed().as_nanos() as u64)
    }

    fn result(&mut self) -> Result<Matrix> {
        matrix(self.shape[0], self.shape[1], &self.c)
    }
}

fn gemm_crate([m, n, k]: [usize; 3], a: &[f32], b: &[f32], c: &mut [f32]) {
    let rows = |cols: usize| cols as isize;
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    // SAFETY: dense row-major matrices of exactly these extents; C is only written (`read_dst` is false).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            rows(n),
            false,
            a.as_ptr(),
            1,
            rows(k),
            b.as_ptr(),
            1,
            rows(n),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}

fn matrixmultiply_crate([m, n, k]: [usize; 3], a: &[f32], b: &[f32], c: &mut [f32]) {
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    let rows = |cols: usize| cols as isize;
    // SAFETY: dense row-major matrices of exactly these extents; with beta 0 C is only written.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            rows(k),
            1,
            b.as_ptr(),
            rows(n),
            1,
            0.0,
            c.as_mut_ptr(),
            rows(n),
            1,
        );
    }
}

#[cfg(feature = "openblas")]
fn openblas([m, n, k]: [usize; 3], a: &[f32], b: &[f32], c: &mut [f32]) {
    use std::ffi::c_int;
    const ROW_MAJOR: c_int = 101;
    const NO_TRANSPOSE: c_int = 111;
    #[link(name = "openblas")]
    unsafe extern "C" {
        fn cblas_sgemm(
            order: c_int,
            trans_a: c_int,
            trans_b: c_int,
            m: c_int,
            n: c_int,
            k: c_int,
            alpha: f32,
            a: *const f32,
            lda: c_int,
            b: *const f32,
            ldb: c_int,
            beta: f32,
            c: *mut f32,
            ldc: c_int,
        );
    }
    assert!(a.len() == m * k && b.len() == k * n && c.len() == m * n);
    let int = |value: usize| c_int::try_from(value).expect("extents are below 2²⁴");
    let (m, n, k) = (int(m), int(n), int(k));
    // SAFETY: dense row-major matrices of exactly these extents; with beta 0 C is only written.
    unsafe {
        cblas_sgemm(
            ROW_MAJOR,
            NO_TRANSPOSE,
            NO_TRANSPOSE,
            m,
            n,
            k,
            1.0,
            a.as_ptr(),
            k,
            b.as_ptr(),
            n,
            0.0,
            c.as_mut_ptr(),
            n,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_openblas_that_does_not_know_the_processor_is_told() {
        for core in ["Haswell", "ZEN", "SkylakeX", "Cooperlake"] {
            assert_eq!(too_old(core, true), None, "{core}");
        }
        let told = too_old("Prescott", true).unwrap();
        assert!(told.contains("`Prescott`") && told.contains("\nhint: OPENBLAS_CORETYPE="), "{told}");
        assert_eq!(too_old("Nehalem", false), None, "it is what there is");
    }

    #[cfg(feature = "openblas")]
    #[test]
    fn openblas_names_its_core() {
        assert!(openblas_core().is_some_and(|core| !core.is_empty()));
    }
}
