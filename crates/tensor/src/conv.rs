//! Convolution.

use candle_core::{DType, Result, Shape, Tensor, bail};

use crate::kernels::moments::Moments;
use crate::kernels::rewrite::rewritten;
use crate::kernels::{self, Real, conv as kernel, on_floats, rows};
use crate::tape::{self, Terms};
use crate::{Precision, composed, gate, relu};

/// How a convolution moves over the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Pixels between windows, both directions. Default 1.
    pub stride: usize,
    /// Rows and columns of zeros on each side, pixels. Default 0.
    pub padding: usize,
    /// Pixels between the taps of the kernel. Default 1.
    pub dilation: usize,
    /// Parts that the channels are split into; equal to the channels it is a depthwise convolution. Default 1.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// Cross-correlation over feature maps, as every framework's `conv2d`:
/// `y[n,i,j,o] = b[o] + Σ_{r,s,c} x[n, i·stride + r·dilation - padding, …, c] · weight[o,c,r,s]`.
///
/// # Shapes
/// x (N,H,W,C), weight (O, C/groups, R, S), bias (O) to (N,OH,OW,O) with
/// `OH = (H + 2·padding - dilation·(R-1) - 1) / stride + 1`.
///
/// # Errors
/// When the shapes do not fit each other, a size of the configuration or the number of channels is 0, or the window is larger
/// than the padded map.
///
/// # Differs from PyTorch
/// Maps are (N,H,W,C). Each gradient is computed only for an argument that leads to a variable.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let shape = sizes(x, weight, bias, conv)?;
    if kernels::fits(x) { run(shape, x, weight, bias, false) } else { composed::conv2d(x, weight, bias, conv) }
}

/// `relu(conv2d(x, weight, bias))` with the rectifier in the same pass, forward and backward.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_relu(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let shape = sizes(x, weight, bias, conv)?;
    if kernels::fits(x) { run(shape, x, weight, bias, true) } else { relu(&composed::conv2d(x, weight, bias, conv)?) }
}

/// [`conv2d`] without a bias, and the mean and variance of its output by channel; for what kernels fit.
pub(crate) fn conv2d_moments(x: &Tensor, weight: &Tensor, conv: Conv) -> Result<(Tensor, Moments)> {
    let d = sizes(x, weight, None, conv)?;
    on_floats!(x.dtype(), T => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let (y, moments) = kernels::with2::<T, _>(&maps.0, &maps.1, |x, w| kernel::forward_moments(d, x, w))?;
        Ok((record(d, y, maps, (x, weight, None), false)?, moments))
    })
}

fn run(d: kernel::Shape, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, rectify: bool) -> Result<Tensor> {
    on_floats!(x.dtype(), T => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let y = kernels::with_option::<T, _>(bias, |bias| {
            kernels::with2::<T, _>(&maps.0, &maps.1, |x, w| kernel::forward(d, x, w, bias, rectify))
        })?;
        record(d, y, maps, (x, weight, bias), rectify)
    })
}

/// The output as a tensor with its gradients: of the inputs, whose map and weight are also there in one piece.
fn record<T: Real>(
    d: kernel::Shape,
    y: Vec<T>,
    (x_map, matrix): (Tensor, Tensor),
    (x, weight, bias): (&Tensor, &Tensor, Option<&Tensor>),
    rectify: bool,
) -> Result<Tensor> {
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    let wanted: Vec<bool> = inputs.iter().map(|t| t.track_op()).collect();
    let asked = tape::asked(x);
    // What each gradient is made of, and no more.
    let x_map = wanted[1].then(|| x_map.detach());
    let (matrix, x_shape, w_shape) = (matrix.detach(), x.shape().clone(), weight.shape().clone());
    tape::record_terms(y, (d.n, d.oh, d.ow, d.o), &inputs, move |terms: Terms, y: &Tensor| {
        let (dz, sums) = match (terms.sum()?, rectify) {
            (dy, false) => (dy.tensor, None),
            (dy, true) => {
                let (dz, sums) = kernels::with::<T, _>(y, |y| rewritten(dy, |dy| rows::rectified(y, dy, d.o)))??;
                (dz, Some(sums))
            }
        };
        let mut gradients = vec![None, None];
        if wanted[0] {
            let finished = match &asked {
                Some(asked) => gate::finished::<T>(asked, d, &matrix, &dz)?,
                None => None,
            };
            gradients[0] = Some(match finished {
                Some(dx) => dx,
                None => {
                    let dx = kernels::with2::<T, _>(&matrix, &dz, |w, dz| kernel::input_gradient(d, w, dz))?;
                    kernels::tensor(dx, &x_shape)?
                }
            });
        }
        if let Some(x) = x_map {
            let dw = kernels::with2::<T, _>(&x, &dz, |x, dz| kernel::weight_gradient(d, x, dz))?;
            gradients[1] = Some(kernels::tensor(dw, &w_shape)?);
        }
        if wanted.get(2) == Some(&true) {
            let sums = match sums {
                Some(sums) => sums,
                None => kernels::with::<T, _>(&dz, |dz| rows::column_sums(dz, d.o))?,
            };
            gradients.push(Some(kernels::tensor(sums, &Shape::from(d.o))?));
        }
        Ok(gradients)
    })
}

fn sizes(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<kernel::Shape> {
    let (n, h, w, c) = x.dims4()?;
    let (o, i, r, s) = weight.dims4()?;
    let Conv { stride, padding, dilation, groups } = conv;
    if [stride, dilation, groups, r, s, i].contains(&0) {
        bail!(
            "conv2d: stride, dilation, groups, kernel and channels must be at least 1; got {conv:?}, weight {:?}",
            weight.dims()
        );
    }
    if c != i * groups || o % groups != 0 {
        bail!(
            "conv2d: weight {:?} in {groups} groups wants {} channels (N,H,W,C); got {:?}",
            weight.dims(),
            i * groups,
            x.dims()
        );
    }
    if let Some(bias) = bias.filter(|b| b.dims() != [o]) {
        bail!("conv2d: bias must have the shape [{o}]; got {:?}", bias.dims());
    }
    let (reach_h, reach_w) = (dilation * (r - 1) + 1, dilation * (s - 1) + 1);
    if h + 2 * padding < reach_h || w + 2 * padding < reach_w {
        bail!("conv2d: the window {reach_h}x{reach_w} is larger than the map {h}x{w} with padding {padding}");
    }
    let (oh, ow) = ((h + 2 * padding - reach_h) / stride + 1, (w + 2 * padding - reach_w) / stride + 1);
    let pairs = Precision::current() == Precision::Bf16 && x.dtype() == DType::F32;
    Ok(kernel::Shape { n, h, w, c, oh, ow, o, r, s, stride, padding, dilation, groups, pairs })
}
