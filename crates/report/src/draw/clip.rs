//! Lines cut off at the edge of a window.

use super::{Point, Window};

/// The pieces of a line of points that lie in a window, in order; a piece ends where the line
/// leaves.
///
/// Each segment *a* + *t*(*b* - *a*) is shortened to the range of *t* in which all four edges have
/// it on their inner side. A segment without an end is not drawn.
///
/// # References
/// Y.-D. Liang, B. A. Barsky, *A new concept and method for line clipping*, 1984.
pub(crate) fn inside(points: &[Point], window: &Window) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let Some((from, to)) = visible(a, b, window) else {
            open = false;
            continue;
        };
        let at = |t: f64| [0, 1].map(|i| if t == 1.0 { b[i] } else { a[i] + t * (b[i] - a[i]) });
        match pieces.last_mut() {
            Some(piece) if open && from == 0.0 => piece.push(at(to)),
            _ => pieces.push(vec![at(from), at(to)]),
        }
        open = to == 1.0;
    }
    pieces
}

/// The range of *t* in which a segment is visible.
fn visible(a: Point, b: Point, window: &Window) -> Option<(f64, f64)> {
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for i in 0..2 {
        let step = b[i] - a[i];
        if !step.is_finite() {
            return None;
        }
        for (room, speed) in [(a[i] - window.low[i], -step), (window.high[i] - a[i], step)] {
            if speed == 0.0 && room < 0.0 {
                return None;
            } else if speed > 0.0 {
                to = to.min(room / speed);
            } else if speed < 0.0 {
                from = from.max(room / speed);
            }
        }
    }
    (from <= to).then_some((from, to))
}

/// Whether a window shows a point.
pub(crate) fn shows(window: &Window, place: Point) -> bool {
    (0..2).all(|i| (window.low[i]..=window.high[i]).contains(&place[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Window = Window { low: [0.0, 0.0], high: [1.0, 1.0] };

    #[test]
    fn what_lies_inside_stays_as_it_is() {
        let line = [[0.0, 0.1], [0.5, 1.0], [0.9, 0.2]];
        assert_eq!(inside(&line, &UNIT), [line.to_vec()]);
    }

    #[test]
    fn a_line_that_leaves_and_returns_is_two_pieces() {
        let line = [[0.5, 0.5], [0.5, 1.5], [0.75, 1.5], [0.75, 0.25]];
        assert_eq!(inside(&line, &UNIT), [vec![[0.5, 0.5], [0.5, 1.0]], vec![[0.75, 1.0], [0.75, 0.25]]]);
    }

    #[test]
    fn a_segment_may_cross_and_another_may_miss() {
        assert_eq!(inside(&[[-1.0, 0.5], [2.0, 0.5]], &UNIT), [vec![[0.0, 0.5], [1.0, 0.5]]]);
        assert!(inside(&[[-1.0, 0.5], [0.5, 2.5]], &UNIT).is_empty());
        assert!(inside(&[[-1.0, -0.5], [2.0, -0.5]], &UNIT).is_empty());
        assert!(inside(&[[0.5, 0.5], [f64::NAN, 0.5], [f64::INFINITY, 0.5]], &UNIT).is_empty());
    }
}
