//! From a case to a figure that cannot be fooled.
pub mod record;
pub mod steadiness;
pub mod stopping;
