//! How text looks on a terminal: width and colour; and what foreign text may not do to either.

/// What a terminal allows. The default is that of a file: as wide as it gets, without colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; `None` where it is none.
    pub width: Option<u16>,
    /// Whether verdicts are coloured; the word stands there in any case.
    pub colour: bool,
}

/// What a verdict means at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It can be relied on.
    Good,
    /// With care.
    Mind,
    /// It is wrong or lacks.
    Bad,
}

impl Tone {
    /// Of a verdict's, an outcome's or a grade's word.
    pub fn of(word: &str) -> Option<Tone> {
        match word {
            "MEASURED" | "ok" | "passed" | "faster" | "yes" => Some(Tone::Good),
            "SOFTWARE" | "SUSPECT" | "warn" | "WARN" | "inconclusive" | "no figure" | "skipped" | "unsupported"
            | "not known" | "assumed" => Some(Tone::Mind),
            "INVALID" | "UNFIT" | "unfit" | "FAILED" | "failed" | "MISSED" | "regressed" | "not comparable"
            | "wrong" | "slower" => Some(Tone::Bad),
            _ => None,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Tone::Good => "\u{1b}[32m",
            Tone::Mind => "\u{1b}[33m",
            Tone::Bad => "\u{1b}[1;31m",
        }
    }

    /// Characters without width that stand for the code until a table is laid out.
    fn mark(self) -> char {
        match self {
            Tone::Good => '\u{2061}',
            Tone::Mind => '\u{2062}',
            Tone::Bad => '\u{2063}',
        }
    }
}

const END: char = '\u{2064}';
const RESET: &str = "\u{1b}[0m";

/// A cell with its tone around it, as wide as without.
pub(super) fn wrap_tone(text: &str, tone: Tone) -> String {
    format!("{}{text}{END}", tone.mark())
}

impl Look {
    /// A line of a laid-out table with its tones as colours.
    pub(super) fn painted(self, line: &str) -> String {
        if !self.colour {
            return line.to_string();
        }
        let mut out = line.replace(END, RESET);
        for tone in [Tone::Good, Tone::Mind, Tone::Bad] {
            out = out.replace(tone.mark(), tone.code());
        }
        out
    }

    /// A line of prose: the words in capitals that are verdicts, and the `!` of a warning.
    pub(super) fn prose(self, line: &str) -> String {
        if !self.colour {
            return line.to_string();
        }
        let word = |word: &str| match Tone::of(word).filter(|_| word.chars().all(|c| c.is_ascii_uppercase())) {
            Some(tone) => format!("{}{word}{RESET}", tone.code()),
            None => word.to_string(),
        };
        match line.strip_prefix("! ") {
            Some(rest) => format!("{}!{RESET} {rest}", Tone::Mind.code()),
            None => line.split(' ').map(word).collect::<Vec<_>>().join(" "),
        }
    }
}

/// Foreign text (names of adapters, drivers, files, scenarios) as one line that commands no terminal and turns no page:
/// line breaks and tabs are spaces, other control characters and those without width or that turn the direction of
/// writing are gone. Every view takes it from here.
pub fn clean(text: &str) -> String {
    let breaks = |c: char| matches!(c, '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let kept = text.chars().filter(|&c| breaks(c) || !c.is_control() && !hidden(c));
    kept.map(|c| if breaks(c) { ' ' } else { c }).collect()
}

/// Has no width, or turns the direction of writing.
fn hidden(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// JSON with nothing in it that [`clean`] takes away, and not a character lost: they are escaped. Those that JSON escapes
/// of itself are so already, and what breaks its lines stays.
pub fn escaped_json(json: &str) -> String {
    let unseen = |c: char| c >= '\u{7f}' && (c.is_control() || hidden(c) || matches!(c, '\u{2028}' | '\u{2029}'));
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match unseen(c) {
            true => out += &format!("\\u{:04x}", u32::from(c)),
            false => out.push(c),
        }
    }
    out
}

/// Text within a line that Markdown shows as it is.
pub fn escaped(text: &str) -> String {
    let text: Vec<char> = clean(text).chars().collect();
    let struck = text.iter().filter(|c| **c == '~').count() > 1;
    let mut out = String::new();
    for (place, &c) in text.iter().enumerate() {
        let next = text.get(place + 1);
        let inside = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
        match c {
            '<' => out += "&lt;",
            // The begin of an entity; a mere ampersand shows as it is.
            '&' if next.is_some_and(|c| *c == '#' || c.is_ascii_alphabetic()) => out += "&amp;",
            '\\' | '|' | '`' | '[' | ']' | '*' => out.extend(['\\', c]),
            // Within a word it emphasises nothing, and one tilde alone strikes nothing out.
            '_' if !(inside(place.checked_sub(1).and_then(|p| text.get(p))) && inside(next)) => out.extend(['\\', c]),
            '~' if struck => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// A whole line that Markdown shows as it is: no heading, quotation or list either.
pub fn escaped_line(text: &str) -> String {
    let text = escaped(text);
    let line = text.trim_start();
    let digits = line.chars().take_while(char::is_ascii_digit).count();
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(' ');
    let ordered = digits > 0 && line[digits..].starts_with(['.', ')']) && ends(&line[digits + 1..]);
    let rule = |sign: char| line.len() > 2 && line.chars().all(|c| c == sign || c == ' ');
    let begins = line.starts_with(['#', '>', '=']) || rule('-') || line.starts_with(['-', '+']) && ends(&line[1..]);
    let at = if ordered { digits } else { 0 };
    if ordered || begins { format!("{}\\{}", &line[..at], &line[at..]) } else { text }
}

/// Text of ours with foreign names in it, for Markdown: what stands between backticks is code, which can hold no markup,
/// and all else shows as it is.
pub fn escaped_prose(text: &str) -> String {
    let text = clean(text);
    let mut parts: Vec<&str> = text.split('`').collect();
    // An odd backtick closes nothing.
    let odd = parts.len().is_multiple_of(2).then(|| parts.pop()).flatten();
    let told = parts.iter().enumerate().map(|(place, part)| match place % 2 {
        1 if !part.is_empty() => format!("`{part}`"),
        1 => r"\`\`".to_string(),
        _ => escaped(part),
    });
    told.collect::<String>() + &odd.map_or(String::new(), |rest| format!(r"\`{}", escaped(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_breaks_a_line_is_taken_out_and_letters_stay() {
        let foreign = "a\u{202e}b\n\0c é×\u{feff}\u{1b}[31m\u{9b}\u{7f}\u{85}\u{2028}\u{ffff}\u{2060}\"\\";
        let json = escaped_json(&serde_json::to_string_pretty(&[foreign]).unwrap());
        assert_eq!(json.lines().count(), 3);
        let inner: String = json.lines().collect();
        assert!(inner.contains("é×") && inner.contains("\\u202e"), "{inner}");
        assert_eq!(clean(&inner), inner, "nothing of it commands a terminal");
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [foreign]);
        assert_eq!(clean("a\u{202e}b\n\0c é×\u{feff}\u{1b}[31m"), "ab c é×[31m");
        assert_eq!(clean("a\tb\r\nc\u{2028}d"), "a b  c d");
    }

    #[test]
    fn markdown_shows_foreign_text_as_it_is() {
        for (text, shown) in [
            ("a <b> & c", "a &lt;b> & c"),
            ("&lt; &#60;", "&amp;lt; &amp;#60;"),
            ("_x_ register_tiled __y__", r"\_x\_ register_tiled \_\_y\_\_"),
            ("~~x~~, ~5 %", r"\~\~x\~\~, \~5 %"),
            ("~5 %", "~5 %"),
            ("*a* [b](c) `d` | \\", r"\*a\* \[b\](c) \`d\` \| \\"),
        ] {
            assert_eq!(escaped(text), shown);
        }
        for (text, shown) in [
            ("# x", r"\# x"),
            ("> x", r"\> x"),
            ("- x", r"\- x"),
            ("+ x", r"\+ x"),
            ("12. x", r"12\. x"),
            ("---", r"\---"),
            ("-3 %", "-3 %"),
            ("1.5 x", "1.5 x"),
            ("x # y", "x # y"),
        ] {
            assert_eq!(escaped_line(text), shown);
        }
        for (text, shown) in [
            ("the `*layout*` of <x>", "the `*layout*` of &lt;x>"),
            ("odd ` <x> *y*", r"odd \` &lt;x> \*y\*"),
            ("`` <x>", r"\`\` &lt;x>"),
        ] {
            assert_eq!(escaped_prose(text), shown);
        }
    }
}
