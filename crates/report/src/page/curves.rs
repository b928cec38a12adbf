//! Curves of a run, drawn as SVG that goes straight into the page.
//!
//! Every color drawn here is a key: `style.css` selects the elements by it and puts the color of
//! the reader's scheme in its place. Without the style sheet these are the light scheme's colors.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axes::{Epochs, Measure, multiples, number, vertical};
use super::error::ReportError;

/// Color of what was measured on the training pictures.
pub(super) const TRAIN: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
/// Color of what was measured on the validation pictures.
pub(super) const VALIDATION: RGBColor = RGBColor(0x00, 0x72, 0xB2);
/// Color of the learning rate.
pub(super) const RATE: RGBColor = RGBColor(0x00, 0x7A, 0x5E);
/// Colors of lines of which there are several of a kind.
pub(super) const SERIES: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB3),
    RGBColor(0xD5, 0x5E, 0x01),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x5C, 0x59, 0x53),
    RGBColor(0x3D, 0xA5, 0xDD),
];
/// Color of the ring around the best epoch.
const BEST: RGBColor = RGBColor(0x1B, 0x1A, 0x18);
const GRID: RGBColor = RGBColor(0xE5, 0xE2, 0xDB);
const LABEL: RGBColor = RGBColor(0x6A, 0x67, 0x60);
const BOUNDARY: RGBColor = RGBColor(0x9A, 0x96, 0x8D);

/// Units to a pixel: the library rounds places to whole units, which would show as steps.
const UNIT: u32 = 4;
const SIZE: (u32, u32) = (520 * UNIT, 290 * UNIT);
/// Above, right, below and left of the field that the lines are in.
const MARGIN: [u32; 4] = [26 * UNIT, 14 * UNIT, 30 * UNIT, 56 * UNIT];
/// The field: left, top, right, bottom.
pub(super) const FIELD: [u32; 4] = [MARGIN[3], MARGIN[0], SIZE.0 - MARGIN[1], SIZE.1 - MARGIN[2]];
/// Width to reckon for a letter, so that a phone's larger letters fit too.
const LETTER: f64 = 9.0 * UNIT as f64;

/// One line of a chart.
pub(super) struct Line {
    /// The key color, one of this module's constants.
    pub(super) color: RGBColor,
    /// Points from left to right; the line breaks where a value is not finite.
    pub(super) points: Vec<(f64, f64)>,
    /// Whether each point gets a dot.
    pub(super) dots: bool,
}

/// Draws a chart as an `<svg>` element, or returns `None` where no line has a finite point.
pub(super) fn draw(
    name: &'static str,
    axis: &Epochs,
    measure: Measure,
    lines: &[Line],
    best: Option<(f64, f64)>,
) -> Result<Option<String>, ReportError> {
    let values = lines.iter().flat_map(|line| &line.points).map(|&(_, y)| y).filter(|&y| measure.shows(y));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    if low > high {
        return Ok(None);
    }
    let (range, step) = vertical(measure, low, high);
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        plot(&area, axis, measure, (range, step), lines, best)
            .and_then(|()| area.present())
            .map_err(|error| ReportError::Chart { name, source: error.into() })?;
    }
    // HTML needs no namespace, and a fixed size would keep the picture from following its box.
    let svg = svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    let size = format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1);
    Ok(Some(svg.replacen(&size, "aria-hidden=\"true\" ", 1)))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Failure<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn plot<'a>(
    area: &Area<'a>,
    axis: &Epochs,
    measure: Measure,
    (range, step): (Range<f64>, f64),
    lines: &[Line],
    best: Option<(f64, f64)>,
) -> Result<(), Failure<'a>> {
    let (left, right) = (axis.range.start, axis.range.end);
    let mut chart = ChartBuilder::on(area)
        .margin_top(MARGIN[0])
        .margin_right(MARGIN[1])
        .x_label_area_size(MARGIN[2])
        .y_label_area_size(MARGIN[3])
        .build_cartesian_2d(left..right, range)?;

    labels(area, &mut chart, axis, (measure, step))?;
    for line in lines {
        draw_line(&mut chart, measure, line)?;
    }
    if let Some(point) = best.filter(|&(_, y)| measure.shows(y)) {
        chart.draw_series([Circle::new(point, 7 * UNIT, BEST.stroke_width(2 * UNIT))])?;
    }
    Ok(())
}

/// The lines of the grid with their numbers, and the phases.
fn labels<'a>(
    area: &Area<'a>,
    chart: &mut Chart<'a, '_>,
    axis: &Epochs,
    (measure, step): (Measure, f64),
) -> Result<(), Failure<'a>> {
    let (left, right) = (axis.range.start, axis.range.end);
    let vertical = chart.y_range();
    let (bottom, top) = (vertical.start, vertical.end);
    let letters = ("sans-serif", 13 * UNIT).into_font().color(&LABEL);
    let gap = 9 * UNIT as i32;
    let beside = letters.pos(Pos::new(HPos::Right, VPos::Center));
    let below = letters.pos(Pos::new(HPos::Center, VPos::Top));
    let above = letters.pos(Pos::new(HPos::Left, VPos::Bottom));
    for y in multiples(step, &(bottom - step * 0.01..top + step * 0.01)) {
        chart.draw_series([PathElement::new([(left, y), (right, y)], GRID.stroke_width(UNIT))])?;
        let label = match measure {
            Measure::Share => format!("{} %", number(y * 100.0, step * 100.0)),
            Measure::FromZero => number(y, step),
            Measure::Log => format!("1e{y:.0}"),
        };
        let at = chart.backend_coord(&(left, y));
        area.draw(&Text::new(label, (at.0 - gap, at.1), beside.clone()))?;
    }
    for x in axis.ticks() {
        let at = chart.backend_coord(&(x, bottom));
        area.draw(&Text::new(format!("{x:.0}"), (at.0, at.1 + gap), below.clone()))?;
    }
    if axis.phases.len() > 1 {
        for (index, (phase, extent)) in axis.phases.iter().enumerate() {
            let left = chart.backend_coord(&(extent.start, top));
            let right = chart.backend_coord(&(extent.end, top));
            if index > 0 {
                let ends = [(extent.start, bottom), (extent.start, top)];
                chart.draw_series([PathElement::new(ends, BOUNDARY.stroke_width(UNIT))])?;
            }
            let room = ((right.0 - left.0) as f64 / LETTER).max(0.0) as usize;
            if room >= 3 {
                area.draw(&Text::new(shorten(phase, room), (left.0, left.1 - gap), above.clone()))?;
            }
        }
    }
    Ok(())
}

/// A line, as far as it can be shown.
fn draw_line<'a>(chart: &mut Chart<'a, '_>, measure: Measure, line: &Line) -> Result<(), Failure<'a>> {
    for run in line.points.split(|&(_, y)| !measure.shows(y)) {
        let style = line.color.stroke_width(2 * UNIT);
        chart.draw_series(LineSeries::new(run.iter().copied(), style))?;
        // A run of one point has no line: without its dot it would vanish.
        if line.dots || run.len() == 1 {
            let dot = |&point: &(f64, f64)| Circle::new(point, 3 * UNIT, line.color.filled());
            chart.draw_series(run.iter().map(dot))?;
        }
    }
    Ok(())
}

fn shorten(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
