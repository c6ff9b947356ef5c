//! The report: one HTML file that needs no network and no script. Decides no number.
//!
//! [`Report`] is what goes in, [`page`] what comes out; a file per section. Pictures are data (`plot`) that plotters
//! draws; everything else is maud's, whose templates are checked when this is compiled and escape what is foreign.

mod badge;
mod calibration;
mod comparison;
mod doctor;
mod explained;
mod figure;
mod forecast;
mod gate;
mod headline;
mod limits;
mod measured;
mod page;
mod palette;
mod plot;
mod portability;
mod provenance;
mod read;
mod roofline;
mod rows;
mod samples;
mod scaling;
mod search;
mod smoke;
mod text;
mod thin;
mod trial;
mod tuning;
mod uncertainty;
mod validated;
mod what_if;

pub use page::page;
pub use read::files_of;

use crate::calibrate::Calibration;
use crate::calibrate::roofline::Roofline;
use crate::measure::ab::View;
use crate::measure::compare::Comparison as Gate;
use crate::measure::host::HOST;
use crate::measure::portability::Costs;
use crate::measure::record::{AdapterIdentity, Record};
use crate::measure::smoke::Smoke;
use crate::measure::tune::found;
use crate::project::comparison::Compared;
use crate::project::scaling::Scaling;
use crate::project::study::Explanation;
use crate::project::validate::Validation;
use crate::project::what_if::WhatIfs;
use crate::project::{Plan, Projection};
use doctor::Examined;

/// Something to show, with the file that it is from.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown<T> {
    /// The file, as named.
    pub file: String,
    /// What it holds.
    pub is: T,
}

/// Everything that a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// When it is made, UTC, RFC 3339.
    pub at: String,
    /// The command that makes it.
    pub command: String,
    /// Records of measurements.
    pub measured: Vec<Shown<Vec<Record>>>,
    /// Rooflines.
    pub rooflines: Vec<Shown<Roofline>>,
    /// Calibrations.
    pub calibrations: Vec<Shown<Calibration>>,
    /// Forecasts.
    pub projections: Vec<Shown<Projection>>,
    /// Forecasts with one thing changed.
    pub what_ifs: Vec<Shown<WhatIfs>>,
    /// Curves over the number of accelerators.
    pub scalings: Vec<Shown<Scaling>>,
    /// Examinations of the instrument.
    pub examined: Vec<Shown<Examined>>,
    /// Searches for a kernel.
    pub tunings: Vec<Shown<found::Kernel>>,
    /// Searches for a shape.
    pub best_shapes: Vec<Shown<found::Shape>>,
    /// What portability costs.
    pub portability: Vec<Shown<Costs>>,
    /// Trials of one kernel against another.
    pub trials: Vec<Shown<View>>,
    /// New records against a base.
    pub gates: Vec<Shown<Gate>>,
    /// Gates for software adapters.
    pub smokes: Vec<Shown<Smoke>>,
    /// Scenarios side by side.
    pub comparisons: Vec<Shown<Compared>>,
    /// Searches for a layout.
    pub searches: Vec<Shown<Plan>>,
    /// What a quantity is made of.
    pub explanations: Vec<Shown<Explanation>>,
    /// Predictions against what others measured.
    pub validations: Vec<Shown<Validation>>,
}

impl Report {
    /// Adapters that anything was measured on, in the order of the page; the host's own products are not among them.
    fn adapters(&self) -> Vec<&AdapterIdentity> {
        let records = self.measured.iter().flat_map(|m| &m.is).map(|r| &r.adapter);
        records
            .chain(self.rooflines.iter().map(|r| &r.is.adapter))
            .chain(self.examined.iter().map(|e| &e.is.adapter))
            .chain(self.tunings.iter().map(|t| &t.is.adapter))
            .chain(self.best_shapes.iter().map(|t| &t.is.adapter))
            .chain(self.portability.iter().map(|c| &c.is.adapter))
            .chain(self.trials.iter().map(|t| &t.is.adapter))
            .chain(self.smokes.iter().map(|s| &s.is.adapter))
            .filter(|a| a.backend != HOST)
            .collect()
    }

    /// Whether a CPU-type adapter had a part in anything.
    pub fn software(&self) -> bool {
        self.adapters().iter().any(|a| a.software)
            || self.measured.iter().flat_map(|m| &m.is).any(|r| r.adapter.software)
            || self.calibrations.iter().any(|c| c.is.software)
            || self.projections.iter().any(|p| p.is.software)
            || self.what_ifs.iter().any(|w| w.is.base.software)
            || self.gates.iter().any(|g| g.is.software)
            || self
                .comparisons
                .iter()
                .flat_map(|c| &c.is.rows)
                .filter_map(|r| r.projection.as_ref())
                .any(|p| p.software)
            || self.explanations.iter().any(|e| e.is.tree.software)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
