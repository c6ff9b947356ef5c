//! A drawing backend for plotters whose colours are classes: the page's theme decides what they are, and its font
//! and text size hold for the text of a plot.
//!
//! plotters has whole pixels; here one pixel is [`FINE`] of its, so that curves are smooth.

use super::super::text::clean;
use maud::Escaper;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write;
use std::rc::Rc;

/// plotters' pixels per pixel of the picture.
pub const FINE: u32 = 10;

/// Height of the text of a plot in its own pixels: what the stylesheet sets, and what places are kept for.
pub const TEXT: f64 = 12.0;

/// Mean width of a letter over its height, of digits and small letters in a usual sans-serif.
const LETTER: f64 = 0.62;

/// Width that a text takes, in pixels.
pub fn width(text: &str) -> f64 {
    text.chars().count() as f64 * TEXT * LETTER
}

/// The body of an SVG under way.
pub struct Svg {
    /// Shared with who draws: plotters keeps the backend itself.
    out: Rc<RefCell<String>>,
    size: (u32, u32),
    /// Class attributes of the path that is open, and whether one is.
    open: Option<String>,
}

impl Svg {
    /// Draws into `out`; `size` is that of the picture.
    pub fn new(out: Rc<RefCell<String>>, size: (u32, u32)) -> Self {
        Svg { out, size, open: None }
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.out.borrow_mut().push_str("\"/>");
        }
    }

    /// Goes on with an open path of the same look, or begins one: many grid lines are one element.
    fn path(&mut self, attributes: String, points: impl IntoIterator<Item = BackendCoord>, closed: bool) {
        if self.open.as_ref() != Some(&attributes) {
            self.close();
            let _ = write!(self.out.borrow_mut(), "<path {attributes} d=\"");
            self.open = Some(attributes);
        }
        let mut out = self.out.borrow_mut();
        let mut last = None;
        for (x, y) in points {
            // Points that fall together need no line between them.
            if last == Some((x, y)) {
                continue;
            }
            let command = if last.is_none() { 'M' } else { 'L' };
            let _ = write!(out, "{command}{} {}", Fine(x), Fine(y));
            last = Some((x, y));
        }
        if closed {
            out.push('Z');
        }
    }
}

/// A coordinate in pixels of the picture.
struct Fine(i32);

impl std::fmt::Display for Fine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, tenth) = (self.0 / FINE as i32, self.0 % FINE as i32);
        match tenth {
            0 => write!(f, "{whole}"),
            _ => write!(f, "{}", f64::from(self.0) / f64::from(FINE)),
        }
    }
}

/// `class="k3 dash"`: ink and dashes are in the colour, see [`super::Ink`].
fn class(kind: char, color: BackendColor) -> String {
    let (ink, dashed, _) = color.rgb;
    let dash = if dashed > 0 { " dash" } else { "" };
    let mut text = format!("class=\"{kind}{ink}{dash}\"");
    if color.alpha < 1.0 {
        let what = if kind == 'k' { "stroke" } else { "fill" };
        let _ = write!(text, " {what}-opacity=\"{}\"", color.alpha);
    }
    text
}

fn stroke<S: BackendStyle>(style: &S) -> String {
    let width = f64::from(style.stroke_width()) / f64::from(FINE);
    let class = class('k', style.color());
    // The stylesheet has the usual width.
    if width == 1.0 { class } else { format!("{class} stroke-width=\"{width}\"") }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Svg {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.size.0 * FINE, self.size.1 * FINE)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        self.close();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        self.path(class('f', color), [(x, y), (x + FINE as i32, y), (x, y + FINE as i32)], true);
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        if style.color().alpha > 0.0 {
            self.path(stroke(style), path, false);
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Drawn {
        let attributes = if fill { class('f', style.color()) } else { stroke(style) };
        self.path(attributes, [a, (b.0, a.1), b, (a.0, b.1)], true);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        self.close();
        let attributes = if fill { class('f', style.color()) } else { stroke(style) };
        let _ = write!(
            self.out.borrow_mut(),
            "<circle {attributes} cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            Fine(x),
            Fine(y),
            Fine(radius as i32)
        );
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, vert: I, style: &S) -> Drawn {
        self.path(class('f', style.color()), vert, true);
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        self.close();
        let anchor = style.anchor();
        let middle = match anchor.h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        // The baseline, as far below the place as letters are high over it.
        let below = match anchor.v_pos {
            VPos::Top => 0.82,
            VPos::Center => 0.35,
            VPos::Bottom => -0.2,
        };
        let y = y + (below * TEXT * f64::from(FINE)) as i32;
        let bold = if matches!(style.style(), FontStyle::Bold) { " bold" } else { "" };
        let mut out = self.out.borrow_mut();
        let _ =
            write!(out, "<text class=\"t{}{bold}\" x=\"{}\" y=\"{}\"{middle}>", style.color().rgb.0, Fine(x), Fine(y));
        let _ = write!(Escaper::new(&mut out), "{}", clean(text));
        out.push_str("</text>");
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        _: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let fine = f64::from(FINE);
        Ok(((width(text) * fine) as u32, (TEXT * fine) as u32))
    }
}
