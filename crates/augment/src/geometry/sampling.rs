//! How a picture is read between its pixels and beyond its edge.

use serde::{Deserialize, Serialize};

/// The weights of the input pixels around the place `t` of an output pixel, in units of one output
/// pixel where the picture shrinks (so that it is antialiased) and of one input pixel where it
/// grows.
///
/// # References
/// R. Keys, *Cubic convolution interpolation for digital image processing*, 1981.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// A triangle, `1 - |t|` for `|t| < 1`; the usual choice of torchvision.
    #[default]
    Bilinear,
    /// Keys' cubic with `a = -0.5`, for `|t| < 2`; sharper, the usual choice of timm.
    Bicubic,
}

/// What lies beyond the edge of a picture. As data `"reflect"`, or `{ fill = [0, 0, 0] }`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Border {
    /// One color: red, green, blue.
    Fill([u8; 3]),
    /// The picture mirrored at its edge, again and again (`cba|abc|cba`).
    Reflect,
}

impl Default for Border {
    /// Black, as in torchvision.
    fn default() -> Self {
        Self::Fill([0; 3])
    }
}

/// How a picture is read between its pixels and beyond its edge; the default is bilinear with a
/// black border. A [`Border`] alone will do where one of these is wanted, and stands for bilinear.
///
/// [`Interpolation::Bicubic`] is the cubic of sixteen pixels that PIL maps pictures with, Keys'
/// with `a = -1`, sharper than the one that pictures are scaled with. Neither averages: what gets
/// much smaller skips pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Between the pixels.
    pub interpolation: Interpolation,
    /// Beyond the edge.
    pub border: Border,
}

impl From<Border> for Sampling {
    fn from(border: Border) -> Self {
        Self { border, ..Self::default() }
    }
}
