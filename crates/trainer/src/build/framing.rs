//! From a picture of any size to the square that a network sees in testing.

use serde::{Deserialize, Serialize};
use taper_augment::{AugmentError, CenterCrop, Compose, Interpolation, Resize};
use taper_data::Need;
use taper_transfer::Manifest;

/// How a picture of any size becomes the square that a network sees: its short side is resized, and
/// the middle cut out.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Framing {
    /// What it is resized by. Default bilinear.
    pub filter: Interpolation,
    /// How much of the short side the square has, a fraction. Default 1, all of it.
    pub crop: f64,
}

impl Default for Framing {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Framing {
    /// The whole short side, bilinear: how a network is trained and tested here.
    pub const USUAL: Self = Self { filter: Interpolation::Bilinear, crop: 1.0 };

    /// As who published the weights prepares pictures.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let filter = match manifest.interpolation {
            taper_transfer::Interpolation::Bicubic => Interpolation::Bicubic,
            _ => Interpolation::Bilinear,
        };
        Self { filter, crop: manifest.crop }
    }

    /// Whether it is the default, which cards leave out.
    pub(crate) fn is_usual(&self) -> bool {
        *self == Self::USUAL
    }

    /// From a picture to the square, as a transform.
    ///
    /// # Errors
    /// When the size is 0 or too large.
    pub fn transform(&self, size: u32) -> Result<Compose, AugmentError> {
        let (resize, cut) = (Resize::new(self.short_side(size), self.filter)?, CenterCrop::new(size)?);
        Ok(Compose(vec![Box::new(resize), Box::new(cut)]))
    }

    /// What it needs of a picture: it begins by shrinking the short side. A picture that is shrunk
    /// while it is decoded comes out the same by the bilinear filter alone.
    pub fn need(&self, size: u32) -> Need {
        match self.filter {
            Interpolation::Bilinear => Need::ShortSide(self.short_side(size)),
            Interpolation::Bicubic => Need::All,
        }
    }

    /// The short side of a picture of which a square of `size` pixels is cut.
    pub fn short_side(&self, size: u32) -> u32 {
        (f64::from(size) / self.crop).floor() as u32
    }
}
