//! Foreign text: names of adapters, drivers, files, scenarios. maud escapes it; here goes what no escape helps against.

pub use crate::report::clean;
use maud::{Markup, html};

/// Foreign prose: what stands between backticks is code.
pub fn prose(text: &str) -> Markup {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd backtick has none to close it.
    let open = if parts.len().is_multiple_of(2) { parts.len() - 1 } else { parts.len() };
    html! {
        @for (place, part) in parts.iter().enumerate() {
            @if place == open { "`" (part) } @else if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The first of it, where it is longer than that.
pub fn short(text: &str, letters: usize) -> String {
    let text = clean(text);
    if text.chars().count() <= letters {
        return text;
    }
    text.chars().take(letters.saturating_sub(1)).chain(['…']).collect()
}

/// `1 case`, `2 cases`.
pub fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ if one.ends_with("ch") => format!("{count} {one}es"),
        _ => format!("{count} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_an_odd_one_stays() {
        for (text, shown) in [
            ("take `--out` or `<b>`", "take <code>--out</code> or <code>&lt;b&gt;</code>"),
            ("`a` and ` b", "<code>a</code> and ` b"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(prose(text).into_string(), shown);
        }
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(short("123456", 4), "123…");
        assert_eq!(short("1234", 4), "1234");
    }
}
