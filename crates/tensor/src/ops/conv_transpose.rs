//! Transposed convolution.

use candle_core::{Result, Shape, Tensor};

use super::maps::wide;
use super::{composed, inputs};
use crate::autograd::tape;
use crate::kernels::conv as kernel;
use crate::kernels::elementwise::scale;
use crate::kernels::memory::Elements;
use crate::kernels::norm::rows;
use crate::kernels::simd::simd;
use crate::kernels::{self, on_floats};
use crate::window::ConvTranspose;

/// Transposed convolution: what a [`conv2d`](crate::conv2d) from (N,OH,OW,O) to (N,H,W,C) with this
/// weight makes of a gradient, plus a bias. Each pixel of x adds its weight's window to the output:
/// `y[n, i·stride + r·dilation - padding, …, o] += Σ_c x[n,i,j,c] · weight[c,o,r,s]`.
///
/// It runs the kernel of that gradient; its own gradients are the convolution, and the gradient of
/// the convolution's weight.
///
/// # Shapes
/// x (N,H,W,C), weight (C, O/groups, R, S), bias (O) to (N,OH,OW,O) with
/// `OH = (H-1)·stride - 2·padding + dilation·(R-1) + output_padding + 1`.
///
/// # Errors
/// When the shapes do not fit each other, a size of the configuration or a side of the map is 0,
/// `output_padding` is not smaller than stride or dilation, the padding leaves nothing of the
/// output, or the output is larger than memory ([`SizeError`](crate::SizeError)).
///
/// # Differs from PyTorch
/// Maps are (N,H,W,C); the weight is PyTorch's.
///
/// # Examples
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use taper_tensor::{ConvTranspose, conv_transpose2d};
/// let x = Tensor::ones((1, 7, 7, 16), DType::F32, &Device::Cpu)?;
/// let weight = Tensor::ones((16, 8, 3, 3), DType::F32, &Device::Cpu)?;
/// let conv = ConvTranspose { stride: 2, padding: 1, output_padding: 1, ..ConvTranspose::default() };
/// assert_eq!(conv_transpose2d(&x, &weight, None, conv)?.dims(), [1, 14, 14, 8]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # References
/// V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning*, 2016.
pub fn conv_transpose2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: ConvTranspose) -> Result<Tensor> {
    let x = &wide(x, weight)?;
    let d = inputs::transposed(x, weight, bias, conv)?;
    if !kernels::fits(x) || d.x_len() == 0 {
        return composed::conv_transpose2d(x, weight, bias, conv);
    }
    let (map, matrix) = (x.contiguous()?, weight.contiguous()?);
    on_floats!(x.dtype(), T => {
        let mut y = kernels::with2::<T, T, _>(&matrix, &map, |w, x| kernel::input_gradient(d, w, x))?;
        kernels::with_option::<T, _>(bias, |bias| {
            if let Some(bias) = bias {
                // To all pixels, as those of one picture.
                scale::add(Elements::Own(&mut y), bias, d.c);
            }
            Ok(())
        })?;
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
        // Of what each gradient is made, and no more.
        let for_x = x.track_op().then(|| (matrix.detach(), x.shape().clone()));
        let for_weight = weight.track_op().then(|| (tape::kept(x, &map), weight.shape().clone()));
        let for_bias = bias.is_some_and(Tensor::track_op);
        tape::record(y, vec![d.n, d.h, d.w, d.c], &inputs, move |dy| {
            let dw = for_weight.map(|(x, shape)| {
                let dw = kernels::with2::<T, T, _>(dy, &x.get()?, |dy, x| kernel::weight_gradient(d, dy, x))?;
                kernels::tensor(dw, &shape)
            });
            let dx = for_x.map(|(weight, shape)| {
                let dx = kernels::with2::<T, T, _>(dy, &weight, |dy, w| {
                    kernel::forward(simd(), d, dy, w.into(), None, false)
                })?;
                kernels::tensor(dx, &shape)
            });
            let db = for_bias.then(|| {
                let sums = kernels::with::<T, _>(dy, |dy| rows::column_sums(dy, d.c))?;
                kernels::tensor(sums, &Shape::from(d.c))
            });
            Ok(vec![dx.transpose()?, dw.transpose()?, db.transpose()?])
        })
    })
}
