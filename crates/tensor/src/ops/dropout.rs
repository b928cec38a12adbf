//! Dropout.

use candle_core::{Device, Result, Tensor, bail};

use crate::kernels::{self, dropout as kernel, on_floats};
use crate::sizes::given;
use crate::{Rng, composed, tape};

/// Sets each element to 0 with probability `p` and divides the others by `1 - p`.
///
/// What is dropped depends on the key of `rng` (never on its position) and on where in memory order the element is. The
/// mask is not kept: the backward pass draws it again.
///
/// # Shapes
/// Any to the same.
///
/// # Errors
/// When `p` is outside [0, 1).
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Rng, dropout};
/// let y = dropout(&Tensor::ones(8, DType::F32, &Device::Cpu)?, 0.5, &Rng::new(0))?;
/// assert!(y.to_vec1::<f32>()?.iter().all(|&v| v == 0.0 || v == 2.0));
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: a simple way to prevent neural
/// networks from overfitting*, 2014.
pub fn dropout(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    fits(x, p)?;
    if !kernels::fits(x) {
        return composed::dropout(x, p, rng);
    }
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| kernel::drop(x, p, rng))?;
        let rng = rng.clone();
        tape::record(y, x.shape(), &[x], move |dy, _| {
            let dx = kernels::with::<T, _>(dy, |dy| kernel::drop(dy, p, &rng))?;
            Ok(vec![Some(kernels::tensor(dx, dy.shape())?)])
        })
    })
}

/// Refuses a probability outside [0, 1), and an input whose copy is larger than memory.
pub(crate) fn fits(x: &Tensor, p: f64) -> Result<()> {
    if !(0.0..1.0).contains(&p) {
        bail!("dropout: the probability must be in [0, 1); got {p}");
    }
    given("dropout", x)?;
    Ok(())
}

/// 1 where dropout keeps an element, else 0, on the CPU.
pub(crate) fn mask(x: &Tensor, p: f64, rng: &Rng) -> Result<Tensor> {
    Tensor::from_vec(kernel::drop(&vec![1f32; x.elem_count()], p, rng), x.shape(), &Device::Cpu)?.ne(0f32)
}
