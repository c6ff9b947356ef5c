//! What is measured: suites, and a user's own choice.

use super::physics::Bound;
use super::tune::cache::Tuned;
use crate::error::{Error, Result};
use crate::kernel::{Case, Class, DataClass, Family, Kernel, Precision, Settings, Shape, Tiling};
use std::str::FromStr;

/// A named set of shapes and an effort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Proof of every kernel on shapes that hurt, with just enough timing to compare.
    Smoke,
    /// What the main job measures: every kernel small, the best ones large.
    Quick,
    /// More shapes, more rounds.
    Full,
    /// What settings and optional features cost, as ratios of interleaved pairs.
    Portability,
    /// Probes of arithmetic, memory, launches and transfers, and a few products under the roof.
    Roofline,
}

impl Suite {
    /// Every suite.
    pub const ALL: [Suite; 5] = [Suite::Smoke, Suite::Quick, Suite::Full, Suite::Portability, Suite::Roofline];

    /// The name as typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Suite::Smoke => "smoke",
            Suite::Quick => "quick",
            Suite::Full => "full",
            Suite::Portability => "portability",
            Suite::Roofline => "roofline",
        }
    }

    /// Shapes of the suite: squares, then what transformers run, then shapes that hurt. A square of 1,024 is half a
    /// wave of workgroups on a large GPU: on hardware there are larger ones.
    pub fn shapes(self, software: bool) -> Vec<Shape> {
        let large: &[&str] = match self {
            Suite::Quick | Suite::Roofline if !software => &["2048x2048x2048", "4096x4096x4096"],
            _ => &[],
        };
        let texts: &[&str] = match self {
            Suite::Smoke => &["64x64x64", "1x257x127", "127x1x64", "97x101x103", "33x300x5"],
            Suite::Quick => &["256x256x256", "512x512x512", "1024x1024x1024", "64x1024x1024", "1000x37x1300"],
            Suite::Portability => &["512x512x512"],
            Suite::Roofline => &["256x256x256", "512x512x512", "1024x1024x1024", "64x1024x1024"],
            Suite::Full => &[
                "128x128x128",
                "256x256x256",
                "512x512x512",
                "1024x1024x1024",
                "2048x2048x2048",
                "4096x4096x4096",
                "8192x8192x8192",
                "384x384x384",
                "768x768x768",
                "1536x1536x1536",
                "3072x3072x3072",
                "64x1024x1024",
                "64x4096x4096",
                "1024x4096x1024",
                "1000x1000x1000",
                "1023x517x1301",
                "1000x37x1300",
                "1x4096x4096",
                "4096x1x4096",
                "4096x4096x64",
                "128x128x64@32",
                "512x64x512@16",
            ],
        };
        let parsed = |text: &&str| text.parse().expect("the suites' own shapes parse; a test reads them all");
        let mut shapes: Vec<Shape> = texts.iter().map(parsed).collect();
        // Behind the square that they go on from.
        let at = shapes.iter().position(|s| *s == Shape::square(1024)).map_or(shapes.len(), |at| at + 1);
        shapes.splice(at..at, large.iter().map(parsed));
        shapes
    }
}

impl FromStr for Suite {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Suite::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| {
            Error::usage(format!("unknown suite `{text}`")).hint("one of smoke, quick, full, portability, roofline")
        })
    }
}

/// Seed of the operands unless another is asked for.
pub const DEFAULT_SEED: u64 = 1;

/// One thing to measure, composed and ready.
#[derive(Debug, Clone)]
pub struct Request {
    /// The kernel.
    pub kernel: Kernel,
    /// The shape.
    pub shape: Shape,
    /// Shader settings.
    pub settings: Settings,
    /// What the operands hold.
    pub data: DataClass,
    /// Seed of the operands.
    pub seed: u64,
    /// When tiling and settings were tuned, where they come from the cache.
    pub tuned: Option<String>,
    /// What no figure of it can be above.
    pub bounds: Vec<Bound>,
}

impl Request {
    /// A kernel on a shape, with normal data, the usual settings and seed, and no bound. A kernel of one's own keeps
    /// bounds checks and zero fill, as WGSL promises: nothing is known of its indices.
    pub fn plain(kernel: Kernel, shape: Shape) -> Self {
        let own = kernel.custom.is_some();
        Request {
            kernel,
            shape,
            settings: Settings { bounds_checks: own, zero_fill: own },
            data: DataClass::Normal,
            seed: DEFAULT_SEED,
            tuned: None,
            bounds: Vec::new(),
        }
    }

    /// What the record says of it.
    pub fn case(&self) -> Case {
        let Kernel { family, tiling, precision, sha256, .. } = &self.kernel;
        Case {
            kernel: family.name().into(),
            tiling: tiling.to_string(),
            precision: *precision,
            shape: self.shape,
            settings: self.settings,
            data: self.data,
            seed: self.seed,
            wgsl_sha256: sha256.clone(),
        }
    }
}

/// What a user asked for; composed into requests, shape by shape, kernel by kernel.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Shapes, in order.
    pub shapes: Vec<Shape>,
    /// Families, in order.
    pub families: Vec<Family>,
    /// Tiling for each family that knows it; the family's default where absent.
    pub tiling: Option<Tiling>,
    /// Arithmetic.
    pub precision: Precision,
    /// Shader settings; those that were tuned, or the default, where absent.
    pub settings: Option<Settings>,
    /// What tuning found on this adapter, taken where a family has no tiling asked for.
    pub tuned: Option<Tuned>,
    /// What the operands hold.
    pub data: DataClass,
    /// Seed of the operands.
    pub seed: u64,
}

/// Puts a kernel of a user's own in front of the others of each shape, on their data and seed.
pub fn with_own(requests: Vec<Request>, own: &Kernel, settings: Settings) -> Vec<Request> {
    let mut all: Vec<Request> = Vec::with_capacity(2 * requests.len());
    for request in requests {
        if all.last().is_none_or(|last| last.shape != request.shape) {
            all.push(Request { kernel: own.clone(), settings, tuned: None, ..request.clone() });
        }
        all.push(request);
    }
    all
}

impl Selection {
    /// The shapes, in order, each once.
    pub fn distinct_shapes(&self) -> Vec<Shape> {
        let mut shapes = Vec::with_capacity(self.shapes.len());
        self.shapes.iter().for_each(|shape| {
            if !shapes.contains(shape) {
                shapes.push(*shape)
            }
        });
        shapes
    }

    /// Composes every kernel for every shape, each case once: measured twice, it would be told as two set-ups of one.
    ///
    /// # Errors
    /// Exit code 2 where a kernel does not compose.
    pub fn requests(&self, class: Class) -> Result<Vec<Request>> {
        let mut requests = Vec::new();
        // A single family that cannot take the tiling says so; of several the others keep their own.
        let only = !self.families.iter().any(|f| self.tiling.is_some_and(|t| f.takes(t)));
        for shape in self.distinct_shapes() {
            for (place, &family) in self.families.iter().enumerate() {
                if self.families[..place].contains(&family) {
                    continue;
                }
                let asked = self.tiling.filter(|&tiling| family.takes(tiling) || only);
                let tuned = self.tuned.as_ref().filter(|_| asked.is_none());
                let choice = tuned.and_then(|tuned| Some((tuned, tuned.of(family)?)));
                let tilings = match (asked, choice) {
                    (Some(tiling), _) | (None, Some((_, (tiling, _)))) => vec![tiling],
                    (None, None) => family.default_tilings(class, self.precision),
                };
                let settings = self.settings.or(choice.map(|(_, (_, settings))| settings)).unwrap_or_default();
                for tiling in tilings {
                    requests.push(Request {
                        kernel: Kernel::compose(family, tiling, self.precision)?,
                        shape,
                        settings,
                        data: self.data,
                        seed: self.seed,
                        tuned: choice.map(|(tuned, _)| tuned.at.clone()),
                        bounds: Vec::new(),
                    });
                }
            }
        }
        Ok(requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Fragments;

    #[test]
    fn every_configuration_of_matrix_units_that_is_reported_is_a_case() {
        let both = ["16x16x16 f16 -> f32", "8x8x8 f16 -> f32", "16x16x16 f16 -> f16"].map(|c| c.parse().unwrap());
        let class = Class { fragments: Fragments::reported(&both), ..Class::default() };
        let wanted = |precision, tiling| Selection {
            shapes: vec![Shape::square(64)],
            families: vec![Family::CooperativeMatrix],
            tiling,
            precision,
            settings: None,
            tuned: None,
            data: DataClass::Normal,
            seed: 1,
        };
        let fragments = |precision, tiling| -> Vec<u32> {
            let requests = wanted(precision, tiling).requests(class).unwrap();
            requests.iter().map(|r| r.kernel.tiling.fragment).collect()
        };
        assert_eq!(fragments(Precision::F16AccF32, None), [16, 8]);
        assert_eq!(fragments(Precision::F16, None), [16]);
        // None of f32: one stands for what is lacking.
        assert_eq!(fragments(Precision::F32, None), [8]);
        assert_eq!(fragments(Precision::F16AccF32, Some("64x64x8/32x32/8x8".parse().unwrap())), [8]);
    }

    #[test]
    fn what_is_asked_for_twice_is_measured_once_in_the_order_of_the_first_time() {
        let [a, b] = [Shape::square(64), Shape::square(32)];
        let wanted = Selection {
            shapes: vec![a, b, a, a],
            families: vec![Family::RegisterTiled, Family::Naive, Family::RegisterTiled],
            tiling: None,
            precision: Precision::F32,
            settings: None,
            tuned: None,
            data: DataClass::Normal,
            seed: 1,
        };
        let requests = wanted.requests(Class::default()).unwrap();
        let found: Vec<_> = requests.iter().map(|r| (r.kernel.family, r.shape)).collect();
        let [tiled, naive] = [Family::RegisterTiled, Family::Naive];
        assert_eq!(found, [(tiled, a), (naive, a), (tiled, b), (naive, b)]);
        assert_eq!(wanted.distinct_shapes(), [a, b]);
    }

    #[test]
    fn every_suite_has_shapes_and_only_smoke_has_none_large() {
        for suite in Suite::ALL {
            for software in [false, true] {
                assert!(!suite.shapes(software).is_empty());
            }
            assert_eq!(suite.as_str().parse::<Suite>().unwrap(), suite);
        }
        assert!(Suite::Smoke.shapes(false).iter().all(|s| s.flop() < 1e7));
        let largest = |software| Suite::Quick.shapes(software).iter().map(|s| s.m).max();
        assert_eq!((largest(true), largest(false)), (Some(1024), Some(4096)));
    }
}
