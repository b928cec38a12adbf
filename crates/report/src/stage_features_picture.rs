//! A picture of what a linear classifier gets right on each stage.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;
use taper_trainer::evaluate::metrics::interval;

use crate::draw::{DrawError, Letters, Panel, TEXT, Window, picture};

const BAR: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Places in the picture, pixels.
const LEFT: f64 = 110.0;
const TOP: f64 = 44.0;
const WIDTH: f64 = 420.0;
const ROW: f64 = 30.0;

/// An SVG with a bar for the accuracy of each stage, and a line for the 95 % interval that so many
/// pictures give.
///
/// # Errors
/// When the library fails.
pub fn draw(title: &str, stages: &[(&str, f64)], pictures: usize) -> Result<String, DrawError> {
    let rows = stages.len() as f64;
    picture([LEFT + WIDTH + 70.0, TOP + rows * ROW + 40.0], |canvas| {
        canvas.text(title, [14.0, 26.0], Letters::TITLE)?;
        let window = Window { low: [0.0, 0.0], high: [1.0, rows] };
        let panel = Panel { window, corner: [LEFT, TOP], size: [WIDTH, rows * ROW] };
        for (i, (name, accuracy)) in stages.iter().enumerate() {
            let middle = rows - i as f64 - 0.5;
            let corners = [[0.0, -0.3], [*accuracy, -0.3], [*accuracy, 0.3], [0.0, 0.3]];
            canvas.fill(&corners.map(|[x, y]| panel.at([x, middle + y])), BAR)?;
            let ends = interval(*accuracy, pictures);
            canvas.stroke(&ends.map(|end| panel.at([end, middle])), TEXT, 1.5)?;
            let at = |x| panel.at([x, middle]);
            canvas.text(
                name,
                [LEFT - 8.0, at(0.0)[1]],
                Letters { side: HPos::Right, color: TEXT, ..Letters::SMALL },
            )?;
            let percent = format!("{:.1} %", 100.0 * accuracy);
            canvas.text(&percent, [at(ends[1])[0] + 6.0, at(0.0)[1]], Letters::SMALL)?;
        }
        let percent = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{} %", 100.0 * share)));
        panel.axes(canvas, [&percent, &[]], false)
    })
}
