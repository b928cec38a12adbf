//! Erasing a square.

use image::RgbImage;
use taper_tensor::Rng;

use super::fill::{Fill, hide};
use crate::check::check_number;
use crate::error::AugmentError;
use crate::geometry::Rect;
use crate::transform::Transform;

/// Erases a square with its center anywhere in the picture; the border cuts it, so that less is
/// erased there.
///
/// # Examples
/// ```
/// use taper_augment::{Cutout, Fill, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = Cutout::new(16, Fill::Color([9; 3]))?.apply(RgbImage::new(32, 32), &mut Rng::new(1));
/// let hidden = picture.pixels().filter(|pixel| pixel.0 == [9; 3]).count();
/// assert!((64..=256).contains(&hidden));
/// # Ok(()) }
/// ```
///
/// # References
/// T. DeVries, G. W. Taylor, *Improved Regularization of Convolutional Neural Networks with
/// Cutout*, 2017: a square of half the picture's side for ten classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutout {
    side: u32,
    fill: Fill,
}

impl Cutout {
    /// A square of `side` pixels.
    ///
    /// # Errors
    /// When `side` is 0.
    pub fn new(side: u32, fill: Fill) -> Result<Self, AugmentError> {
        check_number("side", f64::from(side), "1 or more", |side| side > 0.0)?;
        Ok(Self { side, fill })
    }
}

impl Transform for Cutout {
    fn apply(&self, mut image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (width, height) = image.dimensions();
        if width > 0 && height > 0 {
            let half = u64::from(self.side / 2);
            let mut part = |size: u32| {
                let center = rng.below(size as usize) as u64;
                let from = center.saturating_sub(half);
                let to = (center + u64::from(self.side) - half).min(u64::from(size));
                (from as u32, (to - from) as u32)
            };
            let ((left, width), (top, height)) = (part(width), part(height));
            hide(&mut image, Rect { left, top, width, height }, self.fill, rng);
        }
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Fill = Fill::Color([255, 0, 255]);

    /// How many pixels of a black picture are hidden, draw by draw.
    fn hidden(transform: &dyn Transform, size: (u32, u32), draws: u64) -> Vec<usize> {
        let ink = |image: RgbImage| image.pixels().filter(|pixel| pixel.0 == [255, 0, 255]).count();
        (0..draws).map(|k| ink(transform.apply(RgbImage::new(size.0, size.1), &mut Rng::new(4).at(k)))).collect()
    }

    #[test]
    fn a_square_without_pixels_is_refused_by_name() {
        assert!(Cutout::new(0, Fill::Noise).unwrap_err().to_string().starts_with("side is"));
    }

    #[test]
    fn a_square_is_whole_in_the_middle_and_cut_at_the_border() {
        let counts = hidden(&Cutout::new(8, INK).unwrap(), (20, 20), 2000);
        assert!(counts.iter().all(|n| (16..=64).contains(n)) && counts.contains(&64) && counts.contains(&16));
        // Larger than the picture: all of it, where the center is near enough.
        assert!(hidden(&Cutout::new(100, INK).unwrap(), (9, 5), 20).iter().all(|&n| n == 45));
    }
}
