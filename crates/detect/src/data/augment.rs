//! Random changes of a picture that move its boxes along.

use serde::{Deserialize, Serialize};
use taper_augment::{Interpolation, Rect, crop, hflip, resize};
use taper_data::RgbImage;
use taper_tensor::Rng;

use super::error::AnnotationError;
use super::set::Object;
use crate::boxes::BBox;

/// The share of an object that a cut must leave of it; what has less left is
/// [ignored](Object::ignored).
const VISIBLE: f32 = 0.25;

/// How pictures are changed at random while a network is trained.
///
/// # References
/// G. Ghiasi et al., *Simple Copy-Paste is a Strong Data Augmentation Method for Instance
/// Segmentation*, 2021 (scale jitter).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// The probability that left and right change places. Default 0.5, the papers' and
    /// torchvision's.
    pub flip: f64,
    /// The smallest factor of a picture's size, in (0, 1]. Default 0.8.
    pub smallest: f64,
    /// The largest, 1 or more; what is larger than the picture was is cut at a random place.
    /// Default 1.25. torchvision's reference training leaves the size as it is.
    pub largest: f64,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self { flip: 0.5, smallest: 0.8, largest: 1.25 }
    }
}

impl AugmentConfig {
    /// No change at all.
    pub const NONE: Self = Self { flip: 0.0, smallest: 1.0, largest: 1.0 };

    /// Refuses numbers out of their range.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), AnnotationError> {
        let Self { flip, smallest, largest } = *self;
        for (field, wanted, got, good) in [
            ("augment.flip", "in [0, 1]", flip, (0.0..=1.0).contains(&flip)),
            ("augment.smallest", "in [0.1, 1]", smallest, (0.1..=1.0).contains(&smallest)),
            ("augment.largest", "in [1, 4]", largest, (1.0..=4.0).contains(&largest)),
        ] {
            if !good {
                return Err(AnnotationError::Setting { field, wanted, got });
            }
        }
        Ok(())
    }

    /// What happens to a picture that would have `size` pixels (width, height) without change.
    pub(super) fn drawn(&self, size: (u32, u32), rng: &mut Rng) -> Change {
        // A factor and its inverse are equally likely.
        let factor = rng.uniform(self.smallest.ln(), self.largest.ln()).exp();
        let flipped = rng.chance(self.flip);
        let scaled = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
        let resized = (scaled(size.0), scaled(size.1));
        let window = (resized.0.min(size.0), resized.1.min(size.1));
        let mut start = |side: u32, window: u32| rng.below((side - window + 1) as usize) as u32;
        let (left, top) = (start(resized.0, window.0), start(resized.1, window.1));
        Change { resized, window: Rect { left, top, width: window.0, height: window.1 }, flipped }
    }
}

/// A picture scaled, cut and mirrored, in this order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    resized: (u32, u32),
    window: Rect,
    flipped: bool,
}

impl Change {
    /// Another size, and nothing else.
    pub(super) fn resized(size: (u32, u32)) -> Self {
        Self { resized: size, window: Rect { left: 0, top: 0, width: size.0, height: size.1 }, flipped: false }
    }

    /// The picture after it.
    pub(super) fn picture(&self, picture: RgbImage) -> RgbImage {
        let picture = resize(picture, self.resized.0, self.resized.1, Interpolation::Bilinear);
        let whole = picture.dimensions() == (self.window.width, self.window.height);
        let picture = if whole { picture } else { crop(&picture, self.window) };
        if self.flipped { hflip(picture) } else { picture }
    }

    /// How many times as wide and as high things are.
    pub(super) fn scale(&self, original: (u32, u32)) -> (f32, f32) {
        let ratio = |new: u32, old: u32| new as f32 / old.max(1) as f32;
        (ratio(self.resized.0, original.0), ratio(self.resized.1, original.1))
    }

    /// A box after it, clipped to the window.
    pub(super) fn bbox(&self, bbox: &BBox, original: (u32, u32)) -> BBox {
        let (x, y) = self.scale(original);
        let Rect { left, top, width, height } = self.window;
        let moved = bbox.scaled(x, y).moved(-(left as f32), -(top as f32)).clipped(width as f32, height as f32);
        if self.flipped { moved.mirrored(width as f32) } else { moved }
    }

    /// An object after it.
    pub(super) fn object(&self, object: &Object, original: (u32, u32)) -> Object {
        let (x, y) = self.scale(original);
        let bbox = self.bbox(&object.bbox, original);
        let hidden = bbox.area() < VISIBLE * object.bbox.area() * x * y || bbox.area() <= 0.0;
        Object { bbox, ignored: object.ignored || hidden, ..*object }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_stays_on_what_it_was_on() {
        // A red rectangle on black, and its box.
        let bbox = BBox::new(12.0, 6.0, 30.0, 20.0);
        let mut picture = RgbImage::new(48, 32);
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            if (12..30).contains(&x) && (6..20).contains(&y) {
                pixel.0 = [255, 0, 0];
            }
        }
        let object = Object { bbox, class: 0, ignored: false };
        let config = AugmentConfig { flip: 0.5, smallest: 0.5, largest: 2.0 };
        for seed in 0..40 {
            let change = config.drawn((48, 32), &mut Rng::new(seed));
            let moved = change.object(&object, (48, 32));
            let after = change.picture(picture.clone());
            assert!(after.width() <= 48 && after.height() <= 32);
            for (x, y, pixel) in after.enumerate_pixels() {
                let (x, y) = (x as f32 + 0.5, y as f32 + 0.5);
                let inside = |by: f32| {
                    let b = moved.bbox;
                    x > b.x1 + by && x < b.x2 - by && y > b.y1 + by && y < b.y2 - by
                };
                assert!(!inside(2.0) || pixel[0] > 200, "{seed}: {x} {y} {:?}", moved.bbox);
                assert!(inside(-2.0) || pixel[0] < 55, "{seed}: {x} {y} {:?}", moved.bbox);
            }
        }
        assert!(AugmentConfig { largest: 0.5, ..config }.check().is_err());
    }

    #[test]
    fn what_a_cut_leaves_little_of_is_ignored() {
        let change = Change { window: Rect { left: 10, top: 0, width: 20, height: 32 }, ..Change::resized((48, 32)) };
        let object = |x1, x2| Object { bbox: BBox::new(x1, 0.0, x2, 8.0), class: 0, ignored: false };
        assert!(change.object(&object(0.0, 12.0), (48, 32)).ignored);
        assert!(!change.object(&object(0.0, 14.0), (48, 32)).ignored);
        assert!(change.object(&object(40.0, 48.0), (48, 32)).ignored);
    }
}
