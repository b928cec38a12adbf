//! What a rectified batch norm asks of the operations that read its output.
//!
//! The gradient of `y = relu(batch norm of x)` passes only where y is not 0, and batch norm's backward pass needs its sums by
//! column. A convolution that computes the last term of that gradient can do both while it writes it, which spares a pass over
//! three maps. The rectifier is linear in the gradient and changes nothing the second time: a term that comes later, which
//! nobody has foreseen, makes the sums useless and nothing wrong.

use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor, TensorId};

use crate::kernels::batch_norm::Sums;
use crate::kernels::conv as kernel;
use crate::kernels::gate::Rectified;
use crate::kernels::rewrite::{Elements, rewritten};
use crate::kernels::simd::simd;
use crate::kernels::{self, Real};
use crate::sizes::{Checked, Convolution};
use crate::tape::{Asked, Terms};

/// The question, and the answer once there is one.
pub(crate) struct Gate {
    /// The map that was normalised.
    x: Tensor,
    /// Of the rectified map, a bit for each number that is not 0.
    signs: Vec<u16>,
    /// Of its columns.
    mean: Tensor,
    /// The sums over a gradient that has passed.
    answer: Mutex<Option<(TensorId, Sums)>>,
}

impl Gate {
    pub(crate) fn new(x: Tensor, signs: Vec<u16>, mean: Tensor) -> Self {
        Self { x, signs, mean, answer: Mutex::new(None) }
    }

    /// The sums over a gradient, if it is one that has passed.
    pub(crate) fn sums(&self, gradient: &Terms) -> Option<Sums> {
        let (of, sums) = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        (gradient.1.is_none() && gradient.0.tensor.id() == of).then_some(sums)
    }
}

/// The gradient of the input of a convolution, together with its other terms and through the gate; none where it cannot be
/// done on the way.
pub(crate) fn finished<T: Real>(
    asked: &Asked,
    d: Checked<Convolution>,
    weight: &Tensor,
    dy: &Tensor,
) -> Result<Option<Tensor>> {
    let simd = simd();
    if !kernel::gates::<T>(simd, &d) || !asked.last() {
        return Ok(None);
    }
    let Gate { x, signs, mean, answer } = &*asked.gate;
    let mean = mean.to_vec1::<T>()?;
    let run = |rest: Option<Elements<'_, T>>| {
        kernels::with2::<T, _>(weight, dy, |weight, dy| {
            kernels::with::<T, _>(x, |x| {
                kernel::input_gradient_gated(simd, d, weight, dy, rest, Rectified { signs, x, mean: &mean })
            })
        })?
    };
    let (dx, sums) = match asked.rest()? {
        Some(rest) => rewritten(rest, |rest| match run(Some(rest)) {
            Ok((new, sums)) => (new, Ok(sums)),
            Err(error) => (None, Err(error)),
        })?,
        None => {
            let (new, sums) = run(None)?;
            (kernels::tensor(new.unwrap_or_default(), x.shape())?, Ok(sums))
        }
    };
    *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((dx.id(), sums?));
    Ok(Some(dx))
}
