//! What the main job prints.

use super::{Document, Printed, Sheet, measurement, overview, projection};
use crate::project::everything::Everything;

impl Printed for Everything {
    const TABLES: &'static [&'static str] = &["cases", "quantities"];

    /// One screen; where the run was interrupted, what was measured until then.
    fn document(&self) -> Document {
        if self.projections.is_empty() {
            let mut out = Document::new();
            out.table(measurement::table(&self.measurements));
            return out;
        }
        let (calibration, equivalents) = (self.calibration.as_ref(), self.equivalents.as_ref());
        overview::document(&self.adapter, &self.measurements, calibration, equivalents, &self.projections)
    }

    fn sheets(&self) -> Vec<Sheet> {
        vec![measurement::sheet("cases", &self.measurements), projection::quantities("quantities", &self.projections)]
    }
}
