//! An operation at a random strength.

use image::RgbImage;
use taper_tensor::Rng;

use super::image_op::ImageOp;
use crate::check::check_range;
use crate::error::AugmentError;
use crate::transform::Transform;

/// An operation at a strength that is uniform in a range.
///
/// # Examples
/// ```
/// use taper_augment::{ImageOp, RgbImage, Rng, Transform, Varied};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let blur = Varied::new("sigma", (0.1, 2.0), |sigma| ImageOp::Blur(sigma as f32))?;
/// assert_eq!(blur.apply(RgbImage::new(8, 8), &mut Rng::new(1)).dimensions(), (8, 8));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Varied {
    range: (f64, f64),
    operation: fn(f64) -> ImageOp,
}

impl Varied {
    /// `operation` of numbers from `range.0` to `range.1`; `field` is what an error calls the
    /// range.
    ///
    /// # Errors
    /// `range` reversed, negative or not finite.
    pub fn new(field: &'static str, range: (f64, f64), operation: fn(f64) -> ImageOp) -> Result<Self, AugmentError> {
        check_range(field, range, "0 <= low <= high", |number| number >= 0.0)?;
        Ok(Self { range, operation })
    }
}

impl Transform for Varied {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        (self.operation)(rng.uniform(self.range.0, self.range.1)).of(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_fill_the_range() {
        let (gray, root) = (RgbImage::from_pixel(1, 1, image::Rgb([100; 3])), Rng::new(2));
        let varied = Varied::new("factor", (0.5, 1.5), |factor| ImageOp::Brightness(factor as f32)).unwrap();
        let values: Vec<u8> = (0..500).map(|i| varied.apply(gray.clone(), &mut root.at(i))[(0, 0)].0[0]).collect();
        assert!(values.iter().all(|value| (50..=150).contains(value)));
        assert!(values.iter().any(|&value| value < 60) && values.iter().any(|&value| value > 140));
        assert!(Varied::new("factor", (2.0, 1.0), |_| ImageOp::Invert).unwrap_err().to_string().contains("factor"));
    }
}
