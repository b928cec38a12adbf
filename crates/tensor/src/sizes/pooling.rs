//! The sizes of max pooling.

use candle_core::{Result, bail};

use super::{Checked, LONGEST, elements, free, made};
use crate::window::Pool;

/// The sizes of one max pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Pooling {
    pub(crate) fn output(&self) -> [usize; 4] {
        [self.n, self.oh, self.ow, self.c]
    }

    /// Where a cell of a window lies along a side of `size` pixels, if not in the padding.
    pub(crate) fn source(&self, window: usize, cell: usize, size: usize) -> Option<usize> {
        (window * self.stride + cell).checked_sub(self.padding).filter(|&at| at < size)
    }
}

impl Checked<Pooling> {
    /// Of a map (N,H,W,C), in elements of `width` bytes.
    ///
    /// # Errors
    /// When the configuration is impossible, or the window larger than the map.
    pub(crate) fn pooling(x @ [n, h, w, c]: [usize; 4], pool: Pool, width: usize) -> Result<Self> {
        let Pool { kernel: kernel @ (kh, kw), stride, padding, ceil_mode } = pool;
        let cells = kh.checked_mul(kw).is_some_and(|cells| (1..=256).contains(&cells));
        if !cells || stride == 0 || padding > kh.min(kw) / 2 {
            bail!(
                "max_pool2d: the kernel must have 1 to 256 cells, the stride must be at least 1, the padding at most half the kernel; got {pool:?}"
            );
        }
        let side = |size, kernel| free("max_pool2d", size, kernel, padding, 1);
        let (Some(free_h), Some(free_w)) = (side(h, kh)?, side(w, kw)?) else {
            bail!("max_pool2d: the window {kh}x{kw} is larger than the map {h}x{w} with padding {padding}");
        };
        // As PyTorch counts them: in ceil mode the last window must begin inside the map or its
        // left padding.
        let windows = |size: usize, free: usize| match ceil_mode {
            true if free.div_ceil(stride) * stride < size + padding => free.div_ceil(stride) + 1,
            true => free.div_ceil(stride),
            false => free / stride + 1,
        };
        let (oh, ow) = (windows(h, free_h), windows(w, free_w));
        elements("max_pool2d", &x)?;
        if made("max_pool2d", &[n, oh, ow, c], width)? > 0 && h * w == 0 {
            bail!("max_pool2d: a map needs pixels; got {x:?}");
        }
        let stride = stride.min(LONGEST);
        Ok(Self(Pooling { n, h, w, c, oh, ow, kernel, stride, padding }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_window_of_ceil_mode_begins_inside_the_map() {
        let output = |size, kernel, stride, padding| {
            let pool = Pool { kernel: (kernel, kernel), stride, padding, ceil_mode: true };
            Checked::pooling([1, size, size, 1], pool, 4).map(|d| d.oh)
        };
        assert_eq!(output(6, 3, 2, 0).unwrap(), 3);
        assert_eq!(output(6, 2, 3, 1).unwrap(), 3);
        assert_eq!(output(4, 2, 3, 1).unwrap(), 2);
        assert_eq!(output(5, 2, usize::MAX, 1).unwrap(), 1);
    }
}
