//! Synthetic traces for tests: what is true is known because it is built in.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};

/// Noise round a true median of 1; the number is the size of the noise relative to that median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// Normal, with this standard deviation.
    Normal(f64),
    /// Lognormal, with this standard deviation of the logarithm.
    Lognormal(f64),
    /// A floor with an exponential tail of this mean above it: how timings look on a busy machine.
    Skewed(f64),
}

impl Noise {
    /// One sample with median 1.
    pub fn sample(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Noise::Normal(sd) => {
                let z: f64 = StandardNormal.sample(rng);
                1.0 + sd * z
            }
            Noise::Lognormal(sd) => {
                let z: f64 = StandardNormal.sample(rng);
                (sd * z).exp()
            }
            Noise::Skewed(mean) => {
                let tail: f64 = Exp1.sample(rng);
                1.0 + mean * (tail - std::f64::consts::LN_2)
            }
        }
    }

    /// `n` independent samples.
    pub fn trace(self, seed: u64, n: usize) -> Vec<f64> {
        let mut rng = rng(seed);
        (0..n).map(|_| self.sample(&mut rng)).collect()
    }
}

/// The generator of every test: seeded, the same on every machine.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A stationary first-order autoregressive trace round 1: correlation `rho` between neighbours,
/// standard deviation `sd`.
pub fn autoregressive(seed: u64, n: usize, rho: f64, sd: f64) -> Vec<f64> {
    let mut rng = rng(seed);
    let mut z: f64 = StandardNormal.sample(&mut rng);
    (0..n)
        .map(|_| {
            let here = z;
            let fresh: f64 = StandardNormal.sample(&mut rng);
            z = rho * z + (1.0 - rho * rho).sqrt() * fresh;
            1.0 + sd * here
        })
        .collect()
}
