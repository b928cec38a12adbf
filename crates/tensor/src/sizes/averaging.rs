//! The sizes of average pooling, adaptive and by windows.

use std::ops::Range;

use candle_core::{Result, bail};

use super::{Checked, LONGEST, elements, free, made};
use crate::window::AvgPool;

/// The sizes of one average pooling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Averaging {
    pub(crate) n: usize,
    pub(crate) h: usize,
    pub(crate) w: usize,
    pub(crate) c: usize,
    pub(crate) oh: usize,
    pub(crate) ow: usize,
    /// The cells of the height, and those of the width.
    pub(crate) rows: Cells,
    pub(crate) columns: Cells,
}

/// The cells, `out` of them, that a side of `size` pixels is averaged over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cells {
    /// Cell i from `⌊i·size/out⌋` to `⌈(i+1)·size/out⌉`.
    Adaptive { size: usize, out: usize },
    /// Cell i from `i·stride - padding`, `kernel` pixels of which those in the map are read.
    Windows {
        size: usize,
        out: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        /// Whether those outside it are divided by as well.
        count_include_pad: bool,
    },
}

impl Cells {
    /// The pixels of cell `i`: one or more.
    pub(crate) fn span(&self, i: usize) -> Range<usize> {
        match *self {
            Cells::Adaptive { size, out } => i * size / out..((i + 1) * size).div_ceil(out),
            Cells::Windows { size, kernel, stride, padding, .. } => {
                (i * stride).saturating_sub(padding)..size.min(i * stride + kernel - padding)
            }
        }
    }

    /// The cells whose span has the pixel `i`: the inverse of [`span`](Self::span).
    pub(crate) fn of(&self, i: usize) -> Range<usize> {
        match *self {
            Cells::Adaptive { size, out } => i * out / size..((i + 1) * out).div_ceil(size),
            Cells::Windows { out, kernel, stride, padding, .. } => {
                let at = i + padding;
                (at + 1).saturating_sub(kernel).div_ceil(stride)..out.min(at / stride + 1)
            }
        }
    }

    /// What the sum over cell `i` is divided by.
    pub(crate) fn divisor(&self, i: usize) -> f64 {
        match *self {
            Cells::Windows { kernel, count_include_pad: true, .. } => kernel as f64,
            _ => self.span(i).len() as f64,
        }
    }
}

impl Averaging {
    pub(crate) fn output(&self) -> [usize; 4] {
        [self.n, self.oh, self.ow, self.c]
    }
}

impl Checked<Averaging> {
    /// Of a map (N,H,W,C) to a grid of adaptive cells, in elements of `width` bytes.
    ///
    /// # Errors
    /// When a side is 0, or the output too large.
    pub(crate) fn adaptive(
        operation: &'static str,
        [n, h, w, c]: [usize; 4],
        (oh, ow): (usize, usize),
        width: usize,
    ) -> Result<Self> {
        if [h, w, oh, ow].contains(&0) {
            bail!("{operation}: no side may be 0; got a map {h}x{w} and an output {oh}x{ow}");
        }
        elements(operation, &[n, h, w, c])?;
        made(operation, &[n, oh, ow, c], width)?;
        // The matrices that average rows and columns; a cell begins and ends at such a product over
        // its number.
        elements(operation, &[oh.saturating_add(1), h + 1])?;
        elements(operation, &[ow.saturating_add(1), w + 1])?;
        let cells = |size, out| Cells::Adaptive { size, out };
        Ok(Self(Averaging { n, h, w, c, oh, ow, rows: cells(h, oh), columns: cells(w, ow) }))
    }

    /// Of a map (N,H,W,C) by windows, in elements of `width` bytes.
    ///
    /// # Errors
    /// When the configuration is impossible, or the window larger than the map.
    pub(crate) fn windows(x @ [n, h, w, c]: [usize; 4], pool: AvgPool, width: usize) -> Result<Self> {
        let AvgPool { kernel: (kh, kw), stride, padding, count_include_pad } = pool;
        if [kh, kw, stride.0, stride.1].contains(&0) || padding.0 > kh / 2 || padding.1 > kw / 2 {
            bail!(
                "avg_pool2d: kernel and stride must be at least 1, the padding at most half the kernel; got {pool:?}"
            );
        }
        let (Some(free_h), Some(free_w)) =
            (free("avg_pool2d", h, kh, padding.0, 1)?, free("avg_pool2d", w, kw, padding.1, 1)?)
        else {
            bail!("avg_pool2d: the window {kh}x{kw} is larger than the map {h}x{w} with padding {padding:?}");
        };
        let (oh, ow) = (free_h / stride.0 + 1, free_w / stride.1 + 1);
        elements("avg_pool2d", &x)?;
        if made("avg_pool2d", &[n, oh, ow, c], width)? > 0 && h * w == 0 {
            bail!("avg_pool2d: a map needs pixels; got {x:?}");
        }
        let cells = |size, out, kernel, stride: usize, padding| {
            let stride = stride.min(LONGEST);
            Cells::Windows { size, out, kernel, stride, padding, count_include_pad }
        };
        let rows = cells(h, oh, kh, stride.0, padding.0);
        let columns = cells(w, ow, kw, stride.1, padding.1);
        Ok(Self(Averaging { n, h, w, c, oh, ow, rows, columns }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_those_whose_span_has_the_pixel() {
        let mut all = vec![];
        for (size, out) in [(1, 1), (7, 3), (3, 7), (6, 6), (112, 7), (13, 4), (4, 13)] {
            all.push((size, out, Cells::Adaptive { size, out }));
        }
        for (size, kernel, stride, padding) in [(7, 3, 2, 1), (8, 2, 3, 0), (5, 4, 1, 2), (6, 1, 2, 0), (1, 2, 5, 1)] {
            let out = (size + 2 * padding - kernel) / stride + 1;
            all.push((size, out, Cells::Windows { size, out, kernel, stride, padding, count_include_pad: true }));
        }
        for (size, out, cells) in all {
            for i in 0..size {
                let wanted: Vec<usize> = (0..out).filter(|&o| cells.span(o).contains(&i)).collect();
                assert_eq!(cells.of(i).collect::<Vec<_>>(), wanted, "pixel {i} of {cells:?}");
            }
            assert!((0..out).all(|o| !cells.span(o).is_empty()), "{cells:?}");
        }
    }
}
