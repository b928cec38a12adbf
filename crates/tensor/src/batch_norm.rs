//! Batch normalisation.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};

use crate::composed;
use crate::kernels::{self, batch_norm as kernel, on_floats};

/// Mean and variance of a batch, by channel.
#[derive(Clone, Debug)]
pub struct BatchMoments {
    /// The mean, (C).
    pub mean: Tensor,
    /// The biased variance (divided by `count`), (C).
    pub variance: Tensor,
    /// How many values each channel has.
    pub count: usize,
}

/// `y = (x - mean) / √(variance + eps) · weight + bias`, with the mean and the biased variance of this batch over
/// all axes but the last. Variance zero gives `bias`, never NaN, as long as eps is above zero.
///
/// # Shapes
/// x (..,C), weight and bias (C) to (..,C) and the moments.
///
/// # Errors
/// When the shapes do not fit each other or x is empty.
///
/// # References
/// S. Ioffe, C. Szegedy, *Batch normalization*, 2015.
pub fn batch_norm_train(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<(Tensor, BatchMoments)> {
    let c = x.dim(D::Minus1)?;
    if weight.dims() != [c] || bias.dims() != [c] || x.elem_count() == 0 {
        bail!(
            "batch_norm: wanted x (..,C) with values and weight and bias (C); got {:?}, {:?}, {:?}",
            x.dims(),
            weight.dims(),
            bias.dims()
        );
    }
    if !kernels::fits(x) {
        return composed::batch_norm_train(x, weight, bias, eps);
    }
    let x = x.contiguous()?;
    let (mean, variance) = on_floats!(x.dtype(), T => kernels::with::<T, _>(&x, |x| kernel::moments(x, c))?);
    let vector = |values: &[f64]| Tensor::from_slice(values, c, x.device())?.to_dtype(x.dtype());
    let moments = BatchMoments { mean: vector(&mean)?, variance: vector(&variance)?, count: x.elem_count() / c };
    let rstd = variance.iter().map(|v| 1.0 / (v + eps).sqrt()).collect();
    let y = x.apply_op3(&weight.contiguous()?, &bias.contiguous()?, BatchNorm { mean, rstd })?;
    Ok((y, moments))
}

struct BatchNorm {
    mean: Vec<f64>,
    rstd: Vec<f64>,
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let y = on_floats!(kernels::dtype(x), T => {
            let (x, w, b) = (kernels::slice::<T>(x, xl)?, kernels::slice(w, wl)?, kernels::slice(b, bl)?);
            kernels::store(kernel::forward(x, &self.mean, &self.rstd, w, b))
        });
        Ok((y, xl.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        _: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dy = dy.contiguous()?;
        on_floats!(x.dtype(), T => {
            let (dx, dw, db) = kernels::with2::<T, _>(x, &dy, |x, dy| {
                kernels::with::<T, _>(w, |w| kernel::backward(x, dy, &self.mean, &self.rstd, w))
            })??;
            let c = Shape::from(dw.len());
            Ok((Some(kernels::tensor(dx, x.shape())?), Some(kernels::tensor(dw, &c)?), Some(kernels::tensor(db, &c)?)))
        })
    }
}

/// [`batch_norm_train`] with given statistics, which get no gradient: `y = x · s + (bias - mean · s)` with
/// `s = weight / √(variance + eps)`.
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
) -> Result<Tensor> {
    let scale = (weight / (variance.detach() + eps)?.sqrt()?)?;
    let shift = (bias - (mean.detach() * &scale)?)?;
    x.broadcast_mul(&scale)?.broadcast_add(&shift)
}
