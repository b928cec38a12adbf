//! Rotation of the hue.

use image::RgbImage;

use crate::vectors::{Channel, PIXELS, by_channels, byte_of_double, vectorized};

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
        // The place of each hue on the circle: its sector, and how far into it.
        let places: [(u8, f32); 256] = std::array::from_fn(|hue| {
            let place = hue as f64 * 6.0 / 255.0;
            (place.floor() as u8 % 6, (place - place.floor()) as f32)
        });
        vectorized(
            #[inline(always)]
            || {
                by_channels(
                    &mut image,
                    #[inline(always)]
                    |channels| turn_channels(channels, step, &places),
                );
            },
        );
    }
    image
}

/// Without branches, so that it becomes vector code; the tests hold it to PIL's way with them.
#[inline(always)]
fn turn_channels([red, green, blue]: &mut [Channel; 3], step: u8, places: &[(u8, f32); 256]) {
    let (mut hues, mut parts, mut sectors) = ([0u8; PIXELS], [0f32; PIXELS], [0u8; PIXELS]);
    for i in 0..PIXELS {
        hues[i] = hue(red[i], green[i], blue[i]).wrapping_add(step);
    }
    for i in 0..PIXELS {
        (sectors[i], parts[i]) = places[usize::from(hues[i])];
    }
    for i in 0..PIXELS {
        let (r, g, b) = (red[i], green[i], blue[i]);
        let (value, least) = (r.max(g).max(b), r.min(g).min(b));
        let (range, v) = (f32::from(value - least), f32::from(value));
        let saturation = byte_of_double(f64::from(range / v.max(1.0)) * 255.0);
        let s = (f64::from(saturation) / 255.0) as f32;
        let (f, s, v) = (f64::from(parts[i]), f64::from(s), f64::from(v));
        let near = |part: f64| byte_of_double(v * part + 0.5);
        // Of no saturation they are all the value.
        let (p, q, t) = (near(1.0 - s), near(1.0 - s * f), near(1.0 - s * (1.0 - f)));
        // Each channel goes through the sectors two after the one before.
        let sector = sectors[i];
        let channel = |at: u8| match at {
            0 | 5 => value,
            1 => q,
            2 | 3 => p,
            _ => t,
        };
        red[i] = channel(sector);
        green[i] = channel((sector + 4) % 6);
        blue[i] = channel((sector + 2) % 6);
    }
}

/// The hue of a color, 255 steps around; of a gray 0.
#[inline(always)]
fn hue(r: u8, g: u8, b: u8) -> u8 {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = f32::from(most - least);
    let from_most = |value: u8| f64::from(f32::from(most - value) / if most == least { 1.0 } else { range });
    let (rc, gc, bc) = (from_most(r), from_most(g), from_most(b));
    let sector = if r == most {
        bc - gc
    } else if g == most {
        2.0 + rc - bc
    } else {
        4.0 + gc - rc
    };
    let turns = f64::from(sector as f32) / 6.0 + 1.0;
    let hue = (if turns >= 1.0 { turns - 1.0 } else { turns }) as f32;
    byte_of_double(f64::from(hue) * 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

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

    #[test]
    fn every_color_turns_as_one_by_one() {
        // All colors, each at one of several turns.
        for (red, turn) in (0..=255u8).zip([0.1, -0.1, 0.43, -0.31].into_iter().cycle()) {
            let picture = RgbImage::from_fn(256, 256, |x, y| Rgb([red, x as u8, y as u8]));
            let turned = adjust_hue(picture.clone(), turn);
            let step = (turn.fract() * 255.0) as i32 as u8;
            for (pixel, turned) in picture.pixels().zip(turned.pixels()) {
                let [hue, saturation, value] = to_hsv(*pixel);
                assert_eq!(*turned, from_hsv([hue.wrapping_add(step), saturation, value]), "{pixel:?} by {turn}");
            }
        }
    }
}
