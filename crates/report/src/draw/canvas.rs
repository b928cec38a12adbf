//! Strokes, shapes and letters on an SVG, in pixels.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{DrawError, Point};

/// Units to a pixel: the library rounds places to whole units, which would show as steps.
const UNIT: f64 = 8.0;
/// The library takes a size for the height of a line and makes letters of it that are smaller by
/// this factor.
const LINE: f64 = 1.24;

pub(crate) const TEXT: RGBColor = RGBColor(0x1B, 0x1A, 0x18);
pub(crate) const LABEL: RGBColor = RGBColor(0x5C, 0x59, 0x53);
pub(crate) const FRAME: RGBColor = RGBColor(0x9A, 0x96, 0x8D);
pub(crate) const GRID: RGBColor = RGBColor(0xE5, 0xE2, 0xDB);

/// What a picture is drawn on.
pub(crate) struct Canvas<'a> {
    backend: SVGBackend<'a>,
}

/// Size, weight and place of letters.
#[derive(Clone, Copy)]
pub(crate) struct Letters {
    /// Pixels.
    pub(crate) size: f64,
    pub(crate) color: RGBColor,
    pub(crate) bold: bool,
    /// Which side of the text the given place is.
    pub(crate) side: HPos,
    /// Which edge of the text the given place is.
    pub(crate) edge: VPos,
}

impl Letters {
    /// Gray, 11 pixels, to the right of the place.
    pub(crate) const SMALL: Self = Self { size: 11.0, color: LABEL, bold: false, side: HPos::Left, edge: VPos::Center };
    /// Dark, 13 pixels, bold, to the right of the place and above it.
    pub(crate) const TITLE: Self = Self { size: 13.0, color: TEXT, bold: true, side: HPos::Left, edge: VPos::Bottom };
}

/// An SVG of `width` by `height` pixels on white.
pub(crate) fn picture(
    [width, height]: [f64; 2],
    draw: impl FnOnce(&mut Canvas<'_>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let units = [width, height].map(|side| (side * UNIT).round() as u32);
    let mut svg = String::new();
    {
        let mut canvas = Canvas { backend: SVGBackend::with_string(&mut svg, (units[0], units[1])) };
        canvas.fill(&[[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]], WHITE)?;
        draw(&mut canvas)?;
        canvas.backend.present().map_err(DrawError::of)?;
    }
    // The size is in pixels; corners of lines are round.
    let before = format!("width=\"{}\" height=\"{}\"", units[0], units[1]);
    let after = format!("width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\"");
    Ok(svg.replacen(&before, &after, 1))
}

impl Canvas<'_> {
    /// A line through points.
    pub(crate) fn stroke(&mut self, points: &[Point], color: RGBColor, width: f64) -> Result<(), DrawError> {
        let style = ShapeStyle { stroke_width: units(width) as u32, ..color.stroke_width(1) };
        self.backend.draw_path(points.iter().map(at), &style).map_err(DrawError::of)
    }

    /// A filled polygon.
    pub(crate) fn fill(&mut self, points: &[Point], color: RGBColor) -> Result<(), DrawError> {
        self.backend.fill_polygon(points.iter().map(at), &color.filled()).map_err(DrawError::of)
    }

    /// A filled circle.
    pub(crate) fn disc(&mut self, place: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        self.backend.draw_circle(at(&place), units(radius) as u32, &color.filled(), true).map_err(DrawError::of)
    }

    /// A line of text.
    pub(crate) fn text(&mut self, text: &str, place: Point, letters: Letters) -> Result<(), DrawError> {
        let Letters { size, color, bold, side, edge } = letters;
        let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, size * UNIT * LINE, style).color(&color);
        self.backend.draw_text(text, &font.pos(Pos::new(side, edge)), at(&place)).map_err(DrawError::of)
    }
}

fn units(pixels: f64) -> i32 {
    (pixels * UNIT).round() as i32
}

fn at(&[x, y]: &Point) -> (i32, i32) {
    (units(x), units(y))
}
