//! Batch normalization of candle's operations.

use candle_core::{D, Result, Tensor, bail};

use super::activation::{activate, add_relu, relu};
use super::axis::nothing;
use crate::ops::batch_moments::BatchMoments;
use crate::ops::epilogue::Epilogue;
use crate::ops::inputs;

/// See [`crate::batch_norm_train`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    inputs::batch_norm(x, [weight, bias], epilogue)?;
    if x.elem_count() == 0 {
        bail!("batch_norm: wanted values to normalize; got the shape {:?}", x.dims());
    }
    let rows = x.reshape(((), x.dim(D::Minus1)?))?;
    let mean = rows.mean_keepdim(0)?;
    let centered = rows.broadcast_sub(&mean)?;
    let variance = centered.sqr()?.mean_keepdim(0)?;
    let normal = centered.broadcast_div(&(&variance + eps)?.sqrt()?)?;
    let y = normal.broadcast_mul(weight)?.broadcast_add(bias)?.reshape(x.shape())?;
    let moments =
        BatchMoments { mean: mean.squeeze(0)?.detach(), variance: variance.squeeze(0)?.detach(), count: rows.dim(0)? };
    Ok((after(y, epilogue)?, moments))
}

/// See [`crate::batch_norm_eval`].
///
/// # Errors
/// When the shapes do not fit each other.
pub fn batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<Tensor> {
    inputs::batch_norm(x, [weight, bias], epilogue)?;
    inputs::batch_norm(x, [mean, variance], epilogue)?;
    if x.elem_count() == 0 {
        let inputs: Vec<&Tensor> = [x, weight, bias].into_iter().chain(epilogue.residual()).collect();
        return nothing(&inputs, x.dims());
    }
    let scale = (weight / (variance.detach() + eps)?.sqrt()?)?;
    let shift = (bias - (mean.detach() * &scale)?)?;
    after(x.broadcast_mul(&scale)?.broadcast_add(&shift)?, epilogue)
}

fn after(y: Tensor, epilogue: Epilogue<'_>) -> Result<Tensor> {
    match epilogue {
        Epilogue::None => Ok(y),
        Epilogue::Relu => relu(&y),
        Epilogue::AddRelu(residual) => add_relu(&y, residual),
        Epilogue::Activate(function) => activate(&y, function),
    }
}
