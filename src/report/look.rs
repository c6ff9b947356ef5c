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

/// Text that is one line and commands no terminal: without control characters, and without those that turn the
/// direction of writing or have no width.
pub fn clean(text: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    text.chars().filter(|&c| !c.is_control() && !hidden(c)).collect()
}

/// Text that Markdown shows as it is.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '<' => out += "&lt;",
            '\\' | '|' | '`' | '[' | ']' | '*' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}
