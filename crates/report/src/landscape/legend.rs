//! Which line is whose.

use std::f64::consts::PI;

use plotters::style::WHITE;
use plotters::style::text_anchor::HPos;

use super::Path;
use crate::draw::{Canvas, DrawError, Letters, Pen, Point, TEXT};

/// Height of a row, pixels.
const ROW: f64 = 19.0;
/// The least width of a legend, and what a letter of a name takes, pixels.
const WIDTH: f64 = 178.0;
const LETTER: f64 = 6.6;

/// How wide a legend is: as its longest name needs, with a rate behind it. Pixels.
pub(super) fn width(paths: &[Path]) -> f64 {
    let longest = paths.iter().map(|path| path.name.chars().count()).max().unwrap_or(0);
    WIDTH.max(34.0 + LETTER * longest as f64 + 62.0)
}

/// How high a legend of so many lines is, pixels.
pub(super) fn height(lines: usize) -> f64 {
    (lines as f64 + 3.5) * ROW
}

/// The marks of start and minimum, and a row for each path: line, name, rate.
pub(super) fn legend(canvas: &mut Canvas<'_>, [left, top]: Point, paths: &[Path]) -> Result<(), DrawError> {
    let name = Letters { size: 12.0, color: TEXT, ..Letters::SMALL };
    let right = Letters { side: HPos::Right, ..Letters::SMALL };
    let row = |index: f64| top + (index + 0.5) * ROW;
    start(canvas, [left + 13.0, row(0.0)])?;
    canvas.text("start", [left + 34.0, row(0.0)], name)?;
    minimum(canvas, [left + 13.0, row(1.0)])?;
    canvas.text("minimum", [left + 34.0, row(1.0)], name)?;
    canvas.text("rate", [left + width(paths), row(2.2)], right)?;
    for (index, path) in paths.iter().enumerate() {
        let (pen, y) = (Pen { index }, row(index as f64 + 3.2));
        pen.line(canvas, &[[left, y], [left + 26.0, y]])?;
        pen.mark(canvas, [left + 13.0, y])?;
        let lost = if path.diverged { " (diverges)" } else { "" };
        canvas.text(&format!("{}{lost}", path.name), [left + 34.0, y], name)?;
        let rate = path.rate.map_or_else(|| "line search".to_owned(), rate);
        canvas.text(&rate, [left + width(paths), y], right)?;
    }
    Ok(())
}

/// A rate to three digits, in the shorter of the two ways to write it.
fn rate(rate: f64) -> String {
    let rounded: f64 = format!("{rate:.2e}").parse().unwrap_or(rate);
    let (plain, power) = (rounded.to_string(), format!("{rounded:e}"));
    if plain.len() <= 6 { plain } else { power }
}

/// A ring where all begin.
pub(super) fn start(canvas: &mut Canvas<'_>, place: Point) -> Result<(), DrawError> {
    canvas.disc(place, 5.5, TEXT)?;
    canvas.disc(place, 3.6, WHITE)
}

/// A star with five points where the loss is least.
pub(super) fn minimum(canvas: &mut Canvas<'_>, [x, y]: Point) -> Result<(), DrawError> {
    let star = |size: f64| -> Vec<Point> {
        let corner = |k: u32| {
            let (radius, angle) = (if k.is_multiple_of(2) { size } else { 0.43 * size }, f64::from(k) * PI / 5.0);
            [x + radius * angle.sin(), y - radius * angle.cos()]
        };
        (0..10).map(corner).collect()
    };
    // White around it, as paths end here.
    canvas.fill(&star(10.5), WHITE)?;
    canvas.fill(&star(7.5), TEXT)
}

#[cfg(test)]
mod tests {
    #[test]
    fn rates_are_short() {
        let written = [0.1, 0.036, 1.0 / 3.0, 5e-4, 1.9e-5, 10.0].map(super::rate);
        assert_eq!(written, ["0.1", "0.036", "0.333", "0.0005", "1.9e-5", "10"]);
    }
}
