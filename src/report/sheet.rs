//! Tables for programs: one header row, raw values, units in the column names.

use super::look::clean;
use crate::error::{Context, Result};

/// A table for programs. Values are as recorded, never rounded; what is missing is an empty cell, never a zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// What `--table` calls it.
    pub name: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field(String);

/// A column: its name with the unit at its end (`median_s`, `rate_flop_per_s`), and how a row comes to it.
pub type Column<'a, T> = (&'a str, fn(&T) -> Field);

impl Sheet {
    /// A row for each of `rows`, in the columns given.
    pub fn of<'t, T: 't>(name: &'static str, rows: impl IntoIterator<Item = &'t T>, columns: &[Column<T>]) -> Sheet {
        // Loops, and not chains of closures, since they are compiled for every type of row.
        let mut sheet = Sheet { name, columns: Vec::new(), rows: Vec::new() };
        for (name, _) in columns {
            sheet.columns.push((*name).to_string());
        }
        for row in rows {
            let mut fields = Vec::with_capacity(columns.len());
            for (_, of) in columns {
                fields.push(of(row).0);
            }
            sheet.rows.push(fields);
        }
        sheet
    }

    /// A table whose columns depend on the data; rows are cut or filled to them.
    pub fn free(name: &'static str, columns: Vec<String>, rows: impl IntoIterator<Item = Vec<Field>>) -> Sheet {
        let width = columns.len();
        let row = |mut row: Vec<Field>| {
            row.resize(width, Field::default());
            row.into_iter().map(|field| field.0).collect()
        };
        Sheet { name, columns, rows: rows.into_iter().map(row).collect() }
    }

    /// Names of its columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// As CSV (RFC 4180, but with line feeds): the header, then the rows.
    ///
    /// # Errors
    /// Exit code 1 where it cannot be written, which memory alone can cause.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns).or_failed("csv")?;
        for row in &self.rows {
            writer.write_record(row).or_failed("csv")?;
        }
        String::from_utf8(writer.into_inner().or_failed("csv")?).or_failed("csv")
    }
}

impl From<f64> for Field {
    /// With all digits, so that it reads back as the same number; what is not finite is missing.
    fn from(value: f64) -> Field {
        match value.abs() {
            size if !size.is_finite() => Field::default(),
            size if size == 0.0 || (1e-6..1e15).contains(&size) => Field(value.to_string()),
            _ => Field(format!("{value:e}")),
        }
    }
}

macro_rules! plain {
    ($($type:ty),*) => { $(impl From<$type> for Field {
        fn from(value: $type) -> Field {
            Field(value.to_string())
        }
    })* };
}
plain!(bool, u32, u64, usize);

impl From<&str> for Field {
    /// A text; one that a spreadsheet would take for a formula is kept as text by a leading apostrophe.
    fn from(text: &str) -> Field {
        let text = clean(text);
        match text.chars().next() {
            Some('=' | '+' | '@' | '-') if text.len() > 1 => Field(format!("'{text}")),
            _ => Field(text),
        }
    }
}

impl From<&String> for Field {
    fn from(text: &String) -> Field {
        text.as_str().into()
    }
}

impl From<String> for Field {
    fn from(text: String) -> Field {
        text.as_str().into()
    }
}

impl<T: Into<Field>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Field {
        value.map_or_else(Field::default, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_reads_back_as_the_same_and_what_is_missing_is_empty() {
        for value in [0.1 + 0.2, 1e-9, 6.02e23, -3.0, 0.0, 123_456_789.123, f64::MIN_POSITIVE] {
            assert_eq!(Field::from(value).0.parse::<f64>(), Ok(value));
        }
        for missing in [Field::from(f64::NAN), Field::from(f64::INFINITY), Field::from(None::<f64>)] {
            assert_eq!(missing.0, "");
        }
    }

    #[test]
    fn foreign_text_is_one_cell_and_no_formula() {
        let rows = ["a,\"b\"\nc", "=1+1", "-"].map(String::from);
        let sheet = Sheet::of("x", &rows, &[("name", |r: &String| r.into()), ("n", |_| Field::default())]);
        assert_eq!(sheet.csv().unwrap(), "name,n\n\"a,\"\"b\"\" c\",\n'=1+1,\n-,\n");
        assert_eq!(Sheet::of("x", &rows[..0], &[("name", |r: &String| r.into())]).csv().unwrap(), "name\n");
    }
}
