//! A picture read at places that any function gives.

use image::RgbImage;

use super::sampling::{Border, Sampling};
use super::source::{Source, floor_byte, fold};
use crate::vectors::{Channel, PIXELS, put_together, vectorized, whole};

/// Places of pixels next to each other in a row: a coordinate of each.
pub(super) type Line = [f32; PIXELS];

/// The picture read at the places that `places` gives for the pixels of a row (first argument) from
/// a column on (second), within its size. Places are counted from the corner, a pixel's middle half
/// a pixel in. What is no number, or a million pixels away, is far beyond the picture.
pub(super) fn warp(
    image: RgbImage,
    sampling: Sampling,
    places: impl Fn(usize, usize, &mut Line, &mut Line),
) -> RgbImage {
    let (width, height) = image.dimensions();
    let mut output = RgbImage::new(width, height);
    let source = Source::new(&image, sampling);
    if width < 2 || height < 2 || !source.is_bilinear() {
        each(&mut output, |pixels, row, column| one_by_one(&source, pixels, row, column, &places));
        return output;
    }
    let bytes = Bytes::new(image, sampling.border);
    vectorized(
        #[inline(always)]
        || {
            each(
                &mut output,
                #[inline(always)]
                |pixels, row, column| {
                    let (mut xs, mut ys) = ([0.0; PIXELS], [0.0; PIXELS]);
                    places(row, column, &mut xs, &mut ys);
                    bytes.read(&mut xs, &mut ys, pixels);
                },
            );
        },
    );
    output
}

/// Goes through a picture's pixels, [`PIXELS`] of a row at a time or what is left of it, with row
/// and column of the first.
#[inline(always)]
fn each(output: &mut RgbImage, mut run: impl FnMut(&mut [[u8; 3]], usize, usize)) {
    let width = output.width() as usize;
    for (row, line) in output.chunks_exact_mut(3 * width.max(1)).enumerate() {
        for (i, pixels) in line.as_chunks_mut().0.chunks_mut(PIXELS).enumerate() {
            run(pixels, row, i * PIXELS);
        }
    }
}

fn one_by_one(
    source: &Source,
    pixels: &mut [[u8; 3]],
    row: usize,
    column: usize,
    places: &impl Fn(usize, usize, &mut Line, &mut Line),
) {
    let (mut xs, mut ys) = ([0.0; PIXELS], [0.0; PIXELS]);
    places(row, column, &mut xs, &mut ys);
    for (pixel, (x, y)) in pixels.iter_mut().zip(xs.into_iter().zip(ys)) {
        *pixel = source.at(near(x), near(y));
    }
}

/// A coordinate that can be reckoned with.
#[inline(always)]
fn near(x: f32) -> f32 {
    if x.abs() < 1e6 { x } else { -1e6 }
}

/// A picture of two rows and columns or more to read from, bilinear and many places at once.
struct Bytes {
    /// Red, green and blue of its pixels, and a byte beyond them.
    bytes: Vec<u8>,
    width: usize,
    height: usize,
    border: Border,
}

/// What is around places: four bytes from the pixel to the upper left, upper right, lower left and
/// lower right on, of which the first three are its colors.
type Corners = [[u32; PIXELS]; 4];

impl Bytes {
    fn new(image: RgbImage, border: Border) -> Self {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let mut bytes = image.into_raw();
        bytes.push(0);
        Self { bytes, width, height, border }
    }

    /// As [`Source::at`], which the tests hold it to; spoils the places.
    #[inline(always)]
    fn read(&self, xs: &mut Line, ys: &mut Line, pixels: &mut [[u8; 3]]) {
        let (width, height) = (self.width as f32, self.height as f32);
        let mut beyond = [0u8; PIXELS];
        for i in 0..PIXELS {
            (xs[i], ys[i]) = (near(xs[i]), near(ys[i]));
        }
        let fill = match self.border {
            Border::Reflect => {
                for i in 0..PIXELS {
                    (xs[i], ys[i]) = (fold(xs[i], width), fold(ys[i], height));
                }
                [0; 3]
            }
            Border::Fill(color) => {
                for i in 0..PIXELS {
                    let inside = (xs[i] >= 0.0) & (xs[i] < width) & (ys[i] >= 0.0) & (ys[i] < height);
                    beyond[i] = if inside { 0 } else { 0xFF };
                }
                if beyond.iter().fold(0xFF, |all, one| all & one) == 0xFF {
                    pixels.fill(color);
                    return;
                }
                color
            }
        };
        let mut corners = [[0; PIXELS]; 4];
        self.corners(xs, ys, &mut corners);
        let mut channels = [[0; PIXELS]; 3];
        for (c, channel) in channels.iter_mut().enumerate() {
            mix(&corners, 8 * c as u32, xs, ys, channel);
            for i in 0..PIXELS {
                channel[i] = channel[i] & !beyond[i] | fill[c] & beyond[i];
            }
        }
        match pixels.try_into() {
            Ok(all) => put_together(&channels, all),
            Err(_) => {
                for (i, pixel) in pixels.iter_mut().enumerate() {
                    *pixel = std::array::from_fn(|c| channels[c][i]);
                }
            }
        }
    }

    /// The corners around each place; the places become ways from the upper left corner. Around the
    /// edge the nearest pixels stand for those that do not exist.
    #[inline(always)]
    fn corners(&self, xs: &mut Line, ys: &mut Line, [a, b, c, d]: &mut Corners) {
        let stride = 3 * self.width;
        let (right, lower) = (self.width as i32 - 1, self.height as i32 - 1);
        let mut first = [0u32; PIXELS];
        for i in 0..PIXELS {
            let (x, y) = ((xs[i] - 0.5).clamp(0.0, right as f32), (ys[i] - 0.5).clamp(0.0, lower as f32));
            let (left, top) = (whole(x.floor()).min(right - 1), whole(y.floor()).min(lower - 1));
            (xs[i], ys[i]) = (x - left as f32, y - top as f32);
            first[i] = top as u32 * stride as u32 + 3 * left as u32;
        }
        let four = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        for i in 0..PIXELS {
            let at = first[i] as usize;
            let (upper, lower) = (&self.bytes[at..at + 7], &self.bytes[at + stride..at + stride + 7]);
            (a[i], b[i]) = (four(&upper[..4]), four(&upper[3..]));
            (c[i], d[i]) = (four(&lower[..4]), four(&lower[3..]));
        }
    }
}

/// Bilinear interpolation of the channel that begins at a bit, fractions dropped.
#[inline(always)]
fn mix([a, b, c, d]: &Corners, bit: u32, xs: &Line, ys: &Line, channel: &mut Channel) {
    for i in 0..PIXELS {
        let value = |four: u32| (four >> bit & 0xFF) as i32 as f32;
        let (a, b, c, d) = (value(a[i]), value(b[i]), value(c[i]), value(d[i]));
        let (upper, lower) = (a + (b - a) * xs[i], c + (d - c) * xs[i]);
        channel[i] = floor_byte(upper + (lower - upper) * ys[i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interpolation;
    use image::Rgb;
    use taper_tensor::Rng;

    #[test]
    fn many_places_are_read_as_one() {
        let mut rng = Rng::new(9);
        for (width, height) in [(1, 1), (2, 1), (1, 5), (2, 2), (3, 70), (63, 4), (64, 9), (131, 20)] {
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([0; 3].map(|_: u8| rng.below(256) as u8)));
            let (w, h) = (f64::from(width), f64::from(height));
            let mut place = |side: f64| match rng.below(20) {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => side as f32,
                3 => 0.0,
                4 => rng.uniform(-1e7, 1e7) as f32,
                _ => rng.uniform(-0.5 * side - 1.0, 1.5 * side + 1.0) as f32,
            };
            let places: Vec<(f32, f32)> = (0..width * height).map(|_| (place(w), place(h))).collect();
            for border in [Border::Reflect, Border::Fill([1, 200, 31])] {
                for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
                    let sampling = Sampling { interpolation, border };
                    let source = Source::new(&picture, sampling);
                    let warped = warp(picture.clone(), sampling, |row, column, xs, ys| {
                        for (i, (x, y)) in xs.iter_mut().zip(ys).enumerate() {
                            (*x, *y) = *places.get(row * width as usize + column + i).unwrap_or(&(0.0, 0.0));
                        }
                    });
                    for ((x, y), pixel) in places.iter().zip(warped.pixels()) {
                        assert_eq!(pixel.0, source.at(near(*x), near(*y)), "{width}x{height}: {x}, {y}");
                    }
                }
            }
        }
    }
}
