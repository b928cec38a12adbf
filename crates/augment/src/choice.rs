//! Chance around a transform: sometimes, or one of several.

use image::RgbImage;
use taper_tensor::Rng;

use crate::error::{AugmentError, check_number, check_range};
use crate::{Operation, Transform};

/// A transform with probability `p`, otherwise the picture as it is. The transform has a stream of its own.
pub struct Maybe {
    p: f64,
    transform: Box<dyn Transform>,
}

impl Maybe {
    /// `transform` with probability `p` (a fraction).
    ///
    /// # Errors
    /// `p` outside [0, 1].
    pub fn new(p: f64, transform: impl Transform + 'static) -> Result<Self, AugmentError> {
        check_number("p", p, "a fraction within [0, 1]", |p| (0.0..=1.0).contains(&p))?;
        Ok(Self { p, transform: Box::new(transform) })
    }
}

impl Transform for Maybe {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        if rng.chance(self.p) { self.transform.apply(image, &mut rng.at(0)) } else { image }
    }
}

/// One of several transforms, all equally likely, with a stream that depends on its place in the list.
pub struct OneOf(Vec<Box<dyn Transform>>);

impl OneOf {
    /// One of `transforms`.
    ///
    /// # Errors
    /// `transforms` without any.
    pub fn new(transforms: Vec<Box<dyn Transform>>) -> Result<Self, AugmentError> {
        check_number("transforms", transforms.len() as f64, "1 or more", |n| n > 0.0)?;
        Ok(Self(transforms))
    }
}

impl Transform for OneOf {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let chosen = rng.below(self.0.len());
        self.0[chosen].apply(image, &mut rng.at(chosen as u64))
    }
}

/// An operation at a strength that is uniform in a range.
///
/// # Examples
/// ```
/// use taper_augment::{Operation, RgbImage, Rng, Transform, Varied};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let blur = Varied::new("sigma", (0.1, 2.0), |sigma| Operation::Blur(sigma as f32))?;
/// assert_eq!(blur.apply(RgbImage::new(8, 8), &mut Rng::new(1)).dimensions(), (8, 8));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Varied {
    range: (f64, f64),
    operation: fn(f64) -> Operation,
}

impl Varied {
    /// `operation` of numbers from `range.0` to `range.1`; `field` is what an error calls the range.
    ///
    /// # Errors
    /// `range` reversed, negative or not finite.
    pub fn new(field: &'static str, range: (f64, f64), operation: fn(f64) -> Operation) -> Result<Self, AugmentError> {
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
    fn about_p_are_changed_and_each_of_several_takes_its_turn() {
        let picture = RgbImage::from_pixel(1, 1, image::Rgb([9, 60, 200]));
        let (maybe, root) = (Maybe::new(0.3, Operation::Invert).unwrap(), Rng::new(2));
        let changed = (0..4000).filter(|&i| maybe.apply(picture.clone(), &mut root.at(i)) != picture).count();
        assert!((changed as f64 / 4000.0 - 0.3).abs() < 0.03);
        let all: Vec<Box<dyn Transform>> =
            vec![Box::new(Operation::Invert), Box::new(Operation::Grayscale), Box::new(Operation::Identity)];
        let one = OneOf::new(all).unwrap();
        for wanted in [Operation::Invert, Operation::Grayscale, Operation::Identity] {
            let wanted = wanted.of(picture.clone());
            let count = (0..3000).filter(|&i| one.apply(picture.clone(), &mut root.at(i)) == wanted).count();
            assert!((900..1100).contains(&count), "{count}");
        }
        let gray = RgbImage::from_pixel(1, 1, image::Rgb([100; 3]));
        let varied = Varied::new("factor", (0.5, 1.5), |factor| Operation::Brightness(factor as f32)).unwrap();
        let values: Vec<u8> = (0..500).map(|i| varied.apply(gray.clone(), &mut root.at(i))[(0, 0)].0[0]).collect();
        assert!(values.iter().all(|value| (50..=150).contains(value)));
        assert!(values.iter().any(|&value| value < 60) && values.iter().any(|&value| value > 140));
        assert!(Varied::new("factor", (2.0, 1.0), |_| Operation::Invert).unwrap_err().to_string().contains("factor"));
        assert!(OneOf::new(Vec::new()).is_err() && Maybe::new(1.5, Operation::Invert).is_err());
    }
}
