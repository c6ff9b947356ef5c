//! The gate (rule R5): two files of records, and one of four answers: ok, regressed, inconclusive, or
//! not comparable.
//!
//! Cases are matched by their whole fingerprint ([`Key`]); several records of one case are repeats of
//! it. Nothing is passed because it is missing: a case of the base that is not in the new file, or has no
//! figure there any more, is not comparable, and so is one that has no baseline.

mod gate;
mod key;
#[cfg(test)]
mod machine_tests;
mod runs;
#[cfg(test)]
pub(crate) mod synthetic;
#[cfg(test)]
mod tests;

pub use gate::{ASSUMED_BETWEEN_RUNS, ASSUMED_BETWEEN_RUNS_SOFTWARE, Call, MIN_FREEDOM, Needed, Run, Slowdown, judge};
pub use key::{Difference, Key};
pub use runs::Machine;

use super::record::{Missing, Record, SCHEMA as RECORD_SCHEMA, TimingMethod, Verdict, read_as};
use super::sound::contradiction;
use crate::error::{Error, Result};
use crate::stats::interval::MIN_SAMPLES_95;
use runs::{common_clock, machine, runs};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::str::FromStr;

/// The smallest slowdown that matters, relative: above 0 and up to 1 (100 %).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct Threshold(f64);

impl Threshold {
    /// A threshold.
    ///
    /// # Errors
    /// Exit code 2 for 0, a negative one, NaN and anything above 1.
    pub fn new(share: f64) -> Result<Threshold> {
        let bad = |why: &str| Err(Error::usage(format!("threshold {}%: {why}", share * 100.0)).hint(THRESHOLD_HINT));
        match share {
            s if s.is_nan() => bad("is not a number"),
            s if s <= 0.0 => bad("has to be above 0"),
            s if s > 1.0 => bad("is above 100%"),
            s => Ok(Threshold(s)),
        }
    }

    /// As a share: 0.05 is 5 %.
    pub fn share(self) -> f64 {
        self.0
    }
}

impl From<Threshold> for f64 {
    fn from(threshold: Threshold) -> f64 {
        threshold.0
    }
}

impl TryFrom<f64> for Threshold {
    type Error = Error;

    fn try_from(share: f64) -> Result<Self> {
        Threshold::new(share)
    }
}

const THRESHOLD_HINT: &str = "the smallest slowdown that matters, above 0% and up to 100%, like 5%";

impl FromStr for Threshold {
    type Err = Error;

    /// `5%`. The sign is asked for: 0.05 could be either of two things.
    fn from_str(text: &str) -> Result<Self> {
        let bad = |why: &str| Error::usage(format!("threshold `{text}`: {why}")).hint(THRESHOLD_HINT);
        let number = text.trim().strip_suffix('%').ok_or_else(|| bad("has no `%`"))?;
        let percent: f64 = number.trim().parse().map_err(|_| bad("is no number"))?;
        Threshold::new(percent / 100.0)
    }
}

/// How a case, or the whole gate, came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not slower by the threshold.
    Ok,
    /// Slower by the threshold or more, and surely slower.
    Regressed,
    /// Not enough to say either.
    Inconclusive,
    /// Something differs that has to be equal, or is missing.
    NotComparable,
    /// No figure on either side and for the same reason: nothing to compare and nothing wrong.
    NoFigure,
}

impl Outcome {
    /// The words as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Regressed => "regressed",
            Outcome::Inconclusive => "inconclusive",
            Outcome::NotComparable => "not comparable",
            Outcome::NoFigure => "no figure",
        }
    }

    /// The process's exit code: 0, 10, 11 or 12, whatever the number of cases.
    pub fn exit_code(self) -> u8 {
        match self {
            Outcome::Ok | Outcome::NoFigure => 0,
            Outcome::Regressed => 10,
            Outcome::Inconclusive => 11,
            Outcome::NotComparable => 12,
        }
    }
}

/// One side of a compared case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Side {
    /// Records of the case.
    pub records: usize,
    /// Those of them with the verdict SUSPECT: counted, and left out of the figures.
    pub suspect: usize,
    /// Samples behind the figures, over all runs.
    pub samples: u64,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Compared {
    /// `kernel[tiling]/precision/shape`.
    pub case: String,
    /// How it came out.
    pub outcome: Outcome,
    /// Why, in a sentence.
    pub detail: String,
    /// New over base, where both have a figure.
    pub slowdown: Option<Slowdown>,
    /// The clock that both sides were read by.
    pub clock: Option<TimingMethod>,
    /// How much slower the machine itself was, where its sentinel shows that.
    pub machine: Option<Machine>,
    /// What would decide it, where it is inconclusive for want of samples.
    pub needed: Option<Needed>,
    /// What differs, where it is not comparable.
    pub differences: Vec<Difference>,
    /// The base's records.
    pub base: Side,
    /// The new records.
    pub new: Side,
}

/// Schema id of [`Comparison`].
pub const SCHEMA: &str = "flopcast.compare/1";

/// A gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Comparison {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// How it came out as a whole: regressed if any case is (a slowdown found stands, whatever else is
    /// wrong), then not comparable, then inconclusive.
    pub outcome: Outcome,
    /// Smallest slowdown that matters.
    pub threshold: Threshold,
    /// Whether a CPU-type adapter measured any of it.
    pub software: bool,
    /// The cases, in the order of the base, then those that only the new file has.
    pub cases: Vec<Compared>,
    /// What is wrong with a file as a whole.
    pub problems: Vec<String>,
}

impl Comparison {
    /// Cases that came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }
}

/// Compares the new records with the base.
pub fn compare(base: &[Record], new: &[Record], threshold: Threshold) -> Comparison {
    let software = base.iter().chain(new).any(|r| r.adapter.software);
    let mut problems: Vec<String> = Vec::new();
    for (name, records) in [("base", base), ("new", new)] {
        if records.is_empty() {
            problems.push(format!("the {name} file holds no record"));
        }
    }
    let (base, mut new) = (groups(base), groups(new));
    let mut pairs: Vec<(Group, Option<Group>)> = Vec::new();
    for group in base {
        let partner = new.iter().position(|other| other.key == group.key);
        pairs.push((group, partner.map(|at| new.remove(at))));
    }
    // What found no equal is set beside what is likest, so that the differing fields can be named.
    for (group, partner) in &mut pairs {
        if partner.is_none() {
            let likest = (0..new.len()).min_by_key(|&at| group.key.differences(&new[at].key).len());
            *partner = likest.map(|at| new.remove(at));
        }
    }
    let comparable = |(b, n): &&(Group, Option<Group>)| n.as_ref().is_some_and(|n| n.key == b.key);
    let number = pairs.iter().filter(comparable).count();
    let mut cases: Vec<Compared> = pairs
        .iter()
        .map(|(base, partner)| match partner {
            Some(new) => one(base, new, threshold, number),
            None => alone(base, "new"),
        })
        .collect();
    cases.extend(new.iter().map(|group| alone(group, "base")));
    if problems.is_empty() && cases.iter().all(|case| case.outcome == Outcome::NoFigure) {
        problems.push("no case has a figure on either side".to_string());
    }
    let has = |outcome| cases.iter().any(|case: &Compared| case.outcome == outcome);
    let outcome = match () {
        () if has(Outcome::Regressed) => Outcome::Regressed,
        () if has(Outcome::NotComparable) || !problems.is_empty() => Outcome::NotComparable,
        () if has(Outcome::Inconclusive) => Outcome::Inconclusive,
        () => Outcome::Ok,
    };
    Comparison { schema: SCHEMA.into(), outcome, threshold, software, cases, problems }
}

/// All records of one fingerprint.
struct Group<'a> {
    key: Key,
    records: Vec<&'a Record>,
}

fn groups(records: &[Record]) -> Vec<Group<'_>> {
    let mut place = std::collections::HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for record in records {
        let key = Key::of(record);
        let at = *place.entry(key.clone()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Group { key, records: Vec::new() });
        }
        groups[at].records.push(record);
    }
    groups
}

impl Group<'_> {
    fn id(&self) -> String {
        self.records[0].case.id()
    }

    fn side(&self) -> Side {
        let figures = self.records.iter().filter_map(|r| r.figure.as_ref());
        Side {
            records: self.records.len(),
            suspect: self.records.iter().filter(|r| r.verdict == Verdict::Suspect).count(),
            samples: figures.map(|f| u64::from(f.samples)).sum(),
        }
    }
}

const NOBODY: Side = Side { records: 0, suspect: 0, samples: 0 };

/// A case that only one of the files has.
fn alone(group: &Group, lacks: &str) -> Compared {
    let (present, absent) = ("present".to_string(), "missing".to_string());
    let (base, new, sides) = if lacks == "new" {
        (present, absent, (group.side(), NOBODY))
    } else {
        (absent, present, (NOBODY, group.side()))
    };
    Compared {
        case: group.id(),
        outcome: Outcome::NotComparable,
        detail: format!("the {lacks} file does not have this case"),
        slowdown: None,
        clock: None,
        machine: None,
        needed: None,
        differences: vec![Difference::new("case", base, new)],
        base: sides.0,
        new: sides.1,
    }
}

fn one(base: &Group, new: &Group, threshold: Threshold, cases: usize) -> Compared {
    let mut compared = Compared {
        case: base.id(),
        outcome: Outcome::NotComparable,
        detail: String::new(),
        slowdown: None,
        clock: None,
        machine: None,
        needed: None,
        differences: base.key.differences(&new.key),
        base: base.side(),
        new: new.side(),
    };
    if compared.differences.is_empty() {
        compared.differences = unusable(base, new);
    }
    if !compared.differences.is_empty() {
        let fields: Vec<_> = compared
            .differences
            .iter()
            .map(|d| format!("`{}` is {} in the base and {} in the new file", d.field, shown(&d.base), shown(&d.new)))
            .collect();
        compared.detail = fields.join("; ");
        return compared;
    }
    if base.records.iter().chain(&new.records).all(|r| r.figure.is_none()) {
        compared.outcome = Outcome::NoFigure;
        compared.detail = without(base.records[0]);
        return compared;
    }
    let both = base.records.iter().chain(&new.records).copied();
    let clock = common_clock(both.clone()).expect("else it is a difference");
    compared.clock = Some(clock);
    let (base_runs, new_runs) = (runs(&base.records, clock), runs(&new.records, clock));
    for (name, runs) in [("base", &base_runs), ("new", &new_runs)] {
        // An interval of fewer samples is no 95 % interval, and says nothing of the noise.
        let short = runs.iter().any(|run| (run.samples as usize) < MIN_SAMPLES_95);
        if runs.is_empty() || short {
            compared.outcome = Outcome::Inconclusive;
            compared.detail = if short {
                format!("the {name} figure rests on fewer than {MIN_SAMPLES_95} samples")
            } else {
                format!("the {name} figure is SUSPECT: measure again")
            };
            compared.needed = short.then_some(Needed { samples_per_run: Some(MIN_SAMPLES_95), runs_per_side: None });
            return compared;
        }
    }
    let software = base.records[0].adapter.software;
    let (mut call, slowdown, mut needed) = judge(&base_runs, &new_runs, threshold.share(), software, cases);
    let mut told = sentence(&slowdown, needed);
    // A change of less than half of the threshold is no reason for a case to pass it.
    if let Some(moved) = machine(&base.records, &new.records, clock, 0.5 * threshold.share()) {
        // What would be called if the machine had been as fast as before.
        let even: Vec<Run> = new_runs.iter().map(|r| Run { seconds: r.seconds / moved.ratio, ..*r }).collect();
        let otherwise = judge(&base_runs, &even, threshold.share(), software, cases).0;
        if otherwise != call {
            (call, needed) = (Call::Inconclusive, None);
            told = sentence(&slowdown, None);
        }
        told += &machine_sentence(&moved, call == Call::Inconclusive);
        compared.machine = Some(moved);
    }
    if both.filter_map(|r| r.figure.as_ref()).any(|f| f.timing_method != clock) {
        told += "; by the host's clock, which both have";
    }
    compared.outcome = match call {
        Call::Ok => Outcome::Ok,
        Call::Regressed => Outcome::Regressed,
        Call::Inconclusive => Outcome::Inconclusive,
    };
    compared.detail = told;
    compared.slowdown = Some(slowdown);
    compared.needed = needed;
    compared
}

fn shown(value: &str) -> String {
    if value.is_empty() { "empty".to_string() } else { format!("`{value}`") }
}

fn sentence(slowdown: &Slowdown, needed: Option<Needed>) -> String {
    let percent = |ratio: f64| format!("{:+.1} %", 100.0 * (ratio - 1.0));
    let origin = if slowdown.between_runs_measured { "measured" } else { "assumed" };
    let mut text = format!(
        "time {} ({} to {}; {:.1} % between runs, {origin})",
        percent(slowdown.ratio),
        percent(slowdown.lo),
        percent(slowdown.hi),
        100.0 * slowdown.between_runs,
    );
    if let Some(needed) = needed {
        text += &match (needed.samples_per_run, needed.runs_per_side) {
            (Some(samples), Some(runs)) => format!("; {samples} samples a run or {runs} runs a side would decide"),
            (None, Some(runs)) => format!("; {runs} runs a side would decide"),
            (Some(samples), None) => format!("; {samples} samples a run would decide"),
            (None, None) => "; no number of samples decides a change as large as the threshold".to_string(),
        };
    }
    text
}

fn machine_sentence(machine: &Machine, undecided: bool) -> String {
    let by = |ratio: f64| 100.0 * (ratio - 1.0);
    let word = if machine.ratio > 1.0 { "slower" } else { "faster" };
    format!(
        "; the machine itself was {:.1} % {word} in the new file (a fixed small product took {:+.1} to {:+.1} %){}",
        by(machine.ratio).abs(),
        by(machine.lo),
        by(machine.hi),
        if undecided { ": measure both again" } else { "" }
    )
}

/// What makes figures of the same fingerprint unusable, each as a difference.
fn unusable(base: &Group, new: &Group) -> Vec<Difference> {
    let both = || base.records.iter().chain(&new.records);
    // A schema that both sides share can still be a foreign one.
    if let Some(foreign) = both().find(|r| read_as(&r.schema).is_none()) {
        return vec![Difference::new("schema", &foreign.schema, format!("{RECORD_SCHEMA} (what is read here)"))];
    }
    let broken = |group: &Group| group.records.iter().find_map(|r| contradiction(r));
    let (b, n) = (broken(base), broken(new));
    if b.is_some() || n.is_some() {
        let field = b.as_ref().or(n.as_ref()).map_or("figure", |(field, _)| field);
        let say = |side: Option<(&str, String)>| side.map_or("usable".to_string(), |(_, why)| why);
        return vec![Difference::new(field, say(b.clone()), say(n.clone()))];
    }
    let lacking = |group: &Group| group.records.iter().find(|r| r.figure.is_none()).map(|r| without(r));
    let unsupported = |r: &&&Record| matches!(r.missing, Some(Missing::Unsupported { .. }));
    let (b, n) = (lacking(base), lacking(new));
    if (b.is_some() || n.is_some()) && !(b == n && both().filter(unsupported).count() == both().count()) {
        let say = |side: Option<String>| side.unwrap_or_else(|| "present".to_string());
        return vec![Difference::new("figure", say(b), say(n))];
    }
    let clocks = |group: &Group| {
        let mut clocks: Vec<&str> =
            group.records.iter().filter_map(|r| r.figure.as_ref()).map(|f| f.timing_method.as_str()).collect();
        clocks.sort_unstable();
        clocks.dedup();
        clocks
    };
    let (b, n) = (clocks(base), clocks(new));
    if (b != n || b.len() > 1) && common_clock(both().copied()).is_none() {
        return vec![Difference::new("figure.timing_method", b.join(" and "), n.join(" and "))];
    }
    Vec::new()
}

/// Why a record has no figure.
fn without(record: &Record) -> String {
    match &record.missing {
        Some(missing) => {
            let reason = missing.reason();
            format!("{}: {}", reason.code, reason.detail)
        }
        None => match record.reasons.first() {
            Some(reason) => format!("{}: {} ({})", record.verdict.as_str(), reason.detail, reason.code),
            None => record.verdict.as_str().to_string(),
        },
    }
}
