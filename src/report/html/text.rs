//! Foreign text: names of adapters, drivers, files, scenarios. maud escapes it; here goes what no escape helps against.

use maud::{Markup, html};

/// The text without what is no letter: control characters, and those that turn the direction of what follows.
/// Neither belongs into a name, and either can make a page show something else than it says.
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

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
    fn what_turns_or_breaks_a_line_is_taken_out_and_letters_stay() {
        assert_eq!(clean("a\u{202E}b\n\0c é×"), "ab  c é×");
        assert_eq!(short("123456", 4), "123…");
        assert_eq!(short("1234", 4), "1234");
    }
}
