//! What tells one line from another: color, dashes and marks.

use plotters::style::RGBColor;

use super::canvas::Canvas;
use super::{DrawError, Point};

/// Colors that people with any kind of color vision tell apart, the palette of Okabe and Ito
/// without its yellow, which is too faint for a line on white, and with a darker sky blue.
///
/// # References
/// M. Okabe, K. Ito, *Color Universal Design*, 2008.
const COLORS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x00, 0x00, 0x00),
    RGBColor(0x3D, 0xA5, 0xDD),
];

/// Lengths of strokes and gaps in turn, pixels.
const DASHES: [&[f64]; 4] = [&[], &[8.0, 3.0], &[2.5, 2.5], &[9.0, 2.5, 2.5, 2.5]];

/// Width of a line, pixels.
const WIDTH: f64 = 1.75;

/// Length of the head of an arrow, pixels.
const HEAD: f64 = 9.0;

/// The shapes of marks, as corners around the middle, pixels; none is a disc.
const MARKS: [&[Point]; 5] = [
    &[],
    &[[-3.2, -3.2], [3.2, -3.2], [3.2, 3.2], [-3.2, 3.2]],
    &[[0.0, -4.2], [4.0, 3.0], [-4.0, 3.0]],
    &[[0.0, -4.6], [4.6, 0.0], [0.0, 4.6], [-4.6, 0.0]],
    &[[0.0, 4.2], [4.0, -3.0], [-4.0, -3.0]],
];

/// The look of one line. There are seven colors, four dashes and five marks, numbers without a
/// common divisor: the first 140 pens all differ, and of the first 20 two of one color differ in
/// dashes and marks.
#[derive(Clone, Copy)]
pub(crate) struct Pen {
    pub(crate) index: usize,
}

impl Pen {
    fn color(self) -> RGBColor {
        COLORS[self.index % COLORS.len()]
    }

    fn dashes(self) -> &'static [f64] {
        DASHES[self.index % DASHES.len()]
    }

    /// Draws a line.
    pub(crate) fn line(self, canvas: &mut Canvas<'_>, points: &[Point]) -> Result<(), DrawError> {
        self.wider(canvas, points, 0.0)
    }

    /// Draws a line that is so many pixels wider, to be seen beneath another.
    pub(crate) fn wider(self, canvas: &mut Canvas<'_>, points: &[Point], by: f64) -> Result<(), DrawError> {
        dashed(points, self.dashes()).iter().try_for_each(|stroke| canvas.stroke(stroke, self.color(), WIDTH + by))
    }

    /// Draws a filled area.
    pub(crate) fn area(self, canvas: &mut Canvas<'_>, corners: &[Point]) -> Result<(), DrawError> {
        canvas.fill(corners, self.color())
    }

    /// Draws an arrow between two places.
    pub(crate) fn arrow(self, canvas: &mut Canvas<'_>, [from, to]: [Point; 2]) -> Result<(), DrawError> {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy);
        if !(length > 0.0 && length.is_finite()) {
            return Ok(());
        }
        let (along, head) = ([dx / length, dy / length], HEAD.min(0.6 * length));
        let corner = |back: f64, side: f64| {
            [to[0] - back * along[0] - side * along[1], to[1] - back * along[1] + side * along[0]]
        };
        canvas.stroke(&[from, corner(head, 0.0)], self.color(), WIDTH)?;
        canvas.fill(&[to, corner(head, 0.42 * head), corner(head, -0.42 * head)], self.color())
    }

    /// Draws a mark.
    pub(crate) fn mark(self, canvas: &mut Canvas<'_>, [x, y]: Point) -> Result<(), DrawError> {
        match MARKS[self.index % MARKS.len()] {
            [] => canvas.disc([x, y], 3.4, self.color()),
            corners => {
                let corners: Vec<Point> = corners.iter().map(|[dx, dy]| [x + dx, y + dy]).collect();
                canvas.fill(&corners, self.color())
            }
        }
    }
}

/// The strokes of a dashed line. The pattern runs on around corners.
fn dashed(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    let (Some(&first), false) = (points.first(), pattern.is_empty()) else {
        return vec![points.to_vec()];
    };
    let (mut strokes, mut stroke) = (Vec::new(), vec![first]);
    let (mut part, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        let mut done = 0.0;
        while length - done >= left {
            done += left;
            let here = [0, 1].map(|i| a[i] + (b[i] - a[i]) * done / length);
            if part % 2 == 0 {
                stroke.push(here);
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![here];
            }
            part = (part + 1) % pattern.len();
            left = pattern[part];
        }
        left -= length - done;
        if part % 2 == 0 && stroke.last() != Some(&b) {
            stroke.push(b);
        }
    }
    if stroke.len() > 1 {
        strokes.push(stroke);
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_around_corners() {
        let line = [[0.0, 0.0], [5.0, 0.0], [5.0, 4.0]];
        let strokes = dashed(&line, &[2.0, 1.0]);
        let wanted: [&[Point]; 3] = [&[[0.0, 0.0], [2.0, 0.0]], &[[3.0, 0.0], [5.0, 0.0]], &[[5.0, 1.0], [5.0, 3.0]]];
        assert_eq!(strokes, wanted);
        let strokes = dashed(&line, &[6.0, 1.0]);
        assert_eq!(strokes[0], [[0.0, 0.0], [5.0, 0.0], [5.0, 1.0]]);
        assert_eq!(strokes[1], [[5.0, 2.0], [5.0, 4.0]]);
        assert_eq!(dashed(&line, &[]), [line]);
    }

    #[test]
    fn pens_of_one_color_differ_in_dashes_and_marks() {
        let look = |index: usize| (index % COLORS.len(), index % DASHES.len(), index % MARKS.len());
        for i in 0..20 {
            for j in 0..i {
                let ((a, b, c), (d, e, f)) = (look(i), look(j));
                assert!(a != d || (b != e && c != f), "{i} and {j}");
            }
        }
    }
}
