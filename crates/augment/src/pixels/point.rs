//! Values changed one by one, by a formula or by a table for each channel.

use image::RgbImage;

use super::color::adjust_saturation;
use crate::vectors::vectorized;

/// Replaces each value of channel `c` by `table(c)` of it.
fn by_tables(mut image: RgbImage, tables: &[[u8; 256]; 3]) -> RgbImage {
    for pixel in image.pixels_mut() {
        for (value, table) in pixel.0.iter_mut().zip(tables) {
            *value = table[usize::from(*value)];
        }
    }
    image
}

/// Replaces every value by what `of` makes of it.
fn each(mut image: RgbImage, of: impl Fn(u8) -> u8) -> RgbImage {
    vectorized(
        #[inline(always)]
        || {
            for value in image.iter_mut() {
                *value = of(*value);
            }
        },
    );
    image
}

fn table(of: impl Fn(u8) -> u8) -> [u8; 256] {
    std::array::from_fn(|value| of(value as u8))
}

/// How often each value occurs in each channel.
fn histograms(image: &RgbImage) -> [[u64; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in image.pixels() {
        for (count, value) in counts.iter_mut().zip(pixel.0) {
            count[usize::from(value)] += 1;
        }
    }
    counts
}

/// The negative: `255 - x`.
pub fn invert(image: RgbImage) -> RgbImage {
    each(image, |value| 255 - value)
}

/// Keeps the highest `bits` of each value, at most 8; 0 gives black.
pub fn posterize(image: RgbImage, bits: u32) -> RgbImage {
    let mask = 0xFF00u32.checked_shr(bits).unwrap_or(0) as u8 | if bits >= 8 { 0xFF } else { 0 };
    each(image, |value| value & mask)
}

/// The negative of all values from `threshold` on; 256 gives the picture.
pub fn solarize(image: RgbImage, threshold: u32) -> RgbImage {
    if threshold > 255 {
        return image;
    }
    let threshold = threshold as u8;
    each(image, |value| if value < threshold { value } else { 255 - value })
}

/// `255 (x / 255)^gamma`, rounded: above 1 darker, below 1 lighter, with black and white as they
/// are.
pub fn adjust_gamma(image: RgbImage, gamma: f64) -> RgbImage {
    by_tables(image, &[table(|value| (255.0 * (f64::from(value) / 255.0).powf(gamma)).round() as u8); 3])
}

/// Stretches the values of each channel over 0 to 255; a channel of one value stays. As PIL's,
/// fractions dropped.
pub fn autocontrast(image: RgbImage) -> RgbImage {
    let tables = histograms(&image).map(|counts| {
        let ends = (counts.iter().position(|&n| n > 0), counts.iter().rposition(|&n| n > 0));
        match ends {
            (Some(low), Some(high)) if low < high => {
                let scale = 255.0 / (high - low) as f64;
                table(|value| (f64::from(value) * scale - low as f64 * scale) as u8)
            }
            _ => table(|value| value),
        }
    });
    by_tables(image, &tables)
}

/// Spreads the values of each channel so that they are about equally frequent. As PIL's, in
/// integers.
pub fn equalize(image: RgbImage) -> RgbImage {
    let tables = histograms(&image).map(|counts| {
        let most = counts.iter().rev().find(|&&n| n > 0).copied().unwrap_or(0);
        let step = (counts.iter().sum::<u64>() - most) / 255;
        if step == 0 {
            return table(|value| value);
        }
        let mut below = step / 2;
        let mut values = [0; 256];
        for (value, count) in values.iter_mut().zip(counts) {
            *value = (below / step).min(255) as u8;
            below += count;
        }
        values
    });
    by_tables(image, &tables)
}

/// The luma of each pixel in all three channels (ITU-R 601, as
/// [`adjust_saturation`](crate::adjust_saturation) by 0).
pub fn grayscale(image: RgbImage) -> RgbImage {
    adjust_saturation(image, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn ramp() -> RgbImage {
        RgbImage::from_fn(256, 1, |x, _| Rgb([x as u8, 255 - x as u8, 7]))
    }

    #[test]
    fn ends_of_the_settings_are_identities() {
        assert_eq!(posterize(ramp(), 8), ramp());
        assert_eq!(posterize(ramp(), 40), ramp());
        assert_eq!(posterize(ramp(), 0), RgbImage::new(256, 1));
        assert_eq!(posterize(ramp(), 1)[(200, 0)].0, [128, 0, 0]);
        assert_eq!(solarize(ramp(), 256), ramp());
        assert_eq!(solarize(ramp(), 0), invert(ramp()));
        assert_eq!(adjust_gamma(ramp(), 1.0), ramp());
        assert_eq!(adjust_gamma(ramp(), 2.0)[(128, 0)].0, [64, 63, 0]);
    }

    #[test]
    fn a_channel_of_one_value_stays() {
        for f in [autocontrast, equalize] {
            assert!(f(ramp()).pixels().all(|pixel| pixel.0[2] == 7));
            assert_eq!(f(RgbImage::new(0, 3)).dimensions(), (0, 3));
        }
        let two = RgbImage::from_fn(2, 1, |x, _| Rgb([100 + 20 * x as u8; 3]));
        assert_eq!(autocontrast(two).into_raw(), [0, 0, 0, 255, 255, 255]);
    }
}
