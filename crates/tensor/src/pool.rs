//! Pooling.

use candle_core::{Result, Tensor, bail};

use crate::kernels::{self, average_pool, max_pool, on_floats};
use crate::{Graph, Layer, Mode, Operation, Value, composed, tape};

/// How a pooling window moves over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Height and width of the window, pixels. At most 256 cells. Default 2x2.
    pub kernel: (usize, usize),
    /// Pixels between windows. Default 2.
    pub stride: usize,
    /// Rows and columns on each side that never win, pixels; at most half the kernel. Default 0.
    pub padding: usize,
    /// Whether a last window that only begins inside the map counts (PyTorch's `ceil_mode`). Default false.
    pub ceil_mode: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self { kernel: (2, 2), stride: 2, padding: 0, ceil_mode: false }
    }
}

/// [`max_pool2d`].
impl Layer for Pool {
    fn forward(&self, x: &Tensor, _: Mode<'_>) -> Result<Tensor> {
        max_pool2d(x, *self)
    }

    fn graph(&self, graph: &mut Graph, x: Value) -> Result<Value> {
        graph.add(Operation::MaxPool(*self), &[x], &[])
    }
}

impl Pool {
    /// Windows along a side of `size` pixels, as PyTorch counts them.
    fn windows(&self, size: usize, kernel: usize) -> usize {
        let free = size + 2 * self.padding - kernel;
        if !self.ceil_mode {
            return free / self.stride + 1;
        }
        let windows = free.div_ceil(self.stride) + 1;
        // The last window must begin inside the map or its left padding.
        if (windows - 1) * self.stride >= size + self.padding { windows - 1 } else { windows }
    }

    pub(crate) fn output(&self, h: usize, w: usize) -> Result<(usize, usize)> {
        let (kh, kw) = self.kernel;
        if kh == 0 || kw == 0 || kh * kw > 256 || self.stride == 0 || 2 * self.padding > kh.min(kw) {
            bail!(
                "max_pool2d: the kernel must have 1 to 256 cells, the stride must be at least 1, the padding at most half the kernel; got {self:?}"
            );
        }
        if h + 2 * self.padding < kh || w + 2 * self.padding < kw {
            bail!("max_pool2d: the window {kh}x{kw} is larger than the map {h}x{w} with padding {}", self.padding);
        }
        Ok((self.windows(h, kh), self.windows(w, kw)))
    }
}

/// The largest value of each window, by channel. The gradient goes to that value: the first in row order where
/// several are equal, as in PyTorch.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When the configuration is impossible or the window is larger than the padded map.
///
/// # Differs from candle
/// candle 0.11 divides the gradient of a 2x2 window by four, misplaces it on odd sizes, and knows neither
/// padding nor windows that overlap.
pub fn max_pool2d(x: &Tensor, pool: Pool) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    let (oh, ow) = pool.output(h, w)?;
    if !kernels::fits(x) {
        return composed::max_pool2d(x, pool);
    }
    let Pool { kernel, stride, padding, .. } = pool;
    let shape = max_pool::Shape { n, h, w, c, oh, ow, kernel, stride, padding };
    let values = x.contiguous()?;
    on_floats!(x.dtype(), T => {
        if !x.track_op() {
            let y = kernels::with::<T, _>(&values, |x| max_pool::forward(shape, x))?;
            return kernels::tensor(y, &(n, oh, ow, c).into());
        }
        let (y, cells) = kernels::with::<T, _>(&values, |x| max_pool::forward_with_cells(shape, x))?;
        tape::record(y, (n, oh, ow, c), &[x], move |dy, _| {
            let dx = kernels::with::<T, _>(dy, |dy| max_pool::backward(shape, &cells, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(n, h, w, c).into())?)])
        })
    })
}

/// Averages over a grid of `output` (height, width) cells, whatever the size of the map: cell i of n covers rows
/// `⌊i·H/n⌋ .. ⌈(i+1)·H/n⌉`.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When a side of the map or of the output is 0.
pub fn adaptive_avg_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    let (oh, ow) = output;
    if h * w * oh * ow == 0 {
        bail!("adaptive_avg_pool2d: no side may be 0; got a map {h}x{w} and an output {oh}x{ow}");
    }
    if !kernels::fits(x) {
        return composed::adaptive_avg_pool2d(x, output);
    }
    let shape = average_pool::Shape { n, h, w, c, oh, ow };
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| average_pool::forward(shape, x))?;
        tape::record(y, (n, oh, ow, c), &[x], move |dy, _| {
            let dx = kernels::with::<T, _>(dy, |dy| average_pool::backward(shape, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(n, h, w, c).into())?)])
        })
    })
}

/// The average of each channel: (N,H,W,C) to (N,C).
///
/// # Errors
/// When a side of the map is 0.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    adaptive_avg_pool2d(x, (1, 1))?.flatten_from(1)
}

/// The maximum of each channel: (N,H,W,C) to (N,C). The first maximum in row order gets the gradient.
///
/// # Errors
/// When a side of the map is 0 or above 256.
pub fn global_max_pool(x: &Tensor) -> Result<Tensor> {
    let (_, h, w, _) = x.dims4()?;
    let rows = max_pool2d(x, Pool { kernel: (1, w), stride: 1, ..Pool::default() })?;
    max_pool2d(&rows, Pool { kernel: (h, 1), stride: 1, ..Pool::default() })?.flatten_from(1)
}
