//! Convolution.

use candle_core::{Result, Shape, Tensor};

use super::activation::relu;
use super::maps::stored;
use super::packed::PackedWeights;
use super::{composed, inputs};
use crate::autograd::{Asked, Gradients, Kept, rewritten, tape};
use crate::kernels::conv::{Maps, Weight};
use crate::kernels::gemm::tally::{Moments, Rectifier};
use crate::kernels::memory::Elements;
use crate::kernels::norm::rows;
use crate::kernels::simd::{Simd, Stored, simd};
use crate::kernels::{self, conv as kernel, on_maps};
use crate::sizes::{Checked, Convolution};
use crate::window::Conv;

/// Cross-correlation over feature maps, as every framework's `conv2d`:
/// `y[n,i,j,o] = b[o] + Σ_{r,s,c} x[n, i·stride + r·dilation - padding, …, c] · weight[o,c,r,s]`.
///
/// # Shapes
/// x (N,H,W,C), weight (O, C/groups, R, S), bias (O) to (N,OH,OW,O) with
/// `OH = (H + 2·padding - dilation·(R-1) - 1) / stride + 1`, `⌈H / stride⌉` where the padding is
/// [`same`](Conv::same).
///
/// # Errors
/// When the shapes do not fit each other, a size of the configuration or the number of channels is
/// 0, the window is larger than the padded map, or the output larger than memory
/// ([`SizeError`](crate::SizeError)).
///
/// Of no pictures, or to no channels, the output is empty and the gradients are 0.
///
/// # Differs from PyTorch
/// Maps are (N,H,W,C). Each gradient is computed only for an argument that leads to a variable.
pub fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let x = &stored(x)?;
    let d = inputs::convolution(x, weight, bias, conv)?;
    match fits(x, weight, bias) && d.y_len() > 0 {
        true => run(d, Arguments { x, weight, bias }, false),
        false => composed::conv2d(x, weight, bias, conv),
    }
}

/// `relu(conv2d(x, weight, bias))` with the rectifier in the same pass, forward and backward.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_relu(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, conv: Conv) -> Result<Tensor> {
    let x = &stored(x)?;
    let d = inputs::convolution(x, weight, bias, conv)?;
    match fits(x, weight, bias) && d.y_len() > 0 {
        true => run(d, Arguments { x, weight, bias }, true),
        false => relu(&composed::conv2d(x, weight, bias, conv)?),
    }
}

/// [`conv2d`] of these sizes, for what kernels fit, and an output that is not empty.
pub(super) fn of_sizes(d: Checked<Convolution>, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    run(d, Arguments { x, weight, bias }, false)
}

/// [`conv2d`] of these sizes without a bias, and the mean and variance of its output by channel;
/// for what kernels fit, and an output that is not empty.
pub(crate) fn conv2d_moments(d: Checked<Convolution>, x: &Tensor, weight: &Tensor) -> Result<(Tensor, Moments)> {
    on_maps!(x.dtype(), M => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let run = |x: &[M], w: &[<M as Stored>::Real]| kernel::forward_moments(d, x, w);
        let (y, moments) = kernels::with2::<M, <M as Stored>::Real, _>(&maps.0, &maps.1, run)?;
        Ok((record(d, y, maps, Arguments { x, weight, bias: None }, false)?, moments))
    })
}

/// The product of the rows of x with a matrix (O,I) and a bias, as a convolution of these sizes:
/// shapes are x's, with other channels.
pub(super) fn rows(d: Checked<Convolution>, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let shape = with_channels(x, d.o);
    on_maps!(x.dtype(), M => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let y = product::<M>(d, &maps, bias, false)?;
        let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
        let back = Saved::new(d, &inputs, (&maps.0, &maps.1));
        tape::record_terms(y, shape, &inputs, move |dy| back.gradients::<M>(dy.sum()?.tensor, None))
    })
}

/// The shape of x with so many channels.
pub(super) fn with_channels(x: &Tensor, channels: usize) -> Shape {
    let mut shape = x.dims().to_vec();
    if let Some(last) = shape.last_mut() {
        *last = channels;
    }
    shape.into()
}

/// Whether there is a kernel for a convolution of these.
pub(super) fn fits(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> bool {
    kernels::fits_map(x, &[weight]) && bias.is_none_or(|bias| bias.dtype() == weight.dtype())
}

/// The tensors that a convolution is given.
#[derive(Clone, Copy)]
struct Arguments<'a> {
    x: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
}

fn run(d: Checked<Convolution>, of: Arguments<'_>, rectify: bool) -> Result<Tensor> {
    let Arguments { x, weight, bias } = of;
    on_maps!(x.dtype(), M => {
        let maps = (x.contiguous()?, weight.contiguous()?);
        let y = product::<M>(d, &maps, bias, rectify)?;
        record(d, y, maps, of, rectify)
    })
}

/// The output of a map and its weight, both in one piece, rectified where `relu`.
pub(super) fn product<M: Maps>(
    d: Checked<Convolution>,
    maps: &(Tensor, Tensor),
    bias: Option<&Tensor>,
    relu: bool,
) -> Result<Vec<M>> {
    kernels::with_option::<M::Real, _>(bias, |bias| {
        weighted::<M, _>(d, maps, |simd, x, weight| kernel::forward(simd, d, x, weight, bias, relu))
    })
}

/// Runs a kernel on a map and its weight, both in one piece, and on what is kept of the weight.
pub(crate) fn weighted<M: Maps, R>(
    d: Checked<Convolution>,
    (x, weight): &(Tensor, Tensor),
    run: impl FnOnce(Simd, &[M], Weight<'_, M::Real>) -> R,
) -> Result<R> {
    // Asked for once: what is packed for one width of vectors is nothing to another.
    let simd = d.simd(simd());
    let packed = PackedWeights::of::<M::Real>(simd, d, weight)?;
    kernels::with_option::<M::Real, _>(packed.as_ref(), |packed| {
        kernels::with2::<M, M::Real, _>(x, weight, |x, values| run(simd, x, Weight { values, packed }))
    })
}

/// The output as a tensor with its gradients: of the inputs, whose map and weight are also there in
/// one piece.
fn record<M: Maps>(
    d: Checked<Convolution>,
    y: Vec<M>,
    (x_map, matrix): (Tensor, Tensor),
    Arguments { x, weight, bias }: Arguments<'_>,
    rectify: bool,
) -> Result<Tensor> {
    let inputs: Vec<&Tensor> = [x, weight].into_iter().chain(bias).collect();
    let back = Saved { asked: tape::asked(x), ..Saved::new(d, &inputs, (&x_map, &matrix)) };
    let shape = d.output().to_vec();
    if !rectify {
        return tape::record_terms(y, shape, &inputs, move |dy| back.gradients::<M>(dy.sum()?.tensor, None));
    }
    tape::record_with_output(y, shape, &inputs, move |dy, y| {
        let dy = dy.sum()?;
        let (dz, sums) = kernels::with::<M, _>(y, |y| rewritten(dy, |dy| rows::rectified(y, dy, d.o)))??;
        back.gradients::<M>(dz, Some(sums))
    })
}

/// What a convolution keeps: of what each gradient is made, and no more.
pub(super) struct Saved {
    d: Checked<Convolution>,
    /// Which gradients somebody wants: of x, of the weight and, where there is one, of the bias.
    wanted: Vec<bool>,
    asked: Option<Asked>,
    x: Option<Kept>,
    x_shape: Shape,
    weight: Tensor,
}

impl Saved {
    /// Of a convolution of these inputs, of which map and weight are also there in one piece.
    pub(super) fn new(d: Checked<Convolution>, inputs: &[&Tensor], (map, matrix): (&Tensor, &Tensor)) -> Self {
        let (x, weight) = (inputs[0], inputs[1]);
        Self {
            d,
            wanted: inputs.iter().map(|t| t.track_op()).collect(),
            asked: None,
            x: weight.track_op().then(|| tape::kept(x, map)),
            x_shape: x.shape().clone(),
            weight: matrix.detach(),
        }
    }

    /// The gradients of the inputs from that of what the products gave, whose sums by channel may
    /// be at hand.
    pub(super) fn gradients<M: Maps>(self, dz: Tensor, sums: Option<Vec<M::Real>>) -> Gradients {
        let Saved { d, wanted, asked, x, x_shape, weight } = self;
        let mut gradients = vec![None, None];
        // First, while a map that is computed again is not yet joined by another gradient.
        if let Some(x) = x {
            let dw = kernels::with2::<M, M, _>(&x.get()?, &dz, |x, dz| kernel::weight_gradient(d, x, dz))?;
            gradients[1] = Some(kernels::tensor(dw, weight.shape())?);
        }
        if wanted[0] {
            let finished = match &asked {
                Some(asked) => finished::<M>(asked, d, &weight, &dz)?,
                None => None,
            };
            gradients[0] = Some(match finished {
                Some(dx) => dx,
                None => {
                    let run = |w: &[M::Real], dz: &[M]| kernel::input_gradient(d, w, dz);
                    let dx = kernels::with2::<M::Real, M, _>(&weight, &dz, run)?;
                    kernels::tensor(dx, &x_shape)?
                }
            });
        }
        if wanted.get(2) == Some(&true) {
            let sums = match sums {
                Some(sums) => sums,
                None => kernels::with::<M, _>(&dz, |dz| rows::column_sums(dz, d.o))?,
            };
            gradients.push(Some(kernels::tensor(sums, &Shape::from(d.o))?));
        }
        Ok(gradients)
    }
}

/// The gradient of the input of a convolution, together with its other terms and through the gate;
/// none where it cannot be done on the way.
fn finished<M: Maps>(asked: &Asked, d: Checked<Convolution>, weight: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
    let simd = simd();
    if !kernel::rectifies::<M::Real>(simd, &d) || !asked.last() {
        return Ok(None);
    }
    let gate = &asked.gate;
    let (x, signs, mean) = (gate.x()?, gate.signs(), gate.mean().to_vec1::<M::Real>()?);
    let run = |rest: Option<Elements<'_, M>>| {
        kernels::with2::<M::Real, M, _>(weight, dy, |weight, dy| {
            kernels::with::<M, _>(&x, |x| {
                kernel::input_gradient_rectified(simd, d, weight, dy, rest, Rectifier { signs, x, mean: &mean })
            })
        })?
    };
    let (dx, sums) = match asked.rest()? {
        Some(rest) => rewritten(rest, |rest| match run(Some(rest)) {
            Ok((new, sums)) => (new, Ok(sums)),
            Err(error) => (None, Err(error)),
        })?,
        None => {
            let (new, sums) = run(None)?;
            (kernels::tensor(new.unwrap_or_default(), x.shape())?, Ok(sums))
        }
    };
    gate.answer(&dx, sums?);
    Ok(Some(dx))
}
