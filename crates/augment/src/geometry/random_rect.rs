//! A rectangle of random area and aspect ratio, for crops and for what is erased.

use taper_tensor::Rng;

use super::rect::Rect;

/// A rectangle in a picture of `width` x `height` pixels: an area uniform in `scale` of the
/// picture's, a ratio with a uniform logarithm, the width and height that `sides` makes of both, a
/// uniform place. None where ten of them did not fit.
pub(crate) fn draw(
    (width, height): (u32, u32),
    scale: (f64, f64),
    ratio: (f64, f64),
    sides: impl Fn(f64, f64) -> (u32, u32),
    rng: &mut Rng,
) -> Option<Rect> {
    let area = f64::from(width) * f64::from(height);
    (0..10).find_map(|_| {
        let a = area * rng.uniform(scale.0, scale.1);
        let r = rng.uniform(ratio.0.ln(), ratio.1.ln()).exp();
        let (w, h) = sides(a, r);
        let fits = (1..=width).contains(&w) && (1..=height).contains(&h);
        fits.then(|| {
            let top = rng.below((height - h) as usize + 1) as u32;
            let left = rng.below((width - w) as usize + 1) as u32;
            Rect { left, top, width: w, height: h }
        })
    })
}
