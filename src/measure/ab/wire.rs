//! A trial in a file: a line for what it is about, a line a pair as it is made, a line for how it ended.

use crate::error::{Context, Error, Kind, Result};
use crate::kernel::{Case, Proof};
use crate::measure::record::{AdapterIdentity, Samples, Submission, Tool};
use serde::{Deserialize, Serialize};

/// Schema id of a trial.
pub const SCHEMA: &str = "flopcast.ab/1";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Head(Box<Head>),
    /// One a pair.
    Pair(Pair),
    /// The last.
    End(End),
}

/// What the trial is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What measured it.
    pub tool: Tool,
    /// When it began, UTC, RFC 3339.
    pub at: String,
    /// What it ran on.
    pub adapter: AdapterIdentity,
    /// Seed of the operands and of the order within pairs.
    pub seed: u64,
    /// A, then B.
    pub sides: [SideHead; 2],
}

/// One side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideHead {
    /// As typed.
    pub spec: String,
    /// What that is.
    pub case: Case,
    /// The proof on exact operands, before anything was timed.
    pub exact: Proof,
    /// Ticks and warm-up; the submissions are in the pairs.
    pub samples: Samples,
}

/// A turn of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Number of the pair, from 0.
    pub pair: u32,
    /// Whether B's turn came first.
    pub b_first: bool,
    /// A's submissions, in the order they were made.
    pub a: Vec<Submission>,
    /// B's.
    pub b: Vec<Submission>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// `decided`, `time-used`, `interrupted`, or `wrong` where a side is and nothing was timed.
    pub stopped: String,
    /// Proofs of the outputs of the last timed submissions, A then B.
    pub proofs: [Proof; 2],
}

/// A whole trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What it is about.
    pub head: Head,
    /// The pairs, in order.
    pub pairs: Vec<Pair>,
    /// How it ended; `None` where the file was cut off.
    pub end: Option<End>,
}

impl Trial {
    /// The samples of both sides.
    pub fn samples(&self) -> [Samples; 2] {
        let [a, b] = &self.head.sides;
        let of = |side: &SideHead, submissions: fn(&Pair) -> &[Submission]| Samples {
            submissions: self.pairs.iter().flat_map(|pair| submissions(pair).iter().copied()).collect(),
            ..side.samples.clone()
        };
        [of(a, |pair| &pair.a), of(b, |pair| &pair.b)]
    }

    /// Reads the text of a trial; `name` stands in front of errors. A last line that is cut off is left out.
    ///
    /// # Errors
    /// Exit code 12: no trial, another schema, a line that is none (with its number), pairs out of order.
    pub fn parse(text: &str, name: &str) -> Result<Trial> {
        let bad = |number: usize, why: String| {
            Error::new(Kind::NotComparable, format!("{name}:{number}: {why}"))
                .hint("a trial is the file that `flopcast ab A B --out FILE.jsonl` writes")
        };
        let (mut head, mut pairs, mut end) = (None, Vec::new(), None);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (index, line) in lines.iter().enumerate() {
            let number = index + 1;
            if line.trim().is_empty() {
                continue;
            }
            let parsed = match parse_line(line) {
                Err(why) if number == lines.len() && !line.ends_with('\n') && head.is_some() => {
                    let _ = why;
                    break;
                }
                parsed => parsed.map_err(|why| bad(number, why))?,
            };
            match parsed {
                Line::Head(found) if head.is_none() => head = Some(*found),
                Line::Pair(pair) if head.is_some() && end.is_none() && pair.pair as usize == pairs.len() => {
                    pairs.push(pair);
                }
                Line::End(found) if head.is_some() && end.is_none() => end = Some(found),
                _ => return Err(bad(number, "the line is out of order".into())),
            }
        }
        let head = head.ok_or_else(|| bad(1, "holds no trial".into()))?;
        Ok(Trial { head, pairs, end })
    }
}

fn parse_line(line: &str) -> std::result::Result<Line, String> {
    #[derive(Deserialize)]
    struct Schema {
        schema: Option<String>,
    }
    let schema: Schema = serde_json::from_str(line).map_err(|e| format!("no line of a trial: {e}"))?;
    if let Some(other) = schema.schema.filter(|schema| schema != SCHEMA) {
        return Err(format!("schema is `{other}`; this flopcast reads `{SCHEMA}`"));
    }
    serde_json::from_str(line).map_err(|e| format!("no line of a trial: {e}"))
}

impl Line {
    /// As written, with its line break.
    ///
    /// # Errors
    /// Exit code 1 where it cannot be written as JSON.
    pub fn text(&self) -> Result<String> {
        serde_json::to_string(self).or_failed("trial").map(|text| text + "\n")
    }
}
