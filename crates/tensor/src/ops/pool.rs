//! Pooling.

use candle_core::{Result, Tensor, bail};

use super::composed;
use super::fractional_pool::fractional_max_pool2d;
use super::maps::numbers;
use crate::autograd::tape;
use crate::kernels::pool::{average_pool, max_pool};
use crate::kernels::simd::Stored;
use crate::kernels::{self, on_maps};
use crate::regions::Regions;
use crate::sizes::{Averaging, Cells, Checked, given};
use crate::window::{AvgPool, Pool};

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

/// The average of each window, by channel:
/// `y[n,i,j,c] = 1/D Σ_{r,s} x[n, i·stride + r - padding, …, c]`, each by its axis, with zeros
/// outside the map. D is the number of cells of the window, those in the padding included, or only
/// those in the map where [`count_include_pad`](AvgPool::count_include_pad) is false.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C) with `OH = ⌊(H + 2·padding - kernel) / stride⌋ + 1`.
///
/// # Errors
/// When kernel or stride is 0, the padding more than half the kernel, the window larger than the
/// padded map, a map has no pixels, or the output is larger than memory
/// ([`SizeError`](crate::SizeError)).
///
/// # Differs from candle
/// candle 0.11 gives wrong gradients where the windows do not cover the map exactly, none where
/// they overlap, and knows no padding.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::{AvgPool, avg_pool2d};
/// let x = Tensor::new(&[[[[1f32], [3.0], [5.0]]]], &Device::Cpu)?; // (1,1,3,1)
/// let pool = AvgPool { kernel: (1, 2), stride: (1, 1), padding: (0, 1), count_include_pad: false };
/// let y = avg_pool2d(&x, pool)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 2.0, 4.0, 5.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn avg_pool2d(x: &Tensor, pool: AvgPool) -> Result<Tensor> {
    given("avg_pool2d", x)?;
    let d = Checked::windows(x.dims4()?.into(), pool, x.dtype().size_in_bytes())?;
    match kernels::fits_map(x, &[]) && !d.output().contains(&0) {
        true => averages(d, x),
        false => composed::avg_pool2d(x, pool),
    }
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
    const NAME: &str = "adaptive_avg_pool2d";
    given(NAME, x)?;
    let d = Checked::adaptive(NAME, x.dims4()?.into(), output, x.dtype().size_in_bytes())?;
    match kernels::fits_map(x, &[]) && !d.output().contains(&0) {
        true => averages(d, x),
        false => composed::adaptive_avg_pool2d(x, output),
    }
}

fn averages(d: Checked<Averaging>, x: &Tensor) -> Result<Tensor> {
    on_maps!(x.dtype(), M => {
        let map = x.contiguous()?;
        if let (Cells::Adaptive { .. }, 1, 1) = (d.rows, d.oh, d.ow) {
            // Numbers, and a gradient that is the same for all pixels, which the tape spreads over
            // them.
            let y: Vec<<M as Stored>::Real> = kernels::with::<M, _>(&map, |x| average_pool::forward(d, x))?;
            return tape::record(y, d.output().to_vec(), &[x], move |dy| {
                Ok(vec![Some((dy / (d.h * d.w) as f64)?)])
            });
        }
        let y: Vec<M> = kernels::with::<M, _>(&map, |x| average_pool::forward(d, x))?;
        tape::record(y, d.output().to_vec(), &[x], move |dy| {
            let dx: Vec<M> = kernels::with::<M, _>(dy, |dy| average_pool::backward(d, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(d.n, d.h, d.w, d.c).into())?)])
        })
    })
}

/// The maximum of each channel over a grid of `output` (height, width) cells, those of
/// [`adaptive_avg_pool2d`]. The gradient goes to the first maximum of a cell in row order; a pixel
/// of several cells gets the sum, as in PyTorch.
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When a side of the map or of the output is 0, a picture has more than 2³² numbers, or the output
/// is larger than memory ([`SizeError`](crate::SizeError)).
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32], [4.0], [2.0]]]], &Device::Cpu)?; // (1,1,3,1)
/// let y = taper_tensor::adaptive_max_pool2d(&x, (1, 2))?; // pixels 0 and 1, pixels 1 and 2
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [4.0, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn adaptive_max_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    fractional_max_pool2d(x, &Regions::adaptive(x, output)?)
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
