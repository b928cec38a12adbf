//! Normalization of each picture by itself.

use candle_core::{D, Result, Tensor, bail};

use super::composed;
use super::inputs::channels;

/// Layer norm: each row of the last axis is centered and divided by its deviation,
/// `y = (x - mean) / √(variance + eps) · weight + bias`, with the biased variance. Variance zero
/// gives `bias`.
///
/// Built of candle's operations on every device; candle's own `layer_norm` has no gradient.
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
    channels("layer_norm", x, [weight, bias])?;
    if x.elem_count() == 0 {
        return composed::nothing(&[x, weight, bias], x.dims());
    }
    standardized(x, eps)?.broadcast_mul(weight)?.broadcast_add(bias)
}

/// Group norm: as [`layer_norm`], with mean and variance over all pixels of a picture and the
/// channels of one of `groups` groups. One group of all channels, or one for each channel (instance
/// norm), are the ends of it.
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

/// The last axis with mean 0 and variance 1.
fn standardized(x: &Tensor, eps: f64) -> Result<Tensor> {
    let centered = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centered.sqr()?.mean_keepdim(D::Minus1)?;
    centered.broadcast_div(&(variance + eps)?.sqrt()?)
}
