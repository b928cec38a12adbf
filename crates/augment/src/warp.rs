//! Maps that are not linear: perspective, lenses, rubber.

use image::RgbImage;
use taper_tensor::Rng;

use crate::sample::{Sampling, Source};

/// The picture read at the place that `source` gives for each pixel, within its size. Places are counted from the
/// corner, a pixel's middle half a pixel in.
fn warp(image: &RgbImage, sampling: Sampling, source: impl Fn(f64, f64) -> (f64, f64)) -> RgbImage {
    let (width, height) = image.dimensions();
    let pixels = Source::new(image, sampling);
    let (right, lower) = (f64::from(width) - 0.51, f64::from(height) - 0.51);
    RgbImage::from_fn(width, height, |column, row| {
        let (x, y) = source(f64::from(column) + 0.5, f64::from(row) + 0.5);
        // Beyond any picture it is the border, and of what is no number too.
        let (x, y) = (if x.abs() < 1e6 { x } else { -1e6 }, if y.abs() < 1e6 { y } else { -1e6 });
        image::Rgb(if pixels.is_bilinear() && x > 0.51 && y > 0.51 && x < right && y < lower {
            pixels.inside(x as f32, y as f32)
        } else {
            pixels.at(x as f32, y as f32)
        })
    })
}

/// Four corners: upper left, upper right, lower right, lower left, each as (x, y).
pub type Corners = [(f64, f64); 4];

/// Moves four points of the picture to four others, and all between them as a plane is seen: lines stay lines. A picture
/// whose corners cannot be moved so, as three on one line, stays as it is.
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
    warp(&image, sampling.into(), |x, y| {
        let depth = g * x + h * y + 1.0;
        ((a * x + b * y + c) / depth, (d * x + e * y + f) / depth)
    })
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

/// What a lens does, by Brown's radial terms: the pixel at distance *r* from the middle (half the diagonal is 1) shows what
/// was at `r (1 + k1 r² + k2 r⁴)`. Above 0 a barrel, below a pincushion.
///
/// # References
/// D. C. Brown, *Decentering distortion of lenses*, 1966.
pub fn lens_distortion(image: RgbImage, k1: f64, k2: f64, sampling: impl Into<Sampling>) -> RgbImage {
    if (k1 == 0.0 && k2 == 0.0) || image.width() == 0 || image.height() == 0 {
        return image;
    }
    let (cx, cy) = (f64::from(image.width()) / 2.0, f64::from(image.height()) / 2.0);
    let half = cx.hypot(cy);
    warp(&image, sampling.into(), |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        let r2 = (dx * dx + dy * dy) / (half * half);
        let factor = 1.0 + k1 * r2 + k2 * r2 * r2;
        (cx + factor * dx, cy + factor * dy)
    })
}

/// Moves every pixel by a smooth random field, as on rubber: uniform displacements in ±`alpha` pixels, blurred with
/// standard deviation `sigma` pixels (as 100 where it is more).
///
/// # References
/// P. Y. Simard, D. Steinkraus, J. C. Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
/// Analysis*, 2003.
pub fn elastic(image: RgbImage, alpha: f64, sigma: f64, sampling: impl Into<Sampling>, rng: &mut Rng) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if alpha == 0.0 || width * height == 0 {
        return image;
    }
    let mut field = || {
        let mut values: Vec<f32> = (0..width * height).map(|_| rng.uniform(-alpha, alpha) as f32).collect();
        smooth(&mut values, (width, height), sigma);
        values
    };
    let (across, down) = (field(), field());
    warp(&image, sampling.into(), |x, y| {
        let at = y as usize * width + x as usize;
        (x + f64::from(across[at]), y + f64::from(down[at]))
    })
}

/// A Gaussian over a field, first along rows, then along columns; beyond the edge it is mirrored.
fn smooth(values: &mut [f32], (width, height): (usize, usize), sigma: f64) {
    let weights = gaussian(sigma);
    let reach = weights.len() / 2;
    // Sums grow tap by tap over whole stretches of the field, which vectorises as a sum of one place's taps does not.
    let mut line = vec![0.0; width + 2 * reach];
    for row in values.chunks_exact_mut(width) {
        line.iter_mut().enumerate().for_each(|(i, value)| *value = row[mirrored(i, reach, width)]);
        row.fill(0.0);
        for (shift, weight) in weights.iter().enumerate() {
            row.iter_mut().zip(&line[shift..]).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let across = values.to_vec();
    for (y, row) in values.chunks_exact_mut(width).enumerate() {
        row.fill(0.0);
        for (shift, weight) in weights.iter().enumerate() {
            let above = &across[mirrored(y + shift, reach, height) * width..];
            row.iter_mut().zip(above).for_each(|(sum, value)| *sum += weight * value);
        }
    }
}

/// The weights of a Gaussian from three deviations before the middle to three after it, of sum 1.
fn gaussian(sigma: f64) -> Vec<f32> {
    let sigma = if sigma > 0.0 { sigma.min(100.0) } else { 1e-9 };
    let reach = (3.0 * sigma).ceil() as i64;
    let bell: Vec<f64> = (-reach..=reach).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = bell.iter().sum();
    bell.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Place `i`, counted from `reach` before the start of a side, on the side or in its mirror images.
fn mirrored(i: usize, reach: usize, side: usize) -> usize {
    let i = (i as i64 - reach as i64).rem_euclid(2 * side as i64) as usize;
    i.min(2 * side - 1 - i)
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
            assert_eq!(lens_distortion(picture.clone(), 0.0, 0.0, border), picture);
            assert_eq!(elastic(picture.clone(), 0.0, 4.0, border, &mut Rng::new(1)), picture);
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

    #[test]
    fn a_barrel_draws_the_edge_in_and_a_pincushion_pushes_it_out() {
        let mut picture = RgbImage::new(41, 41);
        picture[(36, 20)] = Rgb([255; 3]);
        let brightest = |image: &RgbImage| (0..41).max_by_key(|&x| image[(x, 20)][0]).unwrap();
        assert!(brightest(&lens_distortion(picture.clone(), 0.3, 0.0, Border::default())) < 36);
        assert!(brightest(&lens_distortion(picture, -0.2, 0.0, Border::default())) > 36);
    }

    #[test]
    fn a_smooth_field_is_what_the_formula_gives() {
        let mut rng = Rng::new(5);
        for (width, height, sigma) in [(1, 1, 2.0), (7, 1, 1.0), (2, 9, 5.0), (23, 14, 0.4), (40, 33, 3.0), (5, 4, 0.0)]
        {
            let field: Vec<f32> = (0..width * height).map(|_| rng.uniform(-50.0, 50.0) as f32).collect();
            let mut fast = field.clone();
            smooth(&mut fast, (width, height), sigma);
            let reach = (3.0 * sigma).ceil() as i64;
            let bell = |d: i64| if d == 0 { 1.0 } else { (-0.5 * (d as f64 / sigma).powi(2)).exp() };
            let total: f64 = (-reach..=reach).map(bell).sum();
            let inside = |i: i64, side: usize| {
                let period = (0..side as i64).chain((0..side as i64).rev()).collect::<Vec<_>>();
                period[i.rem_euclid(period.len() as i64) as usize] as usize
            };
            for (at, fast) in fast.iter().enumerate() {
                let (x, y) = ((at % width) as i64, (at / width) as i64);
                let taps = (-reach..=reach).flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)));
                let slow: f64 = taps
                    .map(|(dx, dy)| {
                        let value = field[inside(y + dy, height) * width + inside(x + dx, width)];
                        bell(dx) * bell(dy) * f64::from(value) / (total * total)
                    })
                    .sum();
                assert!((slow - f64::from(*fast)).abs() < 1e-4, "{width}x{height}, {sigma}: {slow} and {fast} at {at}");
            }
        }
    }

    #[test]
    fn rubber_moves_smoothly_and_one_colour_stays() {
        for (width, height) in [(1, 1), (1, 40), (33, 20)] {
            let plain = RgbImage::from_pixel(width, height, Rgb([200, 131, 7]));
            assert_eq!(elastic(plain.clone(), 30.0, 3.0, Border::Reflect, &mut Rng::new(1)), plain);
        }
        let moved = |seed| elastic(noise(33, 20), 60.0, 4.0, Border::Reflect, &mut Rng::new(seed));
        assert!(moved(1) == moved(1) && moved(1) != moved(2) && moved(1) != noise(33, 20));
    }
}
