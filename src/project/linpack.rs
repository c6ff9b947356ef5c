//! High-Performance Linpack by netlib's closed form, held against the TOP500.
//!
//! The form knows the bytes and the messages of a factorisation; what share of Rpeak the local products
//! reach (clocks, power, the vendor's library) is one constant for all machines, the median of the
//! published runs other than the one that is predicted, so no machine is predicted from itself. A box is
//! one process of the grid, with all its ports. Panels travel while others are multiplied: added up
//! instead, as netlib writes it, seven of the eleven runs would need products above Rpeak.

use super::catalog::Catalog;
use super::matmul::linpack_terms;
use crate::cluster::Linpack;
use crate::error::Result;
use crate::provenance::Tier;
use serde::Serialize;

/// Share of the memory that the matrix takes: what tuning guides ask for.
const MEMORY_SHARE: f64 = 0.8;
/// Width of a panel, elements.
const BLOCK: f64 = 1024.0;

/// One published run, predicted.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct LinpackRow {
    /// What the list calls the machine.
    pub name: String,
    /// Name of its accelerator.
    pub accelerator: String,
    /// How many.
    pub accelerators: f64,
    /// Order of the matrix that fills 80 % of the accelerators' memory; published runs rarely state theirs.
    pub n: f64,
    /// Seconds of the run.
    pub seconds: f64,
    /// Share of Rpeak that local products reach: the median of the other runs.
    pub share: f64,
    /// Seconds of communication over those of the flop at Rpeak: above 1 / `share` it is what one waits for.
    pub communication: f64,
    /// Predicted share of Rpeak.
    pub predicted: f64,
    /// Published share of Rpeak, Rmax over it.
    pub published: f64,
    /// Predicted over published, less 1.
    pub error: f64,
    /// The worst tier of count, Rmax and Rpeak.
    pub tier: Tier,
}

/// All published runs, predicted.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Linpacks {
    /// Always `flopcast.linpack/1`.
    pub schema: String,
    /// One per run, by name.
    pub rows: Vec<LinpackRow>,
    /// Share of Rpeak that local products reach, fitted to all of them.
    pub share: f64,
    /// Mean of |error|.
    pub mape: f64,
}

struct Machine {
    accelerators: f64,
    n: f64,
    /// Seconds of the flop at Rpeak.
    compute: f64,
    /// Seconds of panels on the network.
    communication: f64,
}

impl Machine {
    fn new(catalog: &Catalog, run: &Linpack) -> Result<Self> {
        let (accelerator, fabric) = (catalog.accelerator(&run.accelerator)?, catalog.fabric(&run.fabric)?);
        let node = catalog.node(&run.node)?;
        let accelerators = run.accelerators.value;
        let boxes = accelerators / node.accelerators.value;
        let n = (MEMORY_SHARE * accelerator.memory.value * accelerators / 8.0).sqrt();
        let network = node.scale_out.value * node.accelerators.value * fabric.efficiency.value;
        let grid = (boxes.sqrt(), boxes.sqrt());
        let (compute, communication) =
            linpack_terms(n, grid, BLOCK, boxes / run.rpeak.value, 8.0 / network, fabric.latency.value);
        Ok(Machine { accelerators, n, compute, communication })
    }

    /// Seconds where local products reach `share` of the peak.
    fn seconds(&self, share: f64) -> f64 {
        (self.compute / share).max(self.communication)
    }
}

/// Predicts every published run with the others' share of Rpeak (their median). Errors: a name that the
/// catalogue does not have.
pub fn linpacks(catalog: &Catalog) -> Result<Linpacks> {
    let runs: Vec<(&Linpack, Machine)> =
        catalog.linpacks.values().map(|run| Ok((run, Machine::new(catalog, run)?))).collect::<Result<_>>()?;
    let published = |run: &Linpack| run.rmax.value / run.rpeak.value;
    // What waits for the network says nothing of its products; none of the runs does.
    let shares: Vec<f64> = runs.iter().map(|(run, _)| published(run)).collect();
    let rows: Vec<LinpackRow> = runs
        .iter()
        .enumerate()
        .map(|(index, (run, machine))| {
            // Two lists of one machine are one machine.
            let own = |other: &Linpack| other.accelerator == run.accelerator && other.accelerators == run.accelerators;
            let others = (0..runs.len()).filter(|k| *k != index && !own(runs[*k].0)).map(|k| shares[k]);
            let share = median(others.collect());
            let (predicted, published) = (machine.compute / machine.seconds(share), published(run));
            LinpackRow {
                name: run.title.clone(),
                accelerator: run.accelerator.clone(),
                accelerators: machine.accelerators,
                n: machine.n,
                seconds: machine.seconds(share),
                share,
                communication: machine.communication / machine.compute,
                predicted,
                published,
                error: predicted / published - 1.0,
                tier: [&run.rmax.stamp, &run.rpeak.stamp, &run.accelerators.stamp]
                    .iter()
                    .fold(Tier::Measured, |worst, stamp| worst.max(stamp.tier)),
            }
        })
        .collect();
    let mape = rows.iter().map(|r| r.error.abs()).sum::<f64>() / rows.len().max(1) as f64;
    Ok(Linpacks { schema: "flopcast.linpack/1".into(), rows, share: median(shares), mape })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.7,
        n if n % 2 == 1 => values[n / 2],
        n => 0.5 * (values[n / 2 - 1] + values[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_run_is_predicted_from_the_others_and_none_exactly() {
        let found = linpacks(&Catalog::built_in().unwrap()).unwrap();
        assert!(found.rows.len() >= 10, "{}", found.rows.len());
        for row in &found.rows {
            assert!((0.3..1.0).contains(&row.predicted) && row.predicted <= row.share, "{row:?}");
            // The published rate is not quicker than the network lets it be.
            assert!(row.communication < 1.0 / row.published, "{row:?}");
            assert!(row.error.abs() > 1e-9, "{row:?}");
            assert!((100.0..100_000.0).contains(&row.seconds), "{row:?}");
        }
        let eagle = found.rows.iter().find(|r| r.name == "Eagle").unwrap();
        assert!((eagle.published - 0.663).abs() < 0.001);
    }

    #[test]
    fn a_network_a_hundred_times_slower_is_what_a_run_waits_for() {
        let mut catalog = Catalog::built_in().unwrap();
        let before = linpacks(&catalog).unwrap().rows[2].predicted;
        for node in catalog.nodes.values_mut() {
            node.scale_out.value /= 100.0;
        }
        let row = linpacks(&catalog).unwrap().rows.remove(2);
        assert!(row.predicted < 0.2 * before, "{row:?}");
    }
}
