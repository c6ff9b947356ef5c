//! Places for labels beside points, so that none lies on another or on a point.

use super::Side;
use super::svg::TEXT;

/// Half of what a point takes, and what a label keeps off it, pixels.
const DOT: f64 = 5.5;
const APART: f64 = 7.0;

/// Left, top, right, bottom in pixels.
pub type Rect = [f64; 4];

fn apart(a: &Rect, b: &Rect) -> bool {
    a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
}

/// What a label takes.
fn rect([x, y]: [f64; 2], width: f64, side: Side) -> Rect {
    let half = 0.5 * TEXT;
    let left = match side {
        Side::Right => x + APART,
        Side::Left => x - APART - width,
        _ => x - 0.5 * width,
    };
    let top = match side {
        Side::Above => y - APART - TEXT,
        Side::Below => y + APART,
        _ => y - half,
    };
    [left, top, left + width, top + TEXT]
}

/// A side for each of `labels` (place and width), one after the other, that is inside of `room` and off all of `dots` and of
/// the labels before; none where there is no such side.
pub fn arrange(labels: &[([f64; 2], f64)], dots: &[[f64; 2]], room: Rect) -> Vec<Option<Side>> {
    let dots: Vec<Rect> = dots.iter().map(|[x, y]| [x - DOT, y - DOT, x + DOT, y + DOT]).collect();
    let mut taken: Vec<Rect> = Vec::new();
    labels
        .iter()
        .map(|&(at, width)| {
            let free = |side: &Side| {
                let own = rect(at, width, *side);
                let inside = own[0] >= room[0] && own[1] >= room[1] && own[2] <= room[2] && own[3] <= room[3];
                inside && taken.iter().chain(&dots).all(|other| apart(&own, other))
            };
            let side = [Side::Right, Side::Left, Side::Above, Side::Below].into_iter().find(free)?;
            taken.push(rect(at, width, side));
            Some(side)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_label_lies_on_another_or_on_a_point_or_beyond_the_picture() {
        let room = [0.0, 0.0, 300.0, 100.0];
        let dots = [[50.0, 50.0], [60.0, 50.0], [290.0, 20.0], [51.0, 52.0]];
        let labels: Vec<([f64; 2], f64)> = dots.iter().map(|dot| (*dot, 60.0)).collect();
        let sides = arrange(&labels, &dots, room);
        let drawn: Vec<Rect> =
            labels.iter().zip(&sides).filter_map(|((at, width), side)| Some(rect(*at, *width, (*side)?))).collect();
        assert!(drawn.len() >= 3, "{sides:?}");
        assert_eq!(sides[2], Some(Side::Left), "its right is beyond the picture");
        for (i, a) in drawn.iter().enumerate() {
            assert!(a[0] >= 0.0 && a[2] <= room[2] && a[1] >= 0.0 && a[3] <= room[3], "{a:?}");
            assert!(drawn[..i].iter().all(|b| apart(a, b)), "{drawn:?}");
            assert!(dots.iter().all(|[x, y]| apart(a, &[x - DOT, y - DOT, x + DOT, y + DOT])), "{a:?}");
        }
    }

    #[test]
    fn where_there_is_no_room_a_label_is_left_out() {
        let labels = vec![([50.0, 50.0], 200.0); 3];
        assert_eq!(arrange(&labels, &[[50.0, 50.0]], [0.0, 0.0, 100.0, 100.0]), [None; 3]);
    }
}
