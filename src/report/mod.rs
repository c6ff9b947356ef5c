//! What people and programs read: one view a file, one renderer a format. Decides no number.

pub mod ab;
pub mod catalog;
pub mod compare;
pub mod comparison;
pub mod devices;
pub mod doctor;
mod document;
pub mod equivalents;
pub mod explain;
pub mod html;
pub mod kept;
mod look;
pub mod matmul;
pub mod measurement;
pub mod number;
pub mod openmetrics;
pub mod overview;
pub mod page;
pub mod performance;
pub mod portability;
pub mod projection;
pub mod roofline;
pub mod run;
pub mod scaling;
pub mod search;
pub mod self_test;
mod sheet;
pub mod smoke;
mod table;
pub mod tune;
pub mod validation;
pub mod what_if;

pub use document::Document;
pub use look::{Look, clean, escaped_json};
pub use sheet::{Field, Sheet};
pub use table::Table;

use openmetrics::Family;

/// What a verb prints, for every format: the record itself is the JSON.
pub trait Printed: serde::Serialize {
    /// Names of [`Printed::sheets`], the main one first.
    const TABLES: &'static [&'static str];

    /// Whether there is something to monitor in it.
    const METERED: bool = false;

    /// For people, as text and as Markdown.
    fn document(&self) -> Document;

    /// For programs that want tables.
    fn sheets(&self) -> Vec<Sheet>;

    /// For monitoring, where [`Printed::METERED`] says that there is something.
    fn metrics(&self) -> Vec<Family> {
        Vec::new()
    }
}
