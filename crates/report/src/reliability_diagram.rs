//! A picture of whether a network is as often right as it says.

use std::fmt::Write as _;

use plotters::style::text_anchor::HPos;
use plotters::style::{RGBColor, WHITE};

use crate::draw::{DrawError, Letters, Panel, TEXT, Window, picture};
use taper_trainer::evaluate::metrics::{BINS, Reliability};

const BAR: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Places in the picture, pixels.
const LEFT: f64 = 64.0;
const TOP: f64 = 62.0;
const SIDE: f64 = 380.0;

/// An SVG with a bar for each bin, as high as the share of its answers that are right, and the line
/// on which a network lies that is as often right as it says. Under the bars, how many answers each
/// is of.
///
/// # Errors
/// When the library fails.
pub fn draw(title: &str, reliability: &Reliability) -> Result<String, DrawError> {
    picture([LEFT + SIDE + 30.0, TOP + SIDE + 62.0], |canvas| {
        canvas.text(title, [14.0, 24.0], Letters::TITLE)?;
        let said = format!("expected calibration error {:.1} %", 100.0 * reliability.error);
        canvas.text(&said, [14.0, 44.0], Letters::SMALL)?;
        let window = Window { low: [0.0, 0.0], high: [1.0, 1.0] };
        let panel = Panel { window, corner: [LEFT, TOP], size: [SIDE, SIDE] };
        let most = reliability.bins.iter().map(|(count, ..)| *count).max().unwrap_or(0).max(1);
        for (i, &(count, _, right)) in reliability.bins.iter().enumerate() {
            let (left, width) = (i as f64 / BINS as f64, 1.0 / BINS as f64);
            let bar = |low: f64, high: f64| {
                let [a, b] = [left + 0.1 * width, left + 0.9 * width];
                [[a, low], [b, low], [b, high], [a, high]].map(|point| panel.at(point))
            };
            if count > 0 {
                // A pale bar where few answers stand behind it.
                let strength = 0.25 + 0.75 * (count as f64 / most as f64).sqrt();
                canvas.fill(&bar(0.0, right), faded(strength))?;
                let foot = panel.at([left + 0.5 * width, 0.0]);
                let color = if strength > 0.6 { WHITE } else { TEXT };
                let letters = Letters { side: HPos::Center, color, ..Letters::SMALL };
                canvas.text(&count.to_string(), [foot[0], foot[1] - 9.0], letters)?;
            }
        }
        canvas.stroke(&[panel.at([0.0, 0.0]), panel.at([1.0, 1.0])], TEXT, 1.0)?;
        let percent = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{} %", 100.0 * share)));
        panel.axes(canvas, [&percent, &percent], true)?;
        canvas.text("probability of the answer; numbers: answers in the bin", [LEFT, TOP + SIDE + 44.0], Letters::SMALL)
    })
}

/// The color of bars, on white.
fn faded(strength: f64) -> RGBColor {
    let mix = |part: u8| (255.0 - strength * (255.0 - f64::from(part))).round() as u8;
    RGBColor(mix(BAR.0), mix(BAR.1), mix(BAR.2))
}

/// Its numbers as text.
pub fn table(reliability: &Reliability) -> String {
    let mut csv = "from,to,answers,probability,right\n".to_owned();
    for (i, (count, probability, right)) in reliability.bins.iter().enumerate() {
        let ends = [i, i + 1].map(|end| end as f64 / BINS as f64);
        // Writing into a string cannot fail.
        let _ = writeln!(csv, "{:.4},{:.4},{count},{probability},{right}", ends[0], ends[1]);
    }
    csv
}
