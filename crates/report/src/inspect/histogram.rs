//! Histograms of a signal, layer by layer.

use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Settings, Signal, Spread, verdict};
use crate::draw::{Canvas, DrawError, Letters, Panel, TEXT, Window, picture};

const BINS: usize = 41;
/// Places in the picture, pixels.
const LEFT: f64 = 14.0;
const TOP: f64 = 84.0;
const SIZE: [f64; 2] = [104.0, 76.0];
const PITCH: [f64; 2] = [118.0, 166.0];
const COLORS: [RGBColor; 2] = [RGBColor(0x00, 0x72, 0xB2), RGBColor(0xD5, 0x5E, 0x00)];
const MIDDLE: Letters = Letters { side: HPos::Center, edge: VPos::Top, ..Letters::SMALL };

/// An SVG with two rows of histograms: the outputs of each layer, and the gradients by them. All of
/// a row have one scale along; each has its own up, and a bar of exact zeros is cut off at the top.
///
/// # Errors
/// When the library fails.
pub fn draw(settings: &Settings, signals: &[Signal]) -> Result<String, DrawError> {
    let title = format!(
        "{:?} before {:?}, {} layers of {} units",
        settings.init, settings.activation, settings.layers, settings.width
    );
    sheet(&title, &verdict(settings, signals), signals)
}

/// The same of the stages of a network: its name, how its weights begin, and what is said of it.
///
/// # Errors
/// When the library fails.
pub fn draw_network(title: &str, said: &str, signals: &[Signal]) -> Result<String, DrawError> {
    sheet(title, said, signals)
}

fn sheet(title: &str, said: &str, signals: &[Signal]) -> Result<String, DrawError> {
    let width = LEFT + (signals.len() as f64 * PITCH[0]).max(420.0);
    picture([width, TOP + 2.0 * PITCH[1] - 22.0], |canvas| {
        canvas.text(title, [LEFT, 24.0], Letters::TITLE)?;
        canvas.text(said, [LEFT, 36.0], Letters { size: 12.0, color: TEXT, ..Letters::SMALL })?;
        for (row, name) in ["outputs", "gradients by them"].into_iter().enumerate() {
            let spreads = signals.iter().map(|signal| [&signal.activations, &signal.gradients][row]);
            let top = TOP + row as f64 * PITCH[1];
            let reach = reach(spreads.clone());
            canvas.text(&format!("{name}, from -{0} to {0}", short(reach)), [LEFT, top - 20.0], Letters::TITLE)?;
            for (layer, spread) in spreads.enumerate() {
                let window = Window { low: [-reach, 0.0], high: [reach, 1.0] };
                let corner = [LEFT + layer as f64 * PITCH[0], top];
                let panel = Panel { window, corner, size: SIZE };
                canvas.text(&format!("layer {}", layer + 1), [corner[0], top - 8.0], Letters::SMALL)?;
                histogram(canvas, &panel, spread, COLORS[row])?;
            }
        }
        Ok(())
    })
}

/// How far from 0 the numbers of a row go: the greatest distance that a thousandth of any layer's
/// exceeds.
fn reach<'a>(spreads: impl Iterator<Item = &'a Spread>) -> f64 {
    let far = spreads.map(|spread| {
        let mut sizes: Vec<f64> =
            spread.values.iter().map(|value| value.abs()).filter(|size| size.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get((sizes.len() * 999 / 1000).min(sizes.len().saturating_sub(1))).copied().unwrap_or(0.0)
    });
    let far = far.fold(0.0, f64::max);
    // Where all is 0 any scale will do; past it the ends of the window would overflow.
    if far > 0.0 { far.min(1e300) } else { 1.0 }
}

fn histogram(canvas: &mut Canvas<'_>, panel: &Panel, spread: &Spread, color: RGBColor) -> Result<(), DrawError> {
    let reach = panel.window.high[0];
    let mut bins = [0usize; BINS];
    for value in spread.values.iter().filter(|value| value.abs() <= reach && **value != 0.0) {
        bins[(((value / reach + 1.0) / 2.0 * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let most = bins.iter().copied().max().unwrap_or(0).max(1) as f64;
    let bar = |bin: f64, height: f64| {
        let edge = |at: f64| reach * (2.0 * at / BINS as f64 - 1.0);
        let corners = [[edge(bin), 0.0], [edge(bin), height], [edge(bin + 1.0), height], [edge(bin + 1.0), 0.0]];
        corners.map(|corner| panel.at(corner))
    };
    for (bin, &count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        canvas.fill(&bar(bin as f64, 0.94 * count as f64 / most), color)?;
    }
    if spread.zeros > 0.0 {
        canvas.fill(&bar((BINS / 2) as f64, 1.0), color)?;
    }
    panel.axes(canvas, [&[(0.0, "0".to_owned())], &[]], false)?;
    let below = |down: f64| [panel.corner[0] + 0.5 * SIZE[0], panel.corner[1] + SIZE[1] + down];
    canvas.text(&format!("σ {}", short(spread.deviation)), below(24.0), MIDDLE)?;
    if spread.zeros > 0.0 {
        canvas.text(&format!("{:.0} % zero", 100.0 * spread.zeros), below(39.0), MIDDLE)?;
    }
    Ok(())
}

/// Two digits, in the shorter of the two ways to write them; ∞ for what overflowed.
fn short(value: f64) -> String {
    if !value.is_finite() {
        return "∞".to_owned();
    }
    if value == 0.0 || (1e-2..1e3).contains(&value) { format!("{value:.2}") } else { format!("{value:.0e}") }
}

#[cfg(test)]
mod tests {
    use taper_nn::{Activation, Initialization};

    use super::super::follow;
    use super::*;

    #[test]
    fn every_layer_has_its_two_histograms_whatever_the_numbers() {
        for init in [Initialization::Zeros, Initialization::HeFanIn, Initialization::Normal(1e300)] {
            let settings = Settings { init, layers: 3, width: 8, ..Settings::default() };
            let svg = draw(&settings, &follow(&settings).unwrap()).unwrap();
            assert_eq!(svg.matches("\nlayer 3\n").count(), 2, "{init:?}");
            assert!(!svg.contains("NaN"), "{init:?}");
        }
        let settings = Settings { activation: Activation::Gelu, layers: 2, ..Settings::default() };
        let svg = draw(&settings, &follow(&settings).unwrap()).unwrap();
        assert!(svg.contains("\njust right") && svg.contains("\nHeFanIn before Gelu, 2 layers of 256 units\n"));
    }
}
