//! What is done to pictures.

use serde::{Deserialize, Serialize};

/// What is done to a picture in training; in testing it is resized and cut in the centre.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentRecipe {
    /// Range of the area of the random crop, fraction of the picture. `[1, 1]`, the default, takes the
    /// centre crop.
    pub crop_scale: (f64, f64),
    /// Probability of a horizontal flip. Default 0.5.
    pub flip: f64,
    /// Largest rotation to either side, degrees. Default 10.
    pub rotation: f64,
    /// Range of the zoom, factor. Default `[1, 1.1]`.
    pub zoom: (f64, f64),
    /// Largest shift, fraction of the side. Default 0.
    pub translate: f64,
    /// Largest change of brightness, fraction. Default 0.2.
    pub brightness: f64,
    /// Largest change of contrast, fraction. Default 0.2.
    pub contrast: f64,
    /// Largest change of saturation, fraction. Default 0.
    pub saturation: f64,
    /// Probability that a rectangle is erased. Default 0.
    pub erasing: f64,
    /// Side of a square that is cut out, pixels; 0 for none. Default 0.
    pub cutout: u32,
}

impl Default for AugmentRecipe {
    fn default() -> Self {
        Self { flip: 0.5, rotation: 10.0, zoom: (1.0, 1.1), brightness: 0.2, contrast: 0.2, ..Self::none() }
    }
}

impl AugmentRecipe {
    /// Pictures in training as in testing.
    pub fn none() -> Self {
        Self {
            crop_scale: (1.0, 1.0),
            flip: 0.0,
            rotation: 0.0,
            zoom: (1.0, 1.0),
            translate: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            erasing: 0.0,
            cutout: 0,
        }
    }
}
