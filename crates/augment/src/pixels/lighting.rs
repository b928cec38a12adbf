//! PCA color augmentation: light changes along the principal components of the colors of a data
//! set.

use image::RgbImage;
use taper_tensor::Rng;

use crate::check::check_number;
use crate::error::AugmentError;
use crate::statistics::Principal;
use crate::transform::Transform;
use crate::vectors::vectorized;

/// One offset for all pixels of a picture, along the principal components of the colors of a data
/// set:
///
/// ```text
/// x + 255 Σ_i a_i λ_i p_i,   a_i ~ N(0, σ²)
/// ```
///
/// with eigenvalues *λ* and eigenvectors *p* of the covariance of red, green and blue in 0..1
/// ([`ColorStatistics`](crate::ColorStatistics)).
///
/// # Examples
/// ```
/// use taper_augment::{Lighting, Principal, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let lighting = Lighting::new(0.1, Principal::imagenet())?;
/// assert_eq!(lighting.apply(RgbImage::new(4, 4), &mut Rng::new(1)).dimensions(), (4, 4));
/// # Ok(()) }
/// ```
///
/// # References
/// A. Krizhevsky, I. Sutskever, G. E. Hinton, *ImageNet Classification with Deep Convolutional
/// Neural Networks*, 2012.
#[derive(Clone, Debug, PartialEq)]
pub struct Lighting {
    sigma: f64,
    components: Principal,
}

impl Lighting {
    /// Offsets with the deviation `sigma` (the paper's 0.1) along these components.
    ///
    /// # Errors
    /// `sigma` negative or not finite.
    pub fn new(sigma: f64, components: Principal) -> Result<Self, AugmentError> {
        check_number("sigma", sigma, "at least 0", |sigma| sigma >= 0.0 && sigma.is_finite())?;
        Ok(Self { sigma, components })
    }
}

impl Transform for Lighting {
    fn apply(&self, mut image: RgbImage, rng: &mut Rng) -> RgbImage {
        let Principal { values, vectors } = self.components;
        let draws = values.map(|value| self.sigma * rng.normal() * value);
        let offset: [f64; 3] = std::array::from_fn(|c| 255.0 * (0..3).map(|i| draws[i] * vectors[i][c]).sum::<f64>());
        shift(&mut image, offset.map(|offset| (offset + 0.5).floor() as i32));
        image
    }
}

/// Adds a number to each channel; what would leave the bytes is cut off.
fn shift(bytes: &mut [u8], offset: [i32; 3]) {
    /// Of whole pixels and whole vectors.
    const LENGTH: usize = 192;
    // Of each pair one is 0.
    let more: [u8; LENGTH] = std::array::from_fn(|i| offset[i % 3].clamp(0, 255) as u8);
    let less: [u8; LENGTH] = std::array::from_fn(|i| offset[i % 3].saturating_neg().clamp(0, 255) as u8);
    vectorized(
        #[inline(always)]
        || {
            for part in bytes.chunks_mut(LENGTH) {
                for (value, (more, less)) in part.iter_mut().zip(more.iter().zip(&less)) {
                    *value = value.saturating_add(*more).saturating_sub(*less);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_a_rounded_sum_cut_off() {
        for (width, offset) in [(1, [0.0, 3.5, -3.5]), (63, [-2.49, 300.0, 0.4]), (129, [1e12, -300.0, -0.5])] {
            let mut values: Vec<u8> = (0..width * 3).map(|i| (i * 37) as u8).collect();
            let wanted = values.iter().zip(offset.iter().cycle());
            let wanted: Vec<u8> = wanted.map(|(&value, offset)| (f64::from(value) + offset).round() as u8).collect();
            shift(&mut values, offset.map(|offset: f64| (offset + 0.5).floor() as i32));
            assert_eq!(values, wanted);
        }
    }

    #[test]
    fn offsets_have_the_covariance_of_the_components() {
        let components = Principal { values: [0.5, 0.0, 0.0], vectors: [[0.6, 0.8, 0.0], [0.0; 3], [0.0; 3]] };
        let (lighting, root) = (Lighting::new(0.1, components).unwrap(), Rng::new(5));
        let plain = RgbImage::from_pixel(2, 1, image::Rgb([128; 3]));
        let mut squares = [0.0; 3];
        for i in 0..4000 {
            let lit = lighting.apply(plain.clone(), &mut root.at(i));
            assert_eq!(lit[(0, 0)], lit[(1, 0)]);
            squares = std::array::from_fn(|c| squares[c] + (f64::from(lit[(0, 0)].0[c]) - 128.0).powi(2));
        }
        // 255 · 0.1 · 0.5 = 12.75, by 0.6 and 0.8.
        for (square, wanted) in squares.into_iter().zip([7.65, 10.2, 0.0]) {
            assert!(((square / 4000.0).sqrt() - wanted).abs() < 0.4, "{square}");
        }
    }
}
