//! What people read of a verb: prose, tables and drawings, as text for a terminal or as Markdown.

use super::Table;
use super::look::{Look, clean, escaped_line};
use std::ops::AddAssign;

/// Prose, tables and drawings in their order.
#[derive(Debug, Clone, Default)]
pub struct Document {
    blocks: Vec<Block>,
}

#[derive(Debug, Clone)]
enum Block {
    /// Lines, each with its line break; an empty one sets apart.
    Prose(String),
    Table(Table),
    /// Lines whose columns matter.
    Drawing(String),
}

impl Document {
    /// An empty one.
    pub fn new() -> Document {
        Document::default()
    }

    /// Adds a table; without rows it is left out.
    pub fn table(&mut self, table: Table) {
        if !table.is_empty() {
            self.blocks.push(Block::Table(table));
        }
    }

    /// Adds lines whose columns matter.
    pub fn drawing(&mut self, lines: String) {
        if !lines.is_empty() {
            self.blocks.push(Block::Drawing(lines));
        }
    }

    /// Adds everything of another one.
    pub fn extend(&mut self, other: Document) {
        self.blocks.extend(other.blocks);
    }

    /// As plain text at its full width.
    pub fn plain(&self) -> String {
        self.text(Look::default())
    }

    /// As text for a terminal.
    pub fn text(&self, look: Look) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            match block {
                Block::Prose(text) => out.extend(lines(text).map(|line| look.prose(&clean(line)) + "\n")),
                Block::Table(table) => out += &table.fitted(look),
                Block::Drawing(text) => out.extend(lines(text).map(|line| clean(line) + "\n")),
            }
        }
        out
    }

    /// As Markdown: prose as paragraphs, warnings and what is indented as lists, drawings as they are.
    pub fn markdown(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for block in &self.blocks {
            match block {
                Block::Prose(text) => parts.extend(paragraphs(text)),
                Block::Table(table) => parts.push(table.escaped()),
                Block::Drawing(text) => {
                    let lines: String = lines(text).map(|line| clean(line) + "\n").collect();
                    // A fence that stands in the text would end it.
                    parts.push(format!("```text\n{}```\n", lines.replace("```", "'''")));
                }
            }
        }
        parts.join("\n")
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_suffix('\n').unwrap_or(text).split('\n').take(if text.is_empty() { 0 } else { usize::MAX })
}

fn paragraphs(text: &str) -> Vec<String> {
    let (mut all, mut list) = (Vec::<String>::new(), None);
    for line in text.split('\n') {
        let item = line.strip_prefix("! ").or(line.strip_prefix("  ").map(str::trim_start));
        let shown = match item {
            Some(item) => format!("- {}\n", escaped_line(item)),
            None => format!("{}\n", escaped_line(line)),
        };
        match all.last_mut().filter(|_| list == Some(item.is_some())) {
            _ if line.trim().is_empty() => list = None,
            Some(last) if item.is_some() => *last += &shown,
            // Two spaces keep the line break.
            Some(last) => *last = format!("{}  \n{shown}", last.trim_end()),
            None => {
                all.push(shown);
                list = Some(item.is_some());
            }
        }
    }
    all
}

impl AddAssign<&str> for Document {
    fn add_assign(&mut self, text: &str) {
        match self.blocks.last_mut() {
            Some(Block::Prose(prose)) => prose.push_str(text),
            _ => self.blocks.push(Block::Prose(text.to_string())),
        }
    }
}

impl From<String> for Document {
    fn from(text: String) -> Document {
        let mut document = Document::new();
        document += &text;
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Document {
        let mut document = Document::from("Adapter *x* · SOFTWARE\n\n".to_string());
        let mut table = Table::new(&["case", ">rate", "*verdict"]);
        table.row(["a|b", "2", "INVALID"]);
        document.table(table);
        document.table(Table::new(&["nothing"]));
        document += "\none\ntwo\n! mind <this>\n! and that\n";
        document.drawing(" /--\n/ ```\n".into());
        document
    }

    #[test]
    fn text_is_what_was_said_in_its_order_without_what_would_command_a_terminal() {
        assert_eq!(
            example().plain(),
            "Adapter *x* · SOFTWARE\n\ncase  rate  verdict\na|b      2  INVALID\n\none\ntwo\n! mind <this>\n! and that\n /--\n/ ```\n"
        );
        let mut foreign = Document::from("name \u{1b}]0;title\u{7}\u{202e}\n".to_string());
        foreign += "next\n";
        assert_eq!(foreign.plain(), "name ]0;title\nnext\n");
        assert_eq!(Document::new().plain(), "");
    }

    #[test]
    fn colour_is_on_verdicts_and_warnings_and_adds_no_word() {
        let coloured = example().text(Look { width: None, colour: true });
        assert!(coloured.contains("\u{1b}[33mSOFTWARE\u{1b}[0m") && coloured.contains("\u{1b}[33m!\u{1b}[0m mind"));
        let codes = ["\u{1b}[33m", "\u{1b}[1;31m", "\u{1b}[0m"];
        assert_eq!(codes.iter().fold(coloured, |text, code| text.replace(code, "")), example().plain());
    }

    #[test]
    fn markdown_has_paragraphs_tables_lists_and_fences_that_foreign_text_does_not_break() {
        assert_eq!(
            example().markdown(),
            "Adapter \\*x\\* · SOFTWARE\n\n| case | rate | verdict |\n| --- | --: | --- |\n| a\\|b | 2 | INVALID |\n\n\
             one  \ntwo\n\n- mind &lt;this>\n- and that\n\n```text\n /--\n/ '''\n```\n"
        );
    }
}
