//! From bytes to the numbers a network was trained with.

use crate::error::AugmentError;
use image::RgbImage;

/// Writes a picture as floats with the mean and spread that a network expects:
///
/// ```text
/// out = (x / 255 - mean) / std      per channel, x in 0..=255
/// ```
///
/// The operations of torchvision's `ToTensor` and `Normalize`, in their order, in single precision.
///
/// # Shapes
/// (height, width) picture -> (height, width, 3) floats, interleaved, row by row.
///
/// # Examples
/// ```
/// use taper_augment::{Normalize, RgbImage};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let mut slot = [0.0; 3];
/// let white = RgbImage::from_pixel(1, 1, image::Rgb([255; 3]));
/// Normalize::new([0.5; 3], [0.5, 0.25, 1.0])?.write(&white, &mut slot)?;
/// assert_eq!(slot, [1.0, 2.0, 0.5]);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    mean: [f32; 3],
    std: [f32; 3],
    /// What each byte becomes, per channel.
    table: [[f32; 256]; 3],
}

impl Normalize {
    /// The mean of ImageNet's training pictures: red, green, blue, as a fraction of full
    /// brightness.
    pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    /// Their standard deviation, in the same unit.
    pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

    /// A mean and a standard deviation for red, green and blue, as fractions of full brightness.
    ///
    /// # Errors
    /// `mean` not finite; `std` not finite or not positive.
    pub fn new(mean: [f32; 3], std: [f32; 3]) -> Result<Self, AugmentError> {
        let refuse = |field, got: f32, wanted| Err(AugmentError::Number { field, got: f64::from(got), wanted });
        for (mean, std) in mean.into_iter().zip(std) {
            if !mean.is_finite() {
                return refuse("mean", mean, "a finite number");
            }
            // Smaller than the smallest normal number, the quotient overflows.
            if !std.is_finite() || std < f32::MIN_POSITIVE {
                return refuse("std", std, "a finite number above 0");
            }
        }
        Ok(Self::tabulate(mean, std))
    }

    /// ImageNet's mean and standard deviation, which nearly all pretrained weights expect.
    pub fn imagenet() -> Self {
        Self::tabulate(Self::IMAGENET_MEAN, Self::IMAGENET_STD)
    }

    /// The mean of each channel, as a fraction of full brightness.
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// The standard deviation of each channel, as a fraction of full brightness.
    pub fn std(&self) -> [f32; 3] {
        self.std
    }

    /// Writes `image` into `out`, a picture's slot of the batch.
    ///
    /// # Errors
    /// `out` is not width x height x 3 long; it is left as it was.
    pub fn write(&self, image: &RgbImage, out: &mut [f32]) -> Result<(), AugmentError> {
        let wanted = image.width() as usize * image.height() as usize * 3;
        if out.len() != wanted {
            return Err(AugmentError::Length { field: "out", got: out.len(), wanted });
        }
        let (pixels, _) = image.as_chunks::<3>();
        let (slots, _) = out.as_chunks_mut::<3>();
        let [red, green, blue] = &self.table;
        for (slot, &[r, g, b]) in slots.iter_mut().zip(pixels) {
            *slot = [red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]];
        }
        Ok(())
    }

    fn tabulate(mean: [f32; 3], std: [f32; 3]) -> Self {
        let mut table = [[0.0; 256]; 3];
        for (channel, values) in table.iter_mut().enumerate() {
            for (x, value) in (0u8..=255).zip(values) {
                *value = (f32::from(x) / 255.0 - mean[channel]) / std[channel];
            }
        }
        Self { mean, std, table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn values_by_hand() {
        let picture = RgbImage::from_fn(2, 1, |x, _| Rgb([255 * x as u8, 51, 102]));
        let mut out = [0.0; 6];
        Normalize::imagenet().write(&picture, &mut out).unwrap();
        // 51 / 255 = 0.2 and 102 / 255 = 0.4
        let (green, blue) = ((0.2 - 0.456) / 0.224, (0.4 - 0.406) / 0.225);
        let wanted = [-0.485 / 0.229, green, blue, 0.515 / 0.229, green, blue];
        for (got, wanted) in out.iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-6, "{got} for {wanted}");
        }
    }

    #[test]
    fn a_slot_of_the_wrong_length_is_refused_and_left_alone() {
        let mut out = [7.0; 5];
        let refused = Normalize::imagenet().write(&RgbImage::new(2, 1), &mut out);
        assert_eq!(refused, Err(AugmentError::Length { field: "out", got: 5, wanted: 6 }));
        assert_eq!(out, [7.0; 5]);
        assert_eq!(Normalize::imagenet().write(&RgbImage::new(0, 9), &mut []), Ok(()));
    }

    #[test]
    fn a_spread_that_cannot_divide_is_refused() {
        for std in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
            let refused = Normalize::new([0.0; 3], [1.0, std, 1.0]);
            assert!(matches!(refused, Err(AugmentError::Number { field: "std", .. })), "{std}");
        }
        let refused = Normalize::new([0.0, 0.0, f32::NAN], [1.0; 3]);
        assert!(matches!(refused, Err(AugmentError::Number { field: "mean", .. })));
        let imagenet = Normalize::imagenet();
        assert_eq!(Normalize::new(imagenet.mean(), imagenet.std()), Ok(imagenet));
    }
}
