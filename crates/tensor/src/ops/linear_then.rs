//! The fully connected layer and what follows it, in one pass.

use candle_core::{Result, Tensor, bail};

use super::activation::{activate, add};
use super::conv::{Saved, product, weighted, with_channels};
use super::inputs;
use super::linear::linear;
use super::maps::{like, wide};
use crate::autograd::{Again, rewritten, tape};
use crate::kernels::conv::{self as kernel, After, Maps};
use crate::kernels::elementwise::pointwise;
use crate::kernels::simd::{Element, Real};
use crate::kernels::{self, on_floats};
use crate::pointwise::Pointwise;
use crate::sizes::{Checked, Convolution};

/// `f(x Wᵀ + b)`, as in the middle of a multilayer perceptron.
///
/// Where a gradient is wanted the product is kept and the function is computed again for whoever
/// reads the result; else it is applied to outputs that are still in the cache.
///
/// # Shapes
/// x (..,I), weight (O,I), bias (O) to (..,O).
///
/// # Errors
/// As [`linear`].
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::{Pointwise, linear_activate};
/// let x = Tensor::new(&[[[1f64, 2.0]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[1f64, 1.0], [-1.0, 0.0]], &Device::Cpu)?;
/// let y = linear_activate(&x, &weight, None, Pointwise::HardSwish)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f64>()?, [3.0, -1.0 / 3.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn linear_activate(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, function: Pointwise) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    if x.rank() < 3 || !kernels::fits(x) || x.elem_count() == 0 || weight.elem_count() == 0 {
        return activate(&linear(x, weight, bias)?, function);
    }
    let d = inputs::rows(x, weight, bias)?;
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    on_floats!(x.dtype(), T => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        if !inputs.iter().any(|x| x.track_op()) {
            let (scale, bias) = (vec![T::ONE; d.o], vector::<T>(bias, d.o)?);
            let y = scaled(d, &maps, (&scale, &bias), After::Activate(function))?;
            return kernels::tensor(y, &with_channels(x, d.o));
        }
        let z = product::<T>(d, &maps, bias, false)?;
        let y = pointwise::values(function, &z);
        let z = kernels::tensor(z, &with_channels(x, d.o))?;
        let (back, again) = (Saved::new(d, &inputs, (&maps.0, &maps.1)), z.clone());
        let y = tape::record_terms(y, z.shape().clone(), &inputs, move |dy| {
            let (dz, sums) = kernels::with::<T, _>(&z, |z| {
                rewritten(dy.sum()?, |dy| pointwise::gradients_summed(function, z, dy, d.o))
            })??;
            back.gradients::<T>(dz, Some(sums))
        })?;
        tape::offer(&y, Again::new(move || {
            kernels::tensor(kernels::with::<T, _>(&again, |z| pointwise::values(function, z))?, again.shape())
        }));
        Ok(y)
    })
}

/// `residual + scale · (x Wᵀ + b)`, as at the end of a residual branch, in one pass over the
/// outputs; `scale` has a number for each output (layer scale), or there is none.
///
/// A scale that is trained is multiplied into weight and bias, which are small, so that nothing of
/// the outputs' size is kept.
///
/// # Shapes
/// x (..,I), weight (O,I), bias and scale (O), residual (..,O) to (..,O).
///
/// # Errors
/// As [`linear`], and when the residual or the scale has another shape.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::linear_add;
/// let x = Tensor::new(&[[[1f64, 2.0]]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[1f64, 1.0], [1.0, 0.0]], &Device::Cpu)?;
/// let scale = Tensor::new(&[0.5f64, 2.0], &Device::Cpu)?;
/// let y = linear_add(&x, &weight, None, Some(&scale), &x)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f64>()?, [2.5, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// H. Touvron, M. Cord, A. Sablayrolles, G. Synnaeve, H. Jégou, *Going deeper with Image
/// Transformers*, 2021: layer scale.
pub fn linear_add(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    scale: Option<&Tensor>,
    residual: &Tensor,
) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    let residual = &like(residual, x)?;
    let outputs = weight.dim(0)?;
    if residual.shape() != &with_channels(x, outputs) || scale.is_some_and(|scale| scale.dims() != [outputs]) {
        let (x, scale) = (x.dims(), scale.map(Tensor::dims));
        bail!("linear_add: x {x:?} and {outputs} outputs want a residual of that shape; got {residual:?}, {scale:?}");
    }
    let learns = [x, weight, residual].into_iter().chain(bias).chain(scale).any(Tensor::track_op);
    if let Some(scale) = scale.filter(|_| learns) {
        let mut by_row = vec![1; weight.rank()];
        by_row[0] = outputs;
        let weight = weight.broadcast_mul(&scale.reshape(by_row)?)?;
        let bias = bias.map(|bias| bias * scale).transpose()?;
        return linear_add(x, &weight, bias.as_ref(), None, residual);
    }
    if x.rank() < 3 || !kernels::fits(x) || x.elem_count() == 0 || weight.elem_count() == 0 {
        let y = linear(x, weight, bias)?;
        return add(residual, &scale.map_or(Ok(y.clone()), |scale| y.broadcast_mul(scale))?);
    }
    let d = inputs::rows(x, weight, bias)?;
    on_floats!(x.dtype(), T => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let mut shift = vector::<T>(bias, d.o)?;
        let factors = scale.map_or(Ok(vec![T::ONE; d.o]), |scale| scale.to_vec1::<T>())?;
        shift.iter_mut().zip(&factors).for_each(|(shift, &factor)| *shift *= factor);
        let y = kernels::with::<T, _>(&residual.contiguous()?, |residual| {
            scaled(d, &maps, (&factors, &shift), After::Add(residual))
        })??;
        if !learns {
            return kernels::tensor(y, residual.shape());
        }
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).chain([residual]).collect();
        let back = Saved::new(d, &inputs[..inputs.len() - 1], (&maps.0, &maps.1));
        tape::record_terms(y, residual.shape().clone(), &inputs, move |dy| {
            let dy = dy.sum()?.tensor;
            let mut gradients = back.gradients::<T>(dy.clone(), None)?;
            gradients.push(Some(dy));
            Ok(gradients)
        })
    })
}

/// Numbers by output, zeros where there are none.
fn vector<T: Real>(values: Option<&Tensor>, outputs: usize) -> Result<Vec<T>> {
    values.map_or(Ok(vec![T::ZERO; outputs]), |values| values.to_vec1())
}

fn scaled<T: Real + Maps<Real = T>>(
    d: Checked<Convolution>,
    maps: &(Tensor, Tensor),
    columns: (&[T], &[T]),
    after: After<'_, T>,
) -> Result<Vec<T>> {
    weighted::<T, _>(d, maps, |simd, x, weight| kernel::forward_scaled(simd, d, x, weight, columns, after))
}
