//! A layout as people write it: `tp8 pp8 dp64 ep8 mb1 zero1 selective`, in words that stand in every output.

use super::layout::{ContextExchange, Layout, Offload, Recompute, Schedule};
use crate::error::{Error, Result};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;

/// What stands in a word with a number behind it.
type Number = (&'static str, fn(&mut Layout) -> &mut u32);

const NUMBERS: [Number; 10] = [
    ("tp", |l| &mut l.tensor),
    ("pp", |l| &mut l.pipeline),
    ("dp", |l| &mut l.data),
    ("cp", |l| &mut l.context),
    ("ep", |l| &mut l.expert),
    ("etp", |l| &mut l.expert_tensor),
    ("vpp", |l| &mut l.virtual_stages),
    ("mb", |l| &mut l.micro_batch),
    ("shard", |l| &mut l.shard),
    ("ends-", |l| &mut l.lighter_ends),
];

/// A word by itself, and what it says something about: no two words say the same.
type Word = (&'static str, &'static [&'static str], fn(&mut Layout));

const WORDS: [Word; 10] = [
    ("zb1p", &["the schedule"], |l| l.schedule = Schedule::ZeroBubble),
    ("dualpipe", &["the schedule"], |l| l.schedule = Schedule::DualPipe),
    ("ulysses", &["the exchange over a sequence"], |l| l.context_exchange = ContextExchange::AllToAll),
    ("offload-optimizer", &[OPTIMIZER], |l| {
        l.offload = if l.offload == Offload::Activations { Offload::Both } else { Offload::Optimizer }
    }),
    ("offload-activations", &[ACTIVATIONS], |l| {
        l.offload = if l.offload == Offload::Optimizer { Offload::Both } else { Offload::Activations }
    }),
    ("offload", &[OPTIMIZER, ACTIVATIONS], |l| l.offload = Offload::Both),
    ("selective", &["what is recomputed"], |l| l.recompute = Recompute::Selective),
    ("half-recompute", &["what is recomputed"], |l| l.recompute = Recompute::Half),
    ("full-recompute", &["what is recomputed"], |l| l.recompute = Recompute::Full),
    ("no-sp", &["sequence parallelism"], |l| l.sequence_parallel = false),
];
const OPTIMIZER: &str = "where the optimizer's state is";
const ACTIVATIONS: &str = "where the activations are";

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut own, mut usual) = (*self, Layout::default());
        let mut text = String::new();
        for (i, (name, field)) in NUMBERS.iter().enumerate() {
            let (own, usual) = (*field(&mut own), *field(&mut usual));
            // The three that make up every layout and the microbatch always stand.
            if own != usual || i < 3 || *name == "mb" {
                text += &format!("{name}{own} ");
            }
            if *name == "mb" {
                text += &format!("zero{} ", self.zero);
            }
        }
        for (word, _, set) in WORDS {
            // No word sets what is usual.
            let mut with = *self;
            set(&mut with);
            if with == *self {
                text += word;
                text.push(' ');
            }
        }
        f.pad(text.trim_end())
    }
}

impl FromStr for Layout {
    type Err = Error;

    /// Words in any order, each once and no two about the same; what is not said is as in [`Layout::default`]. Errors
    /// name the word.
    fn from_str(text: &str) -> Result<Self> {
        let fail = |why: String| Error::usage(format!("layout `{text}`: {why}"));
        let mut layout = Layout::default();
        // What was said something about, and by which word.
        let mut said: Vec<(&str, &str)> = Vec::new();
        for word in text.split_whitespace() {
            let (name, digits) = word.split_at(word.find(|c: char| c.is_ascii_digit()).unwrap_or(word.len()));
            let (mut by, mut about) = (name, std::slice::from_ref(&name));
            let number = || digits.parse::<u32>().map_err(|_| fail(format!("`{word}`: no whole number below 2^32")));
            if let Some((_, says, set)) = WORDS.iter().find(|(w, ..)| *w == word) {
                set(&mut layout);
                (by, about) = (word, says);
            } else if name == "zero" {
                let stage = number()?;
                let known = u8::try_from(stage).ok().filter(|stage| *stage <= 3);
                layout.zero = known.ok_or_else(|| fail(format!("`{word}`: {stage} is not from 0 to 3")))?;
            } else if let Some((_, field)) = NUMBERS.iter().find(|(n, _)| *n == name) {
                *field(&mut layout) = number()?;
            } else {
                let words = NUMBERS.iter().map(|(n, _)| format!("{n}N")).chain(["zeroN".into()]);
                let known: Vec<String> = words.chain(WORDS.iter().map(|(w, ..)| (*w).into())).collect();
                return Err(fail(format!("`{word}` is no word of it")).hint(format!("words: {}", known.join(" "))));
            }
            for &what in about {
                match said.iter().find(|(known, _)| *known == what) {
                    Some((_, before)) if *before == by => return Err(fail(format!("`{by}` stands twice"))),
                    Some((_, before)) => return Err(fail(format!("`{before}` and `{by}` both say {what}"))),
                    None => said.push((what, by)),
                }
            }
        }
        if said.is_empty() {
            return Err(fail("it says nothing".into()).hint("for example `tp8 pp8 dp64 mb1 zero1`"));
        }
        Ok(layout)
    }
}

/// For the schema: a layout in words or as a table.
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it is read for its schema alone")]
pub(crate) enum Stated {
    /// As it is printed: `tp8 pp8 dp64 mb1 zero1`.
    Words(String),
    /// Field by field.
    Table(Layout),
}

/// Reads a layout in words or as a table.
pub(crate) fn stated<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Layout>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Layout;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a layout: words as in `tp8 pp8 dp64 mb1 zero1`, or a table")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Layout, E> {
            text.parse().map_err(|e: Error| E::custom(e.message()))
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> std::result::Result<Layout, A::Error> {
            Layout::deserialize(MapAccessDeserializer::new(map))
        }
    }
    from.deserialize_any(Either).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::layout::tests::LAYOUT;
    use super::*;

    #[test]
    fn what_is_printed_reads_back_as_the_same_layout() {
        let all = [
            Layout::default(),
            LAYOUT,
            Layout { context: 2, expert_tensor: 4, virtual_stages: 8, zero: 3, shard: 16, lighter_ends: 1, ..LAYOUT },
            Layout { schedule: Schedule::ZeroBubble, recompute: Recompute::Full, ..LAYOUT },
            Layout { schedule: Schedule::DualPipe, offload: Offload::Both, sequence_parallel: false, ..LAYOUT },
            Layout { context_exchange: ContextExchange::AllToAll, offload: Offload::Optimizer, zero: 0, ..LAYOUT },
            Layout { offload: Offload::Activations, recompute: Recompute::Half, ..LAYOUT },
            Layout { recompute: Recompute::Selective, ..LAYOUT },
        ];
        for layout in all {
            let text = layout.to_string();
            assert_eq!(text.parse::<Layout>().unwrap(), layout, "{text}");
        }
        assert_eq!(LAYOUT.to_string(), "tp8 pp4 dp64 ep8 mb1 zero1");
        assert_eq!("dp4  mb2 tp2".parse::<Layout>().unwrap().to_string(), "tp2 pp1 dp4 mb2 zero1");
    }

    #[test]
    fn what_the_host_keeps_may_be_said_in_one_word_or_in_two() {
        let both = Layout { offload: Offload::Both, ..Layout::default() };
        for text in ["offload", "offload-optimizer offload-activations", "offload-activations offload-optimizer"] {
            assert_eq!(text.parse::<Layout>().unwrap(), both, "{text}");
        }
        assert!(both.to_string().ends_with(" offload"), "{both}");
    }

    #[test]
    fn a_word_that_is_none_is_refused_by_name() {
        for (text, part) in [
            ("tp8 xx3", "`xx3` is no word"),
            ("tp", "`tp`: no whole number"),
            ("tp8 tp4", "`tp` stands twice"),
            ("tp99999999999", "`tp99999999999`: no whole number"),
            ("tp-8", "`tp-8` is no word"),
            ("zb1p zb1p", "`zb1p` stands twice"),
            ("pp4 zb1p dualpipe", "`zb1p` and `dualpipe` both say the schedule"),
            ("selective tp8 full-recompute", "`selective` and `full-recompute` both say what is recomputed"),
            ("offload-optimizer offload", "`offload-optimizer` and `offload` both say where the optimizer's state is"),
            ("offload offload-activations", "`offload` and `offload-activations` both say where the activations are"),
            ("zero300", "`zero300`: 300 is not from 0 to 3"),
            ("zero4", "`zero4`: 4 is not from 0 to 3"),
            ("zero1 zero1", "`zero` stands twice"),
            ("  ", "says nothing"),
        ] {
            let error = text.parse::<Layout>().unwrap_err();
            assert!(error.message().contains(part), "{text}: {error}");
        }
    }
}
