//! A picture of a learning-rate range test.

use plotters::style::RGBColor;
use taper_trainer::study::range_test::RangeTest;

use crate::draw::{DrawError, Letters, Panel, TEXT, Window, decades, picture};

/// The colors of the two lines.
const PALE: RGBColor = RGBColor(0xA9, 0xC9, 0xDE);
const STRONG: RGBColor = RGBColor(0x00, 0x72, 0xB2);

/// An SVG of the losses over the rates, with the steepest place.
///
/// # Errors
/// When the library fails.
pub fn draw(title: &str, test: &RangeTest) -> Result<String, DrawError> {
    let place = |rate: f64, loss: f64| [rate.log10(), loss];
    let ends = [test.rates.first(), test.rates.last()].map(|rate| rate.copied().unwrap_or(1.0).log10());
    let low = test.losses.iter().copied().fold(f64::INFINITY, f64::min);
    let first = test.smooth.first().copied().unwrap_or(1.0);
    let window = Window { low: [ends[0], (0.95 * low).min(first)], high: [ends[1], 1.6 * first.max(1e-9)] };
    picture([620.0, 400.0], |canvas| {
        canvas.text(title, [14.0, 24.0], Letters::TITLE)?;
        let panel = Panel { window, corner: [64.0, 44.0], size: [530.0, 290.0] };
        panel.axes(canvas, [&decades(ends[0], ends[1]), &panel.ticks(1, 5.0)], true)?;
        for (losses, color, width) in [(&test.losses, PALE, 1.0), (&test.smooth, STRONG, 2.5)] {
            let points: Vec<_> = test.rates.iter().zip(losses).map(|(rate, loss)| place(*rate, *loss)).collect();
            panel.lines(&points).iter().try_for_each(|line| canvas.stroke(line, color, width))?;
        }
        if let Ok(rate) = test.named() {
            let x = panel.at(place(rate, 0.0))[0];
            canvas.stroke(&[[x, 44.0], [x, 334.0]], TEXT, 1.0)?;
            canvas.text(&format!("{rate:.1e}, the steepest fall"), [x + 6.0, 56.0], Letters::SMALL)?;
        }
        canvas.text("learning rate; the loss of each batch, and smoothed", [64.0, 376.0], Letters::SMALL)
    })
}
