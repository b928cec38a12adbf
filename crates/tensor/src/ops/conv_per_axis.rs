//! Convolution that moves differently along height and width, and along rows alone.

use candle_core::{Result, Tensor};

use super::maps::stored;
use super::pool::avg_pool2d;
use super::{composed, conv, inputs};
use crate::window::{AvgPool, Conv, ConvPerAxis};

/// [`conv2d`](crate::conv2d) with a stride and a padding for each axis:
/// `y[n,i,j,o] = b[o] + Σ_{r,s,c} x[n, i·S₀ + r·dilation - P₀, j·S₁ + s·dilation - P₁, c] ·
/// weight[o,c,r,s]`, stride (S₀,S₁) and padding (P₀,P₁).
///
/// What it costs: the paddings nothing. Two strides are computed as one, their greatest common
/// divisor g, of whose output the rows and columns between are dropped: `S₀·S₁ / g²` times the
/// products, twice as many where the stride is (2, 1). Of a single row or column of windows nothing
/// is dropped.
///
/// # Shapes
/// x (N,H,W,C), weight (O, C/groups, R, S), bias (O) to (N,OH,OW,O) with
/// `OH = ⌊(H + 2·P₀ - dilation·(R-1) - 1) / S₀⌋ + 1`, and OW alike.
///
/// # Errors
/// As [`conv2d`](crate::conv2d); of memory, also when the output of the common stride is larger.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{ConvPerAxis, conv2d_per_axis};
/// let x = Tensor::ones((2, 32, 100, 1), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((8, 1, 3, 5), DType::F32, &Device::Cpu)?;
/// let conv = ConvPerAxis { stride: (2, 1), padding: (1, 2), ..ConvPerAxis::default() };
/// assert_eq!(conv2d_per_axis(&x, &weight, None, conv)?.dims(), [2, 16, 100, 8]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv2d_per_axis(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvPerAxis) -> Result<Tensor> {
    let x = &stored(x)?;
    let (d, keep) = inputs::convolution_per_axis(x, weight, bias, conv)?;
    if !conv::fits(x, weight, bias) || d.y_len() == 0 {
        return composed::conv2d_per_axis(x, weight, bias, conv);
    }
    let y = conv::of_sizes(d, x, weight, bias)?;
    match keep {
        (1, 1) => Ok(y),
        // The mean of a single pixel is that pixel.
        stride => avg_pool2d(&y, AvgPool { kernel: (1, 1), stride, ..AvgPool::default() }),
    }
}

/// Cross-correlation along rows, as every framework's `conv1d`: a [`conv2d`](crate::conv2d) of maps
/// that are one pixel high.
/// `y[n,i,o] = b[o] + Σ_{k,c} x[n, i·stride + k·dilation - padding, c] · weight[o,c,k]`.
///
/// # Shapes
/// x (N,L,C), weight (O, C/groups, K), bias (O) to (N,M,O) with
/// `M = ⌊(L + 2·padding - dilation·(K-1) - 1) / stride⌋ + 1`, `⌈L / stride⌉` where the padding is
/// [`same`](Conv::same).
///
/// # Errors
/// As [`conv2d`](crate::conv2d).
///
/// # Differs from PyTorch
/// Rows are (N,L,C), channels last; [`nchw::conv1d`](crate::nchw::conv1d) takes (N,C,L).
///
/// # Differs from candle
/// candle 0.11 has wrong gradients for several pictures and outputs, and reads a weight that is not
/// contiguous as if it were.
///
/// # Examples
/// ```
/// use candle_core::{Device, Tensor};
/// use taper_tensor::{Conv, conv1d};
/// let x = Tensor::new(&[[[1f32], [2.0], [4.0], [8.0]]], &Device::Cpu)?; // (1,4,1)
/// let weight = Tensor::new(&[[[-1f32, 1.0]]], &Device::Cpu)?; // (1,1,2)
/// let y = conv1d(&x, &weight, None, Conv::default())?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1.0, 2.0, 4.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn conv1d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let x = &stored(x)?;
    let (d, map, matrix) = inputs::convolution_of_rows(x, weight, bias, conv)?;
    match conv::fits(x, weight, bias) && d.y_len() > 0 {
        true => conv::of_sizes(d, &map, &matrix, bias)?.squeeze(1),
        false => composed::conv1d(x, weight, bias, conv),
    }
}
