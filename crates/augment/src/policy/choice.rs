//! Chance around a transform: sometimes, or one of several.

use image::RgbImage;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

/// A transform with probability `p`, otherwise the picture as it is. The transform has a stream of
/// its own.
#[derive(Debug)]
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

/// One of several transforms, all equally likely, with a stream that depends on its place in the
/// list.
#[derive(Debug)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageOp;

    #[test]
    fn about_p_are_changed_and_each_of_several_takes_its_turn() {
        let picture = RgbImage::from_pixel(1, 1, image::Rgb([9, 60, 200]));
        let (maybe, root) = (Maybe::new(0.3, ImageOp::Invert).unwrap(), Rng::new(2));
        let changed = (0..4000).filter(|&i| maybe.apply(picture.clone(), &mut root.at(i)) != picture).count();
        assert!((changed as f64 / 4000.0 - 0.3).abs() < 0.03);
        let all: Vec<Box<dyn Transform>> =
            vec![Box::new(ImageOp::Invert), Box::new(ImageOp::Grayscale), Box::new(ImageOp::Identity)];
        let one = OneOf::new(all).unwrap();
        for wanted in [ImageOp::Invert, ImageOp::Grayscale, ImageOp::Identity] {
            let wanted = wanted.of(picture.clone());
            let count = (0..3000).filter(|&i| one.apply(picture.clone(), &mut root.at(i)) == wanted).count();
            assert!((900..1100).contains(&count), "{count}");
        }
        assert!(OneOf::new(Vec::new()).is_err() && Maybe::new(1.5, ImageOp::Invert).is_err());
    }
}
