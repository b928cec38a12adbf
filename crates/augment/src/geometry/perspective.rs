//! Perspective: a picture as a plane that is seen from the side.

use image::RgbImage;
use taper_tensor::Rng;

use super::sampling::Sampling;
use super::warp::warp;
use crate::check::check_number;
use crate::error::AugmentError;
use crate::transform::Transform;

/// Four corners: upper left, upper right, lower right, lower left, each as (x, y).
pub type Corners = [(f64, f64); 4];

/// Moves four points of the picture to four others, and all between them as a plane is seen: lines
/// stay lines. A picture whose corners cannot be moved so, such as three on one line, stays as it
/// is.
///
/// ```text
/// source = ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1))
/// ```
///
/// # Examples
/// ```
/// use taper_augment::{Border, RgbImage, perspective};
/// let corners = [(0.0, 0.0), (63.0, 0.0), (63.0, 63.0), (0.0, 63.0)];
/// let tilted = [(8.0, 4.0), (60.0, 0.0), (63.0, 63.0), (0.0, 58.0)];
/// assert_eq!(perspective(RgbImage::new(64, 64), corners, tilted, Border::Reflect).dimensions(), (64, 64));
/// ```
pub fn perspective(image: RgbImage, from: Corners, to: Corners, sampling: impl Into<Sampling>) -> RgbImage {
    let mut rows = [[0.0; 9]; 8];
    for (i, ((fx, fy), (tx, ty))) in from.into_iter().zip(to).enumerate() {
        rows[2 * i] = [tx, ty, 1.0, 0.0, 0.0, 0.0, -fx * tx, -fx * ty, fx];
        rows[2 * i + 1] = [0.0, 0.0, 0.0, tx, ty, 1.0, -fy * tx, -fy * ty, fy];
    }
    let Some([a, b, c, d, e, f, g, h]) = solve(rows).filter(|_| image.width() > 0 && image.height() > 0) else {
        return image;
    };
    warp(
        image,
        sampling.into(),
        #[inline(always)]
        |row, column, xs, ys| {
            let y = row as f64 + 0.5;
            for (i, (to_x, to_y)) in xs.iter_mut().zip(ys).enumerate() {
                let x = f64::from((column + i) as i32) + 0.5;
                let depth = g * x + h * y + 1.0;
                *to_x = ((a * x + b * y + c) / depth) as f32;
                *to_y = ((d * x + e * y + f) / depth) as f32;
            }
        },
    )
}

/// Eight linear equations by elimination with pivots; none where they have no one solution.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for k in 0..8 {
        let pivot = (k..8).max_by(|&i, &j| rows[i][k].abs().total_cmp(&rows[j][k].abs()))?;
        rows.swap(k, pivot);
        let row = rows[k];
        if !(row[k].abs() > 1e-9 && row.iter().all(|value| value.is_finite())) {
            return None;
        }
        for (_, other) in rows.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = other[k] / row[k];
            other.iter_mut().zip(row).for_each(|(value, above)| *value -= factor * above);
        }
    }
    Some(std::array::from_fn(|k| rows[k][8] / rows[k][k]))
}

/// Each corner of the picture moved inwards by a uniform part, up to `distortion` of half a side
/// ([`perspective`]).
///
/// # Examples
/// ```
/// use taper_augment::{Border, RandomPerspective, RgbImage, Rng, Transform};
/// # fn main() -> Result<(), taper_augment::AugmentError> {
/// let picture = RandomPerspective::new(0.3, Border::Reflect)?.apply(RgbImage::new(64, 48), &mut Rng::new(1));
/// assert_eq!(picture.dimensions(), (64, 48));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RandomPerspective {
    distortion: f64,
    sampling: Sampling,
}

impl RandomPerspective {
    /// Corners up to `distortion` of half a side inwards; torchvision's 0.5.
    ///
    /// # Errors
    /// `distortion` outside [0, 1).
    pub fn new(distortion: f64, sampling: impl Into<Sampling>) -> Result<Self, AugmentError> {
        check_number("distortion", distortion, "within [0, 1)", |d| (0.0..1.0).contains(&d))?;
        Ok(Self { distortion, sampling: sampling.into() })
    }
}

impl Transform for RandomPerspective {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        if self.distortion == 0.0 {
            return image;
        }
        let (w, h) = (f64::from(image.width()), f64::from(image.height()));
        let mut inwards = |side: f64| rng.uniform(0.0, self.distortion * side / 2.0);
        let from = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)];
        let to = from.map(|(x, y)| {
            let (dx, dy) = (inwards(w), inwards(h));
            (if x > 0.0 { x - dx } else { dx }, if y > 0.0 { y - dy } else { dy })
        });
        perspective(image, from, to, self.sampling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Border;
    use image::Rgb;

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut rng = Rng::new(3);
        RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)))
    }

    #[test]
    fn what_moves_nothing_is_the_picture() {
        let picture = noise(13, 9);
        let corners = [(0.0, 0.0), (12.0, 0.0), (12.0, 8.0), (0.0, 8.0)];
        for border in [Border::Reflect, Border::default()] {
            assert_eq!(perspective(picture.clone(), corners, corners, border), picture);
        }
        // Corners on one line, and a corner that is nowhere.
        for to in
            [[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], [(f64::NAN, 0.0), (12.0, 0.0), (12.0, 8.0), (0.0, 8.0)]]
        {
            assert_eq!(perspective(picture.clone(), corners, to, Border::Reflect), picture);
        }
    }

    #[test]
    fn corners_go_where_they_are_sent() {
        let mut picture = RgbImage::new(40, 30);
        for (x, y) in (10..13).flat_map(|x| (8..11).map(move |y| (x, y))) {
            picture[(x, y)] = Rgb([255; 3]);
        }
        let from = [(11.5, 9.5), (39.0, 0.0), (39.0, 29.0), (0.0, 29.0)];
        let to = [(5.5, 4.5), (39.0, 0.0), (39.0, 29.0), (0.0, 29.0)];
        assert_eq!(perspective(picture, from, to, Border::default())[(5, 4)].0, [255; 3]);
    }
}
