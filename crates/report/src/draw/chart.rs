//! Charts of any numbers: lines, marks, bars and arrows over two axes, with a legend above.

use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{Canvas, Letters, TEXT, picture};
use super::panel::{Panel, Tick, decades};
use super::pen::Pen;
use super::{DrawError, Point, Window};

/// Places in the picture, pixels: narrow enough for a phone.
const WIDTH: f64 = 400.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = 14.0;
const HEIGHT: f64 = 210.0;
const BELOW: f64 = 40.0;
/// Height of a row of the legend and of a line of names, pixels.
const ROW: f64 = 17.0;
/// What a letter of the legend takes, pixels.
const LETTER: f64 = 6.6;

/// Numbers over two axes.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What is shown, in a few words.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From below to above.
    pub y: Axis,
    /// What is drawn, in the order of the legend.
    pub series: Vec<Series>,
}

/// What an axis measures.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// Quantity and unit.
    pub label: String,
    /// How numbers lie on it. Default linear.
    pub scale: Scale,
    /// What it spans; by default all that is drawn.
    pub range: Option<[f64; 2]>,
    /// What is written at places of it in the place of numbers; a line's end parts two rows.
    pub names: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis.
    pub fn new(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// A logarithmic axis.
    pub fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::new(label) }
    }

    /// An axis from one number to another.
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { range: Some([low, high]), ..self }
    }

    /// An axis of things, at 0, 1, 2 and so on.
    pub fn of<T: Into<String>>(label: &str, names: impl IntoIterator<Item = T>) -> Self {
        let names: Vec<_> = names.into_iter().enumerate().map(|(i, name)| (i as f64, name.into())).collect();
        let range = Some([-0.6, names.len() as f64 - 0.4]);
        Self { label: label.to_owned(), scale: Scale::Linear, range, names }
    }
}

/// How numbers lie on an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal lengths.
    #[default]
    Linear,
    /// Equal ratios are equal lengths; what is not above 0 is not drawn.
    Log,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Series {
    /// The name in the legend; without one it has no place there.
    pub name: String,
    /// The points; a line breaks where one is not finite.
    pub points: Vec<Point>,
    /// How they are drawn.
    pub look: Look,
}

impl Series {
    /// Points of a name and a look.
    pub fn new(name: impl Into<String>, look: Look, points: impl IntoIterator<Item = Point>) -> Self {
        Self { name: name.into(), points: points.into_iter().collect(), look }
    }
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A line from each to the next.
    Line,
    /// A mark at each.
    Marks,
    /// Both.
    Both,
    /// A bar from 0 to each; several series stand side by side.
    Bars,
    /// An arrow from each to the next, two by two.
    Arrows,
}

/// A chart as SVG.
///
/// # Errors
/// [`DrawError`] when the library fails.
///
/// # Examples
/// ```
/// use taper_report::draw::{Axis, Chart, Look, Series, chart};
/// let squares = Series::new("squares", Look::Line, (0..5).map(|x| [x as f64, (x * x) as f64]));
/// let drawn = Chart { title: "Squares".into(), x: Axis::new("x"), y: Axis::new("y"), series: vec![squares] };
/// assert!(chart(&drawn)?.starts_with("<svg"));
/// # Ok::<(), taper_report::draw::DrawError>(())
/// ```
pub fn chart(drawn: &Chart) -> Result<String, DrawError> {
    let legend = places(&drawn.series);
    let rows = legend.last().map_or(0.0, |place| place[1] + 1.0);
    let top = 48.0 + rows * ROW;
    let names = drawn.x.names.iter().map(|(_, name)| name.lines().count()).max().unwrap_or(1);
    let below = BELOW + (names.max(1) - 1) as f64 * 13.0;
    let scaled: Vec<Vec<Point>> = drawn.series.iter().map(|series| scaled(drawn, &series.points)).collect();
    let bars = drawn.series.iter().any(|series| series.look == Look::Bars);
    let window = Window {
        low: [span(&drawn.x, &scaled, 0, false)[0], span(&drawn.y, &scaled, 1, bars)[0]],
        high: [span(&drawn.x, &scaled, 0, false)[1], span(&drawn.y, &scaled, 1, bars)[1]],
    };
    let panel = Panel { window, corner: [LEFT, top], size: [WIDTH - LEFT - RIGHT, HEIGHT] };
    picture([WIDTH, top + HEIGHT + below], |canvas| {
        canvas.text(&drawn.title, [10.0, 22.0], Letters::TITLE)?;
        draw_legend(canvas, &drawn.series, &legend)?;
        draw_axes(canvas, drawn, &panel, below)?;
        let count = drawn.series.iter().filter(|series| series.look == Look::Bars).count();
        let mut bar = 0;
        for (index, (series, points)) in drawn.series.iter().zip(&scaled).enumerate() {
            let pen = Pen { index };
            match series.look {
                Look::Line => line(canvas, &panel, pen, points)?,
                Look::Marks => marks(canvas, &panel, pen, points)?,
                Look::Both => {
                    line(canvas, &panel, pen, points)?;
                    marks(canvas, &panel, pen, points)?;
                }
                Look::Bars => {
                    draw_bars(canvas, &panel, pen, points, [bar, count])?;
                    bar += 1;
                }
                Look::Arrows => points
                    .chunks_exact(2)
                    .try_for_each(|ends| pen.arrow(canvas, [panel.at(ends[0]), panel.at(ends[1])]))?,
            }
        }
        Ok(())
    })
}

/// Points as they lie on the axes.
fn scaled(chart: &Chart, points: &[Point]) -> Vec<Point> {
    let on = |axis: &Axis, value: f64| match axis.scale {
        Scale::Linear => value,
        Scale::Log if value > 0.0 => value.log10(),
        Scale::Log => f64::NAN,
    };
    points.iter().map(|[x, y]| [on(&chart.x, *x), on(&chart.y, *y)]).collect()
}

/// What an axis spans, as numbers lie on it.
fn span(axis: &Axis, series: &[Vec<Point>], which: usize, zero: bool) -> [f64; 2] {
    if let Some(range) = axis.range {
        return if axis.scale == Scale::Log { range.map(f64::log10) } else { range };
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in series.iter().flatten().filter(|place| place.iter().all(|x| x.is_finite())).map(|p| p[which]) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low > high {
        return [0.0, 1.0];
    }
    if zero {
        (low, high) = (low.min(0.0), high.max(0.0));
    }
    match axis.scale {
        Scale::Log => [low.floor(), high.ceil().max(low.floor() + 1.0)],
        Scale::Linear => {
            let slack = if high > low { 0.04 * (high - low) } else { 0.5 * high.abs().max(1.0) };
            // Along the lines reach from edge to edge; up they get room.
            let [down, up] = if which == 0 && high > low { [0.0; 2] } else { [slack; 2] };
            [if zero && low == 0.0 { 0.0 } else { low - down }, high + up]
        }
    }
}

fn line(canvas: &mut Canvas<'_>, panel: &Panel, pen: Pen, points: &[Point]) -> Result<(), DrawError> {
    panel.lines(points).iter().try_for_each(|piece| pen.line(canvas, piece))
}

fn marks(canvas: &mut Canvas<'_>, panel: &Panel, pen: Pen, points: &[Point]) -> Result<(), DrawError> {
    let seen = points.iter().filter(|&&place| super::shows(&panel.window, place));
    seen.into_iter().try_for_each(|&place| pen.mark(canvas, panel.at(place)))
}

/// Bars of one series, the first number of `[bar, count]` beside the others.
fn draw_bars(
    canvas: &mut Canvas<'_>,
    panel: &Panel,
    pen: Pen,
    points: &[Point],
    [bar, count]: [usize; 2],
) -> Result<(), DrawError> {
    let gaps = points.windows(2).map(|pair| (pair[1][0] - pair[0][0]).abs());
    let pitch = gaps.fold(f64::INFINITY, f64::min);
    let pitch = if pitch.is_finite() && pitch > 0.0 { pitch } else { 1.0 };
    let width = 0.84 * pitch / count as f64;
    let [low, high] = [panel.window.low[1], panel.window.high[1]];
    let foot = 0f64.clamp(low, high);
    for [x, y] in points.iter().filter(|place| place.iter().all(|x| x.is_finite())) {
        let left = x - 0.42 * pitch + bar as f64 * width;
        let top = y.clamp(low, high);
        let corners = [[left, foot], [left, top], [left + width, top], [left + width, foot]];
        pen.area(canvas, &corners.map(|corner| panel.at(corner)))?;
    }
    Ok(())
}

fn draw_axes(canvas: &mut Canvas<'_>, chart: &Chart, panel: &Panel, below: f64) -> Result<(), DrawError> {
    let ticks = |axis: &Axis, which: usize, about: f64| -> Vec<Tick> {
        let (low, high) = (panel.window.low[which], panel.window.high[which]);
        match axis.scale {
            _ if !axis.names.is_empty() => Vec::new(),
            Scale::Log if high - low >= 1.0 => decades(low, high),
            Scale::Log => vec![low, 0.5 * (low + high), high].into_iter().map(|e| (e, short(10f64.powf(e)))).collect(),
            Scale::Linear => panel.ticks(which, about),
        }
    };
    panel.axes(canvas, [&ticks(&chart.x, 0, 7.0), &ticks(&chart.y, 1, 5.0)], true)?;
    let under = Letters { side: HPos::Center, edge: VPos::Top, ..Letters::SMALL };
    let bottom = panel.corner[1] + panel.size[1];
    for (value, name) in &chart.x.names {
        for (row, part) in name.lines().enumerate() {
            let x = panel.at([*value, panel.window.low[1]])[0];
            canvas.text(part, [x, bottom + 7.0 + 13.0 * row as f64], under)?;
        }
    }
    let middle = panel.corner[0] + 0.5 * panel.size[0];
    canvas.text(&chart.x.label, [middle, bottom + below - 17.0], under)?;
    let over = Letters { edge: VPos::Bottom, ..Letters::SMALL };
    canvas.text(&chart.y.label, [10.0, panel.corner[1] - 6.0], over)
}

/// A number in three digits, as it is written beside a chart.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if value.fract() == 0.0 && size < 1e6 {
        format!("{value}")
    } else if (1e-3..1e4).contains(&size) {
        let places = (2.0 - size.log10().floor()).clamp(0.0, 5.0) as usize;
        format!("{value:.places$}")
    } else {
        format!("{value:.1e}")
    }
}

/// Where each name of the legend begins: pixels from the left, and its row.
fn places(series: &[Series]) -> Vec<[f64; 2]> {
    let (mut x, mut row, mut places) = (10.0, 0.0, Vec::new());
    for series in series.iter().filter(|series| !series.name.is_empty()) {
        let width = 44.0 + LETTER * series.name.chars().count() as f64;
        if x + width > WIDTH && x > 10.0 {
            (x, row) = (10.0, row + 1.0);
        }
        places.push([x, row]);
        x += width;
    }
    places
}

fn draw_legend(canvas: &mut Canvas<'_>, series: &[Series], places: &[[f64; 2]]) -> Result<(), DrawError> {
    let letters = Letters { size: 12.0, color: TEXT, ..Letters::SMALL };
    let named = series.iter().enumerate().filter(|(_, series)| !series.name.is_empty());
    for ((index, series), [x, row]) in named.zip(places) {
        let (pen, y) = (Pen { index }, 34.0 + row * ROW);
        match series.look {
            Look::Bars => {
                pen.area(canvas, &[[*x, y - 5.0], [x + 12.0, y - 5.0], [x + 12.0, y + 5.0], [*x, y + 5.0]])?
            }
            Look::Marks => pen.mark(canvas, [x + 13.0, y])?,
            Look::Arrows => pen.arrow(canvas, [[*x, y], [x + 26.0, y]])?,
            Look::Line | Look::Both => pen.line(canvas, &[[*x, y], [x + 26.0, y]])?,
        }
        if series.look == Look::Both {
            pen.mark(canvas, [x + 13.0, y])?;
        }
        let gap = if series.look == Look::Bars { 18.0 } else { 32.0 };
        canvas.text(&series.name, [x + gap, y], letters)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(look: Look, points: &[Point], y: Axis) -> String {
        let series = vec![Series::new("a", look, points.to_vec()), Series::new("", look, points.to_vec())];
        chart(&Chart { title: "t".into(), x: Axis::new("x"), y, series }).unwrap()
    }

    #[test]
    fn every_look_has_its_shape_and_no_number_breaks_it() {
        let points = [[0.0, 1.0], [1.0, 4.0], [2.0, f64::NAN], [3.0, -2.0], [4.0, 0.0], [5.0, 1e3]];
        for look in [Look::Line, Look::Marks, Look::Both, Look::Bars, Look::Arrows] {
            for y in [Axis::new("y"), Axis::log("y"), Axis::new("y").within(0.0, 2.0)] {
                let svg = of(look, &points, y);
                assert!(!svg.contains("NaN") && svg.contains("\na\n"), "{look:?}");
            }
        }
        assert!(!of(Look::Bars, &[], Axis::log("y")).contains("NaN"));
    }

    #[test]
    fn spans_hold_all_points_and_bars_stand_on_zero() {
        let points = vec![vec![[1.0, 3.0], [2.0, 5.0]]];
        let [low, high] = span(&Axis::new("y"), &points, 1, true);
        assert!(low == 0.0 && high > 5.0);
        assert_eq!(span(&Axis::log("y"), &[vec![[0.0, 0.3], [1.0, 1.7]]], 1, false), [0.0, 2.0]);
        assert_eq!(span(&Axis::new("y"), &[], 1, false), [0.0, 1.0]);
    }

    #[test]
    fn a_long_legend_has_several_rows() {
        let series: Vec<Series> =
            (0..6).map(|i| Series::new(format!("a rather long name {i}"), Look::Line, [])).collect();
        let rows: Vec<f64> = places(&series).into_iter().map(|place| place[1]).collect();
        assert_eq!(rows, [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    }

    #[test]
    fn numbers_are_short() {
        let written = [0.0, 7.0, 0.5, 12.34, 123_456.5, 2e-5].map(short);
        assert_eq!(written, ["0", "7", "0.500", "12.3", "1.2e5", "2.0e-5"]);
    }
}
