//! The fully connected layer.

use candle_core::{Result, Tensor};

use crate::{Conv, conv2d};

/// `y = x Wᵀ + b`.
///
/// # Shapes
/// x (N,I), weight (O,I), bias (O) to (N,O).
///
/// # Errors
/// When the shapes do not fit each other.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (n, i) = x.dims2()?;
    let (o, wanted) = weight.dims2()?;
    // A 1x1 convolution over a map of one pixel is the same product, with the same three gradients.
    let (x, weight) = (x.reshape((n, 1, 1, i))?, weight.reshape((o, wanted, 1, 1))?);
    conv2d(&x, &weight, bias, Conv::default())?.reshape((n, o))
}
