//! Max pooling over regions of one or two pixels, for ratios between 1 and 2.

use candle_core::{Result, Tensor};

use super::composed;
use crate::autograd::tape;
use crate::kernels::pool::fractional_pool as kernel;
use crate::kernels::{self, on_floats};
use crate::regions::Regions;

/// The maximum of each channel over each region; all pictures and channels have the same regions.
///
/// # Shapes
/// (N,H,W,C) to (N, rows, columns, C).
///
/// # Errors
/// When a region is empty or leaves the map, a picture has more than 2³² numbers, or the output is
/// larger than memory.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::{Regions, fractional_max_pool2d};
/// let x = Tensor::arange(0f32, 9.0, &Device::Cpu)?.reshape((1, 3, 3, 1))?;
/// let regions = Regions { rows: vec![0..1, 1..3], columns: vec![0..2, 2..3] };
/// let y = fractional_max_pool2d(&x, &regions)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 2.0, 7.0, 8.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Differs from PyTorch
/// Each channel of each picture has regions of its own there, which are square windows of one size
/// that may leave pixels out. Here regions cover the map, as in the paper.
///
/// # References
/// B. Graham, *Fractional Max-Pooling*, 2014.
pub fn fractional_max_pool2d(x: &Tensor, regions: &Regions) -> Result<Tensor> {
    let (_, h, w, c) = x.dims4()?;
    let shape = regions.check(x)?;
    if shape.contains(&0) || !kernels::fits(x) {
        return composed::fractional_max_pool2d(x, regions);
    }
    on_floats!(x.dtype(), T => {
        let (y, places) = kernels::with::<T, _>(&x.contiguous()?, |x| kernel::forward(x, [h, w, c], regions))?;
        tape::record(y, shape.to_vec(), &[x], move |dy| {
            let dx = kernels::with::<T, _>(dy, |dy| kernel::backward(dy, &places, h * w * c, shape[0]))?;
            Ok(vec![Some(kernels::tensor(dx, &(shape[0], h, w, c).into())?)])
        })
    })
}
