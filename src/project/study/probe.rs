//! What rests on what: each input is changed, and whatever changes with it rests on it.

use super::evaluate::{Shape, Stages};
use super::inputs::{self, HARDWARE, MEASURED_FABRIC, STRUCTURE, Structure};
use super::sensitivity::Touched;
use super::{Input, Outcome, Study};
use crate::project::sample::{DRAWS, SEED};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Half of the rows on which inputs are changed one at a time.
const PROBES: usize = 24;

/// Values to try an input at: both ends of its range, or half and twice what is certain.
fn values(input: &Input, value: f64) -> [f64; 2] {
    if input.uncertain() {
        return [0.001, 0.999].map(|u| input.spread.at(input.median, u));
    }
    // What is off is tried on: something small of whatever it is.
    if value == 0.0 { [1e-9, 1e-6] } else { [0.5 * value, 2.0 * value] }
}

impl Study<'_> {
    /// Changes each input and notes which quantities change, over some draws of all the others.
    pub(super) fn probe(&mut self) {
        let hardware: Vec<usize> =
            (HARDWARE..STRUCTURE).filter(|place| self.inputs[*place].provenance.is_some()).collect();
        let f = &self.forecast;
        let constants = inputs::constants(&self.medians);
        let structures = Structure::ALL.map(|what| {
            let (mut job, mut run) = (f.job.clone(), f.run);
            match what {
                Structure::Job => job.layers *= 2,
                Structure::Sequence => run.sequence *= 2.0,
                Structure::Batch => run.batch *= 2.0,
            }
            Shape::new(&job, &run, &self.layout, &f.machine, &constants, self.curve)
        });
        // As they are drawn, and with each input at an end of its range: there other terms bound.
        let mut random = ChaCha8Rng::seed_from_u64(u64::from(SEED));
        let rows: Vec<Vec<f64>> = (0..2 * PROBES)
            .map(|i| {
                let drawn = self.first.row(i * DRAWS / (2 * PROBES));
                let mut end = |(input, x): (&Input, &f64)| {
                    if i % 2 == 1 && input.uncertain() { values(input, *x)[random.random_range(0..2usize)] } else { *x }
                };
                self.inputs.iter().zip(drawn).map(&mut end).collect()
            })
            .collect();
        let plain: Vec<_> = rows.iter().map(|row| self.evaluate(row, &hardware, &self.shape)).collect();
        let probed: Vec<(u64, Touched)> = (0..self.inputs.len())
            .into_par_iter()
            .map(|place| {
                let input = &self.inputs[place];
                let (mut moved, mut touched) = (0, Touched::default());
                if input.provenance.is_none() {
                    return (moved, touched);
                }
                for (row, (before, stages)) in rows.iter().zip(&plain) {
                    let mut note = |(after, stages_after): (Outcome, Stages)| {
                        for (bit, (x, y)) in before.iter().zip(&after).enumerate() {
                            moved |= u64::from(x.to_bits() != y.to_bits()) << bit;
                        }
                        touched.note(stages, &stages_after);
                    };
                    if (STRUCTURE..MEASURED_FABRIC).contains(&place) {
                        note(self.evaluate(row, &hardware, &structures[place - STRUCTURE]));
                        continue;
                    }
                    let mut changed = row.clone();
                    for value in values(input, row[place]) {
                        changed[place] = value;
                        note(self.evaluate(&changed, &hardware, &self.shape));
                    }
                }
                (moved, touched)
            })
            .collect();
        (self.moved, self.touched) = probed.into_iter().unzip();
    }
}
