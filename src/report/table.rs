//! Plain tables: a header, columns set apart by two spaces, numbers to the right.

use super::look::{Look, Tone, clean, escaped, wrap_tone};
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, presets};

/// A table under construction: what people read of it, numbers already rounded and with their unit.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone)]
struct Column {
    head: String,
    right: bool,
    verdict: bool,
}

impl Table {
    /// A table with these columns; a name that starts with `>` is right-aligned, one with `*` holds a verdict, whose
    /// word is coloured where colour is wanted.
    pub fn new(columns: &[&str]) -> Table {
        let column = |name: &&str| Column {
            head: name.trim_start_matches(['>', '*']).to_string(),
            right: name.starts_with('>'),
            verdict: name.starts_with('*'),
        };
        Table { columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row, one text per column.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        // Foreign text (an adapter's name) must not break the table's lines.
        let cells = cells.into_iter().take(self.columns.len()).map(|text| clean(text.as_ref()).trim().to_string());
        self.rows.push(cells.collect());
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As a Markdown table whose cells are Markdown already: only what would end a cell is escaped.
    pub fn markdown(&self) -> String {
        self.piped(|cell| cell.replace('|', "\\|"))
    }

    /// As a Markdown table that shows the cells as they are, whatever stands in them.
    pub fn escaped(&self) -> String {
        self.piped(escaped)
    }

    fn piped(&self, cell: impl Fn(&str) -> String) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let header = self.columns.iter().map(|c| cell(&c.head)).collect();
        let rule = self.columns.iter().map(|c| if c.right { "--:" } else { "---" }.to_string()).collect();
        let mut out = line(header) + &line(rule);
        for row in &self.rows {
            out += &line(row.iter().map(|text| cell(text)).collect());
        }
        out
    }

    /// The text at its full width, a line break at the end of each line.
    pub fn text(&self) -> String {
        self.fitted(Look::default())
    }

    /// The text, within a width and with coloured verdicts where that is asked for. Numbers and verdicts are never
    /// broken; what they leave is for the words. Where that is too little, what does not fit beside stands below its
    /// row, with the names of the columns.
    pub fn fitted(&self, look: Look) -> String {
        let gaps = 2 * self.columns.len().saturating_sub(1);
        let natural = (0..self.columns.len()).map(|column| self.widest(column)).sum::<usize>() + gaps;
        let Some(width) = look.width.filter(|width| natural > usize::from(*width)) else {
            return self.laid_out(self.columns.len(), None, look).concat();
        };
        let (wordy, fixed): (Vec<usize>, Vec<usize>) = (0..self.columns.len()).partition(|&c| self.breaks(c));
        let taken = fixed.iter().map(|&column| self.widest(column)).sum::<usize>() + gaps;
        if !wordy.is_empty() && usize::from(width) >= taken + WORDS * wordy.len() {
            return self.laid_out(self.columns.len(), Some(width), look).concat();
        }
        self.below(usize::from(width), look)
    }

    /// As many columns as fit, the others below each row.
    fn below(&self, width: usize, look: Look) -> String {
        let mut room = width + 2;
        let fits = |column: &usize| {
            let needs = self.widest(*column) + 2;
            let fits = needs <= room;
            room = room.saturating_sub(needs);
            fits
        };
        let beside = (0..self.columns.len()).take_while(fits).count().max(1);
        let mut lines = self.laid_out(beside, None, look).into_iter();
        let mut out = lines.next().unwrap_or_default();
        for (row, line) in self.rows.iter().zip(lines) {
            out += &line;
            let rest = self.columns.iter().zip(row).skip(beside).filter(|(_, text)| !text.is_empty());
            let told: Vec<String> = rest.map(|(c, text)| format!("{} {}", c.head, self.toned(c, text, look))).collect();
            for line in wrapped(&told.join(" · "), width.saturating_sub(INDENT.len())) {
                out += &format!("{INDENT}{}\n", look.painted(&line));
            }
        }
        out
    }

    fn toned(&self, column: &Column, text: &str, look: Look) -> String {
        let tone = Tone::of(text).filter(|_| column.verdict && look.colour);
        tone.map_or_else(|| text.to_string(), |tone| wrap_tone(text, tone))
    }

    /// The lines of the first `count` columns, with their line breaks.
    fn laid_out(&self, count: usize, width: Option<u16>, look: Look) -> Vec<String> {
        let columns = &self.columns[..count];
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if let Some(width) = width {
            inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        let at = |column: &Column| if column.right { CellAlignment::Right } else { CellAlignment::Left };
        inner.set_header(columns.iter().map(|c| Cell::new(&c.head).set_alignment(at(c))).collect::<Vec<_>>());
        for row in &self.rows {
            let cells =
                row.iter().zip(columns).map(|(text, c)| Cell::new(self.toned(c, text, look)).set_alignment(at(c)));
            inner.add_row(cells.collect::<Vec<_>>());
        }
        let last = count.saturating_sub(1);
        for (index, column) in inner.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
            if !self.breaks(index) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        inner.lines().map(|line| format!("{}\n", look.painted(line.trim_end()))).collect()
    }

    /// Whether a column's words may stand on several lines.
    fn breaks(&self, column: usize) -> bool {
        !self.columns[column].right && !self.columns[column].verdict && self.widest(column) > NARROW
    }

    fn widest(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells.chain([self.columns[column].head.as_str()]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// Words in lines of at most so many characters; a longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_string()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// What stands below a row.
const INDENT: &str = "    ";

/// Least columns for words, or they are set below.
const WORDS: usize = 20;

/// Columns up to this are not worth breaking.
const NARROW: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut table = Table::new(&["name", ">rate", "note"]);
        table.row(["a", "1.5", "x"]);
        table.row(["longer\n", "12.25", ""]);
        assert_eq!(table.markdown().lines().nth(1), Some("| --- | --: | --- |"));
        assert_eq!(table.markdown().lines().nth(3), Some("| longer | 12.25 |  |"));
        assert_eq!(table.text(), "name     rate  note\na         1.5  x\nlonger  12.25\n");
    }

    #[test]
    fn a_narrow_terminal_breaks_words_and_never_a_number_or_a_verdict() {
        let mut table = Table::new(&["name", ">rate", "*verdict", "why"]);
        table.row(["register_tiled", "1234.5", "MEASURED", "a long reason that does not fit into what is left of it"]);
        let text = table.fitted(Look { width: Some(60), colour: false });
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        assert!(text.contains("1234.5") && text.contains("MEASURED"), "{text}");
        assert!(text.lines().count() > 2, "{text}");
        // Where the words have no room they stand below, and nothing is lost.
        let narrow = table.fitted(Look { width: Some(32), colour: false });
        assert!(narrow.lines().all(|line| line.chars().count() <= 32), "{narrow}");
        assert!(narrow.contains("\n    why a long reason that does\n") && narrow.contains("1234.5"), "{narrow}");
        let words = |text: &str| text.split_whitespace().filter(|w| *w != "·").count();
        assert_eq!(words(&narrow), words(&text), "{narrow}");
        assert_eq!(table.fitted(Look { width: Some(500), colour: false }), table.text());
    }

    #[test]
    fn colour_is_in_verdicts_alone_and_moves_no_column() {
        let mut table = Table::new(&["name", "*verdict", ">rate"]);
        table.row(["INVALID", "INVALID", "1"]);
        table.row(["b", "MEASURED", "22"]);
        let coloured = table.fitted(Look { width: None, colour: true });
        assert!(
            coloured.contains("\u{1b}[1;31mINVALID\u{1b}[0m") && coloured.contains("\u{1b}[32mMEASURED"),
            "{coloured:?}"
        );
        assert_eq!(coloured.matches("[1;31m").count(), 1, "a name is no verdict: {coloured:?}");
        let plain =
            ["\u{1b}[1;31m", "\u{1b}[32m", "\u{1b}[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(plain, table.text());
    }

    #[test]
    fn foreign_text_shows_as_it_is_in_markdown() {
        let mut table = Table::new(&["adapter"]);
        table.row(["a|b <img src=x> [x](y) `c` \\ \u{1b}[31m"]);
        let row = table.escaped();
        let row = row.lines().nth(2).unwrap_or_default();
        assert_eq!(row, "| a\\|b &lt;img src=x> \\[x\\](y) \\`c\\` \\\\ \\[31m |");
    }
}
