//! How far predictions are off for runs whose source the constants were fitted without, and how many of the
//! bands hold them: what `examples/fit_constants.rs` commits, and what a test computes anew.

use super::{Case, Line, Measured, band, choose};
use crate::project::catalog::Catalog;
use crate::project::constants::Constants;
use crate::project::step::WIDENING;
use crate::sourced::Spread;
use serde::{Deserialize, Serialize};

/// Names of the scales at which bands are held, and their accelerators.
pub const SCALES: [(&str, f64, f64); 6] = [
    ("all", 0.0, 1e9),
    ("1 to 8", 0.0, 8.0),
    ("9 to 99", 9.0, 99.0),
    ("100 to 999", 100.0, 999.0),
    ("1,000 to 3,072", 1000.0, 3072.0),
    ("beyond 3,072", 3073.0, 1e9),
];

/// A published run and what was measured in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Who published it.
    pub group: String,
    /// Its id in the table.
    pub id: String,
    /// The accelerator, as the table calls it.
    pub accelerator: String,
    /// What it states.
    pub case: Case,
    /// Seconds per step.
    pub measured: f64,
}

impl Known {
    /// Every run that can be predicted and held against its measurement.
    pub fn all(catalog: &Catalog, lines: &[Line]) -> Vec<Known> {
        let known = |line: &Line| {
            let text = |column: &str| line.text(column).unwrap_or("unknown").to_string();
            Some(Known {
                group: text("source_group"),
                id: line.id(),
                accelerator: text("accelerator"),
                case: Case::new(catalog, line).ok()?,
                measured: Measured::of(line).ok()?,
            })
        };
        lines.iter().filter_map(known).collect()
    }

    /// Whether its network has experts.
    pub fn moe(&self) -> bool {
        self.case.job.experts.is_some()
    }

    /// Whether it is of table 1 of SC21.
    pub fn sc21_table_one(&self) -> bool {
        self.group == "sc21" && self.id.starts_with("sc21-t1")
    }

    /// ln(predicted/measured).
    pub fn error(&self, constants: &Constants) -> f64 {
        (choose(&self.case, constants).1 / self.measured).ln()
    }

    /// Whether the 90 % band around a prediction that is `error` off holds what was measured, with another
    /// spread of several boxes, `wider` so many times more from 1,000 accelerators on. The layout is the one
    /// that the constants as they stand choose.
    pub fn covered(&self, catalog: &Catalog, error: f64, sd: f64, wider: f64) -> bool {
        let mut catalog = catalog.clone();
        let reach = (self.case.n_accel() / 100.0).log10().clamp(0.0, 1.0);
        let best = catalog.constants.medians();
        catalog.constants.multi_node.spread = Spread::Log(sd * (1.0 + wider * reach) / (1.0 + WIDENING * reach));
        let (layout, seconds) = choose(&self.case, &best);
        let (low, high) = band(&catalog, &self.case, &layout, seconds);
        // The band is taken around the left-out prediction: measured / predicted is e^−error.
        (low / seconds..=high / seconds).contains(&(-error).exp())
    }
}

/// How far off predictions are: factors are exp|ln(predicted/measured)|.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    /// How many.
    pub n: usize,
    /// Median factor.
    pub median_factor: f64,
    /// 90th percentile of the factors.
    pub p90_factor: f64,
    /// exp of the mean logarithm.
    pub bias_factor: f64,
    /// Mean of |predicted/measured − 1|.
    pub mape: f64,
}

impl Factors {
    /// Of ln(predicted/measured), at the four digits that are committed; nothing of none.
    pub fn of(errors: &[f64]) -> Option<Factors> {
        let mut absolute: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        absolute.sort_by(f64::total_cmp);
        let at = |q: f64| Some(absolute.get(((absolute.len().max(1) - 1) as f64 * q).round() as usize)?.exp());
        let count = errors.len() as f64;
        let digits = |x: f64| (x * 1e4).round() / 1e4;
        Some(Factors {
            n: errors.len(),
            median_factor: digits(at(0.5)?),
            p90_factor: digits(at(0.9)?),
            bias_factor: digits((errors.iter().sum::<f64>() / count).exp()),
            mape: digits(errors.iter().map(|e| (e.exp() - 1.0).abs()).sum::<f64>() / count),
        })
    }
}

/// How many bands hold what was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Of how many.
    pub rows: usize,
    /// How many.
    pub inside: usize,
}

impl Held {
    /// By scale, in the order of [`SCALES`], of accelerators and whether the band holds.
    pub fn by_scale(runs: &[(f64, bool)]) -> [Held; SCALES.len()] {
        SCALES.map(|(_, from, to)| {
            let of = runs.iter().filter(|(n, _)| from <= *n && *n <= to);
            Held { rows: of.clone().count(), inside: of.filter(|(_, inside)| *inside).count() }
        })
    }

    /// Share that holds.
    pub fn share(&self) -> f64 {
        self.inside as f64 / self.rows.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::validate::built_in_table;
    use rayon::prelude::*;
    use std::collections::BTreeMap;

    /// What is committed: figures, and the constants that were fitted without each source.
    #[derive(Deserialize)]
    struct Committed {
        constants_without: BTreeMap<String, BTreeMap<String, f64>>,
        left_out: BTreeMap<String, Factors>,
        left_out_coverage90: BTreeMap<String, Held>,
        vtrain_half_left_out: Factors,
    }

    #[test]
    fn committed_figures_of_sources_left_out_are_those_of_the_constants_fitted_without_them() {
        let committed: Committed =
            serde_json::from_str(include_str!("../../../data/validation/left_out.json")).unwrap();
        let catalog = Catalog::built_in().unwrap();
        let names: Vec<&str> = catalog.constants.entries().iter().map(|e| e.name).collect();
        let without = |group: &str| {
            let mut constants = catalog.constants.medians();
            let fitted = committed.constants_without.get(group);
            let fitted = fitted
                .unwrap_or_else(|| panic!("no constants without `{group}`: CONTRIBUTING, Adding a published run"));
            for (name, value) in fitted {
                constants.set(names.iter().position(|n| n == name).unwrap(), *value);
            }
            constants
        };
        let Spread::Log(sd) = catalog.constants.multi_node.spread else { panic!("no lognormal spread") };
        let known = Known::all(&catalog, &built_in_table().unwrap());
        let found: Vec<(f64, bool)> = known
            .par_iter()
            .map(|k| {
                let error = k.error(&without(&k.group));
                (error, k.covered(&catalog, error, sd, WIDENING))
            })
            .collect();

        let of = |keep: &dyn Fn(&Known) -> bool| {
            let errors: Vec<f64> = known.iter().zip(&found).filter(|(k, _)| keep(k)).map(|(_, (e, _))| *e).collect();
            Factors::of(&errors).unwrap()
        };
        let anew = [
            ("all", of(&|_| true)),
            ("dense", of(&|k| !k.moe())),
            ("moe", of(&Known::moe)),
            ("sc21", of(&|k| k.group == "sc21" && k.case.layouts[0].zero == 0)),
            ("sc21_table1", of(&Known::sc21_table_one)),
        ];
        assert_eq!(anew.len(), committed.left_out.len());
        for (what, figures) in anew {
            assert_eq!(committed.left_out[what], figures, "{what}");
        }
        let scales: Vec<(f64, bool)> =
            known.iter().zip(&found).map(|(k, (_, inside))| (k.case.n_accel(), *inside)).collect();
        assert_eq!(committed.left_out_coverage90.len(), SCALES.len());
        for ((scale, ..), held) in SCALES.iter().zip(Held::by_scale(&scales)) {
            assert_eq!(committed.left_out_coverage90[*scale], held, "{scale}");
            assert!((0.85..=0.95).contains(&held.share()), "{scale}: {held:?}");
        }
        // By decade too, where a row more or less moves the share by less than the range is wide: 10,000 and more has three.
        for decade in 0..5 {
            let of = scales.iter().filter(|(n, _)| n.log10().floor() as i32 == decade);
            let held = Held { rows: of.clone().count(), inside: of.filter(|(_, inside)| *inside).count() };
            println!("1e{decade}: {held:?}");
            assert!(held.rows < 10 || (0.85..=0.95).contains(&held.share()), "1e{decade}: {held:?}");
        }
        // What was set out to be reached, whatever a refit commits.
        let [all, _, moe, _, sc21] = anew.map(|(_, figures)| figures);
        assert!(all.median_factor <= 1.13 && all.p90_factor <= 1.40, "{all:?}");
        assert!(moe.median_factor <= 1.25 && moe.p90_factor <= 1.60, "{moe:?}");
        assert!(sc21.mape <= 0.05, "{sc21:?}");
        assert!(committed.vtrain_half_left_out.mape <= 0.07);
    }

    #[test]
    fn factors_are_of_the_absolute_logarithms() {
        let f = Factors::of(&[0.0, 0.1, -0.2]).unwrap();
        assert_eq!((f.n, f.median_factor, f.p90_factor), (3, 1.1052, 1.2214));
        assert_eq!(Factors::of(&[]), None);
        assert_eq!(Held { rows: 4, inside: 3 }.share(), 0.75);
    }
}
