//! Where a number comes from, and how that travels.
//!
//! Every quantity carries a [`Provenance`]: its [`Tier`], the ids of its sources and whether a
//! software adapter had a part in it. A quantity made of others carries the worst of their tiers,
//! all of their sources, and is marked software if any of them is.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What a number rests on, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Measured here by this tool; the record is at hand.
    Measured,
    /// Measured by others and published.
    Published,
    /// Stated by the vendor.
    Datasheet,
    /// Nobody measured it: a stated assumption with a range.
    Assumed,
    /// Made up by a scripted device in a test; never a statement about anything.
    Scripted,
}

impl Tier {
    /// The word as it is printed and as it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Measured => "measured",
            Tier::Published => "published",
            Tier::Datasheet => "datasheet",
            Tier::Assumed => "assumed",
            Tier::Scripted => "scripted",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Tier, sources and the software mark of one quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Provenance {
    /// The worst tier of anything this rests on.
    pub tier: Tier,
    /// Ids of the sources it rests on (`data/sources.toml`, or a record's file name).
    pub sources: BTreeSet<String>,
    /// A CPU-type adapter had a part in it: right for trying the path, no statement about hardware.
    pub software: bool,
}

impl Provenance {
    /// A quantity that comes straight from one source.
    pub fn new(tier: Tier, source: impl Into<String>) -> Self {
        Provenance { tier, sources: BTreeSet::from([source.into()]), software: false }
    }

    /// The provenance of a quantity made of this one and another.
    #[must_use]
    pub fn join(mut self, other: &Provenance) -> Self {
        self.tier = self.tier.max(other.tier);
        self.sources.extend(other.sources.iter().cloned());
        self.software |= other.software;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_keeps_the_worst_tier_all_sources_and_the_software_mark() {
        let mut measured = Provenance::new(Tier::Measured, "run-1");
        measured.software = true;
        let joined = Provenance::new(Tier::Datasheet, "h100-datasheet").join(&measured);
        assert_eq!(joined.tier, Tier::Datasheet);
        assert!(joined.software);
        assert_eq!(joined.sources.len(), 2);
    }
}
