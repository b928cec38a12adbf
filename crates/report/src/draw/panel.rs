//! A window of the plane and its place in a picture.

use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Canvas, FRAME, GRID, Letters};
use super::{DrawError, Point, Window, clip};
use crate::page::axes::{multiples, nice_step, number};

/// Points nearer to the last one than this make no difference, pixels.
const NEAR: f64 = 0.2;

/// What a window of the plane is drawn into.
pub(crate) struct Panel {
    pub(crate) window: Window,
    /// The upper left corner in the picture, pixels.
    pub(crate) corner: Point,
    /// Width and height, pixels.
    pub(crate) size: [f64; 2],
}

/// A place on an axis and what is written there.
pub(crate) type Tick = (f64, String);

impl Panel {
    /// Where a point of the plane lies in the picture.
    pub(crate) fn at(&self, place: Point) -> Point {
        let Window { low, high } = self.window;
        let share = [0, 1].map(|i| (place[i] - low[i]) / (high[i] - low[i]));
        [self.corner[0] + share[0] * self.size[0], self.corner[1] + (1.0 - share[1]) * self.size[1]]
    }

    /// A line, cut off at the edges and thinned to what can be seen.
    pub(crate) fn lines(&self, points: &[Point]) -> Vec<Vec<Point>> {
        clip::inside(points, &self.window).iter().map(|piece| self.thinned(piece)).collect()
    }

    fn thinned(&self, piece: &[Point]) -> Vec<Point> {
        let mut kept: Vec<Point> = Vec::new();
        for (i, &place) in piece.iter().enumerate() {
            let at = self.at(place);
            let apart = kept.last().is_none_or(|last| (at[0] - last[0]).hypot(at[1] - last[1]) > NEAR);
            // The end counts: a line may creep to it in steps that are each too short to be seen.
            if apart || i + 1 == piece.len() {
                kept.push(at);
            }
        }
        kept
    }

    /// Round values along an axis, about as many as given.
    pub(crate) fn ticks(&self, axis: usize, about: f64) -> Vec<Tick> {
        let (low, high) = (self.window.low[axis], self.window.high[axis]);
        let step = nice_step((high - low) / about);
        let slack = step * 1e-6;
        multiples(step, &(low - slack..high + slack)).into_iter().map(|value| (value, number(value, step))).collect()
    }

    /// Frame and ticks, with lines across at those of the vertical axis where `grid` asks for them.
    pub(crate) fn axes(&self, canvas: &mut Canvas<'_>, [along, up]: [&[Tick]; 2], grid: bool) -> Result<(), DrawError> {
        let [left, top] = self.corner;
        let (right, bottom) = (left + self.size[0], top + self.size[1]);
        for (value, label) in up {
            let y = self.at([self.window.low[0], *value])[1];
            if grid {
                canvas.stroke(&[[left, y], [right, y]], GRID, 1.0)?;
            }
            canvas.stroke(&[[left - 4.0, y], [left, y]], FRAME, 1.0)?;
            canvas.text(label, [left - 7.0, y], Letters { side: HPos::Right, ..Letters::SMALL })?;
        }
        for (value, label) in along {
            let x = self.at([*value, self.window.low[1]])[0];
            canvas.stroke(&[[x, bottom], [x, bottom + 4.0]], FRAME, 1.0)?;
            let below = Letters { side: HPos::Center, edge: VPos::Top, ..Letters::SMALL };
            canvas.text(label, [x, bottom + 7.0], below)?;
        }
        let frame = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
        canvas.stroke(&frame, FRAME, 1.0)
    }

    /// A name over the upper left corner.
    pub(crate) fn title(&self, canvas: &mut Canvas<'_>, title: &str) -> Result<(), DrawError> {
        canvas.text(title, [self.corner[0], self.corner[1] - 7.0], Letters::TITLE)
    }
}

/// The powers of ten in a range of exponents, few enough to have room.
pub(crate) fn decades(low: f64, high: f64) -> Vec<Tick> {
    let step = ((high - low) / 7.0).ceil().max(1.0);
    multiples(step, &(low - 1e-9..high + 1e-9)).into_iter().map(|exponent| (exponent, power(exponent))).collect()
}

fn power(exponent: f64) -> String {
    if (-2.0..=3.0).contains(&exponent) {
        format!("{:.*}", (-exponent).max(0.0) as usize, 10f64.powf(exponent))
    } else {
        format!("1e{exponent:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_its_place_with_up_being_up() {
        let window = Window { low: [0.0, -1.0], high: [4.0, 1.0] };
        let panel = Panel { window, corner: [10.0, 20.0], size: [400.0, 100.0] };
        assert_eq!(panel.at([0.0, 1.0]), [10.0, 20.0]);
        assert_eq!(panel.at([4.0, -1.0]), [410.0, 120.0]);
        assert_eq!(panel.lines(&[[1.0, 0.0], [1.0, 1e-3], [5.0, 1e-3]]), [[[110.0, 70.0], panel.at([4.0, 1e-3])]]);
    }

    #[test]
    fn decades_are_written_as_people_write_them() {
        let labels = |low, high| decades(low, high).into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        assert_eq!(labels(-3.0, 1.0), ["1e-3", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(-12.0, 2.0), ["1e-12", "1e-10", "1e-8", "1e-6", "1e-4", "0.01", "1", "100"]);
    }
}
