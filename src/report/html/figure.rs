//! A figure: heading, what it shows in words, legend, the picture for wide and for narrow screens, and the same as a table.

use super::plot::{Form, Ink, Plot};
use super::text::clean;
use crate::error::Result;
use maud::{Markup, PreEscaped, html};

/// Width of a picture on a wide screen and on a narrow one, pixels.
const WIDE: u32 = 860;
const NARROW: u32 = 358;

/// Width of one of several pictures beside each other.
const SMALL: u32 = 340;

/// A line of the legend.
pub struct Key {
    /// What it stands for.
    pub text: String,
    /// Colour.
    pub ink: Ink,
    /// Form of its points; none for a line without.
    pub form: Option<Form>,
    /// Whether it has a line, and whether that is dashed.
    pub line: Option<bool>,
}

impl Key {
    /// Points.
    pub fn dots(text: impl Into<String>, ink: Ink, form: Form) -> Key {
        Key { text: text.into(), ink, form: Some(form), line: None }
    }

    /// A line.
    pub fn line(text: impl Into<String>, ink: Ink, dashed: bool) -> Key {
        Key { text: text.into(), ink, form: None, line: Some(dashed) }
    }

    /// A filled area.
    pub fn area(text: impl Into<String>, ink: Ink) -> Key {
        Key { text: text.into(), ink, form: None, line: None }
    }

    fn swatch(&self) -> Markup {
        let class = self.ink.class();
        html! {
            svg viewBox="0 0 26 12" aria-hidden="true" {
                @if let Some(dashed) = self.line {
                    path class={ "k" (class) @if dashed { " dash" } } stroke-width="2" d="M0 6L26 6" {}
                } @else if self.form.is_none() {
                    path class={ "f" (class) } fill-opacity="0.75" d="M3 1H23V11H3Z" {}
                }
                @match self.form {
                    Some(Form::Circle) => circle class={ "f" (class) } cx="13" cy="6" r="4.5" {},
                    Some(Form::Hollow) => circle class={ "k" (class) } stroke-width="2" cx="13" cy="6" r="4.5" {},
                    Some(Form::Square) => path class={ "f" (class) } d="M9 2H17V10H9Z" {},
                    Some(Form::Triangle) => path class={ "f" (class) } d="M13 0.5L18 10L8 10Z" {},
                    Some(Form::Diamond) => path class={ "f" (class) } d="M13 0L18 6L13 12L8 6Z" {},
                    None => {},
                }
            }
        }
    }
}

/// The legend of a figure.
pub fn legend(keys: &[Key]) -> Markup {
    html! { @if !keys.is_empty() { ul.legend { @for key in keys { li { (key.swatch()) (clean(&key.text)) } } } } }
}

/// A figure that fills the width.
pub struct Figure<'a> {
    /// Of this figure alone, as an anchor.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// How to read it, and what the picture says, for those who don't see it too.
    pub caption: String,
    /// What its colours and forms stand for.
    pub keys: Vec<Key>,
    /// The same figures.
    pub table: Markup,
    /// The picture; `true` on a narrow screen.
    pub plot: &'a dyn Fn(bool) -> Plot,
}

impl Figure<'_> {
    /// As HTML.
    ///
    /// # Errors
    /// As [`Plot::svg`].
    pub fn html(&self) -> Result<Markup> {
        let [wide, narrow] = [(false, WIDE), (true, NARROW)].map(|(narrow, width)| {
            let name = format!("{}-{}", self.id, if narrow { "n" } else { "w" });
            (self.plot)(narrow).svg(&name, width, &self.title, &self.caption)
        });
        Ok(html! {
            figure id=(self.id) {
                h3 { (clean(&self.title)) }
                figcaption { (clean(&self.caption)) }
                (legend(&self.keys))
                div.wide { (PreEscaped(wide?)) }
                div.narrow { (PreEscaped(narrow?)) }
                (details(&self.table))
            }
        })
    }
}

/// One of several small figures beside each other.
///
/// # Errors
/// As [`Plot::svg`].
pub fn small(id: &str, heading: &Markup, caption: &str, table: &Markup, plot: &Plot) -> Result<Markup> {
    let svg = plot.svg(id, SMALL, "samples over time", caption)?;
    Ok(html! {
        figure id=(id) {
            h3 { (heading) }
            figcaption { (clean(caption)) }
            (PreEscaped(svg))
            (details(table))
        }
    })
}

/// The figures behind a picture.
fn details(table: &Markup) -> Markup {
    html! { details { summary { "the figures as a table" } div.wide-table { (table) } } }
}

/// A table: headings (one that starts with `>` is of numbers) and rows of cells.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<Markup>>) -> Markup {
    let right: Vec<bool> = headings.iter().map(|h| h.starts_with('>')).collect();
    let names: Vec<&str> = headings.iter().map(|h| h.trim_start_matches('>')).collect();
    html! {
        table.stack {
            thead { tr { @for (name, right) in names.iter().zip(&right) { th.r[*right] scope="col" { (name) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (place, cell) in row.iter().enumerate() {
                            @if place == 0 {
                                th scope="row" { (cell) }
                            } @else {
                                td.r[right.get(place).copied().unwrap_or_default()] data-k=(names.get(place).unwrap_or(&"")) { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A cell of text.
pub fn cell(text: impl AsRef<str>) -> Markup {
    html! { (clean(text.as_ref())) }
}
