//! Loops as vector code.

/// Pixels that are taken apart together: whole vectors of every instruction set, few enough to stay
/// in the nearest cache, and too many for the compiler to write out loops over them one by one.
pub(crate) const PIXELS: usize = 256;

/// A channel of [`PIXELS`] pixels.
pub(crate) type Channel = [u8; PIXELS];

/// Runs `work` compiled for the widest vectors that the processor has. What is to become vector
/// code has to be inlined into it: `#[inline(always)]` stands before the closure, and before all
/// that it calls; loops are `for`, since `for_each` is a call.
///
/// The same bits on every processor: the compiler makes no fused multiplications of separate ones,
/// and reorders no sums of floats.
#[inline(always)]
pub(crate) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// The whole part of a number from 0 to 255; of what lies outside the nearest of these, and 0 of
/// what is no number. As `value as u8`, which the compiler makes one by one.
#[inline(always)]
pub(crate) fn byte(value: f32) -> u8 {
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    whole(value.floor()) as u8
}

/// A whole number from -2²² to 2²² as an integer: at 1.5 · 2²³ neighbors are 1 apart, so that it
/// lies in the lowest bits.
#[inline(always)]
pub(crate) fn whole(value: f32) -> i32 {
    (value + 12_582_912.0).to_bits() as i32 - 12_582_912f32.to_bits() as i32
}

/// The whole part of a number from 0 to 255 in double precision.
#[inline(always)]
pub(crate) fn byte_of_double(value: f64) -> u8 {
    (value.floor() + 6_755_399_441_055_744.0).to_bits() as u8
}

/// Changes pixels by their channels, [`PIXELS`] at a time; what `change` makes of pixels beyond the
/// last one is left out.
#[inline(always)]
pub(crate) fn by_channels(bytes: &mut [u8], mut change: impl FnMut(&mut [Channel; 3])) {
    let mut channels = [[0; PIXELS]; 3];
    for part in bytes.chunks_mut(3 * PIXELS) {
        let (pixels, _) = part.as_chunks_mut::<3>();
        if let Ok(all) = <&mut [[u8; 3]; PIXELS]>::try_from(&mut *pixels) {
            take_apart(all, &mut channels);
            change(&mut channels);
            put_together(&channels, all);
            continue;
        }
        for (i, pixel) in pixels.iter().enumerate() {
            (0..3).for_each(|c| channels[c][i] = pixel[c]);
        }
        change(&mut channels);
        for (i, pixel) in pixels.iter_mut().enumerate() {
            *pixel = std::array::from_fn(|c| channels[c][i]);
        }
    }
}

/// Pixels into channels.
#[inline(always)]
pub(crate) fn take_apart(pixels: &[[u8; 3]; PIXELS], [red, green, blue]: &mut [Channel; 3]) {
    for i in 0..PIXELS {
        [red[i], green[i], blue[i]] = pixels[i];
    }
}

/// Channels into pixels.
#[inline(always)]
pub(crate) fn put_together([red, green, blue]: &[Channel; 3], pixels: &mut [[u8; 3]; PIXELS]) {
    for i in 0..PIXELS {
        pixels[i] = [red[i], green[i], blue[i]];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_what_casts_make_of_numbers() {
        let ends = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, -0.5, 255.0, 255.5, 256.0, 1e30];
        for value in (0..2560).map(|i| i as f32 / 10.0).chain((0..=255).map(|i| i as f32 - 1e-5)).chain(ends) {
            assert_eq!(byte(value), value as u8, "{value}");
            if (0.0..256.0).contains(&value) {
                assert_eq!(byte_of_double(f64::from(value)), value as u8, "{value}");
            }
        }
        for number in [-4_000_000, -1, 0, 1, 255, 65_536, 4_000_000] {
            assert_eq!(whole(number as f32), number);
        }
    }

    #[test]
    fn every_pixel_is_changed_once_and_none_beyond() {
        for count in [0, 1, 63, 255, 256, 257, 700] {
            let before: Vec<u8> = (0..3 * count).map(|i| i as u8).collect();
            let mut after = before.clone();
            by_channels(&mut after, |[red, _, blue]| {
                std::mem::swap(red, blue);
                red.iter_mut().for_each(|value| *value = value.wrapping_add(1));
            });
            for (after, before) in after.chunks_exact(3).zip(before.chunks_exact(3)) {
                assert_eq!(after, [before[2].wrapping_add(1), before[1], before[0]]);
            }
        }
    }
}
