//! A convolution and the batch norm behind it.

use candle_core::{DType, Result, Tensor};

use super::batch_moments::BatchMoments;
use super::batch_norm::{batch_norm_eval, batch_norm_train, of_batch};
use super::conv::{conv2d, conv2d_moments, fits, weighted};
use super::epilogue::Epilogue;
use super::inputs;
use super::maps::{like, stored};
use crate::kernels::conv::{After, Maps};
use crate::kernels::simd::Real;
use crate::kernels::{self, conv as kernel, on_maps};
use crate::sizes::{Checked, Convolution};
use crate::window::Conv;

/// `batch_norm_train(conv2d(x, weight))`: the moments are summed up while the convolution writes
/// its output, which spares a pass over memory.
///
/// # Shapes
/// Those of [`conv2d`], and of [`batch_norm_train`] for its output: norm weight and
/// bias (O), residual (N,OH,OW,O).
///
/// # Errors
/// As both.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Conv, Epilogue, conv2d_batch_norm_train};
/// let x = Tensor::new(&[[[[1f32], [3.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let weight = Tensor::full(2f32, (1, 1, 1, 1), &Device::Cpu)?;
/// let (one, zero) = (Tensor::ones(1, DType::F32, &Device::Cpu)?, Tensor::zeros(1, DType::F32, &Device::Cpu)?);
/// let (y, moments) = conv2d_batch_norm_train(&x, &weight, Conv::default(), (&one, &zero), 0.0, Epilogue::Relu)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [0.0, 1.0]);
/// assert_eq!(moments.mean.to_vec1::<f32>()?, [4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d_batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    conv: Conv,
    norm: (&Tensor, &Tensor),
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    let x = &stored(x)?;
    let d = inputs::convolution(x, weight, None, conv)?;
    if !fits(x, weight, None) || d.y_len() == 0 {
        return batch_norm_train(&conv2d(x, weight, None, conv)?, norm.0, norm.1, eps, epilogue);
    }
    let (y, moments) = conv2d_moments(d, x, weight)?;
    epilogue.map(
        |residual| like(residual, &y),
        |epilogue| {
            inputs::batch_norm(&y, [norm.0, norm.1], epilogue)?;
            of_batch((&y, true), &moments, norm.0, norm.1, eps, epilogue)
        },
    )
}

/// `batch_norm_eval(conv2d(x, weight))`: where nobody wants a gradient, the norm is a scale and a
/// bias that the convolution gives its outputs while it writes them, a ReLU included.
///
/// # Shapes
/// As [`conv2d_batch_norm_train`]; mean and variance (O).
///
/// # Errors
/// As [`conv2d`] and [`batch_norm_eval`].
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{Conv, Epilogue, conv2d_batch_norm_eval};
/// let x = Tensor::new(&[[[[1f32], [3.0]]]], &Device::Cpu)?; // (1,1,2,1)
/// let weight = Tensor::full(2f32, (1, 1, 1, 1), &Device::Cpu)?;
/// let (one, two) = (Tensor::ones(1, DType::F32, &Device::Cpu)?, Tensor::full(2f32, 1, &Device::Cpu)?);
/// let y = conv2d_batch_norm_eval(&x, &weight, Conv::default(), (&two, &one), (&two, &one), 0.0, Epilogue::None)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 9.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d_batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    conv: Conv,
    norm: (&Tensor, &Tensor),
    statistics: (&Tensor, &Tensor),
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<Tensor> {
    let x = &stored(x)?;
    let d = inputs::convolution(x, weight, None, conv)?;
    let wanted = [x, weight, norm.0, norm.1].into_iter().chain(epilogue.residual()).any(Tensor::track_op);
    if wanted || !fits(x, weight, None) || d.y_len() == 0 {
        let y = conv2d(x, weight, None, conv)?;
        return batch_norm_eval(&y, norm.0, norm.1, statistics.0, statistics.1, eps, epilogue);
    }
    let run = |epilogue: Epilogue<'_>| {
        on_maps!(x.dtype(), M => {
            let affine = affine([norm.0, norm.1, statistics.0, statistics.1], eps, d.o)?;
            kernels::tensor(scaled::<M>(d, (x, weight), &affine, epilogue)?, &d.output().to_vec().into())
        })
    };
    epilogue.map(|residual| like(residual, x), run)
}

/// `scale = weight / √(variance + eps)` and `bias - mean · scale`, each of `channels` numbers.
fn affine<T: Real>(vectors: [&Tensor; 4], eps: f64, channels: usize) -> Result<(Vec<T>, Vec<T>)> {
    let wide = |vector: &Tensor| {
        if vector.dims() != [channels] {
            candle_core::bail!("batch_norm: wanted vectors of {channels} channels; got {:?}", vector.dims());
        }
        vector.to_dtype(DType::F64)?.to_vec1::<f64>()
    };
    let [weight, bias, mean, variance] = vectors.map(wide);
    let (weight, bias, mean, variance) = (weight?, bias?, mean?, variance?);
    let scale = |c: usize| weight[c] / (variance[c] + eps).sqrt();
    let shift = |c: usize| bias[c] - mean[c] * scale(c);
    Ok(((0..channels).map(|c| T::of(scale(c))).collect(), (0..channels).map(|c| T::of(shift(c))).collect()))
}

/// The outputs of a convolution, scaled, and what follows.
fn scaled<M: Maps>(
    d: Checked<Convolution>,
    (x, weight): (&Tensor, &Tensor),
    (scale, bias): &(Vec<M::Real>, Vec<M::Real>),
    epilogue: Epilogue<'_>,
) -> Result<Vec<M>> {
    let maps = (x.contiguous()?, weight.contiguous()?);
    let run = |after: After<'_, M>| {
        weighted::<M, _>(d, &maps, |simd, x, weight| kernel::forward_scaled(simd, d, x, weight, (scale, bias), after))
    };
    let residual = match epilogue {
        Epilogue::None => return run(After::Nothing),
        Epilogue::Relu => return run(After::Relu),
        Epilogue::Activate(function) => return run(After::Activate(function)),
        Epilogue::AddRelu(residual) => residual,
    };
    if residual.dims() != d.output() {
        let (wanted, got) = (d.output(), residual.dims());
        candle_core::bail!("batch_norm: the residual must have the shape {wanted:?}; got {got:?}");
    }
    kernels::with::<M, _>(&residual.contiguous()?, |z| run(After::AddRelu(z)))?
}
