//! Pooling.

use candle_core::{Result, Tensor, bail};

use super::composed;
use super::maps::numbers;
use crate::autograd::tape;
use crate::kernels::pool::{average_pool, max_pool};
use crate::kernels::simd::Stored;
use crate::kernels::{self, on_maps};
use crate::sizes::{Checked, given};
use crate::window::Pool;

/// The largest value of each window, by channel. The gradient goes to that value: the first in row
/// order where several are equal, as in PyTorch.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When the configuration is impossible, the window larger than the padded map, or a map has no
/// pixels.
///
/// # Differs from candle
/// candle 0.11 divides the gradient of a 2x2 window by four, misplaces it on odd sizes, and knows
/// neither padding nor windows that overlap.
pub fn max_pool2d(x: &Tensor, pool: Pool) -> Result<Tensor> {
    given("max_pool2d", x)?;
    let d = Checked::pooling(x.dims4()?.into(), pool, x.dtype().size_in_bytes())?;
    let shape = d.output();
    if !kernels::fits_map(x, &[]) || shape.contains(&0) {
        return composed::max_pool2d(x, pool);
    }
    let values = x.contiguous()?;
    on_maps!(x.dtype(), M => {
        if !x.track_op() {
            let y = kernels::with::<M, _>(&values, |x| max_pool::forward(d, x))?;
            return kernels::tensor(y, &shape.to_vec().into());
        }
        let (y, cells) = kernels::with::<M, _>(&values, |x| max_pool::forward_with_cells(d, x))?;
        tape::record(y, shape.to_vec(), &[x], move |dy| {
            let dx = kernels::with::<M, _>(dy, |dy| max_pool::backward(d, &cells, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(d.n, d.h, d.w, d.c).into())?)])
        })
    })
}

/// Averages over a grid of `output` (height, width) cells, whatever the size of the map: cell i of
/// n covers rows `⌊i·H/n⌋ .. ⌈(i+1)·H/n⌉`.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When a side of the map or of the output is 0, or the output is larger than memory
/// ([`SizeError`](crate::SizeError)).
pub fn adaptive_avg_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    given("adaptive_avg_pool2d", x)?;
    let d = Checked::averaging(x.dims4()?.into(), output, x.dtype().size_in_bytes())?;
    let shape = d.output();
    if !kernels::fits_map(x, &[]) || shape.contains(&0) {
        return composed::adaptive_avg_pool2d(x, output);
    }
    on_maps!(x.dtype(), M => {
        let y = kernels::with::<M, _>(&x.contiguous()?, |x| average_pool::forward(d, x))?;
        tape::record(y, shape.to_vec(), &[x], move |dy| {
            if output == (1, 1) {
                // The same for all pixels, which the tape spreads over them.
                return Ok(vec![Some((dy / (d.h * d.w) as f64)?)]);
            }
            let dx = kernels::with::<<M as Stored>::Real, Vec<M>>(dy, |dy| average_pool::backward(d, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(d.n, d.h, d.w, d.c).into())?)])
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

/// The maximum of each channel: (N,H,W,C) to (N,C). The first maximum in row order gets the
/// gradient.
///
/// # Errors
/// When a side of the map is 0 or above 256.
pub fn global_max_pool(x: &Tensor) -> Result<Tensor> {
    let (_, h, w, _) = x.dims4()?;
    if !(1..=256).contains(&h) || !(1..=256).contains(&w) {
        bail!("global_max_pool: sides must have 1 to 256 pixels; got a map {h}x{w}");
    }
    let rows = max_pool2d(x, Pool { kernel: (1, w), stride: 1, ..Pool::default() })?;
    numbers(&max_pool2d(&rows, Pool { kernel: (h, 1), stride: 1, ..Pool::default() })?.flatten_from(1)?)
}
