//! Foreign text: names of adapters, drivers, files, scenarios. maud escapes it; here goes what no escape helps against.

/// The text without what is no letter: control characters, and those that turn the direction of what follows.
/// Neither belongs into a name, and either can make a page show something else than it says.
pub fn clean(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}');
    text.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
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
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_breaks_a_line_is_taken_out_and_letters_stay() {
        assert_eq!(clean("a\u{202E}b\n\0c é×"), "ab  c é×");
        assert_eq!(short("123456", 4), "123…");
        assert_eq!(short("1234", 4), "1234");
    }
}
