//! Maps made larger and smaller.

use candle_core::{Result, Tensor};

use super::composed;
use crate::autograd::tape;
use crate::kernels::{self, on_floats, resize as kernel};
use crate::sizes::{Checked, given};

/// The map as one of `output` (height, width), each pixel blended of the four around its middle:
/// row i reads at `u = max(0, (i + ½)·H/OH - ½)` rows ⌊u⌋ and ⌊u⌋ + 1 by `1 - (u - ⌊u⌋)` and
/// `u - ⌊u⌋`, the last row going on below the map; columns alike.
///
/// Made smaller by more than 2, it leaves pixels out: average those first
/// ([`avg_pool2d`](crate::avg_pool2d)), or all of them
/// ([`adaptive_avg_pool2d`](crate::adaptive_avg_pool2d)).
///
/// # Shapes
/// (N,H,W,C) to (N,OH,OW,C).
///
/// # Errors
/// When a side of the map or of the output is 0, or the output is larger than memory
/// ([`SizeError`](crate::SizeError)).
///
/// # Differs from PyTorch
/// It is `interpolate` with `mode="bilinear"`, `align_corners=False` and `antialias=False`, its
/// defaults. The weights are computed from whole numbers and not in the type of the map.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[0f32], [4.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let y = taper_tensor::resize_bilinear(&x, (1, 4))?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0.0, 1.0, 3.0, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn resize_bilinear(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    given("resize_bilinear", x)?;
    let d = Checked::resizing(x.dims4()?.into(), output, x.dtype().size_in_bytes())?;
    if !kernels::fits(x) || d.output().contains(&0) {
        return composed::resize_bilinear(x, output);
    }
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| kernel::forward(d, x))?;
        tape::record(y, d.output().to_vec(), &[x], move |dy| {
            let dx = kernels::with::<T, _>(dy, |dy| kernel::backward(d, dy))?;
            Ok(vec![Some(kernels::tensor(dx, &(d.n, d.h, d.w, d.c).into())?)])
        })
    })
}
