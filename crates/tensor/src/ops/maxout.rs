//! The greatest of neighboring channels.

use candle_core::{D, Result, Tensor, bail};

use super::composed;
use crate::autograd::tape;
use crate::kernels::elementwise::maxout as kernel;
use crate::kernels::{self, on_floats};
use crate::sizes::given;

/// The greatest of each `pieces` neighbors on the last axis. The first of equals gets the gradient;
/// a NaN is greater than any number.
///
/// # Shapes
/// (..,C) to (..,C/pieces).
///
/// # Errors
/// When there are no pieces, the channels are no multiple of them, or a copy of x is larger than
/// memory.
///
/// # References
/// I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, *Maxout Networks*, 2013.
pub fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    given("maxout", x)?;
    let channels = x.dim(D::Minus1)?;
    if pieces == 0 || !channels.is_multiple_of(pieces) {
        bail!("maxout of {pieces} pieces wants a multiple of that many channels; got {:?}", x.dims());
    }
    if !kernels::fits(x) || x.elem_count() == 0 {
        return composed::maxout(x, pieces);
    }
    let mut shape = x.dims().to_vec();
    if let Some(channels) = shape.last_mut() {
        *channels /= pieces;
    }
    on_floats!(x.dtype(), T => {
        let x_map = x.contiguous()?;
        let y = kernels::with::<T, _>(&x_map, |x| kernel::forward(x, pieces))?;
        let x_map = x_map.detach();
        tape::record(y, shape, &[x], move |dy| {
            let dx = kernels::with2::<T, T, _>(&x_map, dy, |x, dy| kernel::backward(x, dy, pieces))?;
            Ok(vec![Some(kernels::tensor(dx, x_map.shape())?)])
        })
    })
}
