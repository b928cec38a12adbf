//! Activations.

use candle_core::{D, Result, Tensor, bail};

use super::composed;
use super::maps::like;
use crate::autograd::{Terms, rewritten, tape};
use crate::kernels::elementwise::{map, map2, pointwise};
use crate::kernels::simd::{pass, rectify};
use crate::kernels::{self, on_maps};
use crate::pointwise::Pointwise;
use crate::sizes::given;

/// The rectifier: `y = max(x, 0)`, of any shape; NaN stays NaN.
///
/// The gradient at 0 is 0, as in PyTorch (candle's `relu` says 1 there).
///
/// # Errors
/// Only when the device fails.
///
/// # References
/// V. Nair, G. Hinton, *Rectified linear units improve restricted Boltzmann machines*, 2010.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    given("relu", x)?;
    if !kernels::fits_map(x, &[]) {
        return composed::relu(x);
    }
    on_maps!(x.dtype(), M => {
        let y = kernels::with::<M, _>(&x.contiguous()?, |x| map(x, rectify))?;
        tape::record_with_output(y, x.shape(), &[x], |dy, y| Ok(vec![Some(rectified(&dy.sum()?.tensor, y)?)]))
    })
}

/// An activation function of every element, of any shape.
///
/// # Errors
/// When a copy of x is larger than memory, or the device fails.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::{Pointwise, activate};
/// let x = Tensor::new(&[-4f64, 0.0, 3.0], &Device::Cpu)?;
/// assert_eq!(activate(&x, Pointwise::HardSwish)?.to_vec1::<f64>()?, [0.0, 0.0, 3.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn activate(x: &Tensor, function: Pointwise) -> Result<Tensor> {
    given("activate", x)?;
    if !kernels::fits_map(x, &[]) {
        return composed::activate(x, function);
    }
    // Rows that the gradient is cut between; of one row it would be one piece.
    let c = if x.rank() > 1 { x.dim(D::Minus1)?.max(1) } else { 1 };
    on_maps!(x.dtype(), M => {
        let x_map = x.contiguous()?;
        let y = kernels::with::<M, _>(&x_map, |x| pointwise::values(function, x))?;
        let x_map = tape::kept(x, &x_map);
        tape::record_terms(y, x.shape(), &[x], move |dy: Terms| {
            let dx = kernels::with::<M, _>(&x_map.get()?, |x| {
                rewritten(dy.sum()?, |dy| (pointwise::gradients(function, x, dy, c), ()))
            })??;
            Ok(vec![Some(dx.0)])
        })
    })
}

/// `a + b`, as at the end of a residual block: in one pass, and nothing is kept for the gradient,
/// which both terms get.
///
/// # Shapes
/// a and b of one shape, any, to the same.
///
/// # Errors
/// When the shapes differ.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let b = &like(b, a)?;
    terms("add", a, b)?;
    if !kernels::fits_map(a, &[]) {
        return a + b;
    }
    on_maps!(a.dtype(), M => {
        let y = kernels::with2::<M, M, _>(&a.contiguous()?, &b.contiguous()?, |a, b| map2(a, b, |a, b| a + b))?;
        tape::record(y, a.shape(), &[a, b], |dy| Ok(vec![Some(dy.clone()), Some(dy.clone())]))
    })
}

/// The rectified sum `y = max(a + b, 0)`, as at the end of a residual block, in one pass. Both
/// terms get the same gradient: that of y where y is above 0.
///
/// # Shapes
/// a and b of one shape, any, to the same.
///
/// # Errors
/// When the shapes differ.
///
/// # References
/// K. He, X. Zhang, S. Ren, J. Sun, *Deep residual learning for image recognition*, 2016.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let b = &like(b, a)?;
    terms("add_relu", a, b)?;
    if !kernels::fits_map(a, &[]) {
        return composed::add_relu(a, b);
    }
    on_maps!(a.dtype(), M => {
        let y = kernels::with2::<M, M, _>(&a.contiguous()?, &b.contiguous()?, |a, b| map2(a, b, |a, b| rectify(a + b)))?;
        tape::record_with_output(y, a.shape(), &[a, b], |dy, y| {
            let g = rectified(&dy.sum()?.tensor, y)?;
            Ok(vec![Some(g.clone()), Some(g)])
        })
    })
}

/// Refuses two terms of different shapes, or that no memory holds.
fn terms(operation: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dims() != b.dims() {
        bail!("{operation}: wanted two tensors of one shape; got {:?} and {:?}", a.dims(), b.dims());
    }
    given(operation, a)?;
    given(operation, b)?;
    Ok(())
}

/// dy where the rectified output y is not zero, else zero.
pub(crate) fn rectified(dy: &Tensor, y: &Tensor) -> Result<Tensor> {
    on_maps!(y.dtype(), M => kernels::with2::<M, M, _>(y, dy, |y, g| {
        kernels::tensor(map2(y, g, pass), dy.shape())
    })?)
}
