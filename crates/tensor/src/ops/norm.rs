//! Normalization of each picture, or each row, by itself.

use candle_core::{Result, Shape, Tensor, bail};

use super::composed::{self, standardized};
use super::inputs::channels;
use super::maps::wide;
use crate::autograd::{Again, Terms, rewritten, tape};
use crate::kernels::norm::row_norm::{self as kernel, RowNorm};
use crate::kernels::{self, on_floats};

/// Layer norm: each row of the last axis is centered and divided by its deviation,
/// `y = (x - mean) / √(variance + eps) · weight + bias`, with the biased variance. Variance zero
/// gives `bias`.
///
/// # Shapes
/// x (..,C), weight and bias (C) to (..,C).
///
/// # Errors
/// When the shapes do not fit each other.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[1f64, 3.0]], &Device::Cpu)?;
/// let (weight, bias) = (Tensor::new(&[1f64, 1.0], &Device::Cpu)?, Tensor::new(&[0f64, 5.0], &Device::Cpu)?);
/// assert_eq!(taper_tensor::layer_norm(&x, &weight, &bias, 0.0)?.to_vec2::<f64>()?, [[-1.0, 6.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// J. L. Ba, J. R. Kiros, G. E. Hinton, *Layer Normalization*, 2016.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    channels("layer_norm", x, [weight, bias])?;
    match kernels::fits(x) && x.elem_count() > 0 {
        true => by_row(x, weight, Some(bias), eps),
        false => composed::layer_norm(x, weight, bias, eps),
    }
}

/// RMS norm: each row of the last axis is divided by the root of its mean square,
/// `y = x / √(mean of x² + eps) · weight`.
///
/// # Shapes
/// x (..,C), weight (C) to (..,C).
///
/// # Errors
/// When the shapes do not fit each other.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// let (x, weight) = (Tensor::new(&[[4f64, -4.0]], &Device::Cpu)?, Tensor::new(&[1f64, 2.0], &Device::Cpu)?);
/// assert_eq!(taper_tensor::rms_norm(&x, &weight, 0.0)?.to_vec2::<f64>()?, [[1.0, -2.0]]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// B. Zhang, R. Sennrich, *Root Mean Square Layer Normalization*, 2019.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    channels("rms_norm", x, [weight, weight])?;
    match kernels::fits(x) && x.elem_count() > 0 {
        true => by_row(x, weight, None, eps),
        false => composed::rms_norm(x, weight, eps),
    }
}

/// By the kernel; a result can be computed again from x, which is kept anyway.
fn by_row(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    on_floats!(x.dtype(), T => {
        let map = x.contiguous()?;
        let (weights, biases) = (weight.to_vec1::<T>()?, bias.map(Tensor::to_vec1::<T>).transpose()?);
        let norm = RowNorm { weight: &weights, bias: biases.as_deref(), eps };
        let (y, moments) = kernels::with::<T, _>(&map, |x| kernel::forward(x, norm))?;
        let map = tape::kept(x, &map);
        let again = (map.clone(), weights.clone(), biases.clone());
        let y = tape::record_terms(y, x.shape(), &inputs, move |dy: Terms| {
            let norm = RowNorm { weight: &weights, bias: biases.as_deref(), eps };
            let (dx, mut sums) = kernels::with::<T, _>(&map.get()?, |x| {
                rewritten(dy.sum()?, |dy| kernel::backward((x, &moments), dy, norm))
            })??;
            let c = Shape::from(weights.len());
            let d_bias = sums.split_off(weights.len());
            let mut gradients = vec![Some(dx), Some(kernels::tensor(sums, &c)?)];
            if biases.is_some() {
                gradients.push(Some(kernels::tensor(d_bias, &c)?));
            }
            Ok(gradients)
        })?;
        let (map, weights, biases) = again;
        tape::offer(&y, Again::new(move || {
            let norm = RowNorm { weight: &weights, bias: biases.as_deref(), eps };
            let x = map.get()?;
            kernels::tensor(kernels::with::<T, _>(&x, |x| kernel::forward(x, norm))?.0, x.shape())
        }));
        Ok(y)
    })
}

/// Group norm: as [`layer_norm`], with mean and variance over all pixels of a picture and the
/// channels of one of `groups` groups. One group of all channels, or one for each channel (instance
/// norm), are the ends of it.
///
/// Built of candle's operations on every device.
///
/// # Shapes
/// x (N,..,C), weight and bias (C) to (N,..,C).
///
/// # Errors
/// When the shapes do not fit each other, or the channels are no multiple of the groups.
///
/// # References
/// Y. Wu, K. He, *Group Normalization*, 2018.
pub fn group_norm(x: &Tensor, groups: usize, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    let c = channels("group_norm", x, [weight, bias])?;
    if x.rank() < 2 || groups == 0 || !c.is_multiple_of(groups) {
        bail!("group_norm: {groups} groups want (N,..,C) with a multiple of that many channels; got {:?}", x.dims());
    }
    if x.elem_count() == 0 {
        return composed::nothing(&[x, weight, bias], x.dims());
    }
    let n = x.dim(0)?;
    let pixels = x.elem_count() / (n * c);
    let together = x.reshape((n, pixels, groups, c / groups))?.transpose(1, 2)?.contiguous()?;
    let shape = together.shape().clone();
    let y = standardized(&together.flatten_from(2)?, eps)?.reshape(shape)?;
    y.transpose(1, 2)?.reshape(x.shape())?.broadcast_mul(weight)?.broadcast_add(bias)
}
