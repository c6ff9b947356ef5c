//! The report: one HTML file that needs no network and no script. Decides no number.
//!
//! [`Report`] is what goes in, [`page`] what comes out; a file per section. Pictures are data (`plot`) that plotters
//! draws; everything else is maud's, whose templates are checked when this is compiled and escape what is foreign.

mod calibration;
mod doctor;
mod figure;
mod forecast;
mod headline;
mod limits;
mod measured;
mod page;
mod palette;
mod plot;
mod read;
mod roofline;
mod samples;
mod scaling;
mod text;
mod thin;
mod uncertainty;
mod what_if;

pub use page::page;

use crate::calibrate::Calibration;
use crate::calibrate::roofline::Roofline;
use crate::measure::record::Record;
use crate::project::Projection;
use crate::project::scaling::Scaling;
use crate::project::what_if::WhatIfs;
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
}

impl Report {
    /// Whether a CPU-type adapter had a part in anything.
    pub fn software(&self) -> bool {
        self.measured.iter().flat_map(|m| &m.is).any(|r| r.adapter.software)
            || self.rooflines.iter().any(|r| r.is.adapter.software)
            || self.calibrations.iter().any(|c| c.is.software)
            || self.projections.iter().any(|p| p.is.software)
            || self.what_ifs.iter().any(|w| w.is.base.software)
            || self.examined.iter().any(|e| e.is.adapter.software)
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.measured.is_empty()
            && self.rooflines.is_empty()
            && self.calibrations.is_empty()
            && self.projections.is_empty()
            && self.what_ifs.is_empty()
            && self.scalings.is_empty()
            && self.examined.is_empty()
    }
}

#[cfg(test)]
mod tests;
