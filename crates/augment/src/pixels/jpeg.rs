//! What a JPEG of low quality does.

use image::RgbImage;
use taper_tensor::Rng;

use super::dct::{BLOCKS, Blocks, to_frequencies, to_values};
use crate::check::check_range;
use crate::error::AugmentError;
use crate::transform::Transform;
use crate::vectors::{vectorized, whole};

/// The picture as a JPEG of `quality`, 1 to 100, decoded again; as it is where it cannot be one (a
/// side of 0, or beyond 65535).
///
/// Only what loses something is done: luma and two colors of each pixel, in whole numbers and all
/// at full size (4:4:4), the frequencies of blocks of 8 x 8, each a multiple of the step that
/// libjpeg's tables have for `quality`, and the way back. Bits are neither packed nor unpacked.
pub fn jpeg_artifacts(mut image: RgbImage, quality: u8) -> RgbImage {
    let (width, height) = (image.width() as usize, image.height() as usize);
    if (1..=65_535).contains(&width) && (1..=65_535).contains(&height) {
        let steps = [LUMA, COLOR].map(|table| steps(table, quality));
        vectorized(
            #[inline(always)]
            || {
                for strip in image.chunks_mut(8 * 3 * width) {
                    quantize_strip(strip, width, &steps);
                }
            },
        );
    }
    image
}

/// Tables K.1 and K.2 of the standard: the steps at quality 50.
#[rustfmt::skip]
const LUMA: [u8; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
#[rustfmt::skip]
const COLOR: [u8; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// libjpeg's steps for a quality.
fn steps(table: [u8; 64], quality: u8) -> [f32; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as f32)
}

/// Pixels of a row in the blocks that are transformed together.
const PIXELS: usize = 8 * BLOCKS;

/// Up to eight rows; beyond the last row and column these are taken again, as encoders do.
#[inline(always)]
fn quantize_strip(strip: &mut [u8], width: usize, steps: &[[f32; 64]; 2]) {
    let rows = strip.len() / (3 * width);
    let mut channels = [[[0.0; BLOCKS]; 64]; 3];
    for left in (0..width).step_by(PIXELS) {
        let count = PIXELS.min(width - left);
        for y in 0..8 {
            let row = &strip[3 * (y.min(rows - 1) * width + left)..][..3 * count];
            read(row.as_chunks().0, y, &mut channels);
        }
        quantize(&mut channels, steps);
        for y in 0..rows {
            let row = &mut strip[3 * (y * width + left)..][..3 * count];
            write(&channels, y, row.as_chunks_mut().0);
        }
    }
}

/// Row `y` of each block.
#[inline(always)]
fn read(row: &[[u8; 3]], y: usize, channels: &mut [Blocks; 3]) {
    let mut whole = [[0; 3]; PIXELS];
    let row = <&[[u8; 3]; PIXELS]>::try_from(row).unwrap_or_else(|_| {
        (0..PIXELS).for_each(|x| whole[x] = row[x.min(row.len() - 1)]);
        &whole
    });
    for x in 0..8 {
        for block in 0..BLOCKS {
            let pixel = row[8 * block + x];
            (0..3).for_each(|c| channels[c][8 * y + x][block] = f32::from(pixel[c]));
        }
    }
}

#[inline(always)]
fn write(channels: &[Blocks; 3], y: usize, row: &mut [[u8; 3]]) {
    let mut pixels = [[0; 3]; PIXELS];
    for x in 0..8 {
        for block in 0..BLOCKS {
            pixels[8 * block + x] = std::array::from_fn(|c| whole(channels[c][8 * y + x][block]) as u8);
        }
    }
    row.copy_from_slice(&pixels[..row.len()]);
}

#[inline(always)]
fn quantize(channels: &mut [Blocks; 3], steps: &[[f32; 64]; 2]) {
    let [red, green, blue] = channels;
    for (red, (green, blue)) in red.iter_mut().zip(green.iter_mut().zip(blue.iter_mut())) {
        for i in 0..BLOCKS {
            let (r, g, b) = (red[i], green[i], blue[i]);
            // The middle of the bytes is 0.
            red[i] = nearest(0.299 * r + 0.587 * g + 0.114 * b) - 128.0;
            green[i] = nearest(-0.168_735_9 * r - 0.331_264_1 * g + 0.5 * b);
            blue[i] = nearest(0.5 * r - 0.418_687_6 * g - 0.081_312_41 * b);
        }
    }
    for (c, blocks) in [&mut *red, &mut *green, &mut *blue].into_iter().enumerate() {
        to_frequencies(blocks);
        for (lane, &step) in blocks.iter_mut().zip(&steps[c.min(1)]) {
            for value in lane {
                *value = nearest(*value / step) * step;
            }
        }
        to_values(blocks);
    }
    for (luma, (to_blue, to_red)) in red.iter_mut().zip(green.iter_mut().zip(blue.iter_mut())) {
        for i in 0..BLOCKS {
            let [y, cb, cr] = [luma[i], to_blue[i], to_red[i]].map(|value| nearest(value).clamp(-128.0, 127.0));
            let byte = |value: f32| nearest(value + 128.0).clamp(0.0, 255.0);
            (luma[i], to_blue[i], to_red[i]) =
                (byte(y + 1.402 * cr), byte(y - 0.344_136_3 * cb - 0.714_136_3 * cr), byte(y + 1.772 * cb));
        }
    }
}

/// The nearest whole number, half to even, of one between -2²² and 2²²: at 1.5 · 2²³ neighbors are
/// 1 apart.
#[inline(always)]
fn nearest(value: f32) -> f32 {
    value + 12_582_912.0 - 12_582_912.0
}

/// [`jpeg_artifacts`] of a random quality.
#[derive(Clone, Debug, PartialEq)]
pub struct JpegArtifacts {
    quality: (u8, u8),
}

impl JpegArtifacts {
    /// A quality from `quality.0` to `quality.1`, both possible.
    ///
    /// # Errors
    /// `quality` reversed or outside 1..=100.
    pub fn new(quality: (u8, u8)) -> Result<Self, AugmentError> {
        let ends = (f64::from(quality.0), f64::from(quality.1));
        check_range("quality", ends, "1 <= low <= high <= 100", |q| (1.0..=100.0).contains(&q))?;
        Ok(Self { quality })
    }
}

impl Transform for JpegArtifacts {
    fn apply(&self, image: RgbImage, rng: &mut Rng) -> RgbImage {
        let (low, high) = self.quality;
        jpeg_artifacts(image, low + rng.below(usize::from(high - low) + 1) as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn picture(width: u32, height: u32) -> RgbImage {
        let color = |x: u32, y: u32| [(x * 7) as u8, (y * 9) as u8, (x * y) as u8];
        RgbImage::from_fn(width, height, |x, y| image::Rgb(color(x, y)))
    }

    /// Mean absolute difference.
    fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
        a.iter().zip(b.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
    }

    /// [`jpeg_artifacts`] by the formulas, in double precision.
    fn by_the_formulas(image: &RgbImage, quality: u8) -> RgbImage {
        let (width, height) = image.dimensions();
        let mut result = image.clone();
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * std::f64::consts::PI / 16.0).cos();
        let scale = |u: usize| if u == 0 { 0.125f64.sqrt() } else { 0.5 };
        let wave = |i: usize, k: usize| scale(k / 8) * scale(k % 8) * cosine(i / 8, k / 8) * cosine(i % 8, k % 8);
        for (left, top) in (0..width).step_by(8).flat_map(|x| (0..height).step_by(8).map(move |y| (x, y))) {
            let at = |i: usize| ((left + i as u32 % 8).min(width - 1), (top + i as u32 / 8).min(height - 1));
            let colors = |i: usize| {
                let [r, g, b] = image[at(i)].0.map(f64::from);
                [
                    (0.299 * r + 0.587 * g + 0.114 * b).round_ties_even() - 128.0,
                    (-0.168_735_9 * r - 0.331_264_1 * g + 0.5 * b).round_ties_even(),
                    (0.5 * r - 0.418_687_6 * g - 0.081_312_41 * b).round_ties_even(),
                ]
            };
            let values: Vec<[f64; 3]> = (0..64).map(colors).collect();
            let channels = [0, 1, 2].map(|c| {
                let steps = steps(if c == 0 { LUMA } else { COLOR }, quality);
                let kept = |k: usize| {
                    let step = f64::from(steps[k]);
                    let frequency: f64 = (0..64).map(|i| values[i][c] * wave(i, k)).sum();
                    (frequency / step).round_ties_even() * step
                };
                let kept: Vec<f64> = (0..64).map(kept).collect();
                (0..64).map(|i| (0..64).map(|k| kept[k] * wave(i, k)).sum()).collect::<Vec<f64>>()
            });
            // Of the pixels that are taken again beyond the edge nothing is left.
            let inside = |i: &usize| left + (*i as u32 % 8) < width && top + (*i as u32 / 8) < height;
            for i in (0..64).filter(inside) {
                let [y, cb, cr] = [0, 1, 2].map(|c| channels[c][i].round_ties_even().clamp(-128.0, 127.0));
                let rgb = [y + 1.402 * cr, y - 0.344_136_3 * cb - 0.714_136_3 * cr, y + 1.772 * cb];
                result[at(i)] = image::Rgb(rgb.map(|value| (value + 128.0).round_ties_even().clamp(0.0, 255.0) as u8));
            }
        }
        result
    }

    #[test]
    fn it_is_what_the_formulas_say_on_any_size() {
        for (width, height) in [(1, 1), (8, 8), (37, 21), (64, 9), (130, 17)] {
            // The mean of a block is a multiple of an eighth: now and then it lies between two
            // steps, and roundings decide.
            for quality in [1, 30, 75] {
                let mut rng = Rng::new(u64::from(width));
                let picture = RgbImage::from_fn(width, height, |x, y| {
                    image::Rgb([x * 5, y * 9, x + y].map(|value| (value as u8).wrapping_add(rng.below(60) as u8)))
                });
                let (got, wanted) = (jpeg_artifacts(picture.clone(), quality), by_the_formulas(&picture, quality));
                let mut other = HashSet::new();
                for (x, y, pixel) in got.enumerate_pixels() {
                    if (0..3).any(|c| pixel[c].abs_diff(wanted[(x, y)][c]) > 1) {
                        other.insert((x / 8, y / 8));
                    }
                }
                let blocks = (width.div_ceil(8) * height.div_ceil(8)) as usize;
                assert!(other.len() * 8 <= blocks, "{width}x{height} {quality}: {other:?} of {blocks}");
            }
        }
    }

    #[test]
    fn a_low_quality_costs_more() {
        let cost = |quality| distance(&jpeg_artifacts(picture(32, 24), quality), &picture(32, 24));
        assert!(0.0 < cost(95) && 2.0 * cost(95) < cost(10));
        assert_eq!(jpeg_artifacts(RgbImage::new(0, 3), 50).dimensions(), (0, 3));
    }
}
