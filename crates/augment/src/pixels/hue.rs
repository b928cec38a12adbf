//! Rotation of the hue.

use image::{Rgb, RgbImage};

/// Turns all hues by `turn` of the circle: 1/3 makes red green, -1/3 blue; whole turns change
/// nothing but the rounding.
///
/// In PIL's HSV of bytes, so that a turn is one of 255 steps, and going there and back may cost a
/// dozen values.
///
/// # Examples
/// ```
/// use taper_augment::{RgbImage, adjust_hue};
/// let red = RgbImage::from_pixel(1, 1, image::Rgb([255, 0, 0]));
/// assert_eq!(adjust_hue(red, 1.0 / 3.0).into_raw(), [0, 255, 0]);
/// ```
pub fn adjust_hue(mut image: RgbImage, turn: f64) -> RgbImage {
    // Truncated to an integer, then taken modulo 256, as numpy does it.
    let step = (turn.fract() * 255.0) as i32 as u8;
    if step != 0 {
        for pixel in image.pixels_mut() {
            let [hue, saturation, value] = to_hsv(*pixel);
            *pixel = from_hsv([hue.wrapping_add(step), saturation, value]);
        }
    }
    image
}

fn to_hsv(Rgb([r, g, b]): Rgb<u8>) -> [u8; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most == least {
        return [0, 0, most];
    }
    let range = f32::from(most - least);
    let saturation = range / f32::from(most);
    let [rc, gc, bc] = [r, g, b].map(|value| f64::from(f32::from(most - value) / range));
    let sector = if r == most {
        bc - gc
    } else if g == most {
        2.0 + rc - bc
    } else {
        4.0 + gc - rc
    };
    let hue = ((f64::from(sector as f32) / 6.0 + 1.0) % 1.0) as f32;
    [(f64::from(hue) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, most]
}

fn from_hsv([hue, saturation, value]: [u8; 3]) -> Rgb<u8> {
    if saturation == 0 {
        return Rgb([value; 3]);
    }
    let place = f64::from(hue) * 6.0 / 255.0;
    let sector = place.floor();
    let (f, s) = (f64::from((place - sector) as f32), f64::from((f64::from(saturation) / 255.0) as f32));
    let v = f64::from(value);
    let [p, q, t] = [1.0 - s, 1.0 - s * f, 1.0 - s * (1.0 - f)].map(|part| (v * part).round() as u8);
    Rgb(match sector as u32 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grays_have_no_hue_and_a_turn_there_and_back_is_near() {
        for value in 0..=255u8 {
            let gray = RgbImage::from_pixel(1, 1, Rgb([value; 3]));
            assert_eq!(adjust_hue(gray.clone(), 0.4), gray);
            let color = RgbImage::from_pixel(1, 1, Rgb([value, 255 - value, 90]));
            let back = adjust_hue(adjust_hue(color.clone(), 0.4), -0.4);
            assert!(back.iter().zip(color.iter()).all(|(a, b)| a.abs_diff(*b) <= 16), "{value}: {back:?}");
        }
    }
}
