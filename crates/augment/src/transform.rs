//! What a transform is, and several in a row.

use std::fmt;

use image::RgbImage;
use taper_tensor::Rng;

/// From a picture to a picture; what it draws comes from the stream passed in.
///
/// Settings are checked when a transform is built. Applying it cannot fail and does not panic, for
/// pictures of any size: one without a single pixel comes back as it is, or black in the size the
/// transform promises.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, Rng, Transform};
/// #[derive(Debug)]
/// struct Invert;
/// impl Transform for Invert {
///     fn apply(&self, mut image: RgbImage, _: &mut Rng) -> RgbImage {
///         image.iter_mut().for_each(|value| *value = 255 - *value);
///         image
///     }
/// }
/// assert_eq!(Invert.apply(RgbImage::new(1, 1), &mut Rng::new(0)).into_raw(), [255; 3]);
/// ```
pub trait Transform: fmt::Debug + Send + Sync {
    /// The transformed picture: a pure function of `image` and the stream.
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage;
}

impl<T: Transform + ?Sized> Transform for Box<T> {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        (**self).apply(image, rng)
    }
}

/// Transforms one after the other, each with a stream of its own.
///
/// ```text
/// x_0 = image,  x_{i+1} = T_i(x_i; key(parent, i))
/// ```
///
/// The stream of a child depends on its position `i` and on the key of the stream passed in, not on
/// what others draw: changing one transform leaves the chance of the rest as it was. The position
/// in the stream passed in is neither read nor moved. Without children it is the identity.
///
/// # Examples
/// ```
/// use taper_augment::{CenterCrop, Interpolation, Resize, RgbImage, Rng, Compose, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let test = Compose(vec![Box::new(Resize::new(256, Interpolation::Bilinear)?), Box::new(CenterCrop::new(224)?)]);
/// let picture = test.apply(RgbImage::new(500, 375), &mut Rng::new(0));
/// assert_eq!(picture.dimensions(), (224, 224));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Compose(pub Vec<Box<dyn Transform>>);

impl Transform for Compose {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let children = self.0.iter().zip(0..);
        children.fold(image, |image, (child, i)| child.apply(image, &mut rng.at(i)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws `draws` numbers and writes the last one into the only pixel.
    #[derive(Debug)]
    struct Draw {
        draws: usize,
        channel: usize,
    }

    impl Transform for Draw {
        fn apply(&self, mut image: RgbImage, rng: &mut Rng) -> RgbImage {
            for _ in 0..self.draws {
                image[(0, 0)].0[self.channel] = rng.below(256) as u8;
            }
            image
        }
    }

    fn two(first: usize) -> Compose {
        let first = Draw { draws: first, channel: 0 };
        Compose(vec![Box::new(first), Box::new(Draw { draws: 1, channel: 1 })])
    }

    #[test]
    fn a_child_does_not_feel_how_much_another_draws() {
        let picture = RgbImage::new(1, 1);
        let mut rng = Rng::new(4);
        let a = two(1).apply(picture.clone(), &mut rng);
        rng.uniform(0.0, 1.0);
        let b = two(9).apply(picture, &mut rng);
        assert_ne!(a[(0, 0)][0], b[(0, 0)][0]);
        assert_eq!(a[(0, 0)][1], b[(0, 0)][1]);
    }

    #[test]
    fn children_at_different_positions_draw_differently() {
        let picture = two(1).apply(RgbImage::new(1, 1), &mut Rng::new(4));
        assert_ne!(picture[(0, 0)][0], picture[(0, 0)][1]);
        let nothing = Compose(Vec::new());
        assert_eq!(nothing.apply(picture.clone(), &mut Rng::new(4)), picture);
    }
}
