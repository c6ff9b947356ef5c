//! Plots with a row per thing: its name beside it, or above where there is no room, and ratios with their intervals.

use super::plot::{Axis, Form, Ink, Mark, Plot, Side};
use super::text::short;
use crate::report::number::number;

/// Rows with their names: beside them, or above each where there is no room. Also where bars begin and end, above and
/// below the row's place.
pub fn named_rows(names: impl Iterator<Item = String>, narrow: bool) -> (Axis, Vec<Mark>, [f64; 2]) {
    let y = Axis::rows(names.map(|name| short(&name, 48)));
    if !narrow {
        return (y, Vec::new(), [0.32, -0.32]);
    }
    let notes = y.ticks.iter().map(|(place, text)| Mark::Note {
        at: [0.0, place + 0.27],
        text: text.clone(),
        side: Side::Right,
        ink: Ink::Text,
    });
    let notes = notes.collect();
    (Axis { ticks: Vec::new(), ..y }, notes, [0.08, -0.42])
}

/// Height of a plot of so many rows, pixels.
pub fn height(rows: usize, narrow: bool) -> u32 {
    54 + if narrow { 40 } else { 26 } * rows as u32
}

/// One ratio.
pub struct Ratio {
    /// What it is of.
    pub name: String,
    /// The ratio.
    pub ratio: f64,
    /// Its interval, where there is one.
    pub ends: Option<[f64; 2]>,
    /// Colour.
    pub ink: Ink,
    /// Form of its point.
    pub form: Form,
}

/// Ratios with their intervals on a logarithmic axis called `title`, one a row. `ends` are shown in any case, `lines` are
/// drawn upright through all rows; `text` is what is written at a tick.
pub fn ratios(
    title: &str,
    rows: &[Ratio],
    ends: &[f64],
    lines: &[f64],
    text: impl Fn(f64) -> String,
    narrow: bool,
) -> Plot {
    let (y, mut notes, [above, below]) = named_rows(rows.iter().map(|r| r.name.clone()), narrow);
    let all = rows.iter().flat_map(|r| r.ends.into_iter().flatten().chain([r.ratio])).chain(ends.iter().copied());
    let mut x = Axis::log(title, all, if narrow { 4 } else { 8 }, &text);
    if x.ticks.len() < 4 {
        // Less than a decade: one, two and five times a power of ten are too few to read a ratio by.
        let round = Axis::around("", x.range, if narrow { 4 } else { 8 }, text).ticks;
        x.ticks = round.into_iter().filter(|(at, _)| (x.range[0]..=x.range[1]).contains(at)).collect();
    }
    notes.iter_mut().for_each(|note| note.at_x(x.range[0]));
    let upright = |at: f64, dashed| Mark::Line {
        points: vec![[at, y.range[0]], [at, y.range[1]]],
        ink: if dashed { Ink::Bad } else { Ink::Text },
        dashed: true,
        width: 1.0,
    };
    let inside = |at: &f64| (x.range[0]..=x.range[1]).contains(at);
    let mut marks: Vec<Mark> = lines.iter().copied().filter(inside).map(|at| upright(at, at != 1.0)).collect();
    marks.extend(notes);
    for (row, r) in rows.iter().enumerate() {
        let at = |ratio: f64| [ratio, -(row as f64) + 0.5 * (above + below)];
        if let Some([low, high]) = r.ends {
            marks.push(Mark::Range { from: at(low), to: at(high), ink: r.ink });
        }
        marks.push(Mark::Dot { at: at(r.ratio), ink: r.ink, form: r.form });
    }
    Plot { x, y, marks, height: height(rows.len(), narrow) }
}

/// A ratio as a change: `+5 %`, `−3 %` without its sign of per cent, as ticks have it.
pub fn change(ratio: f64) -> String {
    let percent = 100.0 * (ratio - 1.0);
    // A step of a tick is no finer than a thousandth of a per cent.
    let percent = (1e3 * percent).round() / 1e3;
    let sign = if percent > 0.0 { "+" } else { "" };
    let digits = if percent.abs() >= 10.0 { 3 } else { 2 };
    format!("{sign}{}", trimmed(&number(percent, digits)))
}

/// Without zeros behind the point.
fn trimmed(text: &str) -> &str {
    if text.contains('.') && !text.contains('e') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_sign_and_no_zeros_behind_it() {
        let said = [1.0, 1.05, 0.9, 2.0, 1.0025, 0.95, 11.0].map(change);
        assert_eq!(said, ["0", "+5", "-10", "+100", "+0.25", "-5", "+1000"]);
    }

    #[test]
    fn a_line_beyond_what_is_shown_is_left_out() {
        let one = Ratio { name: "x".into(), ratio: 1.02, ends: Some([1.01, 1.03]), ink: Ink::Text, form: Form::Circle };
        let plot = ratios("x", &[one], &[1.0], &[1.0, 1.5], change, false);
        let lines = plot.marks.iter().filter(|m| matches!(m, Mark::Line { .. })).count();
        assert_eq!(lines, 1);
        assert!(plot.x.ticks.len() >= 2, "{:?}", plot.x.ticks);
    }
}
