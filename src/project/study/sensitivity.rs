//! What each input does to the width of a result, without computing anew what it does not touch.

use super::evaluate::{Case, Stages};
use super::{Output, Study, inputs};
use crate::project::sample::{DRAWS, Draws, Share, quantile};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What one input does to the width of `run_days`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sensitivity {
    /// Which input.
    pub name: String,
    /// Share of the variance that it has alone (first-order Sobol index).
    pub first: f64,
    /// Share with all that it interacts with (total index).
    pub total: f64,
    /// Whether nobody measured it.
    pub assumed: bool,
    /// Days of the run with the input at the 5 % and at the 95 % of its range, everything else at its median: which way
    /// it moves them. The wider of two inputs here need not have the larger share, since interactions are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_days: Option<[f64; 2]>,
}

/// What measuring one input would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureNext {
    /// Which input.
    pub input: String,
    /// Its total share of the width of `run_days`.
    pub share: f64,
    /// Ranges as they are, and with the input known to be at its median.
    pub narrowed: Vec<Narrowed>,
}

/// A 90 % range before and after an input is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Narrowed {
    /// Which quantity.
    pub quantity: String,
    /// Its unit.
    pub unit: String,
    /// Now: 5 and 95 %.
    pub from: [f64; 2],
    /// With the input at its median: 5 and 95 %.
    pub to: [f64; 2],
}

/// Which stages of the computation an input reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Touched {
    fabric: bool,
    computing: bool,
    communication: bool,
    step: bool,
    lost: bool,
}

impl Touched {
    /// Notes what differs between two draws that differ in one input.
    pub(super) fn note(&mut self, a: &Stages, b: &Stages) {
        self.fabric |= a.fabric != b.fabric;
        self.computing |= a.layer.computing() != b.layer.computing();
        self.communication |= !a.layer.communicates_like(&b.layer);
        self.step |= a.step.to_bits() != b.step.to_bits();
        self.lost |= a.lost.to_bits() != b.lost.to_bits();
    }
}

impl Study<'_> {
    /// Step and useful share of a row that differs from the one of `kept` in what `touched` says.
    pub(super) fn again(&self, kept: &Stages, row: &[f64], touched: Touched) -> (f64, f64) {
        let step = if touched.fabric || touched.computing || touched.communication || touched.step {
            let Case { machine, constants, transfer } = self.case(row, &self.drawn);
            let fabric = if touched.fabric { machine.fabric(&constants) } else { kept.fabric };
            let model = &self.shape.model;
            let computing = match touched.computing {
                true => model.computing(&machine, &constants, transfer),
                false => *kept.layer.computing(),
            };
            let layer = match touched.communication {
                true => model.layer_of(computing, &fabric, &constants),
                false => kept.layer.with(computing),
            };
            model.assemble(&layer, &machine, &fabric, &constants).total
        } else {
            kept.step
        };
        let lost = if touched.lost {
            self.plan(row, &self.shape, &inputs::constants(row)).outcome().goodput.max(1e-9)
        } else {
            kept.lost
        };
        (step, lost)
    }

    /// ln(run time) but for what is the same in every draw.
    fn log_days(&self, row: &[f64], step: f64, lost: f64) -> f64 {
        ((row[inputs::TOKENS] / self.shape.tokens).ceil() * step / lost).ln()
    }

    /// Shares of all inputs in the variance of ln(`run_days`), largest first; the first-order share of
    /// all assumed inputs together; and what measuring the largest few would narrow.
    pub fn sensitivities(&self) -> (Vec<Sensitivity>, f64, Vec<MeasureNext>) {
        let second = Draws::new(&self.spreads(), 1);
        let kept = &self.kept;
        let a: Vec<f64> = (0..DRAWS).map(|i| self.log_days(self.first.row(i), kept[i].step, kept[i].lost)).collect();
        let everything = Touched { fabric: true, computing: true, communication: true, step: true, lost: true };
        let b: Vec<f64> = (0..DRAWS)
            .map(|i| {
                let (step, lost) = self.again(&kept[i], second.row(i), everything);
                self.log_days(second.row(i), step, lost)
            })
            .collect();
        // One input at a time; each on its own, so the threads change nothing.
        let uncertain: Vec<usize> = (0..self.inputs.len()).filter(|i| self.inputs[*i].uncertain()).collect();
        let mut all: Vec<(usize, Sensitivity)> = uncertain
            .par_iter()
            .map(|&place| {
                let share = if self.moves(place, Output::RunDays) {
                    let mut row = vec![0.0; self.inputs.len()];
                    let mixed: Vec<f64> = (0..DRAWS)
                        .map(|i| {
                            row.copy_from_slice(self.first.row(i));
                            row[place] = second.row(i)[place];
                            let (step, lost) = self.again(&kept[i], &row, self.touched[place]);
                            self.log_days(&row, step, lost)
                        })
                        .collect();
                    Share::new(&a, &b, &mixed)
                } else {
                    Share { first: 0.0, total: 0.0 }
                };
                let input = &self.inputs[place];
                let (name, assumed) = (input.name.clone(), input.assumed());
                let run_days = self.moves(place, Output::RunDays).then(|| self.swing(place));
                (place, Sensitivity { name, first: share.first, total: share.total, assumed, run_days })
            })
            .collect();
        all.sort_by(|x, y| y.1.total.total_cmp(&x.1.total));

        let assumed: Vec<usize> = uncertain.into_iter().filter(|p| self.inputs[*p].assumed()).collect();
        let mut row = vec![0.0; self.inputs.len()];
        let mixed: Vec<f64> = (0..DRAWS)
            .map(|i| {
                row.copy_from_slice(self.first.row(i));
                for &place in &assumed {
                    row[place] = second.row(i)[place];
                }
                let (step, lost) = self.again(&kept[i], &row, everything);
                self.log_days(&row, step, lost)
            })
            .collect();
        let assumed_share = Share::new(&a, &b, &mixed).first.clamp(0.0, 1.0);
        let next = all.iter().take(3).map(|(place, s)| self.measure_next(*place, s.total)).collect();
        (all.into_iter().map(|(_, s)| s).collect(), assumed_share, next)
    }

    /// `run_days` with one input at the ends of its 90 % range and all others at their medians.
    fn swing(&self, place: usize) -> [f64; 2] {
        let input = &self.inputs[place];
        [0.05, 0.95].map(|u| {
            let mut row = self.medians.clone();
            row[place] = input.spread.at(input.median, u);
            self.outcome(&row, &self.drawn, &self.shape)[Output::RunDays as usize]
        })
    }

    /// Ranges with one input at its median.
    fn measure_next(&self, place: usize, share: f64) -> MeasureNext {
        let mut row = vec![0.0; self.inputs.len()];
        let (mut days, mut mfu) = (Vec::with_capacity(DRAWS), Vec::with_capacity(DRAWS));
        for (i, kept) in self.kept.iter().enumerate() {
            row.copy_from_slice(self.first.row(i));
            row[place] = self.medians[place];
            let (step, lost) = self.again(kept, &row, self.touched[place]);
            days.push(self.log_days(&row, step, lost).exp() / 86_400.0);
            mfu.push(self.outcomes[i][Output::Mfu as usize] * kept.step / step);
        }
        let ends = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            [quantile(&values, 0.05), quantile(&values, 0.95)]
        };
        let narrowed = [(Output::RunDays, days), (Output::Mfu, mfu)]
            .into_iter()
            .filter(|(output, _)| self.moves(place, *output))
            .map(|(output, values)| Narrowed {
                quantity: output.name().into(),
                unit: output.unit().into(),
                from: ends(self.draws(output)),
                to: ends(values),
            })
            .collect();
        MeasureNext { input: self.inputs[place].name.clone(), share, narrowed }
    }
}
