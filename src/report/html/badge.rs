//! Verdicts and outcomes as they are shown everywhere: the word itself, and a colour beside it.

use super::text::clean;
use crate::measure::record::Verdict;
use crate::report::look::Tone;
use maud::{Markup, html};

/// A verdict.
pub fn badge(verdict: Verdict) -> Markup {
    let class = verdict.as_str().to_lowercase();
    html! { span class={ "v v-" (class) } { (verdict.as_str()) } }
}

/// The mark of what a software adapter had a part in.
pub fn software(is: bool) -> Markup {
    html! { @if is { " " (badge(Verdict::Software)) } }
}

/// An outcome, a grade or a call: coloured as it is on a terminal.
pub fn outcome(word: &str) -> Markup {
    let class = match Tone::of(word) {
        // Not done is neither well nor badly done.
        _ if ["skipped", "unsupported"].contains(&word) => "none",
        Some(Tone::Good) => "measured",
        Some(Tone::Mind) => "suspect",
        Some(Tone::Bad) => "invalid",
        None => "none",
    };
    html! { span class={ "v v-" (class) } { (clean(word)) } }
}
