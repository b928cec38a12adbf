//! Paths on a map, and their losses below it.

use plotters::style::RGBColor;
use plotters::style::text_anchor::{HPos, VPos};

use super::contour::Grid;
use super::legend::{self, legend};
use super::{Function, Path, Walk};
use crate::draw::{Canvas, DrawError, Letters, Panel, Pen, Point, Window, decades, picture, shows};

const CONTOUR: RGBColor = RGBColor(0xCF, 0xCB, 0xC2);
/// The contour line that parts two valleys.
const PASS: RGBColor = RGBColor(0x8F, 0x8B, 0x82);

/// Places in the picture, pixels.
const LEFT: f64 = 58.0;
const TOP: f64 = 34.0;
const BETWEEN: f64 = 62.0;
const LOSS_HEIGHT: f64 = 200.0;
const BELOW: f64 = 44.0;
const RIGHT: f64 = 16.0;
/// Distance between the marks of a line, and what each line's first mark is further along than the
/// line's before.
const MARK_EVERY: f64 = 90.0;
const MARK_SHIFT: f64 = 13.0;
/// A path of so few points has a mark at each.
const FEW: usize = 25;
/// Two points nearer than this are drawn over each other; a line beneath is wider by so much for
/// each of so many above it. Pixels.
const OVERLAP: f64 = 1.5;
const WIDER: f64 = 3.0;
const MOST_OVER: usize = 3;
/// The exponent of the least loss that is drawn: float64 has little to say below it.
const LEAST: f64 = -12.0;

/// Where the legend of a picture of paths is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// At the side.
    #[default]
    Wide,
    /// Below, in a picture that is narrow enough for a phone.
    Narrow,
}

/// An SVG of the function's contour lines with the paths on it, and the loss against the step on a
/// logarithmic scale below.
///
/// # Errors
/// [`DrawError`] when the library fails.
pub fn draw_paths(function: &Function, walk: Walk, paths: &[Path], layout: Layout) -> Result<String, DrawError> {
    let (left, width) = if layout == Layout::Wide { (LEFT, 500.0) } else { (50.0, 336.0) };
    let window = function.window();
    let height = width * (window.high[1] - window.low[1]) / (window.high[0] - window.low[0]);
    let map = Panel { window, corner: [left, TOP], size: [width, height] };
    let loss =
        Panel { window: loss_window(walk, paths), corner: [left, TOP + height + BETWEEN], size: [width, LOSS_HEIGHT] };
    let plots = TOP + height + BETWEEN + LOSS_HEIGHT + BELOW;
    let rows = legend::height(paths.len());
    let (column, size) = match layout {
        Layout::Wide => {
            let column = [left + width + 20.0, TOP - 4.0];
            (column, [column[0] + legend::width(paths) + RIGHT, plots.max(TOP + rows)])
        }
        Layout::Narrow => ([left, plots + 6.0], [left + width + RIGHT - 2.0, plots + rows]),
    };
    let wider = wider(&map, paths);
    picture(size.map(f64::round), |canvas| {
        draw_map(canvas, function, &map, (walk, paths, &wider))?;
        draw_losses(canvas, &loss, paths, &wider)?;
        legend(canvas, column, paths)
    })
}

/// By how much each line is wider, pixels: one that others run over is seen on both sides of them.
fn wider(map: &Panel, paths: &[Path]) -> Vec<f64> {
    let over = |(index, path): (usize, &Path)| {
        let above = paths[index + 1..].iter().filter(|other| {
            let both = path.points.len().min(other.points.len());
            let near = path.points.iter().zip(&other.points).filter(|(a, b)| {
                let (a, b) = (map.at(**a), map.at(**b));
                (a[0] - b[0]).hypot(a[1] - b[1]) < OVERLAP
            });
            // All begin at one place.
            both > 1 && near.count() > both / 2
        });
        WIDER * above.count().min(MOST_OVER) as f64
    };
    paths.iter().enumerate().map(over).collect()
}

fn draw_map(
    canvas: &mut Canvas<'_>,
    function: &Function,
    panel: &Panel,
    (walk, paths, wider): (Walk, &[Path], &[f64]),
) -> Result<(), DrawError> {
    let grid = Grid::new(function);
    let pass = function.pass().map(|place| function.value(place));
    let levels = grid.levels().into_iter().map(|level| (level, CONTOUR)).chain(pass.map(|level| (level, PASS)));
    for (level, color) in levels {
        for line in grid.lines(level).iter().flat_map(|line| panel.lines(line)) {
            canvas.stroke(&line, color, 1.0)?;
        }
    }
    panel.title(canvas, &format!("{}: {}", function.name(), function.formula()))?;
    let about = panel.size[0] / 62.0;
    panel.axes(canvas, [&panel.ticks(0, about), &panel.ticks(1, 6.0)], false)?;
    for (index, path) in paths.iter().enumerate() {
        draw_line(canvas, panel, (index, wider[index]), &path.points)?;
    }
    for &place in function.minima().iter().filter(|&&place| shows(&panel.window, place)) {
        legend::minimum(canvas, panel.at(place))?;
    }
    legend::start(canvas, panel.at(walk.start_on(function)))
}

fn draw_losses(canvas: &mut Canvas<'_>, panel: &Panel, paths: &[Path], wider: &[f64]) -> Result<(), DrawError> {
    let [low, high] = [panel.window.low[1], panel.window.high[1]];
    panel.title(canvas, "loss above the minimum")?;
    panel.axes(canvas, [&panel.ticks(0, panel.size[0] / 62.0), &decades(low, high)], true)?;
    let below = Letters { side: HPos::Center, edge: VPos::Top, ..Letters::SMALL };
    let [left, top] = panel.corner;
    canvas.text("step", [left + 0.5 * panel.size[0], top + LOSS_HEIGHT + 24.0], below)?;
    for (index, path) in paths.iter().enumerate() {
        let points: Vec<Point> = path.losses.iter().enumerate().map(|(step, &loss)| [step as f64, log(loss)]).collect();
        draw_line(canvas, panel, (index, wider[index]), &points)?;
    }
    Ok(())
}

fn draw_line(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    (index, wider): (usize, f64),
    points: &[Point],
) -> Result<(), DrawError> {
    let pen = Pen { index };
    panel.lines(points).iter().try_for_each(|piece| pen.wider(canvas, piece, wider))?;
    marks(panel, index, points).into_iter().try_for_each(|place| pen.mark(canvas, place))
}

/// Where the marks of a line go: on points of it, at some distance along it from each other.
fn marks(panel: &Panel, index: usize, points: &[Point]) -> Vec<Point> {
    let (mut marks, mut last) = (Vec::new(), None::<Point>);
    let mut since = MARK_EVERY - 20.0 - MARK_SHIFT * (index % 6) as f64;
    for (k, &place) in points.iter().enumerate() {
        let at = panel.at(place);
        since += last.map_or(0.0, |last| (at[0] - last[0]).hypot(at[1] - last[1]));
        last = Some(at);
        let due = since >= MARK_EVERY || points.len() <= FEW || k + 1 == points.len();
        if due && shows(&panel.window, place) {
            marks.push(at);
            since = 0.0;
        }
    }
    marks
}

/// All steps, and all the whole decades between the greatest and the least loss.
fn loss_window(walk: Walk, paths: &[Path]) -> Window {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for path in paths {
        low = path.losses.iter().fold(low, |low, &loss| low.min(log(loss)));
        // One that gets lost would press the others together.
        let worth = if path.diverged { &path.losses[..1] } else { &path.losses[..] };
        high = worth.iter().fold(high, |high, &loss| high.max(log(loss)));
    }
    let high = if high.is_finite() { high.ceil() } else { 1.0 };
    let low = low.floor().clamp(LEAST, high - 1.0);
    Window { low: [0.0, low], high: [walk.steps as f64, high] }
}

/// The exponent of a loss; that of 0 lies far below every picture.
fn log(loss: f64) -> f64 {
    loss.max(f64::MIN_POSITIVE).log10()
}

#[cfg(test)]
mod tests {
    use super::super::{courses, follow};
    use super::*;

    fn drawn(function: Function, list: &str, walk: Walk) -> (Vec<Path>, String) {
        let courses = courses(list, None, &function).unwrap();
        let paths: Vec<Path> = courses.iter().map(|course| follow(&function, course, walk).unwrap()).collect();
        let svg = draw_paths(&function, walk, &paths, Layout::Wide).unwrap();
        (paths, svg)
    }

    #[test]
    fn every_rule_is_named_and_a_lost_one_is_said_to_be() {
        let ravine = Function::Quadratic { condition: 50.0 };
        let (paths, svg) = drawn(ravine, "sgd=0.1,adam,newton", Walk::default());
        assert!(paths[0].diverged);
        for text in ["sgd (diverges)", "adam", "newton", "line search", "start", "minimum", "quadratic: (x² + 50y²)/2"]
        {
            assert!(svg.contains(&format!("\n{text}\n")), "no {text:?}");
        }
    }

    #[test]
    fn everything_lies_in_the_picture() {
        for name in Function::NAMES {
            let function = Function::named(name, 50.0).unwrap();
            let walk = Walk { steps: 60, ..Walk::default() };
            let (paths, wide) = drawn(function, "all", walk);
            let narrow = draw_paths(&function, walk, &paths, Layout::Narrow).unwrap();
            for svg in [wide, narrow] {
                let size: Vec<f64> = svg
                    .split("viewBox=\"0 0 ")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap()
                    .split(' ')
                    .map(|n| n.parse().unwrap())
                    .collect();
                for points in svg.split("points=\"").skip(1) {
                    for point in points.split('"').next().unwrap().split_whitespace() {
                        let place: Vec<f64> = point.split(',').map(|n| n.parse().unwrap()).collect();
                        assert!((0..2).all(|i| (0.0..=size[i]).contains(&place[i])), "{name}: {point}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_line_beneath_another_is_wider() {
        let ravine = Function::Quadratic { condition: 50.0 };
        let (paths, svg) = drawn(ravine, "adam,adamw,sgd", Walk::default());
        assert_eq!(paths[0].points, paths[1].points);
        let panel = Panel { window: ravine.window(), corner: [0.0; 2], size: [500.0, 270.0] };
        assert_eq!(wider(&panel, &paths), [3.0, 0.0, 0.0]);
        assert!(svg.contains("stroke-width=\"38\""), "4.75 pixels");
    }

    #[test]
    fn the_loss_axis_has_whole_decades() {
        let walk = Walk { steps: 3, ..Walk::default() };
        let path = |losses: &[f64], diverged| Path {
            name: "sgd".to_owned(),
            rate: None,
            points: vec![[0.0; 2]; losses.len()],
            losses: losses.to_vec(),
            diverged,
        };
        let window = loss_window(walk, &[path(&[20.0, 0.5], false), path(&[20.0, 1e9], true)]);
        assert_eq!(window, Window { low: [0.0, -1.0], high: [3.0, 2.0] });
        let window = loss_window(walk, &[path(&[1.0, 0.0], false)]);
        assert_eq!(window, Window { low: [0.0, -12.0], high: [3.0, 0.0] });
    }
}
