//! Plots as data, and their drawing as SVG whose colours and fonts are those of the page.
//!
//! plotters lays out axes, grid and labels and places the marks; the backend is ours ([`svg`]), since plotters' own
//! writes fixed colours and sizes, which neither a dark theme nor a printer could change.

mod axis;
mod labels;
mod svg;

pub use axis::Axis;

use crate::error::{Error, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::cell::RefCell;
use std::rc::Rc;
use svg::{FINE, Svg, TEXT};

/// What a mark is drawn with; the stylesheet has a colour for each, in every theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ink {
    /// As text.
    Text,
    /// As text that stands back.
    Muted,
    /// As a grid line.
    Grid,
    /// Series, from 0; six, then again from the first.
    Series(usize),
    /// What is wrong with a figure.
    Bad,
}

/// Colours of series that there are.
pub const SERIES: usize = 6;

impl Ink {
    /// Number of its class: `k3` strokes, `f3` fills, `t3` writes.
    pub fn class(self) -> usize {
        match self {
            Ink::Text => 0,
            Ink::Muted => 1,
            Ink::Grid => 2,
            Ink::Bad => 3,
            Ink::Series(i) => 4 + i % SERIES,
        }
    }

    fn color(self, dashed: bool, alpha: f64) -> RGBAColor {
        RGBAColor(self.class() as u8, u8::from(dashed), 0, alpha)
    }
}

/// Form of a point; series differ in it too, so that colour is not needed to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Filled circle.
    Circle,
    /// Filled square.
    Square,
    /// Filled triangle.
    Triangle,
    /// Filled diamond.
    Diamond,
    /// Circle that is not filled: the figure is SUSPECT.
    Hollow,
}

impl Form {
    /// The form of a series.
    pub fn of(series: usize) -> Form {
        [Form::Circle, Form::Square, Form::Triangle, Form::Diamond][series % 4]
    }
}

/// Where a note stands to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// To the right of it.
    Right,
    /// To the left of it.
    Left,
    /// Over it.
    Middle,
    /// Above it.
    Above,
    /// Below it.
    Below,
    /// Below and to the right of it: under the upper end of a line.
    TopRight,
    /// Below and to the left of it.
    TopLeft,
    /// Above and to the right of it: over the lower end of a line.
    BottomRight,
    /// Above and to the left of it.
    BottomLeft,
}

/// One thing that is drawn. Places are in the units of the axes; what is beyond an axis is drawn at its end.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "a variant's own line says what its fields are")]
pub enum Mark {
    /// A line through points.
    Line { points: Vec<[f64; 2]>, ink: Ink, dashed: bool, width: f64 },
    /// The area between two curves: x, low, high.
    Band { points: Vec<[f64; 3]>, ink: Ink },
    /// A point.
    Dot { at: [f64; 2], ink: Ink, form: Form },
    /// A range from one place to another, with ends.
    Range { from: [f64; 2], to: [f64; 2], ink: Ink },
    /// A filled rectangle between two corners.
    Bar { from: [f64; 2], to: [f64; 2], ink: Ink, alpha: f64 },
    /// A text at a place.
    Note { at: [f64; 2], text: String, side: Side, ink: Ink },
    /// What a point is called, beside it where there is room; else it is left out, and the table has it.
    Label { at: [f64; 2], text: String, ink: Ink },
}

/// A picture's worth of data.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Left to right.
    pub x: Axis,
    /// Bottom to top.
    pub y: Axis,
    /// In the order in which they are drawn.
    pub marks: Vec<Mark>,
    /// Height of the picture, pixels.
    pub height: u32,
}

/// Pixels that the title of the vertical axis takes above it.
const TITLE: f64 = 20.0;

impl Plot {
    /// The picture, `width` pixels wide: `<svg>` with title and description for who does not see it. `id` is of this
    /// picture alone.
    ///
    /// # Errors
    /// Exit code 1 where plotters cannot lay it out, as in a picture of no size.
    pub fn svg(&self, id: &str, width: u32, title: &str, description: &str) -> Result<String> {
        let body = Rc::new(RefCell::new(String::new()));
        self.draw(body.clone(), width).map_err(|e| Error::failed(e.to_string()).context(format!("plot `{title}`")))?;
        let body = body.take();
        Ok(format!(
            "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc \
             id=\"{id}-d\">{}</desc>{body}</svg>",
            self.height,
            escaped(title),
            escaped(description)
        ))
    }

    fn draw(&self, out: Rc<RefCell<String>>, width: u32) -> DrawResult<(), Svg> {
        let fine = f64::from(FINE);
        let px = |pixels: f64| (pixels * fine).round() as i32;
        let root = Svg::new(out, (width, self.height)).into_drawing_area();
        let left = svg::width(self.y.longest()) + 12.0;
        let mut chart = ChartBuilder::on(&root)
            .margin_top(px(if self.y.title.is_empty() { 6.0 } else { TITLE }))
            .margin_right(px((0.5 * svg::width(self.x.ticks.last().map_or("", |(_, t)| t))).max(8.0)))
            .x_label_area_size(px(TEXT * if self.x.title.is_empty() { 2.0 } else { 3.4 }))
            .y_label_area_size(px(left))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let text = |ink: Ink| ("", px(TEXT)).into_font().color(&ink.color(false, 1.0));
        let named = |axis: &Axis, x: &f64| {
            axis.ticks.iter().find(|(place, _)| place == x).map_or(String::new(), |t| t.1.clone())
        };
        let line =
            |ink: Ink, alpha: f64| ShapeStyle { color: ink.color(false, alpha), filled: false, stroke_width: FINE };
        chart
            .configure_mesh()
            .x_labels(64)
            .y_labels(256)
            .light_line_style(line(Ink::Grid, 0.0))
            .bold_line_style(line(Ink::Grid, 1.0))
            .axis_style(line(Ink::Muted, 1.0))
            .set_all_tick_mark_size(px(3.0))
            .label_style(text(Ink::Text))
            .x_label_formatter(&|x| named(&self.x, x))
            .y_label_formatter(&|y| named(&self.y, y))
            .draw()?;
        // Titles lie flat and at the ends of their axes, where they are read first.
        let muted = text(Ink::Muted);
        root.draw_text(&self.y.title, &muted.pos(Pos::new(HPos::Left, VPos::Top)), (px(2.0), px(2.0)))?;
        let corner = (px(f64::from(width) - 8.0), px(f64::from(self.height) - 1.0));
        root.draw_text(&self.x.title, &muted.pos(Pos::new(HPos::Right, VPos::Bottom)), corner)?;
        for mark in self.marks.iter().chain(&self.labels(|at| chart.backend_coord(&(at[0], at[1])))) {
            for element in mark.elements(px) {
                chart.draw_series(std::iter::once(element))?;
            }
        }
        root.present()?;
        Ok(())
    }
}

impl Plot {
    /// Labels for which there is a place, as notes. `place` says where on the picture something is, in plotters' pixels.
    fn labels(&self, place: impl Fn(&[f64; 2]) -> (i32, i32)) -> Vec<Mark> {
        let pixels = |at: &[f64; 2]| {
            let (x, y) = place(at);
            [f64::from(x) / f64::from(FINE), f64::from(y) / f64::from(FINE)]
        };
        let dots: Vec<[f64; 2]> = self
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Dot { at, .. } => Some(pixels(at)),
                _ => None,
            })
            .collect();
        let named: Vec<(&[f64; 2], &String, Ink)> = self
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Label { at, text, ink } => Some((at, text, *ink)),
                _ => None,
            })
            .collect();
        let wanted: Vec<([f64; 2], f64)> = named.iter().map(|(at, text, _)| (pixels(at), svg::width(text))).collect();
        let ([left, bottom], [right, top]) =
            (pixels(&[self.x.range[0], self.y.range[0]]), pixels(&[self.x.range[1], self.y.range[1]]));
        // Half a line may stand over the upper edge, where a full mark is.
        let room = [left, top - 0.5 * TEXT, right, bottom];
        let sides = labels::arrange(&wanted, &dots, room);
        named
            .into_iter()
            .zip(sides)
            .filter_map(|((at, text, ink), side)| Some(Mark::Note { at: *at, text: text.clone(), side: side?, ink }))
            .collect()
    }
}

type Element = DynElement<'static, Svg, (f64, f64)>;

impl Mark {
    /// Moves a note to another place across.
    pub fn at_x(&mut self, x: f64) {
        if let Mark::Note { at, .. } = self {
            at[0] = x;
        }
    }

    fn elements(&self, px: impl Fn(f64) -> i32) -> Vec<Element> {
        let at = |p: &[f64; 2]| (p[0], p[1]);
        let stroked = |ink: Ink, dashed, width: f64| ShapeStyle {
            color: ink.color(dashed, 1.0),
            filled: false,
            stroke_width: px(width) as u32,
        };
        let filled = |ink: Ink, alpha| ShapeStyle { color: ink.color(false, alpha), filled: true, stroke_width: 0 };
        match self {
            Mark::Line { points, ink, dashed, width } => {
                let points: Vec<_> = points.iter().map(at).collect();
                vec![PathElement::new(points, stroked(*ink, *dashed, *width)).into_dyn()]
            }
            Mark::Band { points, ink } => {
                let there = points.iter().map(|[x, low, _]| (*x, *low));
                let back = points.iter().rev().map(|[x, _, high]| (*x, *high));
                vec![Polygon::new(there.chain(back).collect::<Vec<_>>(), filled(*ink, 0.18)).into_dyn()]
            }
            Mark::Dot { at: place, ink, form } => {
                vec![dot(at(place), *form, filled(*ink, 1.0), stroked(*ink, false, 2.0), &px)]
            }
            Mark::Range { from, to, ink } => {
                let style = stroked(*ink, false, 1.5);
                let end = if from[0] == to[0] { (px(4.0), 0) } else { (0, px(4.0)) };
                let tick = |place: &[f64; 2]| {
                    let ends = vec![(-end.0, -end.1), (end.0, end.1)];
                    (EmptyElement::at(at(place)) + PathElement::new(ends, style)).into_dyn()
                };
                vec![PathElement::new(vec![at(from), at(to)], style).into_dyn(), tick(from), tick(to)]
            }
            Mark::Bar { from, to, ink, alpha } => {
                vec![Rectangle::new([at(from), at(to)], filled(*ink, *alpha)).into_dyn()]
            }
            // Drawn as notes, where there is room.
            Mark::Label { .. } => Vec::new(),
            Mark::Note { at: place, text, side, ink } => {
                let (offset, h, v) = match side {
                    Side::Right => ((px(7.0), 0), HPos::Left, VPos::Center),
                    Side::Left => ((px(-7.0), 0), HPos::Right, VPos::Center),
                    Side::Middle => ((0, 0), HPos::Center, VPos::Center),
                    Side::Above => ((0, px(-7.0)), HPos::Center, VPos::Bottom),
                    Side::Below => ((0, px(7.0)), HPos::Center, VPos::Top),
                    Side::TopRight => ((px(4.0), px(2.0)), HPos::Left, VPos::Top),
                    Side::TopLeft => ((px(-4.0), px(2.0)), HPos::Right, VPos::Top),
                    Side::BottomRight => ((px(4.0), px(-2.0)), HPos::Left, VPos::Bottom),
                    Side::BottomLeft => ((px(-4.0), px(-2.0)), HPos::Right, VPos::Bottom),
                };
                let style = ("", px(TEXT)).into_font().color(&ink.color(false, 1.0)).pos(Pos::new(h, v));
                vec![(EmptyElement::at(at(place)) + Text::new(text.clone(), offset, style)).into_dyn()]
            }
        }
    }
}

fn dot(at: (f64, f64), form: Form, filled: ShapeStyle, stroked: ShapeStyle, px: impl Fn(f64) -> i32) -> Element {
    let polygon = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|(x, y)| (px(*x), px(*y))).collect();
        (EmptyElement::at(at) + Polygon::new(points, filled)).into_dyn()
    };
    match form {
        Form::Circle => Circle::new(at, px(4.5), filled).into_dyn(),
        Form::Hollow => Circle::new(at, px(4.5), stroked).into_dyn(),
        Form::Square => polygon(&[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)]),
        Form::Triangle => polygon(&[(0.0, -5.5), (5.0, 4.0), (-5.0, 4.0)]),
        Form::Diamond => polygon(&[(0.0, -6.0), (5.0, 0.0), (0.0, 6.0), (-5.0, 0.0)]),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let _ = std::fmt::Write::write_str(&mut maud::Escaper::new(&mut out), &super::text::clean(text));
    out
}
