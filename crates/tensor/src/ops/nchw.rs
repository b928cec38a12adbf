//! The operations for feature maps of the shape (N,C,H,W), as PyTorch and candle lay them out.
//!
//! Every function has the arguments of its namesake in the crate, transposes to (N,H,W,C), where
//! the kernels work, and back. A network of several layers is faster if it is transposed once, at
//! its ends: [`to_nhwc`], [`to_nchw`].
//!
//! # Examples
//! ```
//! use candle_core::{Device, Tensor, Var};
//! use taper_tensor::{Conv, nchw};
//! let x = Tensor::randn(0f32, 1.0, (2, 3, 8, 8), &Device::Cpu)?;
//! let weight = Var::randn(0f32, 1.0, (4, 3, 3, 3), &Device::Cpu)?;
//! let y = nchw::conv2d(&x, &weight, None, Conv { padding: 1, ..Conv::default() })?;
//! assert_eq!(y.dims(), [2, 4, 8, 8]);
//! let grads = y.sqr()?.sum_all()?.backward()?;
//! assert_eq!(grads.get(&weight).unwrap().dims(), [4, 3, 3, 3]);
//! # Ok::<(), candle_core::Error>(())
//! ```

use candle_core::{Result, Tensor};

use super::batch_moments::BatchMoments;
use super::epilogue::Epilogue;
use crate::autograd::tape;
use crate::kernels::gemm::transpose::transpose;
use crate::kernels::{self, on_floats};
use crate::sizes::given;
use crate::window::{AvgPool, Conv, ConvPerAxis, ConvTranspose, Pool};

/// (N,C,H,W) to (N,H,W,C), in memory.
///
/// # Errors
/// When x has not four axes.
pub fn to_nhwc(x: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    given("to_nhwc", x)?;
    if !kernels::fits(x) {
        return x.permute((0, 2, 3, 1))?.contiguous();
    }
    transposed(x, [n, c, h * w], [n, h, w, c])
}

/// (N,H,W,C) to (N,C,H,W), in memory.
///
/// # Errors
/// When x has not four axes.
pub fn to_nchw(x: &Tensor) -> Result<Tensor> {
    let (n, h, w, c) = x.dims4()?;
    given("to_nchw", x)?;
    if !kernels::fits(x) {
        return x.permute((0, 3, 1, 2))?.contiguous();
    }
    transposed(x, [n, h * w, c], [n, c, h, w])
}

fn transposed(x: &Tensor, [n, rows, columns]: [usize; 3], shape: [usize; 4]) -> Result<Tensor> {
    on_floats!(x.dtype(), T => {
        let y = kernels::with::<T, _>(&x.contiguous()?, |x| transpose(x, n, rows, columns))?;
        let back = x.shape().clone();
        tape::record(y, shape.to_vec(), &[x], move |dy| {
            let dx = kernels::with::<T, _>(dy, |dy| transpose(dy, n, columns, rows))?;
            Ok(vec![Some(kernels::tensor(dx, &back)?)])
        })
    })
}

/// [`crate::conv2d`] from (N,C,H,W) to (N,O,OH,OW).
///
/// # Errors
/// As there.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    to_nchw(&crate::conv2d(&to_nhwc(x)?, weight, bias, conv)?)
}

/// [`crate::conv2d_relu`] from (N,C,H,W) to (N,O,OH,OW).
///
/// # Errors
/// As there.
pub fn conv2d_relu(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    to_nchw(&crate::conv2d_relu(&to_nhwc(x)?, weight, bias, conv)?)
}

/// [`crate::conv2d_per_axis`] from (N,C,H,W) to (N,O,OH,OW).
///
/// # Errors
/// As there.
pub fn conv2d_per_axis(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvPerAxis) -> Result<Tensor> {
    to_nchw(&crate::conv2d_per_axis(&to_nhwc(x)?, weight, bias, conv)?)
}

/// [`crate::conv_transpose2d`] from (N,C,H,W) to (N,O,OH,OW).
///
/// # Errors
/// As there.
pub fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvTranspose) -> Result<Tensor> {
    to_nchw(&crate::conv_transpose2d(&to_nhwc(x)?, weight, bias, conv)?)
}

/// [`crate::conv1d`] from (N,C,L) to (N,O,M).
///
/// # Errors
/// As there.
pub fn conv1d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let rows = to_nhwc(&x.unsqueeze(2)?)?.squeeze(1)?;
    to_nchw(&crate::conv1d(&rows, weight, bias, conv)?.unsqueeze(1)?)?.squeeze(2)
}

/// [`crate::max_pool2d`] from (N,C,H,W) to (N,C,OH,OW).
///
/// # Errors
/// As there.
pub fn max_pool2d(x: &Tensor, pool: Pool) -> Result<Tensor> {
    to_nchw(&crate::max_pool2d(&to_nhwc(x)?, pool)?)
}

/// [`crate::avg_pool2d`] from (N,C,H,W) to (N,C,OH,OW).
///
/// # Errors
/// As there.
pub fn avg_pool2d(x: &Tensor, pool: AvgPool) -> Result<Tensor> {
    to_nchw(&crate::avg_pool2d(&to_nhwc(x)?, pool)?)
}

/// [`crate::adaptive_max_pool2d`] from (N,C,H,W) to (N,C,OH,OW).
///
/// # Errors
/// As there.
pub fn adaptive_max_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    to_nchw(&crate::adaptive_max_pool2d(&to_nhwc(x)?, output)?)
}

/// [`crate::resize_bilinear`] from (N,C,H,W) to (N,C,OH,OW).
///
/// # Errors
/// As there.
pub fn resize_bilinear(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    to_nchw(&crate::resize_bilinear(&to_nhwc(x)?, output)?)
}

/// [`crate::adaptive_avg_pool2d`] from (N,C,H,W) to (N,C,OH,OW).
///
/// # Errors
/// As there.
pub fn adaptive_avg_pool2d(x: &Tensor, output: (usize, usize)) -> Result<Tensor> {
    to_nchw(&crate::adaptive_avg_pool2d(&to_nhwc(x)?, output)?)
}

/// [`crate::global_avg_pool`] from (N,C,H,W) to (N,C).
///
/// # Errors
/// As there.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    crate::global_avg_pool(&to_nhwc(x)?)
}

/// [`crate::batch_norm_train`] on (N,C,H,W), as is the residual of the epilogue.
///
/// # Errors
/// As there.
pub fn batch_norm_train(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<(Tensor, BatchMoments)> {
    let x = to_nhwc(x)?;
    let (y, moments) = epilogue.map(to_nhwc, |epilogue| crate::batch_norm_train(&x, weight, bias, eps, epilogue))?;
    Ok((to_nchw(&y)?, moments))
}

/// [`crate::batch_norm_eval`] on (N,C,H,W), as is the residual of the epilogue.
///
/// # Errors
/// As there.
pub fn batch_norm_eval(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    eps: f64,
    epilogue: Epilogue<'_>,
) -> Result<Tensor> {
    let x = to_nhwc(x)?;
    to_nchw(&epilogue.map(to_nhwc, |epilogue| crate::batch_norm_eval(&x, weight, bias, mean, variance, eps, epilogue))?)
}
