//! Charts: strokes and letters on an SVG, windows with axes, pens, and the pixels of it all.

mod canvas;
mod clip;
mod panel;
mod pen;
mod png;

mod chart;

pub use chart::{Axis, Chart, Look, Scale, Series, chart, short};

pub(crate) use canvas::{Canvas, Letters, TEXT, picture};
pub(crate) use clip::shows;
pub(crate) use panel::{Panel, decades};
pub(crate) use pen::Pen;
pub use png::png;

/// A picture that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("the picture cannot be drawn")]
pub struct DrawError {
    /// What the library says.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl DrawError {
    /// By what a library says.
    pub(crate) fn of(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// A place in the plane.
pub type Point = [f64; 2];

/// The part of the plane that a picture shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The corner with the least coordinates.
    pub low: Point,
    /// The corner with the greatest coordinates.
    pub high: Point,
}
