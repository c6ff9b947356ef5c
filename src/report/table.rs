//! Plain tables: a header, columns set apart by two spaces, numbers to the right.

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};

/// A table under construction.
pub struct Table {
    inner: comfy_table::Table,
    right: Vec<bool>,
}

impl Table {
    /// A table with these columns; a name that starts with `>` is right-aligned.
    pub fn new(columns: &[&str]) -> Table {
        let right: Vec<bool> = columns.iter().map(|c| c.starts_with('>')).collect();
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let header = columns.iter().zip(&right).map(|(name, &right)| cell(name.trim_start_matches('>'), right));
        inner.set_header(header.collect::<Vec<_>>());
        Table { inner, right }
    }

    /// Adds a row, one text per column.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<_> =
            cells.into_iter().zip(&self.right).map(|(text, &right)| cell(text.as_ref(), right)).collect();
        self.inner.add_row(cells);
    }

    /// The same as a Markdown table.
    pub fn markdown(&mut self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let plain = |cell: &Cell| cell.content().replace('|', "\\|");
        let header: Vec<String> =
            self.inner.header().map(|row| row.cell_iter().map(plain).collect()).unwrap_or_default();
        let rule = self.right.iter().map(|right| if *right { "--:" } else { "---" }.to_string()).collect();
        let mut out = line(header) + &line(rule);
        for row in self.inner.row_iter() {
            out += &line(row.cell_iter().map(plain).collect());
        }
        out
    }

    /// The text, a line break at the end of each line.
    pub fn text(&mut self) -> String {
        let last = self.right.len().saturating_sub(1);
        for (index, column) in self.inner.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
        }
        self.inner.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

fn cell(text: &str, right: bool) -> Cell {
    // Foreign text (an adapter's name) must not break the table's lines.
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    Cell::new(clean).set_alignment(if right { CellAlignment::Right } else { CellAlignment::Left })
}

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
}
