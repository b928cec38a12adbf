//! The sizes of bilinear resizing.

use candle_core::{Result, bail};

use super::{Checked, elements, made};

/// The sizes of one resizing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resizing {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) oh: usize,
    pub(crate) ow: usize,
}

/// Two neighboring pixels of a side, and how an output weighs them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blend {
    pub(crate) pixels: [usize; 2],
    pub(crate) weights: [f64; 2],
}

impl Resizing {
    pub(crate) fn output(&self) -> [usize; 4] {
        [self.n, self.oh, self.ow, self.c]
    }

    /// What each row of the output is blended of.
    pub(crate) fn rows(&self) -> Vec<Blend> {
        (0..self.oh).map(|i| blend(i, self.h, self.oh)).collect()
    }

    /// The same of columns.
    pub(crate) fn columns(&self) -> Vec<Blend> {
        (0..self.ow).map(|i| blend(i, self.w, self.ow)).collect()
    }
}

/// The pixels around `(i + ½)·size/out - ½`, the middle of output `i` in the map, by their
/// distances; at the ends the last pixel goes on. In whole numbers, so that no rounding moves it.
fn blend(i: usize, size: usize, out: usize) -> Blend {
    let (at, unit) = (((2 * i + 1) * size).saturating_sub(out), 2 * out);
    let (pixel, beyond) = (at / unit, (at % unit) as f64 / unit as f64);
    Blend { pixels: [pixel, (pixel + 1).min(size - 1)], weights: [1.0 - beyond, beyond] }
}

impl Checked<Resizing> {
    /// Of a map (N,H,W,C) to `(height, width)`, in elements of `width` bytes.
    ///
    /// # Errors
    /// When a side is 0, or the output too large.
    pub(crate) fn resizing([n, h, w, c]: [usize; 4], (oh, ow): (usize, usize), width: usize) -> Result<Self> {
        const NAME: &str = "resize_bilinear";
        if [h, w, oh, ow].contains(&0) {
            bail!("{NAME}: no side may be 0; got a map {h}x{w} and an output {oh}x{ow}");
        }
        elements(NAME, &[n, h, w, c])?;
        made(NAME, &[n, oh, ow, c], width)?;
        // The middles of pixels, and the matrices that blend them.
        elements(NAME, &[2, oh.saturating_add(1), h + 1])?;
        elements(NAME, &[2, ow.saturating_add(1), w + 1])?;
        Ok(Self(Resizing { n, h, w, c, oh, ow }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_of_pixels_meet() {
        let of = |size, out| (0..out).map(|i| blend(i, size, out)).collect::<Vec<_>>();
        let row = |pixels, weights| Blend { pixels, weights };
        // 2 to 4: at -1/4 (held at 0), 1/4, 3/4 and 5/4 (past the last pixel).
        assert_eq!(
            of(2, 4),
            [row([0, 1], [1.0, 0.0]), row([0, 1], [0.75, 0.25]), row([0, 1], [0.25, 0.75]), row([1, 1], [0.75, 0.25])]
        );
        assert_eq!(of(4, 2), [row([0, 1], [0.5, 0.5]), row([2, 3], [0.5, 0.5])]);
        assert_eq!(of(3, 3), [row([0, 1], [1.0, 0.0]), row([1, 2], [1.0, 0.0]), row([2, 2], [1.0, 0.0])]);
        assert_eq!(of(5, 1), [row([2, 3], [1.0, 0.0])]);
    }
}
