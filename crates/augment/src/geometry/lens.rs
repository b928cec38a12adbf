//! The distortion of a lens.

use image::RgbImage;
use taper_tensor::Rng;

use super::sampling::Sampling;
use super::warp::warp;
use crate::check::check_range;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Radial lens distortion by Brown's model: the pixel at distance *r* from the middle (half the
/// diagonal is 1) shows what was at `r (1 + k1 r² + k2 r⁴)`. Above 0 a barrel, below a pincushion.
///
/// # References
/// D. C. Brown, *Decentering distortion of lenses*, 1966.
pub fn lens_distortion(image: RgbImage, k1: f64, k2: f64, sampling: impl Into<Sampling>) -> RgbImage {
    if (k1 == 0.0 && k2 == 0.0) || image.width() == 0 || image.height() == 0 {
        return image;
    }
    let (cx, cy) = (f64::from(image.width()) / 2.0, f64::from(image.height()) / 2.0);
    let half = cx.hypot(cy);
    warp(
        image,
        sampling.into(),
        #[inline(always)]
        |row, column, xs, ys| {
            let dy = row as f64 + 0.5 - cy;
            for (i, (x, y)) in xs.iter_mut().zip(ys).enumerate() {
                let dx = f64::from((column + i) as i32) + 0.5 - cx;
                let r2 = (dx * dx + dy * dy) / (half * half);
                let factor = 1.0 + k1 * r2 + k2 * r2 * r2;
                *x = (cx + factor * dx) as f32;
                *y = (cy + factor * dy) as f32;
            }
        },
    )
}

/// [`lens_distortion`] with uniform coefficients.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomLens {
    k1: (f64, f64),
    k2: (f64, f64),
    sampling: Sampling,
}

impl RandomLens {
    /// Coefficients from the first to the second of each pair; (-0.2, 0.2) and (0, 0) are mild.
    ///
    /// # Errors
    /// `k1` or `k2` reversed or outside [-1, 1].
    pub fn new(k1: (f64, f64), k2: (f64, f64), sampling: impl Into<Sampling>) -> Result<Self, AugmentError> {
        for (field, ends) in [("k1", k1), ("k2", k2)] {
            check_range(field, ends, "-1 <= low <= high <= 1", |k| (-1.0..=1.0).contains(&k))?;
        }
        Ok(Self { k1, k2, sampling: sampling.into() })
    }
}

impl Transform for RandomLens {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (k1, k2) = (rng.uniform(self.k1.0, self.k1.1), rng.uniform(self.k2.0, self.k2.1));
        lens_distortion(image, k1, k2, self.sampling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Border;
    use image::Rgb;

    #[test]
    fn a_barrel_draws_the_edge_in_and_a_pincushion_pushes_it_out() {
        let mut picture = RgbImage::new(41, 41);
        picture[(36, 20)] = Rgb([255; 3]);
        let brightest = |image: &RgbImage| (0..41).max_by_key(|&x| image[(x, 20)][0]).unwrap();
        assert!(brightest(&lens_distortion(picture.clone(), 0.3, 0.0, Border::default())) < 36);
        assert!(brightest(&lens_distortion(picture, -0.2, 0.0, Border::default())) > 36);
    }
}
