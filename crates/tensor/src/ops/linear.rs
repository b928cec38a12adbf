//! The fully connected layer.

use candle_core::{D, Result, Shape, Tensor, bail};

use super::conv::{conv2d, rows, with_channels};
use super::maps::wide;
use super::precision::Precision;
use super::{composed, inputs};
use crate::autograd::tape;
use crate::kernels::gemm::linear as kernel;
use crate::kernels::norm::rows::column_sums;
use crate::kernels::{self, on_floats};
use crate::sizes::{Checked, given};
use crate::window::Conv;

/// `y = x Wᵀ + b`.
///
/// # Shapes
/// x (..,I), weight (O,I), bias (O) to (..,O). A weight (O,I,1,1), a convolution of single pixels,
/// is the same.
///
/// # Errors
/// When the shapes do not fit each other, or the output is larger than memory
/// ([`SizeError`](crate::SizeError)).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    if x.rank() > 2 {
        return of_rows(x, weight, bias);
    }
    if let [o, i, 1, 1] = *weight.dims() {
        return linear(x, &weight.reshape((o, i))?, bias);
    }
    let ((n, i), (o, wanted)) = (x.dims2()?, weight.dims2()?);
    if i != wanted || bias.is_some_and(|b| b.dims() != [o]) {
        let bias = bias.map(Tensor::dims);
        bail!("linear: weight {:?} wants x (N,{wanted}) and bias [{o}]; got {:?}, {bias:?}", weight.dims(), x.dims());
    }
    [x, weight].into_iter().try_for_each(|t| given("linear", t).map(drop))?;
    let d = Checked::connection([n, i, o], x.dtype().size_in_bytes())?;
    if n * o == 0 {
        return composed::nothing(&[x, weight].into_iter().chain(bias).collect::<Vec<_>>(), &[n, o]);
    }
    if i == 0 {
        let y = composed::nothing(&[x, weight], &[n, o])?;
        return bias.map_or(Ok(y.clone()), |bias| y.broadcast_add(bias));
    }
    if !kernels::fits(x) {
        // A 1x1 convolution over a map of one pixel is the same product, with the same three
        // gradients.
        let (x, weight) = (x.reshape((n, 1, 1, i))?, weight.reshape((o, i, 1, 1))?);
        return composed::conv2d(&x, &weight, bias, Conv::default())?.reshape((n, o));
    }
    if Precision::current() == Precision::Int8 && ![x, weight].into_iter().chain(bias).any(Tensor::track_op) {
        // The same product, which integers are written for.
        let (x, weight) = (x.reshape((n, 1, 1, i))?, weight.reshape((o, i, 1, 1))?);
        return conv2d(&x, &weight, bias, Conv::default())?.reshape((n, o));
    }
    let (samples, matrix) = (x.contiguous()?, weight.contiguous()?);
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    let wanted: Vec<bool> = inputs.iter().map(|t| t.track_op()).collect();
    on_floats!(x.dtype(), T => {
        let y = kernels::with_option::<T, _>(bias, |bias| {
            kernels::with2::<T, T, _>(&samples, &matrix, |x, w| kernel::forward(d, x, w, bias))
        })?;
        // As in a convolution: below a frozen weight x is not kept.
        let (samples, matrix) = (wanted[1].then(|| samples.detach()), matrix.detach());
        tape::record(y, (n, o), &inputs, move |dy| {
            let mut gradients = vec![None; wanted.len()];
            if wanted[0] {
                let dx = kernels::with2::<T, T, _>(&matrix, dy, |w, dy| kernel::input_gradient(d, w, dy))?;
                gradients[0] = Some(kernels::tensor(dx, &Shape::from((n, i)))?);
            }
            if let Some(samples) = samples {
                let dw = kernels::with2::<T, T, _>(&samples, dy, |x, dy| kernel::weight_gradient(d, x, dy))?;
                gradients[1] = Some(kernels::tensor(dw, matrix.shape())?);
            }
            if wanted.get(2) == Some(&true) {
                let sums = kernels::with::<T, _>(dy, |dy| column_sums(dy, o))?;
                gradients[2] = Some(kernels::tensor(sums, &Shape::from(o))?);
            }
            Ok(gradients)
        })
    })
}

/// The product of many rows with a weight that is small beside them, as a convolution of single
/// pixels.
fn of_rows(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    if x.elem_count() == 0 || weight.elem_count() == 0 {
        let (rows, i) = (x.dims()[..x.rank() - 1].iter().product::<usize>(), x.dim(D::Minus1)?);
        return linear(&x.reshape((rows, i))?, weight, bias)?.reshape(with_channels(x, weight.dim(0)?));
    }
    let d = inputs::rows(x, weight, bias)?;
    if kernels::fits(x) {
        return rows(d, x, weight, bias);
    }
    let map = x.reshape((1, d.h, d.w, d.c))?;
    let weight = weight.reshape((d.o, d.c, 1, 1))?;
    composed::conv2d(&map, &weight, bias, Conv::default())?.reshape(with_channels(x, d.o))
}
