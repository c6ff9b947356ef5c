//! What the page does not tell.

use super::Report;
use crate::project::LARGEST_VALIDATED;
use maud::{Markup, html};

/// The section, of what is on the page.
pub fn section(report: &Report) -> Markup {
    html! {
        section {
            h2 id="limits" { "What this does not tell you" }
            ul.plain {
                @if !report.measured.is_empty() || !report.rooflines.is_empty() {
                    li { "What an adapter would do with its vendor's library: the kernels are WGSL through wgpu." }
                }
                @if report.software() { li { "Anything about hardware, where a figure is marked SOFTWARE." } }
                @if !report.measured.is_empty() {
                    li { "What another run would give: intervals are those of the noise within a run. " code { "flopcast measure --setups N" }
                        " has in it what differs when the adapter is opened anew." }
                }
                @if report.rooflines.is_empty() && !report.measured.is_empty() {
                    li { "How far the figures are from what the adapter can do: no roofline is among the files. " code { "flopcast measure --suite roofline --out roofline.jsonl" }
                        " measures one." }
                }
                @if report.scalings.is_empty() && !report.projections.is_empty() {
                    li { "How a forecast goes over the number of accelerators: no curve is among the files, and none that is made here goes through the \
                        forecasts (of a cluster, a job or a version of its own). " code { "flopcast scale --scenario NAME --format json" } " prints one." }
                }
                @if !report.projections.is_empty() || !report.scalings.is_empty() {
                    li { "What more than " (LARGEST_VALIDATED as u64) " accelerators do in one job: nobody has published one. Beyond that the ranges are widened, \
                        not validated." }
                    li { "Whether a run of that length is worth its tokens: forecasts are of time, power and cost, not of what a model learns." }
                    li { "Prices: they are assumptions with wide ranges. Power rests on four measured boxes." }
                }
            }
        }
    }
}
