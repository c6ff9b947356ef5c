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
        let cells = cells.into_iter().take(self.columns.len()).map(|text| clean(text.as_ref()));
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
    /// broken; what they leave is for the words.
    pub fn fitted(&self, look: Look) -> String {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let natural = self.text_width();
        if let Some(width) = look.width.filter(|width| natural > usize::from(*width)) {
            inner.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        let at = |column: &Column| if column.right { CellAlignment::Right } else { CellAlignment::Left };
        inner.set_header(self.columns.iter().map(|c| Cell::new(&c.head).set_alignment(at(c))).collect::<Vec<_>>());
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).map(|(text, column)| {
                let tone = Tone::of(text).filter(|_| column.verdict && look.colour);
                Cell::new(tone.map_or_else(|| text.clone(), |tone| wrap_tone(text, tone))).set_alignment(at(column))
            });
            inner.add_row(cells.collect::<Vec<_>>());
        }
        let last = self.columns.len().saturating_sub(1);
        for (index, column) in inner.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
            if self.columns[index].right || self.columns[index].verdict || self.widest(index) <= NARROW {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        inner.lines().map(|line| format!("{}\n", look.painted(line.trim_end()))).collect()
    }

    fn widest(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        cells.chain([self.columns[column].head.as_str()]).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn text_width(&self) -> usize {
        let gaps = 2 * self.columns.len().saturating_sub(1);
        (0..self.columns.len()).map(|column| self.widest(column)).sum::<usize>() + gaps
    }
}

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
        let text = table.fitted(Look { width: Some(50), colour: false });
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        assert!(text.contains("1234.5") && text.contains("MEASURED"), "{text}");
        assert!(text.lines().count() > 2, "{text}");
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
