//! Pooling.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::composed;
use crate::kernels::{self, on_floats, pool as kernel};

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
    let shape = kernel::Shape { n, h, w, c, oh, ow, kernel, stride, padding };
    let cells = OnceLock::new();
    x.contiguous()?.apply_op1(MaxPool { shape, cells })
}

struct MaxPool {
    shape: kernel::Shape,
    /// Where the maxima were, kept from the forward for the backward pass.
    cells: OnceLock<Vec<u8>>,
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let d = self.shape;
        let out = on_floats!(kernels::dtype(storage), T => {
            let (out, cells) = kernel::max_forward(d, kernels::slice::<T>(storage, layout)?);
            self.cells.get_or_init(|| cells);
            kernels::store(out)
        });
        Ok((out, Shape::from((d.n, d.oh, d.ow, d.c))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(cells) = self.cells.get() else {
            bail!("max_pool2d: backward without forward");
        };
        let grad = grad.contiguous()?;
        on_floats!(x.dtype(), T => {
            let dx = kernels::with::<T, _>(&grad, |dy| kernel::max_backward(self.shape, cells, dy))?;
            kernels::tensor(dx, x.shape()).map(Some)
        })
    }
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
    let shape = kernel::Shape { n, h, w, c, oh, ow, kernel: (0, 0), stride: 0, padding: 0 };
    x.contiguous()?.apply_op1(AveragePool(shape))
}

struct AveragePool(kernel::Shape);

impl CustomOp1 for AveragePool {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let d = self.0;
        let out = on_floats!(kernels::dtype(storage), T => {
            kernels::store(kernel::average_forward(d, kernels::slice::<T>(storage, layout)?))
        });
        Ok((out, Shape::from((d.n, d.oh, d.ow, d.c))))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let grad = grad.contiguous()?;
        on_floats!(x.dtype(), T => {
            let dx = kernels::with::<T, _>(&grad, |dy| kernel::average_backward(self.0, dy))?;
            kernels::tensor(dx, x.shape()).map(Some)
        })
    }
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
